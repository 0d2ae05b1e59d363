package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// malformed are lists of scopes in the eyes of some readers alone.
var malformed = []string{" ", "   ", "\t", "\u00a0", "openid\tprofile", "openid\u00a0", "openid\u2003profile", "openid\n", "\u200bopenid", `open"id`, `open\id`, "openid\x7f"}

func TestSpacesAloneSeparateScopes(t *testing.T) {
	for scope, want := range map[string][]string{
		"": nil, "openid": {"openid"}, "openid profile": {"openid", "profile"}, " openid  profile ": {"openid", "profile"}, "a!#[]~": {"a!#[]~"},
	} {
		if got, err := Scopes(scope); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v", scope, got, err)
		}
	}
	for _, scope := range malformed {
		if got, err := Scopes(scope); fault.As(err).Code != "invalid_scope" || got != nil {
			t.Errorf("%q: %q %v", scope, got, err)
		}
	}
}

// Whoever leaves scope out gets all that was granted, or none of their own: a scope that
// is none is neither.
func TestAScopeThatIsNoneIsNotTakenForOneThatWasLeftOut(t *testing.T) {
	w, p := newWorld()
	client := &registry.Client{GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "profile"}}
	asks := map[string]func(url.Values) string{
		"a refresh": func(form url.Values) string {
			return fault.As(p.fitsFamily(w.request(form), grant.Family{Subject: w.subject(), Expires: w.now.Add(time.Second)})).Code
		},
		"a client": func(form url.Values) string {
			req := w.request(form)
			req.client.Method = registry.AuthBasic
			_, err := p.clientGrant(req)
			return fault.As(err).Code
		},
		"a sign-in": func(form url.Values) string {
			if f := p.checkScope(httptest.NewRequest(http.MethodGet, "/authorize", nil), form, client, &authorization{}); f != nil {
				return f.Code
			}
			return ""
		},
	}
	for who, ask := range asks {
		for _, scope := range malformed {
			if got := ask(url.Values{"scope": {scope}}); got != "invalid_scope" {
				t.Errorf("%s for %q: %q", who, scope, got)
			}
		}
	}
	for _, who := range []string{"a refresh", "a sign-in"} {
		if got := asks[who](url.Values{"scope": {"openid"}}); got == "invalid_scope" {
			t.Errorf("control: %s for openid: %q", who, got)
		}
	}
}
