package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

func (a *API) ownerRoutes() []rest.Route {
	const path = "/apps/{name}/owner"
	return []rest.Route{
		{
			ID: "getAppOwner", Method: "GET", Path: path, Summary: "Show who answers for an app.",
			About: "It begins as the manifest says. When the primary owner leaves, the secondary owner is the primary; when nobody is left the app is orphaned. " +
				"A standing is unknown where nobody here has the address.",
			Right: admin.ReadApps, Answer: exampleOwner, Do: func(r *http.Request) (any, error) { return a.o.Owners.Of(r.Context(), r.PathValue("name")) },
		},
		{
			ID: "nameAppOwner", Method: "PUT", Path: path, Of: path, Summary: "Name who answers for an app.",
			About: "The manifest stays as it is; a release that names other owners than the one before ends it. Who is known to have left is refused.",
			Right: admin.WriteApps, Body: ownership.Naming{Primary: "bob@acme.example", Secondary: "alice@acme.example", Reason: "ticket 4711"}, Answer: exampleOwner, Do: a.nameOwner,
		},
	}
}

func (a *API) nameOwner(r *http.Request) (any, error) {
	var n ownership.Naming
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &n); err != nil {
		return nil, err
	}
	return a.o.Owners.Name(r.Context(), r.PathValue("name"), n, by(r))
}

var (
	exampleOwnership = ownership.Ownership{
		Name: "expense-bot", Team: "finance", Owners: ownership.Owners{Primary: "bob@acme.example"}, State: ownership.Owned, Since: exampleTime,
		From: "alice@acme.example", Cause: exampleEntry.ID, Of: "person/" + exampleID, Declared: ownership.Owners{Primary: "alice@acme.example", Secondary: "bob@acme.example"},
	}
	exampleOwner = ownership.View{Ownership: exampleOwnership, PrimaryStanding: ownership.Present}
)
