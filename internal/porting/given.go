package porting

import "context"

// given is how lines are taken that each give one thing, which is there or is not: a name
// to a group, or a role to somebody.
type given[T any] struct {
	// held is the operation that four eyes may be asked for.
	held string
	// as is what a line gives, to whom it is for as they are known here.
	as func(context.Context, Line) (T, error)
	// there reports whether it is given already, and refuses what cannot be.
	there func(context.Context, T) (bool, error)
	// give gives it; what is given already stays as it is.
	give func(context.Context, T) error
}

// plan says what would become of lines.
func (g given[T]) plan(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	return each(lines, func(l *Staged) error {
		what, err := g.as(ctx, l.Line)
		there := false
		if err == nil {
			there, err = g.there(ctx, what)
		}
		switch {
		case err != nil:
			return slashed(err)
		case there:
			l.Outcome = Unchanged
		case i.holds(g.held):
			return ErrFourEyes
		default:
			l.Outcome = Create
		}
		return nil
	})
}

// apply gives what lines say.
func (g given[T]) apply(ctx context.Context, lines []Staged) ([]Staged, error) {
	return each(lines, func(l *Staged) error {
		what, err := g.as(ctx, l.Line)
		if err == nil {
			err = g.give(ctx, what)
		}
		if err != nil {
			err = slashed(err)
		}
		return l.settle(err)
	})
}
