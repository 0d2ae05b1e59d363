package ssf

import (
	"context"
	"errors"
	"log/slog"
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

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/token"
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
	return &Transmitter{o: Options{Mailbox: b, Going: going.Load}, waiting: newPlaces(1, 1)}, func() { going.Store(true) }
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
		time.AfterFunc(time.Second, stop)
		if n, took, err := await(t.Context(), pollRequest{}); n != 0 || took > time.Second+pollLook || err != nil || tr.waiting.taken != 0 {
			t.Errorf("with the broker about to stop: %d after %s, %v; %d places are taken", n, took, err, tr.waiting.taken)
		}
	})
}

// A client that opens polls without end is told to come again later, which costs it no
// place and the others nothing; one that asks to be answered at once needs no place.
func TestPollsOfAGreedyClientDoNotKeepOutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := waiting(&box{})
		tr.waiting = newPlaces(2, 2)
		type outcome struct {
			took time.Duration
			err  error
		}
		poll := func(client string) <-chan outcome {
			done := make(chan outcome, 1)
			begun := time.Now()
			r := posted(t, "")
			go func() {
				_, _, err := tr.await(r, signal.Stream{Client: client}, pollRequest{})
				done <- outcome{time.Since(begun), err}
			}()
			synctest.Wait()
			return done
		}
		first, second := poll("greedy"), poll("greedy")
		if got := <-poll("greedy"); got.took != 0 || !errors.Is(got.err, errCrowded) {
			t.Errorf("one poll too many: %+v", got)
		}
		if _, _, err := tr.await(posted(t, ""), signal.Stream{Client: "greedy"}, pollRequest{immediately: true}); err != nil {
			t.Errorf("and one that does not wait: %v", err)
		}
		time.Sleep(time.Second)
		other := poll("modest")
		if got := <-first; got.took != time.Second || got.err != nil {
			t.Errorf("the poll whose place another needs: %+v", got)
		}
		if got := <-other; got.took != pollLife || got.err != nil {
			t.Errorf("the other's: %+v", got)
		}
		if got := <-second; got.took != pollLife || got.err != nil {
			t.Errorf("the control: %+v", got)
		}
		if tr.waiting.taken != 0 {
			t.Errorf("%d places are taken", tr.waiting.taken)
		}
	})
}

// vouching verifies any token, until it does not.
type vouching struct{ err error }

func (v *vouching) Access(context.Context, string) (token.Access, error) {
	return token.Access{Client: "desk", App: "desk-app", Audience: issuer, Scopes: []string{catalog.ScopeSignalsRead}}, v.err
}

func (v *vouching) Client(context.Context, string) (*registry.Client, error) {
	return &registry.Client{ID: "desk", App: "desk-app", Scopes: []string{catalog.ScopeSignalsRead}, Method: registry.AuthBasic}, nil
}

// desk is where the desk's stream is, of which anything can be signed.
type desk struct {
	Streams
	Sender
}

func (desk) Get(context.Context, *registry.Client, string) (signal.Stream, error) {
	return signal.Stream{ID: "s", Client: "desk", App: "desk-app", Method: signal.Poll}, nil
}

func (desk) Algorithm(context.Context, signal.Stream) (keys.Algorithm, error) { return keys.ES256, nil }

func (desk) Sign(_ keys.Algorithm, _ signal.Stream, set signal.Set) (string, error) {
	return set.ID, nil
}

func (b *box) Settle(context.Context, signal.Stream, signal.Polled, func(id, reason string) error) error {
	return nil
}

// unbounded counts nothing.
type unbounded struct{}

func (unbounded) Count(context.Context, string) error { return nil }

func TestAPollWhoseTokenIsRevokedWhileItWaitsGetsNothing(t *testing.T) {
	for revoked, want := range map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK} {
		synctest.Test(t, func(t *testing.T) {
			b, v := &box{}, &vouching{}
			tr, err := New(Options{
				Issuer: issuer, Streams: desk{}, Mailbox: b, Sender: desk{}, Verifier: v, Clients: v, Address: unbounded{}, Client: unbounded{},
				Actor: func(*http.Request, identity.Ref) identity.Actor { return identity.Actor{} }, Going: func() bool { return false }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			tr.Mount(mux)
			r, w := posted(t, "{}"), httptest.NewRecorder()
			r.Header.Set("Authorization", "Bearer token")
			done := make(chan struct{})
			go func() { mux.ServeHTTP(w, r); close(done) }()
			synctest.Wait() // it waits
			if revoked {
				v.err = errToken
			}
			b.has(1, nil)
			<-done
			if said := strings.Contains(w.Body.String(), `"sets"`); w.Code != want || said == revoked || revoked && !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("revoked %t: %d, %v, %s", revoked, w.Code, w.Header(), w.Body)
			}
		})
	}
}
