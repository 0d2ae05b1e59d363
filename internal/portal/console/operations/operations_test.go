package operations_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

func TestAStuckJobIsTriedAgainOrGivenUpByPages(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	jobs, now := s.DB.Jobs(), time.Now()
	if err := jobs.Enqueue(t.Context(), []job.Job{{ID: "j", Queue: "logout", Key: "k", Payload: []byte("p"), RunAt: now, Deadline: now}}); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Bury(t.Context(), "j", "the app does not answer"); err != nil {
		t.Fatal(err)
	}
	if a := s.Get(""); !strings.Contains(a.Body, "One thing is stuck: see Operations.") {
		t.Error("the first page does not say that something is stuck")
	}
	for _, path := range []string{"/operations/jobs", "/operations/jobs/j"} {
		if a := s.Get(path); a.Status != http.StatusOK || !strings.Contains(a.Body, ">Stuck</span>") || !strings.Contains(a.Body, "the app does not answer") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := s.Post("/operations/jobs/j/retry", url.Values{}, "same-origin"); a.Status != http.StatusSeeOther || !strings.HasSuffix(a.Header.Get("Location"), "/operations/jobs/j?notice=job-retried") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if a := s.Get("/operations/jobs/j"); strings.Contains(a.Body, ">Stuck</span>") {
		t.Errorf("it is stuck still: %s", a.Body)
	}
	if _, done := s.Confirm("/operations/jobs/j/discard"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	if a := s.Get("/operations/jobs/j"); !strings.Contains(a.Body, ">Discarded</span>") || strings.Contains(a.Body, "/discard") {
		t.Errorf("%s", a.Body)
	}
}

func TestAnEntryOfTheAuditLogNamesWhoDidWhatAndProvesIt(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	if _, done := s.Confirm("/apps/own/disable"); done.Status != http.StatusSeeOther {
		t.Fatal(done.Status)
	}
	list := s.Get("/audit?type=app.disabled")
	entry := regexp.MustCompile(`/admin(/audit/[0-9a-z]+)"`).FindStringSubmatch(list.Body)
	if list.Status != http.StatusOK || entry == nil || !strings.Contains(list.Body, "Not sealed yet") {
		t.Fatalf("%d %s", list.Status, list.Body)
	}
	page := s.Get(entry[1])
	for _, text := range []string{"app.disabled", "/admin/people/ada", ">Own App</a>", "Digest (SHA-256)"} {
		if page.Status != http.StatusOK || !strings.Contains(page.Body, text) {
			t.Errorf("%d, and no %q", page.Status, text)
		}
	}
	if other := s.Get("/audit?type=app.removed"); strings.Contains(other.Body, entry[1]) {
		t.Error("a filter selects everything")
	}
}

func TestWhatAReceiverRefusedIsOnThePageOfItsStreamAndTriedAgain(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.As("otto", admin.Auditor)
	stream := signal.Stream{ID: "stream", Client: "payroll-api", App: "payroll", Method: signal.Push, Endpoint: "https://payroll.example/x", Status: signal.Enabled, Created: time.Now()}
	if err := s.DB.CreateStream(t.Context(), stream, 1, nil); err != nil {
		t.Fatal(err)
	}
	const path = "/operations/streams/stream"
	s.Who = "ada"
	if a := s.Get(path); a.Status != http.StatusOK || strings.Contains(a.Body, "Not told, and given up") || strings.Contains(a.Body, "an operator: the receiver") {
		t.Errorf("control: %d %s", a.Status, a.Body)
	}
	jobs, later := s.DB.Jobs(), time.Now().Add(time.Hour)
	if err := jobs.Enqueue(t.Context(), []job.Job{{ID: "refused", Queue: signal.RefusedQueue, Key: "stream/jti/1", Payload: []byte("p"), RunAt: later, Deadline: later}}); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Bury(t.Context(), "refused", "the receiver answers invalid_key"); err != nil {
		t.Fatal(err)
	}
	for who, may := range map[string]bool{"ada": true, "otto": false} {
		s.Who = who
		if a := s.Get(path); !strings.Contains(a.Body, "invalid_key") || strings.Contains(a.Body, path+"/retry") != may {
			t.Errorf("%s: %s", who, a.Body)
		}
	}
	s.Who = "otto"
	if a := s.Post(path+"/retry", url.Values{}, "same-origin"); a.Status != http.StatusForbidden {
		t.Errorf("otto tries it again: %d", a.Status)
	}
	s.Who = "ada"
	disable := func() {
		t.Helper()
		if _, done := s.Confirm(path + "/disable"); done.Status != http.StatusSeeOther {
			t.Fatal(done.Status)
		}
	}
	disable()
	if a := s.Get(path); !strings.Contains(a.Body, "invalid_key") || strings.Contains(a.Body, path+"/retry") || !strings.Contains(a.Body, "an operator: the receiver") {
		t.Errorf("of a stream that is disabled: %s", a.Body)
	}
	if a := s.Post(path+"/retry", url.Values{}, "same-origin"); a.Status != http.StatusBadRequest {
		t.Errorf("of a stream that is disabled it is tried again: %d", a.Status)
	}
	if a := s.Post(path+"/enable", url.Values{}, "same-origin"); a.Status != http.StatusSeeOther {
		t.Fatal(a.Status)
	}
	if a := s.Post(path+"/retry", url.Values{}, "same-origin"); a.Status != http.StatusSeeOther || !strings.HasSuffix(a.Header.Get("Location"), path+"?notice=stream-retried") {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	if due, err := jobs.Claim(t.Context(), time.Now(), 10, time.Minute); err != nil || len(due) != 1 || due[0].ID != "refused" {
		t.Errorf("what is due: %+v %v", due, err)
	}
}
