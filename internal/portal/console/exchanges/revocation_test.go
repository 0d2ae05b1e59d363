package exchanges_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

// revoked ends everything of somebody, and returns the id of that.
func revoked(t *testing.T, s *consoletest.Stage, person string) string {
	t.Helper()
	e, err := grant.Revocation(time.Now(), []identity.Ref{identity.Person(person)}, identity.System("test"), "lost laptop")
	if err == nil {
		err = s.DB.Record(t.Context(), []event.Event{e})
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func TestEachConsequenceOfARevocationIsShownAndTriedAgain(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.As("rita", admin.SecurityReviewer)
	s.As("otto", admin.Auditor)
	s.Person("alice", "Alice Moreau")
	session := s.Session("alice")
	id := revoked(t, s, "alice")
	s.Who = "ada"
	path := "/revocations/" + id
	if a := s.Get(path); a.Status != http.StatusOK || !strings.Contains(a.Body, "Under way") || strings.Contains(a.Body, path+"/retry") {
		t.Fatalf("at once: %d %s", a.Status, a.Body)
	}
	for page, names := range map[string]string{path: "Revocations", path + "?lang=de": "Widerrufe"} {
		if a := s.Get(page); !strings.Contains(a.Body, `/people/alice/revocations">`+names) || !strings.Contains(a.Body, `/people/alice">Alice Moreau`) {
			t.Errorf("%s does not lead back to what it is one of: %s", page, a.Body)
		}
	}
	later := time.Now().Add(time.Hour)
	if err := s.DB.Outbox().Retry(t.Context(), id, later, "the receiver answers 503", []string{grant.LogoutOfApps, grant.OwnersSucceed, grant.RequestsWithdraw}); err != nil {
		t.Fatal(err)
	}
	var jobs []job.Job
	for _, app := range []string{"told", "silent", "lost", "left"} {
		jobs = append(jobs, job.Job{ID: app, Queue: grant.LogoutQueue, Key: session + "/" + app, Payload: []byte("p"), RunAt: later, Deadline: later})
	}
	queue := s.DB.Jobs()
	if err := errors.Join(queue.Enqueue(t.Context(), jobs), queue.Finish(t.Context(), "told", ""), queue.Finish(t.Context(), "silent", "no address"), queue.Bury(t.Context(), "lost", "no answer"),
		(&job.Desk{Queue: s.DB.JobQueue(), Now: time.Now}).Discard(t.Context(), "left", identity.Actor{Ref: identity.Person("ada")})); err != nil {
		t.Fatal(err)
	}
	a := s.Get(path)
	for _, text := range []string{"Failed, and tried again", "the receiver answers 503", "Sessions that ended", "Apps told of the logout", "One more cannot be told", "One by hand", "Signals to receivers", "Not told, and given up", "/operations/jobs/lost/retry"} {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the page does not say %q: %s", text, a.Body)
		}
	}
	if n := strings.Count(a.Body, `action="`+consoletest.Prefix+"/admin"+path+`/retry"`); n != 2 {
		t.Errorf("%d ways to try it again: of the signals, and of what was given up", n)
	}
	for _, who := range []string{"rita", "otto"} {
		s.Who = who
		if a := s.Get(path); a.Status != http.StatusOK || strings.Contains(a.Body, path+"/retry") {
			t.Errorf("%s reads it and is offered no retry: %d", who, a.Status)
		}
		if a := s.Post(path+"/retry", url.Values{}, "same-origin"); a.Status != http.StatusForbidden {
			t.Errorf("%s tries it again: %d", who, a.Status)
		}
	}
	s.Who = "ada"
	if done := s.Post(path+"/retry", url.Values{}, "same-origin"); done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), path+"?notice=revocation-retried") {
		t.Fatalf("%d %v %s", done.Status, done.Header, done.Body)
	}
	due, err := s.DB.Outbox().Claim(t.Context(), time.Now(), 10, time.Minute)
	if err != nil || len(due) != 1 || due[0].Event.ID != id {
		t.Errorf("what is due: %v %v", due, err)
	}
	if due, err := queue.Claim(t.Context(), time.Now(), 10, time.Minute); err != nil || len(due) != 1 || due[0].ID != "lost" {
		t.Errorf("the job that was given up, and no other: %+v %v", due, err)
	}
	if a := s.Get(path); strings.Contains(a.Body, "Not told, and given up") {
		t.Error("what is tried again is not given up any more")
	}
}

func TestAPersonsPageLeadsToWhatEndedEverything(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.Person("bob", "Bob Novak")
	s.Session("alice")
	if a := s.Get("/people/alice"); !strings.Contains(a.Body, "Nothing has.") {
		t.Errorf("control: %s", a.Body)
	}
	id := revoked(t, s, "alice")
	for _, path := range []string{"/people/alice", "/people/alice/revocations"} {
		a := s.Get(path)
		if a.Status != http.StatusOK || !strings.Contains(a.Body, "/revocations/"+id) || !strings.Contains(a.Body, "lost laptop") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := s.Get("/people/bob/revocations"); a.Status != http.StatusOK || strings.Contains(a.Body, id) {
		t.Errorf("somebody else's: %d", a.Status)
	}
	if a := s.Get("/people/none/revocations"); a.Status != http.StatusNotFound {
		t.Errorf("nobody's: %d", a.Status)
	}
	page, _, err := s.DB.Page(t.Context(), audit.Query{Type: "person.revoked", Limit: 1})
	if err != nil || len(page) != 1 {
		t.Fatal(err)
	}
	if a := s.Get("/audit/" + page[0].ID); !strings.Contains(a.Body, "/revocations/"+id) {
		t.Errorf("the entry in the audit log does not lead there: %s", a.Body)
	}
	csv := s.Get("/people/alice/revocations?format=csv")
	if csv.Status != http.StatusOK || strings.Count(csv.Body, "\n") != 2 {
		t.Errorf("as a file: %d %s", csv.Status, csv.Body)
	}
}
