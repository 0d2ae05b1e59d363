package xmlgate

import (
	"crypto/rsa"
	"crypto/x509"
	"time"
)

// Kind is what a document is, by its root element.
type Kind int

// The kinds. The zero value is none of them and is refused.
const (
	Response       Kind = iota + 1 // samlp:Response, with one assertion
	AuthnRequest                   // samlp:AuthnRequest
	LogoutRequest                  // samlp:LogoutRequest
	LogoutResponse                 // samlp:LogoutResponse
	Metadata                       // md:EntityDescriptor or md:EntitiesDescriptor
	Bare                           // saml:Assertion or saml:EncryptedAssertion, without a Response (RFC 7522)
)

// kindNames are the names of the kinds, which are those of their root elements.
var kindNames = map[Kind]string{
	Response: "Response", AuthnRequest: "AuthnRequest", LogoutRequest: "LogoutRequest", LogoutResponse: "LogoutResponse",
	Metadata: "EntityDescriptor or EntitiesDescriptor", Bare: "Assertion or EncryptedAssertion", plainAssertion: "Assertion",
}

// String returns the name of the root element; Metadata has two and says so.
func (k Kind) String() string {
	if n, known := kindNames[k]; known {
		return n
	}
	return "unknown kind"
}

// Signed says which elements must carry a signature of their own.
type Signed int

// What must be signed. The zero value asks for everything there is: the assertion
// and the envelope of a Response, the root element of anything else.
const (
	Both      Signed = iota // the Response and its assertion; of other kinds the root
	Assertion               // the assertion, whether or not the Response is signed too; all that a Bare one has
	Envelope                // the root element, or the query of the redirect binding
	Either                  // the Response or its assertion, at least one
	None                    // nothing: never good enough for a Response
)

// String returns the name as configurations spell it.
func (s Signed) String() string {
	switch s {
	case Both:
		return "both"
	case Assertion:
		return "assertion"
	case Envelope:
		return "envelope"
	case Either:
		return "either"
	case None:
		return "none"
	}
	return "unknown"
}

// Want is what a caller expects of a document.
type Want struct {
	Kind   Kind
	Signed Signed
	// Certificates hold the only keys that count: RSA of 2048 bits or more, ECDSA on
	// P-256, P-384 or P-521. What a document says of its key is ignored.
	Certificates []*x509.Certificate
	// Decrypt holds the keys that an EncryptedAssertion may be for; without any it is
	// refused.
	Decrypt []*rsa.PrivateKey
	// Now is when the document came. Certificates count within their validity only.
	Now time.Time
	// Limits bound what is parsed; each that is zero is the default of the kind.
	Limits Limits
}

// Message is a document that passed. Only verified bytes are in Envelope and Assertion.
type Message struct {
	// Envelope is the canonical form of the root element, without its signature,
	// nil when no signature covers it.
	Envelope []byte
	// Assertion is the canonical form of a Response's one assertion, or of one that came
	// Bare, without its own signature: decrypted, and covered by its own signature or
	// the envelope's.
	Assertion []byte
	// Unsigned is the canonical form of a document that no signature covers, and
	// that needed none.
	Unsigned []byte
	// Hints is what the envelope says of itself, signed or not: it may only refuse.
	Hints Hints
	// RelayState is the redirect binding's, decoded; signed when Envelope is there.
	RelayState string
	// EnvelopeSignature and AssertionSignature tell by what each was verified, nil
	// when it had no signature of its own.
	EnvelopeSignature, AssertionSignature *SignedBy
	// Encrypted tells how the assertion was encrypted, nil when it was not.
	Encrypted *EncryptedBy
}

// SignedBy tells by what something was verified, for the trace of a sign-in.
type SignedBy struct {
	// Fingerprint is the SHA-256 of the certificate, in lower-case hexadecimal.
	Fingerprint string
	// Method and Digest are algorithm identifiers (RFC 6931); a detached signature
	// has no digest of its own.
	Method, Digest string
}

// EncryptedBy tells how something was encrypted: algorithm identifiers of XML
// Encryption 1.1 for the key, its digest and mask generation, and the data.
type EncryptedBy struct {
	Key, Digest, MGF, Data string
}

// Hints is what an envelope says of itself. Nobody vouches for it unless
// Message.Envelope is there too: it may refuse or explain, never grant. Texts are
// cut after 256 bytes.
type Hints struct {
	ID, InResponseTo, Destination, IssueInstant, Issuer string
	// Status is the top-level status code, SubStatus the one within, StatusMessage
	// the sentence beside them: all three of responses alone.
	Status, SubStatus, StatusMessage string
}

// Limits bound what is parsed. The defaults are for responses; other messages, which
// strangers may send, are small; metadata may be large.
type Limits struct {
	// Bytes bounds the document, and what a compressed or encrypted one becomes:
	// 256 KB, of other messages 64 KB, of metadata 4 MB.
	Bytes int
	// Depth bounds how deep elements lie within each other: 32.
	Depth int
	// Elements bounds their number: 5,000, of other messages 500, of metadata 50,000.
	Elements int
	// Attributes bounds those of one element, namespace declarations included: 32.
	Attributes int
	// Namespaces bounds the declarations in force at one place: 32. Canonicalization
	// costs their number for each element.
	Namespaces int
}

// defaults are the limits of messages of a kind.
func defaults(k Kind) Limits {
	l := Limits{Bytes: 64 << 10, Depth: 32, Elements: 500, Attributes: 32, Namespaces: 32}
	switch k {
	case Response, Bare, plainAssertion:
		l.Bytes, l.Elements = 256<<10, 5_000
	case Metadata:
		l.Bytes, l.Elements = 4<<20, 50_000
	case AuthnRequest, LogoutRequest, LogoutResponse:
	}
	return l
}

// within returns the limits with the defaults of the kind filled in.
func (l Limits) within(k Kind) Limits {
	d := defaults(k)
	return Limits{
		Bytes: or(l.Bytes, d.Bytes), Depth: or(l.Depth, d.Depth), Elements: or(l.Elements, d.Elements),
		Attributes: or(l.Attributes, d.Attributes), Namespaces: or(l.Namespaces, d.Namespaces),
	}
}

// or returns a limit, or the default when there is none.
func or(limit, otherwise int) int {
	if limit > 0 {
		return limit
	}
	return otherwise
}
