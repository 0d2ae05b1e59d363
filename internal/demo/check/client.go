package check

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 1 << 20

// tokens is a token response.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

// answer is what came back from the authorization endpoint.
type answer struct {
	code, verifier, nonce string
	failure               string
}

func contains(text, part string) bool { return strings.Contains(text, part) }

func (w *walk) discovery(ctx context.Context) error {
	var meta struct {
		Issuer  string   `json:"issuer"`
		Token   string   `json:"token_endpoint"`
		Methods []string `json:"code_challenge_methods_supported"`
	}
	if _, err := w.getJSON(ctx, w.Issuer+"/.well-known/openid-configuration", "", &meta); err != nil {
		return err
	}
	if meta.Issuer != w.Issuer || meta.Token == "" || !slices.Equal(meta.Methods, []string{"S256"}) {
		return fmt.Errorf("the metadata is not what was expected: %+v", meta)
	}
	return nil
}

func (w *walk) withoutPKCE(ctx context.Context) error {
	got, err := w.authorize(ctx, browser.New(), url.Values{"code_challenge": {""}, "code_challenge_method": {""}})
	if err != nil {
		return err
	}
	if got.failure != "invalid_request" {
		return fmt.Errorf("it is answered with %q instead of invalid_request", got.failure)
	}
	return nil
}

// wrongVerifier tries a code with another verifier, then with the right one.
func (w *walk) wrongVerifier(ctx context.Context) error {
	got, err := w.authorize(ctx, w.person, nil)
	if err != nil {
		return err
	}
	if _, err := w.redeem(ctx, got.code, oauth2.GenerateVerifier()); err == nil {
		return errors.New("tokens are given for another verifier")
	}
	fresh, err := w.authorize(ctx, w.person, nil)
	if err != nil {
		return err
	}
	w.tokens, err = w.redeem(ctx, fresh.code, fresh.verifier)
	return err
}

func (w *walk) nonce(ctx context.Context) error {
	got, err := w.authorize(ctx, w.person, nil)
	if err != nil {
		return err
	}
	held, err := w.redeem(ctx, got.code, got.verifier)
	if err != nil {
		return err
	}
	parts := strings.Split(held.ID, ".")
	if len(parts) != 3 {
		return errors.New("the id_token is no compact JWS")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("the id_token: %w", err)
	}
	var claims struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return fmt.Errorf("the id_token: %w", err)
	}
	if claims.Nonce != got.nonce {
		return fmt.Errorf("it carries %q", claims.Nonce)
	}
	return nil
}

func (w *walk) refresh(ctx context.Context) error {
	w.old = w.tokens.Refresh
	next, err := w.grant(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.old}})
	if err != nil {
		return err
	}
	if next.Refresh == "" || next.Refresh == w.old || next.Access == w.tokens.Access {
		return errors.New("the answer repeats a token")
	}
	w.tokens = next
	return w.userinfoAnswers(ctx, next.Access, http.StatusOK)
}

func (w *walk) reuse(ctx context.Context) error {
	if _, err := w.grant(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.old}}); err == nil {
		return errors.New("it is accepted")
	}
	if _, err := w.grant(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {w.tokens.Refresh}}); err == nil {
		return errors.New("its successor is still accepted")
	}
	return w.userinfoAnswers(ctx, w.tokens.Access, http.StatusUnauthorized)
}

// authorize asks for a code as the app Refreshing in the browser b, which is
// expected to be signed in. change replaces parameters.
func (w *walk) authorize(ctx context.Context, b *browser.Browser, change url.Values) (answer, error) {
	got := answer{verifier: oauth2.GenerateVerifier(), nonce: rand.Text()}
	state := rand.Text()
	q := url.Values{
		"response_type": {"code"}, "client_id": {w.Refreshing.ClientID}, "redirect_uri": {w.Refreshing.RedirectURI},
		"scope": {"openid email"}, "state": {state}, "nonce": {got.nonce},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(got.verifier)}, "code_challenge_method": {"S256"},
	}
	for name, v := range change {
		if v[0] == "" {
			q.Del(name)
		} else {
			q[name] = v
		}
	}
	if _, err := b.Get(ctx, w.Issuer+"/authorize?"+q.Encode()); err != nil {
		return got, err
	}
	back := slices.IndexFunc(b.Visited, func(u *url.URL) bool { return strings.HasPrefix(u.String(), w.Refreshing.RedirectURI+"?") })
	if back < 0 {
		return got, fmt.Errorf("the broker did not answer to %s", w.Refreshing.RedirectURI)
	}
	answered := b.Visited[back].Query()
	if answered.Get("state") != state || answered.Get("iss") != w.Issuer {
		return got, errors.New("the answer has another state or issuer")
	}
	got.code, got.failure = answered.Get("code"), answered.Get("error")
	return got, nil
}

func (w *walk) redeem(ctx context.Context, code, verifier string) (tokens, error) {
	return w.grant(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {w.Refreshing.RedirectURI}, "code_verifier": {verifier},
	})
}

// grant posts to the token endpoint as the app Refreshing.
func (w *walk) grant(ctx context.Context, form url.Values) (tokens, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(w.Refreshing.ClientID), url.QueryEscape(w.Refreshing.Secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var t tokens
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&t); err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return tokens{}, fmt.Errorf("the token endpoint answers %d %s", res.StatusCode, t.Error)
	}
	return t, nil
}

func (w *walk) userinfoAnswers(ctx context.Context, access string, want int) error {
	var ignored map[string]any
	got, err := w.getJSON(ctx, w.Issuer+"/userinfo", access, &ignored)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("userinfo answers %d instead of %d", got, want)
	}
	return nil
}

// getJSON reads target into v when the answer is 200; bearer may be empty.
func (w *walk) getJSON(ctx context.Context, target, bearer string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, fmt.Errorf("get %s: %w", target, err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("get %s: %w", target, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(v); err != nil {
		return res.StatusCode, fmt.Errorf("read %s: %w", target, err)
	}
	return res.StatusCode, nil
}
