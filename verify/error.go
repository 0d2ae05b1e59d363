package verify

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What an *Error is, by errors.Is.
var (
	// ErrMissing: the request brings no token.
	ErrMissing = errors.New("a token is needed")
	// ErrRequest: the request brings a token in a way that is not allowed.
	ErrRequest = errors.New("the token must come once, as a bearer token in the header Authorization")
	// ErrInvalid: the token is not good here. ErrExpired and ErrRevoked are ErrInvalid, too.
	ErrInvalid = errors.New("the token is not valid")
	ErrExpired = errors.New("the token has expired")
	ErrRevoked = errors.New("the token was revoked")
	// ErrScope: the token lacks a scope.
	ErrScope = errors.New("the token lacks a scope")
	// ErrAuthentication: the person has to sign in again, or better (RFC 9470).
	ErrAuthentication = errors.New("another authentication is needed")
	// ErrUnavailable: whether the token is good cannot be told at the moment.
	ErrUnavailable = errors.New("whether the token is good cannot be told at the moment")
)

// Error is a refusal. Its text names the rule that failed and belongs into a log; what
// may be told to who asked is in Challenge, and is what Refuse answers.
type Error struct {
	// Status is the HTTP status: 400, 401, 403 or 503.
	Status int
	// Code is the error code of RFC 6750, section 3.1, or RFC 9470, section 3; empty for
	// ErrMissing, as RFC 6750 wants it.
	Code string
	// Rule is what failed.
	Rule string
	// Scopes are those that are needed, for ErrScope.
	Scopes []string
	// ACRValues and MaxAge are what the person's authentication has to be, for
	// ErrAuthentication.
	ACRValues []string
	MaxAge    time.Duration
	kind      error
	cause     error
}

// Error names what it is, the rule that failed, and the cause.
func (e *Error) Error() string {
	text := "verify: " + e.kind.Error()
	if e.Rule != "" {
		text += ": " + e.Rule
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is reports whether e is of the kind target.
func (e *Error) Is(target error) bool {
	return target == e.kind || target == ErrInvalid && (e.kind == ErrExpired || e.kind == ErrRevoked)
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// Challenge is the value of WWW-Authenticate (RFC 6750, section 3; RFC 9470, section
// 3), empty for ErrUnavailable.
func (e *Error) Challenge() string {
	if e.Status == http.StatusServiceUnavailable {
		return ""
	}
	var out strings.Builder
	out.WriteString("Bearer")
	join := " "
	add := func(name, value string) {
		if value != "" {
			out.WriteString(join + name + `="` + quoted.Replace(value) + `"`)
			join = ", "
		}
	}
	add("error", e.Code)
	if e.Code != "" {
		add("error_description", e.kind.Error())
	}
	add("scope", strings.Join(e.Scopes, " "))
	add("acr_values", strings.Join(e.ACRValues, " "))
	if e.MaxAge > 0 {
		add("max_age", strconv.FormatInt(int64(e.MaxAge/time.Second), 10))
	}
	return out.String()
}

// quoted escapes what stands in a quoted-string (RFC 9110, section 5.6.4).
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")

// Refuse answers err: the status, the challenge and a JSON object with error and
// error_description. An err that is no *Error is answered as 500 and not shown.
func Refuse(w http.ResponseWriter, err error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	e, ok := errors.AsType[*Error](err)
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"error":"server_error"}` + "\n")) // the peer may have gone
		return
	}
	if challenge := e.Challenge(); challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	} else {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(e.Status)
	answer := map[string]string{"error_description": e.kind.Error()}
	if e.Code != "" {
		answer["error"] = e.Code
	}
	_ = json.NewEncoder(w).Encode(answer) // the peer may have gone
}

// refuse is an error about the token.
func refuse(kind error, rule string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_token", Rule: rule, kind: kind}
}

// unavailable is an error about the broker.
func unavailable(rule string, cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Rule: rule, kind: ErrUnavailable, cause: cause}
}
