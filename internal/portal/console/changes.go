package console

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
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
		"revokeToken": ui.T("Revoke an API token"),
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

func (c *Console) changeList(v *visit) *list[admin.Change] {
	names := v.refs()
	return &list[admin.Change]{
		name: "changes", path: c.path("/changes"),
		caption: ui.T("Changes that need a second person, newest first"),
		empty:   ui.Empty{Icon: "check", Title: ui.T("No change waits."), Text: ui.T("Which changes need a second person stands in the configuration.")},
		filters: []filter{{Name: "state", Label: ui.T("State"), Options: []ui.Option{anything(), {Value: string(admin.Waiting), Text: ui.T("Waits")}}}},
		columns: []column[admin.Change]{
			{title: ui.T("Change"), name: "operation", cell: func(one admin.Change) cell {
				return cell{Say: operationText(one.Operation.Name), Also: targetOf(one), Href: c.path(fill("/changes/{id}", one.ID))}
			}},
			{title: ui.T("State"), name: "state", cell: func(one admin.Change) cell { return cell{Tags: []ui.Tag{changeTag(one.State)}} }},
			{title: ui.T("Asked for by"), name: "requested_by", cell: func(one admin.Change) cell { return names.cell(one.RequestedBy.Ref) }},
			{title: ui.T("Asked for"), name: "created", cell: func(one admin.Change) cell { return cell{Time: one.Created} }},
			{title: ui.T("Expires"), name: "expires", cell: func(one admin.Change) cell { return cell{Time: one.Expires} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]admin.Change, string, error) {
			return c.o.Admin.SearchChanges(ctx, admin.ChangeQuery{Waiting: q.Get("state") != "", Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showChanges(v *visit) (answer, error) {
	return c.changeList(v).show(v, ui.T("Changes"), listView{})
}

func (c *Console) showChange(v *visit) (answer, error) {
	one, err := c.o.Admin.Change(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{changeTag(one.State)},
		Facts: known(append(c.changeFacts(one),
			fact{ui.T("Asked for by"), []cell{v.refs().cell(one.RequestedBy.Ref)}}, code(ui.T("Address"), one.RequestedBy.Address),
			fact{ui.T("Asked for"), []cell{{Time: one.Created}}}, fact{ui.T("Expires"), []cell{{Time: one.Expires}}},
			fact{ui.T("Decided by"), decider(v, one)}, fact{ui.T("Decided"), []cell{{Time: one.Decided}}}, code(ui.T("Failed with"), one.Failure),
		)...),
	}
	if one.State == admin.Waiting {
		d.Offers = v.offers(way("/changes/{id}/approve", ui.T("Approve"), "primary check", one.ID), way("/changes/{id}/reject", ui.T("Reject"), "danger cross", one.ID))
		if one.Owner == v.who.Owner {
			d.Notices = []ui.Notice{{Text: ui.T("You asked for this yourself: somebody else has to approve it.")}}
		}
	}
	return view{title: operationText(one.Operation.Name), crumbs: v.crumbs(ui.T("Changes"), "/changes"), template: "detail", data: d}, nil
}

// changeFacts are what the operation was asked with.
func (c *Console) changeFacts(one admin.Change) []fact {
	facts := []fact{code(ui.T("Operation"), one.Operation.Name)}
	for _, name := range slices.Sorted(maps.Keys(one.Operation.Values)) {
		facts = append(facts, code(ui.Plain(name), one.Operation.Values[name]))
	}
	var body map[string]any
	if json.Unmarshal([]byte(one.Operation.Body), &body) == nil {
		for _, name := range slices.Sorted(maps.Keys(body)) {
			raw, _ := json.Marshal(body[name]) // it came out of JSON
			facts = append(facts, code(ui.Plain(name), strings.Trim(string(raw), `"`)))
		}
	}
	return append(facts, code(ui.T("Parameters"), one.Operation.Query))
}

func decider(v *visit, one admin.Change) []cell {
	if one.DecidedBy == nil {
		return nil
	}
	return []cell{v.refs().cell(one.DecidedBy.Ref)}
}

func (c *Console) askDecide(v *visit, title, lead, button ui.Text, harmless bool) (confirmation, error) {
	one, err := c.o.Admin.Change(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	q := confirmation{
		title: title, lead: lead, button: button, harmless: harmless, back: fill("/changes/{id}", one.ID), state: one.ID + string(one.State),
		hits: []hit{hitting(ui.T("Change"), cell{Say: operationText(one.Operation.Name), Also: targetOf(one)}), hitting(ui.T("Asked for by"), v.refs().cell(one.RequestedBy.Ref))},
	}
	for _, name := range slices.Sorted(maps.Keys(one.Operation.Values)) {
		q.hits = append(q.hits, hitting(ui.Plain(name), v.valueCell(one.Operation.Name, name, one.Operation.Values[name])))
	}
	return q, nil
}

// valueCell leads to what a value of an operation names, where that has a page.
func (v *visit) valueCell(operation, name, value string) cell {
	switch {
	case name == "name":
		return cell{Text: value, Href: v.c.path(fill("/apps/{name}", value))}
	case name == "id" && strings.Contains(operation, "Person"), name == "id" && strings.HasSuffix(operation, "Role"):
		return v.refs().cell(identity.Person(value))
	case name == "id" && strings.Contains(operation, "Connection"):
		return v.refs().cell(identity.Connection(value))
	case name == "id" && strings.Contains(operation, "Session"):
		return v.refs().cell(identity.Session(value))
	}
	return cell{Text: value, Code: true}
}

func (c *Console) askApprove(v *visit) (confirmation, error) {
	return c.askDecide(v, ui.T("Approve this change?"), ui.T("It is made at once, as whoever asked for it. Look at what it hits first."), ui.T("Approve and make it"), false)
}

func (c *Console) askReject(v *visit) (confirmation, error) {
	return c.askDecide(v, ui.T("Reject this change?"), ui.T("Nothing is done. Whoever wants it has to ask again."), ui.T("Reject"), true)
}
