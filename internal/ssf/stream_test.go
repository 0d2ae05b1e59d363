package ssf

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

const issuer = "https://login.example"

// shelf has one stream.
type shelf struct {
	Streams
	has signal.Stream
	// got is what it was configured with.
	got signal.Settings
}

func (s *shelf) Configure(_ context.Context, _ *registry.Client, id string, _ identity.Actor, decide func(signal.Stream) (signal.Settings, error)) (signal.Stream, error) {
	if id != s.has.ID {
		return signal.Stream{}, signal.ErrNotFound
	}
	var err error
	s.got, err = decide(s.has)
	return s.has, err
}

func (s *shelf) Authorization(signal.Stream) (string, error) { return "Bearer kept", nil }

// pushed is a transmitter with one stream that is pushed.
func pushed() (*Transmitter, *shelf) {
	s := &shelf{has: signal.Stream{
		ID: "s", Client: "desk", Description: "ours", Requested: []string{signal.SessionRevoked, "urn:else"}, Method: signal.Push, Endpoint: "https://desk.example/inbox",
	}}
	return &Transmitter{o: Options{Issuer: issuer, Streams: s}}, s
}

func TestAnUpdateKeepsAndAReplacementForgetsWhatIsNotSent(t *testing.T) {
	whole := signal.Settings{
		Requested: []string{signal.SessionRevoked, "urn:else"}, Description: "ours",
		Delivery: signal.Delivery{Method: signal.Push, Endpoint: "https://desk.example/inbox", Authorization: "Bearer kept"},
	}
	polls := signal.Delivery{Method: signal.Poll}
	for body, want := range map[string][2]signal.Settings{ // by update, by replacement
		`{"stream_id":"s"}`: {whole, {Delivery: polls}},
		`{"stream_id":"s","description":"new"}`: {
			{Requested: whole.Requested, Description: "new", Delivery: whole.Delivery}, {Description: "new", Delivery: polls},
		},
		`{"stream_id":"s","events_requested":[]}`: {{Requested: []string{}, Description: "ours", Delivery: whole.Delivery}, {Requested: []string{}, Delivery: polls}},
		`{"stream_id":"s","delivery":{"method":"` + signal.Push + `","endpoint_url":"https://desk.example/2"}}`: { // the header is not kept for another address
			{Requested: whole.Requested, Description: "ours", Delivery: signal.Delivery{Method: signal.Push, Endpoint: "https://desk.example/2"}},
			{Delivery: signal.Delivery{Method: signal.Push, Endpoint: "https://desk.example/2"}},
		},
		`{"stream_id":"s","delivery":{"method":"` + signal.Poll + `","endpoint_url":"` + issuer + `/ssf/poll/s"}}`: { // what we gave comes back
			{Requested: whole.Requested, Description: "ours", Delivery: polls}, {Delivery: polls},
		},
		`{"stream_id":"s","iss":"` + issuer + `","aud":"desk","events_delivered":["` + signal.SessionRevoked + `"],"min_verification_interval":` + strconv.Itoa(int(signal.VerifyEvery.Seconds())) + `}`: {whole, {Delivery: polls}},
		`{"stream_id":"s","aud":["desk"],"unknown":{}}`: {whole, {Delivery: polls}},
	} {
		for i, do := range []func(*Transmitter) handler{func(tr *Transmitter) handler { return tr.update }, func(tr *Transmitter) handler { return tr.replace }} {
			tr, s := pushed()
			status, _, err := do(tr)(sent(t, body), caller{})
			if err != nil || status != http.StatusOK || !reflect.DeepEqual(s.got, want[i]) {
				t.Errorf("%s, way %d: %d %v: %+v", body, i, status, err, s.got)
			}
		}
	}
}

func TestWhatIsOursOfAStreamCannotBeChanged(t *testing.T) {
	for body, at := range map[string]string{
		`{}`:                                                   "/stream_id",
		`{"stream_id":""}`:                                     "/stream_id",
		`{"stream_id":7}`:                                      "/stream_id",
		`{"stream_id":"s","iss":"https://x"}`:                  "/iss",
		`{"stream_id":"s","aud":"other"}`:                      "/aud",
		`{"stream_id":"s","aud":["desk","other"]}`:             "/aud",
		`{"stream_id":"s","aud":{}}`:                           "/aud",
		`{"stream_id":"s","events_supported":[]}`:              "/events_supported",
		`{"stream_id":"s","events_delivered":["urn:x"]}`:       "/events_delivered",
		`{"stream_id":"s","min_verification_interval":1}`:      "/min_verification_interval",
		`{"stream_id":"s","events_requested":"x"}`:             "/events_requested",
		`{"stream_id":"s","delivery":"push"}`:                  "/delivery",
		`{"stream_id":"s","delivery":{"method":1}}`:            "/delivery/method",
		`{"stream_id":"s","description":{}}`:                   "/description",
		`{"stream_id":"s","description":"","description":"x"}`: "/description",
	} {
		for i, do := range []func(*Transmitter) handler{func(tr *Transmitter) handler { return tr.update }, func(tr *Transmitter) handler { return tr.replace }} {
			tr, _ := pushed()
			if status, _, err := do(tr)(sent(t, body), caller{}); err == nil || fault.KindOf(err) != fault.Invalid || fault.As(err).Pointer != at {
				t.Errorf("%s, way %d: %d, %v at %q", body, i, status, err, fault.As(err).Pointer)
			}
		}
	}
	tr, _ := pushed()
	if _, _, err := tr.update(sent(t, `{"stream_id":"other"}`), caller{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("another's stream: %v", err)
	}
}

// TestTheHeaderOfPushesIsShownToNobody makes a stream's configuration of one that has it.
func TestTheHeaderOfPushesIsShownToNobody(t *testing.T) {
	tr, s := pushed()
	s.has.Authorization = []byte("sealed")
	if d := tr.shown(s.has).Delivery; d.Authorization != "" || d.Endpoint != s.has.Endpoint || d.Method != signal.Push {
		t.Errorf("%+v", d)
	}
	s.has.Method, s.has.Endpoint = signal.Poll, ""
	if d := tr.shown(s.has).Delivery; d.Endpoint != issuer+"/ssf/poll/s" {
		t.Errorf("control: %+v", d)
	}
}

func sent(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/ssf/stream", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}
