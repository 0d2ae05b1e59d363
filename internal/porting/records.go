package porting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// part is the lines of one connection, by where they are in the batch.
type part struct {
	connection string
	policy     record.Policy
	lines      []*Staged
}

// refs are the ids here of what the lines describe.
func (p *part) refs() []string {
	all := make([]string, len(p.lines))
	for n, line := range p.lines {
		all[n] = line.Ref
	}
	return all
}

// byConnection does something for the lines of each connection. Those of one that takes
// no SCIM are refused.
func (s *Service) byConnection(ctx context.Context, i *Import, lines []Staged, do func(context.Context, *Import, part) error) ([]Staged, error) {
	settled := make([]Staged, len(lines))
	parts := map[string]*part{}
	var order []string
	for n, l := range lines {
		settled[n] = l
		id := connectionOf(l.Line)
		if parts[id] == nil {
			parts[id], order = &part{connection: id}, append(order, id)
		}
		parts[id].lines = append(parts[id].lines, &settled[n])
	}
	for _, id := range order {
		p := parts[id]
		var err error
		if p.policy, err = s.policy(ctx, id); err != nil {
			if k := fault.KindOf(err); k == fault.Internal || k == fault.Unavailable {
				return nil, err
			}
			for _, l := range p.lines {
				l.refuse(fault.As(err).At("/connection"))
			}
			continue
		}
		if err := do(ctx, i, *p); err != nil {
			return nil, err
		}
	}
	return settled, nil
}

func (s *Service) policy(ctx context.Context, id string) (record.Policy, error) {
	known, err := s.o.Connections.Known(ctx, id)
	if err == nil && !known {
		err = ErrConnection
	}
	if err != nil {
		return record.Policy{}, err
	}
	return s.o.Connections.Policy(ctx, id)
}

func connectionOf(line Line) string {
	switch l := line.(type) {
	case User:
		return l.Connection
	case Group:
		return l.Connection
	case Membership:
		return l.Connection
	}
	return ""
}

// operation is what the records of an import come from.
func (s *Service) operation(i *Import, connection string) record.Operation {
	now := s.now()
	return record.Operation{
		ID: identity.NewOrderedID(now), Connection: connection, Kind: "Import: " + string(i.Format), Method: "POST", Path: "/imports/" + i.ID, Actor: i.actor(), Time: now,
	}
}

// record is the user that a line describes, without the person.
func (s *Service) user(ctx context.Context, l User) (record.User, error) {
	return s.o.Connections.ReadUser(ctx, record.User{
		Connection: l.Connection, ExternalID: l.ExternalID, UserName: l.UserName, Active: !l.Inactive, Attributes: l.Attributes,
	})
}

// planUsers says what would become of the users of one connection.
func (s *Service) planUsers(ctx context.Context, i *Import, p part) error {
	var ids, externals, names []string
	wanted := make([]record.User, len(p.lines))
	for n, line := range p.lines {
		l, _ := line.Line.(User)
		var err error
		if wanted[n], err = s.user(ctx, l); err != nil {
			if fault.KindOf(err) != fault.Invalid {
				return err
			}
			line.refuse(inAttributes(err))
			continue
		}
		ids, externals, names = append(ids, l.ID), append(externals, l.ExternalID), append(names, l.UserName)
	}
	found, taken, err := s.o.Found.FindUsers(ctx, p.connection, ids, externals, names)
	if err != nil {
		return err
	}
	persons, err := s.persons(ctx, i, p.lines)
	if err != nil {
		return err
	}
	var touched []string
	for n, line := range p.lines {
		if line.Outcome == LineOut {
			continue
		}
		l, _ := line.Line.(User)
		person, err := persons(l.Person)
		if err != nil {
			line.refuse(err)
			continue
		}
		planUser(line, wanted[n], person, found, taken)
		shuts, err := s.shutsOut(ctx, line, person, found)
		if err != nil {
			return err
		}
		if shuts && i.holds(holdDisable) {
			line.refuse(ErrFourEyes.At("/inactive"))
			continue
		}
		if person != "" && line.Outcome != Unchanged {
			touched = append(touched, person)
		}
		touched = append(touched, owned(line.Ref, found, line.Outcome)...)
	}
	return s.spare(ctx, p, touched, nil, func(line *Staged) []string {
		l, _ := line.Line.(User)
		person, _ := persons(l.Person)
		return append(owned(line.Ref, found, line.Outcome), person)
	})
}

// shutsOut reports whether a line keeps somebody out who may come in: over a record that
// is active, or, as a new one does that is not, over a connection that has none of them.
// Who has an external id may be somebody who has signed in with it.
func (s *Service) shutsOut(ctx context.Context, line *Staged, person string, found []record.User) (bool, error) {
	l, _ := line.Line.(User)
	switch {
	case !l.Inactive, line.Outcome != Create && line.Outcome != Change:
		return false, nil
	case line.Outcome == Change:
		return slices.ContainsFunc(found, func(u record.User) bool { return u.ID == line.Ref && u.Active }), nil
	case person == "":
		return l.ExternalID != "", nil
	}
	_, err := s.o.People.Person(ctx, person)
	if errors.Is(err, directory.ErrPersonNotFound) {
		return false, nil
	}
	return err == nil, err
}

// planUser compares one user with those that are there.
func planUser(line *Staged, want record.User, person string, found []record.User, taken []string) {
	l, _ := line.Line.(User)
	is := func(by func(record.User) bool) *record.User {
		if at := slices.IndexFunc(found, by); at >= 0 {
			return &found[at]
		}
		return nil
	}
	byID := is(func(u record.User) bool { return u.ID == l.ID })
	byExternal := is(func(u record.User) bool { return l.ExternalID != "" && u.ExternalID == l.ExternalID })
	byName := is(func(u record.User) bool { return strings.EqualFold(u.UserName, l.UserName) })
	old := byID
	if old == nil {
		old = byExternal
	}
	if old == nil && byName != nil && l.ExternalID == "" && byName.ExternalID == "" {
		old = byName
	}
	switch {
	case old == nil && byName != nil, old != nil && byName != nil && byName.ID != old.ID:
		line.refuse(record.ErrTaken.At("/user_name"))
	case old != nil && byExternal != nil && byExternal.ID != old.ID:
		line.refuse(record.ErrTaken.At("/external_id"))
	case old == nil:
		line.Outcome, line.Ref = Create, freshID(l.ID, taken)
	case person != "" && person != old.Person:
		line.refuse(ErrTwoPeople.At("/person"))
	default:
		line.Outcome, line.Ref = Change, old.ID
		if sameUser(*old, mergeUser(*old, want)) {
			line.Outcome = Unchanged
		}
	}
}

// freshID is the id of a new record: that of the file, unless somebody has or had it.
func freshID(id string, taken []string) string {
	if IsID(id) && !slices.Contains(taken, id) {
		return id
	}
	return identity.NewID()
}

// mergeUser is a user with what a file says of it. Who is not active here stays so.
func mergeUser(old, want record.User) record.User {
	next := old
	next.UserName, next.Active = want.UserName, old.Active && want.Active
	if want.ExternalID != "" {
		next.ExternalID = want.ExternalID
	}
	if len(want.Attributes) > 0 {
		next.Attributes = want.Attributes
	}
	return next
}

func sameUser(a, b record.User) bool {
	return a.ExternalID == b.ExternalID && a.UserName == b.UserName && a.Active == b.Active && sameJSON(a.Attributes, b.Attributes)
}

func sameJSON(a, b map[string]any) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	was, err := json.Marshal(a)
	is, other := json.Marshal(b)
	return err == nil && other == nil && string(was) == string(is)
}

// owned is the person of a record that is changed.
func owned(id string, found []record.User, o Outcome) []string {
	for _, u := range found {
		if u.ID == id && o == Change {
			return []string{u.Person}
		}
	}
	return nil
}

// persons tells who the people are here that users of the file name.
func (s *Service) persons(ctx context.Context, i *Import, lines []*Staged) (func(id string) (string, error), error) {
	var keys [][]byte
	for _, line := range lines {
		if l, ok := line.Line.(User); ok && l.Person != "" {
			keys = append(keys, personKey(l.Person))
		}
	}
	named, err := s.o.Store.NamedLines(ctx, i.ID, keys)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, line := range lines {
		l, _ := line.Line.(User)
		if _, inFile := named[string(personKey(l.Person))]; inFile || l.Person == "" {
			continue
		}
		_, err := s.o.People.Person(ctx, l.Person)
		if err != nil && !errors.Is(err, directory.ErrPersonNotFound) {
			return nil, err
		}
		there[l.Person] = err == nil
	}
	return func(id string) (string, error) {
		n, inFile := named[string(personKey(id))]
		switch {
		case id == "":
			return "", nil
		case inFile && !n.Refused && n.Ref != "":
			return n.Ref, nil
		case !inFile && there[id]:
			return id, nil
		}
		return "", ErrReference.At("/person")
	}, nil
}

// spare refuses lines that would change somebody, or a group, that is protected.
func (s *Service) spare(ctx context.Context, p part, people, groups []string, of func(*Staged) []string) error {
	if p.policy.Touch {
		return nil
	}
	protected, err := s.o.Found.Protected(ctx, p.connection, p.policy, people, groups)
	if err != nil {
		return err
	}
	for _, line := range p.lines {
		if line.Outcome != Create && line.Outcome != Change {
			continue
		}
		if slices.ContainsFunc(of(line), func(id string) bool { return protected[id] }) {
			line.refuse(ErrProtected)
		}
	}
	return nil
}

// inAttributes points into the attributes, whose own faults name a SCIM attribute.
func inAttributes(err error) error {
	f := fault.As(err)
	if f.Pointer != "" {
		return f.At("/attributes/" + f.Pointer)
	}
	return f.At("/attributes")
}

// applyUsers makes and changes users.
func (s *Service) applyUsers(ctx context.Context, i *Import, p part) error {
	persons, err := s.persons(ctx, i, p.lines)
	if err != nil {
		return err
	}
	// An id may have been taken since the file was checked, also by another line of it.
	_, taken, err := s.o.Found.FindUsers(ctx, p.connection, p.refs(), nil, nil)
	if err != nil {
		return err
	}
	var news []record.New
	var at []*Staged
	for _, line := range p.lines {
		l, _ := line.Line.(User)
		want, err := s.user(ctx, l)
		if err == nil {
			want.Person, err = persons(l.Person)
		}
		if err == nil && line.Outcome == Change {
			err = s.changeUser(ctx, i, line, want)
		} else if err == nil {
			want.ID = freshID(line.Ref, taken)
			news, at = append(news, record.New{Operation: s.operation(i, p.connection), User: &want, Person: want.Person}), append(at, line)
		}
		if err := line.settle(err); err != nil {
			return err
		}
	}
	return s.make(ctx, p.connection, news, at)
}

func (s *Service) changeUser(ctx context.Context, i *Import, line *Staged, want record.User) error {
	l, _ := line.Line.(User)
	_, err := s.o.Records.UpdateUser(ctx, s.operation(i, l.Connection), l.Connection, line.Ref, 0, func(u record.User) (record.User, error) {
		return mergeUser(u, want), nil
	})
	return err
}

// make makes records, and settles their lines.
func (s *Service) make(ctx context.Context, connection string, news []record.New, lines []*Staged) error {
	if len(news) == 0 {
		return nil
	}
	made, err := s.o.Records.Create(ctx, connection, news)
	if err != nil {
		return err
	}
	for n, m := range made {
		err := m.Err
		if errors.Is(err, record.ErrTaken) {
			err = fault.As(err).At("/" + map[string]string{"userName": "user_name", "externalId": "external_id", "displayName": "display_name"}[fault.As(err).Pointer])
		}
		if m.User.ID+m.Group.ID != "" {
			lines[n].Ref = m.User.ID + m.Group.ID
		}
		if err := lines[n].settle(err); err != nil {
			return err
		}
	}
	return nil
}

// errHalted stops an import that would take away more than the guard of a connection
// lets go at once.
var errHalted = record.ErrHalted

// settle is what became of a line that was to be applied: a fault of its own refuses it,
// any other ends the batch.
func (l *Staged) settle(err error) error {
	kind := fault.KindOf(err)
	switch {
	case err == nil:
		if done, ok := map[Outcome]Outcome{Create: Created, Change: Changed}[l.Outcome]; ok {
			l.Outcome = done
		}
		return nil
	case kind == fault.Internal, kind == fault.Unavailable:
		return fmt.Errorf("line %d: %w", l.Number, err)
	}
	l.refuse(err)
	return nil
}
