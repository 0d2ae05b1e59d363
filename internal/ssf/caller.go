package ssf

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// The faults of whoever asks (RFC 6750, section 3.1).
var (
	errMissing = fault.New(fault.Unauthenticated, "token_missing", "an access token is needed, in the header Authorization")
	errToken   = fault.New(fault.Unauthenticated, "invalid_token", "the access token is not good for this")
	errScope   = fault.New(fault.Denied, "insufficient_scope", "the access token lacks the scope for this")
)

// caller is a client that asks, within one request.
type caller struct {
	client *registry.Client
	actor  identity.Actor
}

// handler does something for a caller. What it returns is answered with status; nil
// has no body.
type handler func(r *http.Request, by caller) (status int, answer any, err error)

// as serves a handler for clients whose token has one of the scopes.
func (t *Transmitter) as(scopes []string, do handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		by, err := t.caller(r, scopes)
		if err != nil {
			refuse(w, r, err, scopes)
			return
		}
		status, answer, err := do(r, by)
		if err != nil {
			refuse(w, r, err, scopes)
			return
		}
		write(w, status, answer)
	}
}

// caller finds out who asks.
func (t *Transmitter) caller(r *http.Request, scopes []string) (caller, error) {
	ctx := r.Context()
	if err := t.o.Address.Count(ctx, httpx.ClientNetwork(r)); err != nil {
		return caller{}, err
	}
	c, err := t.holder(r, scopes)
	if err != nil {
		return caller{}, err
	}
	return caller{c, t.o.Actor(r, identity.Client(c.ID))}, t.o.Client.Count(ctx, c.ID)
}

// holder is the client whose token a request has. A token is good that a client got for
// itself, for us, while its app is in use and still asks for the scope.
func (t *Transmitter) holder(r *http.Request, scopes []string) (*registry.Client, error) {
	ctx := r.Context()
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" || len(r.Header.Values("Authorization")) != 1 {
		return nil, errMissing
	}
	a, err := t.o.Verifier.Access(ctx, raw)
	if err != nil {
		return nil, asToken(err)
	}
	if a.Audience != t.o.Issuer || a.Person != "" || len(a.Via) > 0 {
		return nil, errToken
	}
	c, err := t.o.Clients.Client(ctx, a.Client)
	if err != nil {
		return nil, asToken(err)
	}
	has := func(scope string) bool { return slices.Contains(a.Scopes, scope) && slices.Contains(c.Scopes, scope) }
	switch {
	case c.App != a.App, c.Disabled, len(c.Missing) > 0, c.Method == registry.AuthNone:
		return nil, errToken
	case !slices.ContainsFunc(scopes, has):
		return nil, errScope
	}
	return c, nil
}

// asToken says no more of a token than that it is not good, unless that cannot be told.
func asToken(err error) error {
	if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Internal || kind == fault.TooMany {
		return err
	}
	return fault.Wrap(err, errToken.Kind, errToken.Code, "%s", errToken.Detail)
}

// refuse answers whoever may not ask.
func refuse(w http.ResponseWriter, r *http.Request, err error, scopes []string) {
	challenge := `Bearer realm="ssf"`
	switch f := fault.As(err); f.Code {
	case errMissing.Code:
	case errToken.Code:
		challenge += `, error="invalid_token"`
	case errScope.Code:
		challenge += `, error="insufficient_scope", scope="` + strings.Join(scopes, " ") + `"`
	default:
		challenge = ""
	}
	if challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	httpx.Problem(w, r, err)
}
