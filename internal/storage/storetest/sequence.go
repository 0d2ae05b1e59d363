package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func personEnds(t *testing.T, db *storage.DB) {
	s, other := subject(t, db), subject(t, db)
	g, _ := redeem(t, db, s, true)
	kept, _ := redeem(t, db, other, false)
	e := event.New(now, "person.disabled", actor, identity.Person(s.Person)).Revoking(identity.Person(s.Person))
	if err := db.Record(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Session(t.Context(), s.Session); err != nil || got.EndedBy != e.ID {
		t.Errorf("the session: %+v, %v", got, err)
	}
	if f, err := db.Family(t.Context(), g); err != nil || f.EndedBy != e.ID {
		t.Errorf("the offline family: %+v, %v", f, err)
	}
	if f, err := db.Family(t.Context(), kept); err != nil || !f.Ended.IsZero() {
		t.Errorf("somebody else's family: %+v, %v", f, err)
	}
	if ids, err := db.SessionsEndedBy(t.Context(), e.ID, "", 10); err != nil || !slices.Equal(ids, []string{s.Session}) {
		t.Errorf("ended by it: %v, %v", ids, err)
	}
}

func installEnds(t *testing.T, db *storage.DB) {
	s, other := subject(t, db), subject(t, db)
	elsewhere := s
	elsewhere.App = identity.NewID()
	g, _ := redeem(t, db, s, true)
	there, _ := redeem(t, db, elsewhere, true)
	kept, _ := redeem(t, db, other, false)
	e := event.New(now, "access.lost", actor, identity.Person(s.Person)).Revoking(identity.Install(s.Person, s.App))
	if err := db.Record(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	if f, err := db.Family(t.Context(), g); err != nil || f.EndedBy != e.ID {
		t.Errorf("the family at the app: %+v, %v", f, err)
	}
	for name, id := range map[string]string{"at another app": there, "somebody else's": kept} {
		if f, err := db.Family(t.Context(), id); err != nil || !f.Ended.IsZero() {
			t.Errorf("the family %s: %+v, %v", name, f, err)
		}
	}
	if got, err := db.Session(t.Context(), s.Session); err != nil || !got.Ended.IsZero() {
		t.Errorf("the session goes on: %+v, %v", got, err)
	}
}

func gapless(t *testing.T, db *storage.DB) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ref := identity.App(fmt.Sprint("app-", i))
			if err := db.Record(t.Context(), []event.Event{event.New(now, "app.disabled", actor, ref).Revoking(ref)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := db.Since(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Number != uint64(i+1) {
			t.Fatalf("entry %d has number %d", i, e.Number)
		}
	}
	head, err := db.Head(t.Context())
	recent, also, recentErr := db.Recent(t.Context(), now.Add(-time.Minute))
	if err != nil || recentErr != nil || head != uint64(len(entries)) || also != head || len(recent) != len(entries) {
		t.Errorf("head %d and %d, %d recent of %d, %v %v", head, also, len(recent), len(entries), err, recentErr)
	}
}

func raisedSince(t *testing.T, db *storage.DB) {
	raised, other := identity.Connection("since"), identity.Person("since") // one id, two kinds
	e := event.New(now, "connection.disabled", actor, raised).Revoking(raised)
	if err := db.Record(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		since time.Time
		refs  []identity.Ref
		want  bool
	}{
		"before":              {now.Add(-time.Second), []identity.Ref{raised}, true},
		"at the moment":       {now, []identity.Ref{other, raised}, true},
		"after":               {now.Add(time.Microsecond), []identity.Ref{raised}, false},
		"another kind":        {now.Add(-time.Hour), []identity.Ref{other}, false},
		"another of the kind": {now.Add(-time.Hour), []identity.Ref{identity.Connection("Since")}, false},
		"nothing asked":       {now.Add(-time.Hour), nil, false},
	} {
		if got, err := db.RaisedSince(t.Context(), c.since, c.refs...); err != nil || got != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}
