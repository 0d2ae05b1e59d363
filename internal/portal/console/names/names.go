// Package names is how the pages of one part of the console speak of what another part
// is about: what a person, an app, a connection, a group or a session is called, what
// state it is in and where its page is; what an action on something else hits of them;
// and what the audit log says of them. Parts know each other by it alone.
package names

import (
	"context"
	"embed"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

//go:embed de.yaml
var files embed.FS

// Options are what Names are looked up in. All are required.
type Options struct {
	kit.Site
	// Clients lists the clients of all apps.
	Clients func(ctx context.Context) ([]*registry.Client, error)
	// Mappings lists the names of upstream groups.
	Mappings func(ctx context.Context) ([]directory.Mapping, error)
	// Directory reads people.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
	}
	// Tokens lists the API tokens.
	Tokens func(ctx context.Context) ([]admin.Token, error)
	// Connections are the identity providers.
	Connections interface {
		All(ctx context.Context) ([]connection.Connection, error)
	}
	// Sessions are those of browsers.
	Sessions interface {
		Search(ctx context.Context, q session.Query) (page []session.Found, next string, err error)
		Count(ctx context.Context, of session.Whose) (int64, error)
	}
	// Grants are what apps hold of people.
	Grants interface {
		SearchAccess(ctx context.Context, q grant.Query, now time.Time) (page []grant.Held, next string, err error)
	}
	// Audit is the audit log.
	Audit interface {
		Page(ctx context.Context, q audit.Query) (entries []audit.Entry, next string, err error)
	}
}

// Names know people, apps, connections, groups and sessions by name.
type Names struct {
	kit.Site
	o Options
}

// New returns Names.
func New(o Options) *Names { return &Names{Site: o.Site, o: o} }

// Part is what Names add to the console: the German of what they say.
func (n *Names) Part() kit.Part { return kit.Part{Files: files} }
