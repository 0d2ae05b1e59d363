package demo

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"text/template"
)

//go:embed manifest.yaml.tmpl
var manifestText string

// manifestTemplate writes microapp.yaml. Strings are quoted as JSON, of which
// YAML is a superset.
var manifestTemplate = template.Must(template.New("manifest").Funcs(template.FuncMap{
	"quote": func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
}).Parse(manifestText))

// manifest returns the app's microapp.yaml for the address it runs at, with its keys
// or its certificate.
func (p part) manifest(base string, jwks json.RawMessage, certificate string) ([]byte, error) {
	var out bytes.Buffer
	err := manifestTemplate.Execute(&out, map[string]any{
		"Name": p.name, "Title": p.title, "Description": p.description, "Owner": p.owner, "Contact": p.contact,
		"Groups": p.groups(), "Client": p.client, "Auth": p.auth, "Grants": p.grants, "Scopes": p.scopes,
		"Base": base, "SignIn": p.kind == signIn, "API": p.kind == api, "SAML": p.kind == wiki, "JWKS": string(jwks), "Certificate": certificate,
		"Offers": p.offers, "Life": p.life, "MayAct": p.mayAct, "Calls": p.calls, "Calling": p.calling,
	})
	if err != nil {
		return nil, fmt.Errorf("manifest of %s: %w", p.name, err)
	}
	return out.Bytes(), nil
}

// jwks returns the public half of hr-feedback's key as a JWK set (RFC 7517).
func (s *state) jwks() (set json.RawMessage, kid string, err error) {
	point, err := s.feedbackKey.PublicKey.Bytes() // 0x04, X, Y
	if err != nil {
		return nil, "", fmt.Errorf("key of hr-feedback: %w", err)
	}
	half := (len(point) - 1) / 2
	x, y := base64.RawURLEncoding.EncodeToString(point[1:1+half]), base64.RawURLEncoding.EncodeToString(point[1+half:])
	kid = "hr-feedback-" + x[:8]
	set, err = json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid},
	}})
	if err != nil {
		return nil, "", fmt.Errorf("key of hr-feedback: %w", err)
	}
	return set, kid, nil
}
