package record

import (
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The types of events of this package. Each carries the operation that it came from.
const (
	PersonProvisioned = "person.provisioned" // a record was made, and perhaps a person for it
	PersonChanged     = "person.provisioning_changed"
	// PersonLeft revokes: the person is out over the connection. Its data say by what:
	// "inactive" or "deleted".
	PersonLeft     = "person.left"
	PersonReturned = "person.returned"
	GroupMade      = "group.provisioned"
	GroupChanged   = "group.provisioning_changed"
	GroupDeleted   = "group.deprovisioned"
	MembersChanged = "group.members_changed"
	ScimHalted     = "scim.halted"
	ScimResumed    = "scim.resumed"
	ScimUndone     = "scim.undone"
)

// mostNamed is how many members an event names.
const mostNamed = 20

// Event returns an event that this operation made.
func (o Operation) Event(typ string, subject identity.Ref, pairs ...string) event.Event {
	return event.New(o.Time, typ, o.Actor, subject, append(pairs, "connection", o.Connection, "operation", o.ID, "kind", o.Kind)...)
}

// Ref names a group for events.
func (g Group) Ref() identity.Ref { return groupRef(g.Connection, g.ID) }

func groupRef(connection, id string) identity.Ref {
	return identity.Ref{Kind: identity.KindGroup, ID: connection + "/" + id}
}

// MembersEvent tells of members that came and went, by ids, of which it names some.
func (o Operation) MembersEvent(group string, added, removed []string) event.Event {
	pairs := []string{"added_count", count(added), "removed_count", count(removed), "added", named(added), "removed", named(removed)}
	return o.Event(MembersChanged, groupRef(o.Connection, group), pairs...)
}

func count(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return strconv.Itoa(len(ids))
}

func named(ids []string) string { return strings.Join(ids[:min(len(ids), mostNamed)], " ") }
