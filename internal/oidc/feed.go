package oidc

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// maxWait is how long a follower of the revocations is let wait for the next one.
const maxWait = 10 * time.Second

// Feed is the part of revoke.Sequence that resource servers follow.
type Feed interface {
	Page(ctx context.Context, after uint64, wait time.Duration) (revoke.Page, error)
}

// revocations is the answer to a resource server that follows what was revoked.
type revocations struct {
	Era   string `json:"era"`
	After uint64 `json:"after"`
	Head  uint64 `json:"head"`
	Floor uint64 `json:"floor"`
	More  bool   `json:"more"`
	// Current is when the answer was complete: milliseconds after the request came, below
	// zero for before.
	Current int64         `json:"current"`
	Revoked []revokedItem `json:"revoked"`
}

type revokedItem struct {
	Number uint64 `json:"number"`
	Ref    string `json:"ref"`
}

// revocations tells an API what was revoked above a number, in terms that mean
// something only to who holds a token with the ids in it: see revoke.Blind. The client
// is that of the app that serves the API.
func (p *Provider) revocations(w http.ResponseWriter, r *http.Request) {
	came := p.o.Now()
	form, err := formOf(r)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	c, err := p.authenticateWithin(r, form, p.o.Limits.Follower, nil) // an API asks again at once, for as long as it runs
	if err == nil && c.Method == registry.AuthNone {
		err = errInvalidClient
	}
	if err == nil {
		err = p.usable(c, c.Rev)
	}
	var after uint64
	var wait time.Duration
	if err == nil {
		after, wait, err = followed(form)
	}
	if err == nil {
		err = p.serves(r.Context(), c, form.Get("audience"))
	}
	release := func() {}
	if err == nil && wait > 0 {
		release, err = p.held.take(c.ID)
	}
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	defer release()
	page, err := p.o.Feed.Page(r.Context(), after, wait)
	if r.Context().Err() != nil {
		return // nobody is left to be told
	}
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, revocations{
		Era: p.o.Era, After: page.After, Head: page.Head, Floor: page.Floor, More: page.More,
		Current: (p.o.Now().Sub(came) - page.Age).Milliseconds(), Revoked: blinded(page.Entries, form.Get("audience")),
	})
}

// followed reads from which number on, and how long, a request follows.
func followed(form url.Values) (after uint64, wait time.Duration, err error) {
	if text := form.Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, invalidRequest("after is not a revocation number")
		}
	}
	if text := form.Get("wait"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 16)
		if err != nil || time.Duration(seconds)*time.Second > maxWait {
			return 0, 0, invalidRequest("wait is a number of seconds, 10 at most")
		}
		wait = time.Duration(seconds) * time.Second
	}
	return after, wait, nil
}

// serves refuses a client that neither serves the API nor may introspect its tokens.
func (p *Provider) serves(ctx context.Context, c *registry.Client, audience string) error {
	if audience == "" {
		return invalidRequest("audience is required")
	}
	if slices.Contains(c.Introspects, audience) {
		return nil
	}
	api, err := p.o.Clients.Audience(ctx, audience)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err != nil || api.App != c.App {
		return oauthFault(fault.Invalid, "invalid_target", "the client's app does not serve this audience")
	}
	return nil
}

// blinded leaves out what no token carries.
func blinded(entries []revoke.Entry, audience string) []revokedItem {
	all := make([]revokedItem, 0, len(entries))
	for _, e := range entries {
		if e.Ref.Kind != identity.KindSettings {
			all = append(all, revokedItem{Number: e.Number, Ref: revoke.Blind(audience, e.Ref)})
		}
	}
	return all
}
