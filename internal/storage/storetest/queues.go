package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// outboxTended sees that events in the outbox are listed, tried again and given up.
// Its events are the newest, so that those of other parts come before.
func outboxTended(t *testing.T, db *storage.DB) {
	ctx, at := t.Context(), now.Add(time.Hour)
	desk := event.Desk{Queue: db.OutboxQueue(), Now: func() time.Time { return at }}
	var ids []string
	for i := range 4 {
		e := event.New(at.Add(time.Duration(i)*time.Second), "session.ended", actor, identity.Session("outbox"))
		ids = append(ids, e.ID)
		if err := db.Record(ctx, []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	box := db.Outbox()
	if err := errors.Join(box.Retry(ctx, ids[1], at.Add(time.Hour), "no answer", []string{"one", "another"}), box.Bury(ctx, ids[2], "gave up", nil), box.Finish(ctx, ids[3])); err != nil {
		t.Fatal(err)
	}
	states := func(state event.State) (of []event.State) {
		for after := ""; ; {
			page, next, err := desk.Search(ctx, event.QueueQuery{State: state, Limit: 2, After: after})
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range page {
				if slices.Contains(ids, q.Event.ID) {
					of = append(of, q.State)
				}
			}
			if after = next; next == "" {
				return of
			}
		}
	}
	for state, want := range map[event.State][]event.State{
		"": {event.Waiting, event.Retrying, event.Buried}, event.Waiting: {event.Waiting}, event.Retrying: {event.Retrying},
		event.Buried: {event.Buried}, event.Done: {event.Done}, event.Discarded: nil,
	} {
		if got := states(state); !slices.Equal(got, want) {
			t.Errorf("%q: %q", state, got)
		}
	}
	if q, err := desk.Find(ctx, ids[1]); err != nil || !slices.Equal(q.Done, []string{"one", "another"}) {
		t.Errorf("done of one that is tried again: %+v, %v", q, err)
	}
	before, err := desk.Backlog(ctx)
	if err != nil || before.Buried != 1 || before.Retrying != 1 || before.Waiting == 0 || before.Oldest.IsZero() {
		t.Errorf("%+v, %v", before, err)
	}
	if err := errors.Join(desk.Retry(ctx, ids[2], actor), desk.Discard(ctx, ids[1], actor)); err != nil {
		t.Fatal(err)
	}
	if got := states(""); !slices.Equal(got, []event.State{event.Waiting, event.Retrying}) {
		t.Errorf("after that: %q", got)
	}
	settledStays(t, &desk, ids[1], ids[3])
	told, _, err := db.Page(ctx, audit.Query{Subject: identity.Event(ids[1]).String()})
	if err != nil || len(told) != 1 || told[0].Type != "event.discarded" || told[0].Data["reason"] != "no answer" {
		t.Errorf("told: %+v, %v", told, err)
	}
}

// settledStays sees what is refused: what is settled, what is not there, and
// questions that make no sense.
func settledStays(t *testing.T, desk *event.Desk, discarded, done string) {
	t.Helper()
	ctx := t.Context()
	for id, want := range map[string]error{discarded: event.ErrQueuedDone, done: event.ErrQueuedDone, "nothing": event.ErrQueuedNotFound} {
		if err := desk.Retry(ctx, id, actor); !errors.Is(err, want) {
			t.Errorf("retrying %s: %v", id, err)
		}
		if err := desk.Discard(ctx, id, actor); !errors.Is(err, want) {
			t.Errorf("discarding %s: %v", id, err)
		}
	}
	if _, _, err := desk.Search(ctx, event.QueueQuery{State: "lost"}); !errors.Is(err, event.ErrState) {
		t.Errorf("a state that is none: %v", err)
	}
	if _, _, err := desk.Search(ctx, event.QueueQuery{After: "x"}); !errors.Is(err, event.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func jobsTended(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	desk := job.Desk{Queue: db.JobQueue(), Now: func() time.Time { return now }}
	jobs := db.Jobs()
	err := jobs.Enqueue(ctx, []job.Job{
		{ID: "j1", Queue: "tended", Key: "1", Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Minute)},
		{ID: "j2", Queue: "tended", Key: "2", Payload: []byte("p"), RunAt: now, Deadline: now.Add(-time.Minute)},
		{ID: "j3", Queue: "other", Key: "3", Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Minute)},
	})
	if err := errors.Join(err, jobs.Bury(ctx, "j2", "too late")); err != nil {
		t.Fatal(err)
	}
	list := func(q job.Query) (ids []string) {
		return pages(t, func(after string) ([]job.Queued, string, error) {
			q.After, q.Limit = after, 1
			return desk.Search(ctx, q)
		}, func(j job.Queued) string { return j.ID + " " + string(j.State) + j.Created.Sub(now).String() }, nil)
	}
	if got := list(job.Query{Queue: "tended"}); !slices.Equal(got, []string{"j1 waiting0s", "j2 buried0s"}) {
		t.Errorf("%q", got)
	}
	if got := list(job.Query{Queue: "tended", State: event.Buried}); !slices.Equal(got, []string{"j2 buried0s"}) {
		t.Errorf("%q", got)
	}
	if b, err := desk.Backlog(ctx); err != nil || b.Buried != 1 || b.Waiting < 2 {
		t.Errorf("%+v, %v", b, err)
	}
	if err := errors.Join(desk.Retry(ctx, "j2", actor), desk.Discard(ctx, "j1", actor), desk.Discard(ctx, "j3", actor)); err != nil {
		t.Fatal(err)
	}
	page, _, err := desk.Search(ctx, job.Query{Queue: "tended"})
	if err != nil || len(page) != 1 || page[0].ID != "j2" || page[0].Deadline.Before(now.Add(time.Hour)) || page[0].Attempts != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	if err := desk.Retry(ctx, "j1", actor); !errors.Is(err, event.ErrQueuedDone) {
		t.Errorf("retrying what was discarded: %v", err)
	}
	claimed, err := jobs.Claim(ctx, now, 10, time.Minute)
	if err != nil || !slices.ContainsFunc(claimed, func(j job.Job) bool { return j.ID == "j2" }) || slices.ContainsFunc(claimed, func(j job.Job) bool { return j.ID == "j1" }) {
		t.Errorf("claimed %+v, %v", claimed, err)
	}
	if err := desk.Discard(ctx, "j2", actor); err != nil {
		t.Errorf("giving up what is at work: %v", err)
	}
}
