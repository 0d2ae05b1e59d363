package login

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// callback takes the provider's answer. It is worth something once: what was kept
// for it is taken from the flow before the answer is looked at.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) {
	params, err := httpx.Query(r)
	if r.Method == http.MethodPost {
		params, err = httpx.Form(r)
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	f, r, err := l.load(r, params.Get("state"))
	switch {
	case errors.Is(err, ErrFlow), err == nil && (f.Kept == nil || f.Connection != r.PathValue("connection")):
		l.strayed(w, r)
		return
	case err != nil:
		l.o.UI.Error(w, r, err)
		return
	}
	kept := f.Kept
	f.Kept = nil
	_, taken, err := l.o.Cache.Take(r.Context(), flowPurpose, f.ID)
	switch {
	case err != nil:
		l.o.UI.Error(w, r, err)
		return
	case !taken:
		l.strayed(w, r)
		return
	}
	l.arrive(w, r, f, params, kept)
}

// strayed takes an answer that belongs to no sign-in of this browser. It fails the
// sign-in, so that the trace says why.
func (l *Login) strayed(w http.ResponseWriter, r *http.Request) {
	c, err := l.connection(r.Context(), r.PathValue("connection"))
	if errors.Is(err, ErrConnection) {
		l.o.UI.Error(w, r, ErrFlow)
		return
	}
	if err == nil {
		err = l.o.SignIns.Count(r.Context(), "callback "+httpx.ClientNetwork(r))
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	got := "the cookie of another sign-in, or of one that has ended"
	if name, _ := l.cookie(); !hasCookie(r, name) {
		got = "no cookie"
	}
	l.fail(w, r, flow{Connection: c.ID}, identity.Refuse(ErrFlow, ErrFlow.Code, "the cookie of the browser that began the sign-in", got))
}

func hasCookie(r *http.Request, name string) bool {
	_, err := r.Cookie(name)
	return err == nil
}

// arrive verifies the answer and goes on with it.
func (l *Login) arrive(w http.ResponseWriter, r *http.Request, f flow, params url.Values, kept []byte) {
	c, err := l.connectionOf(r.Context(), f)
	if err == nil && c.SAML {
		err = ErrFlow // its answer comes by another way
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	f.Rev = l.o.Applied()
	a, err := c.Connector.Finish(r.Context(), params, kept)
	if err != nil {
		l.fail(w, r, f, after(err, a))
		return
	}
	l.admit(w, r, f, c, a)
}

// admit maps what the provider said and begins the session.
func (l *Login) admit(w http.ResponseWriter, r *http.Request, f flow, c Connection, a identity.Assertion) {
	if f.Test != nil {
		l.passTest(w, r, f, c, a)
		return
	}
	in := directory.Arrival{Authentication: a.Authentication}
	var err error
	if in.Profile, in.Groups, err = c.Rules.Map(a); err == nil {
		in.ExternalID, err = c.Rules.ExternalID(a)
	}
	if err != nil {
		l.fail(w, r, f, after(err, a))
		return
	}
	p, err := l.o.Directory.SignIn(r.Context(), in, l.o.Actor(r, identity.Connection(c.ID)))
	if err != nil {
		l.fail(w, r, f, after(err, a))
		return
	}
	if f.Request.Subject != "" && f.Request.Subject != p.ID {
		l.resume(w, r, f, failure("login_required", "somebody else signed in"))
		return
	}
	if f.Unsolicited {
		if s, err := l.o.Sessions.Current(r); err == nil && s.Person != p.ID {
			l.fail(w, r, f, ErrOther)
			return
		}
	}
	s, err := l.o.Sessions.Start(w, r, p.ID, a.Authentication, f.Rev)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	l.o.Outcome(c.ID, "success")
	// What the provider told now may have taken a role away, and raised that. All facts
	// are read anew from here on.
	f.Session, f.Rev = s.ID, l.o.Applied()
	l.decide(w, r, f, s)
}

// decide asks whether the person may use the app, and whether they agree.
func (l *Login) decide(w http.ResponseWriter, r *http.Request, f flow, s session.Session) {
	if f.Request.App == "" {
		http.Redirect(w, r, l.o.Prefix+f.Local, http.StatusSeeOther)
		return
	}
	p, err := l.o.Directory.Usable(r.Context(), s.Person, s.Authentication.Connection)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	c, err := l.o.Apps.ClientOf(r.Context(), f.Request.App)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	d, err := l.o.Entitlements.Check(r.Context(), p, c)
	switch {
	case err != nil:
		l.fail(w, r, f, err)
	case !d.Allowed && f.Request.Prompt.None:
		l.resume(w, r, f, failure("access_denied", "the person may not use this app"))
	case !d.Allowed:
		l.refuse(w, r, f, s, p.Profile.Email, c, d.Missing)
	case c.ThirdParty:
		l.askConsent(w, r, f, s, p.Profile.Email, c)
	default:
		l.resume(w, r, f, l.success(f, s, f.Request.Scopes, c))
	}
}

// refuse shows what is missing and who can give it.
func (l *Login) refuse(w http.ResponseWriter, r *http.Request, f flow, s session.Session, email string, c *registry.Client, missing []string) {
	l.o.Outcome(s.Authentication.Connection, "refused")
	e := event.New(l.o.Now(), "signin.refused", l.o.Actor(r, identity.Person(s.Person)), identity.App(c.App), "rule", "entitlement", "app", c.Name, "connection", s.Authentication.Connection)
	if err := l.o.Consents.Record(r.Context(), []event.Event{e}); err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	if !l.keepFor(w, r, &f) {
		return
	}
	owner, err := l.o.Answers(r.Context(), c.Name, c.Owner)
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	l.pages.refused(w, r, l.o.UI, f, email, c, owner, missing)
}

// keepFor saves the flow for a page that leads on.
func (l *Login) keepFor(w http.ResponseWriter, r *http.Request, f *flow) bool {
	if f.Browser == nil {
		f.Browser = l.browser(w, r)
	}
	if err := l.save(r.Context(), *f); err != nil {
		l.o.UI.Error(w, r, err)
		return false
	}
	return true
}

// cancel goes back to the app without a person.
func (l *Login) cancel(w http.ResponseWriter, r *http.Request) {
	f, r, err := l.load(r, r.PathValue("flow"))
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	l.finish(w, r, f, failure("access_denied", "the person was not let in"))
}

// finish resumes a flow that was kept: once.
func (l *Login) finish(w http.ResponseWriter, r *http.Request, f flow, in identity.SignIn) {
	if _, taken, err := l.o.Cache.Take(r.Context(), flowPurpose, f.ID); err != nil || !taken {
		l.o.UI.Error(w, r, cmp.Or(err, error(ErrFlow)))
		return
	}
	l.resume(w, r, f, in)
}

func (l *Login) success(f flow, s session.Session, scopes []string, c *registry.Client) identity.SignIn {
	return identity.SignIn{
		Person: s.Person, Session: s.ID, Scopes: scopes, Authentication: s.Authentication, Rev: min(f.Rev, c.Rev),
	}
}

func (l *Login) resume(w http.ResponseWriter, r *http.Request, f flow, in identity.SignIn) {
	resumer, ok := l.resumers[f.Request.Protocol]
	if f.Request.App == "" || !ok {
		l.o.UI.Error(w, r, ErrFlow)
		return
	}
	resumer.Resume(w, r, f.Request.State, in)
}

// fail ends a sign-in that did not work: with a page for the person, and an entry
// that names the rule. prompt=none gets a code instead of a page.
func (l *Login) fail(w http.ResponseWriter, r *http.Request, f flow, cause error) {
	if f.Test != nil {
		l.failTest(w, r, f, cause)
		return
	}
	kind, reference := fault.As(cause), ""
	l.o.Outcome(f.Connection, "failed")
	e := event.New(l.o.Now(), "signin.failed", l.o.Actor(r, identity.Connection(f.Connection)), identity.Connection(f.Connection), "rule", kind.Code, "detail", kind.Detail)
	if err := l.failures.tell(r.Context(), failureKind{f.Connection, kind.Code}, e, l.keepTrace(r, f, trace.SignIn, cause, &reference)); err != nil {
		cause = errors.Join(err, cause)
	}
	if f.Request.Prompt.None {
		l.resume(w, r, f, failure(silent(kind.Kind), kind.Detail))
		return
	}
	l.o.UI.Failure(w, r, cause, reference, l.wayBack(w, r, f)...)
}

// silent is the error code of a sign-in that failed without a page (RFC 6749,
// section 4.1.2.1).
func silent(k fault.Kind) string {
	switch k {
	case fault.Unavailable, fault.TooMany:
		return "temporarily_unavailable"
	case fault.Denied, fault.Unauthenticated:
		return "access_denied"
	default:
		return "server_error"
	}
}

// wayBack leads from an error page to the app, where the person can try again.
func (l *Login) wayBack(w http.ResponseWriter, r *http.Request, f flow) []ui.Link {
	if f.Request.App == "" || f.ID == "" {
		return nil
	}
	if f.Browser == nil {
		f.Browser = l.browser(w, r)
	}
	f.Kept = nil
	if err := l.save(r.Context(), f); err != nil {
		return nil // the page that tells of the first failure is enough
	}
	return []ui.Link{{Text: ui.T("Back to the app"), Href: l.o.Prefix + "/login/flow/" + f.ID + "/cancel"}}
}
