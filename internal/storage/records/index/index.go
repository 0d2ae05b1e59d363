// Package index is what SCIM records are found by. Beside each record it keeps one row for
// each value of each attribute ([OfUser], [OfGroup], [Add], [Change], [Remove]), and a
// query of a client (RFC 7644, section 3.4.2) is answered from these rows and the columns
// of the records ([Page]): filter, order and place become SQL, which binds all that the
// client said, means the same on both engines, and reads one connection alone. A filter
// that cannot be put so is refused with record.ErrFilter, and one that would read too much
// or look too long with record.ErrCost.
package index

import "github.com/gatehouse-io/gatehouse/internal/scim/filter"

// column is an attribute that is a column of its own.
type column struct {
	name string
	as   columnType
}

type columnType int

const (
	foldedColumn columnType = iota // bytes, folded
	exactColumn                    // bytes as they are
	textColumn                     // text that is compared for equality alone
	flagColumn
	timeColumn
)

var common = map[filter.Path]column{
	{Attribute: "id"}:                        {"r.id", textColumn},
	{Attribute: "externalId"}:                {"r.external_id", exactColumn},
	{Attribute: "meta", Sub: "created"}:      {"r.created", timeColumn},
	{Attribute: "meta", Sub: "lastModified"}: {"r.updated", timeColumn},
}

// Kind is what tells users from groups: the table that is called r, and what of it has
// columns of its own.
type Kind struct {
	name, table, prefix string
	columns             map[filter.Path]column
	// members is the attribute that names memberships, own and other their columns: of
	// the record, and of what is compared.
	members, own, other string
}

// The kinds of records.
var (
	Users = Kind{
		"User", "record_users", "u:",
		map[filter.Path]column{{Attribute: "userName"}: {"r.name_key", foldedColumn}, {Attribute: "active"}: {"r.active", flagColumn}},
		"groups", "member", "group_id",
	}
	Groups = Kind{
		"Group", "record_groups", "g:",
		map[filter.Path]column{{Attribute: "displayName"}: {"r.display_key", foldedColumn}},
		"members", "group_id", "member",
	}
)

func (k Kind) column(p filter.Path) (column, bool) {
	if c, ok := k.columns[p]; ok {
		return c, true
	}
	c, ok := common[p]
	return c, ok
}

// reserved are attributes that are not kept as values.
var reserved = map[string]bool{"meta": true, "schemas": true, "groups": true, "members": true, "password": true}
