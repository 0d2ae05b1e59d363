package names

import (
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// PersonPath is where the page of a person is, with the prefix.
func (n *Names) PersonPath(id string) string { return n.Path(kit.Fill("/people/{id}", id)) }

// AppPath is where the page of an app is.
func (n *Names) AppPath(a catalog.App) string { return n.Path("/apps/" + a.Name) }

// ConnectionPath is where the page of a connection is.
func (n *Names) ConnectionPath(id string) string { return n.Path(kit.Fill("/connections/{id}", id)) }

// GroupPath is where the page of an upstream group is.
func (n *Names) GroupPath(g identity.GroupRef) string {
	return n.Path(kit.Fill("/groups/{connection}/{group}", g.Connection, g.ID))
}

// SCIMOperationPath is where the page of an operation of a SCIM connection is.
func (n *Names) SCIMOperationPath(connection, id string) string {
	return n.Path(kit.Fill("/connections/{id}/scim/operations/{operation}", connection, id))
}

// SessionPath is where the page of a session is.
func (n *Names) SessionPath(id string) string { return n.Path(kit.Fill("/sessions/{id}", id)) }

// EntryPath is where the page of an entry of the audit log is.
func (n *Names) EntryPath(id string) string { return n.Path(kit.Fill("/audit/{id}", id)) }

// RevokeWay offers to revoke every token of a thing.
func RevokeWay(kind identity.Kind, id string) kit.Offering {
	return kit.Way("/revoke/{kind}/{id}", ui.T("Revoke tokens"), " out", string(kind), id)
}
