// Package idp is the identity provider of the demo: "Acme Workforce", a small
// OpenID provider with named people in named groups. It speaks the code flow
// with PKCE (S256) to one relying party, the broker, and asks for the password
// every time, so that a sign-out at the broker is seen to be one.
//
// Routes: /.well-known/openid-configuration, /jwks, /authorize (a plain HTML form
// with the fields username and password), /token, /userinfo.
package idp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// life is how long a code, and how long a token of this provider, is good.
const (
	codeLife  = time.Minute
	tokenLife = 5 * time.Minute
)

// Person is somebody who works at Acme.
type Person struct {
	Subject  string `json:"subject"`
	Username string `json:"username"`
	Password string `json:"password"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	// Groups are group names; the provider sends their ids.
	Groups     []string `json:"groups"`
	Title      string   `json:"title,omitempty"`
	Department string   `json:"department,omitempty"`
	Manager    string   `json:"manager,omitempty"` // by user name
	// Left says that they do not work here any more, and cannot sign in.
	Left bool `json:"left,omitempty"`
	// Record is the id that the broker gave the person over SCIM. Whose groups it has
	// from there is not told them again by signing in.
	Record string `json:"record,omitempty"`
}

// GroupID is the id by which the provider calls a group: a name may change, an
// id does not.
func GroupID(name string) string { return "acme-" + name }

// Options describe a provider. All fields are required.
type Options struct {
	Issuer      string
	Title       string
	Client      string // client_id of the broker
	Secret      string // and its secret
	RedirectURI string
	Key         *rsa.PrivateKey
	// People are those who work here at the moment.
	People func() []Person
	Now    func() time.Time
}

// Provider is a running identity provider.
type Provider struct {
	o      Options
	signer jose.Signer
	jwks   jose.JSONWebKeySet

	mu     sync.Mutex
	codes  map[string]request
	tokens map[string]token
}

// request is an authorization request, kept between the form and the token call.
type request struct {
	State, Nonce, Challenge, Hint string
	person                        Person
	expires                       time.Time
}

type token struct {
	person  Person
	expires time.Time
}

// New returns a provider.
func New(o Options) (*Provider, error) {
	kid := base64.RawURLEncoding.EncodeToString(fingerprint(&o.Key.PublicKey))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: o.Key, KeyID: kid}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signer of the demo identity provider: %w", err)
	}
	return &Provider{
		o: o, signer: signer, codes: map[string]request{}, tokens: map[string]token{},
		jwks: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &o.Key.PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"}}},
	}, nil
}

// Mount adds the provider's routes.
func (p *Provider) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, p.jwks) })
	mux.HandleFunc("GET /authorize", p.askPassword)
	mux.HandleFunc("POST /authorize", p.checkPassword)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                         p.o.Issuer,
		"authorization_endpoint":                         p.o.Issuer + "/authorize",
		"token_endpoint":                                 p.o.Issuer + "/token",
		"userinfo_endpoint":                              p.o.Issuer + "/userinfo",
		"jwks_uri":                                       p.o.Issuer + "/jwks",
		"response_types_supported":                       []string{"code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"RS256"},
		"scopes_supported":                               []string{"openid", "profile", "email", "groups"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// token answers the code exchange.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	client, secret, _ := r.BasicAuth()
	if client != p.o.Client || subtle.ConstantTimeCompare([]byte(secret), []byte(p.o.Secret)) != 1 {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	req, ok := p.takeCode(r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case r.PostFormValue("grant_type") != "authorization_code":
		answer(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	case !ok, r.PostFormValue("redirect_uri") != p.o.RedirectURI, base64.RawURLEncoding.EncodeToString(sum[:]) != req.Challenge:
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	idToken, err := p.idToken(req)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	access := rand.Text()
	p.mu.Lock()
	p.tokens[access] = token{person: req.person, expires: p.o.Now().Add(tokenLife)}
	p.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "id_token": idToken,
	})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	t, known := p.tokens[raw]
	p.mu.Unlock()
	if !ok || !known || p.o.Now().After(t.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, p.claims(t.person))
}

func (p *Provider) claims(who Person) map[string]any {
	given, family, _ := strings.Cut(who.Name, " ")
	groups := []string{}
	for _, g := range who.Groups {
		if who.Record == "" {
			groups = append(groups, GroupID(g))
		}
	}
	all := map[string]any{
		"sub": who.Subject, "preferred_username": who.Username, "name": who.Name, "given_name": given, "family_name": family,
		"email": who.Email, "email_verified": true, "groups": groups, "locale": "en",
	}
	if who.Department != "" {
		all["department"] = who.Department
	}
	return all
}

func (p *Provider) idToken(req request) (string, error) {
	now := p.o.Now()
	claims := p.claims(req.person)
	claims["iss"], claims["aud"], claims["nonce"] = p.o.Issuer, p.o.Client, req.Nonce
	claims["iat"], claims["exp"], claims["auth_time"] = now.Unix(), now.Add(tokenLife).Unix(), now.Unix()
	claims["amr"] = []string{"pwd"}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("id_token: %w", err)
	}
	signed, err := p.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("id_token: %w", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("id_token: %w", err)
	}
	return raw, nil
}

func (p *Provider) takeCode(code string) (request, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req, ok := p.codes[code]
	delete(p.codes, code)
	return req, ok && p.o.Now().Before(req.expires)
}

func fingerprint(key *rsa.PublicKey) []byte {
	sum := sha256.Sum256(key.N.Bytes())
	return sum[:12]
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the peer has gone: nobody is left to tell
}
