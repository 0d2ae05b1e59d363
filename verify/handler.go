package verify

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Requirement is what a route asks of a token, beyond its being good. The zero value
// asks for nothing.
type Requirement struct {
	// Scopes must all be there.
	Scopes []string
	// ACRValues are the authentication context classes of which the person must have
	// reached one, the preferred one first; empty takes any.
	ACRValues []string
	// MaxAge is how long ago the person may have authenticated; 0 takes any time.
	MaxAge time.Duration
}

// met fails with ErrScope or ErrAuthentication.
func (need Requirement) met(c *Claims, now time.Time) error {
	for _, scope := range need.Scopes {
		if !c.HasScope(scope) {
			return &Error{Status: http.StatusForbidden, Code: "insufficient_scope", Rule: scope, Scopes: need.Scopes, kind: ErrScope}
		}
	}
	rule := ""
	switch {
	case len(need.ACRValues) > 0 && !slices.Contains(need.ACRValues, c.ACR):
		rule = "acr is " + cmp.Or(c.ACR, "missing") + ", and none of " + strings.Join(need.ACRValues, " ")
	case need.MaxAge > 0 && (c.AuthTime.IsZero() || now.Sub(c.AuthTime) > need.MaxAge):
		rule = "auth_time is too long ago"
	}
	if rule == "" {
		return nil
	}
	return &Error{ // RFC 9470, section 3
		Status: http.StatusUnauthorized, Code: "insufficient_user_authentication", Rule: rule, ACRValues: need.ACRValues, MaxAge: need.MaxAge, kind: ErrAuthentication,
	}
}

// contextKey is where a request's context has its claims.
type contextKey struct{}

// FromContext returns what the token of a request says that Handler let through.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, ok := ctx.Value(contextKey{}).(*Claims)
	return c, ok
}

// Handler lets requests through to next whose token is good and meets need, with the
// token's claims in their context, and answers the others as Refuse does.
func (v *Verifier) Handler(need Requirement, next http.Handler) http.Handler {
	v.ready()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := v.request(r, need)
		if err != nil {
			v.log.InfoContext(r.Context(), "token refused", slog.Any("error", err))
			Refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, c)))
	})
}

func (v *Verifier) request(r *http.Request, need Requirement) (*Claims, error) {
	raw, err := bearer(r)
	if err != nil {
		return nil, err
	}
	c, err := v.Verify(r.Context(), raw)
	if err != nil {
		return nil, err
	}
	return c, v.Check(c, need)
}

// bearer takes the token out of the header (RFC 6750, section 2.1), which is the only
// place where it is looked for: a form or an address ends up in logs.
func bearer(r *http.Request) (string, error) {
	all := r.Header.Values("Authorization")
	if len(all) == 0 {
		return "", &Error{Status: http.StatusUnauthorized, kind: ErrMissing}
	}
	scheme, raw, _ := strings.Cut(all[0], " ")
	if len(all) == 1 && !strings.EqualFold(scheme, "Bearer") {
		return "", &Error{Status: http.StatusUnauthorized, kind: ErrMissing}
	}
	if len(all) > 1 || raw == "" {
		return "", &Error{Status: http.StatusBadRequest, Code: "invalid_request", kind: ErrRequest}
	}
	return raw, nil
}
