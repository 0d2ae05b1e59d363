package upstream

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// leeway is how far the provider's clock may differ from ours.
const leeway = time.Minute

// exchange redeems the code at the token endpoint.
func (c *Connection) exchange(ctx context.Context, meta *metadata, code string, m memory) (*zoidc.AccessTokenResponse, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {m.RedirectURI}, "code_verifier": {m.Verifier},
	}
	basic := len(meta.TokenEndpointAuthMethodsSupported) == 0 || slices.Contains(meta.TokenEndpointAuthMethodsSupported, zoidc.AuthMethodBasic)
	if !basic || c.o.ClientSecret == "" {
		form.Set("client_id", c.o.ClientID)
		if c.o.ClientSecret != "" {
			form.Set("client_secret", c.o.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, meta.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider names a broken address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic && c.o.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(c.o.ClientID), url.QueryEscape(c.o.ClientSecret))
	}
	var answer struct {
		zoidc.AccessTokenResponse
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	status, err := c.send(req, &answer)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		refused := fault.New(ErrRefused.Kind, ErrRefused.Code, "the identity provider did not accept the code: %s", word(answer.Error))
		return nil, identity.Refuse(refused, "token_response", "200 from "+meta.TokenEndpoint, fmt.Sprintf("%d %s %s", status, answer.Error, answer.Description))
	case answer.IDToken == "":
		return nil, untrusted("the token response has no id_token")
	}
	return &answer.AccessTokenResponse, nil
}

func (c *Connection) send(req *http.Request, v any) (status int, err error) {
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		return 0, identity.Refuse(fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "%s", ErrUnreachable.Detail), "reachable",
			"an answer from "+req.URL.Redacted(), unreached(err))
	}
	defer func() { _ = res.Body.Close() }()
	// A redirect may move a document on its host; another host vouches for nothing.
	if res.Request.URL.Host != req.URL.Host {
		return res.StatusCode, untrusted("it redirects to another host")
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(v); err != nil && res.StatusCode == http.StatusOK {
		return res.StatusCode, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider's answer is not the JSON that is expected")
	}
	return res.StatusCode, nil
}

// idClaims are the claims of an ID token that are checked.
type idClaims struct {
	jwt.Claims
	Nonce    string `json:"nonce"`
	Party    string `json:"azp"`
	AuthTime int64  `json:"auth_time"`
	Hash     string `json:"at_hash"`
	CodeHash string `json:"c_hash"`
	Tenant   string `json:"tid"`
}

// verify checks the ID token (OpenID Connect Core, section 3.1.3.7) and returns
// all of its claims.
func (c *Connection) verify(ctx context.Context, t *trial, answer *zoidc.AccessTokenResponse, code string, m memory) (map[string]any, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(c.o.Algorithms))
	for i, a := range c.o.Algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	parsed, err := jwt.ParseSigned(answer.IDToken, algorithms)
	if err != nil {
		err = identity.Refuse(fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the id_token is malformed or signed with an algorithm that is not allowed"),
			"algorithm", strings.Join(c.o.Algorithms, " "), t.clean(algorithmOf(answer.IDToken)))
		t.step("algorithm", err, "")
		return nil, err
	}
	header := parsed.Headers[0]
	t.Note("algorithm", true, strings.Join(c.o.Algorithms, " "), header.Algorithm)
	unverified := map[string]any{}
	if parsed.UnsafeClaimsWithoutVerification(&unverified) == nil { // only to be looked at
		t.received("id_token", masked(unverified))
	}
	key, err := c.keys.find(ctx, header.KeyID, header.Algorithm)
	if t.step("key", err, "one key "+header.KeyID+" for "+header.Algorithm); err != nil {
		return nil, err
	}
	var id idClaims
	all := map[string]any{}
	if err := parsed.Claims(key, &id, &all); err != nil {
		err = fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the id_token's signature does not hold")
		t.step("signature", err, "")
		return nil, err
	}
	t.Note("signature", true, "", "")
	c.checkClaims(t, id, header.Algorithm, answer.AccessToken, code, m)
	return all, t.failed
}

// checkClaims checks whom the ID token is from, about and for, and what it belongs to.
func (c *Connection) checkClaims(t *trial, id idClaims, alg, access, code string, m memory) {
	t.check("issuer", slices.Contains(c.issuers(), id.Issuer) && id.Issuer == c.tenanted(id.Tenant), "the id_token is of another issuer",
		strings.Join(c.issuers(), " "), strings.TrimSpace(id.Issuer+" "+id.Tenant))
	t.check("subject", id.Subject != "" && len(id.Subject) <= 255, "the id_token names no subject", "1 to 255 bytes", count(len(id.Subject), "byte"))
	t.check("audience", id.Audience.Contains(c.o.ClientID), "the id_token is for another client", c.o.ClientID, strings.Join(id.Audience, " "))
	if len(id.Audience) > 1 || id.Party != "" {
		t.check("authorized_party", id.Party == c.o.ClientID, "the id_token was issued to another party", c.o.ClientID, id.Party)
	}
	t.check("nonce", id.Nonce == m.Nonce, "the id_token answers another request", "that of this sign-in", sameness(id.Nonce, m.Nonce))
	if id.Hash != "" {
		t.check("access_token_hash", id.Hash == halfHash(alg, access), "the id_token belongs to another access token", "that of the access token", sameness(id.Hash, halfHash(alg, access)))
	}
	if id.CodeHash != "" {
		t.check("code_hash", id.CodeHash == halfHash(alg, code), "the id_token belongs to another code", "that of the code", sameness(id.CodeHash, halfHash(alg, code)))
	}
	c.checkTimes(t, id, m)
}

// checkTimes checks that the ID token is valid now, and that the person
// authenticated as lately as was asked.
func (c *Connection) checkTimes(t *trial, id idClaims, m memory) {
	now, authTime := c.o.Now(), time.Unix(id.AuthTime, 0)
	t.check("expiry", id.Expiry != nil && !now.After(id.Expiry.Time().Add(leeway)), "the id_token is not valid now", "after "+stamp(now.Add(-leeway)), moment(id.Expiry))
	t.check("issued_at", id.IssuedAt != nil && !id.IssuedAt.Time().After(now.Add(leeway)), "the id_token is not valid now", "not after "+stamp(now.Add(leeway)), moment(id.IssuedAt))
	if id.NotBefore != nil {
		t.check("not_before", !id.NotBefore.Time().After(now.Add(leeway)), "the id_token is not valid yet", "not after "+stamp(now.Add(leeway)), moment(id.NotBefore))
	}
	if m.MaxAge == nil && !m.Fresh {
		return
	}
	if !t.check("auth_time", id.AuthTime != 0, "the id_token does not say when the person authenticated", "a time", strconv.FormatInt(id.AuthTime, 10)) {
		return
	}
	if m.MaxAge != nil {
		t.check("max_age", now.Sub(authTime) <= *m.MaxAge+leeway, "the person authenticated too long ago", "not before "+stamp(now.Add(-*m.MaxAge-leeway)), stamp(authTime))
	}
	if m.Fresh {
		t.check("fresh", !authTime.Before(m.Begun.Add(-leeway)), "the person did not authenticate anew", "not before "+stamp(m.Begun.Add(-leeway)), stamp(authTime))
	}
}

// halfHash is at_hash of an access token and c_hash of a code, by the algorithm's hash.
func halfHash(alg, text string) string {
	var sum []byte
	switch {
	case strings.HasSuffix(alg, "384"):
		s := sha512.Sum384([]byte(text))
		sum = s[:]
	case strings.HasSuffix(alg, "512"), alg == "EdDSA":
		s := sha512.Sum512([]byte(text))
		sum = s[:]
	default:
		s := sha256.Sum256([]byte(text))
		sum = s[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// addUserInfo adds the userinfo claims, if they are of the same subject.
func (c *Connection) addUserInfo(ctx context.Context, t *trial, meta *metadata, access string, claims map[string]any) error {
	info := map[string]any{}
	err := c.get(ctx, meta.UserinfoEndpoint, access, &info)
	if t.step("userinfo", err, "an answer from "+meta.UserinfoEndpoint); err != nil {
		return err
	}
	t.received("userinfo", masked(info))
	if !t.check("userinfo_subject", info["sub"] == claims["sub"], "userinfo is about somebody else", "the subject of the id_token", sameness(info["sub"], claims["sub"])) {
		return t.failed
	}
	for name, v := range info {
		if _, there := claims[name]; !there {
			claims[name] = v
		}
	}
	return nil
}

func (c *Connection) assertion(claims map[string]any) (identity.Assertion, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return identity.Assertion{}, fmt.Errorf("assertion: %w", err)
	}
	var said struct {
		Subject  string   `json:"sub"`
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AuthTime int64    `json:"auth_time"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return identity.Assertion{}, untrusted("a claim has another type")
	}
	at := c.o.Now()
	if t := time.Unix(said.AuthTime, 0); said.AuthTime != 0 && t.Before(at) {
		at = t
	}
	return identity.Assertion{
		Authentication: identity.Authentication{Connection: c.o.ID, Subject: said.Subject, ACR: said.ACR, AMR: said.AMR, Time: at.UTC()},
		Attributes:     claims,
	}, nil
}
