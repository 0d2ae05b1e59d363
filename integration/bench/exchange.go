package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The apps that rows of an exchange need: people sign in to the first, and the desks
// exchange its tokens for the API, each proving itself in its own way.
const (
	signedIn   = "bench-app"
	secretDesk = "bench-secret-desk"
	keyDesk    = "bench-key-desk"
	benchAPI   = "bench-api"
)

const (
	exchangeGrant   = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType      = "urn:ietf:params:oauth:token-type:access_token"
	bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" //nolint:gosec // G101: a name
)

// exchangers are those apps of one broker, and the tokens that they exchange.
type exchangers struct {
	secrets map[string]string
	signer  jose.Signer

	mu       sync.Mutex
	subjects []string // access tokens of people, each good for one exchange
	families []tokens // what subjects are made from
}

// apply has the broker know the apps, by its management API at base.
func (x *exchangers) apply(ctx context.Context, c *http.Client, base, token string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if x.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyDesk}}, nil); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: keyDesk, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	x.secrets = map[string]string{}
	trades := `, tokenExchange: [{audience: ` + benchAPI + `, scopes: [bench.read], maxTtl: 2m, mode: delegation}]`
	for _, app := range [][2]string{
		{benchAPI, `grantTypes: [client_credentials], tokenEndpointAuthMethod: client_secret_basic}, resource: {audience: ` + benchAPI + `, scopes: [bench.read], introspection: true}`},
		{signedIn, `redirectUris: ["https://bench.example/callback"], grantTypes: [authorization_code, refresh_token], tokenEndpointAuthMethod: client_secret_basic,
      scopes: [{name: openid}, {name: profile}, {name: offline_access}], mayAct: [` + secretDesk + `, ` + keyDesk + `]}`},
		{secretDesk, `grantTypes: [client_credentials, "` + exchangeGrant + `"], tokenEndpointAuthMethod: client_secret_basic}` + trades},
		{keyDesk, `grantTypes: [client_credentials, "` + exchangeGrant + `"], tokenEndpointAuthMethod: private_key_jwt, jwks: ` + string(jwks) + `}` + trades},
	} {
		manifest := "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata: {name: " + app[0] + ", title: Bench, description: Works under load.}\n" +
			"spec:\n  version: 1.0.0\n  owner: {team: finance, primary: ada@acme.example, contacts: {chat: \"#bench\"}}\n" +
			"  entitlements: [{name: user, description: Use it, groups: [all-employees]}]\n" +
			"  identity: {protocol: oidc, oidc: {clientId: " + app[0] + ", " + app[1] + "}\n"
		if x.secrets[app[0]], err = applied(ctx, c, base, token, app[0], manifest); err != nil {
			return err
		}
	}
	return nil
}

// applied applies a manifest and returns the secret of its client.
func applied(ctx context.Context, c *http.Client, base, token, name, manifest string) (secret string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, base+"/api/v1/apps/"+name, bytes.NewBufferString(manifest))
	if err != nil {
		return "", fmt.Errorf("apply %s: %w", name, err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/yaml")
	body, err := read(c, req, http.StatusOK)
	if err != nil {
		return "", fmt.Errorf("apply %s: %w", name, err)
	}
	var app struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(body, &app); err != nil {
		return "", fmt.Errorf("apply %s: %w", name, err)
	}
	return app.Secret, nil
}

// stock has n subject tokens at hand: every worker signs in once, and refreshes what
// it has for each of them.
func (t *target) stock(workers, n int) error {
	x := t.exchangers
	c := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: workers},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer c.CloseIdleConnections()
	x.families = append(x.families, make([]tokens, max(0, workers-len(x.families)))...)
	errs := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			f := &x.families[i]
			if f.Refresh == "" {
				if *f, errs[i] = t.codeTokens(c, t.signedIn()); errs[i] != nil {
					return
				}
			}
			for errs[i] == nil && x.add(f.Access) < n {
				*f, errs[i] = t.token(c, t.signedIn(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {f.Refresh}})
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("subject tokens: %w", err)
		}
	}
	return nil
}

// signedIn is the app whose tokens are exchanged.
func (t *target) signedIn() relyingParty {
	return relyingParty{signedIn, t.exchangers.secrets[signedIn], "https://bench.example/callback", "openid profile offline_access"}
}

// add takes a token into stock and returns how many there are.
func (x *exchangers) add(subject string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.subjects = append(x.subjects, subject)
	return len(x.subjects)
}

// take takes a token out of stock; io.EOF when there is none left.
func (x *exchangers) take() (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(x.subjects)
	if n == 0 {
		return "", io.EOF
	}
	last := x.subjects[n-1]
	x.subjects = x.subjects[:n-1]
	return last, nil
}

// exchangeBasic exchanges a token that was never seen before, by a client with a secret.
func (t *target) exchangeBasic(int) func(*http.Client) error {
	return t.exchange(func(req url.Values) *http.Request {
		r := form(t.facts.Issuer+"/token", req.Encode())
		r.SetBasicAuth(secretDesk, t.exchangers.secrets[secretDesk])
		return r
	})
}

// exchangeJWT is exchangeBasic by a client with a key, which signs each request.
func (t *target) exchangeJWT(int) func(*http.Client) error {
	return t.exchange(func(req url.Values) *http.Request {
		now := time.Now()
		text, err := jwt.Signed(t.exchangers.signer).Claims(map[string]any{
			"iss": keyDesk, "sub": keyDesk, "aud": t.facts.Issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		}).Serialize()
		if err != nil {
			panic(err) // the key is ours
		}
		req.Set("client_assertion_type", bearerAssertion)
		req.Set("client_assertion", text)
		return form(t.facts.Issuer+"/token", req.Encode())
	})
}

func (t *target) exchange(asked func(url.Values) *http.Request) func(*http.Client) error {
	return func(c *http.Client) error {
		subject, err := t.exchangers.take()
		if err != nil {
			return err
		}
		return expect(c, asked(url.Values{
			"grant_type": {exchangeGrant}, "audience": {benchAPI}, "subject_token": {subject}, "subject_token_type": {accessType},
		}), http.StatusOK)
	}
}
