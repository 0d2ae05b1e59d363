package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func holdersFound(t *testing.T, db *storage.DB) {
	const there = "holders"
	assigned := enroll(t, db, there, "1", directory.Profile{Name: "Assigned"}, now)
	both := enroll(t, db, there, "2", directory.Profile{Name: "Both"}, now, "auditors")
	enroll(t, db, there, "3", directory.Profile{Name: "Member"}, now, "auditors", "others")
	enroll(t, db, there, "4", directory.Profile{Name: "Stranger"}, now, "others")
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: there, ID: "auditors"}, Name: there}, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{assigned.ID, both.ID} {
		if err := db.Assign(t.Context(), admin.Assignment{Person: p, Role: admin.Auditor, Created: now}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for want, groups := range map[string][]string{"Assigned Both Member": {"unmapped", there}, "Assigned Both": nil} {
		got := pages(t, func(after string) ([]directory.Person, string, error) {
			return db.RoleHolders(t.Context(), admin.RoleQuery{Role: admin.Auditor, Groups: groups, Limit: 1, After: after})
		}, nameOf, nil)
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q have it", got)
		}
	}
}

// lastAdminStays sees that of two removals at once, each of which counts on the
// other's admin, one is refused.
func lastAdminStays(t *testing.T, db *storage.DB) {
	const there = "last-admin"
	keep := admin.Admins{Groups: []string{there}, Now: now}
	disable := func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Disabled = true
		return p, nil, nil
	}
	one := enroll(t, db, there, "1", directory.Profile{Name: "One"}, now)
	two := enroll(t, db, there, "2", directory.Profile{Name: "Two"}, now)
	for _, p := range []string{one.ID, two.ID} {
		if err := db.Assign(t.Context(), admin.Assignment{Person: p, Role: admin.Admin, Created: now}, nil); err != nil {
			t.Fatal(err)
		}
	}
	refused := make([]error, 2)
	var wg sync.WaitGroup
	wg.Go(func() { refused[0] = db.Unassign(t.Context(), one.ID, admin.Admin, keep, nil) })
	wg.Go(func() { refused[1] = db.DisablePerson(t.Context(), two.ID, keep, disable) })
	wg.Wait()
	if errors.Is(refused[0], admin.ErrLastAdmin) == errors.Is(refused[1], admin.ErrLastAdmin) {
		t.Fatalf("of two removals at once: %v and %v", refused[0], refused[1])
	}
	if p, err := db.Person(t.Context(), two.ID); err != nil || p.Disabled == errors.Is(refused[1], admin.ErrLastAdmin) {
		t.Errorf("the person is disabled: %v, %v", p.Disabled, err)
	}
	// A member of a group that gives the role counts, as long as that holds.
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: there, ID: "g"}, Name: there}, nil); err != nil {
		t.Fatal(err)
	}
	enroll(t, db, there, "3", directory.Profile{Name: "Three"}, now, "g")
	last := one
	if refused[0] == nil {
		last = two
	}
	late := admin.Admins{Groups: keep.Groups, Now: now.Add(13 * time.Hour)}
	if err := db.Unassign(t.Context(), last.ID, admin.Admin, late, nil); !errors.Is(err, admin.ErrLastAdmin) {
		t.Errorf("with a member whose membership is over: %v", err)
	}
	if err := db.Unassign(t.Context(), last.ID, admin.Admin, keep, nil); err != nil {
		t.Errorf("with a member: %v", err)
	}
	if err := db.Unassign(t.Context(), last.ID, admin.Admin, keep, nil); !errors.Is(err, admin.ErrNotAssigned) {
		t.Errorf("twice: %v", err)
	}
}
