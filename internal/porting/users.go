package porting

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// user is the record that a line describes, without the person.
func (s *Service) user(ctx context.Context, l User) (record.User, error) {
	return s.o.Connections.ReadUser(ctx, record.User{
		Connection: l.Connection, ExternalID: l.ExternalID, UserName: l.UserName, Active: !l.Inactive, Attributes: l.Attributes,
	})
}

// planUsers says what would become of the users of one connection.
func (s *Service) planUsers(ctx context.Context, i *Import, p part) error {
	wanted, err := wantedOf(p, func(l User) (record.User, error) { return s.user(ctx, l) })
	if err != nil {
		return err
	}
	var ids, externals, names []string
	for _, line := range p.left() {
		l, _ := line.Line.(User)
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
	for _, line := range p.left() {
		l, _ := line.Line.(User)
		person, err := persons(l.Person)
		if err != nil {
			line.refuse(err)
			continue
		}
		planUser(line, wanted[line], person, found, taken)
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

// alike are the users which have the id, the external id or the name that a line has; nil
// for none.
type alike struct{ byID, byExternal, byName *record.User }

// likeUsers finds those that are like a line.
func likeUsers(l User, found []record.User) alike {
	is := func(by func(record.User) bool) *record.User {
		if at := slices.IndexFunc(found, by); at >= 0 {
			return &found[at]
		}
		return nil
	}
	return alike{
		byID:       is(func(u record.User) bool { return u.ID == l.ID }),
		byExternal: is(func(u record.User) bool { return l.ExternalID != "" && u.ExternalID == l.ExternalID }),
		byName:     is(func(u record.User) bool { return strings.EqualFold(u.UserName, l.UserName) }),
	}
}

// described is the user that the line describes, nil for a new one. A name alone is enough
// where neither of the two has an external id.
func (a alike) described(l User) *record.User {
	switch {
	case a.byID != nil:
		return a.byID
	case a.byExternal != nil:
		return a.byExternal
	case a.byName != nil && l.ExternalID == "" && a.byName.ExternalID == "":
		return a.byName
	}
	return nil
}

// planUser compares one user with those that are there.
func planUser(line *Staged, want record.User, person string, found []record.User, taken []string) {
	l, _ := line.Line.(User)
	like := likeUsers(l, found)
	old := like.described(l)
	another := func(u *record.User) bool { return u != nil && (old == nil || u.ID != old.ID) }
	switch {
	case another(like.byName):
		line.refuse(record.ErrTaken.At("/user_name"))
	case another(like.byExternal):
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
	var ids []string
	var keys [][]byte
	for _, line := range lines {
		if l, ok := line.Line.(User); ok && l.Person != "" {
			ids, keys = append(ids, l.Person), append(keys, personKey(l.Person))
		}
	}
	named, err := s.o.Store.NamedLines(ctx, i.ID, keys)
	if err != nil {
		return nil, err
	}
	there, err := s.known(ctx, slices.DeleteFunc(ids, func(id string) bool {
		_, inFile := named[string(personKey(id))]
		return inFile
	}))
	if err != nil {
		return nil, err
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

// known tells which of the ids are those of people here.
func (s *Service) known(ctx context.Context, ids []string) (map[string]bool, error) {
	there := map[string]bool{}
	for _, id := range ids {
		_, err := s.o.People.Person(ctx, id)
		if err != nil && !errors.Is(err, directory.ErrPersonNotFound) {
			return nil, err
		}
		there[id] = err == nil
	}
	return there, nil
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
