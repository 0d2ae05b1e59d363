package apps_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestWhatAnAppCouldNotBeToldIsOnItsPageAndTriedAgain(t *testing.T) {
	s := consoletest.New(t)
	desk := withAPI(t, s)
	s.As("ada", admin.Admin)
	s.As("otto", admin.Auditor)
	s.As("olga", admin.Approver)
	queue, now := s.DB.Jobs(), time.Now()
	client := desk.ClientID()
	var jobs []job.Job
	for id, to := range map[string]string{"lost": client, "waits": client, "others": "x" + client} {
		jobs = append(jobs, job.Job{ID: id, Queue: grant.LogoutQueue, Key: "session-" + id + "/" + to, Payload: []byte("p"), RunAt: now.Add(time.Hour), Deadline: now.Add(2 * time.Hour)})
	}
	if err := errors.Join(queue.Enqueue(t.Context(), jobs), queue.Bury(t.Context(), "lost", "status 500"), queue.Bury(t.Context(), "others", "status 502")); err != nil {
		t.Fatal(err)
	}
	const path, retry = "/apps/desk", "/apps/desk/deliveries/retry"
	for who, want := range map[string][2]bool{"ada": {true, true}, "otto": {true, false}, "olga": {false, false}} { // sees it, may retry
		s.Who = who
		a := s.Get(path)
		if sees := strings.Contains(a.Body, "status 500"); a.Status != http.StatusOK || sees != want[0] || strings.Contains(a.Body, "/admin"+retry) != want[1] {
			t.Errorf("%s: %d, sees it %t: %s", who, a.Status, sees, a.Body)
		}
		if strings.Contains(a.Body, "status 502") || strings.Contains(a.Body, "/jobs/waits") {
			t.Errorf("%s sees what another was to be told, or what is not given up", who)
		}
		if !want[1] {
			if a := s.Post(retry, url.Values{}, "same-origin"); a.Status != http.StatusForbidden {
				t.Errorf("%s tries it again: %d", who, a.Status)
			}
		}
	}
	s.Who = "ada"
	if done := s.Post(retry, url.Values{}, "same-origin"); done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), path+"?notice=app-retried") {
		t.Fatalf("%d %v %s", done.Status, done.Header, done.Body)
	}
	if due, err := queue.Claim(t.Context(), time.Now(), 10, time.Minute); err != nil || len(due) != 1 || due[0].ID != "lost" {
		t.Errorf("what is due: %+v %v", due, err)
	}
	if a := s.Get(path); strings.Contains(a.Body, "Not told, and given up") {
		t.Error("what is tried again is not given up any more")
	}
}
