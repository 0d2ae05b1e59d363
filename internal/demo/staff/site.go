package staff

import (
	"context"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

//go:embed site.html
var siteHTML string

var pages = template.Must(template.New("site").Parse(siteHTML))

// sessionLife is how long somebody stays signed in, cookieName what their browser keeps,
// and keptResults how many results can be looked at again.
const (
	sessionLife = 8 * time.Hour
	cookieName  = "acme-workforce"
	keptResults = 50
)

// Lead is what Acme's pages say of themselves.
const Lead = "The identity provider of the demo."

// SiteOptions describe a Site. All fields but Pusher are required.
type SiteOptions struct {
	Title  string
	Roster *Roster
	// HR is the user name of who does human resources, Domain that of new addresses.
	HR, Domain string
	// Groups are the names of all groups.
	Groups []string
	// Console is where the broker shows an operation, but for its id at the end.
	Console string
	Now     func() time.Time
}

// Site serves Acme's pages about who works there.
type Site struct {
	o SiteOptions

	mu       sync.Mutex
	pusher   *Pusher            // nil until the broker is told of changes
	sessions map[string]session // by the value of the cookie
	results  []result
}

// session is somebody who gave their password.
type session struct {
	username string
	since    time.Time
}

// result is what came of a change.
type result struct {
	ID, Says, Password string
	// Problem is why the broker was not asked.
	Problem string
	Calls   []Call
}

// NewSite returns a Site. Until Tell, changes stay at Acme.
func NewSite(o SiteOptions) *Site {
	return &Site{o: o, sessions: map[string]session{}}
}

// Done reports whether the broker did all that it was asked.
func (r result) Done() bool {
	return !slices.ContainsFunc(r.Calls, func(c Call) bool { return !c.Done() })
}

// Tell has the broker told of what changes from now on.
func (s *Site) Tell(p *Pusher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pusher = p
}

// Mount adds the site's routes. Forms of other origins are refused, also those of the
// demo's apps, which are on other ports of the same host.
func (s *Site) Mount(mux *http.ServeMux) {
	own := http.NewCrossOriginProtection()
	post := func(path string, do http.HandlerFunc) { mux.Handle("POST "+path, own.Handler(do)) }
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /people", s.staff(s.list))
	mux.HandleFunc("GET /people/{username}", s.staff(s.one))
	post("/sign-in", s.signIn)
	post("/sign-out", s.signOut)
	post("/people", s.staff(s.hire))
	post("/people/{username}/move", s.staff(s.move))
	post("/people/{username}/fire", s.staff(s.fire))
}

func (s *Site) look() idp.Look { return idp.Look{Title: s.o.Title, Lead: Lead} }

// home asks for a password, or leads to the people.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.current(r); ok {
		http.Redirect(w, r, "/people", http.StatusSeeOther)
		return
	}
	s.form().Write(w, http.StatusOK)
}

func (s *Site) form() idp.Form {
	f := idp.Form{Look: s.look(), Action: "/sign-in", Username: s.o.HR}
	f.Lead = "Who works here: hire, move and fire. " + s.o.HR + " does human resources."
	f.People = s.o.Roster.People()
	return f
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	who, ok := idp.Known(s.o.Roster.People(), r.PostFormValue("username"), r.PostFormValue("password"))
	if !ok {
		f := s.form()
		f.Username, f.Problem = r.PostFormValue("username"), "That user name and password do not match."
		f.Write(w, http.StatusUnauthorized)
		return
	}
	secret := rand.Text()
	s.mu.Lock()
	s.sessions[secret] = session{username: who.Username, since: s.o.Now()}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // G124: loopback has no TLS, for which Secure would be
	http.Redirect(w, r, "/people", http.StatusSeeOther)
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		s.mu.Lock()
		delete(s.sessions, c.Value)
		s.mu.Unlock()
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// current returns who is signed in at the browser and works here.
func (s *Site) current(r *http.Request) (idp.Person, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return idp.Person{}, false
	}
	s.mu.Lock()
	now, ok := s.sessions[c.Value]
	s.mu.Unlock()
	if !ok || !s.o.Now().Before(now.since.Add(sessionLife)) {
		return idp.Person{}, false
	}
	who, ok := s.o.Roster.Person(now.username)
	return who, ok && !who.Left
}

// staff lets in who does human resources.
func (s *Site) staff(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch who, ok := s.current(r); {
		case !ok:
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case who.Username != s.o.HR:
			n := idp.Notice{Look: s.look(), Heading: "Not yours", Button: "Sign out", Action: "/sign-out"}
			n.Problem = "You are signed in as " + who.Username + ". " + s.o.HR + " does human resources here."
			n.Write(w, http.StatusForbidden)
		default:
			do(w, r)
		}
	}
}

// push tells the broker, and keeps what came of it for the page that shows it.
func (s *Site) push(ctx context.Context, res result) result {
	s.mu.Lock()
	pusher := s.pusher
	s.mu.Unlock()
	res.ID = rand.Text()
	if pusher == nil {
		res.Problem = "The broker is not told: its connection takes nothing from here."
	} else {
		var err error
		if res.Calls, err = pusher.Push(ctx); err != nil {
			res.Problem = "The broker cannot be reached: " + err.Error()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results = append(s.results, res); len(s.results) > keptResults {
		s.results = slices.Delete(s.results, 0, 1)
	}
	return res
}

// came is the result with this id, nil without one.
func (s *Site) came(id string) *result {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, res := range s.results {
		if res.ID == id {
			return &res
		}
	}
	return nil
}

// view is what the pages show.
type view struct {
	idp.Look
	HR      string
	Problem string
	People  []idp.Person
	// Who is the person that the page is about, or what was filled in to hire somebody.
	Who     idp.Person
	Groups  []string
	Result  *result
	Console string
}

// Heading is what the browser's tab says first.
func (v view) Heading() string {
	if v.Who.Name != "" && v.Who.Subject != "" {
		return v.Who.Name
	}
	return "People"
}

// In reports whether the person is in the group.
func (v view) In(group string) bool { return slices.Contains(v.Who.Groups, group) }

// Managers are who could manage the person.
func (v view) Managers() []idp.Person {
	return slices.DeleteFunc(slices.Clone(v.People), func(p idp.Person) bool { return p.Left || p.Username == v.Who.Username })
}

// Called is what the people call who has the user name.
func (v view) Called(username string) string {
	for _, p := range v.People {
		if p.Username == username {
			return p.Name
		}
	}
	return ""
}

func (s *Site) render(w http.ResponseWriter, status int, name string, v view) {
	v.Look, v.HR, v.People, v.Groups, v.Console = s.look(), s.o.HR, s.o.Roster.People(), s.o.Groups, s.o.Console
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, v) // the peer has gone: nobody is left to tell
}

func (s *Site) list(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "people", view{Who: idp.Person{Groups: s.o.Groups[:1]}})
}

func (s *Site) one(w http.ResponseWriter, r *http.Request) {
	who, ok := s.o.Roster.Person(r.PathValue("username"))
	if !ok {
		s.unknown(w)
		return
	}
	s.render(w, http.StatusOK, "person", view{Who: who, Result: s.came(r.URL.Query().Get("result"))})
}

func (s *Site) unknown(w http.ResponseWriter) {
	idp.Notice{Look: s.look(), Heading: "Nobody", Problem: "Nobody of that user name ever worked here."}.Write(w, http.StatusNotFound)
}
