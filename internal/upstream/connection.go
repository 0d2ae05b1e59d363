// Package upstream speaks to the identity providers that people sign in with.
//
// A Connection begins a sign-in with a URL and finishes it with the answer. For
// OpenID Connect: code flow with PKCE S256, a nonce, one redirect URI per
// connection, the issuer of the metadata and of the answer (RFC 9207) compared
// exactly, ID tokens verified with keys from the connection's own metadata under
// an algorithm list, userinfo only for the subject of the ID token. For SAML 2.0
// (SAML): signed requests by redirect or form, answers by form that the gate verifies
// and package saml checks, each assertion once at all replicas, metadata that is read
// again and weakens no check, single logout both ways (SAMLEndpoints). What a provider
// says in an error is never shown as it came.
//
// Subject verifies a token or an assertion of the provider that an app brings, where
// Subjects allow it: by the same keys, but for us as audience, once where it has to be,
// and without a browser.
package upstream

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of a sign-in at an identity provider.
var (
	ErrUnreachable = fault.New(fault.Unavailable, "idp_unreachable", "the identity provider does not answer")
	ErrRefused     = fault.New(fault.Denied, "idp_refused", "the identity provider refused the sign-in")
	ErrUntrusted   = fault.New(fault.Denied, "idp_untrusted", "the identity provider's answer could not be trusted")
)

// How long metadata is remembered, and how long a failure to read it is.
const (
	metadataLife = 10 * time.Minute
	failureLife  = 2 * time.Second
	maxAnswer    = 1 << 20
)

// Options describe an OpenID Connect connection. All but UserInfo, Tenants,
// ClientSecret and Subjects are required.
type Options struct {
	ID string
	// Issuer is exactly what the metadata says. One that contains {tenantid}, as
	// that of Microsoft Entra for many organizations, is many issuers: those of
	// Tenants, and no other.
	Issuer       string
	Tenants      []string
	ClientID     string
	ClientSecret string
	Scopes       []string
	// Algorithms that an ID token may be signed with; none and HS* never count.
	Algorithms []string
	// UserInfo also asks the userinfo endpoint.
	UserInfo bool
	// Subjects says which tokens apps may bring; Seen remembers those that count once.
	Subjects Subjects
	Seen     cache.Once
	// HTTP is the guarded client.
	HTTP *http.Client
	Now  func() time.Time
	Log  *slog.Logger
}

// Connection is one OpenID provider.
type Connection struct {
	o    Options
	keys *keySet

	mu     sync.Mutex
	meta   *metadata
	failed error
	until  time.Time
	last   atomic.Pointer[discovery]
}

// discovery is how asking for the metadata went last.
type discovery struct {
	at     time.Time
	failed error
}

// Health tells when the provider was asked for its metadata last, and what that
// failed with; zero before the first time. It asks nobody and never waits.
func (c *Connection) Health() (asked time.Time, failed error) {
	if d := c.last.Load(); d != nil {
		return d.at, d.failed
	}
	return time.Time{}, nil
}

// metadata is what of the provider's discovery document is used.
type metadata struct {
	zoidc.DiscoveryConfiguration
	SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`
}

// endpoints lists those that are used, for whoever looks into why they are not.
func (m *metadata) endpoints() string {
	return strings.Join([]string{m.AuthorizationEndpoint, m.TokenEndpoint, m.JwksURI, m.UserinfoEndpoint}, " ")
}

// New returns a Connection. It talks to nobody before it is asked to.
func New(o Options) *Connection {
	c := &Connection{o: o}
	c.keys = &keySet{fetch: c.fetchKeys, now: o.Now}
	return c
}

// memory is what Finish must know of Begin. Login keeps it where the browser
// cannot see it.
type memory struct {
	Verifier    string         `json:"verifier"`
	Nonce       string         `json:"nonce"`
	RedirectURI string         `json:"redirect_uri"`
	MaxAge      *time.Duration `json:"max_age,omitempty"`
	Fresh       bool           `json:"fresh,omitempty"`
	Begun       time.Time      `json:"begun"`
}

// Begin returns where to send the browser, and what Finish must be given back.
func (c *Connection) Begin(ctx context.Context, ch identity.Challenge) (identity.Departure, error) {
	meta, err := c.discover(ctx)
	if err != nil {
		return identity.Departure{}, err
	}
	m := memory{Verifier: random(), Nonce: random(), RedirectURI: ch.RedirectURI, MaxAge: ch.MaxAge, Fresh: ch.Fresh, Begun: c.o.Now()}
	kept, err := json.Marshal(m)
	if err != nil {
		return identity.Departure{}, fmt.Errorf("begin: %w", err)
	}
	sum := sha256.Sum256([]byte(m.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.o.ClientID}, "redirect_uri": {ch.RedirectURI}, "scope": {strings.Join(c.o.Scopes, " ")},
		"state": {ch.State}, "nonce": {m.Nonce}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if ch.LoginHint != "" {
		q.Set("login_hint", ch.LoginHint)
	}
	var prompt []string
	if ch.Fresh {
		prompt = append(prompt, "login")
	}
	if ch.SelectAccount {
		prompt = append(prompt, "select_account")
	}
	if len(prompt) > 0 {
		q.Set("prompt", strings.Join(prompt, " "))
	}
	if ch.MaxAge != nil {
		q.Set("max_age", strconv.Itoa(int(ch.MaxAge.Seconds())))
	}
	if len(ch.ACR) > 0 {
		q.Set("acr_values", strings.Join(ch.ACR, " "))
	}
	u, err := url.Parse(meta.AuthorizationEndpoint)
	if err != nil {
		return identity.Departure{}, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider's metadata is broken")
	}
	for name, values := range u.Query() {
		if !q.Has(name) {
			q[name] = values
		}
	}
	u.RawQuery = q.Encode()
	return identity.Departure{URL: u.String(), Kept: kept}, nil
}

// Finish verifies the provider's answer. params are those of the callback. Beside
// an error, the assertion has the checks that were made and what came.
func (c *Connection) Finish(ctx context.Context, params url.Values, kept []byte) (identity.Assertion, error) {
	t := trial{secrets: []string{c.o.ClientSecret, params.Get("code"), params.Get("state")}}
	a, err := c.finish(ctx, &t, params, kept)
	if err != nil {
		a = identity.Assertion{}
	}
	a.Checks, a.Document = t.Checks, t.document()
	return a, err
}

func (c *Connection) finish(ctx context.Context, t *trial, params url.Values, kept []byte) (identity.Assertion, error) {
	var m memory
	if err := json.Unmarshal(kept, &m); err != nil {
		return identity.Assertion{}, fmt.Errorf("finish: %w", err)
	}
	t.secrets = append(t.secrets, m.Verifier, m.Nonce)
	t.received("response", plain(params))
	meta, err := c.discover(ctx)
	if t.step("metadata", err, c.o.Issuer); err != nil {
		return identity.Assertion{}, err
	}
	if err := c.checkResponse(t, meta, params); err != nil {
		return identity.Assertion{}, err
	}
	answer, err := c.exchange(ctx, meta, params.Get("code"), m)
	if t.step("token_response", err, "an id_token for the code"); err != nil {
		return identity.Assertion{}, err
	}
	t.secrets = append(t.secrets, answer.AccessToken, answer.RefreshToken, answer.IDToken)
	claims, err := c.verify(ctx, t, answer, params.Get("code"), m)
	if err != nil {
		return identity.Assertion{}, err
	}
	if c.o.UserInfo {
		if err := c.addUserInfo(ctx, t, meta, answer.AccessToken, claims); err != nil {
			return identity.Assertion{}, err
		}
	}
	a, err := c.assertion(claims)
	t.step("claim_types", err, "sub, acr, amr and auth_time as they are specified")
	return a, err
}

// checkResponse checks what the browser brought. RFC 9207: the issuer is compared
// before anything else is believed.
func (c *Connection) checkResponse(t *trial, meta *metadata, params url.Values) error {
	if iss := params.Get("iss"); iss != "" || meta.SendsIssuer {
		t.check("response_issuer", slices.Contains(c.issuers(), iss), "the answer comes from another issuer", strings.Join(c.issuers(), " "), iss)
	}
	if t.failed != nil {
		return t.failed
	}
	if code := params.Get("error"); code != "" {
		err := fmt.Errorf("%w: %s", ErrRefused, word(code))
		t.Note("provider_answer", false, "a code", t.clean(strings.TrimSpace(code+" "+params.Get("error_description"))))
		return err
	}
	t.check("provider_answer", params.Get("code") != "", "the answer has no code", "a code", presence(params.Get("code")))
	return t.failed
}

// discover returns the provider's metadata, from memory while it is fresh.
func (c *Connection) discover(ctx context.Context) (*metadata, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	if now.Before(c.until) {
		return c.meta, c.failed
	}
	var meta metadata
	err := c.get(ctx, strings.TrimSuffix(c.tenanted(anyTenant), "/")+"/.well-known/openid-configuration", "", &meta)
	switch {
	case err != nil:
	case meta.Issuer != c.o.Issuer:
		err = identity.Refuse(untrusted("the metadata is of another issuer"), "metadata_issuer", c.o.Issuer, meta.Issuer)
	case meta.AuthorizationEndpoint == "" || meta.TokenEndpoint == "" || meta.JwksURI == "":
		err = identity.Refuse(untrusted("the metadata lacks an endpoint"), "metadata_endpoints", "authorization_endpoint, token_endpoint, jwks_uri", meta.endpoints())
	case !sameSecurity(c.o.Issuer, meta.AuthorizationEndpoint, meta.TokenEndpoint, meta.JwksURI), c.o.UserInfo && !sameSecurity(c.o.Issuer, meta.UserinfoEndpoint):
		err = identity.Refuse(untrusted("the metadata names an endpoint that is broken or without TLS"), "metadata_endpoints", "https, as the issuer has", meta.endpoints())
	}
	if err != nil {
		if ctx.Err() == nil {
			c.meta, c.failed, c.until = nil, err, now.Add(failureLife)
			c.last.Store(&discovery{now, err})
		}
		return nil, err
	}
	c.last.Store(&discovery{now, nil})
	c.meta, c.failed, c.until = &meta, nil, now.Add(metadataLife)
	return c.meta, nil
}

const (
	// tenantMark stands for the tenant's id in the issuer of a multi-tenant provider.
	tenantMark = "{tenantid}"
	// anyTenant is where such a provider publishes the metadata of all.
	anyTenant = "organizations"
)

// tenanted is the issuer of one tenant; an issuer without the mark is its own.
func (c *Connection) tenanted(tenant string) string {
	return strings.ReplaceAll(c.o.Issuer, tenantMark, tenant)
}

// issuers are those that an answer may come from.
func (c *Connection) issuers() []string {
	if !strings.Contains(c.o.Issuer, tenantMark) {
		return []string{c.o.Issuer}
	}
	all := make([]string, len(c.o.Tenants))
	for i, t := range c.o.Tenants {
		all[i] = c.tenanted(t)
	}
	return all
}

// sameSecurity refuses what is not a web address, and plain http where the issuer
// has https.
func sameSecurity(issuer string, endpoints ...string) bool {
	for _, e := range endpoints {
		u, err := url.Parse(e)
		if err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(issuer, "https://"))) {
			return false
		}
	}
	return true
}

func (c *Connection) get(ctx context.Context, target, bearer string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider names a broken address")
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	status, err := c.send(req, v)
	if err == nil && status != http.StatusOK {
		err = identity.Refuse(fault.New(ErrUnreachable.Kind, ErrUnreachable.Code, "the identity provider answers %d", status), "reachable",
			"200 from "+target, strconv.Itoa(status))
	}
	return err
}

func untrusted(why string) error {
	return fault.New(ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider's answer could not be trusted: %s", why)
}

// word cuts what a stranger sent down to an error code's characters.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, s[:min(len(s), 64)])
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
