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
		Error string `json:"error"`
	}
	status, err := c.send(req, &answer)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fault.New(ErrRefused.Kind, ErrRefused.Code, "the identity provider did not accept the code: %s", word(answer.Error))
	case answer.IDToken == "":
		return nil, untrusted("the token response has no id_token")
	}
	return &answer.AccessTokenResponse, nil
}

func (c *Connection) send(req *http.Request, v any) (status int, err error) {
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		return 0, fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "%s", ErrUnreachable.Detail)
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
func (c *Connection) verify(ctx context.Context, answer *zoidc.AccessTokenResponse, code string, m memory) (map[string]any, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(c.o.Algorithms))
	for i, a := range c.o.Algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	parsed, err := jwt.ParseSigned(answer.IDToken, algorithms)
	if err != nil {
		return nil, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the id_token is malformed or signed with an algorithm that is not allowed")
	}
	header := parsed.Headers[0]
	key, err := c.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	var id idClaims
	all := map[string]any{}
	if err := parsed.Claims(key, &id, &all); err != nil {
		return nil, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the id_token's signature does not hold")
	}
	return all, c.checkClaims(id, header.Algorithm, answer.AccessToken, code, m)
}

// checkClaims checks whom the ID token is from, about and for, and what it belongs to.
func (c *Connection) checkClaims(id idClaims, alg, access, code string, m memory) error {
	switch {
	case !slices.Contains(c.issuers(), id.Issuer) || id.Issuer != c.tenanted(id.Tenant):
		return untrusted("the id_token is of another issuer")
	case id.Subject == "" || len(id.Subject) > 255:
		return untrusted("the id_token names no subject")
	case !id.Audience.Contains(c.o.ClientID):
		return untrusted("the id_token is for another client")
	case (len(id.Audience) > 1 || id.Party != "") && id.Party != c.o.ClientID:
		return untrusted("the id_token was issued to another party")
	case id.Nonce != m.Nonce:
		return untrusted("the id_token answers another request")
	case id.Hash != "" && id.Hash != halfHash(alg, access):
		return untrusted("the id_token belongs to another access token")
	case id.CodeHash != "" && id.CodeHash != halfHash(alg, code):
		return untrusted("the id_token belongs to another code")
	}
	return c.checkTimes(id, m)
}

// checkTimes checks that the ID token is valid now, and that the person
// authenticated as lately as was asked.
func (c *Connection) checkTimes(id idClaims, m memory) error {
	now, authTime := c.o.Now(), time.Unix(id.AuthTime, 0)
	switch {
	case id.Expiry == nil || id.IssuedAt == nil || now.After(id.Expiry.Time().Add(leeway)) || id.IssuedAt.Time().After(now.Add(leeway)):
		return untrusted("the id_token is not valid now")
	case id.NotBefore != nil && id.NotBefore.Time().After(now.Add(leeway)):
		return untrusted("the id_token is not valid yet")
	case (m.MaxAge != nil || m.Fresh) && id.AuthTime == 0:
		return untrusted("the id_token does not say when the person authenticated")
	case m.MaxAge != nil && now.Sub(authTime) > *m.MaxAge+leeway:
		return untrusted("the person authenticated too long ago")
	case m.Fresh && authTime.Before(m.Begun.Add(-leeway)):
		return untrusted("the person did not authenticate anew")
	}
	return nil
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
func (c *Connection) addUserInfo(ctx context.Context, meta *metadata, access string, claims map[string]any) error {
	info := map[string]any{}
	if err := c.get(ctx, meta.UserinfoEndpoint, access, &info); err != nil {
		return err
	}
	if info["sub"] != claims["sub"] {
		return untrusted("userinfo is about somebody else")
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
