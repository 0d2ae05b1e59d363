package keyring_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestAKeyIsRotatedAndKilledByPages(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	page := s.Get("/keys")
	kid := regexp.MustCompile(`/admin/keys/([^/"]+)/kill`).FindStringSubmatch(page.Body)
	if page.Status != http.StatusOK || kid == nil || !strings.Contains(page.Body, ">Signing</span>") {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	question, done := s.Confirm("/keys/ES256/rotate")
	if done.Status != http.StatusSeeOther || !strings.Contains(question.Body, kid[1]) || !strings.HasSuffix(done.Header.Get("Location"), "/keys?notice=key-rotated") {
		t.Errorf("%d %v %s", done.Status, done.Header, question.Body)
	}
	if page := s.Get("/keys"); !strings.Contains(page.Body, "Published, signs soon") {
		t.Errorf("the next key is not there: %s", page.Body)
	}
	question, done = s.Confirm("/keys/" + kid[1] + "/kill")
	if done.Status != http.StatusSeeOther || !strings.Contains(question.Body, "Apps whose tokens it signs") || !strings.Contains(question.Body, "Own App") {
		t.Errorf("%d %s", done.Status, question.Body)
	}
	if page := s.Get("/keys?format=csv"); !strings.Contains(page.Body, kid[1]+",ES256,killed,") {
		t.Errorf("%s", page.Body)
	}
	if again := s.Get("/keys/" + kid[1] + "/kill"); again.Status != http.StatusNotFound {
		t.Errorf("a key that is gone: %d", again.Status)
	}
}

func TestWhoOnlyReadsIsOfferedNothingToDoWithKeys(t *testing.T) {
	s := consoletest.New(t)
	s.As("olga", admin.Auditor)
	if page := s.Get("/keys"); page.Status != http.StatusOK || strings.Contains(page.Body, "/kill") || strings.Contains(page.Body, "/rotate") {
		t.Errorf("%d %s", page.Status, page.Body)
	}
	if a := s.Get("/keys/ES256/rotate"); a.Status != http.StatusForbidden {
		t.Errorf("%d", a.Status)
	}
	s.As("ada", admin.Admin)
	if page := s.Get("/keys"); !strings.Contains(page.Body, "/kill") || !strings.Contains(page.Body, "/rotate") {
		t.Errorf("control: %s", page.Body)
	}
}
