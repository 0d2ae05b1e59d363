package scim

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// everything returns a page of users and then groups (RFC 7644, section 3.4.2.1).
func (c *call) everything(ctx context.Context, s search) (page, error) {
	if s.sortBy != "" || s.cursors {
		return page{}, resource.Bad(resource.ErrValue, "users and groups together are not sorted and have no cursor: ask for one of them")
	}
	var x filter.Expr
	if s.filter != "" {
		var err error
		if x, err = filter.Parse(s.filter, either{c.profile.user.Filters, c.profile.group.Filters}); err != nil {
			return page{}, err
		}
	}
	var all page
	start, count := s.query.Start, s.query.Count
	for _, collection := range []string{"Users", "Groups"} {
		e, t := c.endpoint(collection)
		one, err := c.share(ctx, e, t, s, x, record.Query{Start: max(start-all.total, 1), Count: count - len(all.items)})
		if err != nil {
			return page{}, err
		}
		all.items = append(all.items, one.items...)
		all.total += one.total
	}
	return all, nil
}

// share returns what one resource type has of a page of both.
func (c *call) share(ctx context.Context, e endpoint, t *resource.Type, s search, x filter.Expr, q record.Query) (page, error) {
	s.projection, s.query = t.NewProjection(s.attributes, s.excluded), q
	if x != nil {
		mine, is := narrower{t}.narrow(x)
		if is == never {
			return page{}, nil
		}
		s.query.Filter = mine
	}
	return e.list(ctx, c, s)
}

// either resolves what users or groups have.
type either [2]*filter.Table

// Prefix implements filter.Resolver.
func (e either) Prefix(name string) string {
	a, b := e[0].Prefix(name), e[1].Prefix(name)
	if len(b) > len(a) {
		return b
	}
	return a
}

// Resolve implements filter.Resolver.
func (e either) Resolve(p filter.Path) (filter.Path, filter.Attribute, bool) {
	for _, t := range e {
		if path, of, ok := t.Resolve(p); ok {
			return path, of, true
		}
	}
	return filter.Path{}, filter.Attribute{}, false
}

// outcome is what is known of an expression before anything is looked at.
type outcome int

const (
	open   outcome = iota // it depends
	always                // it holds for every resource of the type
	never                 // it holds for none
)

func known(holds bool) outcome {
	if holds {
		return always
	}
	return never
}

// narrower takes out of a filter what is the same for every resource of a type:
// comparisons with meta.resourceType, and with attributes that it does not have, which
// no resource of it has a value of.
type narrower struct{ t *resource.Type }

var resourceType = filter.Path{Attribute: "meta", Sub: "resourceType"}

// narrow returns what is left of x, which is nil unless the outcome is open.
func (n narrower) narrow(x filter.Expr) (filter.Expr, outcome) {
	switch x := x.(type) {
	case filter.And:
		return n.both(x.L, x.R, never, func(l, r filter.Expr) filter.Expr { return filter.And{L: l, R: r} })
	case filter.Or:
		return n.both(x.L, x.R, always, func(l, r filter.Expr) filter.Expr { return filter.Or{L: l, R: r} })
	case filter.Not:
		switch inner, is := n.narrow(x.X); is {
		case always:
			return nil, never
		case never:
			return nil, always
		case open:
			return filter.Not{X: inner}, open
		}
	case filter.Compare:
		return n.leaf(x, x.Path)
	case filter.Present:
		return n.leaf(x, x.Path)
	case filter.Within:
		return n.leaf(x, x.Path)
	}
	return x, open
}

// both narrows two sides, of which one of decisive outcome decides for both.
func (n narrower) both(l, r filter.Expr, decisive outcome, join func(l, r filter.Expr) filter.Expr) (filter.Expr, outcome) {
	l, left := n.narrow(l)
	r, right := n.narrow(r)
	switch {
	case left == decisive || right == decisive:
		return nil, decisive
	case left != open:
		return r, right
	case right != open:
		return l, left
	}
	return join(l, r), open
}

func (n narrower) leaf(x filter.Expr, p filter.Path) (filter.Expr, outcome) {
	if p == resourceType {
		return nil, known(filter.Match(x, map[string]any{"meta": map[string]any{"resourceType": n.t.Name}}))
	}
	if _, _, ok := n.t.Filters.Resolve(p); !ok {
		return nil, known(filter.Match(x, nil))
	}
	return x, open
}
