package access

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// question is what somebody asks: the fields of its form, each with what is wrong in it.
type question struct {
	person, app, at ui.Field
	here            string // the path of its page
}

// asked reads the question of the page at a path.
func (c *Console) asked(v *kit.Visit, here string) *question {
	return &question{
		person: ui.Field{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Value: v.Query.Get("person")},
		app:    ui.Field{Name: "app", Label: ui.T("App (name, title or client id)"), Value: v.Query.Get("app")},
		at:     why.Field(v.Query.Get(why.Instant)), here: here,
	}
}

// explain asks about anybody and any app.
func (c *Console) explain(v *kit.Visit) (kit.Answer, error) {
	q := c.asked(v, c.Path("/explain-access"))
	page := kit.View{Title: ui.T("Explain access"), Crumbs: v.Crumbs(ui.T("Assigned roles"), "/assignments")}
	if !v.Query.Has("person") || !v.Query.Has("app") { // a way here has filled in a part, or nothing
		return q.view(page, nil, true), nil
	}
	client, err := c.Client(v, &q.app)
	if err != nil {
		return nil, err
	}
	name := q.app.Value
	if client != nil {
		name = client.Name
	}
	if name != "" && client == nil && len(q.app.Choices) == 0 {
		q.app.Wrong = ui.Text{} // it may have been there once: the explanation says
	}
	return c.answer(v, q, page, client, name, true)
}

// explainApp asks about anybody and the app of the page, for its owner, too.
func (c *Console) explainApp(v *kit.Visit) (kit.Answer, error) {
	a, err := c.o.Apps.App(v.Context(), v.PathValue("name"))
	if err != nil {
		return nil, err
	}
	q := c.asked(v, c.AppPath(a)+"/explain")
	page := kit.View{Title: ui.T("Who may use %s, and why?", a.Title()), Crumbs: append(v.Crumbs(ui.T("Apps"), "/apps"), ui.Link{Text: ui.Plain(a.Title()), Href: c.AppPath(a)})}
	if !v.Query.Has("person") {
		return q.view(page, nil, false), nil
	}
	field := ui.Field{Value: a.Name}
	client, err := c.Client(v, &field)
	if err != nil {
		return nil, err
	}
	return c.answer(v, q, page, client, a.Name, false)
}

// answer explains, or says at the fields what is wrong.
func (c *Console) answer(v *kit.Visit, q *question, page kit.View, client *registry.Client, app string, choose bool) (kit.Answer, error) {
	p, err := c.Person(v, &q.person, !v.Who.May(admin.ReadPeople))
	if err != nil {
		return nil, err
	}
	at, wrong := why.Parse(v.Query.Get(why.Instant))
	if wrong != nil {
		q.at.Wrong = v.Say(wrong)
	}
	var e entitlement.Explanation
	if !q.wrong() {
		ask := url.Values{"person": {p.ID}, "app": {app}}
		if !at.IsZero() {
			ask.Set(why.Instant, at.Format("2006-01-02T15:04:05.999999Z07:00"))
		}
		_, body, err := v.CallAt("explainAccess", nil, ask.Encode(), nil)
		if err == nil {
			err = kit.Read(body, &e)
		}
		if err != nil && !q.says(v, err) {
			return nil, err
		}
	}
	if q.wrong() {
		page.Status = http.StatusBadRequest
		return q.view(page, nil, choose), nil
	}
	voice, err := c.voice(v, q, p, client, app)
	if err != nil {
		return nil, err
	}
	data := why.Tell(e, voice, !at.IsZero())
	return q.view(page, data, choose), nil
}

func (q *question) wrong() bool {
	return !q.person.Wrong.Empty() || !q.app.Wrong.Empty() || !q.at.Wrong.Empty()
}

// says puts a refusal at the field that it is about.
func (q *question) says(v *kit.Visit, err error) bool {
	field := map[string]*ui.Field{
		catalog.ErrAppNotFound.Code: &q.app, directory.ErrPersonNotFound.Code: &q.person, entitlement.ErrFuture.Code: &q.at,
	}[fault.As(err).Code]
	if field == nil {
		return false
	}
	field.Wrong = v.Say(err)
	return true
}

// view is the page; choose has the app be a field.
func (q *question) view(page kit.View, told *why.Told, choose bool) kit.View {
	fields := []ui.Field{q.person, q.at}
	if choose {
		fields = []ui.Field{q.person, q.app, q.at}
	}
	page.Template, page.Data = "why", why.Page{
		Lead: ui.T("From what identity providers told to the role and its scopes, for now and for any time that is kept. Nothing is changed."),
		Form: ui.Filters{Action: q.here, Fields: fields, Still: true, Button: ui.T("Explain"), Clear: ui.T("Ask anew")}, Told: told,
	}
	return page
}

// voice names and links what the visitor may look at.
func (c *Console) voice(v *kit.Visit, q *question, p directory.Person, client *registry.Client, app string) (why.Voice, error) {
	titles, err := c.ConnectionTitles(v.Context())
	if err != nil {
		return why.Voice{}, err
	}
	refs := c.Refs(v)
	voice := why.Voice{
		Person: kit.NameOf(p), Connection: func(id string) string { return titles[id] },
		Actor: func(a identity.Actor) ui.Link {
			cell := refs.Cell(a.Ref)
			if cell.Say.Empty() {
				cell.Say = ui.Plain(cell.Text)
			}
			if !v.Who.May(admin.ReadPeople) {
				cell.Href = ""
			}
			return ui.Link{Text: cell.Say, Href: cell.Href}
		},
		Assignment: func(id string) string { return c.Path(kit.Fill("/apps/{name}/assignments/{id}", app, id)) },
		Here: func(at string) string {
			ask := v.Request.URL.Query()
			ask.Set(why.Instant, at)
			return q.here + "?" + ask.Encode()
		},
	}
	if v.Who.May(admin.ReadGroups) {
		voice.Group = c.GroupPath
	}
	if v.Who.May(admin.ReadAudit) {
		voice.Event = c.EntryPath
	}
	if v.Who.May(admin.ReadConnections) {
		voice.Operation = c.SCIMOperationPath
	}
	if client != nil {
		voice.App.Title = client.Title
		voice.App.Owner, err = c.o.Answers(v.Context(), client.Name, client.Owner)
		voice.Role = func(name string) string {
			if i := slices.IndexFunc(client.Entitlements, func(e catalog.Entitlement) bool { return e.Name == name }); i >= 0 {
				return client.Entitlements[i].Description
			}
			return ""
		}
	}
	return voice, err
}
