package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// successorTable names the sealed successors of refresh tokens to the vault.
const successorTable = "refresh_tokens"

// codeGrant redeems an authorization code.
func (p *Provider) codeGrant(req *tokenRequest) (answer *tokenAnswer, err error) {
	form, ctx := req.form, req.http.Context()
	if form.Get("code") == "" || form.Get("redirect_uri") == "" || form.Get("code_verifier") == "" {
		return nil, invalidRequest("code, redirect_uri and code_verifier are required")
	}
	actor := p.o.Actor(req.http, identity.Client(req.client.ID))
	err = p.o.Grants.RedeemCode(ctx, hashOf(form.Get("code")), actor, req.now, func(c grant.Code) (grant.Redemption, error) {
		var r grant.Redemption
		if err := p.fitsCode(req, c); err != nil {
			return r, err
		}
		if err := p.subjectUsable(req, c.Subject, c.Grant, p.o.Sessions.Find); err != nil {
			return r, err
		}
		answer, r, err = p.redeem(req, c)
		return r, err
	})
	return answer, grantTrouble(err)
}

// fitsCode binds the code to its client, redirect URI, verifier and time.
func (p *Provider) fitsCode(req *tokenRequest, c grant.Code) error {
	verifier := req.form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case c.Subject.Client != req.client.ID || c.Subject.App != req.client.App,
		c.RedirectURI != req.form.Get("redirect_uri"),
		len(verifier) < 43 || len(verifier) > 128,
		subtle.ConstantTimeCompare([]byte(challenge), []byte(c.Challenge)) != 1,
		!req.now.Before(c.Expires), c.Subject.Era != p.o.Era:
		return invalidGrant(grant.ErrUnknown)
	case req.form.Has("resource") && req.form.Get("resource") != c.Subject.Audience:
		return oauthFault(fault.Invalid, "invalid_target", "the code is for another resource")
	}
	return nil
}

func (p *Provider) redeem(req *tokenRequest, c grant.Code) (*tokenAnswer, grant.Redemption, error) {
	r := grant.Redemption{Joins: true}
	s := c.Subject
	s.Rev = min(s.Rev, req.rev)
	answer, issued, err := p.mint(req, s, c.Grant, s.Scopes, c.Nonce)
	if err != nil {
		return nil, r, err
	}
	// What was revoked since the code was issued is not begun anew by a refresh token,
	// whose facts are read again.
	if err := p.o.Revocations.Check(req.minted.Rev, req.minted.Refs()...); err != nil {
		return nil, r, revoked(err, "invalid_grant")
	}
	r.Events = append(r.Events, issued)
	if slices.Contains(req.client.GrantTypes, "refresh_token") {
		text, hash := newSecret()
		offline := slices.Contains(s.Scopes, "offline_access")
		expires := req.now.Add(offlineLife)
		r.Family = &grant.Family{ID: c.Grant, Subject: s, Offline: offline, Created: req.now, LastUse: req.now, Expires: expires}
		r.First = &grant.RefreshToken{Hash: hash, Family: c.Grant, Issued: req.now, Expires: expires}
		answer.Refresh = text
	}
	return answer, r, nil
}

// subjectUsable refuses a grant whose person, connection, session or entitlement
// is gone, at the app or at the API that its tokens are for, and notes who it is for the
// id_token. find finds the live session that the grant dies with; nil for none.
func (p *Provider) subjectUsable(req *tokenRequest, s grant.Subject, grantID string, find func(context.Context, string) (session.Session, error)) error {
	ctx := req.http.Context()
	person, err := p.o.People.Usable(ctx, s.Person, s.Connection)
	if err != nil {
		return grantTrouble(err)
	}
	if find != nil {
		if _, err := find(ctx, s.Session); err != nil {
			return grantTrouble(err)
		}
	}
	d, err := p.o.Entitlements.Check(ctx, person, req.client)
	if err != nil {
		return err
	}
	if !d.Allowed {
		return invalidGrant(errors.New("the person may no longer use the app"))
	}
	req.person, req.decision = person, d
	if err := p.reaches(ctx, person, s.Audience); err != nil {
		return err
	}
	if err := p.o.Revocations.Check(req.rev, identity.Grant(grantID), identity.Install(s.Person, s.App)); err != nil {
		return revoked(err, "invalid_grant")
	}
	return nil
}

// refreshGrant rotates a refresh token.
func (p *Provider) refreshGrant(req *tokenRequest) (answer *tokenAnswer, err error) {
	ctx, raw := req.http.Context(), req.form.Get("refresh_token")
	if raw == "" {
		return nil, invalidRequest("refresh_token is required")
	}
	// The person and session are asked before the transaction, which holds the
	// one writer; what ends meanwhile ends the family, which is asked inside it.
	_, family, err := p.o.Grants.Refresh(ctx, hashOf(raw))
	if err != nil {
		return nil, grantTrouble(err)
	}
	usable := p.fitsFamily(req, family)
	if usable == nil {
		find := p.o.Sessions.Touch // a refresh counts as a use of the session
		if family.Offline {
			find = nil
		}
		usable = p.subjectUsable(req, family.Subject, family.ID, find)
	}
	if usable != nil && fault.KindOf(usable) == fault.Unavailable {
		return nil, usable
	}
	actor := p.o.Actor(req.http, identity.Client(req.client.ID))
	err = p.o.Grants.RotateRefresh(ctx, hashOf(raw), actor, req.now, func(t grant.RefreshToken, f grant.Family) (grant.Rotation, error) {
		var r grant.Rotation
		switch {
		case f.Subject.Client != req.client.ID || f.Subject.App != req.client.App:
			return r, invalidGrant(grant.ErrUnknown)
		case !f.Ended.IsZero():
			return r, invalidGrant(grant.ErrEnded)
		case !t.Used.IsZero():
			answer, r, err = p.retry(req, t, f, usable)
			return r, err
		case usable != nil:
			return r, usable
		}
		answer, r, err = p.rotate(req, f)
		return r, err
	})
	return answer, grantTrouble(err)
}

func (p *Provider) fitsFamily(req *tokenRequest, f grant.Family) error {
	switch {
	case f.Subject.Client != req.client.ID || f.Subject.App != req.client.App || f.Subject.Era != p.o.Era:
		return invalidGrant(grant.ErrUnknown)
	case !f.Ended.IsZero() || !req.now.Before(f.Expires):
		return invalidGrant(grant.ErrEnded)
	case req.form.Has("resource") && req.form.Get("resource") != f.Subject.Audience:
		return oauthFault(fault.Invalid, "invalid_target", "the refresh token is for another resource")
	}
	asked, err := Scopes(req.form.Get("scope"))
	if slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(f.Subject.Scopes, s) }) {
		return oauthFault(fault.Invalid, "invalid_scope", "scope asks for more than was granted")
	}
	return err
}

// scopesNow cuts what was granted down to what is asked for and to what the
// app's current release still names.
func (req *tokenRequest) scopesNow(granted []string) []string {
	asked := strings.Fields(req.form.Get("scope"))
	return slices.DeleteFunc(slices.Clone(granted), func(s string) bool {
		return (len(asked) > 0 && !slices.Contains(asked, s)) || !slices.Contains(req.client.Scopes, s)
	})
}

func (p *Provider) rotate(req *tokenRequest, f grant.Family) (*tokenAnswer, grant.Rotation, error) {
	var r grant.Rotation
	s := f.Subject
	s.Rev = req.rev // the facts were read anew
	answer, issued, err := p.mint(req, s, f.ID, req.scopesNow(s.Scopes), "")
	if err != nil {
		return nil, r, err
	}
	text, hash := newSecret()
	answer.Refresh = text
	r.Next = &grant.RefreshToken{Hash: hash, Family: f.ID, Issued: req.now, Expires: f.Expires}
	r.Events = append(r.Events, issued)
	if req.client.RefreshRetryWindow > 0 {
		r.Successor, err = p.o.Vault.Seal([]byte(text), successorTable, "successor", f.ID)
	}
	return answer, r, err
}

// retry answers a used token with the very successor that it got, within the
// client's window and as long as that one is unused. Anything else is a replay.
// usable says why the grant may not be used now, if it may not.
func (p *Provider) retry(req *tokenRequest, t grant.RefreshToken, f grant.Family, usable error) (*tokenAnswer, grant.Rotation, error) {
	var r grant.Rotation
	if len(t.Successor) == 0 || req.client.RefreshRetryWindow <= 0 || req.now.Sub(t.Used) > min(req.client.RefreshRetryWindow, 10*time.Second) {
		return nil, r, grant.ErrReplayed
	}
	text, err := p.o.Vault.Open(t.Successor, successorTable, "successor", f.ID)
	if err != nil {
		return nil, r, grant.ErrReplayed
	}
	next, _, err := p.o.Grants.Refresh(req.http.Context(), hashOf(string(text)))
	if err != nil {
		return nil, r, err
	}
	switch {
	case !next.Used.IsZero():
		return nil, r, grant.ErrReplayed
	case usable != nil:
		return nil, r, usable
	}
	s := f.Subject
	s.Rev = req.rev
	answer, issued, err := p.mint(req, s, f.ID, req.scopesNow(s.Scopes), "")
	if err != nil {
		return nil, r, err
	}
	answer.Refresh = string(text)
	r.Events = append(r.Events, issued)
	return answer, r, nil
}

// ownScopes are those of the broker's own APIs for apps, whose audience is the issuer.
var ownScopes = []string{catalog.ScopeSignalsRead, catalog.ScopeSignalsManage}

// clientGrant gives a confidential client a token of its own.
func (p *Provider) clientGrant(req *tokenRequest) (*tokenAnswer, error) {
	if req.client.Method == registry.AuthNone {
		return nil, oauthFault(fault.Invalid, "unauthorized_client", "a client without credentials gets no token of its own")
	}
	scopes, err := Scopes(req.form.Get("scope"))
	if err != nil {
		return nil, err
	}
	s := grant.Subject{App: req.client.App, Client: req.client.ID, Audience: req.form.Get("resource"), Rev: req.rev}
	offered, agreed := ownScopes, req.client.Scopes
	if s.Audience != "" {
		a, err := p.api(req.http.Context(), req.client, s.Audience)
		if err != nil {
			return nil, err
		}
		offered, agreed = a.Scopes, req.client.Agreed(a, catalog.ByItself)
	}
	for _, scope := range scopes {
		switch {
		case !slices.Contains(req.client.Scopes, scope) || !slices.Contains(offered, scope):
			return nil, oauthFault(fault.Invalid, "invalid_scope", "scope asks for something that the app's manifest or the API does not name")
		case !slices.Contains(agreed, scope):
			return nil, oauthFault(fault.Invalid, "invalid_scope", notAgreed)
		}
	}
	answer, issued, err := p.mint(req, s, identity.NewID(), scopes, "")
	if err != nil {
		return nil, err
	}
	return answer, p.o.Trail.Record(req.http.Context(), issued)
}

// grantTrouble tells the outside one thing about codes and tokens that do not
// work; the log keeps what it was.
func grantTrouble(err error) error {
	if err == nil {
		return nil
	}
	if f := fault.As(err); oauthCodes[f.Code] || f.Code == "invalid_client" || f.Kind == fault.Unavailable || f.Kind == fault.Internal {
		return err
	}
	if errors.Is(err, session.ErrNotFound) {
		return invalidGrant(errors.Join(grant.ErrEnded, err))
	}
	return invalidGrant(err)
}
