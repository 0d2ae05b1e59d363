package rest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The sizes of pages.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// ErrCursor refuses a cursor that no page of this list gave.
var ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page gave: begin without one").At("after")

// List is how the items of a list are read: in pages of JSON, or whole as CSV or
// JSON lines.
type List struct {
	// item is an example.
	item any
	// columns are the members that CSV has, dots between the names of nested ones.
	columns []string
	// sorts are the fields to sort by; one with "-" before it sorts the other way.
	// The first is what a list without a wish has.
	sorts []string
	page  func(r *http.Request, q Query) (items []any, next string, err error)
}

// ListOf makes a List of items like example. columns are the members that CSV has;
// sorts what one may sort by, the default first, with "-" for descending. page
// returns a page and the cursor of the next, empty at the end.
func ListOf[T any](example T, columns, sorts []string, page func(*http.Request, Query) ([]T, string, error)) *List {
	return &List{item: example, columns: columns, sorts: sorts, page: func(r *http.Request, q Query) ([]any, string, error) {
		items, next, err := page(r, q)
		all := make([]any, len(items))
		for i := range items {
			all[i] = items[i]
		}
		return all, next, err
	}}
}

// parameters are those of every list.
func (l *List) parameters() []Param {
	all := []Param{
		Number("limit", "How many items a page has, "+strconv.Itoa(DefaultPage)+" unless told; of an export, how many at most.", MaxPage),
		{Name: "after", About: "The next of the page before.", kind: text, most: longestCursor},
		Choice("format", "How the list is written: a page of JSON, or all of it as CSV or JSON lines. The header Accept says the same with application/json, text/csv and application/jsonl.", "json", "csv", "jsonl"),
	}
	if len(l.sorts) > 0 {
		all = append(all, Choice("sort", "What the list is sorted by, "+l.sorts[0]+" unless told.", l.sorts...))
	}
	return all
}

func (l *List) query(params url.Values) Query {
	q := Query{Values: params, Limit: DefaultPage, After: params.Get("after"), Sort: params.Get("sort")}
	if n, err := strconv.Atoi(params.Get("limit")); err == nil {
		q.Limit = n
	}
	if q.Sort == "" && len(l.sorts) > 0 {
		q.Sort = l.sorts[0]
	}
	q.Sort, q.Descending = strings.TrimPrefix(q.Sort, "-"), strings.HasPrefix(q.Sort, "-")
	return q
}

// paged is a page as it is answered; Next continues it as parameter after.
type paged struct {
	Items []any  `json:"items"`
	Next  string `json:"next,omitempty"`
}

func (l *List) answer(r *http.Request) (answer, error) {
	items, next, err := l.page(r, QueryOf(r))
	if err != nil {
		return answer{}, err
	}
	body, err := json.Marshal(paged{items, next})
	if err != nil {
		return answer{}, fmt.Errorf("encode the list: %w", err)
	}
	return answer{Status: http.StatusOK, Body: body}, nil
}

// Slice returns a page of what is in memory as a whole, sorted by one of keys and
// then by id.
func Slice[T any](q Query, all []T, id func(T) string, keys map[string]func(T) string) ([]T, string, error) {
	key := func(T) string { return "" }
	if k, ok := keys[q.Sort]; ok {
		key = k
	}
	place := func(v T) string { return key(v) + "\x00" + id(v) }
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b T) int {
		order := strings.Compare(place(a), place(b))
		if q.Descending {
			return -order
		}
		return order
	})
	if q.After != "" {
		after, err := parseCursor(q)
		if err != nil {
			return nil, "", err
		}
		begin := slices.IndexFunc(all, func(v T) bool {
			if q.Descending {
				return place(v) < after
			}
			return place(v) > after
		})
		if begin < 0 {
			begin = len(all)
		}
		all = all[begin:]
	}
	if len(all) <= q.Limit {
		return all, "", nil
	}
	return all[:q.Limit], cursor(q, place(all[q.Limit-1])), nil
}

// cursor names a place in a list that is sorted so.
func cursor(q Query, place string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(q.Sort + "\x00" + place))
}

func parseCursor(q Query) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(q.After)
	sort, place, ok := strings.Cut(string(raw), "\x00")
	if err != nil || !ok || sort != q.Sort || !strings.Contains(place, "\x00") {
		return "", ErrCursor
	}
	return place, nil
}

// TimeKey is a time as a key of Slice.
func TimeKey(t time.Time) string { return fmt.Sprintf("%020d", t.UnixMicro()) }
