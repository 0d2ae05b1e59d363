package groups

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// supposed names people's groups by mappings as they would be.
type supposed struct {
	names map[identity.GroupRef]string
	now   time.Time
}

// Standing implements entitlement.Groups.
func (s supposed) Standing(_ context.Context, p directory.Person) (directory.Standing, error) {
	return directory.StandingOf(p.Groups, s.names, s.now), nil
}

// access is who may use an app, by app.
type access map[string][]kit.Cell

// remapping tells who would gain and who would lose which app if the group had
// another name, or none. It looks at up to counted members, one by one, with the
// rules that decide at sign-in.
func (c *Console) remapping(ctx context.Context, g directory.Group, name string) ([]kit.Hit, error) {
	before, err := c.Mapped(ctx)
	if err != nil {
		return nil, err
	}
	after := make(map[identity.GroupRef]string, len(before)+1)
	for ref, n := range before {
		after[ref] = n
	}
	after[g.Ref] = name
	if name == "" {
		delete(after, g.Ref)
	}
	clients, err := c.o.Clients(ctx)
	if err != nil {
		return nil, err
	}
	clients = slices.DeleteFunc(slices.Clone(clients), func(client *registry.Client) bool { return !concerned(client, g.Name, name) })
	members, next, err := c.o.Directory.Search(ctx, directory.Query{Upstream: g.Ref, Limit: names.Counted})
	if err != nil {
		return nil, err
	}
	now := c.Now()
	was, will := supposed{before, now}, supposed{after, now}
	gained, lost, err := c.compare(ctx, members, clients, was, will)
	if err != nil {
		return nil, err
	}
	hits := []kit.Hit{{Label: ui.T("Members of the group"), Count: int64(len(members)), More: next != "", Names: c.peopleCells(members)}}
	hits = append(hits, c.roleHits(members, was, will, next != "")...)
	for _, client := range clients {
		if people := gained[client.App]; len(people) > 0 {
			hits = append(hits, named(ui.T("Gain access to %s", client.Title), people, next != ""))
		}
		if people := lost[client.App]; len(people) > 0 {
			hits = append(hits, named(ui.T("Lose access to %s", client.Title), people, next != ""))
		}
	}
	return hits, nil
}

// roleHits tells who gains and who loses a role here, of those that groups give.
func (c *Console) roleHits(members []directory.Person, was, will supposed, more bool) []kit.Hit {
	var hits []kit.Hit
	for _, role := range admin.Roles() {
		var gain, lose []kit.Cell
		for _, p := range members {
			had, has := was.inOneOf(p, c.o.Roles.GroupsOf(role)), will.inOneOf(p, c.o.Roles.GroupsOf(role))
			named := kit.Cell{Text: kit.NameOf(p), Href: c.PersonPath(p.ID)}
			if has && !had {
				gain = append(gain, named)
			} else if had && !has {
				lose = append(lose, named)
			}
		}
		if len(gain) > 0 {
			hits = append(hits, named(ui.T("Get the role “%s” here", names.RoleText(role)), gain, more))
		}
		if len(lose) > 0 {
			hits = append(hits, named(ui.T("Lose the role “%s” that groups give", names.RoleText(role)), lose, more))
		}
	}
	return hits
}

// inOneOf reports whether somebody is in a group of one of the names.
func (s supposed) inOneOf(p directory.Person, names []string) bool {
	return slices.ContainsFunc(directory.NamesOf(p, s.names, s.now), func(n string) bool { return slices.Contains(names, n) })
}

func named(label ui.Text, people []kit.Cell, more bool) kit.Hit {
	h := kit.Naming(label, people)
	h.More = more
	return h
}

// concerned reports whether one of the names lets people into an app.
func concerned(client *registry.Client, names ...string) bool {
	for _, e := range client.Entitlements {
		for _, g := range e.Groups {
			if g != "" && slices.Contains(names, g) {
				return true
			}
		}
	}
	return false
}

// compare decides for everybody and every app by both mappings.
func (c *Console) compare(ctx context.Context, people []directory.Person, clients []*registry.Client, before, after supposed) (gained, lost access, err error) {
	was, will := c.o.Entitlements.Supposing(before), c.o.Entitlements.Supposing(after)
	gained, lost = access{}, access{}
	for _, p := range people {
		for _, client := range clients {
			had, err := was.Check(ctx, p, client)
			if err != nil {
				return nil, nil, err
			}
			has, err := will.Check(ctx, p, client)
			if err != nil {
				return nil, nil, err
			}
			named := kit.Cell{Text: kit.NameOf(p), Href: c.PersonPath(p.ID)}
			switch {
			case has.Allowed && !had.Allowed:
				gained[client.App] = append(gained[client.App], named)
			case had.Allowed && !has.Allowed:
				lost[client.App] = append(lost[client.App], named)
			}
		}
	}
	return gained, lost, nil
}

func (c *Console) peopleCells(people []directory.Person) []kit.Cell {
	var cells []kit.Cell
	for _, p := range people[:min(len(people), kit.NamesShown)] {
		cells = append(cells, kit.Cell{Text: kit.NameOf(p), Href: c.PersonPath(p.ID)})
	}
	return cells
}
