package storage_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestAppsThatAnOlderBrokerWroteAreListed plays a broker of the level before, which
// knows nothing of what apps are listed by.
func TestAppsThatAnOlderBrokerWroteAreListed(t *testing.T) {
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
			for _, name := range []string{"added", "changed", "removed", "replaced"} {
				a := catalog.App{ID: "id-" + name, Name: name, Created: now, Updated: now}
				a.Manifest.Metadata.Title = "App " + name
				if _, err := db.ApplyApp(t.Context(), name, func(*catalog.App) (catalog.App, []event.Event, error) { return a, nil, nil }); err != nil {
					t.Fatal(err)
				}
			}
			listed := func(text string) (names string) {
				t.Helper()
				all, _, err := db.SearchApps(t.Context(), catalog.Query{Text: text})
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range all {
					names += a.Name + " "
				}
				return names
			}
			if got := listed("app"); got != "added changed removed replaced " {
				t.Fatalf("control: %s", got)
			}
			for _, statement := range []string{
				`DELETE FROM app_facts WHERE name = 'added'`,
				`UPDATE apps SET version = version + 1, body = replace(body, 'App changed', 'App renamed') WHERE name = 'changed'`,
				`DELETE FROM apps WHERE name = 'removed'`,
				`UPDATE apps SET id = 'id-new', body = replace(body, 'App replaced', 'App anew') WHERE name = 'replaced'`,
				`UPDATE counters SET number = number + 4 WHERE name = 'apps'`,
			} {
				if err := db.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			for text, want := range map[string]string{"app": "added changed replaced ", "renamed": "changed ", "anew": "replaced "} {
				if got := listed(text); got != want {
					t.Errorf("%s: %s, want %s", text, got, want)
				}
			}
			if n, err := db.CountApps(t.Context()); err != nil || n[catalog.Incomplete] != 3 {
				t.Errorf("%v %v", n, err)
			}
		})
	}
}
