package httpx

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// facts is what Edge found out about a request. It travels in the context.
type facts struct {
	id, address string
	failure     atomic.Pointer[error]
	// body is the body without a bound, answer what the answer is written to: see WholeBody.
	body   io.Reader
	answer http.ResponseWriter
}

type factsKey struct{}

func factsOf(ctx context.Context) *facts {
	f, _ := ctx.Value(factsKey{}).(*facts)
	return f
}

// RequestID returns the id of the request that ctx belongs to, or "" outside of
// one. It is in the X-Request-Id header of the answer, in every log line, audit
// entry and problem.
func RequestID(ctx context.Context) string {
	if f := factsOf(ctx); f != nil {
		return f.id
	}
	return ""
}

// ClientAddress returns the IP address of who asks, seen through the trusted
// proxies; "" when there is none, as on a Unix socket.
func ClientAddress(r *http.Request) string {
	if f := factsOf(r.Context()); f != nil {
		return f.address
	}
	return text(peer(r))
}

// Actor returns who as the actor of a change made in this request.
func Actor(r *http.Request, who identity.Ref) identity.Actor {
	return identity.Actor{Ref: who, Address: ClientAddress(r), Request: RequestID(r.Context())}
}

// Report notes why the request failed, for its event line. Problem does so by
// itself; a face with another error format calls it. The last report stays.
func Report(ctx context.Context, err error) {
	if f := factsOf(ctx); f != nil && err != nil {
		f.failure.Store(&err)
	}
}

// Failure returns what was reported of the request, or nil.
func Failure(ctx context.Context) error {
	if f := factsOf(ctx); f != nil {
		if err := f.failure.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// peer is the address at the other end of the connection, the zero Addr when it
// has none.
func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func withFacts(ctx context.Context, f *facts) context.Context {
	return context.WithValue(ctx, factsKey{}, f)
}
