package record

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// DeskStore answers what administrators ask before they decide.
type DeskStore interface {
	// Gone returns up to limit of those whom Undo would bring back, by id, and how many
	// there are.
	Gone(ctx context.Context, connection string, since time.Time, limit int) (some []User, all int64, err error)
	// Protected reports whether a person or a group was protected by name.
	Protected(ctx context.Context, what identity.Ref) (bool, error)
	// Nested returns up to limit groups that are members of a group, and up to limit of
	// which it is a member, both by name.
	Nested(ctx context.Context, connection, group string, limit int) (within, around []In, err error)
}

// Gone tells whom Undo would bring back to a halted connection, and how many. It fails
// with ErrNotHalted.
func (s *Service) Gone(ctx context.Context, connection string, limit int) (some []User, all int64, err error) {
	state, err := s.o.Store.State(ctx, connection)
	if err != nil {
		return nil, 0, err
	}
	if state.Halted.IsZero() {
		return nil, 0, ErrNotHalted
	}
	return s.o.Store.Gone(ctx, connection, state.Began, limit)
}

// Protected is DeskStore's.
func (s *Service) Protected(ctx context.Context, what identity.Ref) (bool, error) {
	return s.o.Store.Protected(ctx, what)
}

// Nested is DeskStore's.
func (s *Service) Nested(ctx context.Context, connection, group string, limit int) (within, around []In, err error) {
	return s.o.Store.Nested(ctx, connection, group, limit)
}

// Outcome returns an operation of a connection. It fails with ErrNoOperation.
func (s *Service) Outcome(ctx context.Context, connection, id string) (Outcome, error) {
	o, err := s.o.Store.Outcome(ctx, id)
	if err == nil && o.Connection != connection {
		err = ErrNoOperation
	}
	return o, err
}

// Result selects operations by what became of them.
type Result string

// The results. The zero value selects all operations.
const (
	Changed Result = "changed" // it changed something
	Read    Result = "read"    // it succeeded, and changed nothing
	Refused Result = "refused"
)

// Results are all there are.
func Results() []Result { return []Result{Changed, Read, Refused} }

// OutcomeQuery selects operations of a connection.
type OutcomeQuery struct {
	Connection string
	// Text is looked for in what an operation does, its path, its resource and its code,
	// in any case of letters; empty selects all.
	Text   string
	Result Result
	// After goes on behind the operation with this id.
	After string
	Limit int
}

func (q OutcomeQuery) selects(o Outcome) bool {
	switch refused := o.Status >= 300; {
	case q.Result == Refused && !refused, q.Result == Read && (refused || o.Changed), q.Result == Changed && !o.Changed:
		return false
	}
	text := strings.ToLower(strings.Join([]string{o.Kind, o.Method + " " + o.Path, o.Resource, o.Code, o.ID}, "\n"))
	return strings.Contains(text, strings.ToLower(strings.TrimSpace(q.Text)))
}

// mostRead is how many operations are looked at for one page, each of which is read whole:
// some 5 µs. batchRead is how many the store is asked for where few of them are selected.
const (
	mostRead  = 5_000
	batchRead = 500
)

// Outcomes returns a page of the latest operations that q selects, the latest first, and
// the id to go on behind, empty at the end of all that are kept. A page of few among very
// many may have fewer than q.Limit, or none, and go on.
func (s *Service) Outcomes(ctx context.Context, q OutcomeQuery) (page []Outcome, next string, err error) {
	after, batch := q.After, q.Limit+1
	for read := 0; read < mostRead; {
		rows, err := s.o.Store.Outcomes(ctx, q.Connection, after, batch)
		if err != nil {
			return nil, "", err
		}
		for i, o := range rows {
			if len(page) == q.Limit {
				return page, after, nil
			}
			if q.selects(o) {
				page = append(page, o)
			}
			after = rows[i].ID
		}
		if len(rows) < batch {
			return page, "", nil
		}
		read, batch = read+len(rows), max(batch, batchRead)
	}
	return page, after, nil
}
