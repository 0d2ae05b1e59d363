package httpx

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// maxBody bounds every request's body, in bytes, unless it is below one of
// EdgeOptions.Large; a handler may ask for less.
const maxBody = 4 << 20

// EdgeOptions are what the edge must know of the world around it.
type EdgeOptions struct {
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	// TrustedProxies may say who the client is, by X-Forwarded-For and -Proto.
	TrustedProxies []netip.Prefix
	// Secure says that the public address is https.
	Secure bool
	// Large are how many bytes a body may have below paths that take more than others:
	// by the path without Prefix, with a slash at its end.
	Large map[string]int64
}

// body is how many bytes a body may have at a path.
func (o EdgeOptions) body(path string) int64 {
	path = strings.TrimPrefix(path, o.Prefix)
	for below, most := range o.Large {
		if strings.HasPrefix(path, below) {
			return most
		}
	}
	return maxBody
}

// beforePath are the well-known paths that stand before an issuer's own path, where
// everything else of ours stands after it (RFC 8414, section 3; OpenID Shared Signals
// Framework 1.0, section 7.2).
var beforePath = []string{"/.well-known/oauth-authorization-server", "/.well-known/ssf-configuration"}

// Edge is the outermost middleware: it finds out who asks, gives the request an
// id, bounds the body, strips the prefix and sets the headers of every answer.
func Edge(o EdgeOptions, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := &facts{id: identity.NewID(), address: text(peer(r)), body: r.Body, answer: w}
		if within(peer(r), o.TrustedProxies) {
			f.address = text(forwardedFor(r, o.TrustedProxies))
		}
		h := w.Header()
		h.Set("X-Request-Id", f.id)
		h.Set("X-Content-Type-Options", "nosniff")
		// What a handler does not think of, such as a redirect or an error of the
		// mux, is kept by nobody, tells nobody where it came from and runs nothing.
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if o.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		r = r.WithContext(withFacts(r.Context(), f))
		r.Body = http.MaxBytesReader(w, r.Body, o.body(r.URL.Path))
		if o.Prefix == "" {
			next.ServeHTTP(w, r)
			return
		}
		if wellKnown, ok := strings.CutSuffix(r.URL.Path, o.Prefix); ok && slices.Contains(beforePath, wellKnown) {
			r.URL.Path = o.Prefix + wellKnown
			r.URL.RawPath = ""
		}
		http.StripPrefix(o.Prefix, next).ServeHTTP(w, r)
	})
}

// forwardedFor walks X-Forwarded-For from the right to the first address that is
// not a trusted proxy: everything left of it may be made up.
func forwardedFor(r *http.Request, trusted []netip.Prefix) netip.Addr {
	at := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return at
		}
		if at = plain(a); !within(at, trusted) {
			return at
		}
	}
	return at
}

// Recover turns a panic into a problem. log gets the fault with its stack.
func Recover(log func(r *http.Request, err error, stack []byte), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(p)
			}
			err := fault.Wrap(fmt.Errorf("panic: %v", p), fault.Internal, "internal", "something went wrong on our side")
			log(r, err, debug.Stack())
			Problem(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}
