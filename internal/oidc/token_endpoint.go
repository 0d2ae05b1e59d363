package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// tokenRequest is a token request of a client that has proved itself.
type tokenRequest struct {
	http   *http.Request
	form   url.Values
	client *registry.Client
	rev    uint64 // applied before the client was read
	now    time.Time
	// person and decision are set by subjectUsable, for a grant that is a person's.
	person   directory.Person
	decision entitlement.Decision
	// minted is what the access token says that is about to be handed out.
	minted token.Access
}

// tokenGrant turns an authenticated request into an answer. It is called by the
// pipeline only, after every check that all grants share. It mints through
// Provider.mint and has its audit event durable when it returns.
type tokenGrant func(*Provider, *tokenRequest) (*tokenAnswer, error)

// tokenAnswer is the JSON of a successful answer (RFC 6749, section 5.1).
type tokenAnswer struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	ID      string `json:"id_token,omitempty"`
	Scope   string `json:"scope,omitempty"`
	// IssuedType is what Access is, for an exchange (RFC 8693, section 2.2.1).
	IssuedType string `json:"issued_token_type,omitempty"`
}

// token is the one pipeline of the token endpoint: form → client → grant type →
// the client's state → grant (policy, mint, audit) → answer.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	rev := p.o.Revocations.Applied()
	form, err := formOf(r)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	c, err := p.authenticate(r, form)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	kind := form.Get("grant_type")
	issue, err := p.admit(c, kind, rev)
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	req := &tokenRequest{http: r, form: form, client: c, rev: min(rev, c.Rev), now: p.o.Now().UTC().Truncate(time.Microsecond)}
	answer, err := issue(p, req)
	if err == nil {
		err = p.o.Note(r.Context(), req.minted)
	}
	if err != nil {
		p.oauthError(w, r, err)
		return
	}
	p.o.Issued(kind)
	writeJSON(w, http.StatusOK, answer)
}

// admit returns the grant of a type that the client may use now.
func (p *Provider) admit(c *registry.Client, kind string, rev uint64) (tokenGrant, error) {
	issue, known := p.grants[kind]
	switch {
	case kind == "":
		return nil, invalidRequest("grant_type is missing")
	case !known:
		return nil, oauthFault(fault.Invalid, "unsupported_grant_type", "this grant type is not supported")
	case !slices.Contains(c.GrantTypes, kind):
		return nil, oauthFault(fault.Invalid, "unauthorized_client", "the app's manifest does not name this grant type")
	}
	return issue, p.usable(c, min(rev, c.Rev))
}

// Admits returns a client, and the revocation number that was applied before it was
// read, if a token request of its for this grant type got as far as the grant once it
// has proved itself. It fails with what such a request fails with.
func (p *Provider) Admits(ctx context.Context, id, grantType string) (*registry.Client, uint64, error) {
	rev := p.o.Revocations.Applied()
	c, err := p.o.Clients.Client(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	_, err = p.admit(c, grantType, rev)
	return c, min(rev, c.Rev), err
}

// usable refuses a client whose app is disabled, incomplete or revoked.
func (p *Provider) usable(c *registry.Client, rev uint64) error {
	if c.Disabled || len(c.Missing) > 0 {
		return oauthFault(fault.Invalid, "invalid_client", "the app is switched off or not complete")
	}
	if err := p.o.Revocations.Check(rev, c.Refs()...); err != nil {
		return revoked(err, "invalid_client")
	}
	return nil
}

// revoked turns a refusal of the sequence into an OAuth error, and leaves a
// sequence that cannot tell what it is: unavailable.
func revoked(err error, code string) error {
	if fault.KindOf(err) == fault.Denied {
		return fault.Wrap(err, fault.Invalid, code, "this was revoked")
	}
	return err
}

// mint makes the access token, and the ID token for a request with openid.
func (p *Provider) mint(req *tokenRequest, s grant.Subject, grantID string, scopes []string, nonce string) (*tokenAnswer, event.Event, error) {
	alg := req.algorithm()
	life := accessLife
	audience := s.Audience
	if audience == "" {
		audience = p.o.Issuer
	} else {
		target, err := p.o.Clients.Audience(req.http.Context(), audience)
		if err != nil {
			return nil, event.Event{}, oauthFault(fault.Invalid, "invalid_target", "the API is no longer there")
		}
		if target.MaxTTL > 0 {
			life = min(life, target.MaxTTL)
		}
		mode := catalog.BySignIn
		if s.Person == "" {
			mode = catalog.ByItself
		}
		scopes = agreedNow(req.client, target, mode, scopes)
	}
	a := token.Access{
		Subject: s.Person, Audience: audience, Client: s.Client, Scopes: scopes, ID: identity.NewOrderedID(req.now),
		Issued: req.now, Expires: req.now.Add(life), ACR: s.Authentication.ACR, AMR: s.Authentication.AMR,
		Session: s.Session, Person: s.Person, Connection: s.Connection, App: s.App, Grant: grantID, Rev: s.Rev, Era: p.o.Era,
	}
	if s.Person == "" {
		a.Subject = s.Client
	} else {
		a.AuthTime = s.Authentication.Time
	}
	req.minted = a
	access, err := p.o.Minter.Access(alg, a)
	if err != nil {
		return nil, event.Event{}, tooLong(err)
	}
	answer := &tokenAnswer{Access: access, Type: "Bearer", Expires: int64(life.Seconds()), Scope: strings.Join(scopes, " ")}
	if s.Person != "" && slices.Contains(scopes, "openid") {
		answer.ID, err = p.mintID(alg, token.ID{
			Subject: s.Person, Audience: s.Client, Issued: a.Issued, Expires: req.now.Add(idLife), AuthTime: a.AuthTime,
			Nonce: nonce, ACR: a.ACR, AMR: a.AMR, Session: s.Session, AccessToken: access,
			Connection: s.Connection, App: s.App, Grant: grantID, Rev: s.Rev, Era: p.o.Era,
			// Most relying parties read the person from here and ask userinfo for
			// nothing (OpenID Connect Core, section 5.4, allows both).
			Extra: claims.ForScopes(req.person, req.decision, scopes),
		})
		if err != nil {
			return nil, event.Event{}, err
		}
	}
	issued := event.New(req.now, "token.issued", p.o.Actor(req.http, identity.Client(s.Client)), identity.Ref{Kind: identity.KindToken, ID: a.ID},
		"grant_type", req.form.Get("grant_type"), "app", s.App, "person", s.Person, "audience", audience, "scope", answer.Scope, "grant", grantID,
		"life", life.String(), "session", a.Session, "connection", a.Connection, "rev", strconv.FormatUint(a.Rev, 10), "key", p.signingKey(req))
	return answer, issued, nil
}

// mintID mints an id_token without the groups, and then without the roles, of somebody who
// has more than fit into one: userinfo tells all of them (OpenID Connect Core, section 5.4).
func (p *Provider) mintID(alg keys.Algorithm, t token.ID) (string, error) {
	raw, err := p.o.Minter.ID(alg, t)
	for _, many := range []string{"groups", "roles"} {
		if !errors.Is(err, token.ErrTooLong) {
			break
		}
		delete(t.Extra, many)
		raw, err = p.o.Minter.ID(alg, t)
	}
	return raw, err
}

// tooLong tells a client what it can do about an access token that would be too long.
func tooLong(err error) error {
	if errors.Is(err, token.ErrTooLong) {
		return fault.Wrap(err, fault.Invalid, "invalid_scope", "%s: ask for fewer scopes at a time", token.ErrTooLong.Detail)
	}
	return err
}

// algorithm is what the client's tokens are signed with.
func (req *tokenRequest) algorithm() keys.Algorithm {
	if req.client.SigningAlg == "" {
		return keys.ES256
	}
	return keys.Algorithm(req.client.SigningAlg)
}

// signingKey is the kid that the client's tokens are signed with, for the audit entry.
func (p *Provider) signingKey(req *tokenRequest) string {
	s, err := p.o.Ring.Signer(req.algorithm())
	if err != nil {
		return "" // and nothing was signed
	}
	return s.KID()
}

// oauthFault is a fault whose code is an OAuth error code.
func oauthFault(kind fault.Kind, code, detail string) *fault.Error {
	return fault.New(kind, code, "%s", detail)
}

func invalidRequest(detail string) *fault.Error {
	return oauthFault(fault.Invalid, "invalid_request", detail)
}

func invalidGrant(cause error) *fault.Error {
	return fault.Wrap(cause, fault.Invalid, "invalid_grant", "the code or token is not valid for this client")
}

// errInvalidClient tells nothing apart: unknown client, wrong secret, wrong method.
var errInvalidClient = fault.New(fault.Unauthenticated, "invalid_client", "the client could not be authenticated")

// oauthError answers an error in the JSON of RFC 6749, section 5.2.
func (p *Provider) oauthError(w http.ResponseWriter, r *http.Request, err error) {
	httpx.Report(r.Context(), err)
	f := fault.As(err)
	code, status, detail := f.Code, http.StatusBadRequest, f.Detail
	switch {
	case code == "invalid_client":
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="token", charset="UTF-8"`)
	case f.Kind == fault.TooMany:
		code, status = "temporarily_unavailable", http.StatusTooManyRequests
		w.Header().Set("Retry-After", httpx.RetryAfter(err))
	case f.Kind == fault.Unavailable:
		code, status = "temporarily_unavailable", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	case f.Kind == fault.Internal:
		code, status, detail = "server_error", http.StatusInternalServerError, "something went wrong on our side"
		p.o.Log.ErrorContext(r.Context(), "token request failed", "error", err)
	case errors.Is(err, httpx.ErrMethod):
		code, status = "invalid_request", http.StatusMethodNotAllowed
		w.Header().Set("Allow", "POST")
	case errors.Is(err, httpx.ErrRepeated) && (f.Pointer == "audience" || f.Pointer == "resource"):
		// They may come more than once (RFC 8693, section 2.1; RFC 8707, section 2), for who
		// makes tokens for several. We make none.
		code, detail = "invalid_target", "a token is for one API: "+f.Pointer+" must not be sent twice"
	case !oauthCodes[code]:
		code = "invalid_request"
		if f.Pointer != "" {
			detail += ": " + f.Pointer
		}
	}
	writeJSON(w, status, map[string]string{"error": code, "error_description": detail})
}

// oauthCodes may be answered as they are.
var oauthCodes = map[string]bool{
	"invalid_request": true, "invalid_grant": true, "unauthorized_client": true, "unsupported_grant_type": true,
	"invalid_scope": true, "invalid_target": true, "unsupported_token_type": true,
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer may have gone
}
