package identity

import "time"

// Prompt is what a relying party asks to show the person (OpenID Connect Core,
// section 3.1.2.1, and SAML's ForceAuthn and IsPassive).
type Prompt struct {
	// None forbids any page: sign-in succeeds silently or fails by code.
	None bool `json:"none,omitempty"`
	// Login asks for a fresh authentication upstream.
	Login bool `json:"login,omitempty"`
	// Consent asks for consent again, where the app needs consent at all.
	Consent bool `json:"consent,omitempty"`
	// SelectAccount lets the person choose who to continue as.
	SelectAccount bool `json:"select_account,omitempty"`
}

// Protocol names a protocol that apps sign people in by.
type Protocol string

// The protocols. OIDC is the zero value: so requests from before there were others
// are read.
const (
	OIDC Protocol = ""
	SAML Protocol = "saml"
)

// SignInRequest is what a protocol asks of the sign-in on behalf of an app.
type SignInRequest struct {
	// Protocol is who asks, and who goes on when the sign-in ends.
	Protocol Protocol `json:"protocol,omitempty"`
	// State is the protocol's own request. Login keeps it and gives it back
	// untouched when the sign-in ends.
	State []byte `json:"state"`
	// App is the internal id of the app that the person signs in to.
	App string `json:"app"`
	// Client is the client_id (or entity id) the app uses.
	Client string `json:"client"`
	// Scopes are what the client asks for, already cut down to its release. Audience is
	// the API that those are for which say nothing of the person, empty for us.
	Scopes   []string `json:"scopes,omitempty"`
	Audience string   `json:"audience,omitempty"`
	Prompt   Prompt   `json:"prompt,omitzero"`
	// MaxAge is the oldest acceptable authentication; nil accepts any.
	MaxAge *time.Duration `json:"max_age,omitempty"`
	// ACR lists acceptable context classes, most wanted first (acr_values).
	ACR []string `json:"acr,omitempty"`
	// LoginHint is an e-mail address or user name that may choose the connection.
	LoginHint string `json:"login_hint,omitempty"`
	// Locales are the languages that the app asks for, best first, separated by
	// spaces (ui_locales).
	Locales string `json:"locales,omitempty"`
	// Connection is the connection that the request names (parameter idp), or empty.
	Connection string `json:"connection,omitempty"`
	// Subject, when set, is the person who must be signed in (id_token_hint);
	// anybody else fails with login_required.
	Subject string `json:"subject,omitempty"`
}

// SignIn is how a sign-in ended: with a person in a session, or with a Failure.
type SignIn struct {
	// Person and Session are internal ids. Session is the sid of tokens.
	Person  string `json:"person"`
	Session string `json:"session"`
	// Scopes are what may be granted: after consent, where consent is asked.
	Scopes         []string       `json:"scopes,omitempty"`
	Authentication Authentication `json:"authentication"`
	// Rev is the revocation number that was applied before the facts above
	// were read: see package revoke.
	Rev uint64 `json:"rev"`
	// Failure is set when the sign-in did not succeed; all else is then empty.
	Failure *Failure `json:"failure,omitempty"`
}

// Failure is why a sign-in did not succeed, in the words of the protocols.
type Failure struct {
	// Code is an OAuth or OpenID Connect error code: access_denied,
	// login_required, consent_required, interaction_required,
	// account_selection_required, unmet_authentication_requirements,
	// temporarily_unavailable.
	Code string `json:"code"`
	// Detail is one sentence for the relying party's log; it names no secret.
	Detail string `json:"detail"`
}
