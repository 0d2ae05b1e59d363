package apps_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

// withAPI has the app payroll of finance serve an API, and the app desk of another team ask
// for two scopes of it: to both of which an administrator agreed.
func withAPI(t *testing.T, s *consoletest.Stage) (desk catalog.App) {
	t.Helper()
	for _, text := range []string{
		strings.Replace(consoletest.Manifest("payroll", "Payroll", "people-tools"), "identity: {", "identity: {resource: {audience: payroll-api, scopes: [payroll.read, payroll.write]}, ", 1),
		strings.NewReplacer("[authorization_code]", "[authorization_code, client_credentials]", "[{name: openid}]", `[{name: openid}, {name: payroll.read, justification: "<b>why</b>"}, {name: payroll.write, justification: To write}]`).
			Replace(consoletest.Manifest("desk", "Travel Desk", "travel")),
	} {
		m, err := catalog.Parse("m.yaml", []byte(text))
		if err == nil {
			desk, _, err = s.Apps.Apply(t.Context(), m, identity.System("test"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return desk
}

// agreed are the rights that desk has of payroll.
func agreed(t *testing.T, s *consoletest.Stage) (rights []string) {
	t.Helper()
	all, err := s.Apps.Callers(t.Context(), "payroll")
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	for _, w := range all[0].Wishes {
		if w.Agreed {
			rights = append(rights, w.Scope+" "+string(w.Mode))
		}
	}
	return rights
}

func TestWhatAnAppGetsOfAnAPIIsAgreedToAndWithdrawnAfterALook(t *testing.T) {
	s := consoletest.New(t)
	desk := withAPI(t, s)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.Exchanged("alice", desk.ID, "payroll-api", "", "other", "")
	const caller = "/apps/payroll/callers/desk"
	if a := s.Get("/apps/payroll"); !strings.Contains(a.Body, "/admin/apps/payroll/callers") {
		t.Error("the page of the app does not lead to the callers of its API")
	}
	if a := s.Get("/apps/payroll/callers"); a.Status != http.StatusOK || !strings.Contains(a.Body, "/admin"+caller) || !strings.Contains(a.Body, "payroll.read") {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := s.Get("/apps/payroll/callers?state=waits"); strings.Contains(a.Body, "desk-client") {
		t.Error("it waits for nothing")
	}
	all := agreed(t, s)
	if len(all) != 4 {
		t.Fatalf("control: %v", all)
	}
	one := caller + "/withdraw/client_credentials/payroll.write"
	if blind := s.Post(one, url.Values{}, "same-origin"); blind.Status != http.StatusConflict || len(agreed(t, s)) != 4 {
		t.Errorf("unseen: %d", blind.Status)
	}
	question, done := s.Confirm(one)
	for _, text := range []string{"desk", "payroll.write", "By itself, about everybody", "Alice Moreau", "Exchanged tokens that stop"} {
		if !strings.Contains(question.Body, text) {
			t.Errorf("the question does not say %q: %s", text, question.Body)
		}
	}
	if strings.Contains(question.Body, "payroll.read") || done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, question.Body)
	}
	if got := agreed(t, s); len(got) != 3 || strings.Contains(strings.Join(got, ","), "payroll.write client_credentials") {
		t.Errorf("one right was withdrawn: %v", got)
	}
	if a := s.Get("/apps/desk"); !strings.Contains(a.Body, "What was not agreed to") || !strings.Contains(a.Body, "/admin"+caller) {
		t.Errorf("the page of the app does not say what waits: %s", a.Body)
	}
	if a := s.Get(one); a.Status != http.StatusConflict {
		t.Errorf("again: %d", a.Status)
	}
	if _, done := s.Confirm(caller + "/withdraw"); done.Status != http.StatusSeeOther || len(agreed(t, s)) != 0 {
		t.Errorf("%d, still %v", done.Status, agreed(t, s))
	}
	if a := s.Get(caller + "/agree/delegation/payroll.read"); a.Status != http.StatusConflict {
		t.Errorf("a way that it does not ask for: %d", a.Status)
	}
}

func TestAnAgreementIsToOneRightOrToAllThatWait(t *testing.T) {
	s := consoletest.New(t)
	withAPI(t, s)
	s.As("ada", admin.Admin)
	const caller = "/apps/payroll/callers/desk"
	s.Confirm(caller + "/withdraw")
	if _, done := s.Confirm(caller + "/agree/authorization_code/payroll.read"); done.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.Status, done.Body)
	}
	if got := strings.Join(agreed(t, s), ","); got != "payroll.read authorization_code" {
		t.Errorf("agreed to %q", got)
	}
	question, done := s.Confirm(caller + "/agree")
	if done.Status != http.StatusSeeOther || len(agreed(t, s)) != 4 || strings.Count(question.Body, "<code>payroll.") != 3 {
		t.Errorf("%d %v %s", done.Status, agreed(t, s), question.Body)
	}
	for path, want := range map[string]int{
		"/apps/payroll/callers/none": http.StatusNotFound, "/apps/none/callers": http.StatusNotFound, "/apps/desk/callers": http.StatusNotFound,
		"/apps/-/callers": http.StatusOK, "/apps/-/callers/desk": http.StatusNotFound,
	} {
		if a := s.Get(path); a.Status != want {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestTheOwnerOfAnAPIAgreesAndNobodyElsesOwnerDoes(t *testing.T) {
	s := consoletest.New(t)
	withAPI(t, s)
	s.Mapped("tools", "people-tools")
	s.Person("olga", "Olga", "tools")
	s.Who = "olga"
	const caller = "/apps/payroll/callers/desk"
	if a := s.Get(caller); a.Status != http.StatusOK || !strings.Contains(a.Body, caller+"/withdraw") {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if _, done := s.Confirm(caller + "/withdraw/authorization_code/payroll.read"); done.Status != http.StatusSeeOther || len(agreed(t, s)) != 3 {
		t.Errorf("%d %v", done.Status, agreed(t, s))
	}
	if actor := s.LastActor("app.withdrawn"); actor != identity.Person("olga") {
		t.Errorf("%v", actor)
	}
	s.As("ada", admin.Admin)
	s.App("other", "Other", "finance")
	s.Who = "olga"
	for _, path := range []string{"/apps/other/callers/desk/agree", "/apps/-/callers/desk/agree"} {
		if a := s.Post(path, url.Values{}, "same-origin"); a.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}
