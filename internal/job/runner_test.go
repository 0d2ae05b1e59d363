package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/job"
)

// desk keeps jobs and leases as a database would.
type desk struct {
	mu     sync.Mutex
	jobs   map[string]*entry
	leases map[string]lease
}

type entry struct {
	job.Job
	state string
	due   time.Time
}

type lease struct {
	holder string
	until  time.Time
}

func newDesk() *desk { return &desk{jobs: map[string]*entry{}, leases: map[string]lease{}} }

func (d *desk) Enqueue(_ context.Context, jobs []job.Job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range jobs {
		j.ID = j.Queue + "/" + j.Key
		if d.jobs[j.ID] == nil {
			d.jobs[j.ID] = &entry{Job: j, state: "waiting", due: j.RunAt}
		}
	}
	return nil
}

func (d *desk) Claim(_ context.Context, now time.Time, n int, hold time.Duration) (claimed []job.Job, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.jobs {
		if e.state == "waiting" && !e.due.After(now) && len(claimed) < n {
			e.due = now.Add(hold)
			e.Attempt++
			claimed = append(claimed, e.Job)
		}
	}
	return claimed, nil
}

func (d *desk) Hold(_ context.Context, ids []string, until time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		d.jobs[id].due = until
	}
	return nil
}

func (d *desk) settle(id, state string, due time.Time, reason string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.jobs[id]
	e.state, e.due, e.LastError = state, due, reason
	return nil
}

func (d *desk) Finish(_ context.Context, id, needless string) error {
	return d.settle(id, "done", time.Time{}, needless)
}

func (d *desk) Retry(_ context.Context, id string, at time.Time, reason string) error {
	return d.settle(id, "waiting", at, reason)
}

func (d *desk) Bury(_ context.Context, id, reason string) error {
	return d.settle(id, "buried", time.Time{}, reason)
}

func (d *desk) Lease(_ context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l, ok := d.leases[name]; ok && l.holder != holder && l.until.After(now) {
		return false, nil
	}
	d.leases[name] = lease{holder, now.Add(ttl)}
	return true, nil
}

func (d *desk) state(id string) (state string, attempts int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.jobs[id].state, d.jobs[id].Attempt
}

func runner(d *desk, holder string) *job.Runner {
	return job.New(job.Options{Store: d, Holder: holder, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// run runs runners in the bubble until stop is called.
func run(t *testing.T, runners ...*job.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, r := range runners {
		group.Go(func() {
			if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	return func() { cancel(); group.Wait() }
}

func TestAJobIsTriedUntilItIsDoneOrItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		r := runner(d, "one")
		var mu sync.Mutex
		var attempts []time.Duration
		times := func() []time.Duration { mu.Lock(); defer mu.Unlock(); return slices.Clone(attempts) }
		began := time.Now()
		r.Handle("flaky", func(_ context.Context, j job.Job) error {
			mu.Lock()
			attempts = append(attempts, time.Since(began))
			mu.Unlock()
			if string(j.Payload) != "payload" {
				t.Errorf("%q", j.Payload)
			}
			if j.Attempt < 4 {
				return errors.New("not yet")
			}
			return nil
		})
		r.Handle("broken", func(context.Context, job.Job) error { panic("a defect") })
		stop := run(t, r)
		synctest.Wait()
		long := job.Job{Queue: "flaky", Key: "k", Payload: []byte("payload"), RunAt: time.Now(), Deadline: time.Now().Add(time.Hour)}
		brief := job.Job{Queue: "broken", Key: "k", RunAt: time.Now(), Deadline: time.Now().Add(time.Minute)}
		unknown := job.Job{Queue: "nobody", Key: "k", RunAt: time.Now(), Deadline: time.Now().Add(time.Minute)}
		if err := r.Enqueue(t.Context(), long, long, brief, unknown); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if tried := times(); len(tried) != 1 || tried[0] != 0 {
			t.Errorf("the hint wakes the runner at once: %v", tried)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		tried := times()
		if state, n := d.state("flaky/k"); state != "done" || n != 4 || !slices.IsSorted(tried) || tried[3]-tried[2] < 2*time.Second {
			t.Errorf("%s after %d: %v", state, n, tried)
		}
		for _, id := range []string{"broken/k", "nobody/k"} {
			if state, n := d.state(id); state != "buried" || n < 3 {
				t.Errorf("%s is %s after %d", id, state, n)
			}
		}
		if err := r.Enqueue(t.Context(), long); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(times()) != 4 {
			t.Error("a job that was done is done again")
		}
		stop()
	})
}

func TestAJobThatThereIsNothingToDoAboutIsDoneAndKeepsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		r := runner(d, "one")
		r.Handle("idle", func(context.Context, job.Job) error { return fmt.Errorf("deliver: %w", job.Needless("nobody to tell")) })
		r.Handle("busy", func(_ context.Context, j job.Job) error {
			if j.Attempt < 2 {
				return errors.New("not yet")
			}
			return nil
		})
		stop := run(t, r)
		for _, queue := range []string{"idle", "busy"} {
			if err := r.Enqueue(t.Context(), job.Job{Queue: queue, Key: "k", RunAt: time.Now(), Deadline: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		for id, want := range map[string]string{"idle/k": "nobody to tell", "busy/k": ""} {
			if state, _ := d.state(id); state != "done" || d.jobs[id].LastError != want {
				t.Errorf("%s is %s: %q", id, state, d.jobs[id].LastError)
			}
		}
	})
}

func TestOneReplicaAtATimeDoesPeriodicWorkAndAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		var mu sync.Mutex
		done := map[string]int{}
		work := func(name string) *job.Runner {
			r := runner(d, name)
			r.Every("seal", time.Second, func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				done[name]++
				return errors.New("told, and tried again")
			})
			return r
		}
		count := func() (one, two int) { mu.Lock(); defer mu.Unlock(); return done["one"], done["two"] }
		stopOne := run(t, work("one"))
		synctest.Wait()
		stopTwo := run(t, work("two"))
		time.Sleep(10 * time.Second)
		if one, two := count(); one < 8 || two != 0 {
			t.Errorf("one %d, two %d", one, two)
		}
		stopOne()
		time.Sleep(15 * time.Second)
		if _, two := count(); two < 5 {
			t.Errorf("nobody took over: %d", two)
		}
		stopTwo()
	})
}

func TestASlowJobHoldsUpNoPeriodicWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		r := runner(d, "one")
		turns := make(chan struct{}, 100)
		r.Every("seal", time.Second, func(context.Context) error { turns <- struct{}{}; return nil })
		r.Handle("slow", func(context.Context, job.Job) error { time.Sleep(time.Minute); return nil })
		stop := run(t, r)
		if err := r.Enqueue(t.Context(), job.Job{Queue: "slow", Key: "k", RunAt: time.Now(), Deadline: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if n := len(turns); n < 20 {
			t.Errorf("%d turns in half a minute", n)
		}
		time.Sleep(time.Minute)
		stop()
	})
}

func TestPeriodicWorkGoesOnWhenAClockThatWasAheadIsPutRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		r := job.New(job.Options{Store: newDesk(), Holder: "one", Now: now, Log: slog.New(slog.DiscardHandler)})
		turns := make(chan struct{}, 100)
		r.Every("seal", time.Second, func(context.Context) error { turns <- struct{}{}; return nil })
		stop := run(t, r)
		ahead.Store(int64(10 * time.Minute))
		time.Sleep(10 * time.Second)
		before := len(turns)
		ahead.Store(0)
		time.Sleep(10 * time.Second)
		if n := len(turns); before < 8 || n < before+8 {
			t.Errorf("%d turns while the clock was ahead, %d after", before, n-before)
		}
		stop()
	})
}

func TestASlowJobHoldsUpNoOtherAndIsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		one, two := runner(d, "one"), runner(d, "two")
		var slow, quick atomic.Int64
		for _, r := range []*job.Runner{one, two} {
			r.Handle("slow", func(context.Context, job.Job) error { slow.Add(1); time.Sleep(10 * time.Minute); return nil })
			r.Handle("quick", func(context.Context, job.Job) error { quick.Add(1); return nil })
		}
		enqueue := func(queue, key string) {
			t.Helper()
			if err := one.Enqueue(t.Context(), job.Job{Queue: queue, Key: key, RunAt: time.Now(), Deadline: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		stopOne := run(t, one)
		enqueue("slow", "k")
		synctest.Wait()
		enqueue("quick", "k")
		synctest.Wait()
		if slow.Load() != 1 || quick.Load() != 1 {
			t.Errorf("beside a slow job: %d, %d", slow.Load(), quick.Load())
		}
		stopTwo := run(t, two)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if state, n := d.state("slow/k"); state != "done" || n != 1 {
			t.Errorf("the slow job is %s after %d", state, n)
		}
		for i := range 100 { // more than are done at once
			enqueue("quick", fmt.Sprint(i))
		}
		synctest.Wait()
		if n := quick.Load(); n != 101 {
			t.Errorf("%d of 101 without waiting for the next look", n)
		}
		stopOne()
		stopTwo()
	})
}
