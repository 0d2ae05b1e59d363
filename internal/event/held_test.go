package event_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Whatever takes long is nobody else's while its replica lives, nor is what waits behind
// it; what a replica had that died is done by another within half a minute.
func TestEventsAreHeldForAsLongAsTheirReplicaLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tray{}
		var handled atomic.Int64
		replica := func() *event.Dispatcher {
			d := event.NewDispatcher(event.Options{Outbox: b, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			d.Handle("connection.disabled", "slow", func(context.Context, event.Event) error {
				handled.Add(1)
				time.Sleep(5 * time.Minute)
				return nil
			})
			d.Handle("session.ended", "quick", func(context.Context, event.Event) error { handled.Add(1); return nil })
			return d
		}
		ctx, stop := context.WithCancel(t.Context())
		b.put("connection.disabled", "session.ended")
		for range 2 {
			d := replica()
			go func() { _ = d.Run(ctx) }() // ends with stop
			synctest.Wait()
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if n := handled.Load(); n != 2 {
			t.Errorf("two events were handled %d times", n)
		}
		b.put("session.ended")
		if claimed, err := b.Claim(ctx, time.Now(), 1, 20*time.Second); err != nil || len(claimed) != 1 { // by a replica that dies
			t.Fatal(claimed, err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := handled.Load(); n != 3 {
			t.Errorf("what a dead replica had claimed: handled %d times in all", n)
		}
		stop()
		synctest.Wait()
	})
}
