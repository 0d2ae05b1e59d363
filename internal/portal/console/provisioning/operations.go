package provisioning

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func resultText(r record.Result) ui.Text {
	switch r {
	case record.Changed:
		return ui.T("Changed something")
	case record.Read:
		return ui.T("Changed nothing")
	case record.Refused:
	}
	return ui.T("Refused")
}

// became is what became of an operation.
func became(o record.Outcome) ui.Tag {
	tag := ui.Tag{Text: ui.T("Changed nothing")}
	switch {
	case o.Status >= 500:
		tag = ui.Tag{Text: ui.T("Failed"), Tone: ui.Bad}
	case o.Status >= 300:
		tag = ui.Tag{Text: ui.T("Refused"), Tone: ui.Warn}
	case o.Changed:
		tag = ui.Tag{Text: ui.T("Changed something"), Tone: ui.Good}
	}
	return tag
}

// answerCell is what was answered: the status, and the reason of what was refused.
func answerCell(o record.Outcome) kit.Cell {
	return kit.Cell{Text: strconv.Itoa(o.Status), Code: true, Also: o.Code, Tags: []ui.Tag{became(o)}}
}

// speaker tells who sent operations, for one page.
type speaker struct {
	tokens map[string]string // names by id
	refs   *names.Refs
}

// speakers are those of a connection. A token that is over goes by its id.
func (c *Console) speakers(v *kit.Visit, connection string) (speaker, error) {
	all, err := c.o.Records.Tokens(v.Context(), connection)
	s := speaker{tokens: map[string]string{}, refs: c.Refs(v)}
	for _, t := range all {
		s.tokens[t.ID] = t.Name
	}
	return s, err
}

func (s speaker) cell(a identity.Actor) kit.Cell {
	if name := s.tokens[a.ID]; a.Kind == identity.KindToken && name != "" {
		return kit.Cell{Text: name, Also: a.Address, Raw: a.String()}
	}
	cell := s.refs.Cell(a.Ref)
	cell.Also = a.Address
	return cell
}

func (c *Console) operationList(v *kit.Visit, p pushing) (*kit.List[record.Outcome], error) {
	by, err := c.speakers(v, p.id)
	results := []ui.Option{kit.Anything()}
	for _, r := range record.Results() {
		results = append(results, ui.Option{Value: string(r), Text: resultText(r)})
	}
	l := &kit.List[record.Outcome]{
		Name: "scim-operations", Path: c.Path(kit.Fill(operationsPath, p.id)),
		Caption: ui.T("What SCIM clients did, the latest first"),
		Empty:   ui.Empty{Icon: "queue", Title: ui.T("No operation is like that."), Text: ui.T("What changed something is kept for 400 days, everything else for a week.")},
		Filters: []kit.Filter{{Name: "q", Label: ui.T("What, path, resource, code or id"), Type: "search"}, {Name: "result", Label: ui.T("What became of it"), Options: results}},
		Columns: []kit.Column[record.Outcome]{
			{Title: ui.T("What"), Name: "kind", Cell: func(o record.Outcome) kit.Cell {
				return kit.Cell{Text: o.Kind, Also: kit.Clip(o.Method+" "+o.Path, 60), Href: c.SCIMOperationPath(p.id, o.ID), Raw: o.Kind}
			}},
			{Title: ui.T("Answer"), Name: "status", Cell: answerCell},
			{Title: ui.T("By"), Name: "by", Cell: func(o record.Outcome) kit.Cell { return by.cell(o.Actor) }},
			{Title: ui.T("Time"), Name: "time", Cell: func(o record.Outcome) kit.Cell { return kit.Cell{Time: o.Time} }},
			{Title: ui.T("Says"), Name: "detail", Cell: func(o record.Outcome) kit.Cell { return kit.Cell{Text: kit.Clip(o.Detail, 120), Raw: o.Detail} }},
		},
	}
	l.Fetch = func(ctx context.Context, q kit.Query) ([]record.Outcome, string, error) {
		page, next, err := c.o.Operations.Outcomes(ctx, record.OutcomeQuery{Connection: p.id, Text: q.Get("q"), Result: record.Result(q.Get("result")), After: q.After, Limit: q.Limit})
		if len(page) == 0 && next != "" { // older ones may be
			l.Empty = ui.Empty{Icon: "queue", Title: ui.T("None of those looked at so far is like that."), Text: ui.T("There are older ones: go on to the next page.")}
		}
		return page, next, err
	}
	return l, err
}

// showOperations lists what the connection's clients did. The newest come by themselves.
func (c *Console) showOperations(v *kit.Visit) (kit.Answer, error) {
	p, err := c.pushing(v)
	if err != nil {
		return nil, err
	}
	l, err := c.operationList(v, p)
	if err != nil {
		return nil, err
	}
	return l.Show(v, ui.T("What SCIM clients of %s did", p.Title()), kit.Around{Crumbs: c.below(v, p), Live: true})
}

// latestBlock shows the latest operations.
func (c *Console) latestBlock(v *kit.Visit, p pushing) (kit.Block, error) {
	b := kit.Block{
		ID: "operations", Title: ui.T("Latest operations"), Heads: []ui.Text{ui.T("What"), ui.T("Answer"), ui.T("Time")}, Empty: ui.T("No client has asked for anything of late."),
		More: &ui.Link{Text: ui.T("All operations"), Href: c.Path(kit.Fill(operationsPath, p.id))},
	}
	page, _, err := c.o.Operations.Outcomes(v.Context(), record.OutcomeQuery{Connection: p.id, Limit: kit.Few})
	for _, o := range page {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: o.Kind, Href: c.SCIMOperationPath(p.id, o.ID)}, answerCell(o), {Time: o.Time}}})
	}
	return b, err
}

// showOperation shows one, with what it did.
func (c *Console) showOperation(v *kit.Visit) (kit.Answer, error) {
	p, err := c.pushing(v)
	if err != nil {
		return nil, err
	}
	o, err := c.o.Operations.Outcome(v.Context(), p.id, v.PathValue("operation"))
	if err != nil {
		return nil, err
	}
	by, err := c.speakers(v, p.id)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{Tags: []ui.Tag{became(o)}, Facts: kit.Known(
		kit.Code(ui.T("Request"), o.Method+" "+o.Path), kit.Code(ui.T("Answer"), strings.TrimSpace(strconv.Itoa(o.Status)+" "+o.Code)), kit.Is(ui.T("Says"), o.Detail),
		kit.Says(ui.T("About"), c.resourceCell(v, p, o.Resource)), kit.Says(ui.T("By"), by.cell(o.Actor)),
		kit.Says(ui.T("Time (UTC)"), kit.Cell{Time: o.Time, Exact: true}), kit.Code(ui.T("Operation"), o.ID), kit.Code(ui.T("Request id"), o.Actor.Request),
	)}
	d.Blocks, err = kit.Blocks(v, o, c.didBlock)
	crumbs := append(c.below(v, p), ui.Link{Text: ui.T("Latest operations"), Href: c.Path(kit.Fill(operationsPath, p.id))})
	return kit.View{Title: ui.Plain(o.Kind), Crumbs: crumbs, Template: "detail", Data: d}, err
}

// resourceCell leads to the person or the group that an operation was about.
func (c *Console) resourceCell(v *kit.Visit, p pushing, resource string) kit.Cell {
	cell := kit.Cell{Text: resource, Code: true}
	switch kind, id, _ := strings.Cut(resource, "/"); kind {
	case "User":
		if u, err := c.o.Records.User(v.Context(), p.id, id); err == nil && v.Who.May(admin.ReadPeople) {
			cell = kit.Cell{Text: u.UserName, Also: resource, Href: c.PersonPath(u.Person)}
		}
	case "Group":
		if v.Who.May(admin.ReadGroups) {
			cell.Href = c.GroupPath(identity.GroupRef{Connection: p.id, ID: id})
		}
	}
	return cell
}

// mostEntries is how many entries of the audit log an operation is looked for in, and
// within how long of each other they are.
const (
	mostEntries = 200
	near        = time.Second
)

// didBlock lists the entries of the audit log that an operation made.
func (c *Console) didBlock(v *kit.Visit, o record.Outcome) (kit.Block, error) {
	if !v.Who.May(admin.ReadAudit) || !o.Changed {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "did", Title: ui.T("What it did"), Note: ui.T("All of it was so when it was answered."),
		Heads: []ui.Text{ui.T("What"), ui.T("Subject"), ui.T("Says")}, Empty: ui.T("The audit log has nothing of it."),
	}
	at := o.Time.UTC().Truncate(time.Microsecond)
	entries, _, err := c.o.Audit.Page(v.Context(), audit.Query{From: at, To: at.Add(near), Limit: mostEntries})
	entries = slices.DeleteFunc(slices.Clone(entries), func(e audit.Entry) bool { return e.Data["operation"] != o.ID })
	refs := c.Refs(v)
	for _, e := range slices.Backward(entries) {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: e.Type, Href: c.EntryPath(e.ID)}, refs.Cell(e.Subject), {Text: names.Said(e)}}})
	}
	return b, err
}
