package login

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
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
	covered := ok && !slices.ContainsFunc(rights(f.Request), func(right string) bool { return !slices.Contains(given.Scopes, right) })
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
	before, _, err := l.o.Consents.Consent(r.Context(), s.Person, c.App)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	given := grant.Consent{Person: s.Person, App: c.App, Scopes: append(rights(f.Request), elsewhere(before, f.Request)...), Given: l.o.Now().UTC()}
	e := event.New(l.o.Now(), "consent.given", l.o.Actor(r, identity.Person(s.Person)), identity.App(c.App))
	if err := l.o.Consents.SaveConsent(r.Context(), given, []event.Event{e}); err != nil {
		l.fail(w, r, f, err)
		return
	}
	l.finish(w, r, f, l.success(f, s, f.Request.Scopes, c))
}

// rights are the scopes of a request as a person allows them: those of an API are for that
// one alone, whatever another one calls the same.
func rights(req identity.SignInRequest) []string {
	all := slices.Clone(req.Scopes)
	for i, scope := range all {
		if !catalog.IdentityScope(scope) {
			all[i] = identity.Right(req.Audience, scope)
		}
	}
	return all
}

// elsewhere is what was allowed before at other APIs than that of the request, which says
// nothing of them.
func elsewhere(before grant.Consent, req identity.SignInRequest) []string {
	return slices.DeleteFunc(slices.Clone(before.Scopes), func(right string) bool {
		audience, _ := identity.SplitRight(right)
		return audience == "" || audience == req.Audience
	})
}
