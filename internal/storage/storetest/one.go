package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func oneFound(t *testing.T, db *storage.DB) {
	told := event.New(now, "one.told", identity.System("test"), identity.Person("nobody"), "name", "value")
	if err := db.Append(t.Context(), []event.Event{told}); err != nil {
		t.Fatal(err)
	}
	if e, err := db.Entry(t.Context(), told.ID); err != nil || e.ID != told.ID || e.Data["name"] != "value" || len(e.Digest) == 0 {
		t.Errorf("the entry: %+v, %v", e, err)
	}
	if _, err := db.Entry(t.Context(), "none"); !errors.Is(err, audit.ErrEntryNotFound) {
		t.Errorf("an entry that is not there: %v", err)
	}
	jobs, desk := db.Jobs(), &job.Desk{Queue: db.JobQueue(), Now: func() time.Time { return now }}
	if err := jobs.Enqueue(t.Context(), []job.Job{{ID: "one-job", Queue: "one", Key: "one", Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []event.State{event.Waiting, event.Discarded} {
		if q, err := desk.Find(t.Context(), "one-job"); err != nil || q.Key != "one" || q.State != want {
			t.Errorf("the job: %+v, %v, want it %s", q, err, want)
		}
		if err := desk.Discard(t.Context(), "one-job", identity.System("test")); err != nil && want == event.Waiting {
			t.Fatal(err)
		}
	}
	if _, err := desk.Find(t.Context(), "none"); !errors.Is(err, event.ErrQueuedNotFound) {
		t.Errorf("a job that is not there: %v", err)
	}
	outbox := &event.Desk{Queue: db.OutboxQueue(), Now: desk.Now}
	if _, err := outbox.Find(t.Context(), "none"); !errors.Is(err, event.ErrQueuedNotFound) {
		t.Errorf("an event that is not there: %v", err)
	}
	if n, err := db.CountPeople(t.Context()); err != nil || n == 0 {
		t.Errorf("%d people, %v", n, err)
	}
}
