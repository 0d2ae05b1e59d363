package connection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// Applying says what Apply does beside what the text says.
type Applying struct {
	// Disabled says of a new connection that nobody may sign in over it yet.
	Disabled bool
	// ForgetSecret takes the stored client secret away; the text must have none.
	ForgetSecret bool
}

// Apply adds a connection, or changes the stored one of this id, from text as the
// configuration would have it, in YAML or JSON. Without a client_secret, one that is
// stored stays, unless it is to be forgotten. It fails with ErrInvalid around every
// fault, ErrConfigured, ErrIssuer or ErrIDUsed.
func (s *Service) Apply(ctx context.Context, id string, text []byte, how Applying, actor identity.Actor) (Connection, error) {
	if s.configured(id) {
		return Connection{}, ErrConfigured
	}
	var made Connection
	err := s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
		change, err := s.applying(ctx, id, text, how, actor, all)
		made = change.Record.Connection
		if len(change.Events) == 0 {
			return Change{}, err // it is that already
		}
		return change, err
	})
	return made, err
}

// applying makes the change that the text asks for, one without events where the
// connection is so already.
func (s *Service) applying(ctx context.Context, id string, text []byte, how Applying, actor identity.Actor, all []Record) (Change, error) {
	settings, secret, err := s.read(id, text, all)
	if err != nil {
		return Change{}, err
	}
	now, old := s.o.Now().UTC().Truncate(time.Microsecond), find(all, id)
	if err := s.free(ctx, settings, old); err != nil {
		return Change{}, err
	}
	change := Change{Record: Record{Connection: Connection{Settings: settings, Source: Stored, Created: now, Updated: now}}}
	if old != nil {
		change.Record.Version = old.Version
	}
	if old != nil && old.live() {
		change.Record.Created, change.Record.Secret = old.Created, old.Secret
	}
	another, err := s.setSecret(&change.Record, secret, how)
	if err != nil {
		return Change{}, err
	}
	if old == nil || !old.live() {
		change.Disabled = &how.Disabled
		change.Events = []event.Event{event.New(now, "connection.added", actor, identity.Connection(id), "issuer", settings.Issuer, "protocol", settings.Type).
			Revoking(identity.Settings(id))}
		return change, nil
	}
	what := changed(old.Settings, settings)
	if another {
		what = append(what, "client_secret")
	}
	if len(what) == 0 {
		return Change{Record: *old}, nil
	}
	change.Events = []event.Event{event.New(now, "connection.changed", actor, identity.Connection(id), "fields", strings.Join(what, " ")).Revoking(identity.Settings(id))}
	return change, nil
}

// free refuses an id that is that of other people than those the settings are about.
func (s *Service) free(ctx context.Context, settings Settings, old *Record) error {
	switch {
	case old == nil:
		used, err := s.o.Store.HasPeople(ctx, settings.ID)
		if err != nil {
			return fmt.Errorf("look for people: %w", err)
		}
		if used { // of what issuer, nobody knows
			return ErrIDUsed
		}
		return nil
	case old.Settings.Issuer == settings.Issuer && old.Settings.Type == settings.Type:
		return nil
	case old.live():
		return ErrIssuer
	}
	return ErrIDUsed
}

// read checks the text beside the connections that there are.
func (s *Service) read(id string, text []byte, all []Record) (Settings, string, error) {
	var others []Settings
	for _, c := range s.o.Configured {
		others = append(others, c.Settings)
	}
	for _, r := range all {
		if r.live() && r.Settings.ID != id {
			others = append(others, r.Settings)
		}
	}
	settings, secret, err := s.o.Read(text, others)
	var faults strictyaml.Faults
	if errors.As(err, &faults) {
		return settings, "", fault.Wrap(faults, ErrInvalid.Kind, ErrInvalid.Code, "%s", faults.Error()).At(faults[0].Path)
	}
	if err == nil {
		secret, err = s.reveal(settings, secret)
	}
	if err == nil && settings.ID != id {
		err = fault.New(ErrInvalid.Kind, ErrInvalid.Code, "this is the connection %s, and not %s", settings.ID, id).At("id")
	}
	return settings, secret, err
}

// changed names the fields that differ.
func changed(a, b Settings) (names []string) {
	before, after := fields(a), fields(b)
	for name := range after {
		if string(before[name]) != string(after[name]) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fields are the settings as they are encoded, by their names.
func fields(s Settings) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	raw, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		panic(fmt.Sprintf("settings have no JSON: %v", err)) // a type of ours: the first test finds it
	}
	return all
}

// Remove takes a stored connection away, with the sessions and refresh tokens of its
// people. It fails with ErrNotFound or ErrConfigured.
func (s *Service) Remove(ctx context.Context, id string, actor identity.Actor) error {
	if s.configured(id) {
		return ErrConfigured
	}
	return s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
		r := find(all, id)
		if r == nil || !r.live() {
			return Change{}, ErrNotFound
		}
		gone := *r
		gone.Removed, gone.Secret, gone.HasSecret = s.o.Now().UTC().Truncate(time.Microsecond), nil, false
		e := event.New(gone.Removed, "connection.removed", actor, identity.Connection(id), "issuer", r.Settings.Issuer)
		return Change{Record: gone, Events: []event.Event{e.Revoking(identity.Settings(id), identity.Connection(id))}}, nil
	})
}
