package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// traced is a trace as the broker answers it.
type traced struct {
	ID, Kind, Connection, Rule, Detail, Document string
	Time                                         time.Time
	Passed                                       bool
	Checks                                       []struct {
		Name, Expected, Got string
		Passed              bool
	}
	Mapping    []struct{ Field, From, Value, Failure string }
	Attributes map[string]any
	Groups     []string
}

// PrintTrace writes a sign-in that failed, or the report of a test, for people.
func PrintTrace(w io.Writer, answer []byte) error {
	var t traced
	if err := json.Unmarshal(answer, &t); err != nil {
		return unreadable(err)
	}
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "%s: %s over %s at %s %s\n", t.ID, t.Kind, t.Connection, t.Time.UTC().Format(time.RFC3339), result(t.Passed)) // a buffer takes everything
	if t.Detail != "" {
		_, _ = fmt.Fprintf(&out, "%s: %s\n", t.Rule, cell(t.Detail, nil))
	}
	rows := make([][]string, 0, len(t.Checks))
	for _, c := range t.Checks {
		rows = append(rows, []string{c.Name, result(c.Passed), c.Expected, c.Got})
	}
	table(&out, "CHECK RESULT EXPECTED CAME", rows)
	rows = nil
	for _, m := range t.Mapping {
		rows = append(rows, []string{m.Field, m.From, m.Value + m.Failure})
	}
	table(&out, "FIELD FROM VALUE", rows)
	rows = nil
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		rows = append(rows, []string{name, cell(t.Attributes[name], nil)})
	}
	table(&out, "ATTRIBUTE VALUE", rows)
	if len(t.Groups) > 0 {
		_, _ = fmt.Fprintf(&out, "\nGroups with a name here: %s\n", strings.Join(t.Groups, ", "))
	}
	if len(t.Attributes) == 0 && t.Document != "" {
		_, _ = fmt.Fprintln(&out, "\nWhat was sent, without secrets, tokens, signatures and what it says of the person:")
		for line := range strings.SplitSeq(t.Document, "\n") {
			_, _ = fmt.Fprintln(&out, cell(line, nil))
		}
	}
	return flush(w, &out)
}

func result(passed bool) string {
	if passed {
		return "passed"
	}
	return "FAILED"
}

// table writes rows below titles, or nothing without any.
func table(out *bytes.Buffer, titles string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\n"+strings.ReplaceAll(titles, " ", "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i], nil)
		}
		_, _ = fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush()
}
