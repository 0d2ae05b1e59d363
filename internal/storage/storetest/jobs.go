package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func jobLease(t *testing.T, db *storage.DB) {
	jobs := db.Jobs()
	one := job.Job{Queue: "q", Key: "k", Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Hour)}
	if err := errors.Join(jobs.Enqueue(t.Context(), []job.Job{one}), jobs.Enqueue(t.Context(), []job.Job{one})); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {30 * time.Second, 0}, {time.Minute, 1}} {
		got, err := jobs.Claim(t.Context(), now.Add(step.at), 10, time.Minute)
		if err != nil || len(got) != step.want {
			t.Errorf("after %s: %d jobs, %v", step.at, len(got), err)
		}
	}
	for _, step := range []struct {
		holder string
		at     time.Duration
		want   bool
	}{{"a", 0, true}, {"b", time.Second, false}, {"a", 2 * time.Second, true}, {"b", time.Minute, true}, {"a", -10 * time.Minute, true}} {
		got, err := jobs.Lease(t.Context(), "l", step.holder, now.Add(step.at), 10*time.Second)
		if err != nil || got != step.want {
			t.Errorf("%s after %s: %v, %v", step.holder, step.at, got, err)
		}
	}
}
