package apps

import (
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// ownerFacts say who answers for an app now, and who the manifest says where that is
// somebody else.
func ownerFacts(o ownership.View) []kit.Fact {
	facts := []kit.Fact{
		kit.Says(ui.T("Owner"), kit.Cell{Text: o.Team}),
		kit.Says(ui.T("Primary owner"), standing(o.Primary, o.PrimaryStanding)),
		kit.Says(ui.T("Secondary owner"), standing(o.Secondary, o.SecondaryStanding)),
	}
	if o.Owners != o.Declared {
		facts = append(facts, kit.Says(ui.T("Owners in the manifest"), kit.Cell{Text: joinedNonEmpty(o.Declared.Primary, o.Declared.Secondary)}))
	}
	if o.From != "" {
		facts = append(facts, kit.Says(ui.T("Owner before"), kit.Cell{Text: o.From}), kit.Says(ui.T("Owned so since"), kit.Cell{Time: o.Since}))
	}
	return facts
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
	return []ui.Notice{{Text: ui.T("Nobody answers for it any more: its owners have left. An administrator names somebody: broker app name-owner %s", o.Name), Tone: ui.Bad}}
}
