package saml

import (
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of a message. Which of them refused is in the audit entry, too.
var (
	ErrMalformed       = fault.New(fault.Denied, "saml_malformed", "what the identity provider sent cannot be read")
	ErrVersion         = fault.New(fault.Denied, "saml_version", "the identity provider's answer is not of SAML 2.0")
	ErrIssuer          = fault.New(fault.Denied, "saml_issuer", "the answer comes from another identity provider")
	ErrDestination     = fault.New(fault.Denied, "saml_destination", "the answer was meant for another address")
	ErrInResponseTo    = fault.New(fault.Denied, "saml_in_response_to", "the answer is not to what was asked here")
	ErrIssueInstant    = fault.New(fault.Denied, "saml_issue_instant", "the answer was made too long ago, or its time is wrong: check the clocks")
	ErrSubject         = fault.New(fault.Denied, "saml_subject", "the answer does not say whom it is about")
	ErrNameIDFormat    = fault.New(fault.Denied, "saml_name_id_format", "the identity provider names people in another way than was agreed")
	ErrNameIDQualifier = fault.New(fault.Denied, "saml_name_id_qualifier", "the name of the person was made for another service provider")
	ErrTransient       = fault.New(fault.Denied, "saml_name_id_transient", "the identity provider names people anew every time, and no attribute is agreed on to know them by")
	ErrConfirmation    = fault.New(fault.Denied, "saml_subject_confirmation", "the answer has no bearer confirmation of its subject")
	ErrRecipient       = fault.New(fault.Denied, "saml_recipient", "the answer was made for another recipient")
	ErrConfirmationDue = fault.New(fault.Denied, "saml_confirmation_expired", "the answer was not delivered in time: check the clocks")
	ErrConditions      = fault.New(fault.Denied, "saml_conditions", "the answer has no conditions, or one that nobody knows")
	ErrNotBefore       = fault.New(fault.Denied, "saml_not_before", "the answer is not valid yet: check the clocks")
	ErrExpired         = fault.New(fault.Denied, "saml_not_on_or_after", "the answer is not valid any more: check the clocks")
	ErrAudience        = fault.New(fault.Denied, "saml_audience", "the answer is for another audience")
	ErrAuthnStatement  = fault.New(fault.Denied, "saml_authn_statement", "the answer does not say how and when the person signed in")
	ErrAuthnContext    = fault.New(fault.Denied, "saml_authn_context", "the person signed in by other means than were asked for")
	ErrAuthnInstant    = fault.New(fault.Denied, "saml_authn_instant", "the person signed in too long ago, or in the future")
	ErrSessionOver     = fault.New(fault.Denied, "saml_session_not_on_or_after", "the identity provider's own session is over")
	ErrUnsolicited     = fault.New(fault.Denied, "saml_unsolicited", "nobody here began this sign-in, and this identity provider may not begin one")
	ErrNotEncrypted    = fault.New(fault.Denied, "saml_encrypted", "the answer is not encrypted, and must be")
	ErrReplayed        = fault.New(fault.Denied, "saml_replayed", "this answer was used before")
	ErrName            = fault.New(fault.Denied, "saml_name_id", "the identity provider does not say whom to sign out")
	ErrStatus          = fault.New(fault.Denied, "saml_status", "the identity provider did not do what it was asked to")
)

// The faults of metadata.
var (
	ErrMetadata        = fault.New(fault.Denied, "saml_metadata", "the identity provider's metadata cannot be read")
	ErrMetadataEntity  = fault.New(fault.Denied, "saml_metadata_entity", "the metadata is of another entity")
	ErrMetadataRole    = fault.New(fault.Denied, "saml_metadata_role", "the metadata is not of an identity provider of SAML 2.0")
	ErrMetadataKey     = fault.New(fault.Denied, "saml_metadata_key", "the metadata has no signing certificate that is good enough")
	ErrMetadataPlace   = fault.New(fault.Denied, "saml_metadata_endpoint", "the metadata has no sign-on address that can be used")
	ErrMetadataExpired = fault.New(fault.Denied, "saml_metadata_expired", "the identity provider's metadata is not valid any more")
	ErrMetadataStale   = fault.New(fault.Unavailable, "saml_metadata_stale", "the identity provider's metadata could not be read for too long")
)
