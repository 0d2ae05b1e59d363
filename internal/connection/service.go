package connection

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// oldest is the age at which a snapshot answers no more.
const oldest = time.Minute

// Where the secret of a connection is stored, for the Sealer, and where one is that
// waits for a second person.
const (
	table         = "connections"
	secretColumn  = "secret"
	waitingTable  = "admin_changes"
	waitingColumn = "client_secret"
)

// Sealer encrypts what must be recoverable: keys.Vault.
type Sealer interface {
	Seal(plain []byte, table, column, id string) ([]byte, error)
	Open(sealed []byte, table, column, id string) ([]byte, error)
	NeedsReseal(sealed []byte) bool
}

// Options are what a Service needs. All are required.
type Options struct {
	Store  Store
	Sealer Sealer
	// Configured are the connections of the configuration.
	Configured []Connection
	// Read reads a connection from YAML or JSON, with defaults filled in, and checks it
	// beside others by the rules of the configuration. Its error is strictyaml.Faults.
	Read func(text []byte, others []Settings) (s Settings, secret string, err error)
	Now  func() time.Time
}

// Service answers which connections there are, and changes those that are stored.
type Service struct {
	o       Options
	current atomic.Pointer[snapshot]
	wanted  atomic.Uint64 // the highest revocation of settings that is known
	loading sync.Mutex
}

// snapshot is what was read at one time.
type snapshot struct {
	all     []Connection
	records []Record
	covers  uint64
	read    time.Time
}

// New returns a Service.
func New(o Options) *Service { return &Service{o: o} }

// Invalidate notes that a connection was changed: see revoke.Sequence.Watch.
func (s *Service) Invalidate(e revoke.Entry) {
	if e.Ref.Kind != identity.KindSettings {
		return
	}
	for {
		known := s.wanted.Load()
		if known >= e.Number || s.wanted.CompareAndSwap(known, e.Number) {
			return
		}
	}
}

// All returns the connections, those of the configuration first, as they stand
// there, then by id. The slice is shared and must not be changed.
func (s *Service) All(ctx context.Context) ([]Connection, error) {
	now, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return now.all, nil
}

// Get returns one connection, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Connection, error) {
	all, err := s.All(ctx)
	if err != nil {
		return Connection{}, err
	}
	i := slices.IndexFunc(all, func(c Connection) bool { return c.Settings.ID == id })
	if i < 0 {
		return Connection{}, ErrNotFound
	}
	return all[i], nil
}

// Known reports whether there is such a connection.
func (s *Service) Known(ctx context.Context, id string) (bool, error) {
	_, err := s.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Secret returns the client secret of a stored connection, empty for none.
func (s *Service) Secret(ctx context.Context, id string) (string, error) {
	now, err := s.fresh(ctx)
	if err != nil {
		return "", err
	}
	r := find(now.records, id)
	if r == nil || !r.live() {
		return "", ErrNotFound
	}
	return s.open(*r)
}

func (s *Service) open(r Record) (string, error) {
	if r.Secret == nil {
		return "", nil
	}
	plain, err := s.o.Sealer.Open(r.Secret, table, secretColumn, r.Settings.ID)
	if err != nil {
		return "", fmt.Errorf("connection %s: %w", r.Settings.ID, err)
	}
	return string(plain), nil
}

func (s *Service) good(now *snapshot) bool {
	return now != nil && now.covers >= s.wanted.Load() && s.o.Now().Sub(now.read) < oldest
}

// fresh returns a snapshot that may answer.
func (s *Service) fresh(ctx context.Context) (*snapshot, error) {
	if now := s.current.Load(); s.good(now) {
		return now, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if now := s.current.Load(); s.good(now) {
		return now, nil
	}
	// Read before the facts, so that those are not older than it says.
	next := &snapshot{covers: s.wanted.Load(), read: s.o.Now(), all: slices.Clone(s.o.Configured)}
	var err error
	if next.records, err = s.o.Store.Connections(ctx); err != nil {
		return nil, fmt.Errorf("read the connections: %w", err)
	}
	for _, r := range next.records {
		if r.live() && !s.configured(r.Settings.ID) {
			next.all = append(next.all, r.Connection)
		}
	}
	s.current.Store(next)
	return next, nil
}

func (s *Service) configured(id string) bool {
	return slices.ContainsFunc(s.o.Configured, func(c Connection) bool { return c.Settings.ID == id })
}

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

// Hide returns text as JSON that Apply takes, with the client secret encrypted, so
// that it can wait where others see it. It is good for this connection alone. What
// Apply refuses is refused.
func (s *Service) Hide(ctx context.Context, id string, text []byte, how Applying) ([]byte, error) {
	if s.configured(id) {
		return nil, ErrConfigured
	}
	all, err := s.o.Store.Connections(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the connections: %w", err)
	}
	if _, err := s.applying(ctx, id, text, how, identity.Actor{}, all); err != nil {
		return nil, err
	}
	settings, secret, err := s.read(id, text, all)
	if err != nil {
		return nil, err
	}
	hidden := struct {
		Settings
		Secret string `json:"client_secret,omitempty"`
	}{settings, ""}
	if secret != "" {
		sealed, err := s.o.Sealer.Seal([]byte(secret), waitingTable, waitingColumn, place(settings))
		if err != nil {
			return nil, fmt.Errorf("connection %s: %w", id, err)
		}
		hidden.Secret = sealedMark + base64.RawURLEncoding.EncodeToString(sealed)
	}
	body, err := json.Marshal(hidden) //nolint:gosec // G117: the secret in it is encrypted
	if err != nil {
		return nil, fmt.Errorf("encode the connection: %w", err)
	}
	return body, nil
}

// sealedMark begins a secret that Hide encrypted.
const sealedMark = "sealed:"

// place is what a secret that waits is bound to: to whom it would be sent.
func place(s Settings) string { return strings.Join([]string{s.ID, s.Issuer, s.ClientID}, "\n") }

// reveal opens a secret that Hide encrypted; any other is as it came.
func (s *Service) reveal(settings Settings, secret string) (string, error) {
	text, sealed := strings.CutPrefix(secret, sealedMark)
	if !sealed {
		return secret, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		raw, err = s.o.Sealer.Open(raw, waitingTable, waitingColumn, place(settings))
	}
	if err != nil {
		return "", fault.Wrap(err, ErrInvalid.Kind, ErrInvalid.Code, "the encrypted client_secret is that of another connection").At("client_secret")
	}
	return string(raw), nil
}

func (s *Service) applying(ctx context.Context, id string, text []byte, how Applying, actor identity.Actor, all []Record) (Change, error) {
	settings, secret, err := s.read(id, text, all)
	if err != nil {
		return Change{}, err
	}
	now, old := s.o.Now().UTC().Truncate(time.Microsecond), find(all, id)
	change := Change{Record: Record{Connection: Connection{Settings: settings, Source: Stored, Created: now, Updated: now}}}
	switch {
	case old == nil:
		used, err := s.o.Store.HasPeople(ctx, id)
		if err != nil {
			return Change{}, fmt.Errorf("look for people: %w", err)
		}
		if used { // of what issuer, nobody knows
			return Change{}, ErrIDUsed
		}
	case old.Settings.Issuer != settings.Issuer || old.Settings.Type != settings.Type:
		if old.live() {
			return Change{}, ErrIssuer
		}
		return Change{}, ErrIDUsed
	default:
		change.Record.Version = old.Version
		if old.live() {
			change.Record.Created, change.Record.Secret = old.Created, old.Secret
		}
	}
	forgotten := how.ForgetSecret && change.Record.Secret != nil
	switch {
	case how.ForgetSecret && secret != "":
		return Change{}, fault.New(ErrInvalid.Kind, ErrInvalid.Code, "a client_secret is given and is to be forgotten: only one of both can be meant").At("client_secret")
	case how.ForgetSecret:
		change.Record.Secret = nil
	case secret != "":
		if change.Record.Secret, err = s.o.Sealer.Seal([]byte(secret), table, secretColumn, id); err != nil {
			return Change{}, fmt.Errorf("connection %s: %w", id, err)
		}
	}
	change.Record.HasSecret = change.Record.Secret != nil
	if old == nil || !old.live() {
		change.Disabled = &how.Disabled
		change.Events = []event.Event{event.New(now, "connection.added", actor, identity.Connection(id), "issuer", settings.Issuer, "protocol", settings.Type).
			Revoking(identity.Settings(id))}
		return change, nil
	}
	what := changed(old.Settings, settings)
	if secret != "" || forgotten {
		what = append(what, "client_secret")
	}
	if len(what) == 0 {
		return Change{Record: *old}, nil
	}
	change.Events = []event.Event{event.New(now, "connection.changed", actor, identity.Connection(id), "fields", strings.Join(what, " ")).Revoking(identity.Settings(id))}
	return change, nil
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

// Reserve notes of every connection of the configuration whose people they are, so
// that its id is nobody else's when it is in the configuration no more.
func (s *Service) Reserve(ctx context.Context) error {
	for _, c := range s.o.Configured {
		whose := Settings{ID: c.Settings.ID, Type: c.Settings.Type, Issuer: c.Settings.Issuer}
		err := s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
			r := find(all, whose.ID)
			if r != nil && (r.live() || r.Settings.Issuer == whose.Issuer && r.Settings.Type == whose.Type) {
				return Change{}, nil
			}
			noted := Record{Connection: Connection{Settings: whose, Source: Configured}, Removed: s.o.Now().UTC().Truncate(time.Microsecond)}
			return Change{Record: noted, Keep: true}, nil
		})
		if err != nil {
			return fmt.Errorf("reserve the id of the connection %s: %w", whose.ID, err)
		}
	}
	return nil
}

// Reseal encrypts secrets anew that a previous encryption key encrypted, so that it
// can be taken out of the configuration.
func (s *Service) Reseal(ctx context.Context) error {
	all, err := s.o.Store.Connections(ctx)
	if err != nil {
		return fmt.Errorf("read the connections: %w", err)
	}
	for _, old := range all {
		if old.Secret == nil || !s.o.Sealer.NeedsReseal(old.Secret) {
			continue
		}
		err := s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
			r := find(all, old.Settings.ID)
			if r == nil || r.Secret == nil {
				return Change{}, nil
			}
			next := *r
			secret, err := s.open(next)
			if err == nil {
				next.Secret, err = s.o.Sealer.Seal([]byte(secret), table, secretColumn, next.Settings.ID)
			}
			return Change{Record: next}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
