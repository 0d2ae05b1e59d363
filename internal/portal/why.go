package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errNoApp answers for an app that is not there, and for one that is listed nowhere and
// that the person never had, which they cannot tell apart.
var errNoApp = fault.New(fault.NotFound, "app_not_found", "there is no such app")

// whyPage says why the person can or cannot use an app, now or at any instant: one that
// they may look at, or had at that instant.
func (p *Portal) whyPage(w http.ResponseWriter, r *http.Request, v visitor) {
	name := r.PathValue("name")
	query, err := httpx.Query(r)
	var c *card
	if err == nil {
		c, err = p.look(r.Context(), v, name)
	}
	var e entitlement.Explanation
	field := why.Field(query.Get(why.Instant))
	if err == nil {
		e, err = p.explained(r.Context(), v, name, query.Get(why.Instant))
	}
	status, told := http.StatusOK, false
	switch wrong := errors.Is(err, why.ErrInstant) || errors.Is(err, entitlement.ErrFuture); {
	case wrong && c != nil:
		status, field.Wrong = http.StatusBadRequest, p.o.UI.Say(r, err)
	case wrong, errors.Is(err, catalog.ErrAppNotFound), err == nil && c == nil && len(e.Roles) == 0:
		p.o.UI.Error(w, r, errNoApp, ui.Link{Text: ui.T("My apps"), Href: p.o.Prefix + "/"})
		return
	case err != nil:
		p.o.UI.Error(w, r, err)
		return
	default:
		told = true
	}
	here := p.o.Prefix + "/apps/" + url.PathEscape(name)
	page := why.Page{
		Lead: ui.T("From what your identity provider told to the role, for now and for any time since history is kept."),
		Form: ui.Filters{Action: here + "/why", Fields: []ui.Field{field}, Still: true, Button: ui.T("Look at that time"), Clear: ui.T("Back to now")},
	}
	title, crumbs := e.Title, []ui.Link{{Text: ui.T("My apps"), Href: p.o.Prefix + "/"}}
	if c != nil {
		title, crumbs = c.Title, append(crumbs, ui.Link{Text: ui.Plain(c.Title), Href: here})
	}
	if told {
		voice, err := p.voice(r.Context(), c, here+"/why")
		if err != nil {
			p.o.UI.Error(w, r, err)
			return
		}
		page.Told = why.Tell(e, voice, field.Value != "")
	}
	p.showAs(w, r, status, v, ui.Page{Title: asked(e.Verdict, title), Template: p.why, Area: ui.Apps, Data: page, Crumbs: crumbs})
}

// explained asks as the person may hear it.
func (p *Portal) explained(ctx context.Context, v visitor, app, instant string) (entitlement.Explanation, error) {
	at, err := why.Parse(instant)
	if err != nil {
		return entitlement.Explanation{}, err
	}
	e, err := p.o.Explain(ctx, v.Person.ID, app, at)
	return e.ForThemselves(), err
}

// voice speaks to the person: it names nobody who did anything, and leads to nothing of
// the administration.
func (p *Portal) voice(ctx context.Context, c *card, here string) (why.Voice, error) {
	titles, err := p.o.Connections(ctx)
	if err != nil {
		return why.Voice{}, err
	}
	v := why.Voice{
		Self: true, Connection: func(id string) string { return titles[id] },
		Here: func(at string) string { return here + "?" + url.Values{why.Instant: {at}}.Encode() },
	}
	if c != nil {
		v.App = why.App{Title: c.Title, NameID: c.Learns().NameID}
		v.App.Owner, err = p.o.Answers(ctx, c.Name, c.Owner)
		v.Role = func(name string) string {
			if i := slices.IndexFunc(c.Entitlements, func(e catalog.Entitlement) bool { return e.Name == name }); i >= 0 {
				return c.Entitlements[i].Description
			}
			return ""
		}
	}
	return v, err
}

// asked is the question that the page answers.
func asked(v entitlement.Verdict, app string) ui.Text {
	switch v {
	case entitlement.Allowed:
		return ui.T("Why can I use %s?", app)
	case entitlement.Refused:
		return ui.T("Why can I not use %s?", app)
	case entitlement.Unknown:
	}
	return ui.T("Can I use %s, and why?", app)
}
