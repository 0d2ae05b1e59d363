package directory_test

import (
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func TestASignInTellsWhatOfThePersonItChanged(t *testing.T) {
	h := newHouse()
	for _, g := range []string{"g-sales", "g-sellers"} {
		h.mappings = append(h.mappings, directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: g}, Name: "sales"})
	}
	for _, step := range []struct {
		what, fields string
		profile      directory.Profile
		groups       []string
	}{
		{"the first time", "", directory.Profile{Name: "Alice"}, []string{"g-sales"}},
		{"as before", "", directory.Profile{Name: "Alice"}, []string{"g-sales"}},
		{"a group without a name", "", directory.Profile{Name: "Alice"}, []string{"g-sales", "g-nameless"}},
		{"another group of the same name", "", directory.Profile{Name: "Alice"}, []string{"g-sellers"}},
		{"no group", "groups", directory.Profile{Name: "Alice"}, nil},
		{"a name and an address", "name email groups", directory.Profile{Name: "Alice Moreau", Email: "alice@acme.example"}, []string{"g-sales"}},
		{"the address is verified", "email", directory.Profile{Name: "Alice Moreau", Email: "alice@acme.example", EmailVerified: true}, []string{"g-sales"}},
		{"what no app is told", "", directory.Profile{Name: "Alice Moreau", Email: "alice@acme.example", EmailVerified: true, Department: "7"}, []string{"g-sales"}},
	} {
		before := len(h.events)
		a := identity.Authentication{Connection: "acme", Subject: "alice"}
		if _, err := h.Service.SignIn(t.Context(), directory.Arrival{Authentication: a, Profile: step.profile, Groups: step.groups}, actor); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range h.events[before:] {
			if e.Type == "person.changed" {
				got += e.Data["fields"]
			}
		}
		if got != step.fields {
			t.Errorf("%s: %q, want %q", step.what, got, step.fields)
		}
		h.now = h.now.Add(13 * time.Hour) // what a sign-in told has expired by the next
	}
}
