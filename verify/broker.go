package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Bounds of what is read from the broker.
const (
	askTimeout  = 5 * time.Second
	maxMetadata = 64 << 10
	maxKeys     = 256 << 10
	maxFeed     = 2 << 20
)

var errRedirect = errors.New("the broker answers with a redirect, which is not followed")

func refuseRedirect(*http.Request, []*http.Request) error { return errRedirect }

// broker asks the broker over HTTP.
type broker struct {
	issuer string
	client http.Client

	mu    sync.Mutex
	found *endpoints
}

// endpoints are where things are, as the broker's metadata has it.
type endpoints struct{ keys, feed string }

// endpoints reads the metadata (OpenID Connect Discovery, section 4) when it is first
// needed, and after forget.
func (b *broker) endpoints(ctx context.Context) (endpoints, error) {
	b.mu.Lock()
	found := b.found
	b.mu.Unlock()
	if found != nil {
		return *found, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(b.issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return endpoints{}, fmt.Errorf("metadata: %w", err)
	}
	answer, _, err := b.do(req, maxMetadata)
	if err != nil {
		return endpoints{}, fmt.Errorf("metadata: %w", err)
	}
	m := &members{object: answer}
	got := endpoints{keys: m.text("jwks_uri"), feed: m.text("revocation_feed_endpoint")}
	switch {
	case m.text("issuer") != b.issuer:
		return endpoints{}, errors.New("metadata: the issuer is another")
	case m.wrong != nil:
		return endpoints{}, fmt.Errorf("metadata: %w", m.wrong)
	case !sameScheme(b.issuer, got.keys):
		return endpoints{}, errors.New("metadata: jwks_uri is no address of the issuer's scheme")
	case got.feed != "" && !sameScheme(b.issuer, got.feed):
		return endpoints{}, errors.New("metadata: revocation_feed_endpoint is no address of the issuer's scheme")
	}
	b.mu.Lock()
	b.found = &got
	b.mu.Unlock()
	return got, nil
}

// forget has the metadata read anew.
func (b *broker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found = nil
}

// sameScheme keeps what was https from being asked for in the clear.
func sameScheme(issuer, address string) bool {
	a, err := url.Parse(address)
	i, other := url.Parse(issuer)
	return err == nil && other == nil && a.Host != "" && a.Scheme == i.Scheme
}

// errStatus is an answer that is none.
type errStatus struct {
	status int
	wait   time.Duration // as Retry-After has it
}

func (e *errStatus) Error() string { return fmt.Sprintf("the broker answers %d", e.status) }

// do sends a request and reads a JSON object of at most limit bytes.
func (b *broker) do(req *http.Request, limit int64) (object, http.Header, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, nil, &errStatus{res.StatusCode, seconds(res.Header.Get("Retry-After"))}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(raw)) > limit {
		return nil, nil, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	answer, err := parseObject(raw)
	return answer, res.Header, err
}

// seconds reads a number of seconds, 0 for anything else.
func seconds(text string) time.Duration {
	d, err := time.ParseDuration(strings.TrimSpace(text) + "s")
	if err != nil || d < 0 {
		return 0
	}
	return d
}
