package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// SCIM looks after what connections push: record.Service.
type SCIM interface {
	SCIMTokens
	State(ctx context.Context, connection string) (record.State, error)
	Outcomes(ctx context.Context, q record.OutcomeQuery) (page []record.Outcome, next string, err error)
	Resume(ctx context.Context, connection string, actor identity.Actor) error
	Undo(ctx context.Context, connection string, actor identity.Actor) (int, error)
	// Gone returns whom Undo would bring back.
	Gone(ctx context.Context, connection string, limit int) (some []record.User, all int64, err error)
	Protect(ctx context.Context, what identity.Ref, on bool, actor identity.Actor) error
	// Protected reports whether a person or a group was protected by name.
	Protected(ctx context.Context, what identity.Ref) (bool, error)
}

// SCIMTokens are the tokens of connections.
type SCIMTokens interface {
	Tokens(ctx context.Context, connection string) ([]record.Token, error)
	CreateToken(ctx context.Context, connection string, n record.NewToken, actor identity.Actor) (record.Token, string, error)
	RevokeToken(ctx context.Context, connection, id string, actor identity.Actor) error
}

// newSCIMToken is a token as it is shown once.
type newSCIMToken struct {
	record.Token
	Secret string `json:"secret"`
}

// Location is where the token is found.
func (t newSCIMToken) Location() string { return "/connections/" + t.Connection + "/scim/tokens" }

// undone is how many people an undo brought back.
type undone struct {
	People int `json:"people"`
}

func (a *API) scimRoutes() []rest.Route {
	const of = "/connections/{id}/scim"
	return []rest.Route{
		{
			ID: "getScim", Method: "GET", Path: of, Summary: "Say how a connection's pushing stands: whether it is halted, and how much it took away.",
			Right: admin.ReadConnections, Answer: exampleSCIM, Do: func(r *http.Request) (any, error) {
				if err := a.known(r); err != nil {
					return nil, err
				}
				return a.o.SCIM.State(r.Context(), r.PathValue("id"))
			},
		},
		{
			ID: "resumeScim", Method: "POST", Path: of + "/resume", Of: of, Summary: "Have a connection go on that was halted.",
			About: "For as long as its window, it may then take away what it likes: look at its operations first.", Right: admin.WriteConnections,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.SCIM.Resume(r.Context(), r.PathValue("id"), by(r)))
			},
		},
		{
			ID: "undoScim", Method: "POST", Path: of + "/undo", Of: of, Summary: "Bring back whom and what a halted connection took away in its window.",
			About: "People are active again and members of their groups. What ended with them stays so: they sign in anew. The connection stays halted.",
			Right: admin.WriteConnections, Answer: undone{12}, Hits: a.hitsUndo, Do: func(r *http.Request) (any, error) {
				n, err := a.o.SCIM.Undo(r.Context(), r.PathValue("id"), by(r))
				return undone{n}, err
			},
		},
		{
			ID: "listScimOperations", Method: "GET", Path: of + "/operations", Summary: "List what a connection's SCIM clients did, the latest first, in words and with what became of it.",
			Query: []rest.Param{
				rest.Text("q", "Only those with this in what they do, their path, resource, code or id."),
				rest.Choice("result", "Only those that changed something, those that read, or those that were refused.", results()...),
			},
			Right: admin.ReadConnections, List: rest.ListOf(exampleOutcome,
				[]string{"id", "time", "kind", "method", "path", "status", "code", "detail", "resource", "actor.id", "actor.address"}, nil, a.listSCIMOperations),
		},
		{
			ID: "listScimTokens", Method: "GET", Path: of + "/tokens", Summary: "List the SCIM tokens of a connection that are good.", Right: admin.ReadConnections,
			List: rest.ListOf(exampleSCIMToken, []string{"id", "name", "addresses", "created", "expires", "last_used"}, nil, a.listSCIMTokens),
		},
		{
			ID: "createScimToken", Method: "POST", Path: of + "/tokens", Of: of, Summary: "Make a SCIM token of a connection, shown once.",
			About: "A connection has two at most, so that one can be changed without a gap.", Right: admin.WriteConnections,
			Body: exampleNewSCIMToken, Answer: newSCIMToken{exampleSCIMToken, "ghs_…"}, Status: http.StatusCreated, Secret: true, Do: a.createSCIMToken,
		},
		{
			ID: "revokeScimToken", Method: "DELETE", Path: of + "/tokens/{token}", Summary: "Revoke a SCIM token.", Right: admin.WriteConnections, Hits: a.hitsSCIMToken,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.SCIM.RevokeToken(r.Context(), r.PathValue("id"), r.PathValue("token"), by(r)))
			},
		},
		{
			ID: "protectPerson", Method: "POST", Path: "/people/{id}/protect", Of: "/people/{id}", Summary: "Keep a person from being changed by connections that may not touch what is protected.",
			Right: admin.WritePeople, Do: a.protectPerson(true),
		},
		{
			ID: "unprotectPerson", Method: "POST", Path: "/people/{id}/unprotect", Of: "/people/{id}", Summary: "Let connections change a person again, unless a role protects them.",
			Right: admin.WritePeople, Do: a.protectPerson(false),
		},
		{
			ID: "protectGroup", Method: "POST", Path: "/groups/{connection}/{group}/protect", Of: "/groups/{connection}/{group}",
			Summary: "Keep a group and its members from being changed by connections that may not touch what is protected.", Right: admin.WriteGroups, Do: a.protectGroup(true),
		},
		{
			ID: "unprotectGroup", Method: "POST", Path: "/groups/{connection}/{group}/unprotect", Of: "/groups/{connection}/{group}",
			Summary: "Let connections change a group again, unless it makes a role.", Right: admin.WriteGroups, Do: a.protectGroup(false),
		},
	}
}

// mostGone is how many of those are named whom an undo brings back.
const mostGone = 12

// hitsUndo names whom an undo brings back, as they are called at their provider.
func (a *API) hitsUndo(r *http.Request) (any, error) {
	if err := a.known(r); err != nil {
		return nil, err
	}
	some, all, err := a.o.SCIM.Gone(r.Context(), r.PathValue("id"), mostGone)
	h := rest.Hits{Operation: "undoScim", People: int(all), Names: []string{}, Apps: []string{}, Notes: []string{"People are active again, and in their groups. What ended with them stays so. The connection stays halted."}}
	for _, u := range some {
		h.Names = append(h.Names, u.UserName)
	}
	return h, err
}

// known fails unless there is the connection.
func (a *API) known(r *http.Request) error {
	_, err := a.o.Connections.Get(r.Context(), r.PathValue("id"))
	return err
}

func (a *API) listSCIMOperations(r *http.Request, q rest.Query) ([]record.Outcome, string, error) {
	if err := a.known(r); err != nil {
		return nil, "", err
	}
	page, next, err := a.o.SCIM.Outcomes(r.Context(), record.OutcomeQuery{
		Connection: r.PathValue("id"), Text: q.Get("q"), Result: record.Result(q.Get("result")), After: q.After, Limit: q.Limit,
	})
	return append([]record.Outcome{}, page...), next, err
}

func results() []string {
	var all []string
	for _, r := range record.Results() {
		all = append(all, string(r))
	}
	return all
}

func (a *API) listSCIMTokens(r *http.Request, q rest.Query) ([]record.Token, string, error) {
	if err := a.known(r); err != nil {
		return nil, "", err
	}
	all, err := a.o.SCIM.Tokens(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	return rest.Slice(q, all, func(t record.Token) string { return t.ID }, nil)
}

func (a *API) createSCIMToken(r *http.Request) (any, error) {
	if err := a.known(r); err != nil {
		return nil, err
	}
	var wanted record.NewToken
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &wanted); err != nil {
		return nil, err
	}
	t, secret, err := a.o.SCIM.CreateToken(r.Context(), r.PathValue("id"), wanted, by(r))
	return newSCIMToken{t, secret}, err
}

func (a *API) hitsSCIMToken(r *http.Request) (any, error) {
	all, err := a.o.SCIM.Tokens(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(t record.Token) bool { return t.ID == r.PathValue("token") })
	if i < 0 {
		return nil, record.ErrTokenNotFound
	}
	note := "The token was never used."
	if used := all[i].LastUsed; !used.IsZero() {
		note = "The token was used last at " + used.Format("2006-01-02 15:04 MST") + "."
	}
	return rest.Hits{Operation: "revokeScimToken", Names: []string{}, Apps: []string{}, Notes: []string{note}}, nil
}

func (a *API) protectPerson(on bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return nothing(a.o.SCIM.Protect(r.Context(), identity.Person(p.ID), on, by(r)))
	}
}

func (a *API) protectGroup(on bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		g, err := a.o.Directory.Group(r.Context(), group(r))
		if err != nil {
			return nil, err
		}
		return nothing(a.o.SCIM.Protect(r.Context(), record.Group{Connection: g.Ref.Connection, ID: g.Ref.ID}.Ref(), on, by(r)))
	}
}
