package apps_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestAnAppWhoseOwnersHaveLeftSaysSo(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.App("crm", "Customers", "sales")
	s.App("other", "Others", "sales")
	zoe, err := s.People.SignIn(t.Context(), directory.Arrival{
		Authentication: identity.Authentication{Connection: "acme", Subject: "zoe"}, Profile: directory.Profile{Email: "zoe@acme.example", EmailVerified: true},
	}, identity.System("test"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Owners.Name(t.Context(), "crm", ownership.Naming{Primary: "zoe@acme.example"}, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	const warning = "Nobody answers for it any more"
	if page := s.Get("/apps/crm"); !strings.Contains(page.Body, "zoe@acme.example") || strings.Contains(page.Body, warning) {
		t.Error("control: who answers for it is not shown, or said to have left")
	}
	if err := s.People.SetPersonDisabled(t.Context(), zoe.ID, true, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	if err := s.Owners.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page := s.Get("/apps/crm"); !strings.Contains(page.Body, warning) || !strings.Contains(page.Body, "has left") {
		t.Errorf("the app's page: %s", page.Body)
	}
	if page := s.Get("/apps?ownership=orphaned"); !strings.Contains(page.Body, "Customers") || strings.Contains(page.Body, "Others") {
		t.Errorf("the list: %s", page.Body)
	}
	if page := s.Get(""); !strings.Contains(page.Body, "Orphaned apps") {
		t.Errorf("the overview: %s", page.Body)
	}
}

func TestAnAdministratorNamesOwnersOfAnAppAndSeesFirstWhatChanges(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.App("crm", "Customers", "sales")
	s.Person("bob", "Bob")
	const path = "/apps/crm/owner"
	if page := s.Get(path); page.Status != http.StatusOK || strings.Contains(page.Body, `name="seen"`) || !strings.Contains(page.Body, `value="a@acme.example"`) {
		t.Fatalf("the form: %d %s", page.Status, page.Body)
	}
	preview := s.Get(path + "?primary=bob@acme.example&secondary=&reason=ticket+4711")
	for _, text := range []string{"a@acme.example", "bob@acme.example", "ticket 4711", "Name them"} {
		if !strings.Contains(preview.Body, text) {
			t.Errorf("the preview lacks %q", text)
		}
	}
	for name, query := range map[string]string{"no address": "primary=bob", "twice the same": "primary=bob@acme.example&secondary=Bob@acme.example"} {
		if a := s.Get(path + "?" + query); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `class="wrong"`) {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	if blind := s.Post(path, url.Values{"primary": {"bob@acme.example"}}, "same-origin"); blind.Status != http.StatusConflict {
		t.Errorf("unseen: %d", blind.Status)
	}
	if now, err := s.Owners.Of(t.Context(), "crm"); err != nil || now.Primary != "a@acme.example" {
		t.Fatalf("%v %v: something was changed before it was confirmed", now.Primary, err)
	}
	if done := s.Post(path, preview.Hidden(), "same-origin"); done.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.Status, done.Body)
	}
	if page := s.Get("/apps/crm"); !strings.Contains(page.Body, "An administrator named them") || !strings.Contains(page.Body, "bob@acme.example") {
		t.Errorf("the app's page: %s", page.Body)
	}
	list := s.Get("/apps")
	if !strings.Contains(list.Body, "bob@acme.example") || strings.Contains(list.Body, ">a@acme.example<") {
		t.Error("the list names the owner of the manifest")
	}
	// The question was about the owners of before.
	if stale := s.Post(path, preview.Hidden(), "same-origin"); stale.Status != http.StatusConflict {
		t.Errorf("stale: %d", stale.Status)
	}
	if err := s.People.SetPersonDisabled(t.Context(), "bob", true, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	if gone := s.Get(path + "?primary=bob@acme.example"); gone.Status != http.StatusBadRequest || !strings.Contains(gone.Body, "This person has left") {
		t.Errorf("somebody who has left: %d %s", gone.Status, gone.Body)
	}
}
