// Package people has the console's pages about people and their sessions: who they are,
// what they are in, and what apps hold in their names.
package people

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Directory reads people.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
		CountPeople(ctx context.Context) (int64, error)
	}
	Sessions interface {
		Search(ctx context.Context, q session.Query) (page []session.Found, next string, err error)
		Count(ctx context.Context, of session.Whose) (int64, error)
		Find(ctx context.Context, id string) (session.Session, error)
	}
	// Participants lists the clients of a session.
	Participants func(ctx context.Context, id string) ([]session.Participant, error)
	// Grants are what apps hold of people.
	Grants grant.Store
	// Roles are those that somebody has here; set by package console.
	Roles interface {
		PersonBlock(v *kit.Visit, p directory.Person) (kit.Block, error)
		PersonHit(v *kit.Visit, p directory.Person) (kit.Hit, error)
	}
	// Entitled is what somebody may use, and by what, Assigned what was assigned to them by
	// name; set by package console.
	Entitled, Assigned func(v *kit.Visit, p directory.Person) (kit.Block, error)
	// Pushed is what connections pushed of somebody; set by package console.
	Pushed func(v *kit.Visit, p directory.Person) (kit.Block, error)
	// Revocations are what ended everything of somebody, and what followed; set by package
	// console.
	Revocations func(v *kit.Visit, p directory.Person) (kit.Block, error)
	// Exchanges are the tokens that are out in somebody's name; set by package console.
	Exchanges func(v *kit.Visit, p directory.Person) (kit.Block, error)
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
		"person-disabled": ui.T("The person is disabled and signed out everywhere."),
		"person-enabled":  ui.T("The person may sign in again."),
		"person-out":      ui.T("The person is signed out everywhere."),
		"grant-withdrawn": ui.T("The app holds nothing of this person any more."),
		"session-ended":   ui.T("The session is ended, and its apps are being told."),
	}
}
