package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// bearerAssertion is the client_assertion_type of RFC 7523.
const bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// clientTokens asks for a client's own token with its secret.
func (w *load) clientTokens() step {
	return func(ctx context.Context) error { return w.issued("client_credentials", w.clientToken(ctx)) }
}

func (w *load) clientToken(ctx context.Context) reply {
	app := w.s.Facts().App("nightly-report")
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"payroll.read"}, "resource": {"payroll-api"}}
	return w.c.post(ctx, "/token", form, app.ClientID, app.Secret)
}

// issued writes an issued token down.
func (w *load) issued(what string, got reply) error {
	_, err := w.tokensOf(what, got)
	return err
}

func (w *load) tokensOf(what string, got reply) (t tokens, err error) {
	if !got.ok() {
		return t, &answered{what, got}
	}
	if err := got.decode(&t); err != nil {
		return t, err
	}
	return t, w.l.token(t)
}

// assertions asks for tokens with private_key_jwt.
func (w *load) assertions() step {
	return func(ctx context.Context) error {
		form, err := w.s.assertion(time.Now())
		if err != nil {
			return err
		}
		again := func(ctx context.Context) reply { return w.c.post(ctx, "/token", form, "", "") }
		got := again(ctx)
		if got.err == nil && got.status == http.StatusUnauthorized && w.fresh() {
			// Issued before the memory began, plus skew: it is refused, as documented.
			w.r.count("proofs refused right after a start", 1)
			pause(ctx, 50*time.Millisecond)
			return nil
		}
		if err := w.issued("private_key_jwt", got); err != nil {
			return err
		}
		w.l.proof(used{"client assertion", again})
		return nil
	}
}

// assertion makes a request with an assertion that was issued at the given time.
func (s *stage) assertion(issued time.Time) (url.Values, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: jobKey}}, nil)
	if err != nil {
		return nil, err
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": jobClient, "sub": jobClient, "aud": s.Issuer(), "jti": rand.Text(), "iat": issued.Unix(), "exp": issued.Add(2 * time.Minute).Unix(),
	}).Serialize()
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {bearerAssertion}, "client_assertion": {text}}, err
}

// family is a line of refresh tokens of one grant.
type family struct {
	grant   string
	current string   // the newest that was acknowledged
	old     []string // those before it
	tokens  int      // acknowledged access tokens of the grant
	flight  bool     // a rotation of current was not answered
	code    used     // that it began with
}

// rotations is how long a line gets.
const rotations = 4

// families walks the code flow in alice's session and rotates what it got; every
// other line is revoked in the end.
func (w *load) families() step {
	var f *family
	lines := 0
	return func(ctx context.Context) error {
		var err error
		switch {
		case f == nil:
			f, err = w.begin(ctx)
			return err
		case len(f.old) < rotations:
			err = w.rotate(ctx, f)
		case lines%2 == 0:
			err = w.revoke(ctx, f)
			f, lines = nil, lines+1
			return err
		default:
			w.l.line(f)
			f, lines = nil, lines+1
			return nil
		}
		if err != nil {
			w.l.line(f)
			f = nil
		}
		return err
	}
}

// begin gets a code and redeems it.
func (w *load) begin(ctx context.Context) (*family, error) {
	form, got := w.code(ctx, *w.cookie.Load())
	if form == nil {
		return nil, &answered{"authorize", got}
	}
	w.l.acknowledged()
	again := func(ctx context.Context) reply { return w.asExpenseBot(ctx, "/token", form) }
	t, err := w.tokensOf("code", again(ctx))
	if err != nil {
		w.l.doubt(uncertain{again})
		return nil, err
	}
	_, grant, err := t.jti()
	return &family{grant: grant, current: t.Refresh, tokens: 1, code: used{"code", again}}, err
}

// code asks for a code in the session of the cookie; the form redeems it.
func (w *load) code(ctx context.Context, cookie string) (form url.Values, got reply) {
	app, verifier := w.s.Facts().App("expense-bot"), oauth2.GenerateVerifier()
	next := w.c.issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": app.RedirectURIs, "scope": {strings.Join(app.Scopes, " ")},
		"state": {"chaos"}, "nonce": {"chaos"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	for range 5 {
		if got = w.c.get(ctx, next, "", cookie); got.err != nil || got.status/100 != 3 {
			return nil, got
		}
		back, err := url.Parse(got.header.Get("Location"))
		if err != nil {
			return nil, reply{err: err}
		}
		if code := back.Query().Get("code"); code != "" {
			return url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": app.RedirectURIs, "code_verifier": {verifier},
			}, got
		}
		if !strings.HasPrefix(back.String(), "/") && !strings.HasPrefix(back.String(), w.c.issuer) {
			return nil, got // the identity provider's page, or an error told to the app
		}
		if next = back.String(); strings.HasPrefix(next, "/") {
			next = w.c.issuer + next
		}
	}
	return nil, reply{err: errors.New("no code after five redirects")}
}

// asExpenseBot posts as the app that has refresh tokens.
func (w *load) asExpenseBot(ctx context.Context, path string, form url.Values) reply {
	app := w.s.Facts().App("expense-bot")
	return w.c.post(ctx, path, form, app.ClientID, app.Secret)
}

// refreshing uses a refresh token.
func (w *load) refreshing(token string) func(context.Context) reply {
	return func(ctx context.Context) reply {
		return w.asExpenseBot(ctx, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
}

func (w *load) rotate(ctx context.Context, f *family) error {
	f.flight = true
	t, err := w.tokensOf("refresh", w.refreshing(f.current)(ctx))
	if err != nil {
		return err
	}
	f.flight, f.old, f.current, f.tokens = false, append(f.old, f.current), t.Refresh, f.tokens+1
	return nil
}

// revoke ends the line: from the answer on nothing of it may pass.
func (w *load) revoke(ctx context.Context, f *family) error {
	got := w.asExpenseBot(ctx, "/revoke", url.Values{"token": {f.current}})
	if !got.ok() {
		return &answered{"revoke", got}
	}
	w.l.acknowledged()
	w.l.end(ended{"a revoked refresh token", w.refreshing(f.current)})
	w.l.end(ended{"the code of a revoked grant", f.code.again})
	for _, old := range f.old {
		w.l.end(ended{"a rotated refresh token of a revoked grant", w.refreshing(old)})
	}
	return nil
}

// pause waits, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
