package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// newToken is a token with its secret, which is shown this once.
type newToken struct {
	admin.Token
	Secret string `json:"secret"`
}

func (a *API) tokens(r *http.Request) (any, error) {
	all, err := a.o.Admin.Tokens(r.Context())
	return append([]admin.Token{}, all...), err
}

func (a *API) createToken(r *http.Request) (any, error) {
	var wanted admin.NewToken
	if err := httpx.DecodeJSON(r, &wanted); err != nil {
		return nil, err
	}
	t, secret, err := a.o.Admin.CreateToken(r.Context(), wanted, principal(r.Context()), a.actor(r))
	return newToken{t, secret}, err
}

func (a *API) revokeToken(r *http.Request) (any, error) {
	return done{}, a.o.Admin.RevokeToken(r.Context(), r.PathValue("id"), a.actor(r))
}

func (a *API) holders(r *http.Request) (any, error) {
	all, err := a.o.Admin.Holders(r.Context())
	return append([]admin.Holder{}, all...), err
}

func (a *API) assignRole(r *http.Request) (any, error) {
	return done{}, a.o.Admin.Assign(r.Context(), r.PathValue("id"), admin.Role(r.PathValue("role")), a.actor(r))
}

func (a *API) unassignRole(r *http.Request) (any, error) {
	return done{}, a.o.Admin.Unassign(r.Context(), r.PathValue("id"), admin.Role(r.PathValue("role")), a.actor(r))
}
