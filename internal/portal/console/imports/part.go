// Package imports has the console's pages that write the directory as a file and take it
// in again, also from what Keycloak and Dex have: what would become of a file, line by
// line, before anything changes; applying it; and how far that is.
package imports

import (
	"context"
	"embed"
	"io"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed importform.html exportform.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Imports are those that were received: porting.Service.
	Imports interface {
		Get(ctx context.Context, id string) (porting.Import, error)
		List(ctx context.Context, after string, limit int) (page []porting.Import, next string, err error)
		Faults(ctx context.Context, id string, after, limit int) (page []porting.Fault, next int, err error)
	}
	// Directory is what is exported: porting.Service.
	Directory interface {
		Exporting(ctx context.Context, connection string, by identity.Actor) error
		Write(ctx context.Context, connection string, to io.Writer) error
	}
	// Waiting are the changes that wait with an operation: admin.Service.WaitingOf.
	Waiting func(ctx context.Context, operation string) ([]admin.Change, error)
	// Connections are the identity providers.
	Connections interface {
		All(ctx context.Context) ([]connection.Connection, error)
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

// Where the pages are, below kit.Base.
const (
	allPath    = "/imports"
	onePath    = allPath + "/{id}"
	faultsPath = onePath + "/faults"
	applyPath  = onePath + "/apply"
	forgetPath = onePath + "/discard"
	newPath    = "/new-import"
	exportPath = "/export"
)

func (c *Console) rules() []kit.Rule {
	return []kit.Rule{
		{Path: allPath, Right: admin.ReadPeople, Show: c.showImports},
		{Path: newPath, Right: admin.WritePeople, Show: c.showForm, Act: c.take, Receives: true},
		{Path: onePath, Right: admin.ReadPeople, Show: c.show},
		{Path: faultsPath, Right: admin.ReadPeople, Show: c.showFaults},
		{Path: applyPath, Right: admin.WritePeople, Ask: c.askApply, Act: c.apply},
		{Path: forgetPath, Right: admin.WritePeople, Ask: c.askDiscard, Operation: "discardImport", Then: allPath, Notice: "import-discarded"},
		{Path: exportPath, Right: admin.ReadPeople, Show: c.showExport, Act: c.export},
	}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"import-applied":   ui.T("The import is applied."),
		"import-applying":  ui.T("The import is being applied: this page says how far it is."),
		"import-discarded": ui.T("The import is forgotten."),
	}
}
