package access

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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

// The fields of the form.
const (
	fieldApp = iota
	fieldRole
	fieldKind
	fieldPerson
	fieldConnection
	fieldGroup
	fieldAttribute
	fieldValues
	fieldFrom
	fieldUntil
	fieldReason
	fieldCount
)

// draft is an assignment that is being written.
type draft struct {
	fields []ui.Field
	client *registry.Client
	made   entitlement.New
}

// newFields are the fields, with what was sent.
func (c *Console) newFields(v *kit.Visit, sent url.Values) []ui.Field {
	fields := make([]ui.Field, fieldCount)
	fields[fieldApp] = ui.Field{Name: "app", Label: ui.T("App (name, title or client id)"), Type: "text"}
	fields[fieldRole] = ui.Field{Name: "role", Label: ui.T("Role"), Type: "text"}
	fields[fieldKind] = ui.Field{Name: "for", Label: ui.T("For"), Options: []ui.Option{
		{Value: entitlement.ForPerson, Text: ui.T("A person")}, {Value: entitlement.ForGroup, Text: ui.T("An upstream group")}, {Value: entitlement.ForAttribute, Text: ui.T("Everybody with an attribute")},
	}}
	fields[fieldPerson] = ui.Field{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "text"}
	fields[fieldConnection] = ui.Field{Name: "connection", Label: ui.T("Or the group's connection"), Options: append([]ui.Option{{Text: ui.T("None")}}, c.ConnectionOptions(v.Context())[1:]...)}
	fields[fieldGroup] = ui.Field{Name: "group", Label: ui.T("and its upstream id"), Type: "text"}
	attributes := []ui.Option{{Text: ui.T("None")}}
	for _, name := range directory.Attributes() {
		attributes = append(attributes, ui.Option{Value: name, Text: ui.Plain(name)})
	}
	fields[fieldAttribute] = ui.Field{Name: "attribute", Label: ui.T("Or the attribute"), Options: attributes}
	fields[fieldValues] = ui.Field{Name: "values", Label: ui.T("and its values"), Type: "text", Hint: ui.T("Several are separated by commas.")}
	fields[fieldFrom] = ui.Field{Name: "from", Label: ui.T("From (UTC)"), Type: "datetime-local", Hint: ui.T("Empty for at once")}
	fields[fieldUntil] = ui.Field{Name: "until", Label: ui.T("Until (UTC)"), Type: "datetime-local", Hint: ui.T("Empty for no end")}
	fields[fieldReason] = ui.Field{Name: "reason", Label: ui.T("Reason"), Type: "text", Hint: ui.T("It is kept, and shown to administrators.")}
	for i := range fields {
		fields[i].Value = strings.TrimSpace(sent.Get(fields[i].Name))
	}
	return fields
}

// read makes an assignment of what was sent, and says at the fields what is wrong.
func (c *Console) read(v *kit.Visit, sent url.Values) (*draft, error) {
	d := &draft{fields: c.newFields(v, sent)}
	f := d.fields
	var err error
	if d.client, err = c.Client(v, &f[fieldApp]); err != nil {
		return d, err
	}
	if d.client != nil {
		f[fieldRole].Options = roleOptions(d.client.Entitlements)
		f[fieldRole].Type = ""
	}
	d.made.Role, d.made.Reason = f[fieldRole].Value, f[fieldReason].Value
	switch f[fieldKind].Value {
	case entitlement.ForGroup:
		d.made.Whom.Group = identity.GroupRef{Connection: f[fieldConnection].Value, ID: f[fieldGroup].Value}
	case entitlement.ForAttribute:
		d.made.Whom.Attribute.Name = f[fieldAttribute].Value
		for value := range strings.SplitSeq(f[fieldValues].Value, ",") {
			if value = strings.TrimSpace(value); value != "" {
				d.made.Whom.Attribute.Values = append(d.made.Whom.Attribute.Values, value)
			}
		}
	default:
		p, err := c.Person(v, &f[fieldPerson], false)
		if err != nil {
			return d, err
		}
		d.made.Whom.Person = p.ID
	}
	for i, to := range map[int]*time.Time{fieldFrom: &d.made.From, fieldUntil: &d.made.Until} {
		at, wrong := why.Parse(f[i].Value)
		if wrong != nil {
			f[i].Wrong = v.Say(wrong)
		}
		*to = at
	}
	return d, nil
}

func roleOptions(all []catalog.Entitlement) []ui.Option {
	var options []ui.Option
	for _, e := range all {
		text := e.Name
		if e.Description != "" {
			text += " · " + e.Description
		}
		options = append(options, ui.Option{Value: e.Name, Text: ui.Plain(text)})
	}
	return options
}

// says puts a refusal at the field that it is about.
func (d *draft) says(v *kit.Visit, err error) bool {
	i, ok := map[string]int{
		entitlement.ErrRole.Code: fieldRole, entitlement.ErrAttribute.Code: fieldAttribute, entitlement.ErrGroup.Code: fieldGroup, entitlement.ErrUntil.Code: fieldUntil,
		entitlement.ErrReason.Code: fieldReason, entitlement.ErrWhom.Code: d.whom(), entitlement.ErrAssignmentThere.Code: d.whom(), directory.ErrPersonNotFound.Code: fieldPerson,
	}[fault.As(err).Code]
	if ok {
		d.fields[i].Wrong = v.Say(err)
	}
	return ok
}

// whom is the field that says whom it is for.
func (d *draft) whom() int {
	switch d.fields[fieldKind].Value {
	case entitlement.ForGroup:
		return fieldGroup
	case entitlement.ForAttribute:
		return fieldAttribute
	}
	return fieldPerson
}

// check refuses what Assign would refuse, at the fields.
func (c *Console) check(v *kit.Visit, d *draft) (entitlement.Assignment, error) {
	if d.client == nil || kit.WrongIn(d.fields) {
		return entitlement.Assignment{}, nil
	}
	a, err := c.o.Assignments.Check(v.Context(), d.client.Name, d.made)
	if err == nil {
		err = c.there(v, a)
	}
	if err != nil && d.says(v, err) {
		err = nil
	}
	return a, err
}

// there refuses what is assigned already.
func (c *Console) there(v *kit.Visit, a entitlement.Assignment) error {
	open := false
	for q := (entitlement.Query{App: a.App, Person: a.Whom.Person, Group: a.Whom.Group, Ended: &open}); ; {
		page, next, err := c.o.Assignments.Search(v.Context(), q)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(page, func(o entitlement.Assignment) bool { return o.Role == a.Role && o.Whom.Same(a.Whom) }) {
			return entitlement.ErrAssignmentThere
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}

// form is the page of the form.
func (c *Console) form(v *kit.Visit, d *draft, status int) (kit.View, error) {
	page := kit.Form{
		Action: c.Path("/assign"), Back: c.Path("/assignments"), Fields: d.fields, Button: ui.T("Assign the role"),
		Lead: ui.T("It adds to what groups give, ends by itself where it has an end, and gives nothing while no release of the app names the role."),
	}
	view := kit.View{Status: status, Title: ui.T("Assign a role"), Crumbs: v.Crumbs(ui.T("Assigned roles"), "/assignments"), Template: "form"}
	a, err := c.check(v, d)
	if err != nil {
		return view, err
	}
	if kit.WrongIn(d.fields) {
		view.Status = http.StatusBadRequest
	} else {
		if page.Preview, err = c.preview(v, d, a); err != nil {
			return view, err
		}
		page.Values = map[string]string{}
		for _, f := range d.fields {
			page.Values[f.Name] = f.Value
		}
		page.Values["person"], page.Values["app"] = d.made.Whom.Person, d.client.Name
		page.Seen = d.seen()
	}
	view.Data = page
	return view, nil
}

// seen identifies what a preview was about.
func (d *draft) seen() string {
	parts := []string{d.client.App, d.made.Role, d.made.Whom.Kind(), d.made.Whom.Person, d.made.Whom.Group.Connection, d.made.Whom.Group.ID, d.made.Whom.Attribute.Name}
	parts = append(parts, d.made.Whom.Attribute.Values...)
	parts = append(parts, d.made.From.String(), d.made.Until.String(), d.made.Reason)
	return kit.SeenOf(parts...)
}

// preview tells what the assignment would do.
func (c *Console) preview(v *kit.Visit, d *draft, a entitlement.Assignment) ([]kit.Hit, error) {
	t, err := c.teller(v)
	if err != nil {
		return nil, err
	}
	hits, err := t.hits(a)
	if err != nil {
		return nil, err
	}
	if a.Whom.Person != "" {
		p, err := c.o.Directory.Person(v.Context(), a.Whom.Person)
		if err != nil {
			return nil, err
		}
		now, err := c.o.Entitlements.Check(v.Context(), p, d.client)
		if err != nil {
			return nil, err
		}
		hits = append(hits, kit.Hitting(ui.T("What they may do there now"), has(now)))
	}
	begins := from(a)
	if !a.From.After(a.Created) {
		begins = kit.Cell{Say: ui.T("At once")}
	}
	return append(hits, kit.Hitting(ui.T("From"), begins), kit.Hitting(ui.T("Until"), until(a)), kit.Hitting(ui.T("Reason"), kit.Cell{Text: a.Reason})), nil
}

// has says which roles a decision comes to.
func has(d entitlement.Decision) kit.Cell {
	if len(d.Roles) == 0 {
		return kit.Cell{Say: ui.T("Nothing: they have no role in it")}
	}
	return kit.Cell{Text: kit.Joined(d.Roles)}
}

// showNew asks what is to be assigned, and shows what it does once all is there.
func (c *Console) showNew(v *kit.Visit) (kit.Answer, error) {
	if v.Query.Get("reason") == "" && v.Query.Get("role") == "" { // the form has not been filled in
		d := &draft{fields: c.newFields(v, v.Query)}
		return kit.View{Title: ui.T("Assign a role"), Crumbs: v.Crumbs(ui.T("Assigned roles"), "/assignments"), Template: "form", Data: c.empty(v, d)}, nil
	}
	d, err := c.read(v, v.Query)
	if err != nil {
		return nil, err
	}
	return c.form(v, d, http.StatusOK)
}

// empty is the form as it begins, with the roles of the app that it is opened for.
func (c *Console) empty(v *kit.Visit, d *draft) kit.Form {
	if app := d.fields[fieldApp].Value; app != "" {
		if a, err := c.o.Apps.App(v.Context(), app); err == nil {
			d.fields[fieldRole].Options, d.fields[fieldRole].Type = roleOptions(a.Manifest.Spec.Entitlements), ""
		}
	}
	return kit.Form{
		Action: c.Path("/assign"), Back: c.Path("/assignments"), Fields: d.fields,
		Lead: ui.T("It adds to what groups give, ends by itself where it has an end, and gives nothing while no release of the app names the role."),
	}
}

// assign assigns what was shown.
func (c *Console) assign(v *kit.Visit) (kit.Answer, error) {
	d, err := c.read(v, v.Form)
	if err != nil {
		return nil, err
	}
	if d.client == nil || kit.WrongIn(d.fields) {
		return c.form(v, d, http.StatusBadRequest)
	}
	if v.Seen() != d.seen() {
		return c.form(v, d, http.StatusConflict)
	}
	status, body, err := v.CallWith("assignAppRole", map[string]string{"name": d.client.Name}, d.made)
	if err != nil {
		if d.says(v, err) {
			return c.form(v, d, http.StatusConflict)
		}
		return nil, err
	}
	var made entitlement.Assignment
	if status == http.StatusAccepted {
		return v.Onward(status, "/assignments", ""), nil
	}
	if err := kit.Read(body, &made); err != nil {
		return nil, err
	}
	return kit.Redirect{To: kit.Fill("/apps/{name}/assignments/{id}", d.client.Name, made.ID), Notice: "assignment-made"}, nil
}
