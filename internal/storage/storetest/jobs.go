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
	got, err := jobs.Claim(t.Context(), now.Add(2*time.Minute), 10, time.Minute)
	if err != nil || len(got) != 1 || jobs.Hold(t.Context(), []string{got[0].ID, "none"}, now.Add(10*time.Minute)) != nil {
		t.Fatalf("%d jobs, %v", len(got), err)
	}
	if held, err := jobs.Claim(t.Context(), now.Add(9*time.Minute), 10, time.Minute); err != nil || len(held) != 0 {
		t.Errorf("a job that is held: %d, %v", len(held), err)
	}
	if err := errors.Join(jobs.Finish(t.Context(), got[0].ID, ""), jobs.Hold(t.Context(), []string{got[0].ID}, now), jobs.Hold(t.Context(), nil, now)); err != nil {
		t.Fatal(err)
	}
	if again, err := jobs.Claim(t.Context(), now.Add(time.Hour), 10, time.Minute); err != nil || len(again) != 0 {
		t.Errorf("a job that is done and held: %d, %v", len(again), err)
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
