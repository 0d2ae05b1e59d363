package groups

import (
	"cmp"
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func groupTag(g directory.Group) ui.Tag {
	if g.Name == "" {
		return ui.Tag{Text: ui.T("Not mapped"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Mapped"), Tone: ui.Good}
}

// groupName is what an upstream group is called.
func groupName(g directory.Group) string { return cmp.Or(g.DisplayName, g.Ref.ID) }

func (c *Console) groupList(v *kit.Visit) *kit.List[directory.Group] {
	return &kit.List[directory.Group]{
		Name: "groups", Path: c.Path("/groups"), Sorted: string(directory.ByName),
		Caption: ui.T("Upstream groups"),
		Empty:   ui.Empty{Icon: "group", Title: ui.T("No group is like that."), Text: ui.T("Groups are here once a sign-in told of them.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Name or id"), Type: "search"},
			{Name: "mapped", Label: ui.T("Mapping"), Options: []ui.Option{kit.Anything(), {Value: "true", Text: ui.T("Mapped")}, {Value: "false", Text: ui.T("Not mapped")}}},
			{Name: "connection", Label: ui.T("Connection"), Options: c.ConnectionOptions(v.Context())},
		},
		Columns: []kit.Column[directory.Group]{
			{Title: ui.T("Upstream group"), Name: "group", Sort: "name", Cell: func(g directory.Group) kit.Cell {
				return kit.Cell{Text: groupName(g), Also: g.Ref.Connection, Href: c.GroupPath(g.Ref)}
			}},
			{Title: ui.T("Mapped to"), Name: "name", Cell: func(g directory.Group) kit.Cell {
				if g.Name == "" {
					return kit.Cell{Tags: []ui.Tag{groupTag(g)}}
				}
				return kit.Cell{Text: g.Name}
			}},
			{Title: ui.T("Members"), Name: "members", Sort: "members", Cell: func(g directory.Group) kit.Cell { return kit.Count(g.Members) }},
			{Title: ui.T("Last seen"), Name: "last_seen", Sort: "last_seen", Cell: func(g directory.Group) kit.Cell { return c.seen(g.LastSeen) }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]directory.Group, string, error) {
			return c.o.Directory.SearchGroups(ctx, directory.GroupQuery{
				Text: q.Get("q"), Connection: q.Get("connection"), Mapped: kit.Truth(q.Get("mapped")),
				Sort: directory.Sort(q.Order()), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showGroups(v *kit.Visit) (kit.Answer, error) {
	return c.groupList(v).Show(v, ui.T("Groups"), kit.Around{Offers: v.Offers(kit.Way("/map-group", ui.T("Map a group that was not seen yet"), " plus"))})
}

// seen is when a sign-in told of a group, which is known to the hour.
func (c *Console) seen(at time.Time) kit.Cell {
	if age := c.Now().Sub(at); age >= 0 && age < time.Hour {
		return kit.Cell{Say: ui.T("within the last hour")}
	}
	return kit.Cell{Time: at}
}

func (c *Console) rules() []kit.Rule {
	const one = "/groups/{connection}/{group}"
	return []kit.Rule{
		{Path: "/groups", Right: admin.ReadGroups, Show: c.showGroups},
		{Path: one, Right: admin.ReadGroups, Show: c.showGroup},
		{Path: "/map-group", Right: admin.WriteGroups, Show: c.showUnseen},
		{Path: one + "/map", Right: admin.WriteGroups, Show: c.showMap, Act: c.mapGroup},
		{Path: one + "/unmap", Right: admin.WriteGroups, Ask: c.askUnmap, Operation: "unmapGroup", Then: one, Notice: "group-unmapped"},
	}
}
