package console

import (
	"context"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) entryPath(id string) string { return c.path(fill("/audit/{id}", id)) }

func (c *Console) auditList(v *visit) *list[audit.Entry] {
	names := v.refs()
	return &list[audit.Entry]{
		name: "audit", path: c.path("/audit"),
		caption: ui.T("Audit log, newest first"), empty: ui.Empty{Icon: "audit", Title: ui.T("No entry is like that.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Type, actor or subject"), Type: "search"},
			{Name: "type", Label: ui.T("Type"), Type: "text"},
			{Name: "actor", Label: ui.T("Actor (kind:id)"), Type: "text"},
			{Name: "subject", Label: ui.T("Subject (kind:id)"), Type: "text"},
			{Name: "from", Label: ui.T("From"), Type: "date"},
			{Name: "to", Label: ui.T("Until"), Type: "date"},
		},
		columns: []column[audit.Entry]{
			{title: ui.T("Time (UTC)"), name: "time", cell: func(e audit.Entry) cell { return cell{Time: e.Time, Exact: true} }},
			{title: ui.T("What"), name: "type", cell: func(e audit.Entry) cell { return cell{Text: e.Type, Href: c.entryPath(e.ID)} }},
			{title: ui.T("Actor"), name: "actor", cell: func(e audit.Entry) cell { return names.cell(e.Actor.Ref) }},
			{title: ui.T("Subject"), name: "subject", cell: func(e audit.Entry) cell { return names.cell(e.Subject) }},
			{title: ui.T("Seal"), name: "seal", cell: sealCell},
		},
		fetch: func(ctx context.Context, q listQuery) ([]audit.Entry, string, error) {
			from, err := parseTime(q.Get("from"))
			if err != nil {
				return nil, "", err
			}
			to, err := parseTime(q.Get("to"))
			if err != nil {
				return nil, "", err
			}
			return c.o.Audit.Page(ctx, audit.Query{
				Text: q.Get("q"), Type: q.Get("type"), Actor: q.Get("actor"), Subject: q.Get("subject"), From: from, To: to, Limit: q.Limit, After: q.After,
			})
		},
	}
}

func sealCell(e audit.Entry) cell {
	if e.Seal == 0 {
		return cell{Tags: []ui.Tag{{Text: ui.T("Not sealed yet")}}}
	}
	return cell{Number: e.Seal, Counted: true}
}

func (c *Console) showAudit(v *visit) (answer, error) {
	state, err := c.o.AuditState(v.r.Context())
	if err != nil {
		return nil, err
	}
	return c.auditList(v).show(v, ui.T("Audit log"), listView{Stats: auditStats(state)})
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

func (c *Console) showEntry(v *visit) (answer, error) {
	e, err := c.o.Audit.Entry(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	names := v.refs()
	facts := known(
		fact{ui.T("Time (UTC)"), []cell{{Time: e.Time, Exact: true}}}, fact{ui.T("Actor"), []cell{names.cell(e.Actor.Ref)}},
		code(ui.T("Address"), e.Actor.Address), code(ui.T("Request"), e.Actor.Request), fact{ui.T("Subject"), []cell{names.cell(e.Subject)}},
	)
	data := block{ID: "data", Title: ui.T("What it says"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}, Empty: ui.T("Nothing more.")}
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		data.Rows = append(data.Rows, row{Cells: []cell{{Text: name}, {Text: e.Data[name], Code: true}}})
	}
	proof := block{ID: "proof", Title: ui.T("Proof"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}}
	proof.Rows = []row{
		{Cells: []cell{{Say: ui.T("Entry")}, {Text: e.ID, Code: true}}},
		{Cells: []cell{{Say: ui.T("Digest (SHA-256)")}, {Text: hex.EncodeToString(e.Digest), Code: true}}},
		{Cells: []cell{{Say: ui.T("Seal")}, sealCell(e)}},
	}
	return view{title: ui.Plain(e.Type), crumbs: v.crumbs(ui.T("Audit log"), "/audit"), template: "detail", data: detail{Facts: facts, Blocks: []block{data, proof}}}, nil
}

// auditBlock shows the newest entries that q selects, to whoever may read them.
func (c *Console) auditBlock(v *visit, q audit.Query) (block, error) {
	if !v.who.May(admin.ReadAudit) {
		return block{}, nil
	}
	q.Limit = few
	page, next, err := c.o.Audit.Page(v.r.Context(), q)
	if err != nil {
		return block{}, err
	}
	names := v.refs()
	b := block{
		ID: "audit", Title: ui.T("Audit log"), Heads: []ui.Text{ui.T("Time"), ui.T("What"), ui.T("Actor"), ui.T("Says")}, Empty: ui.T("No entry."),
	}
	for _, e := range page {
		b.Rows = append(b.Rows, row{Cells: []cell{
			{Time: e.Time}, {Text: e.Type, Href: c.entryPath(e.ID)}, names.cell(e.Actor.Ref), {Text: said(e)},
		}})
	}
	if next != "" {
		find := url.Values{}
		for name, value := range map[string]string{"subject": q.Subject, "actor": q.Actor, "type": q.Type, "q": q.Text} {
			if value != "" {
				find.Set(name, value)
			}
		}
		b.More = &ui.Link{Text: ui.T("All entries"), Href: c.path("/audit?" + find.Encode())}
	}
	return b, nil
}

// said is an entry's data in a line.
func said(e audit.Entry) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		if value := e.Data[name]; value != "" {
			parts = append(parts, name+"="+clip(value, 60))
		}
	}
	return strings.Join(parts, " ")
}

// clip cuts a text that is longer than n runes.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return text
}
