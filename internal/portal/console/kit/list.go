package kit

import (
	"context"
	"net/url"
	"slices"
	"strconv"
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
)

// NoticeParameter says what was done, by the code of a notice. Every page takes it.
const NoticeParameter = "notice"

// Column is one fact of the rows of a list.
type Column[T any] struct {
	// Title heads the column on the page, Name in a file. One without a title is in files
	// alone: a cell of another says it on the page.
	Title ui.Text
	Name  string
	// Sort is what the rows can be put in order by; empty for nothing.
	Sort string
	Cell func(T) Cell
}

// Filter selects rows. One with options takes only those.
type Filter = ui.Field

// Query is what the address of a list asks for.
type Query struct {
	url.Values
	// Sort is a column's sort key; Down is greatest first.
	Sort  string
	Down  bool
	After string
	Limit int
}

// List is a table of one kind of thing that filters, sorts, pages and exports.
type List[T any] struct {
	// Name is that of exported files; Path is where the list is, with the prefix.
	Name, Path string
	// Caption says what the table holds, Empty what is said when it has no row.
	Caption ui.Text
	Empty   ui.Empty
	Columns []Column[T]
	Filters []Filter
	// Offers are what may be done to a row; nil is nothing.
	Offers func(T) []Offer
	// Sorted is the order when none is asked for, as in the address.
	Sorted string
	Fetch  func(context.Context, Query) (rows []T, next string, err error)
}

// Show answers with a page of the list, or with all of it as a file.
func (l *List[T]) Show(v *Visit, title ui.Text, more Around) (Answer, error) {
	q, err := l.query(v.Query)
	if err != nil {
		return nil, err
	}
	if v.Exports() {
		return l.export(q, v.Query.Get(formatParameter))
	}
	rows, next, err := l.Fetch(v.Context(), q)
	if err != nil {
		return nil, err
	}
	data := l.table(q, rows, next)
	data.Around = more
	if more.Live && q.After == "" {
		data.Here = l.address(q.Values, afterParameter, "")
	}
	return View{Title: title, Crumbs: more.Crumbs, Template: "list", Data: data}, nil
}

// query reads the parameters, and refuses those that are none of the list.
func (l *List[T]) query(params url.Values) (Query, error) {
	q := Query{Values: params, After: params.Get(afterParameter), Limit: pageRows}
	known := []string{sortParameter, afterParameter, formatParameter, NoticeParameter, "lang"}
	for _, f := range l.Filters {
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
		order = l.Sorted
	}
	q.Sort, q.Down = strings.CutPrefix(order, "-")
	sortable := slices.ContainsFunc(l.Columns, func(c Column[T]) bool { return c.Sort != "" && c.Sort == q.Sort })
	if order != l.Sorted && !sortable {
		return q, fault.New(fault.Invalid, "parameter_invalid", "the list cannot be sorted by that").At(sortParameter)
	}
	return q, nil
}

func checkFilter(f Filter, value string) error {
	if value == "" {
		return nil
	}
	if f.Type == "date" {
		if _, err := ParseTime(value); err != nil {
			return fault.New(fault.Invalid, "parameter_invalid", "that is no time").At(f.Name)
		}
	}
	if len(f.Options) > 0 && !slices.ContainsFunc(f.Options, func(o ui.Option) bool { return o.Value == value }) {
		return fault.New(fault.Invalid, "parameter_invalid", "that is none of the choices").At(f.Name)
	}
	return nil
}

// ParseTime reads a day, or a time as in RFC 3339. Nothing is the zero time.
func ParseTime(value string) (t time.Time, err error) {
	if value == "" {
		return t, nil
	}
	if t, err = time.Parse(time.DateOnly, value); err != nil {
		t, err = time.Parse(time.RFC3339, value)
	}
	return t, err //nolint:wrapcheck // only looked at
}

// Around is what stands around a list on its page.
type Around struct {
	// Offers are what may be done beside what rows offer.
	Offers []Offer
	// Stats are figures about the whole.
	Stats []ui.Stat
	// Tabs lead to lists that belong together with this one.
	Tabs []ui.Nav
	// Crumbs lead up from the page.
	Crumbs []ui.Link
	// Live has the first page ask for itself again and again, where there are scripts.
	Live bool
}

// listView is what the template of lists gets.
type listView struct {
	Around
	Caption  ui.Text
	Filters  ui.Filters
	Headings []ui.Heading
	Rows     []Row
	Empty    ui.Empty
	Pager    ui.Pager
	// CSV and Lines are where the whole list is to be had as a file.
	CSV, Lines string
	// Acts says that rows have offers.
	Acts bool
	// Here is the page's own address, where it is to ask for itself again.
	Here string
}

func (l *List[T]) table(q Query, rows []T, next string) listView {
	t := listView{
		Caption: l.Caption, Headings: l.headings(q), Empty: l.Empty,
		Filters: ui.Filters{Action: l.Path, Keep: map[string]string{}},
	}
	t.CSV, t.Lines = l.exports(q.Values)
	shown := l.shown()
	for _, item := range rows {
		cells := make([]Cell, len(shown))
		for i, c := range shown {
			cells[i] = c.Cell(item)
		}
		one := Row{Cells: cells}
		if l.Offers != nil {
			one.Offers = l.Offers(item)
		}
		t.Acts = t.Acts || len(one.Offers) > 0
		t.Rows = append(t.Rows, one)
	}
	for _, f := range l.Filters {
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

// exports are where the whole list is to be had as a file, as it is filtered.
func (l *List[T]) exports(params url.Values) (csv, lines string) {
	return l.address(params, formatParameter, "csv"), l.address(params, formatParameter, "jsonl")
}

// Exports are where the whole list is to be had as a file, for a page that shows it in a
// shape of its own.
func (l *List[T]) Exports() (csv, lines string) { return l.exports(nil) }

// Check refuses parameters that are none of the list, for such a page.
func (l *List[T]) Check(v *Visit) error {
	_, err := l.query(v.Query)
	return err
}

// shown are the columns of the page.
func (l *List[T]) shown() []Column[T] {
	return slices.DeleteFunc(slices.Clone(l.Columns), func(c Column[T]) bool { return c.Title.Empty() })
}

func (l *List[T]) headings(q Query) []ui.Heading {
	shown := l.shown()
	all := make([]ui.Heading, len(shown))
	for i, c := range shown {
		all[i] = ui.Heading{Text: c.Title}
		if c.Sort == "" {
			continue
		}
		to := c.Sort
		if c.Sort == q.Sort {
			all[i].Order = "ascending"
			if q.Down {
				all[i].Order = "descending"
			} else {
				to = "-" + c.Sort
			}
		}
		all[i].Href = l.address(q.Values, sortParameter, to)
	}
	return all
}

// address is the list's own, with one parameter changed. A page's cursor is dropped
// unless it is what changes: it is worth nothing in another order.
func (l *List[T]) address(params url.Values, name, value string) string {
	next := url.Values{}
	for key := range params {
		if key != NoticeParameter && key != afterParameter && params.Get(key) != "" {
			next.Set(key, params.Get(key))
		}
	}
	next.Set(name, value)
	if value == "" {
		next.Del(name)
	}
	if len(next) == 0 {
		return l.Path
	}
	return l.Path + "?" + next.Encode()
}

// Order is the list's order in the words of the nouns.
func (q Query) Order() string {
	if q.Down {
		return "-" + q.Sort
	}
	return q.Sort
}

// Truth is a choice of "true" or "false"; nil when there is none.
func Truth(value string) *bool {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return nil
	}
	return &b
}

// Anything is the option that selects everything.
func Anything() ui.Option { return ui.Option{Text: ui.T("All")} }

// Few is how many rows a page of one thing shows of a long list.
const Few = 10
