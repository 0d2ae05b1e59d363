package admins

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// operationText says what an operation that can wait does.
func operationText(name string) ui.Text {
	text, ok := map[string]ui.Text{
		"removeApp": ui.T("Remove an app"), "disableApp": ui.T("Switch an app off"), "enableApp": ui.T("Switch an app on"),
		"disablePerson": ui.T("Disable a person"), "enablePerson": ui.T("Enable a person"), "endPersonSessions": ui.T("Sign a person out everywhere"),
		"withdrawGrant": ui.T("Withdraw an app's access"), "endSession": ui.T("End a session"), "mapGroup": ui.T("Map a group"), "unmapGroup": ui.T("Unmap a group"),
		"disableConnection": ui.T("Disable a connection"), "enableConnection": ui.T("Enable a connection"),
		"rotateKey": ui.T("Rotate a key"), "killKey": ui.T("Kill a key"), "assignRole": ui.T("Give a role"), "unassignRole": ui.T("Take a role away"),
		"revokeToken": ui.T("Revoke an API token"), "nameAppOwner": ui.T("Name an app's owner"), "agreeToCaller": ui.T("Agree that an app calls an API"),
		"withdrawFromCaller": ui.T("Agree no longer that an app calls an API"), "revoke": ui.T("Revoke tokens"), "undoScim": ui.T("Undo what a connection took away"), "resumeScim": ui.T("Resume a connection"),
		"applyImport": ui.T("Apply an import"),
	}[name]
	if !ok {
		return ui.Plain(name)
	}
	return text
}

// changeTag says where a change is.
func changeTag(s admin.ChangeState) ui.Tag {
	switch s {
	case admin.Waiting:
		return ui.Tag{Text: ui.T("Waits"), Tone: ui.Warn}
	case admin.Approved:
		return ui.Tag{Text: ui.T("Being made"), Tone: ui.Warn}
	case admin.Made:
		return ui.Tag{Text: ui.T("Made"), Tone: ui.Good}
	case admin.Failed:
		return ui.Tag{Text: ui.T("Failed"), Tone: ui.Bad}
	case admin.Rejected:
		return ui.Tag{Text: ui.T("Rejected")}
	case admin.Withdrawn:
		return ui.Tag{Text: ui.T("Withdrawn")}
	case admin.Expired:
	}
	return ui.Tag{Text: ui.T("Over")}
}

// targetOf names what a change is about.
func targetOf(c admin.Change) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.Operation.Values)) {
		parts = append(parts, c.Operation.Values[name])
	}
	return strings.Join(parts, " ")
}

func (c *Console) changeList(v *kit.Visit) *kit.List[admin.Change] {
	names := c.Refs(v)
	return &kit.List[admin.Change]{
		Name: "changes", Path: c.Path("/changes"),
		Caption: ui.T("Changes that need a second person, newest first"),
		Empty:   ui.Empty{Icon: "check", Title: ui.T("No change waits."), Text: ui.T("Which changes need a second person stands in the configuration.")},
		Filters: []kit.Filter{{Name: "state", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: string(admin.Waiting), Text: ui.T("Waits")}}}},
		Columns: []kit.Column[admin.Change]{
			{Title: ui.T("Change"), Name: "operation", Cell: func(one admin.Change) kit.Cell {
				return kit.Cell{Say: operationText(one.Operation.Name), Also: targetOf(one), Href: c.Path(kit.Fill("/changes/{id}", one.ID))}
			}},
			{Title: ui.T("State"), Name: "state", Cell: func(one admin.Change) kit.Cell { return kit.Cell{Tags: []ui.Tag{changeTag(one.State)}} }},
			{Title: ui.T("Asked for by"), Name: "requested_by", Cell: func(one admin.Change) kit.Cell { return names.Cell(one.RequestedBy.Ref) }},
			{Title: ui.T("Asked for"), Name: "created", Cell: func(one admin.Change) kit.Cell { return kit.Cell{Time: one.Created} }},
			{Title: ui.T("Expires"), Name: "expires", Cell: func(one admin.Change) kit.Cell { return kit.Cell{Time: one.Expires} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]admin.Change, string, error) {
			return c.o.Admin.SearchChanges(ctx, admin.ChangeQuery{Waiting: q.Get("state") != "", Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showChanges(v *kit.Visit) (kit.Answer, error) {
	return c.changeList(v).Show(v, ui.T("Changes"), kit.Around{})
}

func (c *Console) showChange(v *kit.Visit) (kit.Answer, error) {
	one, err := c.o.Admin.Change(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{changeTag(one.State)},
		Facts: kit.Known(append(c.changeFacts(v, one),
			kit.Says(ui.T("Asked for by"), c.Refs(v).Cell(one.RequestedBy.Ref)), kit.Code(ui.T("Address"), one.RequestedBy.Address),
			kit.When(ui.T("Asked for"), one.Created), kit.When(ui.T("Expires"), one.Expires),
			kit.Says(ui.T("Decided by"), c.decider(v, one)...), kit.When(ui.T("Decided"), one.Decided), kit.Code(ui.T("Failed with"), one.Failure),
			kit.Says(ui.T("Why it was withdrawn"), withdrawnCell(one)), kit.Says(ui.T("It follows from"), c.causeCell(v, one)),
		)...),
	}
	if one.State == admin.Waiting {
		d.Offers = v.Offers(kit.Way("/changes/{id}/approve", ui.T("Approve"), "primary check", one.ID), kit.Way("/changes/{id}/reject", ui.T("Reject"), "danger cross", one.ID))
		if one.Owner == v.Who.Owner {
			d.Notices = []ui.Notice{{Text: ui.T("You asked for this yourself: somebody else has to approve it.")}}
		}
	}
	return kit.View{Title: operationText(one.Operation.Name), Crumbs: v.Crumbs(ui.T("Changes"), "/changes"), Template: "detail", Data: d}, nil
}

// withdrawnCell says why a change was withdrawn.
func withdrawnCell(one admin.Change) kit.Cell {
	if one.Reason == admin.RequesterLeft {
		return kit.Cell{Say: ui.T("Who asked for it has left")}
	}
	return kit.Cell{Text: one.Reason}
}

// causeCell leads to the event by which a change was withdrawn, and to what else followed.
func (c *Console) causeCell(v *kit.Visit, one admin.Change) kit.Cell {
	if one.Cause == "" {
		return kit.Cell{}
	}
	cell := kit.Cell{Text: one.Cause, Code: true}
	switch {
	case v.Who.May(admin.ReadSessions):
		cell.Href = c.Path(kit.Fill("/revocations/{id}", one.Cause))
	case v.Who.May(admin.ReadAudit):
		cell.Href = c.EntryPath(one.Cause)
	}
	return cell
}

// changeFacts are what the operation was asked with.
func (c *Console) changeFacts(v *kit.Visit, one admin.Change) []kit.Fact {
	facts := []kit.Fact{kit.Code(ui.T("Operation"), one.Operation.Name)}
	for _, name := range slices.Sorted(maps.Keys(one.Operation.Values)) {
		facts = append(facts, kit.Says(ui.Plain(name), c.valueCell(v, one.Operation.Name, name, one.Operation.Values[name])))
	}
	var body map[string]any
	if json.Unmarshal([]byte(one.Operation.Body), &body) == nil {
		for _, name := range slices.Sorted(maps.Keys(body)) {
			raw, _ := json.Marshal(body[name]) // it came out of JSON
			facts = append(facts, kit.Code(ui.Plain(name), strings.Trim(string(raw), `"`)))
		}
	}
	return append(facts, kit.Code(ui.T("Parameters"), one.Operation.Query))
}

func (c *Console) decider(v *kit.Visit, one admin.Change) []kit.Cell {
	if one.DecidedBy == nil {
		return nil
	}
	return []kit.Cell{c.Refs(v).Cell(one.DecidedBy.Ref)}
}

func (c *Console) askDecide(v *kit.Visit, title, lead, button ui.Text, harmless bool) (kit.Confirmation, error) {
	one, err := c.o.Admin.Change(v.Context(), v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	q := kit.Confirmation{
		Title: title, Lead: lead, Button: button, Harmless: harmless, Back: kit.Fill("/changes/{id}", one.ID), State: one.ID + string(one.State),
		Hits: []kit.Hit{kit.Hitting(ui.T("Change"), kit.Cell{Say: operationText(one.Operation.Name), Also: targetOf(one)}), kit.Hitting(ui.T("Asked for by"), c.Refs(v).Cell(one.RequestedBy.Ref))},
	}
	for _, name := range slices.Sorted(maps.Keys(one.Operation.Values)) {
		q.Hits = append(q.Hits, kit.Hitting(ui.Plain(name), c.valueCell(v, one.Operation.Name, name, one.Operation.Values[name])))
	}
	return q, nil
}

// valueCell leads to what a value of an operation names, where that has a page.
func (c *Console) valueCell(v *kit.Visit, operation, name, value string) kit.Cell {
	switch {
	case name == "name":
		return kit.Cell{Text: value, Href: c.Path(kit.Fill("/apps/{name}", value))}
	case name == "id" && strings.Contains(operation, "Person"), name == "id" && strings.HasSuffix(operation, "Role"):
		return c.Refs(v).Cell(identity.Person(value))
	case name == "id" && strings.Contains(operation, "Connection"):
		return c.Refs(v).Cell(identity.Connection(value))
	case name == "id" && operation == porting.ApplyOperation:
		return kit.Cell{Text: value, Code: true, Href: c.Path(kit.Fill("/imports/{id}", value))}
	case name == "id" && strings.Contains(operation, "Session"):
		return c.Refs(v).Cell(identity.Session(value))
	}
	return kit.Cell{Text: value, Code: true}
}

func (c *Console) askApprove(v *kit.Visit) (kit.Confirmation, error) {
	return c.askDecide(v, ui.T("Approve this change?"), ui.T("It is made at once, as whoever asked for it. Look at what it hits first."), ui.T("Approve and make it"), false)
}

func (c *Console) askReject(v *kit.Visit) (kit.Confirmation, error) {
	return c.askDecide(v, ui.T("Reject this change?"), ui.T("Nothing is done. Whoever wants it has to ask again."), ui.T("Reject"), true)
}
