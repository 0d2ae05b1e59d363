package porting

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Directory is read for an export, in pages: each returns up to limit of what comes
// behind after in the order of ids, and of what names it.
type Directory interface {
	People(ctx context.Context, after string, limit int) ([]directory.Person, error)
	// AllUsers and AllGroups return the records of a connection, empty for all, that are
	// not deleted.
	AllUsers(ctx context.Context, connection, after string, limit int) ([]record.User, error)
	AllGroups(ctx context.Context, connection, after string, limit int) ([]record.Group, error)
	// AllMembers returns memberships that hold and are not pending, in the order of the
	// group and the member.
	AllMembers(ctx context.Context, connection string, after [2]string, limit int) ([]Member, error)
	Mappings(ctx context.Context) ([]directory.Mapping, error)
	// AllAssignments returns those that have not ended, with the names of their apps.
	AllAssignments(ctx context.Context, after string, limit int) ([]AppAssignment, error)
	// Assigned reports whether an assignment is there, and has not ended.
	Assigned(ctx context.Context, a entitlement.Assignment) (bool, error)
}

// Member is a membership as it is kept.
type Member struct {
	Connection, Group, Member string
	Kind                      record.Kind
}

// AppAssignment is an assignment with the name of its app.
type AppAssignment struct {
	App string
	entitlement.Assignment
}

// exportPage is how many lines one read of an export makes.
const exportPage = 500

// at is a place in an export: the next line is of a kind and behind an id.
type at struct {
	kind   Kind
	behind string
	lines  int
}

// Write writes the directory, or of one connection what is its own: its subjects and
// records, groups, memberships and mappings. Each line is as it is when it is read.
// Exporting stands before it.
func (s *Service) Write(ctx context.Context, connection string, to io.Writer) error {
	out := bufio.NewWriterSize(to, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for after := (at{kind: KindDirectory}); after.kind != ""; {
		lines, next, err := s.page(ctx, connection, after)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := enc.Encode(l); err != nil {
				return fmt.Errorf("export: %w", err)
			}
		}
		after = next
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// Exporting refuses an unknown connection, and notes that somebody exports.
func (s *Service) Exporting(ctx context.Context, connection string, by identity.Actor) error {
	ref := identity.Database()
	if connection != "" {
		known, err := s.o.Connections.Known(ctx, connection)
		if err == nil && !known {
			err = ErrConnection.At("connection")
		}
		if err != nil {
			return err
		}
		ref = identity.Connection(connection)
	}
	return s.o.Store.Record(ctx, []event.Event{event.New(s.now(), "directory.exported", by, ref)})
}

// page returns some lines of an export, and where the next begin, of no kind at the end.
func (s *Service) page(ctx context.Context, connection string, place at) (lines []Line, next at, err error) {
	if place.kind == KindDirectory {
		lines = append(lines, Header{Kind: KindDirectory, Version: Version, Issuer: s.o.Issuer, Connection: connection, Created: s.now()})
		place.kind, place.lines = KindPerson, 1
	}
	if place.kind == KindEnd {
		return append(lines, End{Kind: KindEnd, Lines: place.lines}), at{}, nil
	}
	more, behind, err := s.more(ctx, connection, place)
	if err != nil {
		return nil, at{}, err
	}
	place.lines, place.behind = place.lines+len(more), behind
	if behind == "" {
		place.kind = following(place.kind)
	}
	return append(lines, more...), place, nil
}

func following(k Kind) Kind {
	all := append(Kinds(), KindEnd)
	return all[slices.Index(all, k)+1]
}

// more reads lines of one kind, and what the next are behind, empty at the end.
func (s *Service) more(ctx context.Context, connection string, from at) (lines []Line, behind string, err error) {
	switch from.kind {
	case KindPerson:
		all, err := s.o.Directory.People(ctx, from.behind, exportPage)
		return lay(all, func(p directory.Person) (Line, bool) { return personLine(p, connection) }, func(p directory.Person) string { return p.ID }, err)
	case KindUser:
		all, err := s.o.Directory.AllUsers(ctx, connection, from.behind, exportPage)
		return lay(all, func(u record.User) (Line, bool) { return userLine(u), true }, func(u record.User) string { return u.ID }, err)
	case KindGroup:
		all, err := s.o.Directory.AllGroups(ctx, connection, from.behind, exportPage)
		return lay(all, func(g record.Group) (Line, bool) {
			return Group{Kind: KindGroup, Connection: g.Connection, ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName, Attributes: g.Attributes}, true
		}, func(g record.Group) string { return g.ID }, err)
	case KindMembership:
		group, member, _ := strings.Cut(from.behind, "\x00")
		all, err := s.o.Directory.AllMembers(ctx, connection, [2]string{group, member}, exportPage)
		return lay(all, func(m Member) (Line, bool) { return memberLine(m), true }, func(m Member) string { return m.Group + "\x00" + m.Member }, err)
	case KindMapping:
		return s.mappings(ctx, connection)
	case KindAssignment:
		if connection != "" { // they are of apps, not of connections
			return nil, "", nil
		}
		all, err := s.o.Directory.AllAssignments(ctx, from.behind, exportPage)
		return lay(all, func(a AppAssignment) (Line, bool) {
			return Assignment{Kind: KindAssignment, App: a.App, Role: a.Role, Whom: a.Whom, From: a.From, Until: a.Until, Reason: a.Reason}, true
		}, func(a AppAssignment) string { return a.ID }, err)
	case KindDirectory, KindEnd:
	}
	return nil, "", ErrKind
}

// lay makes lines of a page.
func lay[T any](page []T, line func(T) (Line, bool), id func(T) string, err error) ([]Line, string, error) {
	if err != nil {
		return nil, "", err
	}
	lines := make([]Line, 0, len(page))
	for _, one := range page {
		if l, ok := line(one); ok {
			lines = append(lines, l)
		}
	}
	if len(page) < exportPage {
		return lines, "", nil
	}
	return lines, id(page[len(page)-1]), nil
}

// personLine is a person as far as they are the connection's, empty for whole.
func personLine(p directory.Person, connection string) (Line, bool) {
	l := Person{Kind: KindPerson, ID: p.ID, Profile: p.Profile, Disabled: p.Disabled, Created: p.Created}
	for _, i := range p.Identities {
		if connection == "" || i.Connection == connection {
			l.Identities = append(l.Identities, Identity{Connection: i.Connection, Subject: i.Subject})
		}
	}
	slices.SortFunc(l.Identities, func(a, b Identity) int {
		return strings.Compare(a.Connection+"\x00"+a.Subject, b.Connection+"\x00"+b.Subject)
	})
	has := slices.ContainsFunc(p.Records, func(r directory.Record) bool { return r.Connection == connection })
	return l, connection == "" || len(l.Identities) > 0 || has
}

func userLine(u record.User) Line {
	return User{
		Kind: KindUser, Connection: u.Connection, ID: u.ID, Person: u.Person, ExternalID: u.ExternalID, UserName: u.UserName, Inactive: !u.Active, Attributes: u.Attributes,
	}
}

func memberLine(m Member) Line {
	l := Membership{Kind: KindMembership, Connection: m.Connection, Group: m.Group}
	if m.Kind == record.KindGroup {
		l.Subgroup = m.Member
	} else {
		l.User = m.Member
	}
	return l
}

// mappings are few, and read as a whole.
func (s *Service) mappings(ctx context.Context, connection string) ([]Line, string, error) {
	all, err := s.o.Directory.Mappings(ctx)
	var lines []Line
	for _, m := range all {
		if connection == "" || m.Group.Connection == connection {
			lines = append(lines, Mapping{Kind: KindMapping, Connection: m.Group.Connection, Group: m.Group.ID, Name: m.Name})
		}
	}
	return lines, "", err
}
