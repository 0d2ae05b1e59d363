package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
)

// The states of a node.
const (
	nodeLive    nodeState = "live"
	nodeEnded   nodeState = "ended"
	nodeExpired nodeState = "expired"
)

// nodeState says whether a token is good.
type nodeState string

// standing is how a token is now.
type standing struct {
	State nodeState `json:"state"`
	// EndedBy is the kind:id of what ended a token that has not expired.
	EndedBy string `json:"ended,omitempty"`
}

// exchanged is a node of the exchange tree.
type exchanged struct {
	grant.Node
	standing
}

// exchangedBranch is a node that hangs from another.
type exchangedBranch struct {
	grant.Branch
	standing
}

// exchangeDetail is a node in its place.
type exchangeDetail struct {
	exchanged
	// Line is what it grew from, the first token first, and Hanging the live nodes that
	// end with it, each followed by what hangs from it.
	Line    []exchanged       `json:"line"`
	Hanging []exchangedBranch `json:"hanging"`
	// Elsewhere counts nodes of the two that other apps alone have a part in: whoever
	// asks as an app's owner is not told of them.
	Elsewhere int `json:"elsewhere"`
}

var nodeColumns = []string{
	"id", "state", "ended", "person", "app", "client", "audience", "scopes", "mode", "actors", "purpose", "issued", "expires", "parent", "parent_client", "session", "connection",
}

func (a *API) exchangeRoutes() []rest.Route {
	const all, one = "/exchanges", "/exchanges/{id}"
	const own, owned = "/apps/{name}" + all, "/apps/{name}" + one
	live := rest.Truth("live", "Only tokens that have not expired.")
	reason := rest.Text("reason", "Why, for the audit log.")
	return []rest.Route{
		{
			ID: "listExchanges", Method: "GET", Path: all, Summary: "List the tokens that came out of exchanges, newest first.", Right: admin.ReadSessions,
			About: "What has expired is read from the audit log. Where little is found, a page may be short or empty and still have a next one.",
			Query: []rest.Param{
				rest.Text("person", "Only those that speak of this person."), rest.Text("app", "Only those that the app with this name got."),
				rest.Text("audience", "Only those for this API."), rest.Text("connection", "Only those of people who came over this connection."), live,
			},
			List: rest.ListOf(exampleExchange.exchanged, nodeColumns, nil, a.listExchanges),
		},
		{
			ID: "getExchange", Method: "GET", Path: one, Summary: "Show an issued token, what it grew from, and what hangs from it.", Right: admin.ReadSessions,
			Answer: exampleExchange, Do: a.exchange,
		},
		{
			ID: "pruneExchange", Method: "DELETE", Path: one, Summary: "End an exchanged token, and all that hangs from it.", Right: admin.EndSessions, Query: []rest.Param{reason},
			Do: a.prune, Hits: a.hitsExchange("pruneExchange"),
		},
		{
			ID: "listAppExchanges", Method: "GET", Path: own, Summary: "List the exchanged tokens that an app has a part in, newest first.", Right: admin.ReadSessions, Owned: true,
			About: "It got the token, the token is for its API, or the token that was exchanged was its own.", Query: []rest.Param{live},
			List: rest.ListOf(exampleExchange.exchanged, nodeColumns, nil, a.listExchanges),
		},
		{
			ID: "getAppExchange", Method: "GET", Path: owned, Summary: "Show an exchanged token that an app has a part in.", Right: admin.ReadSessions, Owned: true,
			Answer: exampleExchange, Do: a.exchange,
		},
		{
			ID: "pruneAppExchange", Method: "DELETE", Path: owned, Summary: "End an exchanged token that an app has a part in, and all that hangs from it.",
			Right: admin.EndSessions, Owned: true, Query: []rest.Param{reason}, Do: a.prune, Hits: a.hitsExchange("pruneAppExchange"),
		},
	}
}

// nodesOf is the part that an app has in the exchange tree.
func nodesOf(app catalog.App) grant.AppNodes {
	return grant.AppNodes{App: app.ID, Client: app.ClientID(), Audience: app.Audience()}
}

// within is the part of the app that the path names, nil when it names none.
func (a *API) within(r *http.Request) (*grant.AppNodes, error) {
	if r.PathValue("name") == "" {
		return nil, nil
	}
	app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
	part := nodesOf(app)
	return &part, err
}

func (a *API) standing(n grant.Node) standing {
	switch {
	case !n.Live(a.o.Now()):
		return standing{State: nodeExpired}
	case !n.Ended.IsZero():
		return standing{nodeEnded, n.Ended.String()}
	}
	return standing{State: nodeLive}
}

func (a *API) listExchanges(r *http.Request, q rest.Query) ([]exchanged, string, error) {
	part, err := a.within(r)
	if err != nil {
		return nil, "", err
	}
	app, err := a.appID(r, q.Get("app"))
	if err != nil {
		return nil, "", err
	}
	live := q.Bool("live")
	page, next, err := a.o.Exchanges.Search(r.Context(), grant.NodeQuery{
		Person: q.Get("person"), App: app, Audience: q.Get("audience"), Connection: q.Get("connection"), Of: part, Live: live != nil && *live, Limit: q.Limit, After: q.After,
	})
	all := make([]exchanged, len(page))
	for i, n := range page {
		all[i] = exchanged{n, a.standing(n)}
	}
	return all, next, err
}

// node finds the node that the path names, among those of the app that it names.
func (a *API) node(r *http.Request) (n grant.Node, part *grant.AppNodes, err error) {
	if part, err = a.within(r); err != nil {
		return n, nil, err
	}
	if n, err = a.o.Exchanges.Node(r.Context(), r.PathValue("id")); err != nil {
		return n, nil, err
	}
	if part != nil && (!n.Exchanged() || !part.Has(n)) {
		return grant.Node{}, nil, grant.ErrNodeNotFound
	}
	return n, part, nil
}

func (a *API) exchange(r *http.Request) (any, error) {
	n, part, err := a.node(r)
	if err != nil {
		return nil, err
	}
	d := exchangeDetail{exchanged: exchanged{n, a.standing(n)}, Line: []exchanged{}, Hanging: []exchangedBranch{}}
	line, err := a.o.Exchanges.Line(r.Context(), n)
	if err != nil {
		return nil, err
	}
	for _, up := range line {
		if part == nil || part.Has(up) {
			d.Line = append(d.Line, exchanged{up, a.standing(up)})
		}
	}
	hanging, err := a.o.Exchanges.Below(r.Context(), n)
	for _, b := range hanging {
		if part == nil || part.Has(b.Node) {
			d.Hanging = append(d.Hanging, exchangedBranch{b, a.standing(b.Node)})
		}
	}
	d.Elsewhere = len(line) + len(hanging) - len(d.Line) - len(d.Hanging)
	return d, err
}

func (a *API) prune(r *http.Request) (any, error) {
	n, _, err := a.node(r)
	if err != nil {
		return nil, err
	}
	return nothing(a.o.Exchanges.Prune(r.Context(), n, by(r), rest.QueryOf(r).Get("reason")))
}

// hitsExchange tells what hangs from a node.
func (a *API) hitsExchange(operation string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		n, part, err := a.node(r)
		if err != nil {
			return nil, err
		}
		hanging, err := a.o.Exchanges.Below(r.Context(), n)
		if err != nil {
			return nil, err
		}
		nodes := []grant.Node{n}
		for _, b := range hanging {
			nodes = append(nodes, b.Node)
		}
		h := rest.Hits{Operation: operation, People: 1, Exchanged: len(nodes), Apps: []string{}, Notes: []string{"The session goes on, and so does what the token grew from: the app can exchange anew."}}
		apps, err := a.o.Apps.Apps(r.Context())
		if err != nil {
			return nil, err
		}
		for _, app := range apps {
			if slices.ContainsFunc(nodes, func(n grant.Node) bool { return n.App == app.ID && (part == nil || part.Has(n)) }) {
				h.Apps = append(h.Apps, app.Name)
			}
		}
		h.Names, err = a.names(r.Context(), nil, nil, nodes)
		return h, err
	}
}

var exampleExchange = exchangeDetail{
	exchanged: exchanged{
		Node: grant.Node{
			ID: "01jdhk3m2n4p" + "w2e3r4t5y6u7i2o3", Grant: "01jdhk3m2n4p" + "w2e3r4t5y6u7i2o3", Parent: "01jdhk3m2k2a" + "a2s3d4f5g6h7j2k3", ParentGrant: "g2h3j4k5l6z7x2c3v4b5n6m7q2",
			ParentClient: "microapp-expense-bot", Person: exampleID, Session: exampleSession.ID, Connection: "acme", App: exampleApp.ID, Client: "microapp-travel-desk",
			Audience: "payroll-api", Scopes: []string{"payroll.read"}, Mode: catalog.ModeDelegation, Actors: []string{"microapp-travel-desk"}, Purpose: "book a trip",
			Issued: exampleTime, Expires: exampleTime.Add(2 * time.Minute),
		},
		standing: standing{State: nodeLive},
	},
	Line: []exchanged{}, Hanging: []exchangedBranch{},
}
