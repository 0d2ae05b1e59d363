package portal

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// exchanged is a token that an app holds in the person's name, by what people call
// the apps of it.
type exchanged struct {
	grant.Branch
	// Holder got it, Source is the other app whose token was exchanged, Serves is whose API
	// it is for; empty for a token of its own, and for an API that is no longer there.
	Holder, Source, Serves string
	State                  ui.Tag
}

// tell puts nodes into words.
func (p *Portal) tell(ctx context.Context, branches []grant.Branch) ([]exchanged, error) {
	clients, err := p.o.Clients.Clients(ctx)
	if err != nil {
		return nil, err
	}
	byApp, byClient := map[string]string{}, map[string]string{}
	for _, c := range clients {
		byApp[c.App] = cmp.Or(c.Title, c.Name)
		byClient[c.ID] = byApp[c.App]
	}
	all := make([]exchanged, len(branches))
	for i, b := range branches {
		all[i] = exchanged{Branch: b, Holder: cmp.Or(byApp[b.App], b.Client), State: p.stateOf(b.Node)}
		if b.ParentClient != b.Client {
			all[i].Source = cmp.Or(byClient[b.ParentClient], b.ParentClient)
		}
		api, err := p.o.Clients.Audience(ctx, b.Audience)
		switch {
		case err == nil:
			all[i].Serves = byApp[api.App]
		case !errors.Is(err, registry.ErrAudienceNotFound):
			return nil, err
		}
	}
	return all, nil
}

func (p *Portal) stateOf(n grant.Node) ui.Tag {
	switch {
	case !n.Live(p.o.Now()):
		return ui.Tag{Text: ui.T("Over")}
	case !n.Ended.IsZero():
		return ui.Tag{Text: ui.T("Ended early"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Good"), Tone: ui.Good}
}

// exchanges are the tokens that apps hold in the person's name now, as a tree.
func (p *Portal) exchanges(ctx context.Context, person string) ([]exchanged, error) {
	live, _, err := p.o.Exchanges.Live(ctx, grant.NodeQuery{Person: person})
	if err != nil {
		return nil, err
	}
	return p.tell(ctx, grant.Branches(live))
}

// exchangedPage shows what apps did in the person's name before, newest first.
func (p *Portal) exchangedPage(w http.ResponseWriter, r *http.Request, v visitor) {
	params, err := httpx.Query(r)
	var page []grant.Node
	var next string
	if err == nil {
		page, next, err = p.o.Exchanges.Search(r.Context(), grant.NodeQuery{Person: v.Person.ID, Limit: exchangesShown, After: params.Get("after")})
	}
	flat := make([]grant.Branch, len(page))
	for i, n := range page {
		flat[i] = grant.Branch{Node: n}
	}
	var told []exchanged
	if err == nil {
		told, err = p.tell(r.Context(), flat)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	pager, here := ui.Pager{}, p.o.Prefix+"/account/exchanges"
	if params.Get("after") != "" {
		pager.First = here
	}
	if next != "" {
		pager.Next = here + "?after=" + url.QueryEscape(next)
	}
	p.show(w, r, v, ui.Page{
		Title: ui.T("What apps did in your name"), Template: p.exchanged, Area: ui.Account, Data: map[string]any{"Exchanged": told, "Pager": pager},
		Crumbs: []ui.Link{{Text: ui.T("My account"), Href: p.o.Prefix + "/account"}},
	})
}

// exchangesShown is how many tokens a page of the history has.
const exchangesShown = 50

// prune ends one of the person's own tokens, with all that hangs from it.
func (p *Portal) prune(w http.ResponseWriter, r *http.Request, v visitor) {
	n, err := p.o.Exchanges.Node(r.Context(), r.PathValue("id"))
	if err == nil && n.Person != v.Person.ID {
		err = grant.ErrNodeNotFound
	}
	if err == nil {
		err = p.o.Exchanges.Prune(r.Context(), n, p.o.Actor(r, identity.Person(v.Person.ID)), "ended by the person")
	}
	if err != nil && !errors.Is(err, grant.ErrNodeOver) { // which is what was asked for
		p.o.UI.Error(w, r, err)
		return
	}
	http.Redirect(w, r, "../../../account#exchanges-title", http.StatusSeeOther)
}
