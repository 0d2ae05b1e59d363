package saml

import (
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of a message. Which of them refused is in the audit entry, too.
var (
	ErrMalformed       = deny("malformed", "what the identity provider sent cannot be read")
	ErrVersion         = deny("version", "the identity provider's answer is not of SAML 2.0")
	ErrIssuer          = deny("issuer", "the answer comes from another identity provider")
	ErrDestination     = deny("destination", "the answer was meant for another address")
	ErrInResponseTo    = deny("in_response_to", "the answer is not to what was asked here")
	ErrIssueInstant    = deny("issue_instant", "the answer was made too long ago, or its time is wrong: check the clocks")
	ErrSubject         = deny("subject", "the answer does not say whom it is about")
	ErrNameIDFormat    = deny("name_id_format", "the identity provider names people in another way than was agreed")
	ErrNameIDQualifier = deny("name_id_qualifier", "the name of the person was made for another service provider")
	ErrTransient       = deny("name_id_transient", "the identity provider names people anew every time, and no attribute is agreed on to know them by")
	ErrConfirmation    = deny("subject_confirmation", "the answer has no bearer confirmation of its subject")
	ErrRecipient       = deny("recipient", "the answer was made for another recipient")
	ErrConfirmationDue = deny("confirmation_expired", "the answer was not delivered in time: check the clocks")
	ErrConditions      = deny("conditions", "the answer has no conditions, or one that nobody knows")
	ErrNotBefore       = deny("not_before", "the answer is not valid yet: check the clocks")
	ErrExpired         = deny("not_on_or_after", "the answer is not valid any more: check the clocks")
	ErrAudience        = deny("audience", "the answer is for another audience")
	ErrAuthnStatement  = deny("authn_statement", "the answer does not say how and when the person signed in")
	ErrAuthnContext    = deny("authn_context", "the person signed in by other means than were asked for")
	ErrAuthnInstant    = deny("authn_instant", "the person signed in too long ago, or in the future")
	ErrSessionOver     = deny("session_not_on_or_after", "the identity provider's own session is over")
	ErrUnsolicited     = deny("unsolicited", "nobody here began this sign-in, and this identity provider may not begin one")
	ErrNotEncrypted    = deny("encrypted", "the answer is not encrypted, and must be")
	ErrReplayed        = deny("replayed", "this answer was used before")
	ErrName            = deny("name_id", "the identity provider does not say whom to sign out")
	ErrStatus          = deny("status", "the identity provider did not do what it was asked to")
)

// The faults of metadata.
var (
	ErrMetadata        = deny("metadata", "the identity provider's metadata cannot be read")
	ErrMetadataEntity  = deny("metadata_entity", "the metadata is of another entity")
	ErrMetadataRole    = deny("metadata_role", "the metadata is not of an identity provider of SAML 2.0")
	ErrMetadataKey     = deny("metadata_key", "the metadata has no signing certificate that is good enough")
	ErrMetadataPlace   = deny("metadata_endpoint", "the metadata has no sign-on address that can be used")
	ErrMetadataExpired = deny("metadata_expired", "the identity provider's metadata is not valid any more")
	ErrMetadataStale   = fault.New(fault.Unavailable, "saml_metadata_stale", "the identity provider's metadata could not be read for too long")
)

func deny(name, detail string) *fault.Error {
	return fault.New(fault.Denied, "saml_"+name, "%s", detail)
}
