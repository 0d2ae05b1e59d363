// Package ui is the one way to show a page: shell, design tokens, static files
// and the content security policy. Pages need no script; the one script there is
// sends the form_post answer, which also has a button.
//
// A page is rendered whole before its first byte is sent, so that a template that
// fails never shows half of it. Nothing about people is cached.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

//go:embed static
var static embed.FS

//go:embed shell.html error.html post.html
var pages embed.FS

// Options are what a UI needs. Product, Log are required.
type Options struct {
	// Product is the name on every page.
	Product string
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	Log    *slog.Logger
}

// UI renders pages.
type UI struct {
	o       Options
	names   map[string]string // file → fingerprinted file
	files   map[string]string // and back
	failure *template.Template
	post    *template.Template
}

// Page is what a handler shows.
type Page struct {
	Title string
	// Template is a template from UI.Parse; Data is what it gets as .Data.
	Template *template.Template
	Data     any
	// SignedIn shows the way to the account; it is the name of who is signed in.
	SignedIn string
	// FormTargets are origins beside our own that forms of the page lead to, also
	// by a redirect.
	FormTargets []string
	// script allows our own script files.
	script bool
}

// Link is a way on that an error page offers.
type Link struct{ Text, Href string }

// New returns a UI.
func New(o Options) (*UI, error) {
	u := &UI{o: o, names: map[string]string{}, files: map[string]string{}}
	err := fs.WalkDir(static, "static", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := static.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		name, ext := strings.TrimPrefix(file, "static/"), path.Ext(file)
		marked := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		u.names[name], u.files[marked] = marked, name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	if u.failure, err = u.parse(pages, "error.html"); err != nil {
		return nil, err
	}
	u.post, err = u.parse(pages, "post.html")
	return u, err
}

// Parse reads a page's body template, which defines "body". Templates may use
// path, which adds the prefix to one of our own paths.
func (u *UI) Parse(from fs.FS, name string) (*template.Template, error) { return u.parse(from, name) }

func (u *UI) parse(from fs.FS, name string) (*template.Template, error) {
	t := template.New("shell.html").Funcs(template.FuncMap{
		"path":   func(p string) string { return u.o.Prefix + p },
		"static": func(file string) string { return u.o.Prefix + "/static/" + u.names[file] },
	})
	t, err := t.ParseFS(pages, "shell.html")
	if err == nil {
		t, err = t.ParseFS(from, name)
	}
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return t, nil
}

// Render shows a page.
func (u *UI) Render(w http.ResponseWriter, r *http.Request, status int, p Page) {
	var out bytes.Buffer
	err := p.Template.ExecuteTemplate(&out, "shell.html", map[string]any{
		"Product": u.o.Product, "Title": p.Title, "Data": p.Data, "SignedIn": p.SignedIn,
	})
	if err != nil {
		u.o.Log.ErrorContext(r.Context(), "page not rendered", slog.String("title", p.Title), slog.Any("error", err))
		http.Error(w, "something went wrong on our side", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(p))
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the peer may have gone
}

func policy(p Page) string {
	script := "'none'"
	if p.script {
		script = "'self'"
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; script-src " + script +
		"; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(append([]string{"'self'"}, p.FormTargets...), " ")
}

// Error shows what went wrong, what is missing and who can fix it. Of an error
// that is not a fault it says only that it is ours; the cause is in the log.
func (u *UI) Error(w http.ResponseWriter, r *http.Request, err error, links ...Link) {
	f, status := fault.As(err), httpx.Status(err)
	httpx.Report(r.Context(), err)
	if status >= http.StatusInternalServerError {
		u.o.Log.ErrorContext(r.Context(), "request failed", slog.String("code", f.Code), slog.Any("error", err))
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.TooMany {
		w.Header().Set("Retry-After", "5")
	}
	u.Render(w, r, status, Page{Title: titleOf(f.Kind), Template: u.failure, Data: map[string]any{
		"Detail": sentence(f.Detail), "Request": httpx.RequestID(r.Context()), "Links": links, "Code": f.Code,
	}})
}

func titleOf(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "That request does not work"
	case fault.Unauthenticated:
		return "Sign in first"
	case fault.Denied:
		return "You may not do that"
	case fault.NotFound:
		return "There is nothing here"
	case fault.Conflict:
		return "That is no longer so"
	case fault.TooMany:
		return "Too many tries"
	case fault.Unavailable:
		return "Try again in a moment"
	case fault.Internal:
	}
	return "Something went wrong"
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// Post sends values to target by a form that sends itself (OAuth 2.0 Form Post
// Response Mode), with a button for browsers without scripts.
func (u *UI) Post(w http.ResponseWriter, r *http.Request, target string, values url.Values) {
	origin := target
	if t, err := url.Parse(target); err == nil {
		origin = t.Scheme + "://" + t.Host
	}
	u.Render(w, r, http.StatusOK, Page{
		Title: "Going back to the app", Template: u.post, FormTargets: []string{origin}, script: true,
		Data: map[string]any{"Target": target, "Values": values},
	})
}

// Mount serves the static files. Their names change with their content, so that
// they may be kept for ever.
func (u *UI) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /static/{file}", func(w http.ResponseWriter, r *http.Request) {
		name, ok := u.files[r.PathValue("file")]
		body, err := static.ReadFile("static/" + name)
		if !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)])
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write(body) // the peer may have gone
	})
}
