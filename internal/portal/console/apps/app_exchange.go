package apps

import (
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// exchangeFacts say what an app may exchange people's tokens for, and who besides
// itself may exchange those of its own people.
func exchangeFacts(app catalog.App) []kit.Fact {
	id := app.Manifest.Spec.Identity
	f := kit.Fact{Label: ui.T("May exchange tokens for")}
	for _, e := range id.TokenExchange {
		mode := ui.T("Delegation")
		if e.Mode == catalog.ModeImpersonation {
			mode = ui.T("Impersonation")
		}
		f.Values = append(f.Values, kit.Cell{Text: e.Audience, Code: true, Also: kit.Joined(append(e.Scopes[:len(e.Scopes):len(e.Scopes)], e.MaxTTL)), Tags: []ui.Tag{{Text: mode}}})
	}
	facts := []kit.Fact{f}
	if o := id.OIDC; o != nil {
		trusted := kit.Fact{Label: ui.T("May exchange its tokens")}
		for _, client := range o.MayAct {
			cell := kit.Cell{Text: client, Code: true}
			if _, lapsed := app.Lapsed[client]; lapsed {
				cell.Tags = []ui.Tag{{Text: ui.T("Given up since: take it out and name it anew"), Tone: ui.Warn}}
			}
			trusted.Values = append(trusted.Values, cell)
		}
		facts = append(facts, trusted)
	}
	return facts
}
