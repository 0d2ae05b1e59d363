package storetest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// stored returns the stored connection with this id.
func stored(t *testing.T, db *storage.DB, id string) (r connection.Record, ok bool) {
	t.Helper()
	all, err := db.Connections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(r connection.Record) bool { return r.Settings.ID == id })
	if i < 0 {
		return r, false
	}
	return all[i], true
}

// put stores a connection as it is given.
func put(t *testing.T, db *storage.DB, c connection.Change) {
	t.Helper()
	if err := db.ChangeConnections(t.Context(), func([]connection.Record) (connection.Change, error) { return c, nil }); err != nil {
		t.Fatal(err)
	}
}

func connectionsKept(t *testing.T, db *storage.DB) {
	const id = "kept"
	yes := true
	made := connection.Record{Secret: []byte{0, 1, 255}, Connection: connection.Connection{
		Source: connection.Stored, Created: now, Updated: now, HasSecret: true,
		Settings: connection.Settings{ID: id, Issuer: "https://idp.example", Claims: map[string]string{"name": "claims.n"}},
	}}
	put(t, db, connection.Change{Record: made, Disabled: &yes, Events: []event.Event{event.New(now, "connection.added", identity.System("test"), identity.Connection(id)).Revoking(identity.Settings(id))}})
	r, ok := stored(t, db, id)
	if !ok || r.Version != 1 || !bytes.Equal(r.Secret, made.Secret) || r.Settings.Claims["name"] != "claims.n" || !r.Created.Equal(now) || !r.HasSecret {
		t.Fatalf("%+v", r)
	}
	states := func() (disabled, there bool) {
		all, err := db.ConnectionStates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(s directory.ConnectionState) bool { return s.ID == id })
		return i >= 0 && all[i].Disabled, i >= 0
	}
	if disabled, _ := states(); !disabled {
		t.Error("it is not disabled")
	}
	bad := errors.New("no")
	if err := db.ChangeConnections(t.Context(), func(all []connection.Record) (connection.Change, error) { return connection.Change{Record: r}, bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	put(t, db, connection.Change{}) // nothing
	if again, _ := stored(t, db, id); again.Version != 1 {
		t.Error("a change that failed, or none, was stored")
	}
	if has, err := db.HasPeople(t.Context(), id); err != nil || has {
		t.Errorf("somebody came over it: %v", err)
	}
	enroll(t, db, id, "ann", directory.Profile{Name: "Ann"}, now)
	if has, err := db.HasPeople(t.Context(), id); err != nil || !has {
		t.Errorf("nobody came over it: %v", err)
	}
	r.Secret, r.Removed = nil, now
	put(t, db, connection.Change{Record: r})
	if again, _ := stored(t, db, id); again.Version != 2 || again.Secret != nil || !again.Removed.Equal(now) {
		t.Errorf("%+v", again)
	}
	if _, there := states(); there {
		t.Error("the state of a removed connection is kept")
	}
}

func connectionsChangedOneByOne(t *testing.T, db *storage.DB) {
	const id, writers = "counted", 16
	put(t, db, connection.Change{Record: connection.Record{Connection: connection.Connection{Settings: connection.Settings{ID: id}}}})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			err := db.ChangeConnections(t.Context(), func(all []connection.Record) (connection.Change, error) {
				i := slices.IndexFunc(all, func(r connection.Record) bool { return r.Settings.ID == id })
				all[i].Settings.Title += "x"
				return connection.Change{Record: all[i]}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if r, _ := stored(t, db, id); len(r.Settings.Title) != writers || r.Version != writers+1 {
		t.Errorf("%d writers left %q at version %d", writers, r.Settings.Title, r.Version)
	}
}
