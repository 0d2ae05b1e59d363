package exchanges

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// revocation is one as the API answers it.
type revocation struct {
	ID           string              `json:"id"`
	Type         string              `json:"type"`
	Subject      identity.Ref        `json:"subject"`
	By           identity.Actor      `json:"by"`
	Reason       string              `json:"reason,omitempty"`
	Time         time.Time           `json:"time"`
	Data         map[string]string   `json:"data,omitempty"`
	Consequences []grant.Consequence `json:"consequences"`
}

// revocationText says what it was that revoked something.
func revocationText(event string) ui.Text {
	if text, ok := map[string]ui.Text{
		"person.left":         ui.T("The identity provider says that the person left"),
		"person.disabled":     ui.T("The person was disabled"),
		"person.revoked":      ui.T("Every token of the person was revoked"),
		"connection.disabled": ui.T("The connection was disabled"),
		"connection.removed":  ui.T("The connection was removed"),
		"connection.revoked":  ui.T("Every token of the connection was revoked"),
		"app.disabled":        ui.T("The app was switched off"),
		"app.removed":         ui.T("The app was removed"),
		"app.revoked":         ui.T("Every token of the app was revoked"),
		"app.withdrawn":       ui.T("An API agreed to the app no longer"),
		"access.lost":         ui.T("The person lost a role in the app"),
		"client.revoked":      ui.T("Every token of the client was revoked"),
		"consent.withdrawn":   ui.T("The person took back what they allowed the app"),
		"install.revoked":     ui.T("What the app holds of the person was revoked"),
		"session.ended":       ui.T("The session ended"),
		"grant.revoked":       ui.T("The grant was revoked"),
	}[event]; ok {
		return text
	}
	return ui.Plain(event)
}

// consequenceText says what a consequence is made of.
func consequenceText(name string) ui.Text {
	if text, ok := map[string]ui.Text{
		grant.EndedSessions:    ui.T("Sessions that ended"),
		grant.EndedGrants:      ui.T("Grants that ended, with their refresh tokens"),
		grant.Raised:           ui.T("What tokens are refused by"),
		grant.LogoutOfApps:     ui.T("Apps told of the logout"),
		grant.SharedSignals:    ui.T("Signals to receivers"),
		grant.OwnersSucceed:    ui.T("Apps that pass to another owner, or to nobody"),
		grant.RequestsWithdraw: ui.T("Requests that are withdrawn"),
	}[name]; ok {
		return text
	}
	return ui.Plain(name)
}

// consequenceTag says how far a consequence is.
func consequenceTag(s grant.ConsequenceState) ui.Tag {
	switch s {
	case grant.ConsequenceDone:
		return ui.Tag{Text: ui.T("Done"), Tone: ui.Good}
	case grant.ConsequenceWaiting:
		return ui.Tag{Text: ui.T("Under way"), Tone: ui.Warn}
	case grant.ConsequenceRetrying:
		return ui.Tag{Text: ui.T("Failed, and tried again"), Tone: ui.Warn}
	case grant.ConsequenceFailed:
	}
	return ui.Tag{Text: ui.T("Given up"), Tone: ui.Bad}
}

// furthest is the state of a revocation: that of the consequence which is furthest from done.
func (r revocation) furthest() ui.Tag {
	order := []grant.ConsequenceState{grant.ConsequenceDone, grant.ConsequenceWaiting, grant.ConsequenceRetrying, grant.ConsequenceFailed}
	worst := 0
	for _, one := range r.Consequences {
		worst = max(worst, slices.Index(order, one.State))
	}
	return consequenceTag(order[worst])
}

// counts is how many there are of what a consequence is made of.
func (r revocation) counts(name string) kit.Cell {
	for _, one := range r.Consequences {
		if one.Name == name {
			return kit.Count(one.Done)
		}
	}
	return kit.Cell{}
}

func (c *Console) showRevocation(v *kit.Visit) (kit.Answer, error) {
	_, body, err := v.Call("getRevocation", nil)
	if err != nil {
		return nil, err
	}
	var r revocation
	if err := kit.Read(body, &r); err != nil {
		return nil, err
	}
	named := c.Refs(v)
	d := kit.Detail{
		Lead: ui.T("What carries it is refused since then, everywhere. What follows takes its time, and is tried until it is done."),
		Tags: []ui.Tag{r.furthest()},
		Facts: kit.Known(
			kit.Says(ui.T("What happened"), kit.Cell{Say: revocationText(r.Type)}), kit.Says(kindText(r.Subject.Kind), named.Cell(r.Subject)),
			kit.Is(ui.T("Why"), r.Reason), kit.Says(ui.T("Actor"), named.Cell(r.By.Ref)), kit.When(ui.T("When"), r.Time),
		),
		Blocks: []kit.Block{followsBlock(v, r)},
	}
	untold, err := c.Untold(v, url.Values{"revocation": {r.ID}}, "/revocations/{id}/retry", r.ID)
	if err != nil {
		return nil, err
	}
	if !untold.Title.Empty() {
		d.Blocks = append(d.Blocks, untold)
	}
	delete(r.Data, "reason") // which stands above
	if len(r.Data) > 0 {
		d.Blocks = append(d.Blocks, dataBlock(r))
	}
	if v.Who.May(admin.ReadAudit) {
		d.Offers = []kit.Offer{{Text: ui.T("Entry in the audit log"), Href: c.EntryPath(r.ID), Icon: "audit"}}
	}
	return kit.View{Title: ui.T("A revocation"), Crumbs: c.revocationCrumbs(v, r), Template: "detail", Data: d}, nil
}

// revocationCrumbs lead to what was revoked, and to what else revoked everything of a person.
func (c *Console) revocationCrumbs(v *kit.Visit, r revocation) []ui.Link {
	of := c.Refs(v).Cell(r.Subject)
	switch {
	case r.Subject.Kind == identity.KindPerson:
		return append(c.personCrumbs(v, r.Subject.ID), ui.Link{Text: ui.T("Revocations"), Href: c.Path(kit.Fill("/people/{id}/revocations", r.Subject.ID))})
	case of.Href != "" && of.Text != "":
		return []ui.Link{{Text: ui.Plain(of.Text), Href: of.Href}}
	}
	return nil
}

// personCrumbs lead to a person.
func (c *Console) personCrumbs(v *kit.Visit, id string) []ui.Link {
	return append(v.Crumbs(ui.T("People"), "/people"), ui.Link{Text: ui.Plain(c.Refs(v).Cell(identity.Person(id)).Text), Href: c.PersonPath(id)})
}

// followsBlock lists each consequence with how far it is, and what can be done about one
// that failed.
func followsBlock(v *kit.Visit, r revocation) kit.Block {
	b := kit.Block{
		ID: "follows", Title: ui.T("What follows from it"), Note: ui.T("None waits for another that fails, and only what is not done is tried again."),
		Heads: []ui.Text{ui.T("Consequence"), ui.T("State"), ui.T("Done"), ui.T("Under way"), ui.T("Given up"), ui.T("Why")},
	}
	for _, one := range r.Consequences {
		row := kit.Row{Cells: []kit.Cell{
			{Say: consequenceText(one.Name)}, {Tags: []ui.Tag{consequenceTag(one.State)}}, kit.Count(one.Done), kit.Count(one.Waiting), kit.Count(one.Failed), {Text: one.Reason},
		}}
		if one.Discarded > 0 {
			row.Cells[4].Tags = []ui.Tag{{Text: ui.N(int(one.Discarded), "One by hand", "%d by hand")}}
		}
		if one.Untold > 0 {
			row.Cells[5].Say = ui.N(int(one.Untold), "One more cannot be told: it has no address for that.", "%d more cannot be told: they have no address for that.")
		}
		if one.Reason != "" && one.State != grant.ConsequenceDone {
			row.Offers = v.Offers(kit.Way("/revocations/{id}/retry", ui.T("Try again now"), "primary refresh", r.ID))
		}
		b.Rows = append(b.Rows, row)
	}
	return b
}

// dataBlock are the further facts of a revocation.
func dataBlock(r revocation) kit.Block {
	b := kit.Block{ID: "data", Title: ui.T("What it says"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}}
	for _, name := range slices.Sorted(maps.Keys(r.Data)) {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: name}, {Text: r.Data[name], Code: true}}})
	}
	return b
}

// revocationsOf reads a page of what revoked everything of a person.
func revocationsOf(v *kit.Visit, person, after string, limit int) ([]revocation, string, error) {
	query := url.Values{"limit": {strconv.Itoa(min(limit, mostRevocations))}}
	if after != "" {
		query.Set("after", after)
	}
	_, body, err := v.CallAt("listPersonRevocations", map[string]string{"id": person}, query.Encode(), nil)
	if err != nil {
		return nil, "", err
	}
	var page struct {
		Items []revocation
		Next  string
	}
	err = kit.Read(body, &page)
	return page.Items, page.Next, err
}

// mostRevocations is how many are asked for at once: of each, its consequences are counted.
const mostRevocations = 50

// RevocationsBlock lists what revoked everything of a person, and how far that is.
func (c *Console) RevocationsBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	page, next, err := revocationsOf(v, p.ID, "", kit.Few)
	if err != nil {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "revocations", Title: ui.T("What ended everything"), Note: ui.T("When the person left, was disabled or had every token revoked, and who was told of it."), Empty: ui.T("Nothing has."),
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All of them"), Href: c.Path(kit.Fill("/people/{id}/revocations", p.ID))}
	}
	return kit.Table(b, c.revocationColumns(v), page, nil), nil
}

func (c *Console) revocationColumns(v *kit.Visit) []kit.Column[revocation] {
	named := c.Refs(v)
	counted := func(title ui.Text, name, consequence string) kit.Column[revocation] {
		return kit.Column[revocation]{Title: title, Name: name, Cell: func(r revocation) kit.Cell { return r.counts(consequence) }}
	}
	return []kit.Column[revocation]{
		{Title: ui.T("What"), Name: "type", Cell: func(r revocation) kit.Cell {
			return kit.Cell{Say: revocationText(r.Type), Also: kit.Clip(r.Reason, 60), Href: c.Path(kit.Fill("/revocations/{id}", r.ID))}
		}},
		{Title: ui.T("When"), Name: "time", Cell: func(r revocation) kit.Cell { return kit.Cell{Time: r.Time} }},
		{Title: ui.T("Actor"), Name: "by", Cell: func(r revocation) kit.Cell { return named.Cell(r.By.Ref) }},
		{Title: ui.T("State"), Name: "state", Cell: func(r revocation) kit.Cell { return kit.Cell{Tags: []ui.Tag{r.furthest()}} }},
		counted(ui.T("Sessions"), "sessions", grant.EndedSessions), counted(ui.T("Apps told"), "told", grant.LogoutOfApps),
		counted(ui.T("Signals"), "signals", grant.SharedSignals), counted(ui.T("Apps passed on"), "ownership", grant.OwnersSucceed), counted(ui.T("Requests withdrawn"), "requests", grant.RequestsWithdraw),
	}
}

// showRevocations lists all of them.
func (c *Console) showRevocations(v *kit.Visit) (kit.Answer, error) {
	id := v.PathValue("id")
	list := &kit.List[revocation]{
		Name: "revocations", Path: c.Path(kit.Fill("/people/{id}/revocations", id)), Columns: c.revocationColumns(v),
		Caption: ui.T("What ended everything of a person, newest first"), Empty: ui.Empty{Icon: "check", Title: ui.T("Nothing has.")},
		Fetch: func(_ context.Context, q kit.Query) ([]revocation, string, error) {
			return revocationsOf(v, id, q.After, q.Limit)
		},
	}
	person := c.Refs(v).Cell(identity.Person(id))
	return list.Show(v, ui.T("What ended everything of %s", person.Text), kit.Around{Crumbs: c.personCrumbs(v, id)})
}
