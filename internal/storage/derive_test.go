package storage_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestWhatAnOlderBrokerWroteIsFoundLater plays a broker of the level before, which
// changes people and begins sessions without a word of what is derived from them.
func TestWhatAnOlderBrokerWroteIsFoundLater(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for engine, o := range map[string]storage.Options{
		"sqlite": {Driver: storage.SQLite, Dir: t.TempDir()}, "postgres": {Driver: storage.Postgres, DSN: testkit.Postgres(t)},
	} {
		t.Run(engine, func(t *testing.T) {
			o.Now, o.Log = func() time.Time { return now }, slog.New(slog.DiscardHandler)
			db, err := storage.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			_, err = db.SignIn(t.Context(), directory.Key{Connection: "acme", Subject: "1"}, func(*directory.Person) (directory.Person, []event.Event, error) {
				return directory.Person{
					ID: "p1", Created: now, Updated: now, Profile: directory.Profile{Name: "Olda Name"}, Identities: []directory.Identity{{Connection: "acme", Subject: "1"}},
					Groups: []directory.Membership{{Group: identity.GroupRef{Connection: "acme", ID: "group-before"}, ValidUntil: now.Add(time.Hour)}},
				}, nil, nil
			})
			s := session.Session{ID: "s1", SecretHash: []byte("s1"), Person: "p1", Created: now, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour)}
			if err := errors.Join(err, db.CreateSession(t.Context(), s, nil)); err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{
				`UPDATE people SET version = version + 1, body = replace(replace(body, 'Olda', 'Newa'), 'group-before', 'group-after')`,
				`INSERT INTO people (id, body, disabled, version) VALUES ('p2', '{"id":"p2","profile":{"name":"Newa Person"},"updated":"2026-11-24T09:00:00Z"}', FALSE, 1)`,
				`INSERT INTO group_mappings (connection, group_id, name) VALUES ('acme', 'group-mapped', 'mapped')`,
				`UPDATE sessions SET created = 0`,
			} {
				if err := db.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(db.DerivePeople(t.Context()), db.DateSessions(t.Context())); err != nil {
				t.Fatal(err)
			}
			foundLater(t, db, now)
		})
	}
}

func foundLater(t *testing.T, db *storage.DB, now time.Time) {
	t.Helper()
	for text, want := range map[string]int{"olda": 0, "newa": 2, "person": 1} {
		if page, _, err := db.Search(t.Context(), directory.Query{Text: text}); err != nil || len(page) != want {
			t.Errorf("%s: %d people, %v", text, len(page), err)
		}
	}
	if page, _, err := db.Search(t.Context(), directory.Query{Sort: directory.ByUpdated}); err != nil || len(page) != 2 {
		t.Errorf("by change: %d people, %v", len(page), err)
	}
	for id, members := range map[string]int64{"group-before": 0, "group-after": 1, "group-mapped": 0} {
		if g, err := db.Group(t.Context(), identity.GroupRef{Connection: "acme", ID: id}); err != nil || g.Members != members {
			t.Errorf("%s has %d members, %v", id, g.Members, err)
		}
	}
	if page, _, err := db.SearchSessions(t.Context(), session.Query{}, now); err != nil || len(page) != 1 {
		t.Errorf("%d sessions, %v", len(page), err)
	}
	if left, err := db.Left(t.Context()); err != nil || left != 0 {
		t.Errorf("%d rows are left to be made up for, %v", left, err)
	}
}
