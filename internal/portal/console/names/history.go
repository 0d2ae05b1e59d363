package names

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// History shows the newest entries that q selects, to whoever may read them.
func (n *Names) History(v *kit.Visit, q audit.Query) (kit.Block, error) {
	if !v.Who.May(admin.ReadAudit) {
		return kit.Block{}, nil
	}
	q.Limit = kit.Few
	page, next, err := n.o.Audit.Page(v.Context(), q)
	if err != nil {
		return kit.Block{}, err
	}
	names := n.Refs(v)
	b := kit.Block{
		ID: "audit", Title: ui.T("Audit log"), Heads: []ui.Text{ui.T("Time"), ui.T("What"), ui.T("Actor"), ui.T("Says")}, Empty: ui.T("No entry."),
	}
	for _, e := range page {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{
			{Time: e.Time}, {Text: e.Type, Href: n.EntryPath(e.ID)}, names.Cell(e.Actor.Ref), {Text: Said(e)},
		}})
	}
	if next != "" {
		find := url.Values{}
		for name, value := range map[string]string{"subject": q.Subject, "actor": q.Actor, "type": q.Type, "q": q.Text} {
			if value != "" {
				find.Set(name, value)
			}
		}
		b.More = &ui.Link{Text: ui.T("All entries"), Href: n.Path("/audit?" + find.Encode())}
	}
	return b, nil
}

// Said is an entry's data in a line.
func Said(e audit.Entry) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		if value := e.Data[name]; value != "" {
			parts = append(parts, name+"="+kit.Clip(value, 40))
		}
	}
	return strings.Join(parts, " ")
}
