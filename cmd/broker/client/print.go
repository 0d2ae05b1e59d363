package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Column is a title and the member of each item that it shows, dots between the
// names of nested ones; of several with | between them, the first that says anything.
type Column struct{ Title, Member string }

// PrintJSON writes an answer with indentation; one without a body is an empty object.
func PrintJSON(w io.Writer, answer []byte) error {
	if len(answer) == 0 {
		answer = []byte("{}\n")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, answer, "", "  "); err != nil {
		return unreadable(err)
	}
	return flush(w, &out)
}

// PrintTable writes a page of a list, and how to go on when there is more.
func PrintTable(w io.Writer, answer []byte, columns []Column) error {
	var page struct {
		Items *[]map[string]any `json:"items"`
		Next  string            `json:"next"`
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return unreadable(err)
	}
	if page.Items == nil {
		return unreadable(fmt.Errorf("it has no items"))
	}
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.Title
	}
	_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // a buffer takes everything
	for _, item := range *page.Items {
		for i, c := range columns {
			row[i] = first(item, c.Member)
		}
		_, _ = fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush()
	if page.Next != "" {
		_, _ = fmt.Fprintf(&out, "There is more: --after %s\n", page.Next)
	}
	return flush(w, &out)
}

// first is the first of several members that says anything.
func first(item map[string]any, members string) (text string) {
	for member := range strings.SplitSeq(members, "|") {
		if text = cell(item, strings.Split(member, ".")); text != "" && text != "-" {
			return text
		}
	}
	return text
}

// PrintFacts writes one thing, a fact a line, and behind them each list of things as a
// table; what has nothing to tell is Done.
func PrintFacts(w io.Writer, answer []byte) error { return PrintFactsOf(w, answer, nil) }

// PrintFactsOf does so with these columns of each table, as far as something is in them;
// all that there is without any.
func PrintFactsOf(w io.Writer, answer []byte, columns []Column) error {
	if len(bytes.TrimSpace(answer)) == 0 {
		answer = []byte(`"Done."`)
	}
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		return unreadable(err)
	}
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	lists := facts(table, "", v)
	_ = table.Flush()
	for _, l := range lists {
		if out.Len() > 0 {
			_, _ = fmt.Fprintln(&out)
		}
		l.print(&out, columns)
	}
	return flush(w, &out)
}

// things is a list of things under a name, which is printed as a table of its own.
type things struct {
	name string
	list []any
}

// print writes a line for each thing, and a column for each member that says anything of
// one of them; of those that are wanted, in their order.
func (t things) print(out *bytes.Buffer, wanted []Column) {
	_, _ = fmt.Fprintln(out, strings.ToUpper(t.name))
	said := map[string]bool{}
	rows := make([]map[string]string, len(t.list))
	for i, one := range t.list {
		rows[i] = map[string]string{}
		flat(rows[i], "", one)
		for member, text := range rows[i] {
			said[member] = said[member] || text != "-"
		}
	}
	if wanted == nil {
		for _, member := range slices.Sorted(maps.Keys(said)) {
			wanted = append(wanted, Column{strings.ToUpper(member), member})
		}
	}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(c Column) bool { return !said[c.Member] })
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	cells := make([]string, len(wanted))
	for i, c := range wanted {
		cells[i] = c.Title
	}
	_, _ = fmt.Fprintln(table, "  "+strings.Join(cells, "\t"))
	for _, row := range rows {
		for i, c := range wanted {
			cells[i] = cmp.Or(row[c.Member], "-")
		}
		_, _ = fmt.Fprintln(table, "  "+strings.Join(cells, "\t"))
	}
	_ = table.Flush()
}

// flat gathers the texts of a thing by the names of its members, dots between those of
// nested ones.
func flat(into map[string]string, name string, v any) {
	members, nested := v.(map[string]any)
	if !nested {
		into[name] = cell(v, nil)
		return
	}
	for k, one := range members {
		flat(into, strings.TrimPrefix(name+"."+k, "."), one)
	}
}

// PrintDone writes what the answer to a change says first: its own plain members,
// such as a secret, or Done.
func PrintDone(w io.Writer, answer []byte) error {
	var members map[string]any
	_ = json.Unmarshal(answer, &members) // what is no object has nothing to say
	maps.DeleteFunc(members, func(_ string, v any) bool {
		list, isList := v.([]any)
		return isList && !simple(list) || !isList && !simple([]any{v})
	})
	if len(members) == 0 {
		return PrintFacts(w, nil)
	}
	said, _ := json.Marshal(members) // it came out of JSON
	return PrintFacts(w, said)
}

// facts writes what is a line, and returns the lists that are a table each.
func facts(w io.Writer, name string, v any) (lists []things) {
	join := func(part string) string { return strings.TrimPrefix(name+"."+part, ".") }
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			lists = append(lists, facts(w, join(k), v[k])...)
		}
	case []any:
		if !simple(v) {
			return []things{{name, v}}
		}
		for _, text := range sentences(v) {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, text)
			name = ""
		}
	default:
		if name == "" {
			_, _ = fmt.Fprintln(w, cell(v, nil))
			return nil
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, cell(v, nil))
	}
	return lists
}

// sentences are the texts of a list, a line each where they are sentences.
func sentences(list []any) (lines []string) {
	for _, one := range list {
		text := cell(one, nil)
		if !strings.HasSuffix(text, ".") {
			return []string{cell(list, nil)}
		}
		lines = append(lines, text)
	}
	if lines == nil {
		return []string{"-"}
	}
	return lines
}

// simple reports whether a list has no lists and objects in it.
func simple(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		switch v.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

// cell is the text of a nested member, "-" for none; of a list's members, those of each.
// Control characters, which could move a terminal's cursor, are left out.
func cell(v any, path []string) string {
	for i, name := range path {
		if list, ok := v.([]any); ok && len(list) > 0 {
			all := make([]string, len(list))
			for j, one := range list {
				all[j] = cell(one, path[i:])
			}
			return strings.Join(all, ",")
		}
		object, _ := v.(map[string]any)
		v = object[name]
	}
	text := ""
	switch v := v.(type) {
	case nil:
	case []any:
		all := make([]string, len(v))
		for i, one := range v {
			all[i] = cell(one, nil)
		}
		text = strings.Join(all, ",")
	case bool:
		text = map[bool]string{true: "yes", false: "no"}[v]
	case float64:
		text = strings.TrimSuffix(fmt.Sprintf("%.6f", v), ".000000")
	case map[string]any:
		raw, _ := json.Marshal(v) // it came out of JSON
		text = string(raw)
	default:
		text = fmt.Sprint(v)
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text
}

func unreadable(err error) error { return fmt.Errorf("read the broker's answer: %w", err) }

func flush(w io.Writer, out *bytes.Buffer) error {
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
