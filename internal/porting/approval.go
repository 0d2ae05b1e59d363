package porting

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ApplyOperation is the operation of the management API that four eyes are asked for
// before an import changes anything.
const ApplyOperation = "applyImport"

// Approval is the change by which somebody asked to have an import applied, and which waits
// for a second person.
type Approval struct {
	// Change is the id of the change.
	Change      string         `json:"change"`
	RequestedBy identity.Actor `json:"requested_by"`
	Created     time.Time      `json:"created"`
	// Expires is when the change, or what was checked, is too old to be applied.
	Expires time.Time `json:"expires"`
	// Owner is the person that who asked counts as: somebody else approves.
	Owner identity.Ref `json:"-"`
}

// ApprovalOf finds the change that is to apply the import among those that wait with
// ApplyOperation: nil for none.
func ApprovalOf(i Import, waiting []admin.Change) *Approval {
	for _, c := range waiting {
		if c.Operation.Name != ApplyOperation || c.Operation.Values["id"] != i.ID {
			continue
		}
		a := &Approval{Change: c.ID, RequestedBy: c.RequestedBy, Created: c.Created, Expires: c.Expires, Owner: c.Owner}
		if ends := i.Checked.Add(ApplyWithin); !i.Checked.IsZero() && ends.Before(a.Expires) {
			a.Expires = ends
		}
		return a
	}
	return nil
}
