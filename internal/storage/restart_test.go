package storage_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/storetest"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestNoChangeFailsByWhatTheDatabaseClosedWhileNobodyLooked starts PostgreSQL anew while all
// connections rest: each change after that is made.
func TestNoChangeFailsByWhatTheDatabaseClosedWhileNobodyLooked(t *testing.T) {
	pg := testkit.NewPostgres(t)
	db, err := storage.Open(t.Context(), storage.Options{Driver: storage.Postgres, DSN: pg.DSN, Now: func() time.Time { return storetest.Now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const changes = 32 // more than there are connections
	for _, when := range []string{"before", "after"} {
		var all sync.WaitGroup
		for range changes {
			all.Go(func() {
				e := event.New(storetest.Now, "test.made", identity.System("test"), identity.Connection("acme"))
				if err := db.Append(t.Context(), []event.Event{e}); err != nil {
					t.Errorf("a change %s the restart: %v", when, err)
				}
			})
		}
		if all.Wait(); when == "before" {
			pg.Stop()
			pg.Start()
		}
	}
}
