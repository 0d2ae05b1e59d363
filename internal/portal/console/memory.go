package console

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// shelf lists things of which there are few enough to have them all at hand.
type shelf[T any] struct {
	all func(context.Context) ([]T, error)
	// id tells rows apart and is the cursor.
	id func(T) string
	// keep says whether the filters select a row.
	keep func(T, listQuery) bool
	// orders compare rows by the sort keys of columns.
	orders map[string]func(a, b T) int
}

// fetch answers a list.
func (s shelf[T]) fetch(ctx context.Context, q listQuery) ([]T, string, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, "", err
	}
	rows := slices.DeleteFunc(slices.Clone(all), func(row T) bool { return !s.keep(row, q) })
	slices.SortStableFunc(rows, func(a, b T) int {
		order := strings.Compare(s.id(a), s.id(b))
		if by, ok := s.orders[q.Sort]; ok {
			if n := by(a, b); n != 0 {
				order = n
			}
		}
		if q.Down {
			return -order
		}
		return order
	})
	from := s.begin(rows, q.After)
	to := min(from+q.Limit, len(rows))
	if to == len(rows) {
		return rows[from:], "", nil
	}
	return rows[from:to], strconv.Itoa(to) + "." + s.id(rows[to-1]), nil
}

// begin is where the page after a cursor begins: behind the row that it names or,
// when that has gone, at the place that was next.
func (s shelf[T]) begin(rows []T, after string) int {
	place, id, _ := strings.Cut(after, ".")
	if after == "" {
		return 0
	}
	if i := slices.IndexFunc(rows, func(row T) bool { return s.id(row) == id }); i >= 0 {
		return i + 1
	}
	n, err := strconv.Atoi(place)
	if err != nil {
		return 0
	}
	return min(max(n, 0), len(rows))
}

// contains reports whether one of the texts has what is looked for, in any case of
// letters.
func contains(wanted string, texts ...string) bool {
	wanted = strings.ToLower(strings.TrimSpace(wanted))
	return wanted == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), wanted) })
}
