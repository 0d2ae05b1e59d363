package record

import "github.com/gatehouse-io/gatehouse/internal/scim/filter"

// The sizes of a page.
const (
	DefaultCount = 100
	MaxCount     = 1000
)

// Query selects users or groups of one connection.
type Query struct {
	// Filter is nil for all. What it names and cannot be evaluated fails with ErrFilter.
	Filter filter.Expr
	// SortBy is the zero Path for the order of creation, oldest first; SortOf is what
	// its attribute is. What has no value comes last, and first when Descending (RFC
	// 7644, section 3.4.2.3).
	SortBy     filter.Path
	SortOf     filter.Attribute
	Descending bool
	// Start is the first of the results, from 1, as in RFC 7644, section 3.4.2.4; less
	// means 1. It is not looked at with a Cursor.
	Start int
	// Count is how many resources a page has; negative means DefaultCount, 0 none but
	// their number, and more than MaxCount as many.
	Count int
	// Cursor goes on behind a page (RFC 9865); empty for the first.
	Cursor string
}

// Page is one page of what a query selects.
type Page[T any] struct {
	Items []T
	// Total is how many there are on all pages.
	Total int
	// Next is the cursor of the page behind this one, empty at the end.
	Next string
}
