package apps

import (
	"context"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// The paths of the pages about the callers of an API.
const (
	callersPath  = "/apps/{name}/callers"
	callerPath   = callersPath + "/{caller}"
	agreePath    = callerPath + "/agree"
	withdrawPath = callerPath + "/withdraw"
	// onePath is one right of a caller, behind an action.
	onePath = "/{mode}/{scope}"
)

func (c *Console) callerRules() []kit.Rule {
	return []kit.Rule{
		{Path: callersPath, Right: admin.ReadApps, Show: c.showCallers},
		{Path: callerPath, Right: admin.ReadApps, Show: c.showCaller},
		{Path: agreePath, Right: admin.WriteApps, Owned: true, Ask: c.askAgree, Act: c.agree},
		{Path: agreePath + onePath, Right: admin.WriteApps, Owned: true, Ask: c.askAgree, Act: c.agree},
		{Path: withdrawPath, Right: admin.WriteApps, Owned: true, Ask: c.askWithdraw, Act: c.withdraw},
		{Path: withdrawPath + onePath, Right: admin.WriteApps, Owned: true, Ask: c.askWithdraw, Act: c.withdraw},
	}
}

// api is the app that the path names, which serves the API: one without a title stands
// for the broker.
func (c *Console) api(v *kit.Visit) (catalog.App, error) {
	if name := v.PathValue("name"); name != catalog.Broker {
		return c.o.Apps.App(v.Context(), name)
	}
	return catalog.App{Name: catalog.Broker}, nil
}

// apiTitle is what the side is called that agrees.
func apiTitle(a catalog.App) ui.Text {
	if a.Name == catalog.Broker {
		return ui.T("the broker")
	}
	return ui.Plain(a.Title())
}

// apiCrumbs lead up to the page of the app that serves the API.
func (c *Console) apiCrumbs(v *kit.Visit, a catalog.App) []ui.Link {
	crumbs := v.Crumbs(ui.T("Apps"), "/apps")
	if a.Name == catalog.Broker {
		return crumbs
	}
	return append(crumbs, ui.Link{Text: ui.Plain(a.Title()), Href: c.AppPath(a)})
}

// asked is one right that an app asks for.
type asked struct {
	App    string `json:"app"`
	Client string `json:"client"`
	catalog.Wish
	// several says that the app asks for more of which somebody agreed, or did not, alike.
	several bool
}

// askedOf lists the rights that apps ask of an API.
func (c *Console) askedOf(ctx context.Context, api string) (all []asked, err error) {
	callers, err := c.o.Apps.Callers(ctx, api)
	for _, one := range callers {
		all = append(all, askedBy(one)...)
	}
	return all, err
}

// askedBy lists the rights that one app asks for.
func askedBy(of catalog.Caller) []asked {
	several, all := alike(of), make([]asked, len(of.Wishes))
	for i, w := range of.Wishes {
		all[i] = asked{of.App, of.Client, w, several[w.Agreed] > 1}
	}
	return all
}

// alike counts what an app asks for and somebody agreed to, and what nobody did.
func alike(of catalog.Caller) map[bool]int {
	n := map[bool]int{}
	for _, w := range of.Wishes {
		n[w.Agreed]++
	}
	return n
}

// askedOffers are what may be done about a right, and about all of the app that are alike.
func askedOffers(v *kit.Visit, api catalog.App, one asked) []kit.Offer {
	action, text, every, look := agreePath, ui.T("Agree"), ui.T("Agree to all"), " check"
	if one.Agreed {
		action, text, every, look = withdrawPath, ui.T("Withdraw"), ui.T("Withdraw everything"), "danger cross"
	}
	ways := []kit.Offering{kit.Way(action+onePath, text, look, api.Name, one.App, string(one.Mode), one.Scope).For(api)}
	if one.several {
		ways = append(ways, kit.Way(action, every, look, api.Name, one.App).For(api))
	}
	return v.Offers(ways...)
}

// askedColumns are what a right is shown by, the app that asks first.
func (c *Console) askedColumns(v *kit.Visit, api catalog.App) []kit.Column[asked] {
	return []kit.Column[asked]{
		{Title: ui.T("App"), Name: "app", Cell: func(one asked) kit.Cell {
			return kit.Cell{Text: one.App, Also: one.Client, Href: c.Path(kit.Fill(callerPath, api.Name, one.App))}
		}},
		{Title: ui.T("Scope"), Name: "scope", Cell: func(one asked) kit.Cell { return kit.Cell{Text: one.Scope, Code: true} }},
		{Title: ui.T("How"), Name: "mode", Cell: func(one asked) kit.Cell { return kit.Cell{Say: modeText(one.Mode), Raw: string(one.Mode)} }},
		{Title: ui.T("State"), Name: "state", Cell: func(one asked) kit.Cell { return kit.Cell{Tags: []ui.Tag{waitsTag(!one.Agreed)}} }},
		{Title: ui.T("Agreed by"), Name: "by", Cell: func(one asked) kit.Cell { return c.agreedBy(v, one.Wish) }},
		{Title: ui.T("When"), Name: "at", Cell: func(one asked) kit.Cell { return kit.Cell{Time: one.At} }},
	}
}

// callersBlock lists what apps ask of the API that an app serves, what waits first.
func (c *Console) callersBlock(v *kit.Visit, a catalog.App) (kit.Block, error) {
	if a.Audience() == "" {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "callers", Title: ui.T("Callers of its API"), Note: ui.T("What apps ask of it, and what was agreed to."), Empty: ui.T("No app asks for scopes of it."),
		More: &ui.Link{Text: ui.T("All of them"), Href: c.Path(kit.Fill(callersPath, a.Name))},
	}
	all, err := c.askedOf(v.Context(), a.Name)
	if err != nil {
		return b, err
	}
	rank := map[bool]int{false: 0, true: 1}
	slices.SortStableFunc(all, func(x, y asked) int { return rank[x.Agreed] - rank[y.Agreed] })
	return kit.Table(b, c.askedColumns(v, a), all[:min(len(all), kit.NamesShown)], func(one asked) []kit.Offer { return askedOffers(v, a, one) }), nil
}

// showCallers lists the apps that ask for scopes of an API.
func (c *Console) showCallers(v *kit.Visit) (kit.Answer, error) {
	a, err := c.api(v)
	if err != nil {
		return nil, err
	}
	list := &kit.List[asked]{
		Name: "callers", Path: c.Path(kit.Fill(callersPath, a.Name)), Columns: c.askedColumns(v, a),
		Caption: ui.T("Apps that ask for scopes of the API"), Empty: ui.Empty{Icon: "apps", Title: ui.T("No app asks for scopes of it.")},
		Filters: []kit.Filter{{Name: "state", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: "waits", Text: ui.T("Waits")}, {Value: "agreed", Text: ui.T("Agreed")}}}},
		Offers:  func(one asked) []kit.Offer { return askedOffers(v, a, one) },
		Fetch: func(ctx context.Context, q kit.Query) ([]asked, string, error) {
			all, err := c.askedOf(ctx, a.Name)
			if state := q.Get("state"); state != "" {
				all = slices.DeleteFunc(all, func(one asked) bool { return one.Agreed != (state == "agreed") })
			}
			return all, "", err
		},
	}
	return list.Show(v, ui.T("Callers of %s", apiTitle(a)), kit.Around{Crumbs: c.apiCrumbs(v, a)})
}
