package sqldb_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// TestChangesAreMadeInTheOrderInWhichTheyCame: on SQLite, whoever waits for the one
// writer waits for those who came before, and for nobody else; who gives up is in
// nobody's way.
func TestChangesAreMadeInTheOrderInWhichTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqldb.Open(t.Context(), sqldb.Options{Driver: sqldb.SQLite, Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var (
			made    []int
			wg      sync.WaitGroup
			holding = make(chan struct{})
		)
		change := func(ctx context.Context, n int) {
			wg.Go(func() {
				_ = db.Transact(ctx, func(*sqldb.Tx) error {
					if made = append(made, n); n == 0 {
						<-holding
					}
					return nil
				})
			})
			synctest.Wait() // until it waits
		}
		leaving, leave := context.WithCancel(t.Context())
		var all []int
		for n := range 32 {
			if n == 16 {
				change(leaving, n)
				continue
			}
			change(t.Context(), n)
			all = append(all, n)
		}
		leave()
		synctest.Wait()
		close(holding)
		wg.Wait()
		if !slices.Equal(made, all) {
			t.Errorf("changes were made as %v", made)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
