package apps

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) appList() *kit.List[owned] {
	return &kit.List[owned]{
		Name: "apps", Path: c.Path("/apps"), Sorted: "title",
		Caption: ui.T("Apps"), Empty: ui.Empty{Icon: "apps", Title: ui.T("No app is like that.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "state", Label: ui.T("State"), Options: []ui.Option{
				kit.Anything(), {Value: string(catalog.On), Text: ui.T("In use")}, {Value: string(catalog.Off), Text: ui.T("Switched off")}, {Value: string(catalog.Incomplete), Text: ui.T("Incomplete")},
			}},
			{Name: "owner", Label: ui.T("Owner"), Type: "text"},
			{Name: "ownership", Label: ui.T("Ownership"), Options: []ui.Option{kit.Anything(), {Value: string(ownership.Orphaned), Text: ui.T("Orphaned")}}},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		Columns: []kit.Column[owned]{
			{Title: ui.T("App"), Name: "app", Sort: "title", Cell: func(a owned) kit.Cell {
				return kit.Cell{Text: a.Title(), Also: a.Name, Href: c.AppPath(a.App)}
			}},
			{Title: ui.T("State"), Name: "state", Sort: "state", Cell: func(a owned) kit.Cell { return kit.Cell{Tags: []ui.Tag{names.AppTag(a.App)}} }},
			{Title: ui.T("Client"), Name: "client_id", Cell: func(a owned) kit.Cell { return kit.Cell{Text: a.ClientID(), Code: true} }},
			{Title: ui.T("Owner"), Name: "owner", Sort: "team", Cell: owned.owner},
			{Title: ui.T("Groups"), Name: "groups", Cell: func(a owned) kit.Cell { return kit.Cell{Text: strings.Join(a.Groups(), ", ")} }},
			{Title: ui.T("Changed"), Name: "updated", Sort: "updated", Cell: func(a owned) kit.Cell { return kit.Cell{Time: a.Updated} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]owned, string, error) {
			return c.search(ctx, catalog.Query{
				Text: q.Get("q"), State: catalog.State(q.Get("state")), Owner: q.Get("owner"), Group: q.Get("group"), Orphaned: q.Get("ownership") == string(ownership.Orphaned),
				Sort: catalog.Sort(q.Order()), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showApps(v *kit.Visit) (kit.Answer, error) {
	return c.appList().Show(v, ui.T("Apps"), kit.Around{Offers: v.Offers(kit.Way(callersPath, ui.T("Callers of the broker"), " link", catalog.Broker), kit.Way("/new-app", ui.T("Add an app"), "primary plus"))})
}

func (c *Console) rules() []kit.Rule {
	const one = "/apps/{name}"
	return append(c.callerRules(), []kit.Rule{
		{Path: "/apps", Right: admin.ReadApps, Show: c.showApps},
		{Path: one, Right: admin.ReadApps, Show: c.showApp},
		{Path: one + "/disable", Right: admin.SwitchApps, Owned: true, Ask: c.askDisableApp, Operation: "disableApp", Then: one, Notice: "app-disabled"},
		{Path: one + "/enable", Right: admin.SwitchApps, Owned: true, Operation: "enableApp", Then: one, Notice: "app-enabled"},
		{Path: one + "/deliveries/retry", Right: admin.WriteOperations, Operation: "retryAppDeliveries", Then: one, Notice: "app-retried"},
		{Path: one + "/remove", Right: admin.WriteApps, Owned: true, Ask: c.askRemoveApp, Operation: "removeApp", Then: "/apps", Notice: "app-removed"},
		{Path: one + "/secret", Right: admin.WriteApps, Owned: true, Ask: c.askSecret, Act: c.newSecret},
		{Path: one + "/owner", Right: admin.WriteApps, Show: c.showOwner, Act: c.nameOwner},
		{Path: one + "/manifest", Right: admin.WriteApps, Owned: true, Show: c.showManifest, Act: c.takeManifest, Upload: true},
		{Path: "/new-app", Right: admin.WriteApps, Show: c.showManifest, Act: c.takeManifest, Upload: true},
	}...)
}

// Figures are those of the first page.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	apps, err := c.o.Apps.Count(v.Context())
	if err != nil {
		return page, err
	}
	off, incomplete := apps[catalog.Off], apps[catalog.Incomplete]
	s := ui.Stat{Label: ui.T("Apps"), Value: apps[catalog.On] + off + incomplete, Href: c.Path("/apps"), Note: ui.T("all in use")}
	if off+incomplete > 0 {
		s.Note = ui.T("%d switched off, %d incomplete", off, incomplete)
	}
	orphaned, err := c.o.Owners.CountOrphaned(v.Context())
	if err != nil {
		return page, err
	}
	page.Stats = append(page.Stats, s)
	if orphaned > 0 {
		page.Stats = append(page.Stats, ui.Stat{Label: ui.T("Orphaned apps"), Value: orphaned, Href: c.Path("/apps?ownership=orphaned"), Note: ui.T("their owners have left"), Tone: ui.Bad})
	}
	return page, nil
}
