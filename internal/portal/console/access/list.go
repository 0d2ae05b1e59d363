package access

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// teller says what assignments are, on one page.
type teller struct {
	*Console
	v    *kit.Visit
	refs *names.Refs
	apps names.Titles
}

func (c *Console) teller(v *kit.Visit) (*teller, error) {
	apps, err := c.AppTitles(v.Context())
	return &teller{c, v, c.Refs(v), apps}, err
}

// whom names whom an assignment is for.
func (t *teller) whom(w entitlement.Whom) kit.Cell {
	switch w.Kind() {
	case entitlement.ForPerson:
		cell := t.refs.Cell(identity.Person(w.Person))
		if !t.v.Who.May(admin.ReadPeople) {
			cell.Href = ""
		}
		return cell
	case entitlement.ForAttribute:
		return kit.Cell{Text: w.Attribute.Name + " = " + strings.Join(w.Attribute.Values, ", ")}
	}
	cell := kit.Cell{Text: w.Group.ID, Also: w.Group.Connection, Code: true, Raw: w.Group.Connection + "/" + w.Group.ID}
	if t.v.Who.May(admin.ReadGroups) {
		cell.Href = t.GroupPath(w.Group)
	}
	if g, err := t.o.Directory.Group(t.v.Context(), w.Group); err == nil && g.DisplayName != "" {
		cell.Text, cell.Code = g.DisplayName, false
	}
	return cell
}

// state says whether it holds.
func (t *teller) state(a entitlement.Assignment) ui.Tag {
	switch now := t.Now(); {
	case !a.Ended.IsZero() || !a.Until.IsZero() && !now.Before(a.Until):
		return ui.Tag{Text: ui.T("Over")}
	case now.Before(a.From):
		return ui.Tag{Text: ui.T("Yet to begin"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Holds"), Tone: ui.Good}
}

// until is when it ends, or ended.
func until(a entitlement.Assignment) kit.Cell {
	switch {
	case !a.Ended.IsZero():
		return kit.Cell{Time: a.Ended}
	case a.Until.IsZero():
		return kit.Cell{Say: ui.T("No end")}
	}
	return kit.Cell{Time: a.Until}
}

func from(a entitlement.Assignment) kit.Cell {
	if a.From.After(a.Created) {
		return kit.Cell{Time: a.From}
	}
	return kit.Cell{Time: a.Created}
}

// path is the page of an assignment to an app that is there.
func (t *teller) path(a entitlement.Assignment) string {
	if !t.apps.Has(a.App) {
		return ""
	}
	return t.apps.Path(a.App) + "/assignments/" + a.ID
}

// offers are what may be done to it.
func (t *teller) offers(a entitlement.Assignment) []kit.Offer {
	if !t.apps.Has(a.App) || t.state(a).Tone == "" {
		return nil
	}
	name := t.apps.NameOf(a.App)
	return t.v.Offers(
		kit.Way("/apps/{name}/assignments/{id}/move", ui.T("Move the end"), " clock", name, a.ID),
		kit.Way("/apps/{name}/assignments/{id}/end", ui.T("End now"), "danger cross", name, a.ID),
	)
}

// list shows assignments; the app of its page is left out.
func (t *teller) list(path, app string, filters []kit.Filter, fetch func(context.Context, entitlement.Query) ([]entitlement.Assignment, string, error)) *kit.List[entitlement.Assignment] {
	columns := []kit.Column[entitlement.Assignment]{
		{Title: ui.T("Role"), Name: "role", Cell: func(a entitlement.Assignment) kit.Cell {
			return kit.Cell{Text: a.Role, Href: t.path(a)}
		}},
		{Title: ui.T("App"), Name: "app", Cell: func(a entitlement.Assignment) kit.Cell { return t.apps.Cell(a.App) }},
		{Title: ui.T("For"), Name: "for", Cell: func(a entitlement.Assignment) kit.Cell { return t.whom(a.Whom) }},
		{Title: ui.T("State"), Name: "state", Cell: func(a entitlement.Assignment) kit.Cell { return kit.Cell{Tags: []ui.Tag{t.state(a)}} }},
		{Title: ui.T("From"), Name: "from", Cell: from},
		{Title: ui.T("Until"), Name: "until", Cell: until},
		{Title: ui.T("Reason"), Name: "reason", Cell: func(a entitlement.Assignment) kit.Cell { return kit.Cell{Text: kit.Clip(a.Reason, 80), Raw: a.Reason} }},
		{Title: ui.T("Assigned"), Name: "created", Sort: "created", Cell: func(a entitlement.Assignment) kit.Cell { return kit.Cell{Time: a.Created} }},
	}
	if app != "" {
		columns = append(columns[:1], columns[2:]...)
	}
	return &kit.List[entitlement.Assignment]{
		Name: "assignments", Path: path, Sorted: "-created", Caption: ui.T("Assigned roles"), Columns: columns, Offers: t.offers,
		Empty: ui.Empty{Icon: "shield", Title: ui.T("No role is assigned like that."), Text: ui.T("Most people have their roles by groups. What is assigned here adds to them, for a time if need be.")},
		Filters: append(filters, kit.Filter{Name: "ended", Label: ui.T("State"), Options: []ui.Option{
			kit.Anything(), {Value: "false", Text: ui.T("Not ended")}, {Value: "true", Text: ui.T("Ended")},
		}}),
		Fetch: func(ctx context.Context, q kit.Query) ([]entitlement.Assignment, string, error) {
			return fetch(ctx, entitlement.Query{App: q.Get("app"), Person: q.Get("person"), Ended: kit.Truth(q.Get("ended")), Oldest: !q.Down, Limit: q.Limit, After: q.After})
		},
	}
}

// showAll lists the assignments of all apps.
func (c *Console) showAll(v *kit.Visit) (kit.Answer, error) {
	t, err := c.teller(v)
	if err != nil {
		return nil, err
	}
	filters := []kit.Filter{{Name: "app", Label: ui.T("App"), Options: t.apps.Options()}, {Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"}}
	list := t.list(c.Path("/assignments"), "", filters, func(ctx context.Context, q entitlement.Query) ([]entitlement.Assignment, string, error) {
		if q.Person, err = c.PersonLike(ctx, q.Person); err != nil {
			return nil, "", err
		}
		return c.o.Assignments.Search(ctx, q)
	})
	return list.Show(v, ui.T("Assigned roles"), kit.Around{Offers: v.Offers(
		kit.Way("/assign", ui.T("Assign a role"), "primary plus"), kit.Way("/explain-access", ui.T("Explain access"), " info"),
	)})
}

// showOfApp lists those of an app.
func (c *Console) showOfApp(v *kit.Visit) (kit.Answer, error) {
	a, err := c.o.Apps.App(v.Context(), v.PathValue("name"))
	if err != nil {
		return nil, err
	}
	t, err := c.teller(v)
	if err != nil {
		return nil, err
	}
	list := t.list(c.AppPath(a)+"/assignments", a.ID, nil, func(ctx context.Context, q entitlement.Query) ([]entitlement.Assignment, string, error) {
		q.App = a.ID
		return c.o.Assignments.Search(ctx, q)
	})
	offers := v.Offers(kit.Way("/assign", ui.T("Assign a role"), "primary plus"))
	for i := range offers {
		offers[i].Href += "?app=" + a.Name
	}
	return list.Show(v, ui.T("Roles assigned in %s", a.Title()), kit.Around{Offers: append(offers, v.Offers(kit.OfApp(a, "/apps/{name}/explain", ui.T("Explain access"), " info"))...)})
}

// one finds the assignment that the path names, and its app.
func (c *Console) one(v *kit.Visit) (app catalog.App, a entitlement.Assignment, err error) {
	if app, err = c.o.Apps.App(v.Context(), v.PathValue("name")); err == nil {
		a, err = c.o.Assignments.Get(v.Context(), app.Name, v.PathValue("id"))
	}
	return app, a, err
}

// crumbs lead up from an assignment.
func (c *Console) crumbs(app catalog.App) []ui.Link {
	return []ui.Link{
		{Text: ui.T("Apps"), Href: c.Path("/apps")}, {Text: ui.Plain(app.Title()), Href: c.AppPath(app)}, {Text: ui.T("Assigned roles"), Href: c.AppPath(app) + "/assignments"},
	}
}

// showOne shows an assignment, also one that has ended.
func (c *Console) showOne(v *kit.Visit) (kit.Answer, error) {
	app, a, err := c.one(v)
	if err != nil {
		return nil, err
	}
	t, err := c.teller(v)
	if err != nil {
		return nil, err
	}
	facts := []kit.Fact{
		kit.Says(ui.T("Role"), kit.Cell{Text: a.Role}), kit.Says(ui.T("For"), t.whom(a.Whom)), kit.Is(ui.T("Reason"), a.Reason), kit.When(ui.T("From"), from(a).Time), kit.Says(ui.T("Until"), until(a)),
		kit.Says(ui.T("Assigned by"), t.actor(a.By)), kit.When(ui.T("Assigned"), a.Created),
	}
	if !a.Ended.IsZero() {
		facts = append(facts, kit.Says(ui.T("Ended by"), t.actor(a.EndedBy)))
	}
	d := kit.Detail{Tags: []ui.Tag{t.state(a)}, Facts: kit.Known(facts...), Offers: t.offers(a)}
	if len(a.Moved) > 0 {
		b := kit.Block{ID: "moved", Title: ui.T("Ends that it had before"), Heads: []ui.Text{ui.T("Until"), ui.T("Changed"), ui.T("By")}}
		for _, m := range a.Moved {
			b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{until(entitlement.Assignment{Until: m.Until}), {Time: m.At}, t.actor(m.By)}})
		}
		d.Blocks = append(d.Blocks, b)
	}
	history, err := c.History(v, audit.Query{Text: a.ID})
	if err != nil {
		return nil, err
	}
	if !history.Title.Empty() {
		d.Blocks = append(d.Blocks, history)
	}
	return kit.View{Title: ui.T("%s in %s", a.Role, app.Title()), Crumbs: c.crumbs(app), Template: "detail", Data: d}, nil
}

// actor names who did something.
func (t *teller) actor(a identity.Actor) kit.Cell {
	cell := t.refs.Cell(a.Ref)
	if !t.v.Who.May(admin.ReadPeople) {
		cell.Href = ""
	}
	return cell
}

// hits tells who has a role by an assignment.
func (t *teller) hits(a entitlement.Assignment) ([]kit.Hit, error) {
	hits := []kit.Hit{
		kit.Hitting(ui.T("Role"), kit.Cell{Text: cmp.Or(a.Role, "–"), Also: t.apps.Name(a.App)}),
		kit.Hitting(ui.T("For"), t.whom(a.Whom)),
	}
	switch a.Whom.Kind() {
	case entitlement.ForGroup:
		g, err := t.o.Directory.Group(t.v.Context(), a.Whom.Group)
		switch {
		case err == nil:
			hits = append(hits, kit.Hit{Label: ui.T("Members of the group"), Count: g.Members})
		case errors.Is(err, directory.ErrGroupNotFound):
			hits = append(hits, kit.Hitting(ui.T("People"), kit.Cell{Say: ui.T("Nobody was seen in this group yet: who comes into it has the role.")}))
		default:
			return nil, err
		}
	case entitlement.ForAttribute:
		hits = append(hits, kit.Hitting(ui.T("People"), kit.Cell{Say: ui.T("Everybody whose profile says so, now and later.")}))
	}
	return hits, nil
}

func (c *Console) askEnd(v *kit.Visit) (kit.Confirmation, error) {
	app, a, err := c.one(v)
	if err == nil && !a.Ended.IsZero() {
		err = entitlement.ErrAssignmentEnded
	}
	if err != nil {
		return kit.Confirmation{}, err
	}
	t, err := c.teller(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	q := kit.Confirmation{
		Title: ui.T("End this assignment of %s in %s?", a.Role, app.Title()), Button: ui.T("End now"), Back: kit.Fill("/apps/{name}/assignments/{id}", app.Name, a.ID), State: a.ID,
		Lead: ui.T("Who has the role in another way, too, keeps it. Whoever loses it loses at once what was issued to the app in their name; their session goes on."),
	}
	q.Hits, err = t.hits(a)
	if err == nil && a.Whom.Person != "" {
		held, hitErr := c.keeps(v, app, a)
		q.Hits, err = append(q.Hits, held...), hitErr
	}
	return q, err
}
