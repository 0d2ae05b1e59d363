package scim

import (
	"encoding/json"

	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// Limits bound what one request of a connection may ask for.
type Limits struct {
	// Results is the most resources on a page, 1 to record.MaxCount.
	Results int
	// Operations is the most operations of a bulk request, at least 1.
	Operations int
	// Payload is the most bytes of a body.
	Payload int64
}

// DefaultLimits are those of a connection that has none of its own.
func DefaultLimits() Limits {
	return Limits{Results: record.MaxCount, Operations: 1000, Payload: 4 << 20}
}

// Extension is a schema extension of a connection's own.
type Extension struct {
	// Resource is "User" or "Group".
	Resource string
	// Schema is the schema in JSON (RFC 7643, section 7).
	Schema json.RawMessage
}

// Profile is what a connection's clients are served: its resource types and limits. It
// does not change once made, and is safe for concurrent use.
type Profile struct {
	user, group *resource.Type
	limits      Limits
}

// NewProfile returns the profile of a connection with these extensions.
func NewProfile(limits Limits, extensions ...Extension) (*Profile, error) {
	var user, group []schema.Schema
	for _, e := range extensions {
		s, err := resource.ParseExtension(e.Schema)
		switch {
		case err != nil:
			return nil, err
		case e.Resource == "User":
			user = append(user, s)
		case e.Resource == "Group":
			group = append(group, s)
		default:
			return nil, resource.Bad(resource.ErrExtension, "the schema extension %q is for User or Group, not %q", s.ID, e.Resource)
		}
	}
	p := &Profile{limits: limits}
	var err error
	if p.user, err = resource.NewUser(user...); err != nil {
		return nil, err
	}
	p.group, err = resource.NewGroup(group...)
	return p, err
}
