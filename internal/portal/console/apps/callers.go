package apps

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
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

// errNoCaller answers for an app that asks nothing of the API.
var errNoCaller = fault.New(fault.NotFound, "caller_not_found", "no such app asks for scopes of this API")

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

// modeText says how an app comes by a token.
func modeText(m catalog.Mode) ui.Text {
	switch m {
	case catalog.BySignIn:
		return ui.T("In the name of who is signed in to it")
	case catalog.ByItself:
		return ui.T("By itself, about everybody")
	case catalog.ByDelegation:
		return ui.T("By exchange, as who acts for the person")
	case catalog.ByImpersonation:
		return ui.T("By exchange, as the person")
	}
	return ui.Plain(string(m))
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
		alike := map[bool]int{}
		for _, w := range one.Wishes {
			alike[w.Agreed]++
		}
		for _, w := range one.Wishes {
			all = append(all, asked{one.App, one.Client, w, alike[w.Agreed] > 1})
		}
	}
	return all, err
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
	slices.SortStableFunc(all, func(x, y asked) int {
		switch {
		case x.Agreed == y.Agreed:
			return 0
		case y.Agreed:
			return -1
		}
		return 1
	})
	columns := c.askedColumns(v, a)
	for _, col := range columns {
		b.Heads = append(b.Heads, col.Title)
	}
	for _, one := range all[:min(len(all), kit.NamesShown)] {
		row := kit.Row{Offers: askedOffers(v, a, one)}
		for _, col := range columns {
			row.Cells = append(row.Cells, col.Cell(one))
		}
		b.Rows = append(b.Rows, row)
	}
	return b, nil
}

// waitsTag says whether an app waits for somebody to agree.
func waitsTag(waits bool) ui.Tag {
	if waits {
		return ui.Tag{Text: ui.T("Waits"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Agreed"), Tone: ui.Good}
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

// caller finds what the app that the path names asks of the API.
func (c *Console) caller(v *kit.Visit) (catalog.App, catalog.Caller, error) {
	a, err := c.api(v)
	if err != nil {
		return a, catalog.Caller{}, err
	}
	all, err := c.o.Apps.Callers(v.Context(), a.Name)
	if err != nil {
		return a, catalog.Caller{}, err
	}
	i := slices.IndexFunc(all, func(one catalog.Caller) bool { return one.App == v.PathValue("caller") })
	if i < 0 {
		return a, catalog.Caller{}, errNoCaller
	}
	return a, all[i], nil
}

// showCaller shows what an app asks of an API, right by right.
func (c *Console) showCaller(v *kit.Visit) (kit.Answer, error) {
	a, of, err := c.caller(v)
	if err != nil {
		return nil, err
	}
	b := kit.Block{
		ID: "rights", Title: ui.T("What it asks for"), Note: ui.T("It has of the API what its manifest asks for, the API offers and was agreed to."),
		Heads: []ui.Text{ui.T("Scope"), ui.T("How"), ui.T("State"), ui.T("Agreed by"), ui.T("When")},
	}
	some := map[bool]int{}
	for _, w := range of.Wishes {
		some[w.Agreed]++
		way := kit.Way(agreePath+onePath, ui.T("Agree"), "primary check", a.Name, of.App, string(w.Mode), w.Scope)
		if w.Agreed {
			way = kit.Way(withdrawPath+onePath, ui.T("Withdraw"), "danger cross", a.Name, of.App, string(w.Mode), w.Scope)
		}
		b.Rows = append(b.Rows, kit.Row{
			Cells:  []kit.Cell{{Text: w.Scope, Code: true}, {Say: modeText(w.Mode)}, {Tags: []ui.Tag{waitsTag(!w.Agreed)}}, c.agreedBy(v, w), {Time: w.At}},
			Offers: v.Offers(way.For(a)),
		})
	}
	d := kit.Detail{
		Lead: ui.T("Withdrawing revokes what it got: its tokens for the API are refused at once."),
		Tags: []ui.Tag{waitsTag(of.Waits())},
		Facts: kit.Known(
			kit.Says(ui.T("App"), kit.Cell{Text: of.App, Href: c.Path(kit.Fill("/apps/{name}", of.App))}), kit.Code(ui.T("Client"), of.Client), kit.Code(ui.T("API"), a.Audience()),
		),
		Blocks: []kit.Block{b},
	}
	if some[false] > 1 {
		d.Offers = append(d.Offers, v.Offers(kit.Way(agreePath, ui.T("Agree to all"), "primary check", a.Name, of.App).For(a))...)
	}
	if some[true] > 1 {
		d.Offers = append(d.Offers, v.Offers(kit.Way(withdrawPath, ui.T("Withdraw everything"), "danger cross", a.Name, of.App).For(a))...)
	}
	crumbs := append(c.apiCrumbs(v, a), ui.Link{Text: ui.T("Callers of %s", apiTitle(a)), Href: c.Path(kit.Fill(callersPath, a.Name))})
	return kit.View{Title: ui.T("What %s asks of %s", of.App, apiTitle(a)), Crumbs: crumbs, Template: "detail", Data: d}, nil
}

// agreedBy names who agreed, to whoever may look at people.
func (c *Console) agreedBy(v *kit.Visit, w catalog.Wish) kit.Cell {
	kind, id, ok := strings.Cut(w.By, ":")
	if !ok || identity.Kind(kind) == identity.KindPerson && !v.Who.May(admin.ReadPeople) {
		return kit.Cell{}
	}
	return c.Refs(v).Cell(identity.Ref{Kind: identity.Kind(kind), ID: id})
}

// meant are the rights that an action is about: the one that its path names, or all whose
// agreement is like that.
func meant(v *kit.Visit, of catalog.Caller, agreed bool) []catalog.Wish {
	mode, scope := catalog.Mode(v.PathValue("mode")), v.PathValue("scope")
	return slices.DeleteFunc(slices.Clone(of.Wishes), func(w catalog.Wish) bool {
		return w.Agreed != agreed || scope != "" && (w.Scope != scope || w.Mode != mode)
	})
}

// about begins a question about rights of a caller.
func (c *Console) about(v *kit.Visit, agreed bool, refusal error) (catalog.Caller, kit.Confirmation, error) {
	a, of, err := c.caller(v)
	if err != nil {
		return of, kit.Confirmation{}, err
	}
	rights := meant(v, of, agreed)
	if len(rights) == 0 {
		return of, kit.Confirmation{}, refusal
	}
	state, cells := []string{a.ID, of.App}, make([]kit.Cell, len(rights))
	for i, w := range rights {
		state = append(state, w.Scope, string(w.Mode), w.At.String())
		cells[i] = kit.Cell{Text: w.Scope, Code: true, Tags: []ui.Tag{{Text: modeText(w.Mode)}}}
	}
	return of, kit.Confirmation{
		Back: kit.Fill(callerPath, a.Name, of.App), State: kit.SeenOf(state...),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("App"), kit.Cell{Text: of.App, Also: of.Client, Href: c.Path(kit.Fill("/apps/{name}", of.App))}),
			kit.Hitting(ui.T("API"), kit.Cell{Say: apiTitle(a), Also: a.Audience()}), kit.Hitting(ui.T("Scopes"), cells...),
		},
	}, nil
}

func (c *Console) askAgree(v *kit.Visit) (kit.Confirmation, error) {
	of, q, err := c.about(v, false, catalog.ErrNotAsked)
	q.Title, q.Button, q.Harmless = ui.T("Agree that %s gets this?", of.App), ui.T("Agree"), true
	q.Lead = ui.T("From now on it gets tokens of the API with these scopes, in these ways and no other.")
	return q, err
}

func (c *Console) agree(v *kit.Visit) (kit.Answer, error) {
	_, of, err := c.caller(v)
	if err != nil {
		return nil, err
	}
	var rights catalog.Rights
	for _, w := range meant(v, of, false) {
		rights.Scopes = append(rights.Scopes, w.Scope)
	}
	if mode := v.PathValue("mode"); mode != "" {
		rights.Modes = []catalog.Mode{catalog.Mode(mode)}
	}
	slices.Sort(rights.Scopes)
	rights.Scopes = slices.Compact(rights.Scopes)
	status, _, err := v.CallWith("agreeToCaller", callerValues(v), rights)
	if err != nil {
		return nil, err
	}
	return v.Onward(status, callerPath, "caller-agreed"), nil
}

func (c *Console) askWithdraw(v *kit.Visit) (kit.Confirmation, error) {
	of, q, err := c.about(v, true, catalog.ErrNotAgreed)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("Agree no longer that %s gets this?", of.App), ui.T("Withdraw")
	q.Lead = ui.T("Every token that it has for the API is refused at once, in whoever's name, with all that was exchanged for it. What is still agreed to, it gets anew.")
	_, body, err := v.CallAt("previewWithdrawFromCaller", callerValues(v), withdrawn(v).Encode(), nil)
	if err != nil {
		return q, err
	}
	var h struct {
		People, Exchanged int64
		Names             []string
	}
	if err := kit.Read(body, &h); err != nil {
		return q, err
	}
	people := kit.Hit{Label: ui.T("People in whose name it has exchanged tokens"), Count: h.People}
	for _, name := range h.Names {
		people.Names = append(people.Names, kit.Cell{Text: name})
	}
	q.Hits = append(q.Hits, people, kit.Hit{Label: ui.T("Exchanged tokens that stop"), Count: h.Exchanged})
	return q, nil
}

func (c *Console) withdraw(v *kit.Visit) (kit.Answer, error) {
	status, _, err := v.CallAt("withdrawFromCaller", callerValues(v), withdrawn(v).Encode(), nil)
	if err != nil {
		return nil, err
	}
	return v.Onward(status, callerPath, "caller-withdrawn"), nil
}

// callerValues are the places of the API's paths about a caller.
func callerValues(v *kit.Visit) map[string]string {
	return map[string]string{"name": v.PathValue("name"), "caller": v.PathValue("caller")}
}

// withdrawn are the parameters of what is withdrawn: all of it unless the path says.
func withdrawn(v *kit.Visit) url.Values {
	q := url.Values{}
	if scope := v.PathValue("scope"); scope != "" {
		q.Set("scope", scope)
		q.Set("mode", v.PathValue("mode"))
	}
	return q
}

// pendingBlock lists what an app asks of APIs and was not agreed to.
func (c *Console) pendingBlock(v *kit.Visit, a catalog.App) (kit.Block, error) {
	all, err := c.o.Apps.Pending(v.Context(), a)
	if err != nil || len(all[a.Name]) == 0 {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "pending", Title: ui.T("What was not agreed to"), Note: ui.T("The app does not get it until whoever owns the API agrees, or an administrator."),
		Heads: []ui.Text{ui.T("Scope"), ui.T("How"), ui.T("API"), ui.T("Whose it is to agree")},
	}
	for _, k := range all[a.Name] {
		of := kit.Cell{Text: k.Audience, Code: true}
		if k.API != "" {
			of.Href = c.Path(kit.Fill(callerPath, k.API, a.Name))
		}
		if k.API == catalog.Broker {
			of = kit.Cell{Say: ui.T("the broker"), Href: of.Href}
		}
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: k.Scope, Code: true}, {Say: modeText(k.Mode)}, of, {Text: k.Team}}})
	}
	return b, nil
}
