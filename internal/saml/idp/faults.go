package idp

import "github.com/gatehouse-io/gatehouse/internal/fault"

// The refusals of a message from an app. The person sees them, as nothing says yet
// that the app's own address can be trusted.
var (
	ErrIssuer      = fault.New(fault.Invalid, "saml_app_unknown", "the app that sent you here is not registered; its owner can fix that")
	ErrMessage     = fault.New(fault.Invalid, "saml_message", "the app sent a message that cannot be read; its owner can fix that")
	ErrVersion     = fault.New(fault.Invalid, "saml_app_version", "the app's message is not of SAML 2.0; its owner can fix that")
	ErrExpired     = fault.New(fault.Invalid, "saml_app_expired", "the app's message is too old, or its clock is wrong; go back to the app and begin again")
	ErrDestination = fault.New(fault.Invalid, "saml_app_destination", "the app's message was meant for another address; its owner can fix that")
	ErrACS         = fault.New(fault.Invalid, "saml_acs", "the app wants its answer at an address that is not registered for it; its owner can fix that")
	ErrAnswered    = fault.New(fault.Invalid, "saml_app_replayed", "this request of the app was answered before; go back to the app and begin again")
	ErrRelayState  = fault.New(fault.Invalid, "saml_relay_state", "the app's relay state is longer than 1024 bytes; its owner can fix that")
	ErrHandle      = fault.New(fault.Invalid, "saml_ended", "what was begun here has ended; go back to the app and begin again")
	ErrNoLaunch    = fault.New(fault.NotFound, "saml_no_launch", "this app is not opened from here")
	ErrNameID      = fault.New(fault.Invalid, "saml_logout_name", "the app's sign-out does not say whom it is about; its owner can fix that")
	ErrShut        = fault.New(fault.Denied, "app_disabled", "this app is switched off or not complete")
)
