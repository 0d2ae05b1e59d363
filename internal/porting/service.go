package porting

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Connections tell of what connections are here.
type Connections interface {
	// Known reports whether there is a connection.
	Known(ctx context.Context, id string) (bool, error)
	// Domains are the e-mail domains that a connection has proved.
	Domains(ctx context.Context, id string) ([]string, error)
	// Policy is what a connection may do over SCIM; it fails for one that takes none.
	Policy(ctx context.Context, id string) (record.Policy, error)
	// ReadUser and ReadGroup check the attributes of a record against the schemas of the
	// connection, and return it as it would be if a SCIM client had sent it.
	ReadUser(ctx context.Context, u record.User) (record.User, error)
	ReadGroup(ctx context.Context, g record.Group) (record.Group, error)
}

// People keeps people.
type People interface {
	// PutPeople puts people into the directory, or says what would become of them, by
	// Landing.Onto, in one transaction. Who is protected by one of the roles is refused
	// with ErrProtected where something of them would change.
	PutPeople(ctx context.Context, put Put) ([]Landed, error)
	// Person returns one, or directory.ErrPersonNotFound.
	Person(ctx context.Context, id string) (directory.Person, error)
}

// Records are what connections keep: record.Service.
type Records interface {
	record.Batcher
	UpdateUser(ctx context.Context, op record.Operation, connection, id string, want record.Match, change func(record.User) (record.User, error)) (record.User, error)
	UpdateGroup(ctx context.Context, op record.Operation, connection, id string, want record.Match, change record.GroupChange) (record.Group, error)
}

// Found looks at many records at once.
type Found interface {
	// FindUsers returns the users of a connection that have one of the ids, external ids or
	// user names, and which of the ids any record of any connection has, or had.
	FindUsers(ctx context.Context, connection string, ids, externals, names []string) (users []record.User, taken []string, err error)
	// FindGroups is as FindUsers, by display names.
	FindGroups(ctx context.Context, connection string, ids, externals, names []string) (groups []record.Group, taken []string, err error)
	// FindMembers returns those of the pairs of a group and a member of a connection that
	// are there.
	FindMembers(ctx context.Context, connection string, pairs [][2]string) ([][2]string, error)
	// Protected returns those of the people, by id, and of the groups of the connection
	// that the policy does not let be changed.
	Protected(ctx context.Context, connection string, policy record.Policy, people, groups []string) (map[string]bool, error)
}

// Storage is what rows are kept in, and looked for: what a database has for this package.
type Storage interface {
	Store
	People
	Found
	Directory
}

// Groups keeps the names of groups: directory.Service.
type Groups interface {
	Mapping(m directory.Mapping, actor identity.Actor) ([]event.Event, error)
	Map(ctx context.Context, m directory.Mapping, actor identity.Actor) error
}

// Assignments gives roles in apps: entitlement.Service.
type Assignments interface {
	Check(ctx context.Context, app string, n entitlement.New) (entitlement.Assignment, error)
	Assign(ctx context.Context, app string, n entitlement.New, by identity.Actor) (entitlement.Assignment, error)
}

// Config is what a Service needs. All are required.
type Config struct {
	Issuer      string
	Store       Store
	People      People
	Records     Records
	Found       Found
	Groups      Groups
	Assignments Assignments
	Connections Connections
	Directory   Directory
	// Roles are the names of the groups that make a role other than that of an app's owner.
	Roles func() []string
	// Parsers read the foreign formats.
	Parsers map[Format]func(in io.Reader, o Options) Source
	Now     func() time.Time
}

// Service imports and exports.
type Service struct{ o Config }

// NewService returns a Service.
func NewService(o Config) *Service { return &Service{o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// New is an import to be made.
type New struct {
	Format  Format
	Options Options
	By      identity.Actor
}

// The sizes of batches, in lines, and how many lines are checked while whoever sent them
// waits.
const (
	stageBatch = 500
	checkBatch = 500
	applyBatch = 200
	// soon is how many lines are checked before Receive returns.
	soon = 2000
)

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
			count(&i, kind).Refused += n
		}
		return i, nil, nil
	})
	if err != nil {
		return i, err
	}
	return s.soon(rest, i, Checking, s.check)
}

// soon goes on with an import of few lines until it is out of a state, beside Run.
func (s *Service) soon(ctx context.Context, i Import, state State, step func(context.Context, Import) (Import, error)) (Import, error) {
	for i.State == state && i.Lines <= soon {
		next, err := step(ctx, i)
		if errors.Is(err, ErrState) {
			next, err = s.o.Store.Import(ctx, i.ID)
		}
		if err != nil {
			return i, err
		}
		i = next
	}
	return i, nil
}

// source reads a file of the format.
func (s *Service) source(ctx context.Context, n New, in io.Reader) (Source, error) {
	for _, id := range append(slices.Sorted(maps.Values(n.Options.Connections)), n.Options.Subjects, n.Options.Groups) {
		if id == "" {
			continue
		}
		if known, err := s.o.Connections.Known(ctx, id); err != nil {
			return nil, err
		} else if !known {
			return nil, ErrConnection.At("connections")
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

// Get returns an import, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Import, error) {
	return s.o.Store.Import(ctx, id)
}

// List returns a page of the imports, the newest first, and the id to go on behind,
// empty at the end.
func (s *Service) List(ctx context.Context, after string, limit int) (page []Import, next string, err error) {
	page, err = s.o.Store.Imports(ctx, after, limit+1)
	if err == nil && len(page) > limit {
		page, next = page[:limit], page[limit-1].ID
	}
	return page, next, err
}

// Faults returns a page of the lines of an import that are refused, in the order of the
// file, and the Seq to go on behind, 0 at the end.
func (s *Service) Faults(ctx context.Context, id string, after, limit int) (page []Fault, next int, err error) {
	if _, err := s.o.Store.Import(ctx, id); err != nil {
		return nil, 0, err
	}
	page, err = s.o.Store.Faults(ctx, id, after, limit+1)
	if err == nil && len(page) > limit {
		page, next = page[:limit], page[limit-1].Seq
	}
	return page, next, err
}

// Order is that an import be applied.
type Order struct {
	// SkipRefused applies all lines but those that are refused.
	SkipRefused bool
	// Held are the kinds of change that whoever orders it may not make alone.
	Held []string
	By   identity.Actor
}

// Apply has an import applied that was checked: all its lines, or all but those that are
// refused. Run does it. It fails with ErrState, ErrExpired and ErrRefusedLines, and with
// ErrHeld where the file was checked for somebody who may do more alone.
func (s *Service) Apply(ctx context.Context, id string, o Order) (Import, error) {
	now := s.now()
	i, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if err := i.takes(o, now); err != nil {
			return i, nil, err
		}
		i.State, i.SkipRefused, i.AppliedBy, i.After, i.Looked = Applying, o.SkipRefused, o.By, nil, i.Lines-i.todo()
		return i, []event.Event{event.New(now, "import.applied", o.By, identity.Import(id), i.figures()...)}, nil
	})
	if err != nil {
		return i, err
	}
	return s.soon(context.WithoutCancel(ctx), i, Applying, s.apply)
}

// Applicable fails as Apply would now, and changes nothing.
func (s *Service) Applicable(ctx context.Context, id string, o Order) error {
	i, err := s.o.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	return i.takes(o, s.now())
}

// takes refuses an order that the import cannot be applied by.
func (i *Import) takes(o Order, now time.Time) error {
	switch {
	case i.State != Checked:
		return ErrState
	case now.Sub(i.Checked) > ApplyWithin:
		return ErrExpired
	case slices.ContainsFunc(o.Held, func(held string) bool { return !i.holds(held) }):
		return ErrHeld
	case i.refused() > 0 && !o.SkipRefused:
		return ErrRefusedLines
	}
	return nil
}

// Discard forgets an import that is not being applied. What was applied of it stays.
func (s *Service) Discard(ctx context.Context, id string, by identity.Actor) error {
	// First of all nobody goes on with it: what is staged afterwards would stay.
	_, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if i.State == Applying {
			return i, nil, ErrState
		}
		if i.State == Reading || i.State == Checking {
			i.State, i.Finished = Stopped, s.now()
		}
		return i, nil, nil
	})
	if err != nil {
		return err
	}
	return s.o.Store.DropLines(ctx, id, true, []event.Event{event.New(s.now(), "import.discarded", by, identity.Import(id))})
}

// turn is how long Run works before it looks whether it is still the one to.
const turn = 3 * time.Second

// Run looks at the lines of the import that has waited longest, for a few seconds, and
// refuses files that nobody reads any more. It is periodic work of one replica.
func (s *Service) Run(ctx context.Context) error {
	if err := s.abandon(ctx); err != nil {
		return err
	}
	ends := s.o.Now().Add(turn)
	for s.o.Now().Before(ends) && ctx.Err() == nil {
		id, err := s.o.Store.Unfinished(ctx)
		if err != nil || id == "" {
			return err
		}
		i, err := s.o.Store.Import(ctx, id)
		if err != nil {
			return err
		}
		if i.State == Checking {
			_, err = s.check(ctx, i)
		} else {
			_, err = s.apply(ctx, i)
		}
		if errors.Is(err, ErrState) { // somebody else is at it
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refused, todo and figures sum up the counts.
func (i *Import) refused() (n int) {
	for _, c := range i.Counts {
		n += c.Refused
	}
	return n
}

func (i *Import) todo() (n int) {
	for _, c := range i.Counts {
		n += c.Created + c.Changed
	}
	return n
}

func count(i *Import, kind Kind) *Count {
	at := slices.IndexFunc(i.Counts, func(c Count) bool { return c.Kind == kind })
	if at < 0 {
		i.Counts = append(i.Counts, Count{Kind: kind})
		slices.SortFunc(i.Counts, func(a, b Count) int { return slices.Index(Kinds(), a.Kind) - slices.Index(Kinds(), b.Kind) })
		at = slices.IndexFunc(i.Counts, func(c Count) bool { return c.Kind == kind })
	}
	return &i.Counts[at]
}
