// Package catalog owns apps: what a team asks for in a manifest, and what the
// company accepted of it. Everything that an app has at the broker (its client,
// its scopes, its audience) is derived from the accepted manifest and goes when
// the app goes: see package registry.
package catalog

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of this package.
var (
	ErrAppNotFound   = fault.New(fault.NotFound, "app_not_found", "no such app")
	ErrClientIDTaken = fault.New(fault.Conflict, "client_id_taken", "another app has this client id")
	ErrEntityIDTaken = fault.New(fault.Conflict, "entity_id_taken", "another app has this entity id")
	ErrAudienceTaken = fault.New(fault.Conflict, "audience_taken", "another app serves this audience")
)

// App is one accepted app.
type App struct {
	// ID is internal and never used again: grants bind to it, so that an app
	// that is removed and added anew under its old name inherits nothing.
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Manifest Manifest `json:"manifest"`
	// Digest is SHA-256 over the canonical manifest, as "sha256:<hex>".
	Digest string `json:"digest"`
	// Disabled apps keep their manifest but nobody gets in.
	Disabled bool `json:"disabled,omitempty"`
	// Agreements are what the sides of APIs agreed that the app gets.
	Agreements Agreements `json:"agreements,omitempty"`
	// Lapsed are the client ids in spec.identity.oidc.mayAct that an app gave up since they
	// were named there, with the internal id of that app: it alone is meant still.
	Lapsed map[string]string `json:"lapsed,omitempty"`
	// Secrets are the live client secrets, newest first.
	Secrets []Secret  `json:"-"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Version int64     `json:"version"`
}

// Stamp tells two readings of an app apart: every change of it makes a version, and an
// app that comes after it under its name is another one.
type Stamp struct {
	ID      string
	Version int64
}

// Stamp returns the app's.
func (a *App) Stamp() Stamp { return Stamp{a.ID, a.Version} }

// Secret is a client secret as it is kept.
type Secret struct {
	Hash    []byte    `json:"hash"` // SHA-256
	Created time.Time `json:"created"`
}

// Store keeps apps. Names, audiences, and client ids together with entity ids are
// unique among them.
type Store interface {
	// App returns the app with this name, or ErrAppNotFound.
	App(ctx context.Context, name string) (App, error)
	// Apps returns all apps by name.
	Apps(ctx context.Context) ([]App, error)
	// SearchApps returns a page of the apps that q selects, and the cursor of the page
	// after it, empty at the end. It fails with ErrCursor or ErrSort.
	SearchApps(ctx context.Context, q Query) (page []App, next string, err error)
	// CountApps returns how many apps there are in each state.
	CountApps(ctx context.Context) (map[State]int64, error)
	// ApplyApp creates or changes the app in one transaction; change gets nil
	// when there is none. It fails with ErrClientIDTaken,
	// ErrEntityIDTaken or ErrAudienceTaken.
	ApplyApp(ctx context.Context, name string, change func(*App) (App, []event.Event, error)) (App, error)
	// RemoveApp deletes the app, or fails with ErrAppNotFound.
	RemoveApp(ctx context.Context, name string, events func(App) []event.Event) error
}
