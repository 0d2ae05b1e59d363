package scim

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// users is the endpoint /Users.
type users struct{}

// The attributes that have a place of their own in a record.
const (
	userName    = "userName"
	externalID  = "externalId"
	active      = "active"
	displayName = "displayName"
	members     = "members"
)

var inGroups = filter.Path{Attribute: "groups"}

// unpack is a user as steps are applied to it.
func unpack(u record.User) map[string]any {
	r := maps.Clone(u.Attributes)
	if r == nil {
		r = map[string]any{}
	}
	r[userName], r[active] = u.UserName, u.Active
	if u.ExternalID != "" {
		r[externalID] = u.ExternalID
	}
	return r
}

// pack makes a record of it again.
func pack(u record.User, r map[string]any) (record.User, error) {
	is, ok := r[active].(bool)
	if !ok {
		return u, resource.Bad(resource.ErrMutability, "active is true or false: it cannot be removed")
	}
	u.Active = is
	u.UserName, _ = r[userName].(string)
	u.ExternalID, _ = r[externalID].(string)
	for _, name := range []string{userName, externalID, active} {
		delete(r, name)
	}
	u.Attributes = r
	return u, nil
}

func (users) create(ctx context.Context, c *call, steps []patch.Step) (answer, error) {
	u, err := newUser(c, steps)
	if err != nil {
		return answer{}, err
	}
	made, existed, err := c.o.Users.CreateUser(ctx, c.op, u)
	if err != nil {
		return answer{}, err
	}
	return createdUser(ctx, c, made, existed)
}

// newUser is the user that a POST describes: active, if it does not say.
func newUser(c *call, steps []patch.Step) (record.User, error) {
	r, err := patch.Apply(c.profile.user, map[string]any{active: true}, steps, c.looks)
	if err != nil {
		return record.User{}, err
	}
	return pack(record.User{Connection: c.connection}, r)
}

// createdUser answers a POST. A client that says again what it said, down to its own
// name for the user, gets the same answer; without such a name nobody can tell that from
// a second user of one name, which RFC 7644, section 3.3 refuses.
func createdUser(ctx context.Context, c *call, made record.User, existed bool) (answer, error) {
	if existed && made.ExternalID == "" {
		return answer{}, record.ErrTaken.At(userName)
	}
	a, err := users{}.answer(ctx, c, made, http.StatusCreated)
	a.changed = !existed
	return a, err
}

func (users) get(ctx context.Context, c *call, id string) (answer, error) {
	u, err := c.o.Users.User(ctx, c.connection, id)
	if err != nil {
		return answer{}, err
	}
	if same, err := c.unchanged(u.Version); same || err != nil {
		return answer{status: http.StatusNotModified, version: version(u.Version), resource: "User/" + id}, err
	}
	return users{}.answer(ctx, c, u, http.StatusOK)
}

func (e users) put(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error) {
	return e.change(ctx, c, id, func(u record.User) (map[string]any, error) {
		return patch.Apply(c.profile.user, kept(unpack(u), steps, active, externalID), steps, c.looks)
	})
}

// kept is what a PUT begins with: what stays unless the client names it.
func kept(was map[string]any, steps []patch.Step, names ...string) map[string]any {
	r := map[string]any{}
	for _, name := range names {
		if v, ok := was[name]; ok && stays(steps, filter.Path{Attribute: name}) {
			r[name] = v
		}
	}
	return r
}

func (e users) patch(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error) {
	return e.change(ctx, c, id, func(u record.User) (map[string]any, error) {
		return patch.Apply(c.profile.user, unpack(u), steps, c.looks)
	})
}

func (e users) change(ctx context.Context, c *call, id string, change func(record.User) (map[string]any, error)) (answer, error) {
	want, err := c.want(func() (int64, error) {
		u, err := c.o.Users.User(ctx, c.connection, id)
		return u.Version, err
	})
	if err != nil {
		return answer{}, err
	}
	if err := c.looks.Take(0); err != nil { // before it is read
		return answer{}, err
	}
	before := int64(0)
	u, err := c.o.Users.UpdateUser(ctx, c.op, c.connection, id, want, func(u record.User) (record.User, error) {
		before = u.Version
		if err := c.looks.Take(patch.ReadValue * valuesIn(u.Attributes)); err != nil {
			return u, err
		}
		r, err := change(u)
		if err != nil {
			return u, err
		}
		return pack(u, r)
	})
	if err != nil {
		return answer{}, err
	}
	a, err := e.answer(ctx, c, u, http.StatusOK)
	a.changed = u.Version != before
	return a, err
}

// valuesIn is how many values attributes have that may have several.
func valuesIn(attributes map[string]any) (n int) {
	for _, v := range attributes {
		switch v := v.(type) {
		case []any:
			n += len(v)
		case map[string]any:
			n += valuesIn(v)
		}
	}
	return n
}

func (users) remove(ctx context.Context, c *call, id string) (answer, error) {
	want, err := c.want(func() (int64, error) {
		u, err := c.o.Users.User(ctx, c.connection, id)
		return u.Version, err
	})
	if err == nil {
		err = c.o.Users.DeleteUser(ctx, c.op, c.connection, id, want)
	}
	return answer{status: http.StatusNoContent, resource: "User/" + id, changed: err == nil}, err
}

// answer is a user as it goes out.
func (e users) answer(ctx context.Context, c *call, u record.User, status int) (answer, error) {
	all, err := e.render(ctx, c, []record.User{u}, c.projection(c.profile.user))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: status, body: all[0], version: version(u.Version), resource: "User/" + u.ID}
	if status == http.StatusCreated {
		a.location = c.location(c.profile.user, u.ID)
	}
	return a, nil
}

// render makes users as they go out. Their groups are only asked for if they do.
func (users) render(ctx context.Context, c *call, all []record.User, p resource.Projection) ([]any, error) {
	t := c.profile.user
	in := map[string][]record.In{}
	if t.Wants(p, inGroups) && len(all) > 0 {
		ids := make([]string, len(all))
		for i, u := range all {
			ids[i] = u.ID
		}
		var err error
		if in, err = c.o.Members.GroupsOf(ctx, c.connection, ids...); err != nil {
			return nil, err
		}
	}
	out := make([]any, len(all))
	for i, u := range all {
		r := unpack(u)
		c.common(r, t, u.ID, u.Version, meta{u.Created, u.Updated})
		if of := c.groups(in[u.ID]); of != nil {
			r["groups"] = of
		}
		out[i] = t.Project(r, p)
	}
	return out, nil
}

// groups are the groups of a user as they go out.
func (c *call) groups(in []record.In) []any {
	var list []any
	for _, g := range in {
		of := map[string]any{"value": g.ID, "$ref": c.location(c.profile.group, g.ID), "type": "indirect"}
		if g.Direct {
			of["type"] = "direct"
		}
		if g.Display != "" {
			of["display"] = g.Display
		}
		list = append(list, of)
	}
	return list
}

func (e users) list(ctx context.Context, c *call, s search) (page, error) {
	found, err := c.o.Users.Users(ctx, c.connection, s.query)
	if err != nil {
		return page{}, err
	}
	items, err := e.render(ctx, c, found.Items, s.projection)
	return page{items: items, total: found.Total, next: found.Next}, err
}

// extensionsIn are the URNs of the extensions that a resource has attributes of.
func extensionsIn(r map[string]any, t *resource.Type) []string {
	urns := []string{t.Core.ID}
	for _, e := range t.Extensions {
		if _, ok := r[e.ID]; ok {
			urns = append(urns, e.ID)
		}
	}
	slices.Sort(urns[1:])
	return urns
}
