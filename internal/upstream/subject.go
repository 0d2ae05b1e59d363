package upstream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Subjects says which tokens or assertions of a provider an app may bring, so that it
// can act for whom they are about. The zero value allows none.
type Subjects struct {
	// Clients are those here that may bring one; for each, the provider's clients whose
	// tokens it may bring, or Any.
	Clients map[string][]string
	// Audiences are those that they may be made for, Recipients where an assertion may
	// be meant to go.
	Audiences, Recipients []string
	// Types are the typ of the tokens.
	Types []string
	// MaxAge is how long ago they may have been made.
	MaxAge time.Duration
	// Once lets each token in once; assertions always are.
	Once bool
	// ACR and AMR are the classes and methods that are believed.
	ACR, AMR []string
}

// Any stands for every client of the provider.
const Any = "*"

// The typ of a token (RFC 9068, section 2.1; RFC 7519, section 5.1). A header without
// one counts as TypeJWT.
const (
	TypeAccess = "at+jwt"
	TypeJWT    = "JWT"
)

// The token type identifiers of what Subject takes (RFC 8693, section 3).
const (
	KindAccess    = "urn:ietf:params:oauth:token-type:access_token"
	KindID        = "urn:ietf:params:oauth:token-type:id_token"
	KindJWT       = "urn:ietf:params:oauth:token-type:jwt"
	KindAssertion = "urn:ietf:params:oauth:token-type:saml2"
)

// typesOf says which typ a token of a kind may have: what is called a JWT may be any.
var typesOf = map[string][]string{KindAccess: {TypeAccess}, KindID: {TypeJWT}, KindJWT: {TypeAccess, TypeJWT}}

// maxToken bounds a token that somebody brings, in bytes.
const maxToken = 16 << 10

// subjectPurpose is what the ids of tokens that count once are remembered for.
const subjectPurpose cache.Purpose = "subject-token"

// May reports whether a client here may bring what the provider made.
func (s Subjects) May(client string) bool { return len(s.Clients[client]) > 0 }

// allow refuses a client here that may bring nothing that the provider made.
func (s Subjects) allow(client string) error {
	if s.May(client) {
		return nil
	}
	named := strings.Join(slices.Sorted(maps.Keys(s.Clients)), " ")
	return refusal("not_allowed", "is of an issuer whose tokens this client may not bring", cmp.Or(named, "no client: the connection names none"), client)
}

// fit refuses a token of a kind that has another typ than the kind and the connection
// have.
func (s Subjects) fit(kind, typ string) error {
	may := both(typesOf[kind], s.Types)
	if slices.Contains(may, typ) {
		return nil
	}
	expected := cmp.Or(strings.Join(may, " "), "another subject_token_type: the connection has "+strings.Join(s.Types, " "))
	return refusal("typ", "has another typ than its subject_token_type and the connection allow", expected, typ)
}

// believed are what an issuer says of a sign-in, as far as it is taken at its word.
func (s Subjects) believed(acr string, amr []string) (string, []string) {
	if !slices.Contains(s.ACR, acr) {
		acr = ""
	}
	return acr, slices.DeleteFunc(slices.Clone(amr), func(m string) bool { return !slices.Contains(s.AMR, m) })
}

// TokenIssuer returns the issuer that a token says it is of. Nobody vouches for it: it
// says whom to ask.
func TokenIssuer(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > maxToken {
		return ""
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(body, &said) != nil {
		return ""
	}
	return said.Issuer
}

// Issues reports whether the tokens of an issuer are this provider's.
func (c *Connection) Issues(issuer string) bool {
	return issuer != "" && slices.Contains(c.issuers(), issuer)
}

// Issuers are those that its tokens may be of: one for each tenant.
func (c *Connection) Issuers() []string { return c.issuers() }

// Subjects says which of its tokens may be brought.
func (c *Connection) Subjects() Subjects { return c.o.Subjects }

// subjectClaims are the claims of a token that are checked.
type subjectClaims struct {
	jwt.Claims
	Tenant   string          `json:"tid"`
	Events   json.RawMessage `json:"events"`
	Bound    json.RawMessage `json:"cnf"`
	Act      json.RawMessage `json:"act"`
	MayAct   json.RawMessage `json:"may_act"`
	ACR      string          `json:"acr"`
	AMR      []string        `json:"amr"`
	AuthTime int64           `json:"auth_time"`
	// Parties are what providers call who a token was issued to.
	Client string `json:"client_id"` // RFC 9068
	Party  string `json:"azp"`       // OpenID Connect Core
	App    string `json:"appid"`     // Microsoft Entra ID, version 1
	CID    string `json:"cid"`       // Okta

	typ string // of the header
}

// Subject verifies a token of the provider that a client here brings, of one of the
// kinds KindAccess, KindID and KindJWT (RFC 8693, section 2.1; RFC 7523, section 3;
// RFC 9068, section 4). The error is a fault whose code names the check, token_….
func (c *Connection) Subject(ctx context.Context, client, kind, raw string) (identity.SubjectToken, error) {
	if err := c.o.Subjects.allow(client); err != nil {
		return identity.SubjectToken{}, err
	}
	claims, err := c.signed(ctx, kind, raw)
	if err != nil {
		return identity.SubjectToken{}, err
	}
	if err := c.subjectFits(claims, client); err != nil {
		return identity.SubjectToken{}, err
	}
	acr, amr := c.o.Subjects.believed(claims.ACR, claims.AMR)
	t := identity.SubjectToken{
		Authentication: identity.Authentication{Connection: c.o.ID, Subject: claims.Subject, ACR: acr, AMR: amr},
		Issuer:         claims.Issuer, ID: claims.ID, Issued: claims.IssuedAt.Time().UTC(), Expires: claims.Expiry.Time().UTC(),
	}
	if at := time.Unix(claims.AuthTime, 0); claims.AuthTime != 0 {
		if now := c.o.Now(); at.After(now) {
			at = now
		}
		t.Authentication.Time = at.UTC()
	}
	if c.o.Subjects.Once {
		t.Use = func(ctx context.Context) error {
			sum := sha256.Sum256([]byte(c.o.ID + "\x00" + t.ID))
			return takenOnce(c.o.Seen.First(ctx, subjectPurpose, hex.EncodeToString(sum[:]), t.Issued, t.Expires.Add(leeway)))
		}
	}
	return t, nil
}

// Assume returns what Subject would of a good token of the kind, by the checks that
// need none: whom it is about and when it was made is left out. Its typ is the first
// that the kind and the connection have.
func (c *Connection) Assume(client, kind string) (identity.SubjectToken, error) {
	s := c.o.Subjects
	if err := s.allow(client); err != nil {
		return identity.SubjectToken{}, err
	}
	may := append(both(typesOf[kind], s.Types), typesOf[kind]...)
	if err := s.fit(kind, may[0]); err != nil {
		return identity.SubjectToken{}, err
	}
	return identity.SubjectToken{Authentication: identity.Authentication{Connection: c.o.ID}, Issuer: c.o.Issuer}, nil
}

// takenOnce is the outcome of taking what counts once.
func takenOnce(first bool, err error) error {
	if err == nil && !first {
		return refusal("replayed", "was used before, and counts once", "a token that was never brought", "this one")
	}
	return err
}

// signed checks the form, the type and the signature of a token, and returns what it
// says.
func (c *Connection) signed(ctx context.Context, kind, raw string) (subjectClaims, error) {
	var claims subjectClaims
	if len(raw) > maxToken {
		return claims, refusal("malformed", "is not a signed JWT", "at most "+count(maxToken, "byte"), count(len(raw), "byte"))
	}
	if strings.ContainsFunc(raw, unicode.IsSpace) { // which go-jose would skip: a token has one spelling
		return claims, refusal("malformed", "is not a signed JWT", "no white space", "white space")
	}
	algorithms := make([]jose.SignatureAlgorithm, len(c.o.Algorithms))
	for i, a := range c.o.Algorithms {
		algorithms[i] = jose.SignatureAlgorithm(a)
	}
	parsed, err := jwt.ParseSigned(raw, algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return claims, refusal("algorithm", "is not a JWT with an algorithm that the connection allows", strings.Join(c.o.Algorithms, " "), algorithmOf(raw))
	}
	header := parsed.Headers[0]
	claims.typ = typeOf(header)
	if err := c.o.Subjects.fit(kind, claims.typ); err != nil {
		return claims, err
	}
	key, err := c.keys.find(ctx, header.KeyID, header.Algorithm)
	if fault.KindOf(err) == fault.Unavailable {
		return claims, err
	}
	if err != nil {
		return claims, refusal("key", "is signed with a key that its issuer does not publish", "a published key", header.KeyID)
	}
	if err := parsed.Claims(key, &claims); err != nil {
		return claims, refusal("signature", "has a signature that does not hold, or claims that are malformed", "a good signature", "another")
	}
	return claims, nil
}

// typeOf is the typ of a header (RFC 7515, section 4.1.9: a media type, whose
// "application/" may be left out and whose case means nothing).
func typeOf(h jose.Header) string {
	v, there := h.ExtraHeaders[jose.HeaderType]
	typ, text := v.(string)
	switch {
	case !there, strings.EqualFold(typ, TypeJWT), strings.EqualFold(typ, "application/jwt"):
		return TypeJWT
	case strings.EqualFold(typ, TypeAccess), strings.EqualFold(typ, "application/"+TypeAccess):
		return TypeAccess
	case !text, typ == "":
		return "none"
	}
	return typ
}

// both are those of a that are in b, too.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// subjectFits checks whom a token is from, about and for, when it counts, and that
// nothing is lost that it is bound to.
func (c *Connection) subjectFits(t subjectClaims, client string) error {
	s := c.o.Subjects
	said := func(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
	party, agreed := t.party()
	switch {
	case !c.Issues(t.Issuer) || t.Issuer != c.tenanted(t.Tenant):
		return refusal("issuer", "is of another issuer", strings.Join(c.issuers(), " "), strings.TrimSpace(t.Issuer+" "+t.Tenant))
	case t.Subject == "" || len(t.Subject) > maxSubject:
		return refusal("subject", "names no subject", "1 to 255 bytes", count(len(t.Subject), "byte"))
	case t.Subject == party:
		return refusal("subject", "speaks of a client: only a person can be acted for", "a person", "the client that it was issued to")
	case !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(s.Audiences, a) }):
		return refusal("audience", "is for another audience", strings.Join(s.Audiences, " "), strings.Join(t.Audience, " "))
	case said(t.Events):
		return refusal("events", "is a security event and no token", "no events", "events")
	case said(t.Bound):
		return refusal("bound", "is bound to a key, and would be bound no more", "no cnf", "cnf")
	case said(t.Act):
		return refusal("act", "says that somebody acts for its subject already: what another issuer delegated is not taken on", "no act", "act")
	case said(t.MayAct):
		return refusal("may_act", "says who may act for its subject, in words of its issuer that mean nobody here", "no may_act", "may_act")
	case !agreed || !slices.Contains(s.Clients[client], Any) && (party == "" || !slices.Contains(s.Clients[client], party)):
		return refusal("party", "was issued to a client whose tokens this one may not bring", strings.Join(s.Clients[client], " "), party)
	case s.Once && t.ID == "":
		return refusal("id", "has no jti, and must count once", "a jti", "none")
	}
	return c.subjectTimes(t)
}

// party is the client that a token was issued to, as far as it says so; agreed says that
// it says so in one voice. A JWT that names nobody
// was issued to its only audience (OpenID Connect Core, section 2).
func (t subjectClaims) party() (party string, agreed bool) {
	for _, name := range []string{t.Client, t.Party, t.App, t.CID} {
		if name == "" {
			continue
		}
		if party != "" && party != name {
			return party + " " + name, false
		}
		party = name
	}
	if party == "" && t.typ == TypeJWT && len(t.Audience) == 1 {
		party = t.Audience[0]
	}
	return party, true
}

// subjectTimes checks that a token counts now, and is not too old.
func (c *Connection) subjectTimes(t subjectClaims) error {
	now, s := c.o.Now(), c.o.Subjects
	switch {
	case t.Expiry == nil:
		return refusal("exp", "never expires", "exp", "none")
	case !now.Before(t.Expiry.Time()):
		return refusal("expired", "has expired", "after "+stamp(now), moment(t.Expiry))
	case t.IssuedAt == nil:
		return refusal("issued_at", "does not say when it was made", "iat", "none")
	case t.IssuedAt.Time().After(now.Add(leeway)):
		return refusal("issued_at", "was made in the future", "not after "+stamp(now.Add(leeway)), moment(t.IssuedAt))
	case now.Sub(t.IssuedAt.Time()) > s.MaxAge:
		return refusal("age", "was made too long ago", "not before "+stamp(now.Add(-s.MaxAge)), moment(t.IssuedAt))
	case t.NotBefore != nil && t.NotBefore.Time().After(now.Add(leeway)):
		return refusal("not_before", "is not valid yet", "not after "+stamp(now.Add(leeway)), moment(t.NotBefore))
	case t.AuthTime < 0 || time.Unix(t.AuthTime, 0).After(now.Add(leeway)):
		return refusal("auth_time", "says that the person signed in in the future", "not after "+stamp(now.Add(leeway)), stamp(time.Unix(t.AuthTime, 0)))
	}
	return nil
}

// refusal is why a token is not taken: what it is or has, the check, what was expected
// and what came.
func refusal(check, what, expected, came string) error {
	return identity.Refuse(fault.New(fault.Denied, "token_"+check, "the subject_token %s", what), check, expected, (&trial{}).clean(came))
}
