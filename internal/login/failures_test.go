package login

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ledger keeps what is recorded, and fails while it is told to.
type ledger struct {
	now    time.Time
	events []event.Event
	broken error
}

func (l *ledger) failures() *failures {
	return &failures{now: func() time.Time { return l.now }, record: func(_ context.Context, e []event.Event) error {
		if l.broken == nil {
			l.events = append(l.events, e...)
		}
		return l.broken
	}}
}

// counted adds up how many failures of a rule the entries stand for.
func (l *ledger) counted(rule string) (sum int) {
	for _, e := range l.events {
		if e.Data["rule"] == rule {
			n, err := strconv.Atoi(e.Data["count"])
			if err != nil {
				n = 1
			}
			sum += n
		}
	}
	return sum
}

func (l *ledger) fail(t *testing.T, f *failures, connection, rule string) {
	t.Helper()
	e := event.New(l.now, "signin.failed", identity.System("test"), identity.Connection(connection), "rule", rule)
	if err := f.tell(t.Context(), failureKind{connection, rule}, e, func(e event.Event) event.Event { return e }); err != nil {
		t.Fatal(err)
	}
}

func TestManyFailuresShareAnEntryAndAllAreCounted(t *testing.T) {
	l := &ledger{now: time.Date(2026, 11, 24, 9, 59, 30, 0, time.UTC)}
	f := l.failures()
	for range 1000 {
		l.fail(t, f, "acme", "upstream_denied")
	}
	l.fail(t, f, "acme", "login_flow")
	l.fail(t, f, "other", "upstream_denied")
	if len(l.events) != failureBurst+2 {
		t.Fatalf("%d entries within the minute", len(l.events))
	}
	if err := f.flush(t.Context(), l.now); err != nil || len(l.events) != failureBurst+2 {
		t.Errorf("before the minute is over: %d entries, %v", len(l.events), err)
	}
	l.now = l.now.Add(time.Minute)
	l.fail(t, f, "acme", "upstream_denied")
	if n := len(l.events); n != failureBurst+4 || l.counted("upstream_denied") != 1002 || l.counted("login_flow") != 1 {
		t.Errorf("%d entries, %d and %d counted", n, l.counted("upstream_denied"), l.counted("login_flow"))
	}
	for _, e := range l.events {
		if e.Data["count"] != "" && e.Time.Hour() != 9 {
			t.Errorf("what failed before ten is told at %s", e.Time)
		}
	}
}

func TestWhatCouldNotBeRecordedIsRecordedLater(t *testing.T) {
	l := &ledger{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	f := l.failures()
	for range failureBurst + 5 {
		l.fail(t, f, "acme", "upstream_denied")
	}
	l.now, l.broken = l.now.Add(time.Minute), errors.New("no database")
	if err := f.flush(t.Context(), l.now); !errors.Is(err, l.broken) {
		t.Fatalf("%v", err)
	}
	l.broken = nil
	if err := f.flush(t.Context(), l.now); err != nil || l.counted("upstream_denied") != failureBurst+5 {
		t.Errorf("%d counted, %v", l.counted("upstream_denied"), err)
	}
}

func TestWhatFailedLastIsToldWhenTheBrokerStops(t *testing.T) {
	l := &ledger{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	in := &Login{o: Options{Now: func() time.Time { return l.now }}}
	f := l.failures()
	in.failures.now, in.failures.record = f.now, f.record
	for range failureBurst + 5 {
		l.fail(t, &in.failures, "acme", "upstream_denied")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := in.Run(ctx); !errors.Is(err, context.Canceled) || l.counted("upstream_denied") != failureBurst+5 {
		t.Errorf("%d counted, %v", l.counted("upstream_denied"), err)
	}
}

// unreachable is a provider that cannot be asked anything.
type unreachable struct{}

func (unreachable) Begin(context.Context, identity.Challenge) (identity.Departure, error) {
	return identity.Departure{}, errors.New("no route")
}

func (unreachable) Finish(context.Context, url.Values, []byte) (identity.Assertion, error) {
	return identity.Assertion{}, errors.New("no route")
}

// resumed takes what became of a sign-in without a page.
type resumed struct{ code string }

func (p *resumed) Resume(_ http.ResponseWriter, _ *http.Request, _ []byte, in identity.SignIn) {
	p.code = in.Failure.Code
}

func TestAProviderThatCannotBeReachedIsNamedInTheEntry(t *testing.T) {
	kept, protocol := &ledger{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}, &resumed{}
	var counted string
	l := &Login{resumers: map[identity.Protocol]Resumer{identity.OIDC: protocol}, o: Options{
		Now:     func() time.Time { return kept.now },
		Actor:   func(_ *http.Request, who identity.Ref) identity.Actor { return identity.Actor{Ref: who} },
		Outcome: func(connection, outcome string) { counted = connection + " " + outcome },
	}}
	from := kept.failures()
	l.failures.record, l.failures.now = from.record, from.now
	f := flow{Request: identity.SignInRequest{App: "expenses", Prompt: identity.Prompt{None: true}}}
	l.leave(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/authorize", nil), f, Connection{ID: "acme", Connector: unreachable{}})
	if len(kept.events) != 1 || kept.events[0].Subject != identity.Connection("acme") || counted != "acme failed" || protocol.code == "" {
		t.Errorf("%+v, counted %q, answered %q", kept.events, counted, protocol.code)
	}
}
