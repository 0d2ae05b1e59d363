package ui

import (
	"bytes"
	"context"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language/display"
)

// Files are where templates are read from.
type Files = fs.FS

// Page is what a handler shows.
type Page struct {
	Title Text
	// Template is from UI.Parse; Data is what it gets as .Data.
	Template *Template
	Data     any
	// SignedIn shows the navigation; it is the name of who is signed in. Admin adds
	// the way to the administration. Area is which part the page belongs to.
	SignedIn string
	Admin    bool
	Area     Area
	// Crumbs lead back up from a page that is deeper down, outermost first. Side is
	// the navigation beside the page.
	Crumbs []Link
	Side   []Nav
	// Notice is said above the page.
	Notice *Notice
	// Self is the path below the prefix that shows the page again, when the requested
	// one does not.
	Self string
	// FormTargets are origins beside our own that forms of the page lead to, also
	// by a redirect.
	FormTargets []string
	// Live loads htmx, for pages that swap a part of themselves.
	Live bool
	// script allows our own script files.
	script bool
}

// Area is a part of the product, as the navigation shows them.
type Area string

// The areas. The pages of a sign-in are in none.
const (
	Apps    Area = "apps"
	Account Area = "account"
	Admin   Area = "admin"
)

// view is what the shell gets.
type view struct {
	Page
	Product   string
	Name      string
	Title     string
	Languages []choice
}

// choice is a language that the page can be read in instead.
type choice struct{ Code, Name, Href string }

// Prefer returns r with the languages that an app asked for, best first and
// separated by spaces (ui_locales, OpenID Connect Core, section 3.1.2.1). Tags that
// are none are passed over.
func Prefer(r *http.Request, locales string) *http.Request {
	if locales == "" {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), localesKey{}, locales))
}

// Render shows a page.
func (u *UI) Render(w http.ResponseWriter, r *http.Request, status int, p Page) {
	i := choose(r)
	u.remember(w, r, i)
	var title string
	var out bytes.Buffer
	t, err := p.Template.in[i]()
	if err == nil {
		title, err = saidTitle(t, p)
	}
	if err == nil {
		err = t.ExecuteTemplate(&out, "shell.html", view{Page: p, Product: u.o.Brand.Name, Name: p.Template.name, Title: title, Languages: u.others(r, p, i)})
	}
	if err != nil {
		u.o.Log.ErrorContext(r.Context(), "page not rendered", slog.String("title", title), slog.Any("error", err))
		http.Error(w, "something went wrong on our side", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", Languages()[i].String())
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(p))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(harmless(out.Bytes())) // the peer may have gone
}

// saidTitle says the title in the words of the page's own package.
func saidTitle(t *template.Template, p Page) (string, error) {
	var out bytes.Buffer
	err := t.ExecuteTemplate(&out, "title", p.Title)
	return strings.TrimSpace(out.String()), err
}

// remember keeps a language that the person chose on this very page.
func (u *UI) remember(w http.ResponseWriter, r *http.Request, i int) {
	if r.URL.Query().Has("lang") {
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: it says a language, and may go over http where the issuer is
			Name: languageCookie, Value: Languages()[i].String(), Path: u.o.Prefix + "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}

// others are the further languages of a page that can be asked for again, which
// those on the way through a sign-in mostly cannot.
func (u *UI) others(r *http.Request, p Page, now int) []choice {
	if r.Method != http.MethodGet || p.Area == "" && p.Self == "" {
		return nil
	}
	var all []choice
	for i, tag := range Languages() {
		if i == now {
			continue
		}
		query, self := r.URL.Query(), ""
		if p.Self != "" {
			query, self = url.Values{}, u.o.Prefix+p.Self
		}
		query.Set("lang", tag.String())
		all = append(all, choice{tag.String(), display.Self.Name(tag), self + "?" + query.Encode()})
	}
	return all
}

func policy(p Page) string {
	sources := "script-src 'none'"
	if p.script || p.Live {
		sources = "script-src 'self'; connect-src 'self'"
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; " + sources +
		"; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(append([]string{"'self'"}, p.FormTargets...), " ")
}

// Post sends values to the app at target by a form that sends itself (OAuth 2.0 Form
// Post Response Mode), with a button for browsers without scripts.
func (u *UI) Post(w http.ResponseWriter, r *http.Request, target string, values url.Values) {
	u.post(w, r, T("Going back to the app"), T("Your answer goes back to the app."), target, values)
}

// PostToProvider is Post to an identity provider.
func (u *UI) PostToProvider(w http.ResponseWriter, r *http.Request, provider, target string, values url.Values) {
	u.post(w, r, T("Going to %s", provider), T("You go on at %s.", provider), target, values)
}

func (u *UI) post(w http.ResponseWriter, r *http.Request, title, lead Text, target string, values url.Values) {
	u.Render(w, r, http.StatusOK, Page{
		Title: title, Template: u.posting, FormTargets: onward(target), script: true,
		Data: map[string]any{"Target": target, "Values": values, "Lead": lead},
	})
}

// onward is where a form may end: browsers count redirects, and whoever it is sent to
// may go on to any host of theirs.
func onward(target string) []string {
	t, err := url.Parse(target)
	if err != nil {
		return []string{target}
	}
	to := []string{t.Scheme + "://" + t.Host}
	if t.Scheme == "https" {
		to = append(to, "https:")
	}
	return to
}

// SendToProvider leads a browser that posted a form of ours to an identity provider.
// A redirect would be stopped: it counts as where the form leads (CSP form-action).
func (u *UI) SendToProvider(w http.ResponseWriter, r *http.Request, provider, target string) {
	u.send(w, r, T("Going to %s", provider), T("You go on at %s.", provider), target)
}

// SignOutOf leads the browser to an app, to sign out there, too: by a form with values,
// or without any as SendToProvider does.
func (u *UI) SignOutOf(w http.ResponseWriter, r *http.Request, app, target string, values url.Values) {
	title, lead := T("Signing out of %s", app), T("Your session here has ended. %s ends its own now.", app)
	if values == nil {
		u.send(w, r, title, lead, target)
		return
	}
	u.post(w, r, title, lead, target, values)
}

func (u *UI) send(w http.ResponseWriter, r *http.Request, title, lead Text, target string) {
	w.Header().Set("Refresh", "0; url="+target)
	u.Render(w, r, http.StatusOK, Page{Title: title, Template: u.sending, Data: map[string]any{"Target": target, "Lead": lead}})
}
