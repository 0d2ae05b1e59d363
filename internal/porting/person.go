package porting

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Landing is a person on the way into the directory.
type Landing struct {
	Person

	// HasRecord says that the file has a record of theirs, over which they could sign in.
	HasRecord bool
	// HoldDisable says that the importer may not switch anybody off alone.
	HoldDisable bool
}

// Put is a batch of people.
type Put struct {
	People []Landing
	// Roles are the names of the groups whose members are protected.
	Roles  []string
	Import string
	By     identity.Actor
	Time   time.Time
	// Dry changes nothing.
	Dry bool
}

// Landed is what became of a person, or would.
type Landed struct {
	ID      string
	Outcome Outcome
	Err     error
}

// Onto is what becomes of a person: the person as they shall be and what tells of it.
// owners are who has one of their subjects, in the order of these and nil for nobody;
// named is who has their id, nil for nobody. Where nothing changes there is no event.
func (l *Landing) Onto(owners []*directory.Person, named *directory.Person, put *Put) (directory.Person, []event.Event, error) {
	old := named
	for i, owner := range owners {
		switch {
		case owner == nil:
		case old == nil:
			old = owner
		case old.ID != owner.ID:
			return directory.Person{}, nil, ErrTwoPeople.At(identityAt(i))
		}
	}
	if old == nil {
		return l.anew(put)
	}
	return l.onto(*old, put)
}

func (l *Landing) anew(put *Put) (directory.Person, []event.Event, error) {
	if len(l.Identities) == 0 && !l.HasRecord {
		return directory.Person{}, nil, ErrNobody
	}
	p := directory.Person{ID: l.ID, Profile: l.Profile, Disabled: l.Disabled, Created: put.Time, Updated: put.Time}
	if p.ID == "" {
		p.ID = identity.NewID()
	}
	if !l.Created.IsZero() && l.Created.Before(put.Time) {
		p.Created = l.Created.UTC().Truncate(time.Microsecond)
	}
	over := link(&p, l.Identities)
	return p, []event.Event{put.tell("person.imported", p.ID, "over", over)}, nil
}

func (l *Landing) onto(p directory.Person, put *Put) (directory.Person, []event.Event, error) {
	var events []event.Event
	if over := link(&p, l.Identities); over != "" {
		events = append(events, put.tell("person.linked", p.ID, "over", over))
	}
	// What a sign-in or a connection's record told is newer than any file.
	signedIn := slices.ContainsFunc(p.Identities, func(i directory.Identity) bool { return !i.LastSignIn.IsZero() })
	if !signedIn && len(p.Records) == 0 && p.Profile != l.Profile && (l.Profile != directory.Profile{}) {
		p.Profile = l.Profile
		events = append(events, put.tell("person.changed", p.ID, "fields", "profile"))
	}
	if l.Disabled && !p.Disabled {
		if l.HoldDisable {
			return p, nil, ErrFourEyes.At("/disabled")
		}
		p.Disabled = true
		events = append(events, put.tell("person.disabled", p.ID).Revoking(identity.Person(p.ID)))
	}
	if len(events) > 0 {
		p.Updated = put.Time
	}
	return p, events, nil
}

// link gives a person subjects that nobody has, and returns over which connections.
func link(p *directory.Person, all []Identity) string {
	var over []string
	p.Identities = slices.Clone(p.Identities)
	for _, i := range all {
		if slices.ContainsFunc(p.Identities, func(has directory.Identity) bool {
			return has.Connection == i.Connection && has.Subject == i.Subject
		}) {
			continue
		}
		p.Identities = append(p.Identities, directory.Identity{Connection: i.Connection, Subject: i.Subject})
		over = append(over, i.Connection)
	}
	slices.Sort(over)
	return strings.Join(slices.Compact(over), " ")
}

func (p *Put) tell(typ, person string, pairs ...string) event.Event {
	return event.New(p.Time, typ, p.By, identity.Person(person), append([]string{"import", p.Import}, pairs...)...)
}
