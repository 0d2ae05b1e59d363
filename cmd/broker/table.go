package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// listed is what every command has that prints a list.
type listed struct {
	Output string `help:"How the list is printed: ${enum}." enum:"table,json" default:"table" short:"o"`
}

// column is a title and the member of each item that it shows, dots between the
// names of nested ones.
type column struct{ title, member string }

// list asks for a list and prints it. member is where the answer has it, empty
// for an answer that is the list itself.
func (c connected) list(l listed, path, member string, columns ...column) error {
	answer, err := c.answer("GET", path, "", nil)
	if err != nil {
		return err
	}
	if l.Output == "json" {
		return printJSON(os.Stdout, answer)
	}
	return printTable(os.Stdout, answer, member, columns)
}

// printTable writes a list as a table, and how to go on when there is more.
func printTable(w io.Writer, answer []byte, member string, columns []column) error {
	var items []map[string]any
	var page struct {
		Next string `json:"next"`
	}
	err := json.Unmarshal(answer, &items)
	if member != "" {
		var members map[string]json.RawMessage
		if err = json.Unmarshal(answer, &members); err == nil {
			err = json.Unmarshal(members[member], &items)
		}
		_ = json.Unmarshal(answer, &page) // an object, as the line above found out
	}
	if err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.title
	}
	_, _ = fmt.Fprintln(table, strings.Join(row, "\t")) // Flush tells what matters
	for _, item := range items {
		for i, c := range columns {
			row[i] = cell(item, strings.Split(c.member, "."))
		}
		_, _ = fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if page.Next != "" {
		if _, err := fmt.Fprintf(w, "There is more: --after %s\n", page.Next); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// cell is the text of a nested member, "-" for none. Control characters, which
// could move a terminal's cursor, are left out.
func cell(v any, path []string) string {
	for _, name := range path {
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
