package apps

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

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

// waitsTag says whether an app waits for somebody to agree.
func waitsTag(waits bool) ui.Tag {
	if waits {
		return ui.Tag{Text: ui.T("Waits"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Agreed"), Tone: ui.Good}
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
