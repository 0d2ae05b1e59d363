package storetest

import (
	"errors"
	"fmt"
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

// untold is what was given up of a revocation: logouts of two clients, and signals of a
// stream.
type untold struct {
	desk   job.Desk
	stream signal.Stream
	// of is a SET that tells of the revocation, and other one that does not.
	of, other signal.Set
	cause     string // the revocation
}

// untoldRetried tries again what was given up, by whom it was to tell, and by what it was
// to tell of.
func untoldRetried(t *testing.T, db *storage.DB) {
	u := gaveUp(t, db)
	u.found(t)
	u.retried(t)
	requeuedUnlessDisabled(t, db, u.stream, u.of.ID)
	if err := db.RemoveStream(t.Context(), u.stream.ID, nil); err != nil {
		t.Error(err)
	}
	for i := range untoldJobs {
		if err := u.desk.Discard(t.Context(), fmt.Sprint("untold-", i+1), actor); err != nil {
			t.Error(err)
		}
	}
}

// untoldJobs is how many jobs gaveUp makes, untold-1 and so on.
const untoldJobs = 8

// gaveUp ends a session, and gives up to tell of it.
func gaveUp(t *testing.T, db *storage.DB) untold {
	t.Helper()
	ctx, s := t.Context(), subject(t, db)
	e, err := grant.Revocation(now, []identity.Ref{identity.Session(s.Session)}, actor, "lost device")
	if err == nil {
		err = db.Record(ctx, []event.Event{e})
	}
	if err != nil {
		t.Fatal(err)
	}
	stream := newStream(t, db, "untold-stream", "untold-api")
	u := untold{
		desk: job.Desk{Queue: db.JobQueue(), Now: func() time.Time { return now }}, stream: stream, of: set(stream.ID, 1), other: set(stream.ID, 2), cause: e.ID,
	}
	u.of.Event = e.ID
	queueSets(t, db, 10, u.of, u.other)
	if _, err := db.SettleSets(ctx, stream.ID, []string{u.of.ID, u.other.ID}, signal.SetRefused, "no", now); err != nil {
		t.Fatal(err)
	}
	for i, one := range [untoldJobs]struct {
		queue, key string
		waits      bool
	}{
		{queue: grant.LogoutQueue, key: s.Session + "/untold-app"},
		{queue: grant.LogoutQueue, key: s.Session + "/untold-api"},
		{queue: grant.LogoutQueue, key: e.ID + "/else/untold-app"},
		{queue: grant.LogoutQueue, key: s.Session + "/waits", waits: true},
		{queue: grant.LogoutQueue, key: "another/un-untold-app"},
		{queue: signal.RefusedQueue, key: stream.ID + "/" + u.of.ID + "/1"},
		{queue: signal.RefusedQueue, key: stream.ID + "/" + u.other.ID + "/1"},
		{queue: "something", key: "x/untold-app"},
	} {
		id := fmt.Sprint("untold-", i+1)
		err := db.Jobs().Enqueue(ctx, []job.Job{{ID: id, Queue: one.queue, Key: one.key, Payload: []byte("p"), RunAt: now.Add(time.Hour), Deadline: now.Add(2 * time.Hour)}})
		if err == nil && !one.waits {
			err = db.Jobs().Bury(ctx, id, "given up")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// found finds what was given up by everything that it is found by.
func (u untold) found(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		q    job.Query
		want []string
	}{
		{job.Query{Client: "untold-app"}, []string{"1", "3"}},
		{job.Query{Client: "untold-api"}, []string{"2", "6", "7"}},
		{job.Query{Client: "untold-%"}, nil},
		{job.Query{Client: "untold-api", Queue: grant.LogoutQueue}, []string{"2"}},
		{job.Query{Stream: u.stream.ID}, []string{"6", "7"}},
		{job.Query{Stream: "untold"}, nil},
		{job.Query{Cause: u.cause}, []string{"1", "2", "3", "6"}},
		{job.Query{Cause: u.cause, Client: "untold-api"}, []string{"2", "6"}},
		{job.Query{Cause: "none"}, nil},
	} {
		c.q.State = event.Buried
		got := pages(t, func(after string) ([]job.Queued, string, error) {
			c.q.After, c.q.Limit = after, 1
			return u.desk.Search(t.Context(), c.q)
		}, func(j job.Queued) string { return j.ID[len("untold-"):] }, nil)
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
}

// retried tries all of it again but what nobody asks for.
func (u untold) retried(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		q    job.Query
		want int
	}{
		{job.Query{Cause: u.cause, Client: "untold-app"}, 2},
		{job.Query{Cause: u.cause}, 2},
		{job.Query{Cause: u.cause}, 0},
		{job.Query{Stream: u.stream.ID}, 1},
	} {
		if n, err := u.desk.RetryAll(t.Context(), c.q, actor); err != nil || n != c.want {
			t.Errorf("%+v: %d tried again, want %d, %v", c.q, n, c.want, err)
		}
	}
	page, _, err := u.desk.Search(t.Context(), job.Query{State: event.Buried, Queue: grant.LogoutQueue})
	if err != nil || len(page) != 1 || page[0].ID != "untold-5" {
		t.Errorf("what nobody asked for stays given up: %+v, %v", page, err)
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
