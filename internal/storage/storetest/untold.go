package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// untoldRetried gives up logouts of two clients and signals of a stream, and tries them
// again by whom they were to tell, and by what they were to tell of.
func untoldRetried(t *testing.T, db *storage.DB) {
	ctx, s := t.Context(), subject(t, db)
	e, err := grant.Revocation(now, []identity.Ref{identity.Session(s.Session)}, actor, "lost device")
	if err == nil {
		err = db.Record(ctx, []event.Event{e})
	}
	if err != nil {
		t.Fatal(err)
	}
	stream := newStream(t, db, "untold-stream", "untold-api")
	of, other := set(stream.ID, 1), set(stream.ID, 2)
	of.Event = e.ID
	queueSets(t, db, 10, of, other)
	if _, err := db.SettleSets(ctx, stream.ID, []string{of.ID, other.ID}, signal.SetRefused, "no", now); err != nil {
		t.Fatal(err)
	}
	jobs := db.Jobs()
	add := func(id, queue, key string, buried bool) {
		t.Helper()
		err := jobs.Enqueue(ctx, []job.Job{{ID: id, Queue: queue, Key: key, Payload: []byte("p"), RunAt: now.Add(time.Hour), Deadline: now.Add(2 * time.Hour)}})
		if buried {
			err = errors.Join(err, jobs.Bury(ctx, id, "given up"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("untold-1", grant.LogoutQueue, s.Session+"/untold-app", true)
	add("untold-2", grant.LogoutQueue, s.Session+"/untold-api", true)
	add("untold-3", grant.LogoutQueue, e.ID+"/else/untold-app", true)
	add("untold-4", grant.LogoutQueue, s.Session+"/waits", false)
	add("untold-5", grant.LogoutQueue, "another/un-untold-app", true)
	add("untold-6", signal.RefusedQueue, stream.ID+"/"+of.ID+"/1", true)
	add("untold-7", signal.RefusedQueue, stream.ID+"/"+other.ID+"/1", true)
	add("untold-8", "something", "x/untold-app", true)
	desk := job.Desk{Queue: db.JobQueue(), Now: func() time.Time { return now }}
	find := func(q job.Query) []string {
		q.State = event.Buried
		return pages(t, func(after string) ([]job.Queued, string, error) {
			q.After, q.Limit = after, 1
			return desk.Search(ctx, q)
		}, func(j job.Queued) string { return j.ID[len("untold-"):] }, nil)
	}
	for _, c := range []struct {
		q    job.Query
		want []string
	}{
		{job.Query{Client: "untold-app"}, []string{"1", "3"}},
		{job.Query{Client: "untold-api"}, []string{"2", "6", "7"}},
		{job.Query{Client: "untold-%"}, nil},
		{job.Query{Client: "untold-api", Queue: grant.LogoutQueue}, []string{"2"}},
		{job.Query{Stream: stream.ID}, []string{"6", "7"}},
		{job.Query{Stream: "untold"}, nil},
		{job.Query{Cause: e.ID}, []string{"1", "2", "3", "6"}},
		{job.Query{Cause: e.ID, Client: "untold-api"}, []string{"2", "6"}},
		{job.Query{Cause: "none"}, nil},
	} {
		if got := find(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	retry := func(q job.Query, want int) {
		t.Helper()
		if n, err := desk.RetryAll(ctx, q, actor); err != nil || n != want {
			t.Errorf("%+v: %d tried again, want %d, %v", q, n, want, err)
		}
	}
	retry(job.Query{Cause: e.ID, Client: "untold-app"}, 2)
	retry(job.Query{Cause: e.ID}, 2)
	retry(job.Query{Cause: e.ID}, 0)
	retry(job.Query{Stream: stream.ID}, 1)
	if page, _, err := desk.Search(ctx, job.Query{State: event.Buried, Queue: grant.LogoutQueue}); err != nil || len(page) != 1 || page[0].ID != "untold-5" {
		t.Errorf("what nobody asked for stays given up: %+v, %v", page, err)
	}
	requeuedUnlessDisabled(t, db, stream, of.ID)
	if err := db.RemoveStream(ctx, stream.ID, nil); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		if err := desk.Discard(ctx, "untold-"+id, actor); err != nil {
			t.Error(err)
		}
	}
}

// requeuedUnlessDisabled has a SET that was refused wait again.
func requeuedUnlessDisabled(t *testing.T, db *storage.DB, stream signal.Stream, id string) {
	t.Helper()
	to := func(status signal.Status) {
		t.Helper()
		_, err := db.UpdateStream(t.Context(), stream.ID, func(old signal.Stream) (signal.Change, error) {
			old.Status = status
			return signal.Change{Stream: old}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	to(signal.Disabled)
	if err := db.RequeueSet(t.Context(), stream.ID, id); !errors.Is(err, signal.ErrDisabled) || streamOf(t, db, stream.ID).Waiting != 0 {
		t.Errorf("on a stream that is disabled nothing waits: %v", err)
	}
	to(signal.Enabled)
	if err := db.RequeueSet(t.Context(), stream.ID, id); err != nil || streamOf(t, db, stream.ID).Waiting != 1 {
		t.Errorf("on one that is enabled: %v", err)
	}
}
