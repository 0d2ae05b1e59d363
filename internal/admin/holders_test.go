package admin_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// register has people by role, in pages of which a cursor is the last name.
type register struct {
	admin.Store
	admin.People
	of map[admin.Role][]string
}

// Assignments returns everybody who is not in a group.
func (r register) Assignments(context.Context) (all []admin.Assignment, err error) {
	for role, people := range r.of {
		for _, p := range people {
			all = append(all, admin.Assignment{Person: p, Role: role})
		}
	}
	return all, nil
}

// RoleHolders returns a page.
func (r register) RoleHolders(_ context.Context, q admin.RoleQuery) (page []directory.Person, next string, err error) {
	for _, p := range r.of[q.Role] {
		if p <= q.After {
			continue
		}
		if len(page) == q.Limit {
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, directory.Person{ID: p})
	}
	return page, "", nil
}

// Mappings returns one, of whose group nobody is a member.
func (register) Mappings(context.Context) ([]directory.Mapping, error) {
	return []directory.Mapping{{Name: "nobody's"}}, nil
}

func TestHoldersComeInPagesRoleByRole(t *testing.T) {
	r := register{of: map[admin.Role][]string{admin.Admin: {"a", "b", "c"}, admin.Approver: {"b"}, admin.Auditor: {"d", "e"}}}
	s := admin.New(admin.Options{Store: r, Directory: r, Now: time.Now})
	want := []string{"admin a", "admin b", "admin c", "approver b", "auditor d", "auditor e"}
	for limit := range 8 {
		var got []string
		for q := (admin.HolderQuery{Limit: limit}); ; {
			page, next, err := s.SearchHolders(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range page {
				got = append(got, string(h.Role)+" "+h.Person.ID)
			}
			if q.After = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q", limit, got)
		}
	}
	page, _, err := s.SearchHolders(t.Context(), admin.HolderQuery{Role: admin.Auditor})
	if err != nil || len(page) != 2 {
		t.Errorf("auditors: %v, %v", page, err)
	}
	if _, _, err := s.SearchHolders(t.Context(), admin.HolderQuery{After: "nonsense"}); !errors.Is(err, directory.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
	if _, _, err := s.SearchHolders(t.Context(), admin.HolderQuery{Role: "king"}); err == nil {
		t.Error("a role that is none is searched")
	}
}
