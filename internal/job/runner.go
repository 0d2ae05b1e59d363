// Package job runs what takes time: durable jobs that are tried until they are
// done or their time is over, and periodic work that one replica at a time does.
// It is the only place that ticks. Timers are rows or leases, re-checked in the
// store, so that a restart loses nothing.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// The pace of the runner.
const (
	// slots is how many jobs a runner does at once.
	slots = 16
	// claimLease is how long the jobs of a replica that died wait for another one, and
	// holdEvery how often one that lives says so.
	claimLease = 20 * time.Second
	holdEvery  = claimLease / 4
	firstRetry = time.Second
	longest    = 15 * time.Minute
)

// Options are what a Runner needs. All fields but Poll are required.
type Options struct {
	Store Store
	// Holder names this replica in leases.
	Holder string
	Now    func() time.Time
	Log    *slog.Logger
	// Poll is how often due work is looked for (250 ms).
	Poll time.Duration
}

// Runner runs jobs and periodic work.
type Runner struct {
	o        Options
	handlers map[string]func(context.Context, Job) error
	timers   []*timer
	hint     chan struct{}
	free     chan struct{} // one for each job that may begin
	jobs     sync.WaitGroup
}

// timer is periodic work; next is this replica's own idea of when, the lease
// decides who.
type timer struct {
	name  string
	every time.Duration
	do    func(context.Context) error
	next  time.Time
}

// New returns a Runner without work.
func New(o Options) *Runner {
	if o.Poll == 0 {
		o.Poll = 250 * time.Millisecond
	}
	r := &Runner{o: o, handlers: map[string]func(context.Context, Job) error{}, hint: make(chan struct{}, 1), free: make(chan struct{}, slots)}
	for range slots {
		r.free <- struct{}{}
	}
	return r
}

// Handle sets what is done with the jobs of a queue. Call it before Run.
func (r *Runner) Handle(queue string, do func(context.Context, Job) error) { r.handlers[queue] = do }

// Every adds work that is done about every interval by one replica.
func (r *Runner) Every(name string, every time.Duration, do func(context.Context) error) {
	r.timers = append(r.timers, &timer{name: name, every: every, do: do})
}

// Enqueue adds jobs and wakes the runner.
func (r *Runner) Enqueue(ctx context.Context, jobs ...Job) error {
	if err := r.o.Store.Enqueue(ctx, jobs); err != nil {
		return fmt.Errorf("enqueue jobs: %w", err)
	}
	r.notify()
	return nil
}

func (r *Runner) notify() {
	select {
	case r.hint <- struct{}{}:
	default: // a hint is pending already
	}
}

// Run works until ctx ends. Each timer and each job goes on by itself: an app that is
// slow to answer holds up neither what others are told nor the audit log's seal.
func (r *Runner) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, t := range r.timers {
		group.Go(func() { r.repeat(ctx, nil, func() { r.turn(ctx, t) }) })
	}
	r.repeat(ctx, r.hint, func() {
		if err := r.work(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.ErrorContext(ctx, "jobs not run", slog.Any("error", err))
		}
	})
	group.Wait()
	r.jobs.Wait()
	return ctx.Err()
}

// repeat does something now, every Poll and at every hint until ctx ends.
func (r *Runner) repeat(ctx context.Context, hint <-chan struct{}, do func()) {
	tick := time.NewTicker(r.o.Poll)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-hint:
		}
	}
}

// work begins as many of the jobs that are due as have a slot.
func (r *Runner) work(ctx context.Context) error {
	n := len(r.free) // it grows meanwhile, and does not shrink
	if n == 0 {
		return nil
	}
	jobs, err := r.o.Store.Claim(ctx, r.o.Now(), n, claimLease)
	if err != nil {
		return fmt.Errorf("claim jobs: %w", err)
	}
	for _, j := range jobs {
		<-r.free
		r.jobs.Go(func() {
			r.settle(ctx, j)
			r.free <- struct{}{}
			if len(jobs) == n { // there may be more
				r.notify()
			}
		})
	}
	return nil
}

// turn does periodic work if it is due and this replica gets the lease. The
// holder keeps the lease a little longer than a period, so that it goes on.
func (r *Runner) turn(ctx context.Context, t *timer) {
	now := r.o.Now()
	// What is further away than a period was set by a clock that has been put right.
	if now.Before(t.next) && t.next.Sub(now) <= t.every {
		return
	}
	t.next = now.Add(t.every)
	mine, err := r.o.Store.Lease(ctx, t.name, r.o.Holder, now, 2*t.every+5*time.Second)
	if err == nil && mine {
		err = contain(func() error { return t.do(ctx) })
	}
	if err != nil && ctx.Err() == nil {
		r.o.Log.ErrorContext(ctx, "periodic work failed", slog.String("work", t.name), slog.Any("error", err))
	}
}

func (r *Runner) settle(ctx context.Context, j Job) {
	release := r.hold(ctx, j)
	err := r.do(ctx, j)
	release()
	now := r.o.Now()
	var needless Needless
	switch {
	case err == nil, errors.As(err, &needless):
		err = r.o.Store.Finish(ctx, j.ID, string(needless))
	case !now.Before(j.Deadline):
		r.o.Log.WarnContext(ctx, "job given up", slog.String("queue", j.Queue), slog.String("job", j.ID), slog.Any("error", err))
		err = r.o.Store.Bury(ctx, j.ID, err.Error())
	default:
		next := now.Add(event.Backoff(j.Attempt, firstRetry, longest))
		if next.After(j.Deadline) {
			next = j.Deadline
		}
		err = r.o.Store.Retry(ctx, j.ID, next, err.Error())
	}
	if err != nil && ctx.Err() == nil {
		r.o.Log.ErrorContext(ctx, "job not settled", slog.String("job", j.ID), slog.Any("error", err))
	}
}

// hold keeps a job's lease until release, which returns once it does no more.
func (r *Runner) hold(ctx context.Context, j Job) (release func()) {
	ctx, stop := context.WithCancel(ctx)
	var over sync.WaitGroup
	over.Go(func() {
		tick := time.NewTicker(holdEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := r.o.Store.Hold(ctx, []string{j.ID}, r.o.Now().Add(claimLease)); err != nil && ctx.Err() == nil {
				// Another replica may do it, too: every handler can be repeated.
				r.o.Log.WarnContext(ctx, "job not held", slog.String("job", j.ID), slog.Any("error", err))
			}
		}
	})
	return func() { stop(); over.Wait() }
}

func (r *Runner) do(ctx context.Context, j Job) error {
	do, ok := r.handlers[j.Queue]
	if !ok {
		return fmt.Errorf("queue %s has no handler", j.Queue)
	}
	return contain(func() error { return do(ctx, j) })
}

func contain(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do()
}
