package signal_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// becomes changes whose a client is.
func (o *office) becomes(c registry.Client) {
	o.post.mu.Lock()
	defer o.post.mu.Unlock()
	o.shelf.mu.Lock()
	defer o.shelf.mu.Unlock()
	o.clients[c.ID] = &c
}

// slowly takes what comes, each after a time of its own, and the others at once.
func slowly(took map[string]time.Duration) func(string) (int, string) {
	return func(jti string) (int, string) {
		time.Sleep(took[jti])
		return http.StatusAccepted, ""
	}
}

func TestAStreamIsHeldForAsLongAsItsReceiverTakes(t *testing.T) {
	// The last of them is under way from 14 s to 23.5 s: longer than a lease.
	slow := map[string]time.Duration{"1": 7 * time.Second, "2": 7 * time.Second, "3": 9500 * time.Millisecond}
	sets := []signal.Set{setFor("a", "1"), setFor("a", "2"), setFor("a", "3"), setFor("a", "4")}
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a")
		o.push(t)
		o.receive("a", slowly(slow))
		o.put(t, sets...)
		time.Sleep(time.Minute)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1", "a/2", "a/3", "a/4"}) {
			t.Errorf("with two replicas: %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the control: a lease that is not held is over
		o := open(t, "a")
		o.push(t)
		o.fails(errors.New("no answer"))
		o.receive("a", slowly(slow))
		o.put(t, sets...)
		time.Sleep(20*time.Second - time.Millisecond)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1", "a/2", "a/3"}) {
			t.Errorf("within its lease: %v", got)
		}
		time.Sleep(time.Second)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1", "a/2", "a/3", "a/3"}) {
			t.Errorf("once it is over, another tries: %v", got)
		}
		o.fails(nil)
		time.Sleep(time.Minute)
		if got := o.arrivals()[4:]; !slices.Equal(got, []string{"a/4"}) {
			t.Errorf("who lost it stops at once, and nothing comes twice without need: %v", got)
		}
		if s := o.stream("a"); s.Failures != 0 {
			t.Errorf("that a lease was lost is no failure of the receiver's: %+v", s.Progress)
		}
	})
}

func TestWhatADeadReplicaHeldIsPushedWithinALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a", "b")
		o.receive("a", taken)
		o.receive("b", taken)
		o.change("b", func(s *signal.Stream) { s.Next = time.Now().Add(time.Hour) }) // not due: the dead one takes a alone
		o.put(t, setFor("a", "1"), setFor("b", "1"))
		if claimed, err := o.ClaimStreams(t.Context(), time.Now(), 1, 1, 20*time.Second); err != nil || len(claimed) != 1 || claimed[0].ID != "a" {
			t.Fatal(claimed, err)
		}
		time.Sleep(20*time.Second - time.Millisecond)
		if got := o.arrivals(); len(got) != 0 {
			t.Errorf("while it may live: %v", got)
		}
		time.Sleep(time.Second)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1"}) {
			t.Errorf("afterwards: %v", got)
		}
	})
}

func TestAReplicaThatStopsGivesItsStreamsBackAtOnceAndBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a")
		o.change("a", func(s *signal.Stream) { s.Failures = 3 })
		o.receive("a", slowly(map[string]time.Duration{"1": 8 * time.Second}))
		o.put(t, setFor("a", "1"))
		time.Sleep(time.Second)
		if got := o.arrivals(); len(got) != 1 || o.leasedUntil("a").IsZero() {
			t.Fatalf("%v, leased until %s", got, o.leasedUntil("a"))
		}
		o.stop()
		synctest.Wait()
		if got := o.stream("a"); o.leasedUntil("a").After(time.Now()) || got.Failures != 3 || got.Error != "" || !got.Next.IsZero() {
			t.Errorf("leased until %s, %+v", o.leasedUntil("a"), got.Progress)
		}
		o.push(t)
		time.Sleep(10 * time.Second)
		if got := o.first().State; got != signal.SetDelivered {
			t.Errorf("the next replica: %s", got)
		}
	})
}

// A receiver that moved, or that is switched off, gets no more where it was: not even what
// was read before.
func TestAPushStopsWithTheStreamThatItWasBegunFor(t *testing.T) {
	three := []signal.Set{setFor("a", "1"), setFor("a", "2"), setFor("a", "3")}
	slow := slowly(map[string]time.Duration{"1": 2 * time.Second})
	for name, change := range map[string]func(*office){
		"it moved":   func(o *office) { o.change("a", func(s *signal.Stream) { s.Endpoint = "https://new/x" }) },
		"it is gone": func(o *office) { o.shelf.mu.Lock(); delete(o.streams, "a"); o.shelf.mu.Unlock() },
		"its app is off": func(o *office) {
			o.becomes(registry.Client{ID: "a", App: "a", Scopes: []string{"ssf.read"}, Disabled: true})
		},
		"its client_id is another app's": func(o *office) { o.becomes(registry.Client{ID: "a", App: "b", Scopes: []string{"ssf.read"}}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			o := open(t, "a")
			o.receive("a", slow)
			o.receive("new", taken)
			o.put(t, three...)
			time.Sleep(time.Second)
			change(o)
			time.Sleep(time.Minute)
			got := o.arrivals()
			if was := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s[0] != 'a' }); !slices.Equal(was, []string{"a/1"}) {
				t.Errorf("%s: %v", name, got)
			}
			if name == "it moved" && !slices.Equal(got, []string{"a/1", "new/2", "new/3"}) {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the control
		o := open(t, "a")
		o.receive("a", slow)
		o.put(t, three...)
		time.Sleep(time.Minute)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1", "a/2", "a/3"}) {
			t.Errorf("%v", got)
		}
	})
}
