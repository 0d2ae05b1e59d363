// Package sample holds the apps of the demo: relying parties on an independent
// client library (golang.org/x/oauth2 and coreos/go-oidc), each with a page of
// its own, and APIs that verify the tokens they are given with package verify.
//
// Routes of an app that people sign in to: / (who is signed in), /login,
// /callback (query and form_post), /refresh, /logout, /bye, /backchannel.
package sample

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// assertionLife is how long a client assertion is good.
const assertionLife = time.Minute

// Options describe an app. Secret is set for the client_secret methods, Key and
// KID for private_key_jwt, neither for a public client.
type Options struct {
	Name, Title, Description string
	Issuer                   string
	ClientID                 string
	Auth                     string // token_endpoint_auth_method
	Secret                   string
	Key                      crypto.Signer // an ES256 key
	KID                      string
	BaseURL                  string // without a trailing slash
	Scopes                   []string
	Now                      func() time.Time
}

// App is a running app.
type App struct {
	o     Options
	calls bool // an API, in the name of who is signed in

	mu       sync.Mutex
	provider *oidc.Provider
	attempts map[string]attempt // by state
	people   map[string]visitor // by cookie
}

// attempt is a sign-in that was begun: what the answer must match.
type attempt struct {
	nonce, verifier string
	begun           time.Time
}

// visitor is somebody who is signed in.
type visitor struct {
	SID, Subject, Name, Email string
	Groups                    []string
	idToken                   string
	token                     *oauth2.Token
	chain                     *chain // the last that they began at a Caller
}

// New returns an app.
func New(o Options) *App {
	return &App{o: o, attempts: map[string]attempt{}, people: map[string]visitor{}}
}

// Mount adds the app's routes.
func (a *App) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /callback", a.callback)
	mux.HandleFunc("POST /refresh", a.refresh)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { a.render(w, http.StatusOK, view{Bye: true}) })
	mux.HandleFunc("POST /backchannel", a.backchannel)
}

// discover fetches the broker's metadata once it answers: an app may be started
// before the broker is.
func (a *App) discover(ctx context.Context) (*oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider != nil {
		return a.provider, nil
	}
	// The key set lives on with this context, not with the request's.
	p, err := oidc.NewProvider(context.WithoutCancel(ctx), a.o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", a.o.Issuer, err)
	}
	a.provider = p
	return p, nil
}

func (a *App) config(p *oidc.Provider) oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	if a.o.Auth == "client_secret_basic" {
		endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	return oauth2.Config{
		ClientID: a.o.ClientID, ClientSecret: a.o.Secret, Endpoint: endpoint,
		RedirectURL: a.o.BaseURL + "/callback", Scopes: a.o.Scopes,
	}
}

// prove returns what a private_key_jwt client adds to a token request (RFC 7523).
func (a *App) prove() ([]oauth2.AuthCodeOption, error) {
	if a.o.Auth != "private_key_jwt" {
		return nil, nil
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: a.o.Key, KeyID: a.o.KID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("client assertion: %w", err)
	}
	now := a.o.Now()
	raw, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: a.o.ClientID, Subject: a.o.ClientID, Audience: jwt.Audience{a.o.Issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertionLife)),
	}).Serialize()
	if err != nil {
		return nil, fmt.Errorf("client assertion: %w", err)
	}
	return []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", raw),
	}, nil
}

// admit checks the id_token of a token response and remembers who it names.
func (a *App) admit(ctx context.Context, p *oidc.Provider, t *oauth2.Token, nonce string) (visitor, error) {
	raw, ok := t.Extra("id_token").(string)
	if !ok {
		return visitor{}, errors.New("the answer has no id_token")
	}
	idToken, err := p.Verifier(&oidc.Config{
		ClientID: a.o.ClientID, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256, oidc.EdDSA}, Now: a.o.Now,
	}).Verify(ctx, raw)
	if err != nil {
		return visitor{}, fmt.Errorf("id_token: %w", err)
	}
	if idToken.Nonce != nonce {
		return visitor{}, errors.New("id_token: the nonce is not the one that was sent")
	}
	if err := idToken.VerifyAccessToken(t.AccessToken); err != nil {
		return visitor{}, fmt.Errorf("id_token: %w", err)
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(t))
	if err != nil {
		return visitor{}, fmt.Errorf("userinfo: %w", err)
	}
	if info.Subject != idToken.Subject {
		return visitor{}, errors.New("userinfo names somebody else than the id_token")
	}
	var claims struct {
		SID    string   `json:"sid"`
		Name   string   `json:"name"`
		Groups []string `json:"groups"`
	}
	if err := errors.Join(idToken.Claims(&claims), info.Claims(&claims)); err != nil {
		return visitor{}, fmt.Errorf("claims: %w", err)
	}
	return visitor{
		SID: claims.SID, Subject: idToken.Subject, Name: claims.Name, Email: info.Email, Groups: claims.Groups, idToken: raw, token: t,
	}, nil
}
