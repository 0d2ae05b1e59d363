package console

import (
	"cmp"
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// The states of apps, as their filter has them.
const (
	stateOn         = "on"
	stateOff        = "off"
	stateIncomplete = "incomplete"
)

// stateOf says whether people get into an app.
func stateOf(a catalog.App) string {
	switch {
	case a.Disabled:
		return stateOff
	case len(a.Manifest.Missing()) > 0:
		return stateIncomplete
	}
	return stateOn
}

func appTag(a catalog.App) ui.Tag {
	switch stateOf(a) {
	case stateOff:
		return ui.Tag{Text: ui.T("Switched off"), Tone: ui.Bad}
	case stateIncomplete:
		return ui.Tag{Text: ui.T("Incomplete"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("In use"), Tone: ui.Good}
}

// titleOf is what an app is called.
func titleOf(a catalog.App) string { return cmp.Or(a.Manifest.Metadata.Title, a.Name) }

func (c *Console) appPath(a catalog.App) string { return c.path("/apps/" + a.Name) }

// groupsOf lists the groups that an app names, each once, in its order.
func groupsOf(a catalog.App) []string {
	var all []string
	seen := map[string]bool{}
	for _, e := range a.Manifest.Spec.Entitlements {
		for _, g := range e.Groups {
			if !seen[g] {
				seen[g], all = true, append(all, g)
			}
		}
	}
	return all
}

func (c *Console) appList() *list[catalog.App] {
	return &list[catalog.App]{
		name: "apps", path: c.path("/apps"), sorted: "name",
		caption: ui.T("Apps"), empty: ui.Empty{Icon: "apps", Title: ui.T("No app is like that.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "state", Label: ui.T("State"), Options: []ui.Option{
				anything(), {Value: stateOn, Text: ui.T("In use")}, {Value: stateOff, Text: ui.T("Switched off")}, {Value: stateIncomplete, Text: ui.T("Incomplete")},
			}},
			{Name: "owner", Label: ui.T("Owner"), Type: "text"},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		columns: []column[catalog.App]{
			{title: ui.T("App"), name: "app", sort: "name", cell: func(a catalog.App) cell {
				return cell{Text: titleOf(a), Also: a.Name, Href: c.appPath(a)}
			}},
			{title: ui.T("State"), name: "state", sort: "state", cell: func(a catalog.App) cell { return cell{Tags: []ui.Tag{appTag(a)}} }},
			{title: ui.T("Client"), name: "client_id", cell: func(a catalog.App) cell { return cell{Text: a.ClientID(), Code: true} }},
			{title: ui.T("Owner"), name: "owner", sort: "owner", cell: func(a catalog.App) cell {
				return cell{Text: a.Manifest.Spec.Owner.Team, Also: a.Manifest.Spec.Owner.Primary}
			}},
			{title: ui.T("Groups"), name: "groups", cell: func(a catalog.App) cell { return cell{Text: strings.Join(groupsOf(a), ", ")} }},
			{title: ui.T("Changed"), name: "updated", sort: "updated", cell: func(a catalog.App) cell { return cell{Time: a.Updated} }},
		},
		fetch: shelf[catalog.App]{
			all: func(ctx context.Context) ([]catalog.App, error) { return c.o.Apps.Apps(ctx) },
			id:  func(a catalog.App) string { return a.Name },
			keep: func(a catalog.App, q listQuery) bool {
				m := a.Manifest
				return contains(q.Get("q"), a.Name, m.Metadata.Title, m.Metadata.Description, a.ClientID()) &&
					(q.Get("state") == "" || q.Get("state") == stateOf(a)) && contains(q.Get("owner"), m.Spec.Owner.Team, m.Spec.Owner.Primary) &&
					(q.Get("group") == "" || contains(q.Get("group"), groupsOf(a)...))
			},
			orders: map[string]func(a, b catalog.App) int{
				"name": func(a, b catalog.App) int {
					return cmp.Compare(strings.ToLower(titleOf(a)), strings.ToLower(titleOf(b)))
				},
				"state":   func(a, b catalog.App) int { return cmp.Compare(stateOf(a), stateOf(b)) },
				"owner":   func(a, b catalog.App) int { return cmp.Compare(a.Manifest.Spec.Owner.Team, b.Manifest.Spec.Owner.Team) },
				"updated": func(a, b catalog.App) int { return a.Updated.Compare(b.Updated) },
			},
		}.fetch,
	}
}

func (c *Console) showApps(v *visit) (answer, error) {
	return c.appList().show(v, ui.T("Apps"), listView{Offers: v.offers(way("/new-app", ui.T("Add an app"), "primary plus"))})
}
