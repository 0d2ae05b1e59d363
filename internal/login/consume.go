package login

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// maxResponse is what a form with a SAML response may measure, in bytes.
const maxResponse = 384 << 10

// consume is the assertion consumer service (SAML 2.0 Bindings, section 3.5). The
// form comes from the provider's site, so browsers send it without our SameSite
// cookies: what a response says once it holds is kept with its flow under a new id, and
// the browser is sent to returned, where it shows that the flow is its own. So the one
// that began the sign-in and the one that brings the answer are the same. A response is
// looked at once, whoever posts it.
func (l *Login) consume(w http.ResponseWriter, r *http.Request) {
	form, err := httpx.FormUpTo(r, maxResponse)
	if err == nil {
		err = l.o.SignIns.Count(r.Context(), "acs "+httpx.ClientNetwork(r))
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	c, err := l.connection(r.Context(), r.PathValue("connection"))
	if err == nil && !c.SAML {
		err = ErrConnection
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	f, err := l.find(r.Context(), form.Get("RelayState"))
	if err == nil && f.Test != nil && f.Connection == c.ID {
		c, err = l.connectionOf(r.Context(), f)
	}
	switch {
	case errors.Is(err, ErrFlow):
		l.unsolicited(w, r, c, form)
	case err != nil:
		l.o.UI.Error(w, r, err)
	case f.Kept == nil || f.Connection != c.ID:
		l.fail(w, r, flow{Connection: c.ID}, ErrFlow)
	default:
		l.answered(w, ui.Prefer(r, f.Request.Locales), f, c, form)
	}
}

// answered verifies the answer to a flow that is under way.
func (l *Login) answered(w http.ResponseWriter, r *http.Request, f flow, c Connection, form url.Values) {
	name, _ := l.cookie()
	_, missing := r.Cookie(name)
	if missing == nil && !l.own(r, f) {
		l.fail(w, r, flow{Connection: c.ID}, ErrFlow)
		return
	}
	kept := f.Kept
	f.Kept = nil
	if _, taken, err := l.o.Cache.Take(r.Context(), flowPurpose, f.ID); err != nil || !taken {
		l.o.UI.Error(w, r, cmp.Or(err, error(ErrFlow)))
		return
	}
	f.Rev = l.o.Applied()
	a, err := c.Connector.Finish(r.Context(), form, kept)
	switch {
	case err != nil:
		l.fail(w, r, f, after(err, a))
	case missing != nil:
		// Who began the sign-in knows its id, and may have sent somebody else to the
		// provider with it: only the browser that brought the answer learns where it is.
		f.ID, f.Assertion = random(), &a
		l.showCookies(w, r, f)
	default:
		l.admit(w, r, f, c, a)
	}
}

// unsolicited verifies a response that nobody asked for, where the connection allows
// it. It ends at our own pages, whatever its RelayState says.
func (l *Login) unsolicited(w http.ResponseWriter, r *http.Request, c Connection, form url.Values) {
	f := flow{ID: random(), Connection: c.ID, Local: "/", Rev: l.o.Applied(), Unsolicited: true}
	open, ok := c.Connector.(Unsolicited)
	if !ok {
		l.fail(w, r, f, ErrFlow)
		return
	}
	a, err := open.Unsolicited(r.Context(), form)
	if err != nil {
		l.fail(w, r, f, after(err, a))
		return
	}
	f.Browser, f.Assertion = l.browser(w, r), &a
	l.showCookies(w, r, f)
}

// showCookies has the browser come back by GET, which brings its cookies.
func (l *Login) showCookies(w http.ResponseWriter, r *http.Request, f flow) {
	if err := l.save(r.Context(), f); err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	http.Redirect(w, r, l.o.Prefix+"/login/flow/"+f.ID+"/arrive", http.StatusSeeOther)
}

// returned goes on with what the provider said to consume.
func (l *Login) returned(w http.ResponseWriter, r *http.Request) {
	f, r, err := l.load(r, r.PathValue("flow"))
	if err == nil && f.Assertion == nil {
		err = ErrFlow
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	c, err := l.connectionOf(r.Context(), f)
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	if _, taken, err := l.o.Cache.Take(r.Context(), flowPurpose, f.ID); err != nil || !taken {
		l.o.UI.Error(w, r, cmp.Or(err, error(ErrFlow)))
		return
	}
	a := *f.Assertion
	f.Assertion = nil
	l.admit(w, r, f, c, a)
}
