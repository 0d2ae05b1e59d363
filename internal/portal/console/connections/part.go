// Package connections has the console's pages about identity providers: their settings,
// tests, and why sign-ins over them failed.
package connections

import (
	"context"
	"embed"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed connection.html trace.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Issuer is the broker's public URL.
	Issuer string
	// Connections are the identity providers: connection.Service.
	Connections interface {
		All(ctx context.Context) ([]connection.Connection, error)
		Get(ctx context.Context, id string) (connection.Connection, error)
	}
	// Enabled says whether people may sign in over a connection.
	Enabled func(ctx context.Context, connection string) (bool, error)
	// CertificatesEnd tells when the last certificate of a SAML connection's provider
	// runs out, as far as this replica read them; zero for nothing.
	CertificatesEnd func(connection string) time.Time
	Sessions        interface {
		Count(ctx context.Context, of session.Whose) (int64, error)
	}
	// Figures count how sign-ins ended.
	Figures interface {
		SignInTotals(ctx context.Context, from, to time.Time) ([]activity.SignIns, error)
	}
	// Pushed is what the page of a connection says of its pushing; set by package console.
	Pushed func(v *kit.Visit, one connection.Connection) (kit.Fact, []ui.Notice, error)
	// Traces are the sign-ins that failed, and tests of connections.
	Traces interface {
		Trace(ctx context.Context, id string) (trace.Trace, error)
		SearchTraces(ctx context.Context, q trace.Query) (page []trace.Trace, next string, err error)
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
		"connection-disabled": ui.T("The connection is disabled: everybody who came over it is signed out."),
		"connection-enabled":  ui.T("The connection is enabled again."),
		"connection-applied":  ui.T("The connection is kept like this, at every replica. Test it next."),
		"connection-removed":  ui.T("The connection is removed: everybody who came over it is signed out."),
	}
}
