package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// MaxSize is the longest token that is minted or looked at, in bytes. It fits in
// a header field of any usual server.
const MaxSize = 7 << 10

// maxHeader is more than any of our headers has, in bytes once decoded.
const maxHeader = 128

// Keys is the part of keys.Ring that a Verifier needs. If the value also has
// Former, hints signed by a key that was since removed are recognised.
type Keys interface {
	Public(kid string) (keys.PublicKey, bool)
}

// formerKeys is the optional part of Keys: keys that left in good standing.
type formerKeys interface {
	Former(kid string) (keys.PublicKey, bool)
}

// Revocations is the part of revoke.Sequence that a Verifier needs.
type Revocations interface {
	Check(rev uint64, refs ...identity.Ref) error
}

// VerifierOptions are what a Verifier needs. All fields but Leeway are required.
type VerifierOptions struct {
	Issuer      string
	Keys        Keys
	Era         func() string
	Revocations Revocations
	Now         func() time.Time
	// Leeway is how far ahead the clock of another replica may be; 0 means 30 s.
	// It never prolongs a token.
	Leeway time.Duration
}

// Verifier checks tokens that the broker minted itself. It is safe for
// concurrent use.
type Verifier struct {
	o VerifierOptions
	// headers are those that were looked at before, as they are encoded, by typ; there is
	// a handful for every key.
	headers sync.Map
	known   known
}

// knownHeader is a header of a type of token, as it is encoded, and knownKey what it says.
type (
	knownHeader struct{ typ, encoded string }
	knownKey    struct {
		kid       string
		algorithm keys.Algorithm
	}
)

// NewVerifier returns a Verifier.
func NewVerifier(o VerifierOptions) *Verifier {
	if o.Leeway == 0 {
		o.Leeway = 30 * time.Second
	}
	return &Verifier{o: o}
}

// Access returns what a good access token says, which must not be changed. It fails with
// ErrInvalid or ErrExpired, or with what Revocations.Check returns. Whether the audience
// is the right one is for the caller to decide.
//
// The signature of a token that comes again is not verified again; everything else is.
func (v *Verifier) Access(_ context.Context, raw string) (Access, error) {
	if len(raw) > MaxSize {
		return Access{}, refuse("the token is too long")
	}
	id := sha256.Sum256([]byte(raw))
	signed, known := v.known.find(id)
	if known {
		_, known = v.o.Keys.Public(signed.kid)
	}
	if !known {
		body, kid, err := v.open(raw, TypeAccess, v.o.Keys.Public)
		if err != nil {
			return Access{}, err
		}
		if signed.claims, err = readAccess(body); err != nil {
			return Access{}, err
		}
		signed.kid = kid
	}
	a, err := v.live(signed)
	switch {
	case err != nil && known:
		v.known.forget(id)
	case err == nil && !known:
		v.known.add(id, signed, v.o.Now())
	}
	return a, err
}

// live checks what a signed token says by what is so now.
func (v *Verifier) live(signed knownAccess) (Access, error) {
	c := signed.claims
	if err := v.times(c.Issuer, c.Issued, c.Expires); err != nil {
		return Access{}, err
	}
	a := c.access(signed.kid)
	switch {
	case a.ID == "", a.Subject == "", a.Audience == "", a.Client == "":
		return Access{}, refuse("a claim is missing")
	case a.Person == "" && a.Subject != a.Client:
		return Access{}, refuse("the subject is neither a signed-in person nor the client")
	case c.Era != v.o.Era():
		return Access{}, refuse("the token is of another era")
	case len(a.Via) > MaxVia, len(a.Actors) > len(a.Via):
		return Access{}, refuse("the token was exchanged too often")
	}
	var room [maxRefs]identity.Ref
	if err := v.o.Revocations.Check(c.Rev, a.appendRefs(room[:0])...); err != nil {
		return Access{}, fmt.Errorf("access token: %w", err)
	}
	return a, nil
}

// Identity returns what a good id_token says, one that may be exchanged for access. It
// fails as Access does, for the same reasons. Whether Audience is the client that
// brought it is for the caller to decide.
func (v *Verifier) Identity(_ context.Context, raw string) (ID, error) {
	body, kid, err := v.open(raw, TypeID, v.o.Keys.Public)
	if err != nil {
		return ID{}, err
	}
	var c idClaims
	if err := json.Unmarshal(body, &c); err != nil {
		return ID{}, refuse("the claims are malformed")
	}
	if err := v.times(c.Issuer, c.Issued, c.Expires); err != nil {
		return ID{}, err
	}
	t := c.id(kid)
	switch {
	case t.Subject == "", t.Audience == "", t.Connection == "", t.App == "", t.Grant == "":
		return ID{}, refuse("a claim is missing")
	case t.Era != v.o.Era():
		return ID{}, refuse("the token is of another era")
	}
	if err := v.o.Revocations.Check(t.Rev, t.Access().Refs()...); err != nil {
		return ID{}, fmt.Errorf("id_token: %w", err)
	}
	return t, nil
}

// Access returns what the token says as an access token of its client would that is
// for the issuer, without a jti and without scopes.
func (t ID) Access() Access {
	return Access{
		Issuer: t.Issuer, Subject: t.Subject, Audience: t.Issuer, Client: t.Audience, Issued: t.Issued, Expires: t.Expires,
		AuthTime: t.AuthTime, ACR: t.ACR, AMR: t.AMR, Person: t.Subject, Session: t.Session, Connection: t.Connection,
		App: t.App, Grant: t.Grant, Key: t.Key, Rev: t.Rev, Era: t.Era,
	}
}

// IDHint returns what an id_token of ours says, when a client gives it back as
// id_token_hint. It may have expired. It tells whom a request is about and
// entitles to nothing; whether Audience is the client that sent it is for the
// caller to decide. It fails with ErrInvalid.
func (v *Verifier) IDHint(_ context.Context, raw string) (ID, error) {
	lookup := v.o.Keys.Public
	if former, ok := v.o.Keys.(formerKeys); ok {
		lookup = former.Former
	}
	body, kid, err := v.open(raw, TypeID, lookup)
	if err != nil {
		return ID{}, err
	}
	var c idClaims
	switch err := json.Unmarshal(body, &c); {
	case err != nil:
		return ID{}, refuse("the claims are malformed")
	case c.Issuer != v.o.Issuer:
		return ID{}, refuse("the issuer is another")
	case c.Subject == "", c.Audience == "":
		return ID{}, refuse("a claim is missing")
	case time.Unix(c.Issued, 0).After(v.o.Now().Add(v.o.Leeway)):
		return ID{}, refuse("the token is from the future")
	}
	return c.id(kid), nil
}

// open checks size, shape, header and signature, in that order, and returns the
// payload and the kid.
func (v *Verifier) open(raw, typ string, lookup func(string) (keys.PublicKey, bool)) (body []byte, kid string, err error) {
	if len(raw) > MaxSize {
		return nil, "", refuse("the token is too long")
	}
	header, rest, ok1 := strings.Cut(raw, ".")
	encoded, signature, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 {
		return nil, "", refuse("the token does not have three parts")
	}
	key, err := v.headerKey(header, typ, lookup)
	if err != nil {
		return nil, "", err
	}
	body, ok1 = decode(encoded)
	mac, ok2 := decode(signature)
	if !ok1 || !ok2 {
		return nil, "", refuse("the token is not canonical base64url")
	}
	input := raw[:len(header)+1+len(encoded)]
	if err := key.Verify([]byte(input), mac); err != nil {
		return nil, "", refuse("the signature is wrong")
	}
	return body, key.ID, nil
}

// headerKey finds the key that the header names, and refuses any header that is
// not byte for byte what that key's Signer writes for typ.
func (v *Verifier) headerKey(encoded, typ string, lookup func(string) (keys.PublicKey, bool)) (keys.PublicKey, error) {
	if known, ok := v.headers.Load(knownHeader{typ, encoded}); ok {
		said := known.(knownKey) //nolint:forcetypeassert // nothing else is stored
		if key, ok := lookup(said.kid); ok && key.Algorithm == said.algorithm {
			return key, nil
		}
	}
	key, err := headerKey(encoded, typ, lookup)
	if err == nil {
		v.headers.Store(knownHeader{typ, strings.Clone(encoded)}, knownKey{key.ID, key.Algorithm})
	}
	return key, err
}

func headerKey(encoded, typ string, lookup func(string) (keys.PublicKey, bool)) (keys.PublicKey, error) {
	if len(encoded) > base64.RawURLEncoding.EncodedLen(maxHeader) {
		return keys.PublicKey{}, refuse("the header is too long")
	}
	header, ok := decode(encoded)
	if !ok {
		return keys.PublicKey{}, refuse("the header is not canonical base64url")
	}
	kid, ok := kidOf(string(header))
	if !ok {
		return keys.PublicKey{}, refuse("the header is not one of ours")
	}
	key, ok := lookup(kid)
	if !ok {
		return keys.PublicKey{}, refuse("the key is not known")
	}
	if string(header) != keys.Header(key.Algorithm, kid, typ) {
		return keys.PublicKey{}, refuse("the header is not one of ours for this type of token")
	}
	return key, nil
}

// kidOf takes the kid out of a header of ours. It holds nothing but lower-case
// letters and digits, so that no path, query or URL is ever looked up.
func kidOf(header string) (string, bool) {
	_, rest, ok := strings.Cut(header, `","kid":"`)
	kid, _, closed := strings.Cut(rest, `","typ":"`)
	if !ok || !closed || kid == "" {
		return "", false
	}
	for _, c := range []byte(kid) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "", false
		}
	}
	return kid, true
}

// strict refuses padding, line breaks and bits that stand for nothing, so that a
// token has one spelling.
var strict = base64.RawURLEncoding.Strict()

func decode(s string) ([]byte, bool) {
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 { // which encoding/base64 would skip
		return nil, false
	}
	b, err := strict.DecodeString(s)
	return b, err == nil && len(b) > 0
}

// times checks what every live token has in common.
func (v *Verifier) times(issuer string, issued, expires int64) error {
	now := v.o.Now()
	switch {
	case issuer != v.o.Issuer:
		return refuse("the issuer is another")
	case expires <= 0, issued <= 0:
		return refuse("a time is missing")
	case time.Unix(issued, 0).After(now.Add(v.o.Leeway)):
		return refuse("the token is from the future")
	case !now.Before(time.Unix(expires, 0)):
		return ErrExpired
	}
	return nil
}

// refuse names the rule that failed, for the log.
func refuse(rule string) error { return fmt.Errorf("%w: %s", ErrInvalid, rule) }
