package login

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// askConsent asks for what the person has not allowed the app yet.
func (l *Login) askConsent(w http.ResponseWriter, r *http.Request, f flow, s session.Session, email string, c *registry.Client) {
	given, ok, err := l.o.Consents.Consent(r.Context(), s.Person, c.App)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	covered := ok && !slices.ContainsFunc(f.Request.Scopes, func(scope string) bool { return !slices.Contains(given.Scopes, scope) })
	switch {
	case covered && !f.Request.Prompt.Consent:
		l.resume(w, r, f, l.success(f, s, f.Request.Scopes, c))
	case f.Request.Prompt.None:
		l.resume(w, r, f, failure("consent_required", "the person has not agreed"))
	case l.keepFor(w, r, &f):
		l.pages.consent(w, r, l.o.UI, f, email, c)
	}
}

// consent takes the person's answer.
func (l *Login) consent(w http.ResponseWriter, r *http.Request) {
	f, r, err := l.load(r, r.PathValue("flow"))
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	form, err := httpx.Form(r)
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	s, err := l.o.Sessions.Current(r)
	if err != nil || s.ID != f.Session || f.Session == "" {
		l.o.UI.Error(w, r, ErrFlow)
		return
	}
	c, err := l.o.Apps.ClientOf(r.Context(), f.Request.App)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	if form.Get("answer") != "allow" {
		l.finish(w, r, f, failure("access_denied", "the person did not agree"))
		return
	}
	given := grant.Consent{Person: s.Person, App: c.App, Scopes: f.Request.Scopes, Given: l.o.Now().UTC()}
	e := event.New(l.o.Now(), "consent.given", l.o.Actor(r, identity.Person(s.Person)), identity.App(c.App))
	if err := l.o.Consents.SaveConsent(r.Context(), given, []event.Event{e}); err != nil {
		l.fail(w, r, f, err)
		return
	}
	l.finish(w, r, f, l.success(f, s, f.Request.Scopes, c))
}
