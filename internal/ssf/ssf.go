// Package ssf is the face of shared signals: the transmitter's metadata, the API by
// which receivers manage their streams, and the endpoint where they poll (OpenID Shared
// Signals Framework 1.0, sections 7 and 8; RFC 8936).
//
//	GET    /.well-known/ssf-configuration   metadata, for everybody
//	POST   /ssf/stream                      create a stream
//	GET    /ssf/stream                      read one by stream_id, or list all
//	PATCH  /ssf/stream                      change what is sent
//	PUT    /ssf/stream                      replace everything
//	DELETE /ssf/stream                      delete
//	GET    /ssf/status                      read the status
//	POST   /ssf/status                      enable, pause, disable
//	POST   /ssf/verification                ask for a verification event
//	POST   /ssf/poll/{id}                   poll and acknowledge
//
// Whoever asks has an access token that a client got for itself (client_credentials),
// for the issuer, with the scope ssf.manage; to read, and to poll, ssf.read is enough
// (CAEP Interoperability Profile 1.0, section 2.7). A stream is its client's: for all
// others there is none. Bodies are JSON whose members come once; members that are not
// known are ignored. Errors are problem details with the statuses of the
// specification.
package ssf

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// Streams is the part of signal.Service that receivers use.
type Streams interface {
	Create(ctx context.Context, c *registry.Client, settings signal.Settings, actor identity.Actor) (signal.Stream, error)
	Get(ctx context.Context, c *registry.Client, id string) (signal.Stream, error)
	List(ctx context.Context, c *registry.Client) ([]signal.Stream, error)
	Configure(ctx context.Context, c *registry.Client, id string, actor identity.Actor, decide func(signal.Stream) (signal.Settings, error)) (signal.Stream, error)
	Delete(ctx context.Context, c *registry.Client, id string, actor identity.Actor) error
	SetStatus(ctx context.Context, c *registry.Client, id string, status signal.Status, reason string, actor identity.Actor) (signal.Stream, error)
	Verify(ctx context.Context, c *registry.Client, id, state string, actor identity.Actor) error
	Authorization(of signal.Stream) (string, error)
}

// Mailbox is the part of signal.Service that polling uses.
type Mailbox interface {
	Settle(ctx context.Context, of signal.Stream, p signal.Polled, refused func(id, reason string) error) error
	Next(ctx context.Context, of signal.Stream, n int) (sets []signal.Set, more bool, err error)
}

// Sender is signal.Sender.
type Sender interface {
	Algorithm(ctx context.Context, of signal.Stream) (keys.Algorithm, error)
	Sign(alg keys.Algorithm, to signal.Stream, set signal.Set) (string, error)
	SetAside(ctx context.Context, stream, set, reason string) error
}

// Limiter bounds how often something happens.
type Limiter interface {
	Count(ctx context.Context, key string) error
}

// Options are what a Transmitter needs. All are required.
type Options struct {
	Issuer  string
	Streams Streams
	Mailbox Mailbox
	Sender  Sender
	// Verifier verifies access tokens: token.Verifier.
	Verifier interface {
		Access(ctx context.Context, raw string) (token.Access, error)
	}
	// Clients finds the client of a token: registry.Registry.
	Clients interface {
		Client(ctx context.Context, id string) (*registry.Client, error)
	}
	// Address and Client bound the requests of an address and of a client.
	Address, Client Limiter
	Actor           func(*http.Request, identity.Ref) identity.Actor
	// Going reports whether the broker is about to stop: who polls is then not kept.
	Going func() bool
	Now   func() time.Time
	Log   *slog.Logger
}

// Transmitter answers receivers.
type Transmitter struct {
	o        Options
	metadata []byte
	// waiting holds a place for every poll that waits.
	waiting *places
}

// metadata is the transmitter's configuration (SSF 1.0, section 7.1). Subjects need not
// be added and cannot be: every stream has all that are appropriate for it.
type metadata struct {
	Version       string              `json:"spec_version"`
	Issuer        string              `json:"issuer"`
	JWKS          string              `json:"jwks_uri"`
	Methods       []string            `json:"delivery_methods_supported"`
	Configuration string              `json:"configuration_endpoint"`
	Status        string              `json:"status_endpoint"`
	Verification  string              `json:"verification_endpoint"`
	Schemes       []map[string]string `json:"authorization_schemes"`
	Subjects      string              `json:"default_subjects"`
}

// New returns a Transmitter.
func New(o Options) (*Transmitter, error) {
	body, err := json.Marshal(metadata{
		Version: "1_0", Issuer: o.Issuer, JWKS: o.Issuer + "/jwks", Methods: []string{signal.Push, signal.Poll},
		Configuration: o.Issuer + "/ssf/stream", Status: o.Issuer + "/ssf/status", Verification: o.Issuer + "/ssf/verification",
		Schemes: []map[string]string{{"spec_urn": "urn:ietf:rfc:6749"}}, Subjects: "ALL",
	})
	if err != nil {
		return nil, fmt.Errorf("metadata of signals: %w", err)
	}
	return &Transmitter{o: o, metadata: body, waiting: newPlaces(mostWaiting, mostOfOne)}, nil
}

// readers are the scopes that allow to read, and to poll.
func readers() []string { return []string{catalog.ScopeSignalsRead, catalog.ScopeSignalsManage} }

// Mount adds the routes.
func (t *Transmitter) Mount(mux *http.ServeMux) {
	read, manage := readers(), []string{catalog.ScopeSignalsManage}
	mux.HandleFunc("GET /.well-known/ssf-configuration", t.configuration)
	mux.HandleFunc("POST /ssf/stream", t.as(manage, t.create))
	mux.HandleFunc("GET /ssf/stream", t.as(read, t.read))
	mux.HandleFunc("PATCH /ssf/stream", t.as(manage, t.update))
	mux.HandleFunc("PUT /ssf/stream", t.as(manage, t.replace))
	mux.HandleFunc("DELETE /ssf/stream", t.as(manage, t.remove))
	mux.HandleFunc("GET /ssf/status", t.as(read, t.status))
	mux.HandleFunc("POST /ssf/status", t.as(manage, t.setStatus))
	mux.HandleFunc("POST /ssf/verification", t.as(manage, t.verify))
	mux.HandleFunc("POST /ssf/poll/{id}", t.as(read, t.poll))
}

// configuration answers the metadata, which is public (SSF 1.0, section 7.1.1).
func (t *Transmitter) configuration(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(t.metadata) // the peer may have gone
}
