// Package kit is what every page of the console stands on: the table of rules that is
// the router, what each request goes through, and the shapes that pages have: lists
// (List), things (Detail) and questions before an action (Confirmation).
//
// # What it promises
//
// A page or action exists only as a Rule, and New refuses a rule without a right, so
// that none can be served to whoever happens to be signed in. Who has no role at all
// finds nothing under /admin. A rule with Ask is done only by a form that brings along
// what the question was about, and only while that is so still. Forms of other sites
// are refused. A parameter that a list does not know is refused: a filter with a slip of
// the pen must not select everything. Nothing here needs a script.
//
// # How a page is added
//
// A part of the console is a package beside this one, about one noun. It has its own
// Options, with interfaces of the few methods that it calls, and a method that returns
// its [Part]; package console makes the part, gives it what it needs and hands it to New.
// Parts do not import each other: what several of them say of a person, an app or a
// connection, and how they lead to its page, is in package names.
//
//  1. Add a Rule to the part's table: Path, Right, and Show for a page. For an action
//     name the Operation of the management API, Then and Notice, and Ask where it cannot
//     be taken back; Act only where calling the operation is not enough. Give the
//     Notice's code its text in the part's Notices. A form with a file is an Upload, or
//     Receives where the file may be of any size.
//  2. Write the handler: it reads by the noun's service, changes by Visit.Call, and
//     answers a View, a Redirect, or what List.Show returns. It asks for no right itself
//     but for what it shows beside its own subject (v.Who.May). Offer ways to other
//     pages by Visit.Offers, which leaves out what the visitor may not do.
//  3. A page of a shape of its own has a template beside the handler, NAME.html, which
//     defines "body" and may use "cell", "offers" and "hits" of parts.html. Names are
//     unique in the whole product.
//  4. Put the German of what the part says into its de.yaml; what the kit's de.yaml has
//     already is not said twice, and what two parts say moves there.
//  5. Test the page beside the part, on the stage of package consoletest.
//  6. A page that belongs into the navigation is added to console/side.go, and the
//     table's new lines to console/testdata/roles.txt (go test -update writes it: look at
//     what it says). An owner of an app sees it only if the rule is Owned.
package kit

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Base is where the console lives, below the broker's prefix.
const Base = "/admin"

// shared is the file of the templates that pages share.
const shared = "parts.html"

//go:embed *.html de.yaml
var files embed.FS

// Site is what every page knows of the broker that it is a page of.
type Site struct {
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	Now    func() time.Time
}

// Path is where something of the console is, with the prefix; local is below Base.
func (s Site) Path(local string) string { return s.Prefix + Base + local }

// Options are what a Server needs. All are required.
type Options struct {
	Site
	// Current returns the browser's session, or session.ErrNotFound. Peek does so
	// without counting as a use.
	Current, Peek func(*http.Request) (session.Session, error)
	// SignIn begins a sign-in that ends at a path of ours.
	SignIn func(w http.ResponseWriter, r *http.Request, local string)
	// People says who may act at all.
	People interface {
		Usable(ctx context.Context, person, connection string) (directory.Person, error)
	}
	// Admin says what somebody may do.
	Admin interface {
		Of(ctx context.Context, p directory.Person) (admin.Principal, error)
	}
	// Apps finds the app that an owned rule is about, to learn whose it is.
	Apps interface {
		App(ctx context.Context, name string) (catalog.App, error)
	}
	// Operations do everything that changes something.
	Operations Operations
	UI         *ui.UI
	Log        *slog.Logger
}

// Part is a part of the console.
type Part struct {
	Rules []Rule
	// Notices are what is said after a change, by the codes of the rules.
	Notices map[string]ui.Text
	// Files are the part's templates and its de.yaml; nil for none.
	Files fs.FS
}

// Server serves the pages and actions of a table.
type Server struct {
	o         Options
	rules     []Rule
	notices   map[string]ui.Text
	side      []Place
	templates map[string]*ui.Template
}

// New returns a Server of all parts, with side as its navigation. It refuses a rule
// without a right, one that answers nothing, two of one path, a notice or a place of the
// navigation that nothing stands behind, and two templates of one name.
func New(o Options, side []Place, parts ...Part) (*Server, error) {
	s := &Server{o: o, side: side, notices: map[string]ui.Text{}, templates: map[string]*ui.Template{}}
	sets := []fs.FS{files}
	for _, p := range parts {
		s.rules = append(s.rules, p.Rules...)
		for code, text := range p.Notices {
			if _, twice := s.notices[code]; twice {
				return nil, fmt.Errorf("console: two notices have the code %s", code)
			}
			s.notices[code] = text
		}
		if p.Files != nil {
			sets = append(sets, p.Files)
		}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	all, err := ui.Join(sets...)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for _, from := range sets {
		if err := s.parse(from, all); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// parse reads the templates of from; all has those that they share, and the texts.
func (s *Server) parse(from, all fs.FS) error {
	names, err := fs.Glob(from, "*.html")
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	for _, file := range names {
		name := strings.TrimSuffix(file, ".html")
		if file == shared {
			continue
		}
		if s.templates[name] != nil {
			return fmt.Errorf("console: two templates are called %s", name)
		}
		if s.templates[name], err = s.o.UI.Parse(all, file, shared); err != nil {
			return err
		}
	}
	return nil
}

// check looks for slips of ours in the table.
func (s *Server) check() error {
	seen := map[string]bool{}
	for _, ru := range s.rules {
		switch {
		case ru.Right == "":
			return fmt.Errorf("console: %s has no right", ru.Path)
		case seen[ru.Path]:
			return fmt.Errorf("console: two rules have the path %s", ru.Path)
		case !ru.Gets() && !ru.Posts() || ru.Show != nil && ru.Ask != nil || ru.Ask != nil && !ru.Posts():
			return fmt.Errorf("console: %s answers nothing, or one thing in two ways", ru.Path)
		case ru.Operation != "" && s.notice(ru.Notice) == nil:
			return fmt.Errorf("console: %s ends without a word", ru.Path)
		}
		seen[ru.Path] = true
	}
	for _, p := range s.side {
		if !seen[p.Path] {
			return fmt.Errorf("console: the navigation leads to %s, which no rule has", p.Path)
		}
	}
	return nil
}

// Rules are all of the table, for tests that walk through it.
func (s *Server) Rules() []Rule { return s.rules }

// rule finds the rule with this path; one that is not there is a slip of ours, which the
// first visit finds.
func (s *Server) rule(path string) Rule {
	for _, ru := range s.rules {
		if ru.Path == path {
			return ru
		}
	}
	panic("console: no rule for " + path)
}

// notice is what is said after a change, by the code in the address: what else stands
// there is never shown.
func (s *Server) notice(code string) *ui.Notice {
	if code == waits {
		return &ui.Notice{Text: ui.T("Nothing has been done yet: this waits for a second person to approve it."), Tone: ui.Warn}
	}
	if text, ok := s.notices[code]; ok {
		return &ui.Notice{Text: text, Tone: ui.Good}
	}
	return nil
}
