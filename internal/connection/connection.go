// Package connection owns the identity providers that people sign in with: those
// of the configuration, which only whoever runs the broker changes, and those that
// administrators add while it runs, which are stored.
//
// Every replica answers from a snapshot. A change revokes what was read before it
// (identity.Settings), in the sequence that all replicas follow, so that none goes on
// with what was, and none has to be started anew. A connection that is removed takes
// its people's sessions and refresh tokens with it.
//
// A connection's id is part of every person's key, and its issuer says whose people
// they are. So the issuer of a connection never changes, and the id of one that was
// removed is only taken again for the same issuer: no other provider comes into the
// accounts of its people. That holds for those of the configuration, too, which may
// come out of it. Where the configuration has the id of a stored connection, the
// configuration counts.
//
// The client secret is stored encrypted, bound to its row. It is never shown.
package connection

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of this package.
var (
	ErrNotFound   = fault.New(fault.NotFound, "connection_not_found", "no such connection")
	ErrConfigured = fault.New(fault.Conflict, "connection_configured", "this connection stands in the configuration: only there it is changed")
	ErrIssuer     = fault.New(fault.Conflict, "connection_issuer", "the connection's people are those of its issuer, which never changes: add another connection").At("issuer")
	ErrIDUsed     = fault.New(fault.Conflict, "connection_id_used", "a connection of another issuer had this id, and its people have it still: take another one").At("id")
	ErrInvalid    = fault.New(fault.Invalid, "connection_invalid", "the connection has faults")
)

// Source says where a connection comes from.
type Source string

// The sources.
const (
	Configured Source = "configuration"
	Stored     Source = "stored"
)

// Settings are what is decided about a connection, field by field as the
// configuration has it, which says what each means. They hold no secret.
type Settings struct {
	ID             string            `json:"id"`
	Title          string            `json:"title,omitempty"`
	Type           string            `json:"type,omitempty"`
	Issuer         string            `json:"issuer,omitempty"`
	ClientID       string            `json:"client_id,omitempty"`
	Scopes         []string          `json:"scopes,omitempty"`
	Domains        []string          `json:"domains,omitempty"`
	Algorithms     []string          `json:"algorithms,omitempty"`
	UserInfo       bool              `json:"userinfo,omitempty"`
	AllowedTenants []string          `json:"allowed_tenants,omitempty"`
	Claims         map[string]string `json:"claims,omitempty"`
	Groups         *Groups           `json:"groups,omitempty"`
	Exchange       *Exchange         `json:"exchange,omitempty"`
	SAML           *SAML             `json:"saml,omitempty"`
	SCIM           *SCIM             `json:"scim,omitempty"`
}

// SCIM is what a connection may do that pushes people and groups. Durations are written
// as in the configuration.
type SCIM struct {
	Provisioning string `json:"provisioning,omitempty"`
	Admins       bool   `json:"admins,omitempty"`
	Guard        Guard  `json:"guard"`
	// MaxResults and MaxOperations bound a page and a bulk request.
	MaxResults    int         `json:"max_results,omitempty"`
	MaxOperations int         `json:"max_operations,omitempty"`
	Extensions    []Extension `json:"extensions,omitempty"`
}

// Extension is a schema extension of SCIM (RFC 7643, section 3.3).
type Extension struct {
	Resource   string      `json:"resource"` // User or Group
	ID         string      `json:"id"`       // its URN
	Name       string      `json:"name,omitempty"`
	Attributes []Attribute `json:"attributes"`
}

// Attribute is one of an extension (RFC 7643, section 2.2).
type Attribute struct {
	Name          string         `json:"name"`
	Description   string         `json:"description,omitempty"`
	Type          string         `json:"type,omitempty"`
	MultiValued   bool           `json:"multi_valued,omitempty"`
	CaseExact     bool           `json:"case_exact,omitempty"`
	Mutability    string         `json:"mutability,omitempty"`
	Returned      string         `json:"returned,omitempty"`
	SubAttributes []SubAttribute `json:"sub_attributes,omitempty"`
}

// SubAttribute is one of an attribute that has them.
type SubAttribute struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Type        string `json:"type,omitempty"`
	MultiValued bool   `json:"multi_valued,omitempty"`
	CaseExact   bool   `json:"case_exact,omitempty"`
}

// Guard halts a connection that takes away too much at once.
type Guard struct {
	Share   int    `json:"share,omitempty"` // percent
	Minimum int    `json:"minimum,omitempty"`
	Window  string `json:"window,omitempty"`
}

// Exchange says which of a provider's tokens or assertions apps may bring to act for
// whom they are about; nil for none. Durations are written as in the configuration.
type Exchange struct {
	Clients    map[string][]string `json:"clients,omitempty"`
	Audiences  []string            `json:"audiences,omitempty"`
	Recipients []string            `json:"recipients,omitempty"`
	Types      []string            `json:"types,omitempty"`
	MaxAge     string              `json:"max_age,omitempty"`
	Once       bool                `json:"once,omitempty"`
	ACR        []string            `json:"acr,omitempty"`
	AMR        []string            `json:"amr,omitempty"`
}

// Groups says where a person's groups are.
type Groups struct {
	Claim string `json:"claim,omitempty"`
}

// SAML is what a SAML connection has beside others. Durations are written as in the
// configuration.
type SAML struct {
	EntityID             string              `json:"entity_id,omitempty"`
	MetadataURL          string              `json:"metadata_url,omitempty"`
	Metadata             string              `json:"metadata,omitempty"`
	MetadataCertificates string              `json:"metadata_certificates,omitempty"`
	Refresh              string              `json:"refresh,omitempty"`
	MaxAge               string              `json:"max_age,omitempty"`
	Signed               string              `json:"signed,omitempty"`
	Encrypted            bool                `json:"encrypted,omitempty"`
	Binding              string              `json:"binding,omitempty"`
	NameIDFormat         string              `json:"name_id_format,omitempty"`
	Subject              string              `json:"subject,omitempty"`
	Attributes           map[string][]string `json:"attributes,omitempty"`
	AuthnContexts        []string            `json:"authn_contexts,omitempty"`
	IDPInitiated         bool                `json:"idp_initiated,omitempty"`
	Skew                 string              `json:"skew,omitempty"`
}

// Connection is an identity provider.
type Connection struct {
	Settings Settings `json:"settings"`
	Source   Source   `json:"source"`
	// HasSecret says that there is a client secret.
	HasSecret bool `json:"has_secret,omitempty"`
	// Created and Updated are zero for one of the configuration.
	Created time.Time `json:"created,omitzero"`
	Updated time.Time `json:"updated,omitzero"`
	// Version counts the changes of a stored one.
	Version int64 `json:"-"`
}

// Title is what people call the connection.
func (c Connection) Title() string {
	if c.Settings.Title != "" {
		return c.Settings.Title
	}
	return c.Settings.ID
}

// Record is a connection as it is stored. The secret is sealed, nil for none.
type Record struct {
	Connection
	Secret []byte `json:"-"`
	// Removed is zero for one that is there. The record of one that is not stays, and
	// so does what Reserve noted, so that nobody else takes its id.
	Removed time.Time `json:"removed,omitzero"`
}

// live reports whether the connection is there.
func (r Record) live() bool { return r.Removed.IsZero() }

// Change is what becomes of one record, in one transaction.
type Change struct {
	Record Record
	// Disabled switches the connection off or on; nil leaves it as it is.
	Disabled *bool
	// Keep leaves that as it is where the record is of one that was removed, too.
	Keep   bool
	Events []event.Event
}

// Store keeps connections.
type Store interface {
	// Connections returns every record, also of those that were removed.
	Connections(ctx context.Context) ([]Record, error)
	// ChangeConnections stores what change makes of all records as they are then. No
	// two changes are made at once. An empty Change changes nothing.
	ChangeConnections(ctx context.Context, change func(all []Record) (Change, error)) error
	// HasPeople reports whether anybody ever came over a connection.
	HasPeople(ctx context.Context, connection string) (bool, error)
}

// find returns the record with this id, nil for none.
func find(all []Record, id string) *Record {
	i := slices.IndexFunc(all, func(r Record) bool { return r.Settings.ID == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}
