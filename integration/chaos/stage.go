package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
)

// stage is what a part plays on, with apps of ours.
type stage struct {
	*live.Stage
	settle time.Duration     // how long every replica may take to know an app
	key    *ecdsa.PrivateKey // of jobClient
	secret string            // of shortClient
}

// jobClient is an app of ours that proves itself with private_key_jwt.
const (
	jobApp    = "chaos-job"
	jobClient = "microapp-chaos-job"
	jobKey    = "chaos-job-1"
)

// shortClient may have tokens for shortAPI, its own, that live for shortLife.
const (
	shortApp    = "chaos-short"
	shortClient = "microapp-chaos-short"
	shortAPI    = "chaos-short"
	shortScope  = "short.read"
	shortLife   = 10 * time.Second
)

// onStage runs a part on a stage of its own.
func onStage(ctx context.Context, play func(*stage) error) error {
	return live.Play(ctx, "", func(on *live.Stage) error {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		return play(&stage{Stage: on, key: key})
	})
}

// populate applies the sample apps and ours.
func (s *stage) populate(c *client, socket string) error {
	if err := s.Populate(s.Context(), socket); err != nil {
		return err
	}
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	half := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	jwks, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "EC", "crv": "P-256", "x": half(point[1:33]), "y": half(point[33:]), "use": "sig", "alg": "ES256", "kid": jobKey},
	}})
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	for name, identity := range map[string]string{
		jobApp:    `{protocol: oidc, oidc: {clientId: ` + jobClient + `, grantTypes: [client_credentials], tokenEndpointAuthMethod: private_key_jwt, jwks: ` + string(jwks) + `}}`,
		switchApp: `{protocol: none}`,
		shortApp: `{protocol: oidc, oidc: {clientId: ` + shortClient + `, grantTypes: [client_credentials], tokenEndpointAuthMethod: client_secret_basic, ` +
			`scopes: [{name: ` + shortScope + `}]}, resource: {audience: ` + shortAPI + `, scopes: [` + shortScope + `], introspection: true, maxTokenTtl: ` + shortLife.String() + `}}`,
	} {
		manifest := "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata: {name: " + name + ", title: Chaos, description: Works under load.}\n" +
			"spec:\n  version: 1.0.0\n  owner: {team: finance, primary: ada@acme.example, contacts: {chat: \"#chaos\"}}\n" +
			"  entitlements: [{name: user, description: Use it, groups: [finance]}]\n  identity: " + identity + "\n"
		var applied struct {
			Secret string `json:"client_secret"`
		}
		if err := c.manage(s.Context(), http.MethodPut, "/apps/"+name, []byte(manifest)).decode(&applied); err != nil {
			return fmt.Errorf("apply %s: %w", name, err)
		}
		if name == shortApp {
			s.secret = applied.Secret
		}
	}
	return nil
}

// signIn signs a person in to expense-bot in a new browser and returns the
// broker's cookies in it.
func (s *stage) signIn(ctx context.Context, username string) (cookie string, err error) {
	cookie, err = s.SignIn(ctx, username)
	if page, ok := errors.AsType[*live.SignInError](err); ok {
		err = &answered{what: "sign-in", reply: reply{status: page.Status, header: page.Header, body: []byte(page.Text)}}
	}
	return cookie, err
}
