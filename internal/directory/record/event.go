package record

import (
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// PersonLeft is the type of the event that revokes: a person is out over a connection.
const PersonLeft = "person.left"

// The types of the other events that apps hear of: a person may come over a connection
// again, a record is another, and a group has other members.
const (
	PersonReturned = "person.returned"
	PersonChanged  = "person.provisioning_changed"
	MembersChanged = "group.members_changed"
)

// mostNamed is how many members an event names.
const mostNamed = 20

// from adds to an event which operation it came from.
func (o Operation) from(e event.Event) event.Event {
	return e.With("connection", o.Connection, "operation", o.ID, "kind", o.Kind)
}

// Provisioned tells that a record was made, and perhaps a person for it.
func (o Operation) Provisioned(u User) event.Event {
	return o.from(event.New(o.Time, "person.provisioned", o.Actor, identity.Person(u.Person), "record", u.ID))
}

// Changed tells that a record is another. by says how where that is not a change of what
// is in it; fields are those of the person's profile that are others, by their names.
func (o Operation) Changed(u User, by string, fields ...string) event.Event {
	return o.from(event.New(o.Time, "person.provisioning_changed", o.Actor, identity.Person(u.Person), "record", u.ID, "by", by, "fields", strings.Join(fields, " ")))
}

// Left tells that a person is out over the connection, which revokes what they have. by
// is "inactive" or "deleted".
func (o Operation) Left(u User, by string) event.Event {
	return o.from(event.New(o.Time, "person.left", o.Actor, identity.Person(u.Person), "record", u.ID, "by", by)).Revoking(identity.Person(u.Person))
}

// Returned tells that a person may come again, which gives nothing back.
func (o Operation) Returned(u User) event.Event {
	return o.from(event.New(o.Time, "person.returned", o.Actor, identity.Person(u.Person), "record", u.ID))
}

// GroupMade tells of a new group.
func (o Operation) GroupMade(g Group) event.Event {
	return o.from(event.New(o.Time, "group.provisioned", o.Actor, g.Ref(), "name", g.DisplayName))
}

// GroupChanged tells that a group is another, but for its members.
func (o Operation) GroupChanged(g Group) event.Event {
	return o.from(event.New(o.Time, "group.provisioning_changed", o.Actor, g.Ref(), "name", g.DisplayName))
}

// GroupDeleted tells that a group is gone.
func (o Operation) GroupDeleted(g Group) event.Event {
	return o.from(event.New(o.Time, "group.deprovisioned", o.Actor, g.Ref(), "name", g.DisplayName))
}

// MembersChanged tells of members that came and went, by ids, of which it names some.
func (o Operation) MembersChanged(group string, added, removed []string) event.Event {
	ref := Group{Connection: o.Connection, ID: group}.Ref()
	return o.from(event.New(o.Time, "group.members_changed", o.Actor, ref,
		"added_count", count(added), "removed_count", count(removed), "added", named(added), "removed", named(removed)))
}

// Halted tells that the connection may change nothing, since the operation would have
// taken away too much.
func (o Operation) Halted() event.Event {
	return o.from(event.New(o.Time, "scim.halted", o.Actor, identity.Connection(o.Connection)))
}

// Undone tells that so many people were brought back.
func (o Operation) Undone(people int) event.Event {
	return o.from(event.New(o.Time, "scim.undone", o.Actor, identity.Connection(o.Connection), "people", strconv.Itoa(people)))
}

// Ref names the group for events.
func (g Group) Ref() identity.Ref {
	return identity.Ref{Kind: identity.KindGroup, ID: g.Connection + "/" + g.ID}
}

func count(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return strconv.Itoa(len(ids))
}

// Moved returns the ids of the members that came and went, of an event of MembersChanged.
// all is false where it does not name each.
func Moved(e event.Event) (ids []string, all bool) {
	all = true
	for _, what := range []string{"added", "removed"} {
		named := strings.Fields(e.Data[what])
		ids = append(ids, named...)
		all = all && count(named) == e.Data[what+"_count"]
	}
	return ids, all
}

func named(ids []string) string { return strings.Join(ids[:min(len(ids), mostNamed)], " ") }
