package app

import (
	"cmp"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
)

// limits are the configured ones, for whom they concern.
type limits struct {
	provider oidc.Limits
	signIns  *httpx.Limiter
	apiToken *httpx.Limiter
	scim     *httpx.Limiter
}

// openLimits makes the limits. What this replica counts alone is in a memory of its
// own, so that nobody fills the one that sign-ins need.
func (p *parts) openLimits() limits {
	c, local := p.cfg.Limits, cache.NewMemory(p.now, time.Time{})
	var shared cache.Pacer
	if p.cfg.Redis.URL != "" {
		shared = p.memory
	}
	limit := func(name string, perMinute int64) *httpx.Limiter {
		return httpx.NewLimiter(httpx.LimiterOptions{
			Shared: shared, Local: local, Purpose: cache.Purpose("limit-" + name), PerMinute: perMinute, Now: p.now, Refused: p.metrics.Limited(name),
		})
	}
	// A follower stays with one replica mostly, and asks often: replicas count alone.
	follower := httpx.NewLimiter(httpx.LimiterOptions{
		Local: local, Purpose: "limit-follower", PerMinute: c.Follower, Now: p.now, Refused: p.metrics.Limited("follower"),
	})
	return limits{
		provider: oidc.Limits{
			ClientFailures: limit("client_failures", c.ClientFailures), AddressFailures: limit("address_failures", c.AddressFailures),
			Client: limit("client", c.Client), Address: limit("address", c.Address), Person: limit("person", c.Person), Follower: follower,
		},
		signIns: limit("sign_ins", c.SignIns), apiToken: limit("api_token", c.APIToken), scim: limit("scim", c.SCIM),
	}
}

// api bounds the management API on the network: requests of an address and of a
// token, and tokens that are none.
func (l limits) api(who rest.Authenticate) rest.Authenticate {
	return func(r *http.Request) (admin.Principal, error) {
		ctx, address := r.Context(), httpx.ClientNetwork(r)
		if err := cmp.Or(l.provider.Address.Count(ctx, address), l.provider.AddressFailures.Check(address)); err != nil {
			return admin.Principal{}, err
		}
		principal, err := who(r)
		switch {
		case err == nil:
			err = l.apiToken.Count(ctx, principal.Ref.String())
		case fault.KindOf(err) == fault.Unauthenticated && r.Header.Get("Authorization") != "":
			err = cmp.Or(l.provider.AddressFailures.Count(ctx, address), err)
		}
		return principal, err
	}
}
