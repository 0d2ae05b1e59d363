package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// enroll signs somebody in over the connection, as a member of the groups.
func enroll(t *testing.T, db *storage.DB, connection, subject string, profile directory.Profile, at time.Time, groups ...string) directory.Person {
	t.Helper()
	p, err := db.SignIn(t.Context(), directory.Key{Connection: connection, Subject: subject}, func(old *directory.Person) (directory.Person, []event.Event, error) {
		p := directory.Person{ID: identity.NewID(), Created: at, Identities: []directory.Identity{{Connection: connection, Subject: subject}}}
		if old != nil {
			p = *old
		}
		p.Profile, p.Updated, p.Groups = profile, at, nil
		for _, g := range groups {
			p.Groups = append(p.Groups, directory.Membership{
				Group: identity.GroupRef{Connection: connection, ID: g}, Source: "sign-in", ValidUntil: at.Add(12 * time.Hour),
			})
		}
		return p, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pages reads a list to its end, calls between after each page, and returns the
// names of what it had.
func pages[T any](t *testing.T, search func(after string) ([]T, string, error), name func(T) string, between func()) []string {
	t.Helper()
	var all []string
	for after := ""; ; {
		page, next, err := search(after)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page {
			all = append(all, name(one))
		}
		if next == "" {
			return all
		}
		if len(page) == 0 || next == after {
			t.Fatalf("a page of %d leads on to %q", len(page), next)
		}
		if after = next; between != nil {
			between()
		}
	}
}

func find(ctx context.Context, db *storage.DB, q directory.Query) func(string) ([]directory.Person, string, error) {
	return func(after string) ([]directory.Person, string, error) {
		q.After = after
		return db.Search(ctx, q)
	}
}

func nameOf(p directory.Person) string { return p.Profile.Name }

func peopleFound(t *testing.T, db *storage.DB) {
	const there = "people-found"
	enroll(t, db, there, "1", directory.Profile{Name: "Zoë O'Brien", Email: "zoe.obrien@found.example", Username: "zoe"}, now, "g1", "g2")
	enroll(t, db, there, "2", directory.Profile{Name: "ANNA-Lena Straße", Email: "al@found.example"}, now.Add(time.Second), "g1")
	enroll(t, db, there, "3", directory.Profile{Name: "Zoltan 100%", Email: "z_z@found.example"}, now.Add(2*time.Second))
	gone := enroll(t, db, there, "4", directory.Profile{Name: "Zora Gone", Email: "zora@found.example"}, now.Add(3*time.Second), "g2")
	off, on := true, false
	if _, err := db.UpdatePerson(t.Context(), gone.ID, func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Disabled, p.Updated = true, now.Add(4*time.Second)
		return p, nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	mapped := directory.Mapping{Group: identity.GroupRef{Connection: there, ID: "g2"}, Name: there}
	if err := db.SetMapping(t.Context(), mapped, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    directory.Query
		want []string
	}{
		{directory.Query{}, []string{"ANNA-Lena Straße", "Zoltan 100%", "Zora Gone", "Zoë O'Brien"}},
		{directory.Query{Sort: directory.ByNameDown}, []string{"Zoë O'Brien", "Zora Gone", "Zoltan 100%", "ANNA-Lena Straße"}},
		{directory.Query{Sort: directory.ByUpdatedDown}, []string{"Zora Gone", "Zoltan 100%", "ANNA-Lena Straße", "Zoë O'Brien"}},
		{directory.Query{Sort: directory.ByUpdated}, []string{"Zoë O'Brien", "ANNA-Lena Straße", "Zoltan 100%", "Zora Gone"}},
		{directory.Query{Text: "ZO"}, []string{"Zoltan 100%", "Zora Gone", "Zoë O'Brien"}},
		{directory.Query{Text: "zoë o'brien"}, []string{"Zoë O'Brien"}},
		{directory.Query{Text: "brien found.example"}, []string{"Zoë O'Brien"}},
		{directory.Query{Text: "zoe.obrien@found.example"}, []string{"Zoë O'Brien"}},
		{directory.Query{Text: "lena strasse"}, []string{"ANNA-Lena Straße"}},
		{directory.Query{Text: "rien"}, nil},
		{directory.Query{Text: "%"}, nil},
		{directory.Query{Text: "100%"}, []string{"Zoltan 100%"}},
		{directory.Query{Text: "z_z"}, []string{"Zoltan 100%"}},
		{directory.Query{Disabled: &off}, []string{"Zora Gone"}},
		{directory.Query{Disabled: &off, Sort: directory.ByUpdated}, []string{"Zora Gone"}},
		{directory.Query{Disabled: &on, Text: "zo"}, []string{"Zoltan 100%", "Zoë O'Brien"}},
		{directory.Query{Group: there}, []string{"Zora Gone", "Zoë O'Brien"}},
		{directory.Query{Group: there, Text: "zoe"}, []string{"Zoë O'Brien"}},
		{directory.Query{Group: "nobody's"}, nil},
		{directory.Query{Upstream: identity.GroupRef{Connection: there, ID: "g1"}}, []string{"ANNA-Lena Straße", "Zoë O'Brien"}},
		{directory.Query{Upstream: identity.GroupRef{Connection: "elsewhere", ID: "g1"}}, nil},
	} {
		c.q.Connection = there
		for limit := range 3 {
			if c.q.Limit = limit; limit == 0 {
				c.q.Limit = 100
			}
			if got := pages(t, find(t.Context(), db, c.q), nameOf, nil); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
	if got := pages(t, find(t.Context(), db, directory.Query{Connection: "elsewhere"}), nameOf, nil); len(got) != 0 {
		t.Errorf("over another connection: %q", got)
	}
}

func badCursors(t *testing.T, db *storage.DB) {
	for i := range 2 {
		enroll(t, db, "cursors", fmt.Sprint(i), directory.Profile{Name: "Cursor"}, now)
	}
	q := directory.Query{Connection: "cursors", Limit: 1}
	_, next, err := db.Search(t.Context(), q)
	if err != nil || next == "" {
		t.Fatalf("%q, %v", next, err)
	}
	q.Sort, q.After = directory.ByNameDown, next
	if _, _, err := db.Search(t.Context(), q); !errors.Is(err, directory.ErrCursor) {
		t.Errorf("the cursor of another order: %v", err)
	}
	for _, bad := range []string{"x", "bnVsbA", next + "x", "WyJuYW1lIiwiXHUwMDAwIiwieCJd"} {
		if _, _, err := db.Search(t.Context(), directory.Query{Limit: 1, After: bad}); !errors.Is(err, directory.ErrCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := db.Search(t.Context(), directory.Query{Sort: "body"}); !errors.Is(err, directory.ErrSort) {
		t.Errorf("an order that is none: %v", err)
	}
	if page, _, err := db.Search(t.Context(), directory.Query{Connection: "cursors", Limit: 1, After: next}); err != nil || len(page) != 1 {
		t.Errorf("control: %d, %v", len(page), err)
	}
}

func pagesUnderInserts(t *testing.T, db *storage.DB) {
	const there = "stable"
	var want []string
	for i := range 9 {
		name := fmt.Sprintf("Stable %02d", 10*i)
		enroll(t, db, there, name, directory.Profile{Name: name}, now)
		want = append(want, name)
	}
	n := 0
	got := pages(t, find(t.Context(), db, directory.Query{Connection: there, Limit: 2}), nameOf, func() {
		n++
		name := fmt.Sprintf("Stable 00 before %d", n)
		enroll(t, db, there, name, directory.Profile{Name: name}, now)
	})
	if !slices.Equal(got, want) {
		t.Errorf("while others came: %q", got)
	}
}
