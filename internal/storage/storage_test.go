package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
	"github.com/gatehouse-io/gatehouse/internal/storage/storetest"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestEveryStore runs the same suite on both engines.
func TestEveryStore(t *testing.T) {
	for engine, options := range map[string]func(*testing.T) storage.Options{
		"sqlite": func(t *testing.T) storage.Options { return storage.Options{Driver: storage.SQLite, Dir: t.TempDir()} },
		"postgres": func(t *testing.T) storage.Options {
			return storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			o := options(t)
			o.Now, o.Log, o.OutboxTypes = func() time.Time { return storetest.Now }, slog.New(slog.DiscardHandler), []string{"session.ended"}
			var raised atomic.Int64
			o.Raised = func(context.Context) error { raised.Add(1); return nil }
			t.Run("migrations that would run are named and not run", func(t *testing.T) { dryRun(t, o) })
			db, err := storage.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			t.Run("migrations run once and the era stays", func(t *testing.T) { reopen(t, o, db) })
			storetest.Run(t, db)
			if raised.Load() == 0 {
				t.Error("nothing was told of the revocations")
			}
		})
	}
}

func dryRun(t *testing.T, o storage.Options) {
	first, err := sqldb.DryRun(t.Context(), o)
	if err != nil || len(first) == 0 {
		t.Fatalf("pending %v, %v", first, err)
	}
	if again, err := sqldb.DryRun(t.Context(), o); err != nil || len(again) != len(first) {
		t.Errorf("after a dry run %v of %v are pending, %v", again, first, err)
	}
}

// Whoever only looks makes nothing: an audit log that was never written must not
// be found whole.
func TestLookingMakesNoDatabase(t *testing.T) {
	o := storage.Options{Driver: storage.SQLite, Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	pending, err := sqldb.DryRun(t.Context(), o)
	if err != nil || len(pending) == 0 {
		t.Errorf("pending %v, %v", pending, err)
	}
	if _, err := storage.Inspect(t.Context(), o); !errors.Is(err, sqldb.ErrNoDatabase) {
		t.Errorf("without a database: %v", err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
		t.Fatalf("looking made %v, %v", left, err)
	}
	made, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := storage.Inspect(t.Context(), o)
	if err != nil {
		t.Fatalf("control: %v", err)
	}
	if err := errors.Join(seen.Ping(t.Context()), seen.Close(), made.Close()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(o.Dir, "gatehouse.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func reopen(t *testing.T, o storage.Options, db *storage.DB) {
	pending, err := sqldb.DryRun(t.Context(), o)
	if err != nil || len(pending) != 0 {
		t.Fatalf("pending %v, %v", pending, err)
	}
	again, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if again.Era() != db.Era() || db.Era() == "" {
		t.Errorf("eras %q and %q", db.Era(), again.Era())
	}
}

// A database that stands still, as behind a broken network, keeps nobody waiting,
// and what follows runs on connections of its own.
func TestADatabaseThatStandsStillIsUnavailable(t *testing.T) {
	dsn, err := url.Parse(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	network := testkit.NewRelay(t, dsn.Host)
	dsn.Host = network.Address
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: storage.Postgres, DSN: dsn.String(), AnswerTime: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ask := func() []error {
		_, read := db.Keys(t.Context())
		_, row := db.Head(t.Context())
		e := event.New(time.Now(), "chaos.happened", identity.System("test"), identity.App("test"))
		return []error{db.Ping(t.Context()), read, row, db.Append(t.Context(), []event.Event{e})}
	}
	for _, over := range []func(){network.Thaw, network.Replace} {
		if err := errors.Join(ask()...); err != nil {
			t.Fatalf("control: %v", err)
		}
		network.Freeze()
		for i, err := range ask() {
			if !errors.Is(err, sqldb.ErrUnavailable) {
				t.Errorf("question %d is answered %v", i, err)
			}
		}
		over()
		if err := errors.Join(ask()...); err != nil {
			t.Errorf("the network is back: %v", err)
		}
	}
}

// A change that is under way asks for more, as many at once as there can be.
func TestChangesThatReadMeanwhileDoNotWaitForEachOther(t *testing.T) {
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: storage.Postgres, DSN: testkit.Postgres(t), AnswerTime: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const changes = 40
	var group sync.WaitGroup
	for i := range changes {
		group.Go(func() {
			_, err := db.SignIn(t.Context(), directory.Key{Connection: "acme", Subject: strconv.Itoa(i)}, func(*directory.Person) (directory.Person, []event.Event, error) {
				id := identity.NewID()
				if _, err := db.Person(t.Context(), id); !errors.Is(err, directory.ErrPersonNotFound) {
					return directory.Person{}, nil, err
				}
				return directory.Person{ID: id, Identities: []directory.Identity{{Connection: "acme", Subject: strconv.Itoa(i)}}}, nil, nil
			})
			if err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	group.Wait()
}
