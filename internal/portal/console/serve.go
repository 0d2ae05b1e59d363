package console

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
func (c *Console) Mount(mux *http.ServeMux) {
	same := c.o.UI.SameOrigin()
	for _, ru := range c.rules {
		if ru.gets() {
			mux.HandleFunc("GET "+base+ru.path, func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, ru) })
		}
		if ru.posts() {
			mux.Handle("POST "+base+ru.path, same.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, ru) })))
		}
	}
}

// serve is what every request goes through: who asks, may they, is the request
// whole, was what it hits shown to them, do it, answer.
func (c *Console) serve(w http.ResponseWriter, r *http.Request, ru rule) {
	v := &visit{c: c, w: w, r: r, rule: ru}
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
		c.o.SignIn(w, r, here)
		return
	}
	for _, step := range []func() error{v.permit, v.read} {
		if err == nil {
			err = step()
		}
	}
	var a answer
	if err == nil {
		a, err = v.run()
	}
	if err != nil {
		if len(v.who.Roles) > 0 {
			c.o.UI.Error(w, r, err, ui.Link{Text: ui.T("Back to the overview"), Href: c.path("")})
			return
		}
		c.o.UI.Error(w, r, err)
		return
	}
	a.write(v)
}

// identify finds out whose browser it is and what they may do.
func (v *visit) identify() error {
	find := v.c.o.Current
	if v.r.Header.Get("HX-Target") == refreshed {
		find = v.c.o.Peek
	}
	s, err := find(v.r)
	if err != nil {
		return err
	}
	v.person, err = v.c.o.People.Usable(v.r.Context(), s.Person, s.Authentication.Connection)
	if errors.Is(err, directory.ErrPersonNotFound) {
		return session.ErrNotFound
	}
	if err != nil {
		return err
	}
	v.who, err = v.c.o.Admin.Of(v.r.Context(), v.person)
	return err
}

// permit holds the visit to the rule of what it asks for.
func (v *visit) permit() error {
	if len(v.who.Roles) == 0 {
		return errNothing
	}
	if v.may(v.rule, v.r.PathValue("name"), "") {
		return nil
	}
	if !v.rule.owned {
		return admin.ErrForbidden
	}
	app, err := v.c.o.Apps.App(v.r.Context(), v.r.PathValue("name"))
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
func (v *visit) may(ru rule, name, team string) bool {
	if ru.owned {
		return v.who.MayApp(ru.right, name, team)
	}
	return v.who.May(ru.right)
}

// read takes the parameters in, and refuses those that the rule does not know: a
// filter with a slip of the pen must not select everything.
func (v *visit) read() (err error) {
	if v.query, err = httpx.Query(v.r); err != nil {
		return err
	}
	if v.r.Method != http.MethodPost {
		return nil
	}
	if v.rule.upload {
		v.form, err = readUpload(v.w, v.r)
		return err
	}
	v.form, err = httpx.Form(v.r)
	return err
}

// run does what the rule says.
func (v *visit) run() (answer, error) {
	ru := v.rule
	do := v.operate
	if ru.act != nil {
		do = func() (answer, error) { return ru.act(v) }
	}
	switch {
	case ru.ask == nil && v.r.Method == http.MethodPost:
		return do()
	case ru.ask == nil:
		return ru.show(v)
	}
	q, err := ru.ask(v)
	if err != nil {
		return nil, err
	}
	switch seen := v.form.Get(seenField); {
	case v.r.Method != http.MethodPost:
		return v.question(q, nil), nil
	case seen == "":
		return v.question(q, &ui.Notice{Text: ui.T("Nothing has been done yet: look at what it hits first."), Tone: ui.Warn}), nil
	case seen != q.version():
		return v.question(q, &ui.Notice{Text: ui.T("It has changed since you looked, so nothing was done. Look again."), Tone: ui.Warn}), nil
	}
	return do()
}
