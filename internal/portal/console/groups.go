package console

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) groupPath(g identity.GroupRef) string {
	return c.path(fill("/groups/{connection}/{group}", g.Connection, g.ID))
}

func groupTag(g directory.Group) ui.Tag {
	if g.Name == "" {
		return ui.Tag{Text: ui.T("Not mapped"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Mapped"), Tone: ui.Good}
}

// groupName is what an upstream group is called.
func groupName(g directory.Group) string { return cmp.Or(g.DisplayName, g.Ref.ID) }

func (c *Console) groupList(v *visit) *list[directory.Group] {
	return &list[directory.Group]{
		name: "groups", path: c.path("/groups"), sorted: string(directory.ByName),
		caption: ui.T("Upstream groups"),
		empty:   ui.Empty{Icon: "group", Title: ui.T("No group is like that."), Text: ui.T("Groups are here once a sign-in told of them.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Name or id"), Type: "search"},
			{Name: "mapped", Label: ui.T("Mapping"), Options: []ui.Option{anything(), {Value: "true", Text: ui.T("Mapped")}, {Value: "false", Text: ui.T("Not mapped")}}},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(v.r.Context())},
		},
		columns: []column[directory.Group]{
			{title: ui.T("Upstream group"), name: "group", sort: "name", cell: func(g directory.Group) cell {
				return cell{Text: groupName(g), Also: g.Ref.Connection, Href: c.groupPath(g.Ref)}
			}},
			{title: ui.T("Mapped to"), name: "name", cell: func(g directory.Group) cell {
				if g.Name == "" {
					return cell{Tags: []ui.Tag{groupTag(g)}}
				}
				return cell{Text: g.Name}
			}},
			{title: ui.T("Members"), name: "members", sort: "members", cell: func(g directory.Group) cell { return count(g.Members) }},
			{title: ui.T("Last seen"), name: "last_seen", sort: "last_seen", cell: func(g directory.Group) cell { return c.seen(g.LastSeen) }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]directory.Group, string, error) {
			return c.o.Directory.SearchGroups(ctx, directory.GroupQuery{
				Text: q.Get("q"), Connection: q.Get("connection"), Mapped: truth(q.Get("mapped")),
				Sort: directory.Sort(sorting(q)), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showGroups(v *visit) (answer, error) {
	return c.groupList(v).show(v, ui.T("Groups"), listView{Offers: v.offers(way("/map-group", ui.T("Map a group that was not seen yet"), " plus"))})
}

// unseenView asks which group is to be mapped ahead of the first sign-in with it.
type unseenView struct {
	Action, Back string
	Connections  []ui.Option
}

// showUnseen asks for a group by its id, and leads to its mapping.
func (c *Console) showUnseen(v *visit) (answer, error) {
	connection, id := v.query.Get("connection"), strings.TrimSpace(v.query.Get("group"))
	if connection != "" && id != "" {
		return redirect{to: fill("/groups/{connection}/{group}/map", connection, id)}, nil
	}
	return view{title: ui.T("Map a group that was not seen yet"), crumbs: v.crumbs(ui.T("Groups"), "/groups"), template: "unseen", data: unseenView{
		Action: c.path("/map-group"), Back: c.path("/groups"), Connections: c.connectionOptions(v.r.Context())[1:],
	}}, nil
}

// seen is when a sign-in told of a group, which is known to the hour.
func (c *Console) seen(at time.Time) cell {
	if age := c.o.Now().Sub(at); age >= 0 && age < time.Hour {
		return cell{Say: ui.T("within the last hour")}
	}
	return cell{Time: at}
}
