package sqldb_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestPostgreSQLCompilesNoStatement holds that all connections say so: the plan of a large
// list would otherwise wait for machine code, several times as long as it runs.
func TestPostgreSQLCompilesNoStatement(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldb.Options{Driver: sqldb.Postgres, DSN: testkit.Postgres(t), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for name, pool := range map[string]*sqldb.Pool{"reading": db.Read, "writing": db.Write} {
		var jit string
		if err := pool.QueryRowContext(t.Context(), `SHOW jit`).Scan(&jit); err != nil || jit != "off" {
			t.Errorf("%s: jit is %s, %v", name, jit, err)
		}
	}
}
