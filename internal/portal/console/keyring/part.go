// Package keyring has the console's pages about signing keys: their lives, rotation, and the
// emergency in which one is killed.
package keyring

import (
	"context"
	"embed"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed keys.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	Keys interface {
		List(ctx context.Context) ([]keys.Info, error)
	}
	// Due is how long until the next key is due for rotation; below zero, it is late.
	Due func() time.Duration
	// Apps lists the apps, whose tokens a key signs.
	Apps interface {
		Apps(ctx context.Context) ([]catalog.App, error)
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
		"key-rotated": ui.T("The next key is published. It signs once everybody can know it."),
		"key-killed":  ui.T("The key is gone, with every token that it signed."),
	}
}
