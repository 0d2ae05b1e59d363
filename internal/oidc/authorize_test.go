package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// A native app listens on whatever port it gets (RFC 8252, section 7.3): that,
// and nothing else, may differ from what was registered.
func TestOnlyThePortOfALoopbackAddressIsFree(t *testing.T) {
	native := &registry.Client{Method: registry.AuthNone, RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:9/cb?x=1", "https://app.example/cb", "http://localhost/cb"}}
	web := &registry.Client{Method: registry.AuthBasic, RedirectURIs: native.RedirectURIs}
	for uri, c := range map[string]struct{ native, web bool }{
		"http://127.0.0.1/cb":            {true, true},
		"http://127.0.0.1:1/cb":          {true, false},
		"http://127.0.0.1:65535/cb":      {true, false},
		"http://[::1]:4711/cb?x=1":       {true, false},
		"http://[::1]:9/cb?x=1":          {true, true},
		"http://[::1]:4711/cb":           {},
		"http://127.0.0.1:0/cb":          {},
		"http://127.0.0.1:65536/cb":      {},
		"http://127.0.0.1:08/cb":         {},
		"http://127.0.0.1:+8/cb":         {},
		"http://127.0.0.1:/cb":           {},
		"http://127.0.0.1:80@evil/cb":    {},
		"http://127.0.0.1.evil/cb":       {},
		"http://127.0.0.1:80":            {},
		"http://127.0.0.1:80/cb/":        {},
		"http://127.0.0.1:80/CB":         {},
		"http://127.0.0.1:80/cb?":        {},
		"http://127.0.0.1:80/x/../cb":    {},
		"https://127.0.0.1:80/cb":        {},
		"HTTP://127.0.0.1:80/cb":         {},
		"http://localhost:80/cb":         {},
		"http://127.1:80/cb":             {},
		"http://[::ffff:127.0.0.1]:1/cb": {},
		"https://app.example:8443/cb":    {},
		"https://app.example/cb":         {true, true},
		"http://localhost/cb":            {true, true},
		"":                               {},
	} {
		if got := redirectAllowed(native, uri); got != c.native {
			t.Errorf("%q of a native app: %v", uri, got)
		}
		if got := redirectAllowed(web, uri); got != c.web {
			t.Errorf("%q of a web app: %v", uri, got)
		}
	}
}

func TestAChallengeIsTheDigestOfAVerifier(t *testing.T) {
	good := strings.Repeat("A", 43) // 32 zero bytes
	for text, want := range map[string]bool{
		good: true, "": false, good[1:]: false, good + "A": false, good + "=": false, good[:42] + "B": false, good[:42] + "+": false, good[:42] + "\n": false,
	} {
		if got := isChallenge(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestPromptAndAgeAreReadAsTheStandardSays(t *testing.T) {
	hour := time.Hour
	for name, c := range map[string]struct {
		params url.Values
		fails  bool
		want   identity.SignInRequest
	}{
		"nothing":            {url.Values{}, false, identity.SignInRequest{}},
		"several":            {url.Values{"prompt": {"login consent"}}, false, identity.SignInRequest{Prompt: identity.Prompt{Login: true, Consent: true}}},
		"none":               {url.Values{"prompt": {"none"}}, false, identity.SignInRequest{Prompt: identity.Prompt{None: true}}},
		"none and another":   {url.Values{"prompt": {"none login"}}, true, identity.SignInRequest{}},
		"none twice":         {url.Values{"prompt": {"none none"}}, true, identity.SignInRequest{}},
		"unknown":            {url.Values{"prompt": {"create"}}, true, identity.SignInRequest{}},
		"another case":       {url.Values{"prompt": {"None"}}, true, identity.SignInRequest{}},
		"an age":             {url.Values{"max_age": {"3600"}}, false, identity.SignInRequest{MaxAge: &hour}},
		"an empty age":       {url.Values{"max_age": {""}}, true, identity.SignInRequest{}},
		"an age of no sense": {url.Values{"max_age": {"1e3"}}, true, identity.SignInRequest{}},
		"an endless age":     {url.Values{"max_age": {"99999999999"}}, true, identity.SignInRequest{}},
	} {
		var got identity.SignInRequest
		failure := checkPrompt(c.params, &got)
		if (failure != nil) != c.fails || (failure != nil && failure.Code != "invalid_request") {
			t.Errorf("%s: %+v", name, failure)
			continue
		}
		if failure == nil && (got.Prompt != c.want.Prompt || (got.MaxAge == nil) != (c.want.MaxAge == nil) || (got.MaxAge != nil && *got.MaxAge != *c.want.MaxAge)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A manifest that breaks these rules is refused when it is applied; a client that came
// about otherwise gets no more.
func TestACodeAndOfflineAccessAreForClientsOfThoseGrantTypes(t *testing.T) {
	_, p := newWorld()
	params := url.Values{
		"response_type": {"code"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)}, "scope": {"openid offline_access"},
	}
	for name, c := range map[string]struct {
		grants       []string
		shape, scope string
	}{
		"both":             {[]string{"authorization_code", "refresh_token"}, "", ""},
		"no refresh token": {[]string{"authorization_code"}, "", "invalid_scope"},
		"no code":          {[]string{"client_credentials", "refresh_token"}, "unauthorized_client", ""},
	} {
		client, a := &registry.Client{GrantTypes: c.grants, Scopes: []string{"offline_access", "openid"}}, authorization{Challenge: params.Get("code_challenge")}
		code := func(f *identity.Failure) string {
			if f == nil {
				return ""
			}
			return f.Code
		}
		if got := code(checkShape(params, client, &a)); got != c.shape {
			t.Errorf("%s: a code: %q", name, got)
		}
		if got := code(p.checkScope(httptest.NewRequest(http.MethodGet, "/authorize", nil), params, client, &a)); got != c.scope {
			t.Errorf("%s: offline access: %q", name, got)
		}
	}
}
