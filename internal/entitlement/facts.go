package entitlement

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The refusals of an explanation.
var (
	// ErrFuture refuses a time that has not come.
	ErrFuture = fault.New(fault.Invalid, "explain_future", "what will be cannot be explained: name a time that has come").At("at")
	// ErrAsk refuses a question that names nobody, or no app.
	ErrAsk = fault.New(fault.Invalid, "explain_access_incomplete", "name a person and an app")
)

// Release is what an app's manifest was from Since on.
type Release struct {
	Digest  string `json:"digest"`
	Version string `json:"version,omitempty"`
	// Since is zero, and Event empty, for one from before that was kept.
	Since time.Time `json:"since,omitzero"`
	Event string    `json:"event,omitempty"`
	// By is who accepted it.
	By identity.Actor `json:"by,omitzero"`
}

// Mapped is a mapping, with what it began with.
type Mapped struct {
	directory.Mapping
	// Title is what the identity provider calls the group now.
	Title string         `json:"title,omitempty"`
	Since time.Time      `json:"since,omitzero"`
	Event string         `json:"event,omitempty"`
	By    identity.Actor `json:"by,omitzero"`
}

// Facts are everything that a decision about one person and one app rests on at an
// instant, with where each fact comes from.
type Facts struct {
	Question
	// Known is from when on history is kept: before it, nothing is known.
	Known time.Time
	// AppName, Title, Owner, Scopes and Release are the app's at that time. Absent says
	// that there was none.
	AppName, Title string
	Owner          catalog.Owner
	Scopes         []string
	Release        Release
	Absent         bool
	// Obstacles keep the person out whatever roles they have.
	Obstacles []Obstacle
	// Mappings are those of the person's groups, Named those by the names of the release.
	Mappings map[identity.GroupRef]Mapped
	Named    map[string][]Mapped
	// Assignments are those that Question speaks of, by id, and those to the person that
	// had ended.
	Assignments map[string]Assignment
	// Operations are SCIM operations in words, by id.
	Operations map[string]string
	// Titles are what the identity providers call the groups now, where they said.
	Titles map[identity.GroupRef]string
}

// History tells what held at an instant.
type History interface {
	// FactsAt returns the facts about a person and the app of this name at a time, which
	// has come. It fails with directory.ErrPersonNotFound for who never was, and with
	// catalog.ErrAppNotFound for an app that never was.
	FactsAt(ctx context.Context, person, app string, at time.Time) (Facts, error)
}
