package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// errCallerNotFound is returned for an app that asks nothing of the API.
var errCallerNotFound = fault.New(fault.NotFound, "caller_not_found", "no such app asks for scopes of this API")

func (a *API) callerRoutes() []rest.Route {
	const all, one = "/apps/{name}/callers", "/apps/{name}/callers/{caller}"
	return []rest.Route{
		{
			ID: "listCallers", Method: "GET", Path: all, Summary: "List the apps that ask for scopes of the API that an app serves, and what was agreed to.",
			About: "The name - stands for the broker, whose own scopes are those of shared signals and of SCIM.", Right: admin.ReadApps,
			Query: []rest.Param{rest.Truth("waiting", "Only apps that ask for something that was not agreed to, or only others.")},
			List:  rest.ListOf(exampleCaller, []string{"app", "client", "scopes"}, nil, a.listCallers),
		},
		{ID: "getCaller", Method: "GET", Path: one, Summary: "Show what an app asks of an API, and what was agreed to.", Right: admin.ReadApps, Answer: exampleCaller, Do: a.caller},
		{
			ID: "agreeToCaller", Method: "POST", Path: one, Summary: "Agree that an app gets scopes of an API.",
			About: "The app's manifest has to ask for them. Whoever owns the app that serves the API may agree, and an administrator, who alone does for the broker's own scopes. " +
				"Without modes, the scopes are meant in each mode that the manifest asks for.",
			Right: admin.WriteApps, Owned: true, Body: exampleRights, Answer: exampleCaller, Do: a.agreeToCaller,
		},
		{
			ID: "withdrawFromCaller", Method: "DELETE", Path: one, Summary: "Agree no longer that an app gets scopes of an API, and revoke what it got.",
			Right: admin.WriteApps, Owned: true, Do: a.withdrawFromCaller, Hits: a.hitsCaller,
			Query: []rest.Param{
				rest.Text("scope", "The scopes, separated by spaces; all of them unless told."),
				rest.Choice("mode", "How the app comes by the token; in every mode unless told.", modes()...),
			},
		},
	}
}

func modes() []string {
	var all []string
	for _, m := range catalog.Modes() {
		all = append(all, string(m))
	}
	return all
}

// voice is who changes an app, with what they may agree to: an administrator to
// everything, others for the apps that they own.
func voice(r *http.Request) catalog.Voice {
	who := rest.CallerOf(r)
	if who.May(admin.WriteApps) && who.May(admin.WriteConnections) {
		return catalog.Administrator(who.Actor)
	}
	return catalog.Voice{Actor: who.Actor, SpeaksFor: func(api *catalog.App) bool {
		return api != nil && who.MayApp(admin.WriteApps, api.Name, api.Manifest.Spec.Owner.Team)
	}}
}

func (a *API) listCallers(r *http.Request, q rest.Query) ([]catalog.Caller, string, error) {
	all, err := a.o.Apps.Callers(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, "", err
	}
	if waiting := q.Bool("waiting"); waiting != nil {
		all = slices.DeleteFunc(all, func(c catalog.Caller) bool { return c.Waits() != *waiting })
	}
	from, _ := slices.BinarySearchFunc(all, q.After+"\x00", func(c catalog.Caller, after string) int { return strings.Compare(c.App, after) })
	if q.After == "" {
		from = 0
	}
	page, next := all[from:], ""
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].App
	}
	return page, next, nil
}

func (a *API) caller(r *http.Request) (any, error) { return a.callerOf(r) }

func (a *API) callerOf(r *http.Request) (catalog.Caller, error) {
	all, err := a.o.Apps.Callers(r.Context(), r.PathValue("name"))
	if err != nil {
		return catalog.Caller{}, err
	}
	for _, c := range all {
		if c.App == r.PathValue("caller") {
			return c, nil
		}
	}
	return catalog.Caller{}, errCallerNotFound
}

func (a *API) agreeToCaller(r *http.Request) (any, error) {
	var rights catalog.Rights
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &rights); err != nil {
		return nil, err
	}
	return a.o.Apps.Agree(r.Context(), r.PathValue("name"), r.PathValue("caller"), rights, by(r))
}

func (a *API) withdrawFromCaller(r *http.Request) (any, error) {
	_, err := a.o.Apps.Withdraw(r.Context(), r.PathValue("name"), r.PathValue("caller"), rightsOf(r), by(r))
	return nothing(err)
}

// rightsOf are the rights that a request is about.
func rightsOf(r *http.Request) catalog.Rights {
	q := rest.QueryOf(r)
	rights := catalog.Rights{Scopes: strings.Fields(q.Get("scope"))}
	if m := q.Get("mode"); m != "" {
		rights.Modes = []catalog.Mode{catalog.Mode(m)}
	}
	return rights
}

// hitsCaller tells of the tokens that a caller has for an API, all of which end when
// anything of what was agreed to does, and of what that is.
func (a *API) hitsCaller(r *http.Request) (any, error) {
	c, err := a.callerOf(r)
	if err != nil {
		return nil, err
	}
	rights := rightsOf(r)
	ended := slices.DeleteFunc(slices.Clone(c.Wishes), func(w catalog.Wish) bool { return !w.Agreed || len(rights.Scopes) > 0 && !rights.Has(w.Scope, w.Mode) })
	if len(ended) == 0 {
		return nil, catalog.ErrNotAgreed.At("scopes")
	}
	h := rest.Hits{Operation: "withdrawFromCaller"}
	if r.PathValue("name") == catalog.Broker { // its scopes are of tokens with other audiences, too
		h, err = a.hit(r.Context(), h.Operation, identity.Client(c.Client))
	} else {
		h, err = a.hitCalls(r, h, c)
	}
	h.Apps = []string{c.App}
	for _, w := range ended {
		h.Notes = append(h.Notes, "It does not get "+w.Scope+" by "+string(w.Mode)+" any more.")
	}
	h.Notes = append(h.Notes, "Tokens that the app has for this API are refused at once, in whoever's name, with what was exchanged for them.", "It gets what is still agreed to anew, and nothing else.")
	return h, err
}

// hitCalls counts the exchanged tokens that a caller has for an API, with what hangs from
// them, and names in whose name they are.
func (a *API) hitCalls(r *http.Request, h rest.Hits, c catalog.Caller) (rest.Hits, error) {
	ctx := r.Context()
	api, err := a.o.Apps.App(ctx, r.PathValue("name"))
	if err != nil {
		return h, err
	}
	app, err := a.o.Apps.App(ctx, c.App)
	if err != nil {
		return h, err
	}
	nodes, _, err := a.o.Exchanges.Hit(ctx, grant.NodeQuery{App: app.ID, Audience: api.Audience()}, func(n grant.Node) bool { return n.App == app.ID && n.Audience == api.Audience() })
	if err != nil {
		return h, err
	}
	people := map[string]bool{}
	for _, n := range nodes {
		people[n.Person] = true
	}
	h.Exchanged, h.People = len(nodes), len(people)
	h.Names, err = a.names(ctx, nil, nil, nodes)
	return h, err
}

var (
	exampleRights = catalog.Rights{Scopes: []string{"payroll.read"}, Modes: []catalog.Mode{catalog.ByDelegation}}
	exampleCaller = catalog.Caller{App: "travel-desk", Client: "microapp-travel-desk", Wishes: []catalog.Wish{
		{Scope: "payroll.read", Mode: catalog.ByDelegation, Agreed: true, By: "person:" + exampleID, At: exampleTime}, {Scope: "payroll.write", Mode: catalog.ByItself},
	}}
	examplePending = catalog.Ask{
		Path: "spec.identity.oidc.scopes[1].name", Right: catalog.Right{Audience: "payroll-api", Scope: "payroll.write", Mode: catalog.ByItself}, API: "payroll-api", Team: "finance",
	}
)
