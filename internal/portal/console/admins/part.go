// Package admins has the console's pages about those who look after the broker: their
// roles, their API tokens, and the changes that wait for a second person.
package admins

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed assign.html token.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	Admin *admin.Service
	// Directory reads people.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
	}
}

// Console is the part of the console.
type Console struct {
	*names.Names
	o Options
}

// New returns a Console.
func New(n *names.Names, o Options) *Console { return &Console{Names: n, o: o} }

// Part is what it adds to the console.
func (c *Console) Part() kit.Part {
	return kit.Part{Rules: c.rules(), Notices: notices(), Files: files}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"role-assigned":   ui.T("The role is given."),
		"role-unassigned": ui.T("The role is taken away."),
		"token-revoked":   ui.T("The token is revoked: nothing can be done with it any more."),
		"change-approved": ui.T("The change is approved and made."),
		"change-rejected": ui.T("The change is rejected: nothing was done."),
	}
}
