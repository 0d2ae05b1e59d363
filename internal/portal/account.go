package portal

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// origin is an identity provider that knows the person.
type origin struct {
	Title      string
	LastSignIn time.Time
}

// holder is an app that holds something of a person. Title is empty for an app
// that is no longer there.
type holder struct {
	grant.Access
	Title string
}

func (p *Portal) accountPage(w http.ResponseWriter, r *http.Request, v visitor) {
	data := map[string]any{"Person": v.Person, "This": v.Session.ID, "Name": v.name()}
	titles, err := p.o.Connections(r.Context())
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	var identities []origin
	for _, i := range v.Person.Identities {
		identities = append(identities, origin{cmp.Or(titles[i.Connection], i.Connection), i.LastSignIn})
	}
	data["Identities"] = identities
	if data["Sessions"], err = p.o.Sessions.Of(r.Context(), v.Person.ID); err == nil {
		data["Access"], err = p.access(r.Context(), v.Person.ID)
	}
	if err == nil {
		data["Exchanges"], err = p.exchanges(r.Context(), v.Person.ID)
	}
	if err == nil {
		data["Groups"], err = p.o.People.GroupNames(r.Context(), v.Person)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.show(w, r, v, ui.Page{Title: ui.T("My account"), Template: p.account, Area: ui.Account, Data: data})
}

func (p *Portal) access(ctx context.Context, person string) ([]holder, error) {
	list, err := grant.AccessOf(ctx, p.o.Grants, person, p.o.Now())
	if err != nil {
		return nil, err
	}
	clients, err := p.o.Clients.Clients(ctx)
	if err != nil {
		return nil, err
	}
	titles := map[string]string{}
	for _, c := range clients {
		titles[c.App] = c.Title
	}
	holders := make([]holder, len(list))
	for i, a := range list {
		holders[i] = holder{a, titles[a.App]}
	}
	return holders, nil
}

// withdraw takes from an app what it holds of the person.
func (p *Portal) withdraw(w http.ResponseWriter, r *http.Request, v visitor) {
	err := p.o.Grants.Withdraw(r.Context(), v.Person.ID, r.PathValue("app"), p.o.Actor(r, identity.Person(v.Person.ID)), p.o.Now())
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	http.Redirect(w, r, "../../../account", http.StatusSeeOther)
}

func (p *Portal) signOut(w http.ResponseWriter, r *http.Request, v visitor) {
	p.left(w, r, v, p.o.Sessions.End(r.Context(), v.Session.ID, p.o.Actor(r, identity.Person(v.Person.ID)), "signed out"))
}

func (p *Portal) signOutEverywhere(w http.ResponseWriter, r *http.Request, v visitor) {
	p.left(w, r, v, p.o.Sessions.EndAll(r.Context(), v.Person.ID, p.o.Actor(r, identity.Person(v.Person.ID)), "signed out everywhere"))
}

func (p *Portal) left(w http.ResponseWriter, r *http.Request, v visitor, err error) {
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Sessions.Clear(w)
	if p.o.Leave != nil && p.o.Leave(w, r, v.Session, "") {
		return
	}
	p.o.UI.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("You are signed out"), Template: p.out})
}

// endSession ends one of the person's own sessions.
func (p *Portal) endSession(w http.ResponseWriter, r *http.Request, v visitor) {
	sessions, err := p.o.Sessions.Of(r.Context(), v.Person.ID)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	for _, s := range sessions {
		if s.ID != r.PathValue("id") {
			continue
		}
		if err := p.o.Sessions.End(r.Context(), s.ID, p.o.Actor(r, identity.Person(v.Person.ID)), "signed out"); err != nil {
			p.o.UI.Error(w, r, err)
			return
		}
		http.Redirect(w, r, "../../../account", http.StatusSeeOther)
		return
	}
	p.o.UI.Error(w, r, session.ErrNotFound)
}
