package token

import (
	"encoding/json"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// MaxEventSize is the longest security event token that is minted, in bytes. It travels in
// a body, never in a header field, and has room for all groups that a provider may say
// somebody is in: one that could not be made would hold up all behind it in its stream.
const MaxEventSize = 512 << 10

// SecurityEvent is what a security event token says (RFC 8417, as OpenID Shared
// Signals Framework 1.0, section 4.1, profiles it): one event. It never has a sub or
// an exp, so that it cannot pass for an access token, an id_token or a logout token.
type SecurityEvent struct {
	// ID is the jti, by which receivers tell a repetition.
	ID       string
	Audience string
	// Issued is cut to seconds. A zero Issued is now.
	Issued time.Time
	// Transaction is the txn, the same for all that one cause led to.
	Transaction string
	// Subject is the sub_id (RFC 9493), a JSON object.
	Subject json.RawMessage
	// Type is the URI of the event's type, Claims what it says: a JSON object.
	Type   string
	Claims json.RawMessage
}

// SecurityEvent mints a security event token. All fields but Issued and Transaction
// are required. Verifier accepts it as nothing.
func (m *Minter) SecurityEvent(alg keys.Algorithm, e SecurityEvent) (string, error) {
	if e.ID == "" || e.Audience == "" || e.Type == "" || !isObject(e.Subject) || !isObject(e.Claims) {
		return "", errClaims
	}
	p := begin(make([]byte, 0, typicalPayload))
	p.text("iss", m.o.Issuer)
	p.text("jti", e.ID)
	p.time("iat", m.issued(e.Issued))
	p.text("aud", e.Audience)
	p.text("txn", e.Transaction)
	p.raw("sub_id", string(e.Subject))
	p.name("events")
	p.buf = append(p.buf, '{')
	p.buf = appendString(p.buf, e.Type)
	p.buf = append(p.buf, ':')
	p.buf = append(p.buf, e.Claims...)
	p.buf = append(p.buf, '}')
	return m.signUpTo(MaxEventSize, errClaims, alg, TypeEvent, p.end())
}

func isObject(text json.RawMessage) bool {
	return len(text) > 1 && text[0] == '{' && json.Valid(text)
}
