package tokenexchange

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// The token type identifiers of subjects that only other issuers make (RFC 8693,
// section 3). An access token or id_token may be of another issuer, too.
const (
	TypeJWT  = "urn:ietf:params:oauth:token-type:jwt"
	TypeSAML = "urn:ietf:params:oauth:token-type:saml2"
)

// ForeignVerifier verifies what another issuer made, where a connection allows it.
type ForeignVerifier interface {
	// Subject returns what a token or assertion says that the client with this client_id
	// brings, by the token type identifier that it is called. The error is a fault; that
	// of a check has a code that begins with token_ or saml_, and a sentence that the
	// client may read.
	Subject(ctx context.Context, client, kind, raw string) (identity.SubjectToken, error)
}

// Owners is the part of directory.Service that knows whose an upstream subject is.
type Owners interface {
	Owner(ctx context.Context, connection, subject string) (directory.Person, error)
}

// Raised is the part of storage that knows when something was revoked.
type Raised interface {
	RaisedSince(ctx context.Context, since time.Time, refs ...identity.Ref) (bool, error)
}

// Foreign is what the exchange of another issuer's token stands on. All fields are
// required.
type Foreign struct {
	Verifier    ForeignVerifier
	Owners      Owners
	Revocations Raised
}

// clockSkew is how far the clock of an issuer may be ahead of ours. What it made carries
// no revocation number: for as long after a revocation, what it makes anew is refused,
// too, since it cannot be told from what it made before.
const clockSkew = time.Minute

// maxForeign bounds what is looked at to find the issuer, in bytes.
const maxForeign = 16 << 10

// ofAnother reports whether a token that is not ours says that it is of another issuer.
// It is asked once ours did not verify.
func (e *exchange) ofAnother(err error) bool {
	if fault.As(err).Code != token.ErrInvalid.Code || len(e.asked.subject) > maxForeign {
		return false
	}
	parts := strings.Split(e.asked.subject, ".")
	if len(parts) != 3 {
		return false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said struct {
		Issuer string `json:"iss"`
	}
	return err == nil && json.Unmarshal(body, &said) == nil && said.Issuer != "" && said.Issuer != e.o.Issuer
}

// verifyForeign finds out whom a token or assertion of another issuer speaks of: a
// person who signed in over that connection before. It makes nobody, tells nothing new
// of anybody, and begins no session: what comes of it is the client's own, as a token of
// its sign-in would be, without a session, a grant and a key to end it by. Person,
// connection, app and client end it, and a revocation of one of them before it was
// exchanged does, too. So does a restored backup: what was revoked since is forgotten.
func (e *exchange) verifyForeign(ctx context.Context) error {
	e.isID = true // it has no scopes
	e.decision.Origin.Type = e.asked.subjectType
	t, err := e.o.Foreign.Verifier.Subject(ctx, e.caller.ID, e.asked.subjectType, e.asked.subject)
	if err != nil {
		return foreignNotGood(err)
	}
	a := t.Authentication
	e.decision.Origin = oidc.Origin{Type: e.asked.subjectType, Connection: a.Connection, Issuer: t.Issuer, ID: t.ID}
	p, err := e.o.Foreign.Owners.Owner(ctx, a.Connection, a.Subject)
	if err != nil {
		return unlessUnavailable(err, refuse("subject_unknown", codeRequest, "the subject_token speaks of somebody who never signed in over this connection"))
	}
	e.subject = token.Access{
		Issuer: e.o.Issuer, Subject: p.ID, Person: p.ID, Audience: e.o.Issuer, Client: e.caller.ID, App: e.caller.App, Connection: a.Connection,
		Issued: t.Issued, Expires: t.Expires, AuthTime: a.Time, ACR: a.ACR, AMR: a.AMR,
	}
	e.expires, e.use = t.Expires, t.Use
	e.decision.Access.Person = p.ID
	raised, err := e.o.Foreign.Revocations.RaisedSince(ctx, t.Issued.Add(-clockSkew), append(e.subject.Refs(), identity.Database())...)
	switch {
	case err != nil:
		return err
	case raised:
		return refuse("subject_revoked", codeRequest, "the subject_token is older than a revocation of its person, connection or app, or than the database")
	}
	return nil
}

// once takes a subject that counts once, when all else is good: a request that is
// refused for another reason leaves it as it was.
func (e *exchange) once(ctx context.Context) error {
	if e.use == nil {
		return nil
	}
	if err := e.use(ctx); err != nil {
		return foreignNotGood(err)
	}
	return nil
}

// foreignNotGood refuses what another issuer made by the check that it did not pass,
// unless that could not be told. What was expected and what came is for the audit log.
func foreignNotGood(err error) error {
	f := fault.As(err)
	r := refuse("subject_"+strings.TrimPrefix(strings.TrimPrefix(f.Code, "token_"), "saml_"), codeRequest, f.Detail)
	if failed, ok := errors.AsType[*identity.Refusal](err); ok && failed.Check.Expected != "" {
		r.detail = "expected " + failed.Check.Expected + "; came " + failed.Check.Got
	}
	return unlessUnavailable(err, r)
}
