package scim

import (
	"encoding/json"

	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// Limits bound what one request of a connection may ask for.
type Limits struct {
	// Results is the most resources on a page, 1 to record.MaxCount.
	Results int
	// Operations is the most operations of a bulk request, at least 1.
	Operations int
	// Payload is the most bytes of a body, and of all large bodies together that are under
	// way at once.
	Payload int64
	// Body bounds the JSON values of a body: each takes time and memory, however short it
	// is.
	Body resource.Budget
}

// DefaultLimits are those of a connection that has none of its own: a group of 100,000
// members can be sent with all that clients say of each.
func DefaultLimits() Limits {
	return Limits{Results: record.MaxCount, Operations: 1000, Payload: 16 << 20, Body: resource.Budget{Values: 600_000, Kept: 200_000}}
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
	// room is for the bodies that are under way.
	room lanes
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
	p := &Profile{limits: limits, room: newLanes(normalRoom, limits.Payload)}
	var err error
	if p.user, err = resource.NewUser(user...); err != nil {
		return nil, err
	}
	p.group, err = resource.NewGroup(group...)
	return p, err
}

// ReadUser returns a user as it would be if a client had sent it: its attributes checked
// against the schemas, in their spelling, without what only the broker sets.
func (p *Profile) ReadUser(u record.User) (record.User, error) {
	r, err := p.read(p.user, unpack(u))
	if err != nil {
		return u, err
	}
	return pack(u, r)
}

// ReadGroup is ReadUser for groups.
func (p *Profile) ReadGroup(g record.Group) (record.Group, error) {
	r, err := p.read(p.group, unpackGroup(g))
	if err != nil {
		return g, err
	}
	delete(r, members)
	return packGroup(g, r), nil
}

func (p *Profile) read(t *resource.Type, of map[string]any) (map[string]any, error) {
	of["schemas"] = []any{t.Core.ID}
	steps, err := patch.Body(of, t)
	if err != nil {
		return nil, err
	}
	return patch.Apply(t, map[string]any{}, steps, &patch.Looks{})
}
