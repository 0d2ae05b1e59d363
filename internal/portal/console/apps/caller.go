package apps

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errNoCaller answers for an app that asks nothing of the API.
var errNoCaller = fault.New(fault.NotFound, "caller_not_found", "no such app asks for scopes of this API")

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
	rights := kit.Block{
		ID: "rights", Title: ui.T("What it asks for"), Note: ui.T("It has of the API what its manifest asks for, the API offers and was agreed to."),
	}
	rights = kit.Table(rights, c.askedColumns(v, a)[1:], askedBy(of), func(one asked) []kit.Offer {
		way := kit.Way(agreePath+onePath, ui.T("Agree"), "primary check", a.Name, of.App, string(one.Mode), one.Scope)
		if one.Agreed {
			way = kit.Way(withdrawPath+onePath, ui.T("Withdraw"), "danger cross", a.Name, of.App, string(one.Mode), one.Scope)
		}
		return v.Offers(way.For(a))
	})
	d := kit.Detail{
		Lead: ui.T("Withdrawing revokes what it got: its tokens for the API are refused at once."),
		Tags: []ui.Tag{waitsTag(of.Waits())},
		Facts: kit.Known(
			kit.Says(ui.T("App"), kit.Cell{Text: of.App, Href: c.Path(kit.Fill("/apps/{name}", of.App))}), kit.Code(ui.T("Client"), of.Client), kit.Code(ui.T("API"), a.Audience()),
		),
		Blocks: []kit.Block{rights},
	}
	several := alike(of)
	if several[false] > 1 {
		d.Offers = append(d.Offers, v.Offers(kit.Way(agreePath, ui.T("Agree to all"), "primary check", a.Name, of.App).For(a))...)
	}
	if several[true] > 1 {
		d.Offers = append(d.Offers, v.Offers(kit.Way(withdrawPath, ui.T("Withdraw everything"), "danger cross", a.Name, of.App).For(a))...)
	}
	crumbs := append(c.apiCrumbs(v, a), ui.Link{Text: ui.T("Callers of %s", apiTitle(a)), Href: c.Path(kit.Fill(callersPath, a.Name))})
	return kit.View{Title: ui.T("What %s asks of %s", of.App, apiTitle(a)), Crumbs: crumbs, Template: "detail", Data: d}, nil
}
