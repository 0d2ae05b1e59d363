package scim

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// groups is the endpoint /Groups. Members never go through the resource: they are rows
// of their own, and what a request says of them becomes a change of a set.
type groups struct{}

var hasMembers = filter.Path{Attribute: members}

// unpackGroup is a group as steps are applied to it, without its members.
func unpackGroup(g record.Group) map[string]any {
	r := maps.Clone(g.Attributes)
	if r == nil {
		r = map[string]any{}
	}
	r[displayName] = g.DisplayName
	if g.ExternalID != "" {
		r[externalID] = g.ExternalID
	}
	return r
}

func packGroup(g record.Group, r map[string]any) record.Group {
	g.DisplayName, _ = r[displayName].(string)
	g.ExternalID, _ = r[externalID].(string)
	delete(r, displayName)
	delete(r, externalID)
	g.Attributes = r
	return g
}

func (e groups) create(ctx context.Context, c *call, steps []patch.Step) (answer, error) {
	g, has, err := newGroup(c, steps)
	if err != nil {
		return answer{}, err
	}
	made, existed, err := c.o.Groups.CreateGroup(ctx, c.op, g, has)
	if err != nil {
		return answer{}, err
	}
	return createdGroup(ctx, c, made, existed)
}

// newGroup is the group that a POST describes.
func newGroup(c *call, steps []patch.Step) (record.Group, []record.Member, error) {
	rest, set, err := membersOf(steps, c.looks, none)
	if err != nil {
		return record.Group{}, nil, err
	}
	r, err := patch.Apply(c.profile.group, map[string]any{}, rest, c.looks)
	if err != nil {
		return record.Group{}, nil, err
	}
	return packGroup(record.Group{Connection: c.connection}, r), set.Add, nil
}

// createdGroup answers a POST: see createdUser.
func createdGroup(ctx context.Context, c *call, made record.Group, existed bool) (answer, error) {
	if existed && made.ExternalID == "" {
		return answer{}, record.ErrTaken.At(displayName)
	}
	a, err := groups{}.answer(ctx, c, made, http.StatusCreated)
	a.changed = !existed
	return a, err
}

func (e groups) get(ctx context.Context, c *call, id string) (answer, error) {
	g, err := c.o.Groups.Group(ctx, c.connection, id)
	if err != nil {
		return answer{}, err
	}
	if same, err := c.unchanged(g.Version); same || err != nil {
		return answer{status: http.StatusNotModified, version: version(g.Version), resource: "Group/" + id}, err
	}
	return e.answer(ctx, c, g, http.StatusOK)
}

func (e groups) put(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error) {
	rest, set, err := membersOf(steps, c.looks, none)
	if err != nil {
		return answer{}, err
	}
	set.Replace = !stays(steps, hasMembers)
	g, changed, err := e.change(ctx, c, id, record.GroupChange{Members: set, Change: func(g record.Group) (record.Group, error) {
		r, err := patch.Apply(c.profile.group, kept(unpackGroup(g), rest, externalID), rest, c.looks)
		if err != nil {
			return g, err
		}
		return packGroup(g, r), nil
	}})
	if err != nil {
		return answer{}, err
	}
	a, err := e.answer(ctx, c, g, http.StatusOK)
	a.changed = changed
	return a, err
}

// patch answers without a body, so that it costs the same for a group of any size,
// unless the client asks for attributes (RFC 7644, section 3.5.2).
func (e groups) patch(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error) {
	rest, set, err := membersOf(steps, c.looks, func() ([]record.Member, error) {
		all, err := c.o.Members.Members(ctx, c.connection, id)
		return all[id], err
	})
	if err != nil {
		return answer{}, err
	}
	change := record.GroupChange{Members: set}
	if len(rest) > 0 {
		change.Change = func(g record.Group) (record.Group, error) {
			r, err := patch.Apply(c.profile.group, unpackGroup(g), rest, c.looks)
			if err != nil {
				return g, err
			}
			return packGroup(g, r), nil
		}
	}
	g, changed, err := e.change(ctx, c, id, change)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusNoContent, version: version(g.Version), resource: "Group/" + id}
	if c.query.Has("attributes") {
		a, err = e.answer(ctx, c, g, http.StatusOK)
	}
	a.changed = changed
	return a, err
}

func (groups) change(ctx context.Context, c *call, id string, change record.GroupChange) (record.Group, bool, error) {
	want, err := groups{}.want(ctx, c, id)
	if err != nil {
		return record.Group{}, false, err
	}
	if err := c.looks.Take(0); err != nil { // before it is read
		return record.Group{}, false, err
	}
	before, of := int64(0), change.Change
	change.Change = func(g record.Group) (record.Group, error) {
		if before = g.Version; of == nil {
			return g, nil
		}
		if err := c.looks.Take(patch.ReadValue * valuesIn(g.Attributes)); err != nil {
			return g, err
		}
		return of(g)
	}
	g, err := c.o.Groups.UpdateGroup(ctx, c.op, c.connection, id, want, change)
	return g, g.Version != before, err
}

func (groups) want(ctx context.Context, c *call, id string) (record.Match, error) {
	return c.want(func() (int64, error) {
		g, err := c.o.Groups.Group(ctx, c.connection, id)
		return g.Version, err
	})
}

func (e groups) remove(ctx context.Context, c *call, id string) (answer, error) {
	want, err := e.want(ctx, c, id)
	if err == nil {
		err = c.o.Groups.DeleteGroup(ctx, c.op, c.connection, id, want)
	}
	return answer{status: http.StatusNoContent, resource: "Group/" + id, changed: err == nil}, err
}

func (e groups) answer(ctx context.Context, c *call, g record.Group, status int) (answer, error) {
	all, err := e.render(ctx, c, []record.Group{g}, c.projection(c.profile.group))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: status, body: all[0], version: version(g.Version), resource: "Group/" + g.ID}
	if status == http.StatusCreated {
		a.location = c.location(c.profile.group, g.ID)
	}
	return a, nil
}

// render makes groups as they go out. Their members are only asked for if they do.
func (groups) render(ctx context.Context, c *call, all []record.Group, p resource.Projection) ([]any, error) {
	t := c.profile.group
	in := map[string][]record.Member{}
	if t.Wants(p, hasMembers) && len(all) > 0 {
		ids := make([]string, len(all))
		for i, g := range all {
			ids[i] = g.ID
		}
		var err error
		if in, err = c.o.Members.Members(ctx, c.connection, ids...); err != nil {
			return nil, err
		}
	}
	out := make([]any, len(all))
	for i, g := range all {
		r := unpackGroup(g)
		c.common(r, t, g.ID, g.Version, meta{g.Created, g.Updated})
		one := t.Project(r, p)
		if len(in[g.ID]) > 0 {
			one[members] = c.members(in[g.ID], p)
		}
		out[i] = one
	}
	return out, nil
}

// members are the members of a group as they go out, each made when it does. What is not
// known yet goes out as the client named it, so that it does not send it for ever.
func (c *call) members(in []record.Member, p resource.Projection) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, m := range in {
			of := map[string]any{"value": m.Value}
			switch {
			case m.Pending:
			case m.Kind == record.KindGroup:
				of["type"], of["$ref"] = "Group", c.location(c.profile.group, m.Value)
			default:
				of["type"], of["$ref"] = "User", c.location(c.profile.user, m.Value)
			}
			if one := c.profile.group.Sub(p, hasMembers, of); one != nil && !yield(one) {
				return
			}
		}
	}
}

func (e groups) list(ctx context.Context, c *call, s search) (page, error) {
	found, err := c.o.Groups.Groups(ctx, c.connection, s.query)
	if err != nil {
		return page{}, err
	}
	items, err := e.render(ctx, c, found.Items, s.projection)
	return page{items: items, total: found.Total, next: found.Next}, err
}

// meta is when a resource was made and changed last.
type meta struct{ created, updated time.Time }

// common adds the attributes that every resource has (RFC 7643, section 3.1).
func (c *call) common(r map[string]any, t *resource.Type, id string, n int64, m meta) {
	r["schemas"], r["id"] = extensionsIn(r, t), id
	r["meta"] = map[string]any{
		"resourceType": t.Name, "created": filter.FormatTime(m.created), "lastModified": filter.FormatTime(m.updated),
		"location": c.location(t, id), "version": version(n),
	}
}

// location is a resource's address.
func (c *call) location(t *resource.Type, id string) string { return c.base() + t.Endpoint + "/" + id }
