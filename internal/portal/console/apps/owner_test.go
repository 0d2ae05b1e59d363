package apps_test

import (
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
