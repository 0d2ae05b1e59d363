package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// logged writes entries of few types, actors and subjects.
func logged(t *testing.T, db *storage.DB, random *rand.Rand) {
	t.Helper()
	types := []string{"token.issued", "person.signed_in", "person.disabled", "app.applied", "app.removed", "application.odd"}
	refs := []identity.Ref{identity.Person("f1"), identity.Person("f2"), identity.Client("f1"), identity.App("f3")}
	for range 3 {
		var events []event.Event
		for range 100 {
			at := now.Add(time.Duration(random.IntN(200)) * time.Second)
			subject, typ := refs[random.IntN(len(refs))], types[random.IntN(len(types))]
			if typ == "token.issued" {
				subject = identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)}
			}
			events = append(events, event.New(at, typ, identity.Actor{Ref: refs[random.IntN(len(refs))]}, subject))
		}
		if err := db.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
}

// auditFound searches entries as they are written, sealed and counted.
func auditFound(t *testing.T, db *storage.DB) {
	random := rand.New(rand.NewPCG(1, 2))
	logged(t, db, random)
	searched(t, db, random)
	// The same with the entries sealed, with what is counted of them, and with more.
	if _, err := (&audit.Sealer{Store: db, Signer: signer{}, Now: func() time.Time { return now }}).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	searched(t, db, random)
	if err := (&activity.Counter{Store: db, Now: func() time.Time { return now }}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	logged(t, db, random)
	searched(t, db, random)
}

// searched compares what random queries find with what a look at every entry finds.
func searched(t *testing.T, db *storage.DB, random *rand.Rand) {
	t.Helper()
	all := everything(t, db, audit.Query{Limit: 1000})
	token := all[slices.IndexFunc(all, func(e audit.Entry) bool { return e.Type == "token.issued" })].Subject
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	found := 0
	for range 60 {
		q := audit.Query{
			Type:    pick("", "", "person.", "app.", "token.", "token.issued", "app.applied", "person.disabled", "none.such"),
			Subject: pick("", "", "person:f1", "app:f3", "client:f1", token.String()),
			Actor:   pick("", "", "person:f1", "app:f3", "client:f1", "person:nobody"),
			Text:    pick("", "", "", "f1", "person:f2", "app.", "disabled", "APP f3", "nothing"),
			Limit:   []int{3, 50, 1000}[random.IntN(3)],
		}
		if random.IntN(3) == 0 {
			q.From, q.To = now.Add(50*time.Second), now.Add(100*time.Second)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(e audit.Entry) bool { return !fits(q, e) })
		got := everything(t, db, q)
		if found += len(got); !slices.EqualFunc(got, want, func(a, b audit.Entry) bool { return a.ID == b.ID }) {
			t.Fatalf("%+v finds %d of %d entries", q, len(got), len(want))
		}
	}
	if found == 0 {
		t.Error("no query found anything")
	}
	if _, _, err := db.Page(t.Context(), audit.Query{After: "x"}); err == nil {
		t.Error("a cursor that is none is taken")
	}
}

// everything reads all pages of a query.
func everything(t *testing.T, db *storage.DB, q audit.Query) (all []audit.Entry) {
	t.Helper()
	for {
		page, next, err := db.Page(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if all, q.After = append(all, page...), next; next == "" {
			return all
		}
	}
}

// fits says of one entry what a query selects.
func fits(q audit.Query, e audit.Entry) bool {
	typ := func(pattern string) bool {
		return e.Type == pattern || strings.HasSuffix(pattern, ".") && strings.HasPrefix(e.Type, pattern)
	}
	word := func(w string) bool {
		switch {
		case strings.Contains(w, ":"):
			return e.Actor.String() == w || e.Subject.String() == w
		case strings.Contains(w, "."):
			return typ(w)
		}
		parts := strings.FieldsFunc(e.Type, func(r rune) bool { return r == '.' || r == '_' })
		return e.Actor.ID == w || e.Subject.ID == w ||
			slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, strings.ToLower(w)) })
	}
	for _, w := range strings.Fields(q.Text) {
		if !word(w) {
			return false
		}
	}
	return (q.Type == "" || typ(q.Type)) && (q.Subject == "" || e.Subject.String() == q.Subject) && (q.Actor == "" || e.Actor.String() == q.Actor) &&
		!e.Time.Before(q.From) && (q.To.IsZero() || e.Time.Before(q.To))
}

// checkedAsSealed sees that new seals are verified, once each, and a broken one shows.
func checkedAsSealed(t *testing.T, db *storage.DB) {
	ctx, clock := t.Context(), func() time.Time { return now }
	verify := func(_ string, head, signature []byte) error {
		if !slices.Equal(head, signature) {
			return errors.New("wrong signature")
		}
		return nil
	}
	sealer := &audit.Sealer{Store: db, Signer: signer{}, Now: clock}
	checker := &audit.Checker{Log: db, Store: db, Verify: verify, Now: clock}
	seal := func(i int) {
		t.Helper()
		if err := db.Append(ctx, []event.Event{event.New(now.Add(time.Duration(i)), "app.applied", actor, identity.App(fmt.Sprint(i)))}); err != nil {
			t.Fatal(err)
		}
		if n, err := sealer.Seal(ctx); err != nil || n == 0 {
			t.Fatalf("sealed %d, %v", n, err)
		}
	}
	state := func() audit.State {
		t.Helper()
		if err := checker.Run(ctx); err != nil {
			t.Fatal(err)
		}
		s, err := audit.ReadState(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	seal(1)
	first := state()
	if first.Seals == 0 || first.Check.Through != first.Seals || first.Check.Broken != "" || first.Unsealed != 0 || first.Check.Entries == 0 {
		t.Fatalf("%+v", first)
	}
	seal(2)
	checker.Log = forged{db}
	if s := state(); s.Check.Through != first.Seals || s.Check.Broken == "" {
		t.Errorf("a forged entry: %+v", s)
	}
	checker.Log = db
	if s := state(); s.Check.Through != first.Seals+1 || s.Check.Broken != "" || s.Check.Entries <= first.Check.Entries {
		t.Errorf("after it was put right: %+v", s)
	}
}

// forged changes what is stored of every sealed entry that it returns.
type forged struct{ *storage.DB }

// SealedBodies returns entries that say something else than was sealed.
func (f forged) SealedBodies(ctx context.Context, n int64) (audit.Seal, []audit.Body, error) {
	s, bodies, err := f.DB.SealedBodies(ctx, n)
	for i := range bodies {
		bodies[i].Body = append(bodies[i].Body, ' ')
	}
	return s, bodies, err
}
