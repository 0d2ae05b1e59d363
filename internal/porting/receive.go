package porting

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// New is an import to be made.
type New struct {
	Format  Format
	Options Options
	By      identity.Actor
}

// Receive reads a file and stages its lines; what it made of it is the import that it
// returns. A file of which nothing can be taken is an import that is refused, with the
// reason. Few lines are checked at once, many by Run.
func (s *Service) Receive(ctx context.Context, n New, in io.Reader) (Import, error) {
	now := s.now()
	file := &bounded{in: in, left: MaxBytes, told: now}
	source, err := s.source(ctx, n, file)
	if err != nil {
		return Import{}, err
	}
	i := Import{ID: identity.NewOrderedID(now), State: Reading, Format: n.Format, Options: n.Options, By: n.By, Created: now, Counts: []Count{}}
	e := event.New(now, "import.received", n.By, identity.Import(i.ID), "format", string(n.Format))
	if err := s.o.Store.CreateImport(ctx, i, []event.Event{e}); err != nil {
		return Import{}, err
	}
	file.tell = func() error { return s.stillReading(ctx, i.ID, file) }
	lines, refused, err := s.read(ctx, i.ID, source)
	// Whoever sent the file may be gone: what there is of it is told all the same.
	rest := context.WithoutCancel(ctx)
	if err != nil {
		return s.refuse(rest, i.ID, err)
	}
	i, err = s.o.Store.UpdateImport(rest, i.ID, func(i Import) (Import, []event.Event, error) {
		if i.State != Reading {
			return i, nil, ErrState
		}
		i.State, i.Lines, i.Notes = Checking, lines, source.Notes()
		for kind, n := range refused {
			i.count(kind).Refused += n
		}
		return i, nil, nil
	})
	if err != nil {
		return i, err
	}
	return s.soon(rest, i, Checking, s.check)
}

// source reads a file of the format.
func (s *Service) source(ctx context.Context, n New, in io.Reader) (Source, error) {
	for _, id := range append(slices.Sorted(maps.Values(n.Options.Connections)), n.Options.Subjects, n.Options.Groups) {
		if id == "" {
			continue
		}
		known, err := s.o.Connections.Known(ctx, id)
		if err == nil && !known {
			err = ErrConnection.At("connections")
		}
		if err != nil {
			return nil, err
		}
	}
	if n.Format == Gatehouse {
		if len(n.Options.Connections) > 0 || n.Options.Subjects+n.Options.Groups != "" {
			return nil, ErrMapping
		}
		return NewLines(in), nil
	}
	parse, ok := s.o.Parsers[n.Format]
	if !ok {
		return nil, ErrFormat
	}
	return parse(in, n.Options), nil
}

// read stages the lines of a file.
func (s *Service) read(ctx context.Context, id string, from Source) (lines int, refused map[Kind]int, err error) {
	refused, nested := map[Kind]int{}, nesting{}
	var batch []Staged
	flush := func() error {
		out, err := s.o.Store.StageLines(ctx, id, batch)
		for kind, n := range out {
			refused[kind] += n
		}
		batch = batch[:0]
		return err
	}
	for {
		r, err := from.Next()
		if errors.Is(err, io.EOF) {
			return lines, refused, flush()
		}
		if err != nil {
			return lines, refused, err
		}
		if lines++; lines > MaxLines {
			return lines, refused, ErrTooMany
		}
		if m, ok := r.Line.(Membership); ok && !nested.add(m) {
			r.Fault = ErrNesting
		}
		if batch = append(batch, stage(r, lines)); len(batch) == stageBatch {
			if err := flush(); err != nil {
				return lines, refused, err
			}
		}
	}
}

// refuse ends an import of which nothing is taken. A failure of ours is the caller's to
// hear of.
func (s *Service) refuse(ctx context.Context, id string, why error) (Import, error) {
	i, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if i.State != Reading {
			return i, nil, ErrState
		}
		i.State, i.Fault, i.Finished = Refused, trouble(why), s.now()
		return i, nil, nil
	})
	if err == nil {
		err = s.o.Store.DropLines(ctx, id, false, nil)
	}
	if kind := fault.KindOf(why); err == nil && kind != fault.Invalid && kind != fault.Conflict {
		err = why
	}
	return i, err
}
