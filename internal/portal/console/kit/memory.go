package kit

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Shelf lists things of which there are few enough to have them all at hand.
type Shelf[T any] struct {
	All func(context.Context) ([]T, error)
	// ID tells rows apart and is the cursor.
	ID func(T) string
	// Keep says whether the filters select a row.
	Keep func(T, Query) bool
	// Orders compare rows by the sort keys of columns.
	Orders map[string]func(a, b T) int
}

// Fetch answers a List.
func (s Shelf[T]) Fetch(ctx context.Context, q Query) ([]T, string, error) {
	all, err := s.All(ctx)
	if err != nil {
		return nil, "", err
	}
	rows := slices.DeleteFunc(slices.Clone(all), func(row T) bool { return !s.Keep(row, q) })
	slices.SortStableFunc(rows, func(a, b T) int {
		order := strings.Compare(s.ID(a), s.ID(b))
		if by, ok := s.Orders[q.Sort]; ok {
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
	return rows[from:to], strconv.Itoa(to) + "." + s.ID(rows[to-1]), nil
}

// begin is where the page after a cursor begins: behind the row that it names or,
// when that has gone, at the place that was next.
func (s Shelf[T]) begin(rows []T, after string) int {
	place, id, _ := strings.Cut(after, ".")
	if after == "" {
		return 0
	}
	if i := slices.IndexFunc(rows, func(row T) bool { return s.ID(row) == id }); i >= 0 {
		return i + 1
	}
	n, err := strconv.Atoi(place)
	if err != nil {
		return 0
	}
	return min(max(n, 0), len(rows))
}

// Contains reports whether one of the texts has what is looked for, in any case of
// letters.
func Contains(wanted string, texts ...string) bool {
	wanted = strings.ToLower(strings.TrimSpace(wanted))
	return wanted == "" || slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), wanted) })
}
