package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// happened writes what is counted at two hours, and seals it.
func happened(t *testing.T, db *storage.DB, at time.Time) {
	t.Helper()
	connection := identity.Actor{Ref: identity.Connection("counted")}
	client := identity.Actor{Ref: identity.Client("counter")}
	var events []event.Event
	add := func(n int, at time.Time, typ string, actor identity.Actor, pairs ...string) {
		for range n {
			events = append(events, event.New(at, typ, actor, identity.Person("p"), pairs...))
		}
	}
	add(3, at, "person.signed_in", connection, "connection", "counted")
	add(2, at.Add(time.Hour), "person.signed_in", connection, "connection", "counted")
	add(1, at, "signin.failed", connection, "rule", "login_flow")
	add(1, at, "signin.failed", connection, "rule", "login_flow", "count", "41")
	add(4, at, "signin.refused", identity.Actor{Ref: identity.Person("p")}, "rule", "entitlement", "connection", "counted")
	add(7, at, "token.issued", client, "grant_type", "client_credentials", "app", "app-1", "scope", `a "app":"no" b`)
	add(5, at.Add(time.Hour), "token.issued", client, "grant_type", "refresh_token")
	add(9, at.Add(-activity.Keep-time.Hour), "token.issued", client, "grant_type", "refresh_token", "app", "too old")
	add(2, at, "app.applied", client, "grant_type", "none")
	if err := db.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if _, err := (&audit.Sealer{Store: db, Signer: signer{}, Now: func() time.Time { return now }}).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// activityExact sees that each entry is counted once, whoever counts.
func activityExact(t *testing.T, db *storage.DB) {
	ctx, at := t.Context(), now.Add(48*time.Hour).Truncate(time.Hour)
	happened(t, db, at)
	counter := activity.Counter{Store: db, Now: func() time.Time { return at }}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = counter.Run(ctx) }) // all but one may be refused
	}
	wg.Wait()
	if err := counter.Run(ctx); err != nil {
		t.Fatal(err)
	}
	countedRight(t, db, at)
	counter.Now = func() time.Time { return at.Add(activity.Keep + 90*time.Minute) }
	if err := counter.Run(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := db.SignInHours(ctx, at, at.Add(2*time.Hour))
	if err != nil || len(left) != 1 || !left[0].Hour.Equal(at.Add(time.Hour)) {
		t.Errorf("after 90 days: %+v, %v", left, err)
	}
}

func countedRight(t *testing.T, db *storage.DB, at time.Time) {
	t.Helper()
	ctx := t.Context()
	signIns, err := db.SignInTotals(ctx, at, at.Add(90*time.Minute))
	if got := fmt.Sprint(signIns); err != nil || len(signIns) != 3 || signIns[0].Count != 42 || signIns[1].Count != 5 || signIns[2].Count != 4 ||
		signIns[0].Reason != "login_flow" || signIns[0].Connection != "counted" || signIns[2].Outcome != activity.Refused {
		t.Errorf("%s, %v", got, err)
	}
	hours, err := db.SignInHours(ctx, at, at.Add(time.Hour))
	if err != nil || !slices.EqualFunc(hours, []int64{42, 4, 3}, func(s activity.SignIns, n int64) bool { return s.Count == n && s.Hour.Equal(at) }) {
		t.Errorf("%+v, %v", hours, err)
	}
	tokens, err := db.TokenTotals(ctx, at, at.Add(2*time.Hour))
	want := []activity.Tokens{{App: "app-1", Client: "counter", GrantType: "client_credentials", Count: 7}, {Client: "counter", GrantType: "refresh_token", Count: 5}}
	if err != nil || !slices.Equal(tokens, want) {
		t.Errorf("%+v, %v", tokens, err)
	}
	if byHour, err := db.TokenHours(ctx, at, at.Add(2*time.Hour)); err != nil || len(byHour) != 2 || byHour[1].Count != 5 {
		t.Errorf("%+v, %v", byHour, err)
	}
	if old, err := db.TokenTotals(ctx, at.Add(-2*activity.Keep), at.Add(-activity.Keep)); err != nil || len(old) != 0 {
		t.Errorf("what is too old: %+v, %v", old, err)
	}
}
