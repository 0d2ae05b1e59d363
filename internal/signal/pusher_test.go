package signal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// post stands for the network: receivers by their address.
type post struct {
	mu      sync.Mutex
	answers map[string]func(jti string) (status int, body string)
	came    []string
}

// RoundTrip implements http.RoundTripper.
func (p *post) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	answer := p.answers[r.URL.Host]
	p.came = append(p.came, r.URL.Host+"/"+string(raw))
	p.mu.Unlock()
	if answer == nil {
		return nil, errors.New("connection refused")
	}
	answered := make(chan *http.Response, 1)
	go func() {
		status, body := answer(string(raw))
		answered <- &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}
	}()
	select {
	case res := <-answered:
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (p *post) receive(host string, answer func(string) (int, string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[host] = answer
}

func (p *post) arrivals() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.came)
}

func taken(string) (int, string) { return http.StatusAccepted, "" }

func streamTo(host string) signal.Stream {
	return signal.Stream{ID: host, Client: host, App: host, Requested: signal.Supported(), Method: signal.Push, Endpoint: "https://" + host + "/x", Status: signal.Enabled}
}

func setFor(host, jti string) signal.Set {
	return signal.Set{ID: jti, Stream: host, State: signal.SetWaiting}
}

// office is a pusher at work, with what it works on.
type office struct {
	*shelf
	*post
	*tray
	clients
	sender *signal.Sender
	pushed map[string]int
	stop   func() // ends the first pusher
}

// open runs a pusher until the test is over.
func open(t *testing.T, hosts ...string) *office {
	t.Helper()
	o := &office{shelf: newShelf(), post: &post{answers: map[string]func(string) (int, string){}}, tray: &tray{}, clients: clients{}, pushed: map[string]int{}}
	for _, h := range hosts {
		s := streamTo(h)
		o.streams[h], o.clients[h] = &s, &registry.Client{ID: h, App: h, Scopes: []string{"ssf.manage"}}
	}
	o.sender = signal.NewSender(signal.SenderOptions{Store: o.shelf, Clients: o.clients, Minter: scribe{}, Jobs: o.tray, Now: time.Now})
	o.stop = o.push(t)
	return o
}

// push runs one more pusher until the test is over, or it is stopped.
func (o *office) push(t *testing.T) (stop func()) {
	t.Helper()
	p := signal.NewPusher(signal.PusherOptions{
		Sender: o.sender, Authorization: func(signal.Stream) (string, error) { return "", nil }, HTTP: &http.Client{Transport: o.post},
		Log: slog.New(slog.DiscardHandler), Pushed: func(outcome string) { o.post.mu.Lock(); o.pushed[outcome]++; o.post.mu.Unlock() },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second) // until receivers have said what nobody waits for any more
	})
	return cancel
}

func (o *office) put(t *testing.T, sets ...signal.Set) {
	t.Helper()
	if err := o.QueueSets(t.Context(), sets, 0); err != nil {
		t.Fatal(err)
	}
}

func TestAReceiverThatIsDownGetsEverythingInOrderOnceItIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a")
		o.put(t, setFor("a", "1"), setFor("a", "2"), setFor("a", "3"))
		time.Sleep(time.Hour)
		tries := len(o.arrivals())
		if tries < 8 || tries > 20 {
			t.Errorf("within an hour it was tried %d times", tries)
		}
		for _, came := range o.arrivals() {
			if came != "a/1" {
				t.Fatalf("nothing overtakes what waits: %v", o.arrivals())
			}
		}
		o.receive("a", taken)
		time.Sleep(20 * time.Minute)
		if got := o.arrivals()[tries:]; !slices.Equal(got, []string{"a/1", "a/2", "a/3"}) {
			t.Errorf("%v", got)
		}
		if s := o.stream("a"); s.Failures != 0 || s.Error != "" {
			t.Errorf("%+v", s.Progress)
		}
	})
}

// A receiver that fails now and then hears what waits almost as soon as one that does not:
// it is failures in a row that make a stream wait longer.
func TestAReceiverThatFailsNowAndThenIsNotTakenForOneThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a")
		var n atomic.Int64
		o.receive("a", func(string) (int, string) {
			if n.Add(1)%3 == 0 {
				return http.StatusServiceUnavailable, ""
			}
			return http.StatusAccepted, ""
		})
		for i := range 60 {
			o.put(t, setFor("a", fmt.Sprint(i)))
		}
		time.Sleep(2 * time.Minute)
		o.post.mu.Lock()
		defer o.post.mu.Unlock()
		if o.pushed["delivered"] != 60 || o.pushed["failed"] < 20 {
			t.Errorf("within two minutes: %v", o.pushed)
		}
	})
}

func TestOnly202SaysThatASignalWasTaken(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNoContent, http.StatusFound, http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests, http.StatusBadGateway} {
		synctest.Test(t, func(t *testing.T) {
			o := open(t, "a")
			o.receive("a", func(string) (int, string) { return status, "" })
			o.put(t, setFor("a", "1"))
			time.Sleep(time.Minute)
			if got := o.first().State; got != signal.SetWaiting || !strings.Contains(o.stream("a").Error, "202") {
				t.Errorf("%d: %s, %q", status, got, o.stream("a").Error)
			}
			o.receive("a", taken)
			time.Sleep(20 * time.Minute)
			if got := o.first().State; got != signal.SetDelivered {
				t.Errorf("control after %d: %s", status, got)
			}
		})
	}
}

func TestASignalThatIsRefusedIsSetAsideAndTheNextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "a")
		o.receive("a", func(jti string) (int, string) {
			if jti == "1" {
				return http.StatusBadRequest, `{"err":"invalid_request","description":"what is \u0007this?"}`
			}
			return taken(jti)
		})
		o.put(t, setFor("a", "1"), setFor("a", "2"))
		time.Sleep(time.Hour)
		if got := o.arrivals(); !slices.Equal(got, []string{"a/1", "a/1", "a/1", "a/1", "a/1", "a/2"}) {
			t.Errorf("%v", got)
		}
		if len(o.jobs) != 1 || o.jobs[0].Queue != signal.RefusedQueue || o.jobs[0].Deadline.After(o.jobs[0].RunAt) {
			t.Fatalf("%+v", o.jobs)
		}
		j := o.jobs[0]
		j.Attempt = 1
		if err := o.sender.Refused(t.Context(), j); !errors.Is(err, signal.ErrRefused) || !strings.Contains(err.Error(), "invalid_request: what is  this?") {
			t.Errorf("the first try buries it, with the reason: %v", err)
		}
		o.receive("a", taken)
		j.Deadline = time.Now().Add(time.Hour) // which a person gives it
		if err := o.sender.Refused(t.Context(), j); err != nil {
			t.Errorf("a person's try: %v", err)
		}
		time.Sleep(time.Minute)
		if got := o.first().State; got != signal.SetDelivered {
			t.Errorf("%s", got)
		}
		if err := o.sender.Refused(t.Context(), j); err != nil {
			t.Errorf("once it is delivered, nothing is left to do: %v", err)
		}
		if err := o.sender.Refused(t.Context(), job.Job{Payload: []byte("nonsense")}); err == nil {
			t.Error("a job that is none")
		}
	})
}

func TestASlowReceiverHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, "slow", "quick")
		o.receive("slow", func(string) (int, string) { time.Sleep(8 * time.Second); return http.StatusAccepted, "" })
		o.receive("quick", taken)
		o.put(t, setFor("slow", "1"), setFor("slow", "2"), setFor("slow", "3"))
		time.Sleep(time.Second)
		o.put(t, setFor("quick", "1"))
		time.Sleep(time.Second)
		if got := o.arrivals(); !slices.Equal(got, []string{"slow/1", "quick/1"}) {
			t.Errorf("%v", got)
		}
		time.Sleep(time.Minute)
		if got := o.arrivals(); len(got) != 4 || o.pushed["delivered"] != 4 {
			t.Errorf("each once, also over several turns: %v %v", got, o.pushed)
		}
	})
}

// A client may have ten streams, each to an address that takes its time and never fails.
func TestAClientOfManySlowStreamsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		greedy := []string{"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9"}
		o := open(t, append(greedy, "quick")...)
		for _, id := range greedy {
			o.change(id, func(s *signal.Stream) { s.Client, s.App = "g0", "g0" })
			o.receive(id, func(string) (int, string) { time.Sleep(9 * time.Second); return http.StatusAccepted, "" })
			for i := range 20 {
				o.put(t, setFor(id, fmt.Sprint(i)))
			}
		}
		o.receive("quick", taken)
		time.Sleep(time.Second)
		if got := o.arrivals(); len(got) != 4 {
			t.Errorf("of the client with many, %d are pushed to at once", len(got))
		}
		o.put(t, setFor("quick", "1"))
		time.Sleep(time.Second)
		if got := o.arrivals(); got[len(got)-1] != "quick/1" {
			t.Errorf("another's waits for them: %v", got)
		}
		time.Sleep(2 * time.Minute)
		for _, id := range greedy { // the control: its own all have their turns
			if !slices.Contains(o.arrivals(), id+"/0") {
				t.Errorf("%s has had no turn in two minutes", id)
			}
		}
	})
}

func TestAnAppThatIsSwitchedOffHearsNothingUntilItIsOnAgain(t *testing.T) {
	for name, off := range map[string]registry.Client{
		"disabled": {ID: "a", App: "a", Scopes: []string{"ssf.manage"}, Disabled: true}, "incomplete": {ID: "a", App: "a", Scopes: []string{"ssf.manage"}, Missing: []string{"owner"}},
		"another app's now": {ID: "a", App: "b", Scopes: []string{"ssf.manage"}}, "may not listen any more": {ID: "a", App: "a", Scopes: []string{"openid"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := open(t, "a")
			o.receive("a", taken)
			o.clients["a"] = &off
			o.put(t, setFor("a", "1"))
			time.Sleep(time.Hour)
			if got := o.arrivals(); len(got) != 0 {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the control
		o := open(t, "a")
		o.receive("a", taken)
		o.put(t, setFor("a", "1"))
		time.Sleep(time.Minute)
		if got := o.arrivals(); len(got) != 1 {
			t.Errorf("%v", got)
		}
	})
}
