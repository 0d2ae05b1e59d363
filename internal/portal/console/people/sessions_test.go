package people_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestSessionsAreFoundByWhatAPersonIsCalled(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.Person("alina", "Alina Moreau")
	id := s.Session("alice")
	for who, want := range map[string]int{"alice": http.StatusOK, "alice@acme.example": http.StatusOK, "Alice+Mor": http.StatusOK, "moreau": http.StatusBadRequest, "zoe": http.StatusOK} {
		a := s.Get("/sessions?person=" + who)
		if a.Status != want || strings.Contains(a.Body, id) != (want == http.StatusOK && who != "zoe") {
			t.Errorf("%s: %d", who, a.Status)
		}
	}
}
