package apps

import (
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// pendingBlock lists what an app asks of APIs and was not agreed to.
func (c *Console) pendingBlock(v *kit.Visit, a catalog.App) (kit.Block, error) {
	all, err := c.o.Apps.Pending(v.Context(), a)
	if err != nil || len(all[a.Name]) == 0 {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "pending", Title: ui.T("What was not agreed to"), Note: ui.T("The app does not get it until whoever owns the API agrees, or an administrator."),
		Heads: []ui.Text{ui.T("Scope"), ui.T("How"), ui.T("API"), ui.T("Whose it is to agree")},
	}
	for _, k := range all[a.Name] {
		of := kit.Cell{Text: k.Audience, Code: true}
		if k.API != "" {
			of.Href = c.Path(kit.Fill(callerPath, k.API, a.Name))
		}
		if k.API == catalog.Broker {
			of = kit.Cell{Say: ui.T("the broker"), Href: of.Href}
		}
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: k.Scope, Code: true}, {Say: modeText(k.Mode)}, of, {Text: k.Team}}})
	}
	return b, nil
}
