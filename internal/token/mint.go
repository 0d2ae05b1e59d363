package token

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// Signers is the part of keys.Ring that a Minter needs.
type Signers interface {
	Signer(keys.Algorithm) (*keys.Signer, error)
}

// MinterOptions are what a Minter needs; all fields are required.
type MinterOptions struct {
	// Issuer is the iss of every token.
	Issuer string
	Ring   Signers
	Now    func() time.Time
}

// Minter makes tokens. It decides on nothing: what a token says was decided by
// the token pipeline.
type Minter struct{ o MinterOptions }

// NewMinter returns a Minter.
func NewMinter(o MinterOptions) *Minter { return &Minter{o} }

// typicalPayload is room for the claims of most tokens, in bytes.
const typicalPayload = 640

// Access mints an access token. Subject, Audience, Client, ID and an Expires
// after Issued are required; a token about a person has it as Subject, any other
// has the client. The Rev in a must have been read before the facts in a.
func (m *Minter) Access(alg keys.Algorithm, a Access) (string, error) {
	issued := m.issued(a.Issued)
	subject := a.Person
	if subject == "" {
		subject = a.Client
	}
	if a.ID == "" || a.Audience == "" || a.Client == "" || a.Subject != subject || !a.Expires.After(issued) {
		return "", errClaims
	}
	if (a.Person == "") != (a.Connection == "") {
		return "", fmt.Errorf("%w: person and connection come together", errClaims)
	}
	if len(a.Via) > MaxVia || len(a.Actors) > len(a.Via) {
		return "", fmt.Errorf("%w: %d actors after %d exchanges", errClaims, len(a.Actors), len(a.Via))
	}
	p := begin(make([]byte, 0, typicalPayload))
	p.text("iss", m.o.Issuer)
	p.text("sub", a.Subject)
	p.text("aud", a.Audience)
	p.text("client_id", a.Client)
	p.text("jti", a.ID)
	p.time("iat", issued)
	p.time("exp", a.Expires)
	p.words("scope", a.Scopes)
	p.list("roles", a.Roles)
	p.time("auth_time", a.AuthTime)
	p.text("acr", a.ACR)
	p.list("amr", a.AMR)
	p.text("sid", a.Session)
	p.text("cnx", a.Connection)
	p.text("app", a.App)
	p.text("gnt", a.Grant)
	p.number("rev", a.Rev)
	p.text("era", a.Era)
	p.actors(a.Actors)
	if a.MayAct != "" {
		p.name("may_act")
		p.actor(a.MayAct)
		p.buf = append(p.buf, '}')
	}
	p.text("agt", a.ActorGrant)
	if err := p.links(a.Via); err != nil {
		return "", err
	}
	return m.sign(alg, TypeAccess, p.end())
}

// ID mints an id_token. Subject, Audience and an Expires after Issued are required;
// one without a Grant is a hint and no more: Verifier.Identity refuses it.
func (m *Minter) ID(alg keys.Algorithm, t ID) (string, error) {
	issued := m.issued(t.Issued)
	if t.Subject == "" || t.Audience == "" || !t.Expires.After(issued) {
		return "", errClaims
	}
	p := begin(make([]byte, 0, typicalPayload))
	p.text("iss", m.o.Issuer)
	p.text("sub", t.Subject)
	p.text("aud", t.Audience)
	p.text("azp", t.AuthorizedParty)
	p.time("iat", issued)
	p.time("exp", t.Expires)
	p.time("auth_time", t.AuthTime)
	p.text("nonce", t.Nonce)
	p.text("acr", t.ACR)
	p.list("amr", t.AMR)
	p.text("sid", t.Session)
	if t.Grant != "" {
		p.text("cnx", t.Connection)
		p.text("app", t.App)
		p.text("gnt", t.Grant)
		p.number("rev", t.Rev)
		p.text("era", t.Era)
	}
	if t.AccessToken != "" {
		p.text("at_hash", leftHalf(alg, t.AccessToken))
	}
	if err := p.extra(t.Extra); err != nil {
		return "", err
	}
	return m.sign(alg, TypeID, p.end())
}

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = `{"http://schemas.openid.net/event/backchannel-logout":{}}`

// Logout mints a logout token (OpenID Connect Back-Channel Logout, section 2.4).
// ID, Audience, one of Subject and Session, and an Expires after Issued are required.
func (m *Minter) Logout(alg keys.Algorithm, t Logout) (string, error) {
	issued := m.issued(t.Issued)
	if t.ID == "" || t.Audience == "" || t.Subject+t.Session == "" || !t.Expires.After(issued) {
		return "", errClaims
	}
	p := begin(make([]byte, 0, typicalPayload))
	p.text("iss", m.o.Issuer)
	p.text("sub", t.Subject)
	p.text("aud", t.Audience)
	p.text("jti", t.ID)
	p.time("iat", issued)
	p.time("exp", t.Expires)
	p.text("sid", t.Session)
	p.raw("events", logoutEvent)
	return m.sign(alg, TypeLogout, p.end())
}

func (m *Minter) issued(t time.Time) time.Time {
	if t.IsZero() {
		return m.o.Now()
	}
	return t
}

func (m *Minter) sign(alg keys.Algorithm, typ string, payload []byte) (string, error) {
	return m.signUpTo(MaxSize, ErrTooLong, alg, typ, payload)
}

// signUpTo fails with tooLong for a token of more than most bytes.
func (m *Minter) signUpTo(most int, tooLong error, alg keys.Algorithm, typ string, payload []byte) (string, error) {
	signer, err := m.o.Ring.Signer(alg)
	if err != nil {
		return "", fmt.Errorf("mint %s: %w", typ, err)
	}
	jws, err := signer.Sign(typ, payload)
	if err != nil {
		return "", fmt.Errorf("mint %s: %w", typ, err)
	}
	if len(jws) > most {
		return "", fmt.Errorf("mint %s: %w: it would have %d bytes", typ, tooLong, len(jws))
	}
	return jws, nil
}

// leftHalf is the at_hash of an access token (OpenID Connect Core, section
// 3.1.3.6), with the hash function of the signature: SHA-512 for Ed25519.
func leftHalf(alg keys.Algorithm, accessToken string) string {
	if alg == keys.EdDSA {
		sum := sha512.Sum512([]byte(accessToken))
		return base64.RawURLEncoding.EncodeToString(sum[:sha512.Size/2])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])
}
