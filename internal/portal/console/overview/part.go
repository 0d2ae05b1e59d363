// Package overview has the console's first page: figures of every part, and how people
// signed in and got tokens of late.
package overview

import (
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
)

//go:embed overview.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Figures are those of the parts, in the order of the page; set by package console.
	Figures []func(*kit.Visit) (kit.Figures, error)
	// Activity counts sign-ins and tokens.
	Activity activity.Figures
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
	return kit.Part{Rules: []kit.Rule{{Path: "", Right: admin.ReadApps, Show: c.show}}, Files: files}
}
