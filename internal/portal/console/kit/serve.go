package kit

import (
	"errors"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errNothing answers whoever has no role, as if nothing were here.
var errNothing = fault.New(fault.NotFound, "page_not_found", "there is no such page; the address may be mistyped, or what was here has gone")

// refreshed is the id of the part of a page that asks for itself again and again.
const refreshed = "live"

// Mount adds the pages and actions of the table.
func (s *Server) Mount(mux *http.ServeMux) {
	same := s.o.UI.SameOrigin()
	for _, ru := range s.rules {
		if ru.Gets() {
			mux.HandleFunc("GET "+Base+ru.Path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, ru) })
		}
		if ru.Posts() {
			mux.Handle("POST "+Base+ru.Path, same.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, ru) })))
		}
	}
}

// serve is what every request goes through: who asks, may they, is the request
// whole, was what it hits shown to them, do it, answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, ru Rule) {
	v := &Visit{s: s, w: w, Request: r, rule: ru}
	err := v.identify()
	if errors.Is(err, session.ErrNotFound) && r.Header.Get("HX-Request") == "true" {
		// A sign-in is no part of a page: the whole page is asked for again.
		w.Header().Set("HX-Refresh", "true")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if errors.Is(err, session.ErrNotFound) && r.Method == http.MethodGet {
		here := r.URL.EscapedPath()
		if r.URL.RawQuery != "" {
			here += "?" + r.URL.RawQuery
		}
		s.o.SignIn(w, r, here)
		return
	}
	for _, step := range []func() error{v.permit, v.read} {
		if err == nil {
			err = step()
		}
	}
	var a Answer
	if err == nil {
		a, err = v.run()
	}
	if err != nil {
		if len(v.Who.Roles) > 0 {
			s.o.UI.Error(w, r, err, ui.Link{Text: ui.T("Back to the overview"), Href: s.o.Path("")})
			return
		}
		s.o.UI.Error(w, r, err)
		return
	}
	a.write(v)
}

// identify finds out whose browser it is and what they may do.
func (v *Visit) identify() error {
	find := v.s.o.Current
	if v.Request.Header.Get("HX-Target") == refreshed {
		find = v.s.o.Peek
	}
	browser, err := find(v.Request)
	if err != nil {
		return err
	}
	v.Person, err = v.s.o.People.Usable(v.Context(), browser.Person, browser.Authentication.Connection)
	if errors.Is(err, directory.ErrPersonNotFound) {
		return session.ErrNotFound
	}
	if err != nil {
		return err
	}
	v.Who, err = v.s.o.Admin.Of(v.Context(), v.Person)
	return err
}

// permit holds the visit to the rule of what it asks for.
func (v *Visit) permit() error {
	if len(v.Who.Roles) == 0 {
		return errNothing
	}
	if v.may(v.rule, v.PathValue("name"), "") {
		return nil
	}
	if !v.rule.Owned {
		return admin.ErrForbidden
	}
	app, err := v.s.o.Apps.App(v.Context(), v.PathValue("name"))
	switch {
	case errors.Is(err, catalog.ErrAppNotFound):
		return admin.ErrForbidden
	case err != nil:
		return err
	case !v.may(v.rule, app.Name, app.Manifest.Spec.Owner.Team):
		return admin.ErrForbidden
	}
	return nil
}

// may reports whether whoever visits may do what the rule is about; name and team
// are those of the app that an owned rule is asked about, empty elsewhere.
func (v *Visit) may(ru Rule, name, team string) bool {
	if ru.Owned {
		return v.Who.MayApp(ru.Right, name, team)
	}
	return v.Who.May(ru.Right)
}

// read takes the parameters in, and refuses those that the rule does not know: a
// filter with a slip of the pen must not select everything.
func (v *Visit) read() (err error) {
	if v.Query, err = httpx.Query(v.Request); err != nil {
		return err
	}
	if v.Request.Method != http.MethodPost {
		return nil
	}
	switch {
	case v.rule.Upload:
		v.Form, err = readUpload(v.w, v.Request)
		return err
	case v.rule.Receives:
		v.Form, v.incoming, err = receive(v.Request)
		return err
	}
	v.Form, err = httpx.Form(v.Request)
	return err
}

// run does what the rule says.
func (v *Visit) run() (Answer, error) {
	ru := v.rule
	do := v.operate
	if ru.Act != nil {
		do = func() (Answer, error) { return ru.Act(v) }
	}
	switch {
	case ru.Ask == nil && v.Request.Method == http.MethodPost:
		return do()
	case ru.Ask == nil:
		return ru.Show(v)
	}
	q, err := ru.Ask(v)
	if err != nil {
		return nil, err
	}
	switch seen := v.Form.Get(seenField); {
	case v.Request.Method != http.MethodPost:
		return v.question(q, nil), nil
	case seen == "":
		return v.question(q, &ui.Notice{Text: ui.T("Nothing has been done yet: look at what it hits first."), Tone: ui.Warn}), nil
	case seen != q.version():
		return v.question(q, &ui.Notice{Text: ui.T("It has changed since you looked, so nothing was done. Look again."), Tone: ui.Warn}), nil
	}
	return do()
}
