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

// daysSummed sees that totals are the same over whole days and parts of them, before and
// after days are closed, and with what is counted late.
func daysSummed(t *testing.T, db *storage.DB) {
	ctx, day := t.Context(), time.Date(2031, 5, 10, 0, 0, 0, 0, time.UTC)
	seal, err := db.CountedSeal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	add := func(at time.Time, app string, n int64) {
		t.Helper()
		seal++
		if err := db.AddFigures(ctx, activity.Batch{Seal: seal, Tokens: []activity.Tokens{{Hour: at.Truncate(time.Hour), App: app, Client: "days", GrantType: "g", Count: n}}}); err != nil {
			t.Fatal(err)
		}
	}
	for hour := range 72 { // three days, and the hour's number is the count
		add(day.Add(time.Duration(hour)*time.Hour), "a", int64(hour))
	}
	total := func(from, to int) (sum int64) {
		t.Helper()
		all, err := db.TokenTotals(ctx, day.Add(time.Duration(from)*time.Hour), day.Add(time.Duration(to)*time.Hour))
		if err != nil || len(all) > 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, one := range all {
			sum += one.Count
		}
		return sum
	}
	spans := [][2]int{{0, 72}, {0, 24}, {24, 48}, {5, 70}, {5, 20}, {23, 25}, {30, 31}, {-100, 200}, {24, 24}, {48, 72}, {10, 48}, {24, 60}}
	right := func(when string, extra int64, at int) {
		t.Helper()
		for _, s := range spans {
			want := int64(0)
			for hour := max(s[0], 0); hour < min(s[1], 72); hour++ {
				if want += int64(hour); hour == at {
					want += extra
				}
			}
			if got := total(s[0], s[1]); got != want {
				t.Errorf("%s, hours %d to %d: %d, want %d", when, s[0], s[1], got, want)
			}
		}
	}
	closeDays := func(until time.Time) (n int) {
		t.Helper()
		for {
			closed, err := db.CloseDay(ctx, until)
			if err != nil {
				t.Fatal(err)
			}
			if !closed {
				return n
			}
			n++
		}
	}
	right("open", 0, 0)
	closeDays(day) // what other tests left
	if n := closeDays(day.Add(24*time.Hour - 1)); n != 0 {
		t.Errorf("%d days are closed that are not over", n)
	}
	if n := closeDays(day.Add(48 * time.Hour)); n != 2 {
		t.Errorf("%d days are closed, want 2", n)
	}
	right("two days closed", 0, 0)
	add(day.Add(30*time.Hour), "a", 1000)
	right("and one hour counted late", 1000, 30)
	closeDays(day.Add(72 * time.Hour))
	right("all closed", 1000, 30)
	kept, whole := total(36, 72), total(24, 48)
	if all, err := db.ForgetFigures(ctx, day.Add(36*time.Hour)); err != nil || !all {
		t.Fatalf("%v %v", all, err)
	}
	if total(0, 24) != 0 || total(24, 48) != whole || total(36, 72) != kept || kept == 0 {
		t.Errorf("after the first day and a half are forgotten: %d, %d, %d", total(0, 24), total(24, 48), total(36, 72))
	}
}
