package login

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// choose goes on with the provider that the person picked, or shows the page.
func (l *Login) choose(w http.ResponseWriter, r *http.Request) {
	f, r, err := l.load(r, r.PathValue("flow"))
	if err == nil && f.Test != nil {
		err = ErrFlow // a test has its connection, and says nothing of another
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	if id := r.URL.Query().Get("idp"); id != "" {
		f.Request.Connection = id
	}
	l.pick(w, r, f)
}

// pick decides on the connection and sends the browser there.
func (l *Login) pick(w http.ResponseWriter, r *http.Request, f flow) {
	var open []Connection
	all, err := l.o.Connections(r.Context())
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	for _, c := range all {
		enabled, err := l.o.Directory.ConnectionEnabled(r.Context(), c.ID)
		if err != nil {
			l.o.UI.Error(w, r, err)
			return
		}
		if enabled {
			open = append(open, c)
		}
	}
	c, ok := wanted(open, f.Request)
	switch {
	case ok:
		l.leave(w, r, f, c)
	case f.Request.Connection != "":
		l.o.UI.Error(w, r, ErrConnection)
	case len(open) == 0:
		l.o.UI.Error(w, r, fault.New(fault.Unavailable, "no_identity_provider", "no identity provider is switched on"))
	default:
		l.pages.choose(w, r, l.o.UI, f, l.appTitle(r, f), open)
	}
}

// appTitle names the app that the sign-in is for: empty for our own pages, and
// when it cannot be told, which stops nobody from choosing.
func (l *Login) appTitle(r *http.Request, f flow) string {
	if f.Request.App == "" {
		return ""
	}
	c, err := l.o.Apps.ClientOf(r.Context(), f.Request.App)
	if err != nil {
		return ""
	}
	return c.Title
}

// wanted returns the connection that the request leaves no choice about.
func wanted(open []Connection, req identity.SignInRequest) (Connection, bool) {
	for _, c := range open {
		if req.Connection == c.ID {
			return c, true
		}
	}
	if req.Connection != "" {
		return Connection{}, false
	}
	if domain := claims.Domain(req.LoginHint); domain != "" {
		for _, c := range open {
			if slices.Contains(c.Domains, domain) {
				return c, true
			}
		}
	}
	if len(open) == 1 {
		return open[0], true
	}
	return Connection{}, false
}

// leave sends the browser to the provider.
func (l *Login) leave(w http.ResponseWriter, r *http.Request, f flow, c Connection) {
	f.Connection, f.Assertion = c.ID, nil // for a failure, too, to name
	left, err := c.Connector.Begin(r.Context(), identity.Challenge{
		State: f.ID, RedirectURI: l.o.Issuer + "/login/callback/" + c.ID, LoginHint: f.Request.LoginHint,
		Fresh: f.Request.Prompt.Login, SelectAccount: f.Request.Prompt.SelectAccount, MaxAge: f.Request.MaxAge, ACR: f.Request.ACR,
	})
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	f.Kept = left.Kept
	if err := l.save(r.Context(), f); err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	if left.Form != nil {
		l.o.UI.PostToProvider(w, r, c.Title, left.URL, left.Form)
		return
	}
	http.Redirect(w, r, left.URL, http.StatusSeeOther)
}

// connection returns the connection with this id, or ErrConnection.
func (l *Login) connection(ctx context.Context, id string) (Connection, error) {
	all, err := l.o.Connections(ctx)
	if err != nil {
		return Connection{}, err
	}
	i := slices.IndexFunc(all, func(c Connection) bool { return c.ID == id })
	if i < 0 {
		return Connection{}, ErrConnection
	}
	return all[i], nil
}
