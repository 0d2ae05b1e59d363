package verify

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Verifier verifies the access tokens of one broker for one API. Issuer and Audience
// are required; the zero value of every other field is a good choice. Fields must not be
// changed once it is used. It is safe for concurrent use.
type Verifier struct {
	// Issuer is the broker's issuer, as its metadata spells it.
	Issuer string
	// Audience is the API's name: identity.resource.audience of its app's manifest.
	Audience string
	// Client proves the API's own client to the broker, which tells it by Follow what was
	// revoked. With nil, tokens are good until they expire.
	Client Credentials
	// HTTP asks the broker; nil is a client with the default transport. Redirects are
	// refused in any case, and every request has an end.
	HTTP *http.Client
	// Leeway is how far the broker's clock may be ahead (iat, nbf); 0 is 30 s. No token is
	// good for longer than it says.
	Leeway time.Duration
	// Staleness is how long the broker's last word on revocations counts; 0 is 5 s.
	Staleness time.Duration
	// KeysStale is how long keys count while the broker does not answer; 0 is an hour.
	KeysStale time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log is told why tokens are refused by Handler, and when the broker stops answering;
	// nil is nobody.
	Log *slog.Logger

	once  sync.Once
	asks  broker
	keys  keySet
	feed  feed
	clock func() time.Time
	log   *slog.Logger
}

// The defaults of the fields that are zero.
const (
	defaultLeeway    = 30 * time.Second
	defaultStaleness = 5 * time.Second
	defaultKeysStale = time.Hour
)

func (v *Verifier) ready() {
	v.once.Do(func() {
		if v.clock = v.Now; v.clock == nil {
			v.clock = time.Now
		}
		if v.log = v.Log; v.log == nil {
			v.log = slog.New(slog.DiscardHandler)
		}
		v.asks.issuer, v.asks.client = v.Issuer, http.Client{Transport: http.DefaultTransport}
		if v.HTTP != nil {
			v.asks.client = *v.HTTP
		}
		v.asks.client.CheckRedirect, v.asks.client.Timeout = refuseRedirect, 0 // requests have ends of their own
		v.keys = keySet{asks: &v.asks, now: v.clock, log: v.log, stale: or(v.KeysStale, defaultKeysStale)}
		v.feed.stale = or(v.Staleness, defaultStaleness)
	})
}

func or(set, otherwise time.Duration) time.Duration {
	if set == 0 {
		return otherwise
	}
	return set
}

// Verify returns what a good token says. ctx bounds the wait for keys that have to be
// read first. It fails with ErrInvalid, which ErrExpired and ErrRevoked are, too, or with
// ErrUnavailable.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Claims, error) {
	v.ready()
	token, err := split(raw)
	if err != nil {
		return nil, refuse(ErrInvalid, err.Error())
	}
	k, err := v.keys.find(ctx, token.kid)
	if err != nil {
		return nil, err
	}
	if !k.verifies(token) {
		return nil, refuse(ErrInvalid, "the signature is wrong")
	}
	c, err := parseClaims(token.payload, token.kid)
	if err != nil {
		return nil, refuse(ErrInvalid, err.Error())
	}
	ahead := v.clock().Add(or(v.Leeway, defaultLeeway))
	switch {
	case c.Issuer != v.Issuer:
		return nil, refuse(ErrInvalid, "the issuer is another")
	case c.Audience != v.Audience:
		return nil, refuse(ErrInvalid, "the token is for another API")
	case c.Issued.After(ahead), c.NotBefore.After(ahead):
		return nil, refuse(ErrInvalid, "the token is from the future")
	}
	if err := v.Check(c, Requirement{}); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reports whether what Verify returned is still good, and is enough for need. It
// asks nobody: a handler that goes on for long may call it as often as it likes. Besides
// with what Verify fails with, it fails with ErrScope or ErrAuthentication.
func (v *Verifier) Check(c *Claims, need Requirement) error {
	v.ready()
	now := v.clock()
	if !now.Before(c.Expires) {
		return refuse(ErrExpired, "")
	}
	if v.Client != nil {
		if err := v.feed.check(now, v.Audience, c); err != nil {
			return err
		}
	}
	return need.met(c, now)
}

// Ready fails with ErrUnavailable while no token could be accepted: it is made for
// readiness probes, and for waiting until Follow has heard from the broker.
func (v *Verifier) Ready(ctx context.Context) error {
	v.ready()
	if err := v.keys.have(ctx); err != nil {
		return err
	}
	if v.Client == nil {
		return nil
	}
	return v.feed.fresh(v.clock())
}
