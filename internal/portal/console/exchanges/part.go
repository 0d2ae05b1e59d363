// Package exchanges has the console's pages about exchanged tokens: the tree that they
// hang in, why one would be granted or refused, and revocation in an emergency.
package exchanges

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed explain.html revoke.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Apps finds the app whose exchanges are looked at.
	Apps interface {
		App(ctx context.Context, name string) (catalog.App, error)
	}
	// Exchanges is the exchange tree.
	Exchanges *grant.Tree
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
	return kit.Part{Rules: append(c.exchangeRules(), c.revokeRules()...), Notices: notices(), Files: files}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"exchange-pruned":    ui.T("The token is ended, with all that hung from it."),
		"revocation-retried": ui.T("What is not done yet is tried again at once."),
		"revoked":            ui.T("Revoked: whatever carries it is refused from now on."),
	}
}
