package signal

import "slices"

// The types of events (CAEP 1.0, section 3; OpenID RISC 1.0, section 2; SSF 1.0,
// sections 8.1.4 and 8.1.5).
const (
	SessionRevoked    = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	CredentialChange  = "https://schemas.openid.net/secevent/caep/event-type/credential-change"   //nolint:gosec // G101: the name of a type
	TokenClaimsChange = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change" //nolint:gosec // G101: the name of a type
	AccountDisabled   = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
	AccountEnabled    = "https://schemas.openid.net/secevent/risc/event-type/account-enabled"

	// These two are about a stream and reach it whether or not they were asked for.
	Verification  = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// Supported lists the types that a stream can ask for.
func Supported() []string {
	return []string{SessionRevoked, CredentialChange, TokenClaimsChange, AccountDisabled, AccountEnabled}
}

// DeliveredTypes returns the types of events that the stream carries: those that were asked
// for and that there are.
func (s Stream) DeliveredTypes() []string {
	types := []string{}
	for _, t := range Supported() {
		if slices.Contains(s.Requested, t) {
			types = append(types, t)
		}
	}
	return types
}

// wants reports whether events of a type are put into the stream now.
func (s Stream) wants(typ string) bool {
	return s.Status != Disabled && slices.Contains(s.Requested, typ)
}
