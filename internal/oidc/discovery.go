package oidc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// metadata is the discovery document with the members that zitadel's type lacks.
type metadata struct {
	zoidc.DiscoveryConfiguration
	ResponseModes       []string `json:"response_modes_supported"`
	Prompts             []string `json:"prompt_values_supported"`
	SendsIssuer         bool     `json:"authorization_response_iss_parameter_supported"`
	BackChannel         bool     `json:"backchannel_logout_supported"`
	BackChannelSession  bool     `json:"backchannel_logout_session_supported"`
	RequestParameter    bool     `json:"request_parameter_supported"`
	RequestURIParameter bool     `json:"request_uri_parameter_supported"`
	// RevocationFeed is where resource servers follow what was revoked: a member of our
	// own (RFC 8414, section 2, allows them).
	RevocationFeed string `json:"revocation_feed_endpoint"`
}

// document is a constant JSON answer that browsers and apps may keep.
type document struct {
	body []byte
	etag string
}

// discovery returns what both metadata URLs answer.
func discovery(issuer string, extensions []Extension) (document, error) {
	grants := []zoidc.GrantType{zoidc.GrantTypeCode, zoidc.GrantTypeRefreshToken, zoidc.GrantTypeClientCredentials}
	for _, x := range extensions {
		grants = append(grants, zoidc.GrantType(x.GrantType()))
	}
	algorithms := []string{"RS256", "ES256", "EdDSA"}
	methods := []zoidc.AuthMethod{zoidc.AuthMethodBasic, zoidc.AuthMethodPost, zoidc.AuthMethodPrivateKeyJWT, zoidc.AuthMethodNone}
	confidential := methods[:3]
	m := metadata{
		DiscoveryConfiguration: zoidc.DiscoveryConfiguration{
			Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token",
			IntrospectionEndpoint: issuer + "/introspect", UserinfoEndpoint: issuer + "/userinfo", RevocationEndpoint: issuer + "/revoke",
			EndSessionEndpoint: issuer + "/logout", JwksURI: issuer + "/jwks",
			ScopesSupported:        append([]string{"openid", "profile", "email", "groups", "offline_access"}, ownScopes...),
			ResponseTypesSupported: []string{"code"}, SubjectTypesSupported: []string{"public"},
			GrantTypesSupported:               grants,
			IDTokenSigningAlgValuesSupported:  algorithms,
			TokenEndpointAuthMethodsSupported: methods, TokenEndpointAuthSigningAlgValuesSupported: algorithms,
			RevocationEndpointAuthMethodsSupported: methods, RevocationEndpointAuthSigningAlgValuesSupported: algorithms,
			IntrospectionEndpointAuthMethodsSupported: confidential, IntrospectionEndpointAuthSigningAlgValuesSupported: algorithms,
			UILocalesSupported:            ui.Languages(),
			CodeChallengeMethodsSupported: []zoidc.CodeChallengeMethod{zoidc.CodeChallengeMethodS256},
			ClaimsSupported: []string{
				"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "name", "given_name", "family_name",
				"preferred_username", "picture", "locale", "updated_at", "email", "email_verified", "groups", "roles",
			},
		},
		ResponseModes: []string{"query", "form_post"}, Prompts: []string{"none", "login", "consent", "select_account"},
		SendsIssuer: true, BackChannel: true, BackChannelSession: true, RevocationFeed: issuer + "/revocations",
	}
	body, err := json.Marshal(m)
	if err != nil {
		return document{}, fmt.Errorf("metadata: %w", err)
	}
	sum := sha256.Sum256(body)
	return document{body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}, nil
}

func (d document) serve(w http.ResponseWriter, r *http.Request) {
	serveJSON(w, r, d.body, d.etag, "public, max-age=300")
}

// jwks answers the public keys.
func (p *Provider) jwks(w http.ResponseWriter, r *http.Request) {
	body, etag := p.o.Ring.JWKS()
	serveJSON(w, r, body, etag, "public, max-age="+strconv.Itoa(int(p.o.Ring.MaxAge().Seconds())))
}

// serveJSON answers bytes that anybody may read, from any origin.
func serveJSON(w http.ResponseWriter, r *http.Request, body []byte, etag, life string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", life)
	h.Set("ETag", etag)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag")
	if match := r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) // the peer may have gone
}

// preflight lets pages of any origin ask with headers of their own, as those that
// keep an ETag do.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// cors lets pages of public clients call the endpoint: an origin is allowed if a
// public client has a redirect URI there. Credentials never are.
func (p *Provider) cors(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin != "" {
			w.Header().Add("Vary", "Origin")
			// A registry that cannot tell allows nothing.
			if ours, err := p.o.Clients.AppOrigin(r.Context(), origin); err == nil && ours {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
			}
		}
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next(w, r)
	}
}
