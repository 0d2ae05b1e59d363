package apps

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// owned is an app of the list, with who answers for it now.
type owned struct {
	catalog.App
	Ownership ownership.Ownership `json:"ownership"`
}

// owner shows whom the list names: who answers for the app now.
func (o owned) owner() kit.Cell {
	cell := kit.Cell{Text: o.Ownership.Team, Also: o.Ownership.Primary}
	if o.Ownership.State == ownership.Orphaned {
		cell.Also, cell.Tags = "", []ui.Tag{{Text: ui.T("Orphaned"), Tone: ui.Bad}}
	}
	return cell
}

// search is a page of the list.
func (c *Console) search(ctx context.Context, q catalog.Query) ([]owned, string, error) {
	page, next, err := c.o.Apps.Search(ctx, q)
	if err != nil {
		return nil, "", err
	}
	names := make([]string, len(page))
	for i, a := range page {
		names[i] = a.Name
	}
	of, err := c.o.Owners.Each(ctx, names)
	all := make([]owned, len(page))
	for i, a := range page {
		all[i] = owned{a, of[a.Name]}
	}
	return all, next, err
}

// ownerFacts say who answers for an app now and by what, and who the manifest says where
// that is somebody else.
func (c *Console) ownerFacts(v *kit.Visit, o ownership.View) ([]kit.Fact, error) {
	facts := []kit.Fact{kit.Says(ui.T("Owner"), kit.Cell{Text: o.Team})}
	if o.State == ownership.Orphaned {
		facts = append(facts, kit.Says(ui.T("Last owner"), standing(o.Primary, o.PrimaryStanding)))
	} else {
		facts = append(facts, kit.Says(ui.T("Primary owner"), standing(o.Primary, o.PrimaryStanding)))
	}
	facts = append(facts, kit.Says(ui.T("Secondary owner"), standing(o.Secondary, o.SecondaryStanding)))
	if o.Owners != o.Declared {
		facts = append(facts, kit.Says(ui.T("Owners in the manifest"), kit.Cell{Text: joinedNonEmpty(o.Declared.Primary, o.Declared.Secondary)}))
	}
	why, err := c.ownedBy(v, o.Ownership)
	return append(facts, kit.Is(ui.T("Owner before"), o.From), kit.Says(ui.T("Owned so since"), kit.Cell{Time: o.Since}), kit.Says(ui.T("Owned so by"), why...)), err
}

// ownedBy says what made an ownership what it is, with its entry in the audit log.
func (c *Console) ownedBy(v *kit.Visit, o ownership.Ownership) ([]kit.Cell, error) {
	if o.Cause == "" {
		return []kit.Cell{{Say: ui.T("The manifest names them")}}, nil
	}
	e, err := c.o.Entry(v.Context(), o.Cause)
	if errors.Is(err, audit.ErrEntryNotFound) { // retention took it
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cell := kit.Cell{Say: causeText(e.Type)}
	if v.Who.May(admin.ReadAudit) {
		cell.Href = c.EntryPath(e.ID)
	}
	who := e.Subject
	if e.Type == "app.owner_named" {
		who = e.Actor.Ref
	}
	if who.Kind == identity.KindApp || !v.Who.May(admin.ReadPeople) {
		return []kit.Cell{cell}, nil
	}
	return []kit.Cell{cell, c.Refs(v).Cell(who)}, nil
}

// causeText says what an event is that an ownership came of.
func causeText(event string) ui.Text {
	if text, ok := map[string]ui.Text{
		"app.owner_named":     ui.T("An administrator named them"),
		"app.owner_succeeded": ui.T("The owner had left when owners were looked at"),
		"app.orphaned":        ui.T("The owners had left when owners were looked at"),
		"app.applied":         ui.T("The manifest names somebody who had left"),
		"person.left":         ui.T("The owner left"),
		"person.disabled":     ui.T("The owner was disabled"),
		"connection.disabled": ui.T("The connection of the owner was disabled"),
		"connection.removed":  ui.T("The connection of the owner was removed"),
		"connection.enabled":  ui.T("The owner's connection was enabled again"),
	}[event]; ok {
		return text
	}
	return ui.Plain(event)
}

// standing shows an owner, with a tag for one who is not there.
func standing(address string, is ownership.Standing) kit.Cell {
	cell := kit.Cell{Text: address}
	switch is {
	case ownership.Gone:
		cell.Tags = []ui.Tag{{Text: ui.T("has left"), Tone: ui.Bad}}
	case ownership.Unknown:
		cell.Tags = []ui.Tag{{Text: ui.T("not known here"), Tone: ui.Warn}}
	case ownership.Present:
	}
	return cell
}

// ownerless warns of an app that nobody is left to answer for.
func ownerless(o ownership.View) []ui.Notice {
	if o.State != ownership.Orphaned {
		return nil
	}
	return []ui.Notice{{Text: ui.T("Nobody answers for it any more: its owners have left. An administrator names somebody."), Tone: ui.Bad}}
}

// The fields of the form.
const (
	fieldPrimary = iota
	fieldSecondary
	fieldReason
	fieldCount
)

// ownerFields are the fields, with what was sent.
func ownerFields(sent url.Values) []ui.Field {
	fields := make([]ui.Field, fieldCount)
	fields[fieldPrimary] = ui.Field{Name: "primary", Label: ui.T("Primary owner"), Type: "email", Hint: ui.T("An e-mail address.")}
	fields[fieldSecondary] = ui.Field{Name: "secondary", Label: ui.T("Secondary owner"), Type: "email", Hint: ui.T("Follows when the primary owner leaves. Empty for nobody.")}
	fields[fieldReason] = ui.Field{Name: "reason", Label: ui.T("Reason"), Type: "text", Hint: ui.T("It stays in the audit log.")}
	for i := range fields {
		fields[i].Value = strings.TrimSpace(sent.Get(fields[i].Name))
	}
	return fields
}

func naming(fields []ui.Field) ownership.Naming {
	return ownership.Naming{Primary: fields[fieldPrimary].Value, Secondary: fields[fieldSecondary].Value, Reason: fields[fieldReason].Value}
}

// saysOwner puts a refusal at the field that it is about.
func saysOwner(v *kit.Visit, fields []ui.Field, err error) bool {
	f := fault.As(err)
	for i := range fields {
		if f.Pointer == fields[i].Name {
			fields[i].Wrong = v.Say(err)
			return true
		}
	}
	return false
}

// showOwner asks who is to answer for an app, and shows what changes once that is said.
func (c *Console) showOwner(v *kit.Visit) (kit.Answer, error) {
	return c.ownerForm(v, ownerFields(v.Query), v.Query.Has("primary"), http.StatusOK)
}

// ownerForm is the page of the form; with filled, it says what naming them does.
func (c *Console) ownerForm(v *kit.Visit, fields []ui.Field, filled bool, status int) (kit.Answer, error) {
	now, err := c.o.Owners.Of(v.Context(), v.PathValue("name"))
	if err != nil {
		return nil, err
	}
	a, err := c.o.Apps.App(v.Context(), now.Name)
	if err != nil {
		return nil, err
	}
	back := c.AppPath(a)
	page := kit.Form{
		Action: back + "/owner", Back: back, Button: ui.T("Name them"), Fields: fields,
		Lead: ui.T("Whom people turn to, until a release names other owners than the one before. An owner gets no right by it: teams have rights. The manifest stays as it is."),
	}
	if !filled {
		fields[fieldPrimary].Value, fields[fieldSecondary].Value = now.Primary, now.Secondary
	}
	view := kit.View{Status: status, Title: ui.T("Who answers for %s", a.Title()), Crumbs: append(v.Crumbs(ui.T("Apps"), "/apps"), ui.Link{Text: ui.Plain(a.Title()), Href: back}), Template: "form"}
	if filled {
		next, err := c.o.Owners.Named(v.Context(), now.Name, naming(fields))
		switch {
		case err == nil:
			page.Preview, page.Seen = ownerChange(now, next, fields[fieldReason].Value), ownerSeen(now, fields)
			page.Values = map[string]string{}
			for _, f := range fields {
				page.Values[f.Name] = f.Value
			}
		case !saysOwner(v, fields, err):
			return nil, err
		default:
			view.Status = http.StatusBadRequest
		}
	}
	view.Data = page
	return view, nil
}

// ownerChange shows who answered for an app, and who will.
func ownerChange(now, next ownership.View, reason string) []kit.Hit {
	hits := []kit.Hit{
		kit.Hitting(ui.T("Primary owner until now"), cells(standing(now.Primary, now.PrimaryStanding))...),
		kit.Hitting(ui.T("Secondary owner until now"), cells(standing(now.Secondary, now.SecondaryStanding))...),
		kit.Hitting(ui.T("Primary owner from now on"), cells(standing(next.Primary, next.PrimaryStanding))...),
		kit.Hitting(ui.T("Secondary owner from now on"), cells(standing(next.Secondary, next.SecondaryStanding))...),
	}
	return append(hits, kit.Hitting(ui.T("Reason"), cells(kit.Cell{Text: reason})...))
}

// cells leaves out a cell that says nothing.
func cells(c kit.Cell) []kit.Cell {
	if c.Text == "" {
		return nil
	}
	return []kit.Cell{c}
}

func ownerSeen(now ownership.View, fields []ui.Field) string {
	n := naming(fields)
	return kit.SeenOf(now.App, now.Primary, now.Secondary, string(now.State), now.Since.String(), n.Primary, n.Secondary, n.Reason)
}

// nameOwner names whom the form showed.
func (c *Console) nameOwner(v *kit.Visit) (kit.Answer, error) {
	fields := ownerFields(v.Form)
	now, err := c.o.Owners.Of(v.Context(), v.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if v.Seen() != ownerSeen(now, fields) {
		return c.ownerForm(v, fields, true, http.StatusConflict)
	}
	status, _, err := v.Call("nameAppOwner", naming(fields))
	if err != nil {
		if saysOwner(v, fields, err) {
			return c.ownerForm(v, fields, false, http.StatusConflict)
		}
		return nil, err
	}
	return v.Onward(status, "/apps/{name}", "owner-named"), nil
}
