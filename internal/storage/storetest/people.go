package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func signIn(ctx context.Context, db *storage.DB, subject string) (directory.Person, error) {
	return db.SignIn(ctx, directory.Key{Connection: "acme", Subject: subject}, func(old *directory.Person) (directory.Person, []event.Event, error) {
		if old != nil {
			return *old, nil, nil
		}
		id := identity.NewID()
		p := directory.Person{ID: id, Created: now, Updated: now, Identities: []directory.Identity{{Connection: "acme", Subject: subject}}}
		return p, []event.Event{event.New(now, "person.created", actor, identity.Person(id))}, nil
	})
}

func signInRace(t *testing.T, db *storage.DB) {
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			p, err := signIn(t.Context(), db, "race")
			if err != nil {
				t.Error(err)
			}
			ids[i] = p.ID
		})
	}
	wg.Wait()
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 {
		t.Errorf("%d people", len(slices.Compact(ids)))
	}
}

func exactSubjects(t *testing.T, db *storage.DB) {
	a, err := signIn(t.Context(), db, "Zoë")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"zoë", "Zoe\u0308", "Zoë "} {
		if _, err := db.PersonByIdentity(t.Context(), "acme", other); !errors.Is(err, directory.ErrPersonNotFound) {
			t.Errorf("%q: %v", other, err)
		}
	}
	got, err := db.PersonByIdentity(t.Context(), "acme", "Zoë")
	if err != nil || got.ID != a.ID || !got.Created.Equal(now) {
		t.Errorf("control: %+v %v", got, err)
	}
}

// connectionsApart sees that one subject at two connections is two people, and
// that a change that fails leaves nobody behind.
func connectionsApart(t *testing.T, db *storage.DB) {
	at := func(connection string, fails error) (directory.Person, error) {
		return db.SignIn(t.Context(), directory.Key{Connection: connection, Subject: "same"}, func(old *directory.Person) (directory.Person, []event.Event, error) {
			if old != nil {
				return *old, nil, fails
			}
			return directory.Person{ID: identity.NewID(), Created: now, Updated: now, Identities: []directory.Identity{{Connection: connection, Subject: "same"}}}, nil, fails
		})
	}
	refused := errors.New("refused")
	if _, err := at("one", refused); !errors.Is(err, refused) {
		t.Fatalf("a refusal: %v", err)
	}
	if _, err := db.PersonByIdentity(t.Context(), "one", "same"); !errors.Is(err, directory.ErrPersonNotFound) {
		t.Errorf("after a refusal: %v", err)
	}
	one, errOne := at("one", nil)
	two, errTwo := at("two", nil)
	again, errAgain := at("one", nil)
	if err := errors.Join(errOne, errTwo, errAgain); err != nil {
		t.Fatal(err)
	}
	if one.ID == two.ID || one.ID != again.ID {
		t.Errorf("people %s, %s and again %s", one.ID, two.ID, again.ID)
	}
}
