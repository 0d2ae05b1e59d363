package ssf

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

func posted(t *testing.T, body string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/ssf/poll/s", strings.NewReader(body))
}

func TestAPollIsReadAsTheSpecificationSays(t *testing.T) {
	for body, want := range map[string]pollRequest{
		``:   {Polled: signal.Polled{Most: signal.MostPolled}},
		`{}`: {Polled: signal.Polled{Most: signal.MostPolled}},
		`{"maxEvents":0,"returnImmediately":true,"unknown":1}`: {immediately: true},
		`{"maxEvents":100000,"ack":["a","b"]}`:                 {Polled: signal.Polled{Most: signal.MostPolled, Acked: []string{"a", "b"}}},
		`{"setErrs":{"a":{"err":"authentication_failed","description":"who?"},"b":{"err":"x"}}}`: {Polled: signal.Polled{Most: signal.MostPolled, Failed: map[string]string{
			"a": "the receiver answers authentication_failed: who?", "b": "the receiver answers x",
		}}},
	} {
		got, err := pollOf(posted(t, body))
		if err != nil || got.Most != want.Most || got.immediately != want.immediately || !slices.Equal(got.Acked, want.Acked) || !maps.Equal(got.Failed, want.Failed) {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
	many := make([]string, mostAcks+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for body, at := range map[string]string{
		`{"maxEvents":-1}`:        "/maxEvents",
		`{"maxEvents":"1"}`:       "/maxEvents",
		`{"returnImmediately":1}`: "/returnImmediately",
		`{"ack":"a"}`:             "/ack",
		`{"setErrs":[]}`:          "/setErrs",
		`{"setErrs":{"a":{}}}`:    "/setErrs",
		`{"setErrs":{"a":"x"}}`:   "/setErrs",
		`{"ack":[],"ack":["a"]}`:  "/ack",
		`[]`:                      "",
		`{"ack":["` + strings.Join(many, `","`) + `"]}`: "/ack",
	} {
		if got, err := pollOf(posted(t, body)); err == nil || fault.KindOf(err) != fault.Invalid || fault.As(err).Pointer != at {
			t.Errorf("%.60s: %+v, %v at %q", body, got, err, fault.As(err).Pointer)
		}
	}
}

// box is a mailbox in which something may come to be.
type box struct {
	Mailbox
	mu   sync.Mutex
	sets []signal.Set
	err  error
}

// has changes what is there, or why that cannot be told.
func (b *box) has(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sets, b.err = make([]signal.Set, n), err
}

func (b *box) Next(context.Context, signal.Stream, int) ([]signal.Set, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sets, false, b.err
}

// waiting is a transmitter over a mailbox.
func waiting(b *box) (t *Transmitter, stop func()) {
	var going atomic.Bool
	return &Transmitter{o: Options{Mailbox: b, Going: going.Load}, waiting: make(chan struct{}, 1)}, func() { going.Store(true) }
}

func TestAPollIsHeldUntilThereIsSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		tr, stop := waiting(b)
		await := func(ctx context.Context, asked pollRequest) (n int, took time.Duration, err error) {
			begun := time.Now()
			sets, _, err := tr.await(posted(t, "").WithContext(ctx), signal.Stream{}, asked)
			return len(sets), time.Since(begun), err
		}
		if n, took, err := await(t.Context(), pollRequest{}); n != 0 || took != pollLife || err != nil {
			t.Errorf("with nothing there: %d after %s, %v", n, took, err)
		}
		if n, took, err := await(t.Context(), pollRequest{immediately: true}); n != 0 || took != 0 || err != nil {
			t.Errorf("immediately: %d after %s, %v", n, took, err)
		}
		time.AfterFunc(3*time.Second, func() { b.has(2, nil) })
		if n, took, err := await(t.Context(), pollRequest{}); n != 2 || took < 3*time.Second || took > 3*time.Second+pollLook || err != nil {
			t.Errorf("with something after 3 seconds: %d after %s, %v", n, took, err)
		}
		if n, took, err := await(t.Context(), pollRequest{}); n != 2 || took != 0 || err != nil {
			t.Errorf("with something there: %d after %s, %v", n, took, err)
		}
		b.has(0, nil)
		lost := errors.New("no answer")
		time.AfterFunc(time.Second, func() { b.has(0, lost) })
		if _, _, err := await(t.Context(), pollRequest{}); !errors.Is(err, lost) {
			t.Errorf("with nobody to tell: %v", err)
		}
		b.has(0, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if n, took, err := await(ctx, pollRequest{}); n != 0 || took != time.Second || err != nil {
			t.Errorf("with the receiver gone: %d after %s, %v", n, took, err)
		}
		tr.waiting <- struct{}{}
		if n, took, err := await(t.Context(), pollRequest{}); n != 0 || took != 0 || err != nil {
			t.Errorf("with no place left: %d after %s, %v", n, took, err)
		}
		<-tr.waiting
		time.AfterFunc(time.Second, stop)
		if n, took, err := await(t.Context(), pollRequest{}); n != 0 || took > time.Second+pollLook || err != nil || len(tr.waiting) != 0 {
			t.Errorf("with the broker about to stop: %d after %s, %v; %d places are taken", n, took, err, len(tr.waiting))
		}
	})
}
