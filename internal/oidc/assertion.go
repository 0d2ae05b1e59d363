package oidc

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// assertionPurpose types the seen-list of client assertions.
const assertionPurpose cache.Purpose = "client-assertion"

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Bounds of a client assertion.
const (
	assertionLife  = 5 * time.Minute
	assertionAhead = cache.Skew
)

// assertionAlgorithms are what an assertion may be signed with.
var assertionAlgorithms = []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA}

// assertion is a client assertion (RFC 7523) that was taken apart once and of which
// nothing is verified: its issuer chooses the keys to verify it with, no more. Of a text
// that is no JWS in compact form (RFC 7515, section 7.1), or does not say what it must,
// all is empty.
//
// The signature is verified without go-jose, which reads header and claims several times
// over: a client with a key sends one with each request. JSON is read by its decoder all
// the same, which refuses names that come twice and does not take "ISS" for "iss".
type assertion struct {
	header struct {
		Algorithm keys.Algorithm `json:"alg"`
		KeyID     string         `json:"kid"`
		Type      *string        `json:"typ"`
		// Critical says that there is more to heed (section 4.1.11). We know of nothing.
		Critical json.RawMessage `json:"crit"`
	}
	claims struct {
		Issuer    string           `json:"iss"`
		Subject   string           `json:"sub"`
		Audience  string           `json:"aud"`
		ID        string           `json:"jti"`
		Expires   *jwt.NumericDate `json:"exp"`
		Issued    *jwt.NumericDate `json:"iat"`
		NotBefore *jwt.NumericDate `json:"nbf"`
	}
	signed, signature []byte
}

func readAssertion(text string) assertion {
	var a assertion
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 3 || !readPart(parts[0], &a.header) || !readPart(parts[1], &a.claims) {
		return assertion{}
	}
	var err error
	if a.signature, err = compact(parts[2]); err != nil {
		return assertion{}
	}
	a.signed = []byte(text[:len(parts[0])+1+len(parts[1])])
	return a
}

// readPart reads a part of a JWS that is JSON.
func readPart(part string, to any) bool {
	raw, err := compact(part)
	return err == nil && json.Unmarshal(raw, to) == nil
}

// compact decodes a part as it is written in one way alone: the decoder itself passes over
// the ends of lines.
func compact(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(part, "\r\n"))
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// checkAssertion verifies private_key_jwt (RFC 7523): the key and its algorithm
// come from the client's registration, the audience is our issuer alone, and the
// jti is good once.
func (p *Provider) checkAssertion(ctx context.Context, c *registry.Client, a *assertion) error {
	set, err := p.assertion.of(ctx, c)
	if err != nil {
		return err
	}
	if !a.verified(set) || !a.says(c.ID, p.o.Issuer) || !a.live(p.o.Now()) {
		return errInvalidClient
	}
	first, err := p.o.Once.First(ctx, assertionPurpose, c.ID+"\n"+a.claims.ID, a.claims.Issued.Time(), a.claims.Expires.Time())
	if err == nil && !first {
		err = errInvalidClient
	}
	if err != nil && fault.KindOf(err) != fault.Unavailable {
		return fault.Wrap(err, errInvalidClient.Kind, errInvalidClient.Code, "%s", errInvalidClient.Detail)
	}
	return err
}

// verified reports whether one of the keys made the signature, as an assertion's.
func (a *assertion) verified(set keys.KeySet) bool {
	h := &a.header
	if h.Critical != nil || h.Type != nil && *h.Type != "JWT" && *h.Type != "client-authentication+jwt" || !slices.Contains(assertionAlgorithms, h.Algorithm) {
		return false
	}
	return slices.ContainsFunc(set.Select(h.KeyID, h.Algorithm), func(k keys.PublicKey) bool {
		return k.Verify(a.signed, a.signature) == nil
	})
}

// says reports whether the claims are those of this client, for this issuer.
func (a *assertion) says(client, issuer string) bool {
	c := &a.claims
	return c.Issuer == client && c.Subject == client && c.Audience == issuer && c.ID != "" && len(c.ID) <= maxParameter
}

// live reports whether the assertion is good at this time, and not for longer than one
// needs to be.
func (a *assertion) live(now time.Time) bool {
	c := &a.claims
	if c.Expires == nil || c.Issued == nil {
		return false
	}
	expires, issued := c.Expires.Time(), c.Issued.Time()
	return now.Before(expires) && !issued.After(now.Add(assertionAhead)) && expires.Sub(issued) <= assertionLife &&
		(c.NotBefore == nil || !now.Add(assertionAhead).Before(c.NotBefore.Time()))
}
