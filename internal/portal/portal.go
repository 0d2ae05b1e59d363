// Package portal serves the pages of the people: my apps (/), an app's page
// (/apps/{name}) and why they can or cannot use it (/apps/{name}/why), the account
// (/account) and what apps did in the person's name (/account/exchanges). They need no script. Whoever is not
// signed in is sent to sign in and comes back.
package portal

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed apps.html app.html account.html exchanged.html out.html de.yaml
var files embed.FS

// Options are what a Portal needs. All are required.
type Options struct {
	Sessions interface {
		Current(r *http.Request) (session.Session, error)
		Of(ctx context.Context, person string) ([]session.Session, error)
		End(ctx context.Context, id string, actor identity.Actor, reason string) error
		EndAll(ctx context.Context, person string, actor identity.Actor, reason string) error
		Clear(w http.ResponseWriter)
	}
	People interface {
		Usable(ctx context.Context, person, connection string) (directory.Person, error)
		GroupNames(ctx context.Context, p directory.Person) ([]string, error)
	}
	// Connections are the titles of the identity providers, by their id.
	Connections func(ctx context.Context) (map[string]string, error)
	// Roles say who also sees the administration.
	Roles interface {
		Of(ctx context.Context, p directory.Person) (admin.Principal, error)
	}
	Clients interface {
		Clients(ctx context.Context) ([]*registry.Client, error)
		Audience(ctx context.Context, name string) (*registry.Audience, error)
	}
	// Grants are what apps hold of people.
	Grants grant.Store
	// Exchanges is the exchange tree.
	Exchanges    *grant.Tree
	Now          func() time.Time
	Entitlements interface {
		Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
	}
	// Answers says who answers for an app now, where the release says what is given: see
	// ownership.Service.
	Answers func(ctx context.Context, app string, released catalog.Owner) (catalog.Owner, error)
	// Explain says why somebody may or may not use the app of a name, as in
	// entitlement.Explainer.
	Explain func(ctx context.Context, person, app string, at time.Time) (entitlement.Explanation, error)
	// Leave signs the person out where only the browser can tell of it, where it answers
	// the browser and returns true; nil does nothing.
	Leave func(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool
	// SignIn begins a sign-in that ends at a path of ours.
	SignIn func(w http.ResponseWriter, r *http.Request, local string)
	Actor  func(*http.Request, identity.Ref) identity.Actor
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	UI     *ui.UI
}

// Portal serves people's pages.
type Portal struct {
	o                                       Options
	apps, app, account, exchanged, out, why *ui.Template
}

// visitor is who looks at a page.
type visitor struct {
	Session session.Session
	Person  directory.Person
	Roles   admin.Principal
}

// show renders a page with the visitor's navigation.
func (p *Portal) show(w http.ResponseWriter, r *http.Request, v visitor, page ui.Page) {
	p.showAs(w, r, http.StatusOK, v, page)
}

func (p *Portal) showAs(w http.ResponseWriter, r *http.Request, status int, v visitor, page ui.Page) {
	page.SignedIn, page.Admin = v.name(), len(v.Roles.Roles) > 0
	p.o.UI.Render(w, r, status, page)
}

// New returns a Portal.
func New(o Options) (*Portal, error) {
	p := &Portal{o: o}
	for name, to := range map[string]**ui.Template{"apps.html": &p.apps, "app.html": &p.app, "account.html": &p.account, "exchanged.html": &p.exchanged, "out.html": &p.out} {
		t, err := o.UI.Parse(files, name)
		if err != nil {
			return nil, err
		}
		*to = t
	}
	var err error
	p.why, err = why.Template(o.UI)
	return p, err
}

// Mount adds the routes. Forms are refused from other origins.
func (p *Portal) Mount(mux *http.ServeMux) {
	same := p.o.UI.SameOrigin()
	mux.HandleFunc("GET /{$}", p.page(p.myApps))
	mux.HandleFunc("GET /apps/{name}", p.page(p.appPage))
	mux.HandleFunc("GET /apps/{name}/why", p.page(p.whyPage))
	mux.HandleFunc("GET /account", p.page(p.accountPage))
	mux.HandleFunc("GET /account/exchanges", p.page(p.exchangedPage))
	mux.HandleFunc("GET /signed-out", p.signedOut)
	mux.Handle("POST /account/sign-out", same.Handler(p.page(p.signOut)))
	mux.Handle("POST /account/sign-out-everywhere", same.Handler(p.page(p.signOutEverywhere)))
	mux.Handle("POST /account/sessions/{id}/end", same.Handler(p.page(p.endSession)))
	mux.Handle("POST /account/apps/{app}/withdraw", same.Handler(p.page(p.withdraw)))
	mux.Handle("POST /account/exchanges/{id}/prune", same.Handler(p.page(p.prune)))
}

// signedOut is where a sign-out that led through other sites ends.
func (p *Portal) signedOut(w http.ResponseWriter, r *http.Request) {
	p.o.UI.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("You are signed out"), Template: p.out, Self: "/signed-out"})
}

// page finds the visitor, or sends them to sign in.
func (p *Portal) page(show func(http.ResponseWriter, *http.Request, visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := p.o.Sessions.Current(r)
		v := visitor{Session: s}
		if err == nil {
			v.Person, err = p.o.People.Usable(r.Context(), s.Person, s.Authentication.Connection)
		}
		if err == nil {
			v.Roles, err = p.o.Roles.Of(r.Context(), v.Person)
		}
		switch {
		case errors.Is(err, session.ErrNotFound) && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			p.o.SignIn(w, r, here(r))
		case errors.Is(err, session.ErrNotFound):
			p.o.UI.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("You are signed out"), Template: p.out})
		case err != nil:
			p.o.UI.Error(w, r, err)
		default:
			show(w, r, v)
		}
	}
}

// here is the address that was asked for, below the broker's prefix.
func here(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return r.URL.EscapedPath()
	}
	return r.URL.EscapedPath() + "?" + r.URL.RawQuery
}

func (v visitor) name() string {
	if v.Person.Profile.Email != "" {
		return v.Person.Profile.Email
	}
	return v.Person.ID
}
