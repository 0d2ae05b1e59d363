package storetest

import (
	"context"
	"errors"
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
	happened(t, db, at.Add(24*time.Hour))
	tired := errors.New("no more today")
	counter.Rest = func(context.Context, time.Duration) error { return tired }
	before, _ := db.CountedSeal(ctx)
	err := counter.Run(ctx)
	if after, _ := db.CountedSeal(ctx); !errors.Is(err, tired) || after != before+1 {
		t.Errorf("who may not go on counted from seal %d to %d, %v", before, after, err)
	}
	counter.Rest = nil
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

// days counts tokens of one app in three days, hour by hour.
type days struct {
	*testing.T
	db    *storage.DB
	first time.Time
	seal  int64
}

// hour is when an hour of the days begins.
func (d *days) hour(n int) time.Time { return d.first.Add(time.Duration(n) * time.Hour) }

// add counts n tokens in an hour.
func (d *days) add(hour int, n int64) {
	d.Helper()
	d.seal++
	if err := d.db.AddFigures(d.Context(), activity.Batch{Seal: d.seal, Tokens: []activity.Tokens{{Hour: d.hour(hour), App: "a", Client: "days", GrantType: "g", Count: n}}}); err != nil {
		d.Fatal(err)
	}
}

// total sums up from one hour to another.
func (d *days) total(from, to int) (sum int64) {
	d.Helper()
	all, err := d.db.TokenTotals(d.Context(), d.hour(from), d.hour(to))
	if err != nil || len(all) > 1 {
		d.Fatalf("%+v, %v", all, err)
	}
	for _, one := range all {
		sum += one.Count
	}
	return sum
}

// right sees that every sum is that of the hours' numbers, with what one has beside.
func (d *days) right(when string, extra int64, at int) {
	d.Helper()
	for _, s := range [][2]int{{0, 72}, {0, 24}, {24, 48}, {5, 70}, {5, 20}, {23, 25}, {30, 31}, {-100, 200}, {24, 24}, {48, 72}, {10, 48}, {24, 60}} {
		want := int64(0)
		for hour := max(s[0], 0); hour < min(s[1], 72); hour++ {
			if want += int64(hour); hour == at {
				want += extra
			}
		}
		if got := d.total(s[0], s[1]); got != want {
			d.Errorf("%s, hours %d to %d: %d, want %d", when, s[0], s[1], got, want)
		}
	}
}

// close closes the days that are over at a time, and returns how many those are.
func (d *days) close(until time.Time) (n int) {
	d.Helper()
	for {
		closed, err := d.db.CloseDay(d.Context(), until)
		if err != nil {
			d.Fatal(err)
		}
		if !closed {
			return n
		}
		n++
	}
}

// daysSummed sees that totals are the same over whole days and parts of them, before and
// after days are closed, and with what is counted late.
func daysSummed(t *testing.T, db *storage.DB) {
	seal, err := db.CountedSeal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := &days{T: t, db: db, first: time.Date(2031, 5, 10, 0, 0, 0, 0, time.UTC), seal: seal}
	for hour := range 72 { // the hour's number is the count
		d.add(hour, int64(hour))
	}
	d.right("open", 0, 0)
	d.close(d.first) // what other tests left
	if n := d.close(d.hour(24).Add(-1)); n != 0 {
		t.Errorf("%d days are closed that are not over", n)
	}
	if n := d.close(d.hour(48)); n != 2 {
		t.Errorf("%d days are closed, want 2", n)
	}
	d.right("two days closed", 0, 0)
	d.add(30, 1000)
	d.right("and one hour counted late", 1000, 30)
	d.close(d.hour(72))
	d.right("all closed", 1000, 30)
	kept, whole := d.total(36, 72), d.total(24, 48)
	if all, err := db.ForgetFigures(t.Context(), d.hour(36)); err != nil || !all {
		t.Fatalf("%v %v", all, err)
	}
	if d.total(0, 24) != 0 || d.total(24, 48) != whole || d.total(36, 72) != kept || kept == 0 {
		t.Errorf("after the first day and a half are forgotten: %d, %d, %d", d.total(0, 24), d.total(24, 48), d.total(36, 72))
	}
}
