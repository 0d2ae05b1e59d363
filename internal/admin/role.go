// Package admin owns who may administer the broker: the roles, who has them, and
// the API tokens that act with them.
//
// A person has a role by an assignment or by being in a group that the
// configuration names for it; a token has the roles that it was made with, as long
// as whoever made it still has them. The operator, who can open the broker's Unix
// socket, is an admin without either, so that nobody is ever locked out.
package admin

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Role is what somebody is to the broker.
type Role string

// The roles.
const (
	Admin            Role = "admin"
	SecurityReviewer Role = "security-reviewer"
	Approver         Role = "approver"
	AppOwner         Role = "app-owner"
	Auditor          Role = "auditor"
)

// Roles lists every role.
func Roles() []Role { return []Role{Admin, SecurityReviewer, Approver, AppOwner, Auditor} }

// Right is what a role may do: one area, to read it or to change it.
type Right string

// The rights.
const (
	ReadApps         Right = "apps:read"
	WriteApps        Right = "apps:write"
	SwitchApps       Right = "apps:switch"  // off and on
	ReadAccess       Right = "access:read"  // who may use what, and why
	WriteAccess      Right = "access:write" // roles in apps that are assigned
	ReadPeople       Right = "people:read"
	WritePeople      Right = "people:write"
	ReadSessions     Right = "sessions:read"
	EndSessions      Right = "sessions:end"
	ReadConnections  Right = "connections:read"
	WriteConnections Right = "connections:write"
	ReadGroups       Right = "groups:read"
	WriteGroups      Right = "groups:write"
	ReadKeys         Right = "keys:read"
	WriteKeys        Right = "keys:write"
	ReadAudit        Right = "audit:read"
	ReadOperations   Right = "operations:read"
	WriteOperations  Right = "operations:write"
	ReadAdmin        Right = "admin:read"  // roles and tokens
	WriteAdmin       Right = "admin:write" // the same
)

// Rights lists every right.
func Rights() []Right { return Admin.Rights() }

// reading is what somebody may who looks after everything and changes nothing.
func reading() []Right {
	return []Right{ReadApps, ReadAccess, ReadPeople, ReadSessions, ReadConnections, ReadGroups, ReadKeys, ReadAudit, ReadOperations, ReadAdmin}
}

// Rights lists what the role may do everywhere. An app's owner may also WriteApps
// and SwitchApps of their own apps, read who may use them and why, and read and end what these do in people's names:
// see Principal.MayApp.
func (r Role) Rights() []Right {
	switch r {
	case Admin:
		return append(reading(), WriteApps, SwitchApps, WriteAccess, WritePeople, EndSessions, WriteConnections, WriteGroups, WriteKeys, WriteOperations, WriteAdmin)
	case SecurityReviewer:
		return append(reading(), SwitchApps, EndSessions)
	case Auditor:
		return reading()
	case Approver:
		return []Right{ReadApps, ReadGroups}
	case AppOwner:
		return []Right{ReadApps}
	}
	return nil
}

// Principal is who asks, with what they may do.
type Principal struct {
	// Ref names the person, the token or the operator in audit entries.
	Ref identity.Ref
	// Owner is the person, or the operator, who answers for it: a token counts as
	// whoever made it.
	Owner identity.Ref
	Roles []Role
	// Teams are the groups of a person: an app is owned by the team its manifest
	// names. Apps are the names of the apps that an owner's token is for.
	Teams []string
	Apps  []string
}

// Operator is who asks over the broker's Unix socket.
func Operator() Principal {
	local := identity.Ref{Kind: identity.KindOperator, ID: "local"}
	return Principal{Ref: local, Owner: local, Roles: []Role{Admin}}
}

// Has reports whether p has the role.
func (p Principal) Has(r Role) bool { return slices.Contains(p.Roles, r) }

// Rights lists what p may do everywhere.
func (p Principal) Rights() []Right {
	all := []Right{}
	for _, right := range Rights() {
		if p.May(right) {
			all = append(all, right)
		}
	}
	return all
}

// May reports whether p may do this everywhere.
func (p Principal) May(right Right) bool {
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(r.Rights(), right) })
}

// MayApp reports whether p may do this to one app: everywhere, or as its owner.
func (p Principal) MayApp(right Right, name, team string) bool {
	if p.May(right) {
		return true
	}
	owns := slices.Contains(p.Apps, name) || team != "" && slices.Contains(p.Teams, team)
	return owns && p.Has(AppOwner) && slices.Contains([]Right{WriteApps, SwitchApps, ReadAccess, ReadSessions, EndSessions}, right)
}
