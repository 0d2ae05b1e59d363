package connection_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

var actor = identity.System("test")

// replica is a broker that knows of what others change by the sequence alone.
type replica struct {
	*connection.Service
	sequence *revoke.Sequence
	db       *storage.DB
}

// replicas are two of them over one database. The first follows what it changes
// itself at once, as storage does.
func replicas(t *testing.T, sealer connection.Sealer) (a, b replica) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: storage.SQLite, Dir: t.TempDir(), Now: time.Now, Log: log, Raised: func(ctx context.Context) error { return a.sequence.Sync(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, r := range []*replica{&a, &b} {
		r.db, r.Service = db, connection.New(connection.Options{
			Store: db, Sealer: sealer, Now: time.Now, Read: read,
			Configured: []connection.Connection{{Source: connection.Configured, Settings: connection.Settings{ID: "acme", Issuer: "https://acme.example"}}},
		})
		r.sequence = revoke.New(revoke.Options{Store: db, Now: time.Now, Log: log})
		r.sequence.Watch(r.Invalidate)
		if err := r.sequence.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

func read(text []byte, _ []connection.Settings) (connection.Settings, string, error) {
	var c struct {
		connection.Settings
		Secret string `json:"client_secret"`
	}
	err := json.Unmarshal(text, &c)
	return c.Settings, c.Secret, err
}

func vault(t *testing.T, current byte, previous ...byte) *keys.Vault {
	t.Helper()
	var old [][]byte
	for _, p := range previous {
		old = append(old, bytes.Repeat([]byte{p}, keys.VaultKeySize))
	}
	v, err := keys.NewVault(bytes.Repeat([]byte{current}, keys.VaultKeySize), old...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAChangeIsKnownAtEveryReplicaByTheSequence(t *testing.T) {
	a, b := replicas(t, vault(t, 1))
	if all, err := b.All(t.Context()); err != nil || len(all) != 1 {
		t.Fatalf("%+v %v", all, err)
	}
	if _, err := a.Apply(t.Context(), "partner", []byte(`{"id":"partner","issuer":"https://p.example","client_secret":"s1"}`), connection.Applying{}, actor); err != nil {
		t.Fatal(err)
	}
	if known, err := a.Known(t.Context(), "partner"); err != nil || !known {
		t.Error("the replica that added it does not know it", err)
	}
	if known, _ := b.Known(t.Context(), "partner"); known {
		t.Error("control: the other one has heard of nothing yet")
	}
	if err := b.sequence.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if secret, err := b.Secret(t.Context(), "partner"); err != nil || secret != "s1" {
		t.Errorf("%q %v", secret, err)
	}
	if err := a.Remove(t.Context(), "partner", actor); err != nil {
		t.Fatal(err)
	}
	rev := b.sequence.Applied()
	if err := b.sequence.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if known, err := b.Known(t.Context(), "partner"); err != nil || known {
		t.Error("it is there after it was removed", err)
	}
	if err := b.sequence.Check(rev, identity.Connection("partner")); !errors.Is(err, revoke.ErrRevoked) {
		t.Errorf("what its people hold is good: %v", err)
	}
}

func TestASecretOpensInItsRowAloneAndFollowsTheEncryptionKey(t *testing.T) {
	a, _ := replicas(t, vault(t, 1))
	for _, id := range []string{"one", "two"} {
		if _, err := a.Apply(t.Context(), id, []byte(`{"id":"`+id+`","issuer":"https://p.example","client_secret":"secret-of-`+id+`"}`), connection.Applying{}, actor); err != nil {
			t.Fatal(err)
		}
	}
	all, err := a.db.Connections(t.Context())
	if err != nil || len(all) != 2 || bytes.Contains(all[0].Secret, []byte("secret-of")) {
		t.Fatalf("%+v %v", all, err)
	}
	next := connection.New(connection.Options{Store: a.db, Sealer: vault(t, 2, 1), Read: read, Now: time.Now})
	if err := next.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := connection.New(connection.Options{Store: a.db, Sealer: vault(t, 2), Read: read, Now: time.Now})
	if secret, err := later.Secret(t.Context(), "two"); err != nil || secret != "secret-of-two" {
		t.Errorf("%q %v", secret, err)
	}
	swapped := all[0]
	swapped.Settings.ID, swapped.Secret = "two", all[0].Secret
	if err := a.db.ChangeConnections(t.Context(), func([]connection.Record) (connection.Change, error) {
		return connection.Change{Record: swapped}, nil
	}); err != nil {
		t.Fatal(err)
	}
	moved := connection.New(connection.Options{Store: a.db, Sealer: vault(t, 1), Read: read, Now: time.Now})
	if secret, err := moved.Secret(t.Context(), "two"); err == nil {
		t.Errorf("the secret of another row opens: %q", secret)
	}
}

func TestASecretIsForgottenOnlyWhenThatIsSaid(t *testing.T) {
	a, _ := replicas(t, vault(t, 1))
	text := func(secret string) []byte {
		return []byte(`{"id":"partner","issuer":"https://p.example","client_secret":"` + secret + `"}`)
	}
	apply := func(secret string, how connection.Applying) (connection.Connection, error) {
		return a.Apply(t.Context(), "partner", text(secret), how, actor)
	}
	if _, err := apply("s1", connection.Applying{}); err != nil {
		t.Fatal(err)
	}
	if kept, err := apply("", connection.Applying{}); err != nil || !kept.HasSecret {
		t.Errorf("control, an empty one: %+v %v", kept, err)
	}
	forget := connection.Applying{ForgetSecret: true}
	if _, err := apply("s2", forget); !errors.Is(err, connection.ErrInvalid) {
		t.Errorf("a new one, and none: %v", err)
	}
	if _, err := a.Hide(t.Context(), "partner", text("s2"), forget); !errors.Is(err, connection.ErrInvalid) {
		t.Errorf("both, waiting: %v", err)
	}
	if secret, err := a.Secret(t.Context(), "partner"); err != nil || secret != "s1" {
		t.Errorf("what was refused changed it: %q %v", secret, err)
	}
	if gone, err := apply("", forget); err != nil || gone.HasSecret {
		t.Errorf("%+v %v", gone, err)
	}
	if secret, err := a.Secret(t.Context(), "partner"); err != nil || secret != "" {
		t.Errorf("it is there: %q %v", secret, err)
	}
}

// The people of a connection that comes out of the configuration are not those of
// whoever takes its id.
func TestTheIDOfAConfiguredConnectionStaysThatOfItsIssuer(t *testing.T) {
	a, _ := replicas(t, vault(t, 1))
	if err := a.db.SetConnectionState(t.Context(), directory.ConnectionState{ID: "acme", Disabled: true}, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if states, err := a.db.ConnectionStates(t.Context()); err != nil || len(states) != 1 || !states[0].Disabled {
		t.Errorf("whether it is disabled is forgotten: %+v %v", states, err)
	}
	if all, err := a.All(t.Context()); err != nil || len(all) != 1 || all[0].Source != connection.Configured {
		t.Errorf("%+v %v", all, err)
	}
	after := connection.New(connection.Options{Store: a.db, Sealer: vault(t, 1), Read: read, Now: time.Now})
	if all, err := after.All(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("out of the configuration: %+v %v", all, err)
	}
	for _, text := range []string{`{"id":"acme","issuer":"https://evil.example"}`, `{"id":"acme","issuer":"https://acme.example","type":"saml"}`} {
		if _, err := after.Apply(t.Context(), "acme", []byte(text), connection.Applying{}, actor); !errors.Is(err, connection.ErrIDUsed) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := after.Apply(t.Context(), "acme", []byte(`{"id":"acme","issuer":"https://acme.example"}`), connection.Applying{}, actor); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestAChangeThatChangesNothingIsNone(t *testing.T) {
	a, _ := replicas(t, vault(t, 1))
	text := []byte(`{"id":"partner","issuer":"https://p.example","title":"P"}`)
	for range 2 {
		if c, err := a.Apply(t.Context(), "partner", text, connection.Applying{}, actor); err != nil || c.Settings.Title != "P" {
			t.Fatalf("%+v %v", c, err)
		}
	}
	if c, err := a.Get(t.Context(), "partner"); err != nil || c.Version != 1 {
		t.Errorf("%+v %v", c, err)
	}
	if err := a.Remove(t.Context(), "none", actor); !errors.Is(err, connection.ErrNotFound) {
		t.Error(err)
	}
	if err := a.Remove(t.Context(), "acme", actor); !errors.Is(err, connection.ErrConfigured) {
		t.Error(err)
	}
}

// Nobody noted the issuer of one that had people before there was a note.
func TestAnIDWithPeopleOfAnUnknownIssuerIsNobodyElses(t *testing.T) {
	a, _ := replicas(t, vault(t, 1))
	text := []byte(`{"id":"old","issuer":"https://old.example"}`)
	if _, err := a.db.SignIn(t.Context(), directory.Key{Connection: "old", Subject: "x"}, func(*directory.Person) (directory.Person, []event.Event, error) {
		return directory.Person{ID: "x", Identities: []directory.Identity{{Connection: "old", Subject: "x"}}}, nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Apply(t.Context(), "old", text, connection.Applying{}, actor); !errors.Is(err, connection.ErrIDUsed) {
		t.Errorf("%v", err)
	}
	if _, err := a.Apply(t.Context(), "new", []byte(`{"id":"new","issuer":"https://old.example"}`), connection.Applying{}, actor); err != nil {
		t.Errorf("control: %v", err)
	}
}
