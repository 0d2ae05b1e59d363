package policy

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of a question.
var (
	// ErrQuestion refuses one that is not about one client, one API, and either a token or
	// a person.
	ErrQuestion = fault.New(fault.Invalid, "explain_exchange_incomplete", "name the client, the audience, and either the token that would be exchanged or the person")
	// ErrConnection refuses one about what a person's identity provider makes, and about a
	// token of ours as well.
	ErrConnection = fault.New(fault.Invalid, "explain_exchange_connection", "connection goes with person, for a token that their identity provider makes: name neither token nor signed_in_to beside it").At("connection")
	// ErrSubjectType refuses one about what no identity provider, or not the connection's,
	// makes.
	ErrSubjectType = fault.New(fault.Invalid, "explain_exchange_type",
		"subject_type goes with connection: access_token, id_token and jwt are made by providers that speak OpenID Connect, saml2 by those that speak SAML").At("subject_type")
)

// Exchange is a token exchange (RFC 8693) that is asked about: what would be asked of
// the token endpoint.
type Exchange struct {
	// Client is the client_id of who would exchange, Audience and Scope what for; an
	// empty Scope asks for all that there is.
	Client, Audience, Scope string
	// Token is the jti of an access token that was issued. Without one, somebody is
	// assumed to have just signed in: Person, to the client SignedInTo, which is Client
	// when it is empty.
	Token, Person, SignedInTo string
	// Connection is for a Person who is not signed in here: what their identity provider
	// makes for them at this moment would be brought, a token, or an assertion of SAML.
	// SubjectType is what it would be called, one of SubjectTypes: jwt or saml2 unless told,
	// as the provider speaks.
	Connection, SubjectType string
}

// SubjectTypes lists what the token or assertion of an identity provider may be called:
// the ends of token type identifiers (RFC 8693, section 3).
func SubjectTypes() []string { return []string{"access_token", "id_token", "jwt", "saml2"} }

// Check refuses a question that lacks something, or that is about two things, with
// ErrQuestion, ErrConnection or ErrSubjectType.
func (q Exchange) Check() error {
	switch {
	case q.Client == "" || q.Audience == "" || (q.Token == "") == (q.Person == ""):
		return ErrQuestion
	case q.Connection != "" && (q.Token != "" || q.SignedInTo != ""):
		return ErrConnection
	case q.SubjectType != "" && (q.Connection == "" || !slices.Contains(SubjectTypes(), q.SubjectType)):
		return ErrSubjectType
	}
	return nil
}
