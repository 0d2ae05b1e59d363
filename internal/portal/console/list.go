package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// pageRows is how many rows a page of a list has.
const pageRows = 50

// The parameters that every list knows beside its filters. All state of a list is
// in its address, so that it can be sent to somebody else.
const (
	sortParameter   = "sort"
	afterParameter  = "after"
	formatParameter = "format"
	noticeParameter = "notice"
)

// column is one fact of the rows of a list.
type column[T any] struct {
	// title heads the column on the page, name in a file.
	title ui.Text
	name  string
	// sort is what the rows can be put in order by; empty for nothing.
	sort string
	cell func(T) cell
}

// filter selects rows. One with options takes only those.
type filter = ui.Field

// listQuery is what the address of a list asks for.
type listQuery struct {
	url.Values
	// Sort is a column's sort key; Down is greatest first.
	Sort  string
	Down  bool
	After string
	Limit int
}

// list is a table of one kind of thing that filters, sorts, pages and exports.
type list[T any] struct {
	// name is that of exported files; path is where the list is, with the prefix.
	name, path string
	// caption says what the table holds, empty what is said when it has no row.
	caption ui.Text
	empty   ui.Empty
	columns []column[T]
	filters []filter
	// offers are what may be done to a row; nil is nothing.
	offers func(T) []offer
	// sorted is the order when none is asked for, as in the address.
	sorted string
	fetch  func(context.Context, listQuery) (rows []T, next string, err error)
}

// show answers with a page of the list, or with all of it as a file.
func (l *list[T]) show(v *visit, title ui.Text, more listView) (answer, error) {
	q, err := l.query(v.query)
	if err != nil {
		return nil, err
	}
	if format := v.query.Get(formatParameter); format != "" {
		return l.export(q, format)
	}
	rows, next, err := l.fetch(v.r.Context(), q)
	if err != nil {
		return nil, err
	}
	data := l.table(q, rows, next)
	data.Offers, data.Tabs, data.Stats = more.Offers, more.Tabs, more.Stats
	return view{title: title, template: "list", data: data}, nil
}

// query reads the parameters, and refuses those that are none of the list.
func (l *list[T]) query(params url.Values) (listQuery, error) {
	q := listQuery{Values: params, After: params.Get(afterParameter), Limit: pageRows}
	known := []string{sortParameter, afterParameter, formatParameter, noticeParameter, "lang"}
	for _, f := range l.filters {
		known = append(known, f.Name)
		if err := checkFilter(f, params.Get(f.Name)); err != nil {
			return q, err
		}
	}
	for name := range params {
		if !slices.Contains(known, name) {
			return q, fault.New(fault.Invalid, "parameter_unknown", "there is no such parameter").At(name)
		}
	}
	order := params.Get(sortParameter)
	if order == "" {
		order = l.sorted
	}
	q.Sort, q.Down = strings.CutPrefix(order, "-")
	sortable := slices.ContainsFunc(l.columns, func(c column[T]) bool { return c.sort != "" && c.sort == q.Sort })
	if order != l.sorted && !sortable {
		return q, fault.New(fault.Invalid, "parameter_invalid", "the list cannot be sorted by that").At(sortParameter)
	}
	return q, nil
}

func checkFilter(f filter, value string) error {
	if value == "" {
		return nil
	}
	if f.Type == "date" {
		if _, err := parseTime(value); err != nil {
			return fault.New(fault.Invalid, "parameter_invalid", "that is no time").At(f.Name)
		}
	}
	if len(f.Options) > 0 && !slices.ContainsFunc(f.Options, func(o ui.Option) bool { return o.Value == value }) {
		return fault.New(fault.Invalid, "parameter_invalid", "that is none of the choices").At(f.Name)
	}
	return nil
}

// parseTime reads a day, or a time as in RFC 3339. Nothing is the zero time.
func parseTime(value string) (t time.Time, err error) {
	if value == "" {
		return t, nil
	}
	if t, err = time.Parse(time.DateOnly, value); err != nil {
		t, err = time.Parse(time.RFC3339, value)
	}
	return t, err //nolint:wrapcheck // only looked at
}

// listView is what the template of lists gets.
type listView struct {
	Caption  ui.Text
	Filters  ui.Filters
	Headings []ui.Heading
	Rows     []row
	Empty    ui.Empty
	Pager    ui.Pager
	// CSV and Lines are where the whole list is to be had as a file.
	CSV, Lines string
	Offers     []offer
	// Acts says that rows have offers.
	Acts bool
	// Stats are figures about the whole.
	Stats []ui.Stat
	// Tabs lead to lists that belong together with this one.
	Tabs []ui.Nav
}

func (l *list[T]) table(q listQuery, rows []T, next string) listView {
	t := listView{
		Caption: l.caption, Headings: l.headings(q), Empty: l.empty,
		Filters: ui.Filters{Action: l.path, Keep: map[string]string{}},
		CSV:     l.address(q.Values, formatParameter, "csv"), Lines: l.address(q.Values, formatParameter, "jsonl"),
	}
	for _, item := range rows {
		cells := make([]cell, len(l.columns))
		for i, c := range l.columns {
			cells[i] = c.cell(item)
		}
		one := row{Cells: cells}
		if l.offers != nil {
			one.Offers = l.offers(item)
		}
		t.Acts = t.Acts || len(one.Offers) > 0
		t.Rows = append(t.Rows, one)
	}
	for _, f := range l.filters {
		f.Value = q.Get(f.Name)
		t.Filters.Fields = append(t.Filters.Fields, f)
	}
	if order := q.Get(sortParameter); order != "" {
		t.Filters.Keep[sortParameter] = order
	}
	if q.After != "" {
		t.Pager.First = l.address(q.Values, afterParameter, "")
	}
	if next != "" {
		t.Pager.Next = l.address(q.Values, afterParameter, next)
	}
	return t
}

func (l *list[T]) headings(q listQuery) []ui.Heading {
	all := make([]ui.Heading, len(l.columns))
	for i, c := range l.columns {
		all[i] = ui.Heading{Text: c.title}
		if c.sort == "" {
			continue
		}
		to := c.sort
		if c.sort == q.Sort {
			all[i].Order = "ascending"
			if q.Down {
				all[i].Order = "descending"
			} else {
				to = "-" + c.sort
			}
		}
		all[i].Href = l.address(q.Values, sortParameter, to)
	}
	return all
}

// address is the list's own, with one parameter changed. A page's cursor is dropped
// unless it is what changes: it is worth nothing in another order.
func (l *list[T]) address(params url.Values, name, value string) string {
	next := url.Values{}
	for key := range params {
		if key != noticeParameter && key != afterParameter && params.Get(key) != "" {
			next.Set(key, params.Get(key))
		}
	}
	next.Set(name, value)
	if value == "" {
		next.Del(name)
	}
	if len(next) == 0 {
		return l.path
	}
	return l.path + "?" + next.Encode()
}
