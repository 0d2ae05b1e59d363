package imports

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// changePath is where a change is looked at that waits for a second person.
const changePath = "/changes/{id}"

// seen is an import with what a page says of it besides.
type seen struct {
	porting.Import
	// approval is the change that waits and is to apply it, nil for none.
	approval *porting.Approval
}

// waits tells what waits for a second person to be applied, of imports that are in the
// state for it.
func (c *Console) waits(ctx context.Context) (func(porting.Import) *porting.Approval, error) {
	waiting, err := c.o.Waiting(ctx, porting.ApplyOperation)
	return func(i porting.Import) *porting.Approval {
		if i.State != porting.Checked {
			return nil
		}
		return porting.ApprovalOf(i, waiting)
	}, err
}

// look returns the import that the path names.
func (c *Console) look(v *kit.Visit) (seen, error) {
	i, err := c.o.Imports.Get(v.Context(), v.PathValue("id"))
	if err != nil {
		return seen{}, err
	}
	waits, err := c.waits(v.Context())
	if err != nil {
		return seen{}, err
	}
	return seen{i, waits(i)}, nil
}

// approvalNotice says for whom an import waits.
func approvalNotice(v *kit.Visit, a *porting.Approval) ui.Notice {
	text := ui.T("Somebody asked to have this import applied: somebody else has to approve that. Until then nothing is changed.")
	if a.Owner == v.Who.Owner {
		text = ui.T("You asked to have this import applied: somebody else has to approve that. Until then nothing is changed.")
	}
	return ui.Notice{Text: text, Tone: ui.Warn}
}

// approvalFacts are who asked, and until when it can be approved.
func (c *Console) approvalFacts(v *kit.Visit, a *porting.Approval) []kit.Fact {
	if a == nil {
		return nil
	}
	change := kit.Cell{Text: a.Change, Code: true}
	if v.Who.May(admin.ReadAdmin) {
		change.Href = c.Path(kit.Fill(changePath, a.Change))
	}
	return []kit.Fact{
		kit.Says(ui.T("Asked for by"), c.Refs(v).Cell(a.RequestedBy.Ref)), kit.When(ui.T("Asked for"), a.Created),
		kit.When(ui.T("To be approved until"), a.Expires), kit.Says(ui.T("Change"), change),
	}
}
