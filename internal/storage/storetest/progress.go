package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// revocationFollowed ends a session and follows how its apps are told.
func revocationFollowed(t *testing.T, db *storage.DB) {
	ctx, s := t.Context(), subject(t, db)
	e, err := grant.Revocation(now, []identity.Ref{identity.Session(s.Session)}, actor, "lost device")
	if err == nil {
		err = db.Record(ctx, []event.Event{e})
	}
	if err != nil {
		t.Fatal(err)
	}
	see := func(when string, want grant.Progress) {
		t.Helper()
		if got, err := db.Progress(ctx, e.ID); err != nil || got != want {
			t.Errorf("%s: %+v, %v", when, got, err)
		}
	}
	see("at once", grant.Progress{Sessions: 1})
	if err := db.Outbox().Finish(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	see("nobody is to be told", grant.Progress{Queued: true, Sessions: 1})
	var told []job.Job
	for _, key := range []string{s.Session + "/a", s.Session + "/b", s.Session + "/c", s.Session + "/e", e.ID + "/x/d", s.Session + "0/other"} {
		told = append(told, job.Job{ID: "progress-" + key, Queue: grant.LogoutQueue, Key: key, Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Hour)})
	}
	jobs := db.Jobs()
	if err := jobs.Enqueue(ctx, told); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(jobs.Finish(ctx, told[0].ID, ""), jobs.Finish(ctx, told[3].ID, "no address")); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Bury(ctx, told[1].ID, "gone"); err != nil {
		t.Fatal(err)
	}
	see("on the way", grant.Progress{Queued: true, Sessions: 1, Told: 1, Waiting: 2, Failed: 1, Untold: 1})
	desk := job.Desk{Queue: db.JobQueue(), Now: func() time.Time { return now }}
	if err := desk.Discard(ctx, told[2].ID, actor); err != nil {
		t.Fatal(err)
	}
	see("given up by a person", grant.Progress{Queued: true, Sessions: 1, Told: 1, Waiting: 1, Failed: 2, Discarded: 1, Untold: 1})
	if p, err := db.Progress(ctx, "none"); err != nil || p != (grant.Progress{Queued: true}) || !p.Done() {
		t.Errorf("of nothing: %+v, %v", p, err)
	}
}
