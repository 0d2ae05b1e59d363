package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
	"github.com/gatehouse-io/gatehouse/internal/storage/storetest"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// engines returns options of an empty database per engine.
func engines(t *testing.T) map[string]storage.Options {
	t.Helper()
	all := map[string]storage.Options{
		"sqlite":   {Driver: storage.SQLite, Dir: t.TempDir()},
		"postgres": {Driver: storage.Postgres, DSN: testkit.Postgres(t)},
	}
	for name, o := range all {
		o.Now, o.Log = func() time.Time { return storetest.Now }, slog.New(slog.DiscardHandler)
		all[name] = o
	}
	return all
}

// open opens a database for as long as the test.
func open(t *testing.T, o storage.Options) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// content is a database's rows by table, in no order.
type content map[string][]string

func (c content) Table(t backup.Table) error { c["table"] = append(c["table"], t.Name); return nil }

func (c content) Row(values []any) error {
	name := c["table"][len(c["table"])-1]
	c[name] = append(c[name], fmt.Sprintf("%#v", values))
	slices.Sort(c[name])
	return nil
}

func dump(t *testing.T, db *storage.DB) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, _, err := db.Dump(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t *testing.T, text []byte) content {
	t.Helper()
	c := content{}
	if _, err := reader(t, text).Each(c); err != nil {
		t.Fatal(err)
	}
	slices.Sort(c["table"]) // by what refers to what, which engines sort otherwise
	return c
}

func reader(t *testing.T, text []byte) *backup.Reader {
	t.Helper()
	r, err := backup.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// differ says in which tables a and b have other rows.
func differ(a, b content) (tables []string) {
	for name := range maps.Keys(a) {
		if !slices.Equal(a[name], b[name]) {
			tables = append(tables, name)
		}
	}
	return tables
}

func TestABackupOfOneEngineIsRestoredToAnyOther(t *testing.T) {
	for from, of := range engines(t) {
		db := open(t, of)
		storetest.Fill(t, db)
		text := dump(t, db)
		for to, o := range engines(t) {
			t.Run(from+" to "+to, func(t *testing.T) {
				if there, err := backups.ReadMark(t.Context(), o); err != nil || there != (backups.Mark{}) {
					t.Fatalf("an empty database is at %+v, %v", there, err)
				}
				restored, err := backups.BeginRestore(t.Context(), o, reader(t, text))
				if err != nil {
					t.Fatal(err)
				}
				if there, err := backups.ReadMark(t.Context(), o); err != nil || there.Era != "" {
					t.Errorf("before it is finished it shows: %+v, %v", there, err)
				}
				if kept, err := restored.Finish(t.Context()); err != nil || kept != "" {
					t.Fatalf("%q %v", kept, err)
				}
				again, err := storage.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = again.Close() }()
				if d := differ(read(t, text), read(t, dump(t, again))); len(d) > 0 {
					t.Errorf("other rows in %v", d)
				}
				if again.Era() != db.Era() {
					t.Error("a new era is begun by who restores")
				}
				// The tables are where the next one looks for them.
				second, err := backups.BeginRestore(t.Context(), o, reader(t, text))
				if err != nil {
					t.Fatal(err)
				}
				_ = again.Close()
				if kept, err := second.Finish(t.Context()); err != nil || !strings.HasPrefix(kept, "gatehouse_replaced_") {
					t.Errorf("%q %v", kept, err)
				}
			})
		}
	}
}

func TestARestoreThatFailsLeavesTheDatabaseAsItWas(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			storetest.Fill(t, db)
			text := dump(t, db)
			newer := bytes.Replace(text, []byte(`"migration":`), []byte(`"migration":9`), 1)
			unknown := bytes.Replace(text, []byte(`{"table":"people"`), []byte(`{"table":"persons"`), 1)
			narrow := bytes.Replace(text, []byte(`"name":"disabled","kind":"boolean"`), []byte(`"name":"disabled","kind":"text"`), 1)
			for what, bad := range map[string]struct {
				text []byte
				want error
			}{
				"newer": {newer, backups.ErrNewer}, "unknown table": {unknown, backup.ErrFormat}, "another type": {narrow, backup.ErrFormat},
				"cut off": {text[:len(text)-10], backup.ErrDamaged},
			} {
				if _, err := backups.BeginRestore(t.Context(), o, reader(t, bad.text)); !errors.Is(err, bad.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			given, err := backups.BeginRestore(t.Context(), o, reader(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if err := given.Abandon(t.Context()); err != nil {
				t.Error(err)
			}
			if d := differ(read(t, text), read(t, dump(t, db))); len(d) > 0 {
				t.Errorf("other rows in %v", d)
			}
		})
	}
}

func TestANewEraEndsWhatWasSignedIn(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			g := storetest.Fill(t, db)
			before, err := db.Mark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ended, err := db.BeginEra(t.Context(), 7, storetest.Now, identity.System("test"))
			if err != nil || ended.Sessions != 3 || ended.Families != 3 {
				t.Errorf("%+v %v", ended, err)
			}
			after, err := db.Mark(t.Context())
			if err != nil || after.Generation != 7 || after.Era == before.Era || after.Era != db.Era() || after.Behind(before) || !before.Behind(after) {
				t.Errorf("%+v then %+v, %v", before, after, err)
			}
			if f, err := db.Family(t.Context(), g); err != nil || f.Ended.IsZero() {
				t.Errorf("%+v %v", f, err)
			}
			// What another issuer made carries no era: it is refused for its age.
			if raised, err := db.RaisedSince(t.Context(), storetest.Now, identity.Database()); err != nil || !raised || after.Revocation <= before.Revocation {
				t.Errorf("the sequence does not tell of it: %v %v, %d after %d", raised, err, after.Revocation, before.Revocation)
			}
		})
	}
}

func TestAMarkIsBehindWhatCameFurtherOrIsAnother(t *testing.T) {
	at := func(change func(*backups.Mark)) backups.Mark {
		m := backups.Mark{Era: "a", Generation: 1, Revocation: 5, Seal: 5}
		change(&m)
		return m
	}
	seen := at(func(*backups.Mark) {})
	for what, m := range map[string]backups.Mark{
		"fewer revocations": at(func(m *backups.Mark) { m.Revocation-- }), "fewer seals": at(func(m *backups.Mark) { m.Seal-- }),
		"another era": at(func(m *backups.Mark) { m.Era = "b"; m.Seal++ }), "an earlier generation": at(func(m *backups.Mark) { m.Generation--; m.Seal++ }),
		"none": {},
	} {
		if !m.Behind(seen) {
			t.Errorf("%s is not behind", what)
		}
	}
	for what, m := range map[string]backups.Mark{
		"the same": seen, "more of both": at(func(m *backups.Mark) { m.Revocation++; m.Seal++ }),
		"a later generation": {Era: "b", Generation: 2},
	} {
		if m.Behind(seen) {
			t.Errorf("%s is behind", what)
		}
	}
	if seen.Behind(backups.Mark{}) {
		t.Error("behind nothing")
	}
}

func TestARestoreHasThePostgreSQLDatabaseForItself(t *testing.T) {
	o := engines(t)["postgres"]
	one, err := backups.Occupy(t.Context(), o, false)
	if err != nil {
		t.Fatal(err)
	}
	two, err := backups.Occupy(t.Context(), o, false)
	if err != nil {
		t.Fatalf("a second broker: %v", err)
	}
	if _, err := backups.Occupy(t.Context(), o, true); !errors.Is(err, backups.ErrOccupied) {
		t.Errorf("a restore beside brokers: %v", err)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
	restore, err := backups.Occupy(t.Context(), o, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backups.Occupy(t.Context(), o, false); !errors.Is(err, backups.ErrOccupied) {
		t.Errorf("a broker beside a restore: %v", err)
	}
	if err := errors.Join(restore.Hold(t.Context()), restore.Close()); err != nil {
		t.Error(err)
	}
}
