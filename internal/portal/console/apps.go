package console

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func appTag(a catalog.App) ui.Tag {
	switch a.State() {
	case catalog.Off:
		return ui.Tag{Text: ui.T("Switched off"), Tone: ui.Bad}
	case catalog.Incomplete:
		return ui.Tag{Text: ui.T("Incomplete"), Tone: ui.Warn}
	case catalog.On:
	}
	return ui.Tag{Text: ui.T("In use"), Tone: ui.Good}
}

func (c *Console) appPath(a catalog.App) string { return c.path("/apps/" + a.Name) }

func (c *Console) appList() *list[catalog.App] {
	return &list[catalog.App]{
		name: "apps", path: c.path("/apps"), sorted: "title",
		caption: ui.T("Apps"), empty: ui.Empty{Icon: "apps", Title: ui.T("No app is like that.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "state", Label: ui.T("State"), Options: []ui.Option{
				anything(), {Value: string(catalog.On), Text: ui.T("In use")}, {Value: string(catalog.Off), Text: ui.T("Switched off")}, {Value: string(catalog.Incomplete), Text: ui.T("Incomplete")},
			}},
			{Name: "owner", Label: ui.T("Owner"), Type: "text"},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		columns: []column[catalog.App]{
			{title: ui.T("App"), name: "app", sort: "title", cell: func(a catalog.App) cell {
				return cell{Text: a.Title(), Also: a.Name, Href: c.appPath(a)}
			}},
			{title: ui.T("State"), name: "state", sort: "state", cell: func(a catalog.App) cell { return cell{Tags: []ui.Tag{appTag(a)}} }},
			{title: ui.T("Client"), name: "client_id", cell: func(a catalog.App) cell { return cell{Text: a.ClientID(), Code: true} }},
			{title: ui.T("Owner"), name: "owner", sort: "team", cell: func(a catalog.App) cell {
				return cell{Text: a.Manifest.Spec.Owner.Team, Also: a.Manifest.Spec.Owner.Primary}
			}},
			{title: ui.T("Groups"), name: "groups", cell: func(a catalog.App) cell { return cell{Text: strings.Join(a.Groups(), ", ")} }},
			{title: ui.T("Changed"), name: "updated", sort: "updated", cell: func(a catalog.App) cell { return cell{Time: a.Updated} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]catalog.App, string, error) {
			return c.o.Apps.Search(ctx, catalog.Query{
				Text: q.Get("q"), State: catalog.State(q.Get("state")), Owner: q.Get("owner"), Group: q.Get("group"),
				Sort: catalog.Sort(sorting(q)), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showApps(v *visit) (answer, error) {
	return c.appList().show(v, ui.T("Apps"), listView{Offers: v.offers(way("/new-app", ui.T("Add an app"), "primary plus"))})
}
