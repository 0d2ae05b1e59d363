package storage_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestReplacingMembersByOneLessWritesOneRow asks PostgreSQL which rows a transaction
// wrote or locked.
func TestReplacingMembersByOneLessWritesOneRow(t *testing.T) {
	dsn := testkit.Postgres(t)
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: storage.Postgres, DSN: dsn, Now: time.Now, Log: slog.New(slog.DiscardHandler), Raised: func(context.Context) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	on, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = db.Close(), on.Close() })
	op := func() record.Operation {
		now := time.Now()
		return record.Operation{ID: identity.NewOrderedID(now), Connection: "large", Kind: "test", Method: "POST", Path: "/Groups", Actor: identity.System("test"), Time: now}
	}
	const size = 1000
	var all []record.New
	var members []record.Member
	for i := range size {
		u := record.User{ID: identity.NewID(), UserName: fmt.Sprint("member-", i), Active: true}
		all, members = append(all, record.New{Operation: op(), User: &u}), append(members, record.Member{Value: u.ID})
	}
	g := record.Group{ID: identity.NewID(), DisplayName: "large"}
	if _, err := db.Records().Create(t.Context(), "large", append(all, record.New{Operation: op(), Group: &g, Members: members})); err != nil {
		t.Fatal(err)
	}
	stamps := func(table string) (of map[string]bool) {
		t.Helper()
		rows, err := on.QueryContext(t.Context(), `SELECT ctid::text || ' ' || xmin::text || ' ' || xmax::text FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		of = map[string]bool{}
		for rows.Next() {
			var stamp string
			if err := rows.Scan(&stamp); err != nil {
				t.Fatal(err)
			}
			of[stamp] = true
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return of
	}
	before, users := stamps("record_members"), stamps("record_users")
	_, err = db.Records().UpdateGroup(t.Context(), op(), "large", g.ID, 0, record.GroupChange{Members: record.Members{Replace: true, Add: members[1:]}})
	if err != nil {
		t.Fatal(err)
	}
	if n := newIn(before, stamps("record_members")); n != 1 {
		t.Errorf("%d memberships were written, want 1", n)
	}
	if n := newIn(users, stamps("record_users")); n != 0 {
		t.Errorf("%d users were written or locked, want none", n)
	}
	more := append([]record.Member{{Value: all[0].User.ID}}, members[2:]...)
	if _, err = db.Records().UpdateGroup(t.Context(), op(), "large", g.ID, 0, record.GroupChange{Members: record.Members{Replace: true, Add: more}}); err != nil {
		t.Fatal(err)
	}
	if n := newIn(users, stamps("record_users")); n != 1 {
		t.Errorf("control: %d users were locked when one was added, want 1", n)
	}
}

// newIn is how many of the stamps are new.
func newIn(was, is map[string]bool) (n int) {
	for stamp := range is {
		if !was[stamp] {
			n++
		}
	}
	return n
}
