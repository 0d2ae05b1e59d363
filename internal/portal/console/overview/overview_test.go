package overview_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestTheFirstPageShowsEachRoleTheFiguresThatItMaySee(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	everything := []string{"/admin/apps", "/admin/sessions", "/admin/people", "/admin/keys", "/admin/audit", "/admin/operations"}
	for role, want := range map[admin.Role][]string{
		admin.Admin: everything, admin.Auditor: everything, admin.Approver: {"/admin/apps"}, admin.AppOwner: {"/admin/apps"},
	} {
		s.As("one-"+string(role), role)
		page := s.Get("")
		if page.Status != http.StatusOK {
			t.Fatalf("%s: %d", role, page.Status)
		}
		shown := 0
		for _, path := range everything {
			if strings.Contains(page.Body, `<dt><a href="`+consoletest.Prefix+path+`">`) {
				shown++
			}
		}
		for _, path := range want {
			if !strings.Contains(page.Body, `<dt><a href="`+consoletest.Prefix+path+`">`) {
				t.Errorf("%s sees no figure that leads to %s", role, path)
			}
		}
		if shown != len(want) {
			t.Errorf("%s sees %d figures, want %d", role, shown, len(want))
		}
		if chart := strings.Contains(page.Body, "Failures by reason"); chart != (len(want) > 1) {
			t.Errorf("%s and what happened: %v", role, chart)
		}
	}
}
