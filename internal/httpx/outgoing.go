package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of outgoing requests.
var (
	ErrForbiddenAddress  = fault.New(fault.Denied, "address_forbidden", "this address must not be called from here")
	ErrForbiddenRedirect = fault.New(fault.Denied, "redirect_forbidden", "the answer redirects to where it must not be followed")
	ErrResponseTooLarge  = fault.New(fault.Unavailable, "response_too_large", "the answer is larger than is accepted")
)

// OutgoingOptions say what a client may reach. The zero value is the strict one.
type OutgoingOptions struct {
	// AllowLoopback permits 127.0.0.0/8 and ::1, with http too: for the demo and tests.
	AllowLoopback bool
	// AllowedNetworks are internal networks that an operator opened by name, with
	// http too. Metadata services stay closed.
	AllowedNetworks []netip.Prefix
	// Timeout bounds a whole exchange, redirects and body included; 0 means 10 s.
	Timeout time.Duration
	// MaxBytes bounds a body after decompression; 0 means 1 MiB.
	MaxBytes int64
	// MaxRedirects is how many redirects a GET or HEAD may follow; 0 means 3,
	// below 0 none. Other methods never follow: their body may hold a secret.
	MaxRedirects int
	// RootCAs replaces the system's trusted roots when set.
	RootCAs *x509.CertPool
}

// NewClient returns a client for addresses that somebody else chose. http is
// only spoken with loopback and AllowedNetworks; proxies of the environment are
// not used, as they would resolve names behind the guard's back.
func NewClient(o OutgoingOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxRedirects == 0 {
		o.MaxRedirects = 3
	}
	guard := Guard{AllowLoopback: o.AllowLoopback, AllowedNetworks: o.AllowedNetworks}
	dialer := &net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second, ControlContext: guard.control}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: redirects(o.MaxRedirects),
		Transport: &bounded{max: o.MaxBytes, base: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        90 * time.Second,
		}},
	}
}

// redirects follows up to limit redirects of requests without a body, never out
// of https. Where each leads is checked when it is dialled.
func redirects(limit int) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first, last := via[0], via[len(via)-1]
		if first.Method != http.MethodGet && first.Method != http.MethodHead {
			return fmt.Errorf("%w: the request was a %s", ErrForbiddenRedirect, first.Method)
		}
		if len(via) > limit {
			return fmt.Errorf("%w: more than %d redirects", ErrForbiddenRedirect, max(limit, 0))
		}
		if last.URL.Scheme == "https" && next.URL.Scheme != "https" {
			return fmt.Errorf("%w: from https to %s", ErrForbiddenRedirect, next.URL.Scheme)
		}
		return nil
	}
}

// plainKey marks the context of a request in plain http for the dialer.
type plainKey struct{}

// bounded refuses other schemes and caps what is read of the answer.
type bounded struct {
	base *http.Transport
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.User != nil:
		return nil, fmt.Errorf("%w: the URL has user information", ErrForbiddenAddress)
	case r.URL.Scheme == "http":
		r = r.WithContext(context.WithValue(r.Context(), plainKey{}, true))
	case r.URL.Scheme != "https":
		return nil, fmt.Errorf("%w: scheme %q", ErrForbiddenAddress, r.URL.Scheme)
	}
	resp, err := b.base.RoundTrip(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it with method and URL
	}
	if resp.ContentLength > b.max {
		_ = resp.Body.Close() // the refusal is the error that counts
		return nil, ErrResponseTooLarge
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: b.max}
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (b *bounded) CloseIdleConnections() { b.base.CloseIdleConnections() }

// capped fails with ErrResponseTooLarge where io.LimitReader would end quietly.
type capped struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	if int64(n) > c.left {
		n, c.left = int(c.left), 0
		return n, ErrResponseTooLarge
	}
	c.left -= int64(n)
	return n, err //nolint:wrapcheck // io.EOF must stay io.EOF
}

// control is a net.Dialer.ControlContext: it sees the address that is really
// dialled, after name resolution.
func (g Guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForbiddenAddress, err)
	}
	if plain, _ := ctx.Value(plainKey{}).(bool); plain && !g.opened(to.Addr()) {
		return fmt.Errorf("%w: plain http to %s", ErrForbiddenAddress, to.Addr())
	}
	return g.Check(to.Addr())
}
