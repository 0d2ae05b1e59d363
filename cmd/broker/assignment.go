package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type assignmentCommand struct {
	List assignmentListCommand `cmd:"" help:"List the roles in an app that administrators assigned, newest first." api:"GET /apps/{}/assignments" columns:"ID=id,ROLE=role,PERSON=whom.person,GROUP=whom.group.id,ATTRIBUTE=whom.attribute.name,FROM=from,UNTIL=until,ENDED=ended,REASON=reason"`
	Show assignmentOneCommand  `cmd:"" help:"Show an assignment, also one that has ended." api:"GET /apps/{}/assignments/{}"`
	Add  assignmentAddCommand  `cmd:"" help:"Assign a role in an app to a person, to an upstream group, or to whoever has an attribute." api:"POST /apps/{}/assignments"`
	Move assignmentMoveCommand `cmd:"" help:"Give an assignment another end, or none." api:"PUT /apps/{}/assignments/{}/end"`
	All  assignmentAllCommand  `cmd:"" help:"List the roles that administrators assigned, in all apps, newest first." api:"GET /assignments" columns:"ID=id,APP=app,ROLE=role,PERSON=whom.person,GROUP=whom.group.id,ATTRIBUTE=whom.attribute.name,FROM=from,UNTIL=until,ENDED=ended,REASON=reason"`
	End  assignmentEndCommand  `cmd:"" help:"Take an assigned role away." api:"DELETE /apps/{}/assignments/{}"`
}

type assignmentListCommand struct {
	listing
	App   string `arg:"" help:"The app's name."`
	Ended *bool  `help:"Only those that have ended, or with =false have not." query:"ended"`
}

type assignmentAllCommand struct {
	listing
	App        string `help:"The app's name." query:"app"`
	Person     string `help:"Those to a person, by id." query:"person"`
	Connection string `help:"Whose group it is." query:"connection"`
	Group      string `help:"Those to an upstream group of the connection, by id." query:"group"`
	Ended      *bool  `help:"Only those that have ended, or with =false have not." query:"ended"`
}

type assignmentMoveCommand struct {
	connected
	App   string `arg:"" help:"The app's name."`
	ID    string `arg:"" help:"The assignment's id."`
	Until string `help:"When it ends by itself: 2027-02-28T18:00:00Z." xor:"end" required:""`
	Never bool   `help:"It has no end." xor:"end" required:""`
}

// Run moves the end.
func (c *assignmentMoveCommand) Run() error {
	body := map[string]any{}
	if c.Until != "" {
		body["until"] = c.Until
	}
	return c.ask(client.Request{
		Method: http.MethodPut, Path: "/apps/" + url.PathEscape(c.App) + "/assignments/" + url.PathEscape(c.ID) + "/end", Media: "application/json", Body: encode(body),
	}, client.PrintDone)
}

type personAssignmentsCommand struct {
	listing
	ID    string `arg:"" help:"The person's id, the sub of tokens."`
	Ended *bool  `help:"Only those that have ended, or with =false have not." query:"ended"`
}

type assignmentOneCommand struct {
	App string `arg:"" help:"The app's name."`
	one
}

type assignmentEndCommand struct {
	App string `arg:"" help:"The app's name."`
	ending
}

type assignmentAddCommand struct {
	connected
	App       string   `arg:"" help:"The app's name."`
	Role      string   `arg:"" help:"A role that its release names."`
	Person    string   `help:"A person's id, the sub of tokens." xor:"whom" required:""`
	Group     string   `help:"An upstream group, as CONNECTION/ID." xor:"whom" required:""`
	Attribute string   `help:"An attribute of people: department, email_domain or locale." xor:"whom" required:""`
	Value     []string `help:"A value that the attribute has; again for more." sep:"none"`
	From      string   `help:"When it begins, at once unless told: 2026-11-26T09:00:00Z."`
	Until     string   `help:"When it ends by itself."`
	Reason    string   `help:"Why." required:""`
}

// Run assigns the role.
func (c *assignmentAddCommand) Run() error {
	whom := map[string]any{}
	connection, id, ok := strings.Cut(c.Group, "/")
	switch {
	case c.Person != "":
		whom["person"] = c.Person
	case c.Group != "" && !ok:
		return &client.Error{Exit: client.Usage, Text: "a group is named as CONNECTION/ID"}
	case c.Group != "":
		whom["group"] = map[string]string{"connection": connection, "id": id}
	default:
		whom["attribute"] = map[string]any{"name": c.Attribute, "values": c.Value}
	}
	body := map[string]any{"role": c.Role, "whom": whom, "reason": c.Reason}
	for name, value := range map[string]string{"from": c.From, "until": c.Until} {
		if value != "" {
			body[name] = value
		}
	}
	return c.ask(client.Request{Method: http.MethodPost, Path: "/apps/" + url.PathEscape(c.App) + "/assignments", Media: "application/json", Body: encode(body)}, client.PrintDone)
}
