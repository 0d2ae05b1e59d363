package upstream_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// failed returns the names of the checks that were not passed.
func failed(checks []identity.Check) (names []string) {
	for _, c := range checks {
		if !c.Passed {
			names = append(names, c.Name)
		}
	}
	return names
}

func named(checks []identity.Check, name string) identity.Check {
	for _, c := range checks {
		if c.Name == name {
			return c
		}
	}
	return identity.Check{}
}

func TestAGoodAnswerPassesEveryCheck(t *testing.T) {
	p := newProvider(t)
	o := p.options()
	o.UserInfo = true
	a, err := p.signIn(t, upstream.New(o), identity.Challenge{}, nil)
	if err != nil || len(failed(a.Checks)) > 0 {
		t.Fatalf("%v %+v", err, a.Checks)
	}
	for _, name := range []string{"metadata", "response_issuer", "token_response", "algorithm", "key", "signature", "issuer", "audience", "nonce", "expiry", "userinfo_subject"} {
		if !named(a.Checks, name).Passed {
			t.Errorf("%s was not checked: %+v", name, a.Checks)
		}
	}
}

func TestARefusalTellsWhichChecksFailedAndWhatCame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*provider)
		params func(url.Values)
		want   []string
		got    string
	}{
		"audience and nonce": {change: func(p *provider) { p.claims["aud"], p.claims["nonce"] = "another", "x" }, want: []string{"audience", "nonce"}, got: "another"},
		"issuer":             {change: func(p *provider) { p.claims["iss"] = "https://evil.example" }, want: []string{"issuer"}, got: "https://evil.example"},
		"metadata":           {change: func(p *provider) { p.meta["issuer"] = "https://evil.example" }, want: []string{"metadata_issuer"}, got: "https://evil.example"},
		"signature":          {change: func(p *provider) { p.sign = func(b []byte) string { return newProvider(t).token(t) } }, want: []string{"signature"}},
		"algorithm":          {change: func(p *provider) { p.sign = func([]byte) string { return "eyJhbGciOiJub25lIn0.e30." } }, want: []string{"algorithm"}, got: "none"},
		"an error": {
			params: func(q url.Values) {
				q.Set("error", "access_denied")
				q.Set("error_description", "AADSTS50105 not assigned")
			},
			want: []string{"provider_answer"}, got: "access_denied AADSTS50105 not assigned",
		},
		"userinfo": {change: func(p *provider) { p.info["sub"] = "mallory" }, want: []string{"userinfo_subject"}, got: "another one"},
	} {
		p := newProvider(t)
		if c.change != nil {
			c.change(p)
		}
		o := p.options()
		o.UserInfo = true
		a, err := p.signIn(t, upstream.New(o), identity.Challenge{}, c.params)
		if c.want[0] == "metadata_issuer" { // known before the browser leaves
			var refused identity.Findings
			refused.Refused(err, "begin")
			a.Checks = refused.Checks
		}
		if err == nil || !slices.Equal(failed(a.Checks), c.want) || named(a.Checks, c.want[0]).Got != c.got || a.Attributes != nil {
			t.Errorf("%s: %v %+v", name, err, a)
		}
	}
}

// What a provider sends back of our secrets, and what it says of the person, is not
// for those who look into failures.
func TestNoSecretAndNoPersonIsInTheDocument(t *testing.T) {
	p := newProvider(t)
	o := p.options()
	o.ClientSecret = "planted-secret"
	p.claims["name"], p.claims["groups"], p.claims["aud"] = "Alice Liddell", []string{"secret-project"}, "planted-secret"
	p.claims["exp"] = 1
	a, err := p.signIn(t, upstream.New(o), identity.Challenge{}, func(q url.Values) { q.Set("error_uri", "https://idp.example/planted-secret") })
	if err == nil {
		t.Fatal("control: it was to fail")
	}
	all := a.Document
	for _, c := range a.Checks {
		all += c.Got + c.Expected
	}
	for _, secret := range []string{"planted-secret", "Liddell", "secret-project", p.nonce, "eyJ"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is told: %s", secret, all)
		}
	}
	for _, known := range []string{`"exp": 1`, `"name": "text, 13 characters"`, `"groups": "list of 1 value"`, `"iss"`} {
		if !strings.Contains(a.Document, known) {
			t.Errorf("%s is not told: %s", known, a.Document)
		}
	}
}

func TestWhyAProviderDoesNotAnswerIsSaid(t *testing.T) {
	p := newProvider(t)
	p.Close()
	_, err := upstream.New(p.options()).Begin(t.Context(), identity.Challenge{})
	var f identity.Findings
	f.Refused(err, "begin")
	if c := f.Checks[0]; c.Name != "reachable" || c.Got != "nobody listens there" || !strings.Contains(c.Expected, "/.well-known/") {
		t.Errorf("%+v", c)
	}
	p = newProvider(t)
	mux, ok := p.Config.Handler.(*http.ServeMux)
	if !ok {
		t.Fatal("no mux")
	}
	mux.HandleFunc("/gone/.well-known/openid-configuration", http.NotFound)
	o := p.options()
	o.Issuer += "/gone"
	_, err = upstream.New(o).Begin(t.Context(), identity.Challenge{})
	f = identity.Findings{}
	f.Refused(err, "begin")
	if c := f.Checks[0]; c.Name != "reachable" || c.Got != "404" {
		t.Errorf("%+v", c)
	}
}
