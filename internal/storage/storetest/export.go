package storetest

import (
	"errors"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// exported checks that of two replicas one moves on.
func exported(t *testing.T, db *storage.DB) {
	at := func(want int64) {
		t.Helper()
		if n, err := db.Exported(t.Context(), "file"); n != want || err != nil {
			t.Errorf("at %d, want %d: %v", n, want, err)
		}
	}
	at(0)
	if err := db.SetExported(t.Context(), "file", 0, 1); err != nil {
		t.Fatal(err)
	}
	at(1)
	if err := db.SetExported(t.Context(), "file", 0, 2); !errors.Is(err, audit.ErrFollowed) {
		t.Errorf("from where it was: %v", err)
	}
	at(1)
	if err := errors.Join(db.SetExported(t.Context(), "file", 1, 2), db.SetExported(t.Context(), "syslog", 0, 7)); err != nil {
		t.Error(err)
	}
	at(2)
}
