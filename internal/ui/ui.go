// Package ui is the one way to show a page: shell, design tokens, components,
// languages, static files and the content security policy. Pages need no script:
// htmx makes some of them quicker, and one script of ours sends the form_post
// answer, which also has a button.
//
// A page is rendered whole before its first byte is sent, so that a template that
// fails never shows half of it. Nothing about people is cached.
//
// How a page is written: a template defines "body" and uses the classes that
// static/css describes, the functions of funcs (t, ago, icon, …) and the components
// of components.go, each by {{template "name" value}}. It says nothing but {{t}}.
package ui

import (
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed shell.html error.html post.html send.html components de.yaml
var pages embed.FS

// Brand is how the broker presents itself. All but Name has a value of its own.
type Brand struct {
	// Name is on every page. It is required.
	Name string
	// Logo is the content of an image, LogoType its media type. Empty means ours.
	Logo     []byte
	LogoType string
	// Accent and AccentDark are the colour of buttons and links on light and dark
	// pages, as #rrggbb. Empty means ours. Whoever sets them has checked their contrast.
	Accent, AccentDark string
}

// Options are what a UI needs. All but Now are required.
type Options struct {
	Brand Brand
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	// Now is what times are relative to. Nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// UI renders pages.
type UI struct {
	o                         Options
	assets                    assets
	texts                     catalogue
	failure, posting, sending *Template
}

// Template is a page in every language. Its name is that of its file; the page bears
// it as data-page, so that tests can tell whether they have seen every one.
//
// It is parsed whenever a broker starts, so that one which cannot be stops the start, but
// kept from when it is first shown: all pages in all languages are a third of what an
// idle broker holds.
type Template struct {
	name string
	in   []func() (*template.Template, error)
}

// New returns a UI.
func New(o Options) (*UI, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	u := &UI{o: o}
	var err error
	if u.assets, err = readAssets(o.Brand); err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	if u.texts, err = german(pages); err != nil {
		return nil, err
	}
	if u.failure, err = u.Parse(pages, "error.html"); err != nil {
		return nil, err
	}
	if u.posting, err = u.Parse(pages, "post.html"); err != nil {
		return nil, err
	}
	u.sending, err = u.Parse(pages, "send.html")
	return u, err
}

// Parse reads a page's body template, which defines "body", and the package's
// German texts from de.yaml beside it. Further files of from may be named for
// templates that the body shares with others. Pages are parsed before any is shown.
func (u *UI) Parse(from Files, name string, shared ...string) (*Template, error) {
	own, err := german(from)
	if err != nil {
		return nil, err
	}
	for english, text := range own.Texts { // also for what pages of ui say for the package
		if _, there := u.texts.Texts[english]; !there {
			u.texts.Texts[english] = text
		}
	}
	files := append(slices.Clone(shared), name)
	page := &Template{name: strings.TrimSuffix(path.Base(name), path.Ext(name))}
	for _, tag := range Languages() {
		l := &locale{tag: tag, print: message.NewPrinter(tag), now: u.o.Now}
		if tag != language.English {
			l.own, l.shared = own, u.texts
		}
		page.in = append(page.in, sync.OnceValues(func() (*template.Template, error) { return u.parse(l, from, files) }))
	}
	_, err = u.parse(&locale{tag: language.English}, from, files)
	return page, err
}

// parse parses the files of a page, the body's last, to be shown in a language.
func (u *UI) parse(l *locale, from Files, files []string) (*template.Template, error) {
	t, err := template.New("shell.html").Option("missingkey=error").Funcs(u.funcs(l)).ParseFS(pages, "shell.html", "components/*.html")
	if err == nil {
		t, err = t.ParseFS(from, files...)
	}
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", files[len(files)-1], err)
	}
	return t, nil
}

// funcs are what templates may use beside the built-in functions.
func (u *UI) funcs(l *locale) template.FuncMap {
	return template.FuncMap{
		"path":    func(p string) string { return u.o.Prefix + p },                // one of our own paths
		"static":  func(f string) string { return u.o.Prefix + u.assets.path(f) }, // a static file
		"icon":    icon,                                                           // a picture by name: see icon.go
		"door":    door,                                                           // the sign of an app, by its title
		"contact": contact,                                                        // where a contact leads
		"device":  device,                                                         // a User-Agent header in words
		"rule":    Rule,                                                           // what a document breaks, in words
		"scopes":  scopes,                                                         // names of scopes in words
		"t":       l.text,                                                         // our own words: a literal with arguments, or a Text
		"tn":      l.plural,                                                       // one of two literals by a number
		"list":    l.list,                                                         // "a, b and c"
		"number":  l.number,                                                       // digits in groups
		"figure":  l.figure,                                                       // a number or a Text
		"ago":     l.ago,                                                          // a time as seen from now
		"at":      l.at,                                                           // an exact time
		"lang":    func() string { return l.tag.String() },
	}
}
