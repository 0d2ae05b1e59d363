package storage_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
	"github.com/gatehouse-io/gatehouse/internal/storage/storetest"
)

// shape is the kinds of the columns of every table.
type shape map[string]map[string]backup.Kind

func shapeOf(t *testing.T, db *storage.DB) shape {
	t.Helper()
	tables, err := db.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := shape{}
	for _, table := range tables {
		s[table.Name] = map[string]backup.Kind{}
		for _, c := range table.Columns {
			s[table.Name][c.Name] = c.Kind
		}
	}
	return s
}

// rowsOf lists the rows of the tables and columns that a level has.
func rowsOf(t *testing.T, db *storage.DB, level shape) map[string][]string {
	t.Helper()
	v := &within{level: level, rows: map[string][]string{}}
	if _, err := reader(t, dump(t, db)).Each(v); err != nil {
		t.Fatal(err)
	}
	return v.rows
}

// within keeps what a level knows of a backup.
type within struct {
	level shape
	table backup.Table
	rows  map[string][]string
}

func (w *within) Table(t backup.Table) error { w.table = t; return nil }

func (w *within) Row(values []any) error {
	columns, known := w.level[w.table.Name]
	if !known {
		return nil
	}
	var cells []string
	for i, c := range w.table.Columns {
		if _, known := columns[c.Name]; known {
			cells = append(cells, fmt.Sprintf("%s=%#v", c.Name, values[i]))
		}
	}
	slices.Sort(cells)
	w.rows[w.table.Name] = append(w.rows[w.table.Name], fmt.Sprint(cells))
	slices.Sort(w.rows[w.table.Name])
	return nil
}

// kept checks that every row is still there. A migration may add some, such as a
// counter.
func kept(t *testing.T, what string, before, after map[string][]string) {
	t.Helper()
	for _, table := range slices.Sorted(maps.Keys(before)) {
		for _, row := range before[table] {
			if !slices.Contains(after[table], row) {
				t.Errorf("%s: %s has lost or changed %s", what, table, row)
			}
		}
		if n := len(after[table]) - len(before[table]); n < 0 || n > 0 && table != "counters" {
			t.Errorf("%s: %s had %d rows and has %d", what, table, len(before[table]), len(after[table]))
		}
	}
}

func to(t *testing.T, db *storage.DB, level int64) {
	t.Helper()
	if err := db.To(t.Context(), level); err != nil {
		t.Fatalf("to level %d: %v", level, err)
	}
}

func newest(t *testing.T, db *storage.DB) int64 {
	t.Helper()
	n, err := db.Newest()
	if err != nil || n < 2 {
		t.Fatalf("%d levels, %v", n, err)
	}
	return n
}

// Going back to any level and forth again keeps every row that the level knows.
func TestMigrationsDownAndUpAgainKeepWhatIsThere(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			storetest.Fill(t, db)
			top := newest(t, db)
			for level := top - 1; level >= 1; level-- {
				full := rowsOf(t, db, shapeOf(t, db))
				to(t, db, level)
				known := shapeOf(t, db)
				below := rowsOf(t, db, known)
				if len(below["people"]) != 4 || len(below["audit"]) == 0 {
					t.Fatalf("level %d has %d people and %d audit entries", level, len(below["people"]), len(below["audit"]))
				}
				to(t, db, top)
				above := rowsOf(t, db, known)
				kept(t, fmt.Sprintf("level %d", level), below, above)
				for table := range known {
					if len(full[table]) != len(above[table]) {
						t.Errorf("level %d and back: %s had %d rows and has %d", level, table, len(full[table]), len(above[table]))
					}
				}
			}
		})
	}
}

// A broker of the level before runs beside one of the next on the same database: a
// migration may add, and may change nothing that the one before reads or writes.
// Its statements name their columns, so it is enough that each is there with its
// type, and that a row can be written without the new ones.
func TestAMigrationOnlyAddsSoThatTheBrokerBeforeItGoesOn(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db, err := storage.Blank(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			to(t, db, 1)
			before := shapeOf(t, db)
			for level := int64(2); level <= newest(t, db); level++ {
				to(t, db, level)
				after := shapeOf(t, db)
				breaches(before, after, func(format string, args ...any) { t.Errorf("level %d: %s", level, fmt.Sprintf(format, args...)) })
				for table, columns := range before {
					if err := writable(t.Context(), db, table, columns); err != nil {
						t.Errorf("level %d: a row of %s as the level before writes it: %v", level, table, err)
					}
				}
				before = after
			}
		})
	}
}

// breaches tells of what the level before would miss.
func breaches(before, after shape, tell func(string, ...any)) {
	for table, columns := range before {
		for name, kind := range columns {
			if now := after[table][name]; now != kind {
				tell("%s.%s was %s and is %q", table, name, kind, now)
			}
		}
	}
}

// writable inserts a row with these columns alone, and takes it out again.
func writable(ctx context.Context, db *storage.DB, table string, columns map[string]backup.Kind) error {
	if table == "role_assignments" || table == "identities" {
		return nil // they refer to people: the suite writes them
	}
	sample := map[backup.Kind]string{backup.Text: `'x'`, backup.Integer: `77777777`, backup.Boolean: `FALSE`, backup.Bytes: `'x'`}
	var names, values string
	for i, name := range slices.Sorted(maps.Keys(columns)) {
		if i > 0 {
			names, values = names+", ", values+", "
		}
		names, values = names+name, values+sample[columns[name]]
	}
	if err := db.Exec(ctx, `INSERT INTO `+table+` (`+names+`) VALUES (`+values+`)`); err != nil {
		return err
	}
	return db.Exec(ctx, `DELETE FROM `+table)
}

func TestWhatABrokerOfTheLevelBeforeWouldMissIsNoticed(t *testing.T) {
	before := shape{"people": {"id": backup.Text, "version": backup.Integer}}
	for what, after := range map[string]shape{
		"a table is gone": {}, "a column is gone": {"people": {"id": backup.Text}}, "a type is another": {"people": {"id": backup.Text, "version": backup.Text}},
	} {
		noticed := false
		breaches(before, after, func(string, ...any) { noticed = true })
		if !noticed {
			t.Error(what)
		}
	}
	db := open(t, engines(t)["sqlite"])
	if err := db.Exec(t.Context(), `CREATE TABLE strict (id TEXT, extra TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	if err := writable(t.Context(), db, "strict", map[string]backup.Kind{"id": backup.Text}); err == nil {
		t.Error("a new column that every row must have")
	}
}

// The suite also passes on a database that was at the level before and came back:
// what its migration builds from rows that are there is as good as from none.
func TestTheSuitePassesAfterTheNewestMigrationWasUndoneAndDoneAgain(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			o.OutboxTypes = []string{"session.ended"}
			db := open(t, o)
			storetest.Fill(t, db)
			to(t, db, newest(t, db)-1)
			to(t, db, newest(t, db))
			storetest.Run(t, db)
		})
	}
}

// A backup of an earlier level restores: it is read into a schema of that level,
// which is then brought up to date.
func TestABackupOfTheLevelBeforeIsRestored(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			storetest.Fill(t, db)
			to(t, db, newest(t, db)-1)
			text := dump(t, db)
			level := shapeOf(t, db)
			target := engines(t)["sqlite"]
			restored, err := backups.BeginRestore(t.Context(), target, reader(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if restored.Header.Migration != newest(t, db)-1 {
				t.Errorf("the backup is of level %d", restored.Header.Migration)
			}
			kept(t, "restored", rowsOf(t, db, level), rowsOf(t, storage.Of(restored.DB), level))
			if err := restored.Abandon(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who had an app before anybody was asked keeps what its manifest asks for. What is agreed
// to since is kept as it is, and an app that a broker of the level before makes has nothing.
func TestWhatAppsAskForWhenAgreementsBeginIsAgreedTo(t *testing.T) {
	right := catalog.Right{Audience: "payroll", Scope: "payroll.read", Mode: catalog.ByItself}
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			put := func(name string, agreed catalog.Agreements) {
				a := catalog.App{ID: "id-" + name, Name: name, Agreements: agreed}
				if _, err := db.ApplyApp(t.Context(), name, func(*catalog.App) (catalog.App, []event.Event, error) { return a, nil, nil }); err != nil {
					t.Fatal(err)
				}
			}
			has := func(name string) bool {
				a, err := db.App(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				return a.Agreements.To(right, "id-payroll")
			}
			put("agreed", catalog.Agreements{{Right: right, API: "id-payroll", By: "person:ana", At: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}})
			put("another", catalog.Agreements{{Right: right, API: "id-another"}})
			put("none", nil)
			if !has("agreed") || has("another") || has("none") {
				t.Error("agreements are not what was written")
			}
			to(t, db, agreementsBegin-1)
			to(t, db, newest(t, db))
			if !has("none") {
				t.Error("an app of before has lost what it had")
			}
			if err := db.Exec(t.Context(), `INSERT INTO apps (id, name, body, secrets, version) VALUES ('id-late', 'late', '{"id":"id-late","name":"late"}', 'null', 1)`); err != nil {
				t.Fatal(err)
			}
			if has("late") {
				t.Error("an app that an older broker made was agreed to by nobody")
			}
		})
	}
}

// agreementsBegin is the level that brings agreements.
const agreementsBegin = 21
