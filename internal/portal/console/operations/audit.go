package operations

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) auditList(v *kit.Visit) *kit.List[audit.Entry] {
	names := c.Refs(v)
	return &kit.List[audit.Entry]{
		Name: "audit", Path: c.Path("/audit"),
		Caption: ui.T("Audit log, newest first"), Empty: ui.Empty{Icon: "audit", Title: ui.T("No entry is like that.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Type, actor or subject"), Type: "search"},
			{Name: "type", Label: ui.T("Type"), Type: "text"},
			{Name: "actor", Label: ui.T("Actor (kind:id)"), Type: "text"},
			{Name: "subject", Label: ui.T("Subject (kind:id)"), Type: "text"},
			{Name: "from", Label: ui.T("From"), Type: "date"},
			{Name: "to", Label: ui.T("Until"), Type: "date"},
		},
		Columns: []kit.Column[audit.Entry]{
			{Title: ui.T("Time (UTC)"), Name: "time", Cell: func(e audit.Entry) kit.Cell { return kit.Cell{Time: e.Time, Exact: true} }},
			{Title: ui.T("What"), Name: "type", Cell: func(e audit.Entry) kit.Cell { return kit.Cell{Text: e.Type, Href: c.EntryPath(e.ID)} }},
			{Title: ui.T("Actor"), Name: "actor", Cell: func(e audit.Entry) kit.Cell { return names.Cell(e.Actor.Ref) }},
			{Title: ui.T("Subject"), Name: "subject", Cell: func(e audit.Entry) kit.Cell { return names.Cell(e.Subject) }},
			{Title: ui.T("Seal"), Name: "seal", Cell: sealCell},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]audit.Entry, string, error) {
			from, err := kit.ParseTime(q.Get("from"))
			if err != nil {
				return nil, "", err
			}
			to, err := kit.ParseTime(q.Get("to"))
			if err != nil {
				return nil, "", err
			}
			return c.o.Audit.Page(ctx, audit.Query{
				Text: q.Get("q"), Type: q.Get("type"), Actor: q.Get("actor"), Subject: q.Get("subject"), From: from, To: to, Limit: q.Limit, After: q.After,
			})
		},
	}
}

func sealCell(e audit.Entry) kit.Cell {
	if e.Seal == 0 {
		return kit.Cell{Tags: []ui.Tag{{Text: ui.T("Not sealed yet")}}}
	}
	return kit.Cell{Number: e.Seal, Counted: true}
}

func (c *Console) showAudit(v *kit.Visit) (kit.Answer, error) {
	state, err := c.o.AuditState(v.Context())
	if err != nil {
		return nil, err
	}
	return c.auditList(v).Show(v, ui.T("Audit log"), kit.Around{Stats: auditStats(state)})
}

// auditStats says how far the log can be trusted.
func auditStats(s audit.State) []ui.Stat {
	whole := ui.Stat{Label: ui.T("Verification"), Value: ui.T("Whole"), Note: ui.T("up to seal %d, %d entries", s.Check.Through, s.Check.Entries), Tone: ui.Good}
	switch {
	case s.Check.Broken != "":
		whole.Value, whole.Note, whole.Tone = ui.T("Broken"), ui.Plain(broken(s)), ui.Bad
	case s.Check.Through == 0:
		whole.Value, whole.Note, whole.Tone = ui.T("Not yet"), ui.T("nothing was verified so far"), ui.Warn
	}
	return []ui.Stat{
		whole,
		{Label: ui.T("Seals"), Value: s.Seals, Note: ui.T("chained and signed")},
		{Label: ui.T("Not sealed yet"), Value: s.Unsealed, Note: ui.T("sealed within a second or two")},
	}
}

// broken says what is wrong with the log, without the fault's code.
func broken(s audit.State) string {
	return strings.TrimPrefix(s.Check.Broken, audit.ErrBroken.Code+": ")
}

func (c *Console) showEntry(v *kit.Visit) (kit.Answer, error) {
	e, err := c.o.Audit.Entry(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	names := c.Refs(v)
	facts := kit.Known(
		kit.Says(ui.T("Time (UTC)"), kit.Cell{Time: e.Time, Exact: true}), kit.Says(ui.T("Actor"), names.Cell(e.Actor.Ref)),
		kit.Code(ui.T("Address"), e.Actor.Address), kit.Code(ui.T("Request"), e.Actor.Request), kit.Says(ui.T("Subject"), names.Cell(e.Subject)),
	)
	data := kit.Block{ID: "data", Title: ui.T("What it says"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}, Empty: ui.T("Nothing more.")}
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		data.Rows = append(data.Rows, kit.Row{Cells: []kit.Cell{{Text: name}, {Text: e.Data[name], Code: true}}})
	}
	proof := kit.Block{ID: "proof", Title: ui.T("Proof"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}}
	proof.Rows = []kit.Row{
		{Cells: []kit.Cell{{Say: ui.T("Entry")}, {Text: e.ID, Code: true}}},
		{Cells: []kit.Cell{{Say: ui.T("Digest (SHA-256)")}, {Text: hex.EncodeToString(e.Digest), Code: true}}},
		{Cells: []kit.Cell{{Say: ui.T("Seal")}, sealCell(e)}},
	}
	return kit.View{Title: ui.Plain(e.Type), Crumbs: v.Crumbs(ui.T("Audit log"), "/audit"), Template: "detail", Data: kit.Detail{Facts: facts, Offers: revocationOffers(v, e), Blocks: []kit.Block{data, proof}}}, nil
}

// revocationOffers lead from an entry that revoked something to what followed.
func revocationOffers(v *kit.Visit, e audit.Entry) []kit.Offer {
	if len(e.Revokes) == 0 {
		return nil
	}
	return v.Offers(kit.Way("/revocations/{id}", ui.T("What followed from it"), " arrow", e.ID))
}

func (c *Console) auditFigures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(admin.ReadAudit) {
		return page, nil
	}
	state, err := c.o.AuditState(v.Context())
	if err != nil {
		return page, err
	}
	s := auditStats(state)[0]
	s.Label, s.Href = ui.T("Audit log"), c.Path("/audit")
	page.Stats = append(page.Stats, s)
	if state.Check.Broken != "" {
		page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The audit log is not what was sealed: %s", broken(state)), Tone: ui.Bad})
	}
	return page, nil
}
