package api

import (
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

var assignmentColumns = []string{
	"id", "app", "role", "whom.person", "whom.group.connection", "whom.group.id", "whom.attribute.name", "whom.attribute.values", "from", "until", "reason", "by.kind", "by.id", "created", "ended",
}

// errHalfGroup refuses a group without its connection, or a connection without a group.
var errHalfGroup = fault.New(fault.Invalid, "assignment_group_half", "a group is named by connection and group").At("group")

func (a *API) assignmentRoutes() []rest.Route {
	const all, one = "/apps/{name}/assignments", "/apps/{name}/assignments/{id}"
	ended := rest.Truth("ended", "Only those that have ended, or have not.")
	return []rest.Route{
		{
			ID: "listAllAssignments", Method: "GET", Path: "/assignments", Summary: "List the roles that administrators assigned, in all apps, newest first.", Right: admin.ReadAccess, Finds: true,
			Query: []rest.Param{
				ended, rest.Text("app", "The app's name."), rest.Text("person", "Those to a person, by id."), rest.Text("connection", "Whose group it is."), rest.Text("group", "Those to an upstream group of the connection, by id."),
			},
			List: rest.ListOf(exampleAssignment, assignmentColumns, nil, a.listAllAssignments),
		},
		{
			ID: "listAssignments", Method: "GET", Path: all, Summary: "List the roles in an app that administrators assigned, newest first.", Right: admin.ReadAccess, Owned: true,
			Query: []rest.Param{ended}, List: rest.ListOf(exampleAssignment, assignmentColumns, nil, a.listAssignments),
		},
		{
			ID: "assignAppRole", Method: "POST", Path: all, Summary: "Assign a role in an app to a person, to an upstream group, or to whoever has an attribute.",
			About: "It ends by itself where it has an end. A role that the app's release does not name is refused, and gives nothing while a later release does not name it.",
			Right: admin.WriteAccess, Body: exampleNewAssignment, Answer: exampleAssignment, Status: http.StatusCreated, Do: a.assignAppRole,
		},
		{ID: "getAssignment", Method: "GET", Path: one, Summary: "Show an assignment, also one that has ended.", Right: admin.ReadAccess, Owned: true, Answer: exampleAssignment, Do: a.assignment},
		{
			ID: "moveAssignment", Method: "PUT", Path: one + "/end", Summary: "Give an assignment another end, or none.",
			About: "The end has to be ahead, before as after: what has ended is assigned anew. Without until it has none.", Right: admin.WriteAccess,
			Body: moveAssignment{exampleNewAssignment.Until}, Answer: exampleAssignment, Do: a.moveAssignment,
		},
		{
			ID: "endAssignment", Method: "DELETE", Path: one, Summary: "Take an assigned role away.",
			About: "What was issued to the app in the names of those who lose the role ends.", Right: admin.WriteAccess, Do: a.endAssignment, Hits: a.hitsAssignment,
		},
		{
			ID: "listPersonAssignments", Method: "GET", Path: "/people/{id}/assignments", Summary: "List the roles in apps that a person was assigned by name, newest first.", Right: admin.ReadAccess,
			Query: []rest.Param{ended}, List: rest.ListOf(exampleAssignment, assignmentColumns, nil, a.listPersonAssignments),
		},
	}
}

func assignmentQuery(q rest.Query) entitlement.Query {
	return entitlement.Query{Ended: q.Bool("ended"), Limit: q.Limit, After: q.After}
}

func (a *API) listAllAssignments(r *http.Request, q rest.Query) ([]entitlement.Assignment, string, error) {
	find := assignmentQuery(q)
	find.Person, find.Group = q.Get("person"), identity.GroupRef{Connection: q.Get("connection"), ID: q.Get("group")}
	if (find.Group.Connection == "") != (find.Group.ID == "") {
		return nil, "", errHalfGroup
	}
	if app := q.Get("app"); app != "" {
		return a.o.Assignments.OfApp(r.Context(), app, find)
	}
	return a.o.Assignments.Search(r.Context(), find)
}

func (a *API) listAssignments(r *http.Request, q rest.Query) ([]entitlement.Assignment, string, error) {
	return a.o.Assignments.OfApp(r.Context(), r.PathValue("name"), assignmentQuery(q))
}

func (a *API) listPersonAssignments(r *http.Request, q rest.Query) ([]entitlement.Assignment, string, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	return a.o.Assignments.OfPerson(r.Context(), p.ID, assignmentQuery(q))
}

func (a *API) assignment(r *http.Request) (any, error) {
	return a.o.Assignments.Get(r.Context(), r.PathValue("name"), r.PathValue("id"))
}

func (a *API) assignAppRole(r *http.Request) (any, error) {
	var body entitlement.New
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &body); err != nil {
		return nil, err
	}
	return a.o.Assignments.Assign(r.Context(), r.PathValue("name"), body, by(r))
}

// moveAssignment is the body that gives an assignment another end, or none.
type moveAssignment struct {
	Until time.Time `json:"until,omitzero"`
}

func (a *API) moveAssignment(r *http.Request) (any, error) {
	var body moveAssignment
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &body); err != nil {
		return nil, err
	}
	found, err := a.o.Assignments.Get(r.Context(), r.PathValue("name"), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.o.Assignments.Move(r.Context(), found.ID, body.Until, by(r))
}

func (a *API) endAssignment(r *http.Request) (any, error) {
	found, err := a.o.Assignments.Get(r.Context(), r.PathValue("name"), r.PathValue("id"))
	if err == nil {
		_, err = a.o.Assignments.End(r.Context(), found.ID, by(r))
	}
	return nothing(err)
}

// hitsAssignment tells who has a role by an assignment: a person, or how many the group
// has.
func (a *API) hitsAssignment(r *http.Request) (any, error) {
	found, err := a.o.Assignments.Get(r.Context(), r.PathValue("name"), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !found.Ended.IsZero() {
		return nil, entitlement.ErrAssignmentEnded
	}
	h := rest.Hits{Operation: "endAssignment", Names: []string{}, Apps: []string{r.PathValue("name")}, Notes: []string{"Who has the role in another way, too, keeps it."}}
	switch found.Whom.Kind() {
	case entitlement.ForPerson:
		p, err := a.o.Directory.Person(r.Context(), found.Whom.Person)
		if err != nil {
			return nil, err
		}
		h.People, h.Names = 1, []string{p.Profile.Title()}
	case entitlement.ForGroup:
		g, err := a.o.Directory.Group(r.Context(), found.Whom.Group)
		if err == nil { // nobody was seen in one that is not known
			h.People = int(g.Members)
		}
	default:
		h.Notes = append(h.Notes, "Everybody whose attribute has one of the values has the role by it: they are not counted.")
	}
	return h, nil
}

var (
	exampleNewAssignment = entitlement.New{
		Role: "approver", Whom: entitlement.Whom{Person: exampleID}, Until: exampleTime.AddDate(0, 3, 0), Reason: "Stands in for Grace until her return",
	}
	exampleAssignment = entitlement.Assignment{
		ID: "01jdhk3m2n4p" + "z1x2c3v4b5n6m7a2", App: exampleApp.ID, Role: exampleNewAssignment.Role, Whom: exampleNewAssignment.Whom, Until: exampleNewAssignment.Until,
		Reason: exampleNewAssignment.Reason, By: exampleActor, Created: exampleTime, Event: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3",
	}
	exampleAccessExplained = entitlement.Explanation{
		Person: exampleID, App: "expense-bot", Title: "Expense Bot", At: exampleTime, Verdict: entitlement.Allowed, Known: exampleTime.AddDate(-1, 0, 0),
		Roles: []string{"user"}, Scopes: []string{"openid", "email"}, Release: entitlement.Release{Digest: exampleApp.Digest, Version: "1.4.0", Since: exampleTime.AddDate(0, -1, 0)},
		Reasons: []entitlement.Reason{{Role: "user", Steps: []entitlement.Step{
			{Kind: entitlement.StepOperation, Name: "acme", Connection: "acme", ID: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3", Detail: "Okta: add a member", Since: exampleTime},
			{Kind: entitlement.StepGroup, Name: exampleGroup.ID, Connection: "acme"},
			{Kind: entitlement.StepMapping, Name: "all-employees", Since: exampleTime, By: identity.Actor{Ref: identity.Person(exampleID)}},
			{Kind: entitlement.StepRule, Name: exampleApp.Digest, Detail: "1.4.0", Since: exampleTime},
			{Kind: entitlement.StepRole, Name: "user"},
		}}},
	}
)
