package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// TestTheMetadataTellsTheTruth uses everything that discovery advertises, and asks
// for some of what it does not.
func TestTheMetadataTellsTheTruth(t *testing.T) {
	a := newAttacker(t)
	_, text := a.send(http.MethodGet, "/.well-known/openid-configuration", nil, nil)
	var said map[string]any
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	if _, other := a.send(http.MethodGet, "/.well-known/oauth-authorization-server", nil, nil); other != text {
		t.Errorf("RFC 8414 tells another story: %s", other)
	}
	list := func(member string) (all []string) {
		values, _ := said[member].([]any)
		for _, v := range values {
			all = append(all, v.(string))
		}
		return all
	}
	for member, v := range said {
		if link, _ := v.(string); strings.HasSuffix(member, "_endpoint") || member == "jwks_uri" {
			path, ours := strings.CutPrefix(link, a.Issuer())
			if res, _ := a.send(http.MethodGet, path, nil, nil); !ours || res.StatusCode == http.StatusNotFound {
				t.Errorf("%s: %s answers %d", member, link, res.StatusCode)
			}
		}
	}
	a.usesPrompts(list("prompt_values_supported"))
	a.usesModes(list("response_modes_supported"))
	a.usesKeys(list("id_token_signing_alg_values_supported"))
	a.usesGrants(list("grant_types_supported"))
	want := map[string][]string{
		"response_types_supported": {"code"}, "code_challenge_methods_supported": {"S256"}, "subject_types_supported": {"public"},
		"ui_locales_supported":                  {"en", "de"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
	}
	for member, values := range want { // each is used by TestOpenIDClientCompletesEveryFlow, the attacks and TestAnAppChoosesTheLanguageOfItsSignIn
		if got := list(member); !slices.Equal(got, values) {
			t.Errorf("%s: %v", member, got)
		}
	}
	for _, member := range []string{"request_parameter_supported", "request_uri_parameter_supported"} {
		if v, there := said[member]; !there || v != false {
			t.Errorf("%s: %v", member, v)
		}
	}
	for _, member := range []string{"registration_endpoint", "device_authorization_endpoint", "pushed_authorization_request_endpoint", "check_session_iframe"} {
		if v, there := said[member]; there {
			t.Errorf("%s: %v", member, v)
		}
	}
	// The member, not the answer, is what RFC 9207 rests on: see answers of usesPrompts.
	if said["authorization_response_iss_parameter_supported"] != true || said["backchannel_logout_supported"] != true || said["issuer"] != a.Issuer() {
		t.Error(text)
	}
}

// usesPrompts asks with every prompt: none is refused as unknown.
func (a *attacker) usesPrompts(prompts []string) {
	a.t.Helper()
	if !slices.Equal(prompts, []string{"none", "login", "consent", "select_account"}) {
		a.t.Errorf("prompts %v", prompts)
	}
	failures := map[string]string{"none": "login_required", "create": "invalid_request"} // all others lead to the provider
	for _, p := range append(prompts, "create") {
		params, upstream := a.answer(a.t, browser.New(), url.Values{"prompt": {p}})
		want, fails := failures[p]
		if params.Get("error") != want || upstream == fails || (fails && params.Get("iss") != a.Issuer()) {
			a.t.Errorf("prompt %s: %v, to the provider: %v", p, params, upstream)
		}
	}
}

func (a *attacker) usesModes(modes []string) {
	a.t.Helper()
	alice := a.signIn(a.t, "alice", "crm-dash")
	page, err := alice.Get(a.t.Context(), a.request(url.Values{"response_mode": {"form_post"}}))
	if err != nil || !slices.Equal(modes, []string{"query", "form_post"}) {
		a.t.Fatal(modes, err)
	}
	form, ok := page.Form("/callback")
	if !ok || form.Values.Get("code") == "" || form.Values.Get("iss") != a.Issuer() || form.Values.Get("state") != "s" {
		a.t.Errorf("form_post: %+v", form)
	}
	if params, _ := a.answer(a.t, alice, url.Values{"response_mode": {"query"}}); !params.Has("code") {
		a.t.Errorf("query: %v", params)
	}
}

// usesKeys has an app's id_tokens signed with every algorithm.
func (a *attacker) usesKeys(algorithms []string) {
	a.t.Helper()
	var set jose.JSONWebKeySet
	_, text := a.send(http.MethodGet, "/jwks", nil, nil)
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(set.Keys) == 0 || len(algorithms) == 0 {
		a.t.Fatal(text, algorithms, err)
	}
	for _, alg := range algorithms {
		a.manage(a.t, http.MethodPut, "/apps/expense-bot", a.manifest(a.t, "expense-bot", map[string]any{"signingAlg": alg}))
		raw, _ := a.signedIn().Extra("id_token").(string)
		parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			a.t.Errorf("%s: %v", alg, err)
			continue
		}
		keys := set.Key(parsed.Signatures[0].Header.KeyID)
		if len(keys) != 1 || !keys[0].IsPublic() || keys[0].Algorithm != alg {
			a.t.Errorf("%s: %v", alg, keys)
			continue
		}
		if _, err := parsed.Verify(keys[0].Key); err != nil {
			a.t.Errorf("%s: %v", alg, err)
		}
	}
}

// usesGrants asks with every grant type, and with those that are not there.
func (a *attacker) usesGrants(grants []string) {
	a.t.Helper()
	job := a.Facts().App("nightly-report")
	for _, g := range []string{
		"authorization_code", "refresh_token", "client_credentials", "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code",
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
	} {
		_, code := a.tokenAnswer(job.ClientID, job.Secret, url.Values{"grant_type": {g}}.Encode())
		if slices.Contains(grants, g) != (code != "unsupported_grant_type") {
			a.t.Errorf("grant %s: %q, advertised: %v", g, code, grants)
		}
	}
	if held := a.signedIn(); held.RefreshToken == "" || !held.Valid() || held.Type() != "Bearer" {
		a.t.Errorf("code: %+v", oauth2.Token{TokenType: held.TokenType, Expiry: held.Expiry})
	}
}
