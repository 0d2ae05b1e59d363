package oidc

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// errNotAllowed refuses the token of a person who may no longer use the app.
var errNotAllowed = fault.New(fault.Unauthenticated, "token_entitlement", "the person may no longer use the app")

// errAnotherAPI refuses a token whose audience is not this provider.
var errAnotherAPI = fault.New(fault.Unauthenticated, "token_audience", "the token is for another API")

// challenge begins every challenge of userinfo (RFC 6750, section 3).
const challenge = `Bearer realm="userinfo"`

// userinfo answers the claims of the person (OpenID Connect Core, section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	raw, err := bearer(r)
	if err == nil {
		err = p.o.Limits.Address.Count(r.Context(), httpx.ClientNetwork(r))
	}
	if err != nil {
		p.bearerError(w, r, err)
		return
	}
	a, err := p.o.Verifier.Access(r.Context(), raw)
	if err != nil {
		p.bearerError(w, r, err)
		return
	}
	if a.Audience != p.o.Issuer || a.Person == "" {
		p.bearerError(w, r, errAnotherAPI)
		return
	}
	if !slices.Contains(a.Scopes, "openid") {
		w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="openid"`)
		writeJSON(w, http.StatusForbidden, map[string]string{"error": "insufficient_scope"})
		return
	}
	answer, err := p.claimsOf(r, a, a.Scopes)
	if err != nil {
		p.bearerError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) claimsOf(r *http.Request, a token.Access, scopes []string) (map[string]any, error) {
	person, err := p.o.People.Usable(r.Context(), a.Person, a.Connection)
	if err != nil {
		return nil, err
	}
	c, err := p.o.Clients.Client(r.Context(), a.Client)
	if err != nil {
		return nil, err
	}
	d, err := p.o.Entitlements.Check(r.Context(), person, c)
	if err != nil {
		return nil, err
	}
	if !d.Allowed {
		return nil, errNotAllowed
	}
	answer := map[string]any{"sub": a.Subject}
	maps.Copy(answer, claims.ForScopes(person, d, scopes))
	return answer, nil
}

// stillEntitled decides anew whether the person may use every app of the token's line,
// and the API that it is for. Nobody is refused by what was read a while ago.
func (p *Provider) stillEntitled(ctx context.Context, a token.Access) error {
	if person, _, err := p.o.People.Recently(ctx, a.Person, a.Connection); err == nil && p.entitledAt(ctx, person, a) == nil {
		return nil
	}
	person, err := p.o.People.Usable(ctx, a.Person, a.Connection)
	if err != nil {
		return err
	}
	return p.entitledAt(ctx, person, a)
}

func (p *Provider) entitledAt(ctx context.Context, person directory.Person, a token.Access) error {
	line := append(slices.Clip(a.Via), a.Link())
	for i, l := range line {
		if l.Client == "" || i > 0 && l.Client == line[i-1].Client {
			continue // a link that no client of ours had, or one that was asked about
		}
		c, err := p.o.Clients.Client(ctx, l.Client)
		if err != nil {
			return err
		}
		if err := p.allowed(ctx, person, c); err != nil {
			return err
		}
	}
	if a.Audience == p.o.Issuer {
		return nil
	}
	api, err := p.o.Clients.Audience(ctx, a.Audience)
	if err != nil {
		return err
	}
	return p.allowed(ctx, person, serving(api))
}

func (p *Provider) allowed(ctx context.Context, person directory.Person, c *registry.Client) error {
	d, err := p.o.Entitlements.Check(ctx, person, c)
	if err == nil && !d.Allowed {
		err = errNotAllowed
	}
	return err
}

// bearer takes the token from the header, or from the form of a POST (RFC 6750).
func bearer(r *http.Request) (string, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return "", httpx.ErrMethod
	}
	if len(r.Header.Values("Authorization")) > 1 {
		return "", invalidRequest("the token comes once")
	}
	header := r.Header.Get("Authorization")
	scheme, raw, _ := strings.Cut(header, " ")
	inForm := r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	if inForm {
		form, err := formOf(r)
		if err != nil {
			return "", err
		}
		if form.Has("access_token") {
			if header != "" {
				return "", invalidRequest("the token comes in one way at a time")
			}
			return form.Get("access_token"), nil
		}
	}
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return "", fault.New(fault.Unauthenticated, "token_missing", "a token is needed")
	}
	return raw, nil
}

func (p *Provider) bearerError(w http.ResponseWriter, r *http.Request, err error) {
	httpx.Report(r.Context(), err)
	f := fault.As(err)
	switch {
	case f.Kind == fault.Unavailable:
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
	case f.Kind == fault.TooMany:
		w.Header().Set("Retry-After", httpx.RetryAfter(err))
		writeJSON(w, http.StatusTooManyRequests, map[string]string{"error": "temporarily_unavailable", "error_description": f.Detail})
	case f.Kind == fault.Internal:
		p.o.Log.ErrorContext(r.Context(), "userinfo failed", "error", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
	case errors.Is(err, httpx.ErrMethod):
		w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
		writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "invalid_request", "error_description": f.Detail})
	case f.Kind == fault.Invalid:
		w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_request"`)
		writeJSON(w, httpx.Status(err), map[string]string{"error": "invalid_request", "error_description": f.Detail})
	case f.Code == "token_missing":
		w.Header().Set("WWW-Authenticate", challenge)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_request"})
	default:
		w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
	}
}

// introspection is the answer of RFC 7662. Everything but Active is empty for a
// token that is not active, or not the caller's business.
type introspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope,omitempty"`
	Client   string `json:"client_id,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Issued   int64  `json:"iat,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	ID       string `json:"jti,omitempty"`
	Session  string `json:"sid,omitempty"`
	// Act and MayAct are those of the token (RFC 8693, section 4).
	Act    *actor `json:"act,omitempty"`
	MayAct *actor `json:"may_act,omitempty"`
}

// actor is who acts, and on whose behalf (RFC 8693, section 4.1).
type actor struct {
	Subject string `json:"sub"`
	Act     *actor `json:"act,omitempty"`
}

// acting nests actors, the first outermost; nil for none.
func acting(all ...string) (outer *actor) {
	for _, sub := range slices.Backward(all) {
		outer = &actor{Subject: sub, Act: outer}
	}
	return outer
}

// introspect tells a resource server about a token of its audience.
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	form, err := formOf(r)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	c, err := p.authenticate(r, form)
	if err == nil && c.Method == registry.AuthNone {
		err = errInvalidClient
	}
	if err == nil {
		err = p.usable(c, c.Rev)
	}
	if err == nil && form.Get("token") == "" {
		err = invalidRequest("token is required")
	}
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	a, err := p.o.Verifier.Access(r.Context(), form.Get("token"))
	if err == nil && a.Person != "" {
		err = p.stillEntitled(r.Context(), a)
	}
	if fault.KindOf(err) == fault.Unavailable && err != nil {
		p.oauthError(w, r, err)
		return
	}
	if err != nil || (!slices.Contains(c.Introspects, a.Audience) && a.Client != c.ID) {
		writeJSON(w, http.StatusOK, introspection{})
		return
	}
	var mayAct *actor
	if a.MayAct != "" {
		mayAct = acting(a.MayAct)
	}
	writeJSON(w, http.StatusOK, introspection{
		Active: true, Act: acting(a.Actors...), MayAct: mayAct, Scope: strings.Join(a.Scopes, " "), Client: a.Client, Type: "Bearer", Expires: a.Expires.Unix(), Issued: a.Issued.Unix(), Subject: a.Subject,
		Audience: a.Audience, Issuer: a.Issuer, ID: a.ID, Session: a.Session,
	})
}

// revoke ends the grant of a token of the calling client (RFC 7009). A token that
// is unknown or somebody else's gets the same answer.
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	form, err := formOf(r)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	c, err := p.authenticate(r, form)
	if err == nil && form.Get("token") == "" {
		err = invalidRequest("token is required")
	}
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	id, owner, err := p.grantOf(r, form.Get("token"))
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	if id != "" && owner == c.ID {
		e := event.New(p.o.Now(), "grant.revoked", p.o.Actor(r, identity.Client(c.ID)), identity.Grant(id)).Revoking(identity.Grant(id))
		if err := p.o.Grants.Record(r.Context(), []event.Event{e}); err != nil {
			p.oauthError(w, r, err)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// grantOf finds the grant that a token belongs to, and the grant's client: neither
// for a token that is none. It fails when that cannot be told, so that nobody takes
// a token for revoked that is not (RFC 7009, section 2.2.1).
func (p *Provider) grantOf(r *http.Request, raw string) (id, client string, err error) {
	a, err := p.o.Verifier.Access(r.Context(), raw)
	if err == nil || fault.KindOf(err) == fault.Unavailable {
		return a.Grant, a.Client, err
	}
	_, f, err := p.o.Grants.Refresh(r.Context(), hashOf(raw))
	if errors.Is(err, grant.ErrUnknown) {
		return "", "", nil
	}
	return f.ID, f.Subject.Client, err
}
