package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/porting"
)

// Porting imports and exports the directory: porting.Service.
type Porting interface {
	Receive(ctx context.Context, n porting.New, in io.Reader) (porting.Import, error)
	Get(ctx context.Context, id string) (porting.Import, error)
	List(ctx context.Context, after string, limit int) (page []porting.Import, next string, err error)
	Faults(ctx context.Context, id string, after, limit int) (page []porting.Fault, next int, err error)
	Apply(ctx context.Context, id string, o porting.Order) (porting.Import, error)
	Applicable(ctx context.Context, id string, o porting.Order) error
	Discard(ctx context.Context, id string, by identity.Actor) error
	Exporting(ctx context.Context, connection string, by identity.Actor) error
	Write(ctx context.Context, connection string, to io.Writer) error
}

// toApply is how an import is to be applied.
type toApply struct {
	// SkipRefused applies all lines but those that are refused.
	SkipRefused bool `json:"skip_refused,omitempty"`
}

// receivedImport is an import as it is answered, with where it is found.
type receivedImport struct{ porting.Import }

// Location is where the import is found.
func (i receivedImport) Location() string { return "/imports/" + i.ID }

// shownImport is an import as it is shown, with the change that waits for a second person
// and is to apply it, if one does.
type shownImport struct {
	porting.Import
	Approval *porting.Approval `json:"approval,omitempty"`
}

// Tagged is what the entity tag is of: that somebody asked changes nothing of the import.
func (i shownImport) Tagged() any { return i.Import }

func (a *API) importRoutes() []rest.Route {
	const all, one = "/imports", "/imports/{id}"
	return []rest.Route{
		{
			ID: "exportDirectory", Method: "GET", Path: "/directory", Summary: "Export the directory as JSON lines: people, their subjects, records, groups, memberships, names of groups and assignments.",
			About: "The first line says the version of the format, the last how many lines there are. Sessions, tokens, secrets and roles of administrators are not in it. The audit log says who exported.",
			Right: admin.ReadPeople, Query: []rest.Param{rest.Text("connection", "Only what is of this connection.")},
			Streams: "application/jsonl", Answer: exampleLines, Send: a.exportDirectory,
		},
		{
			ID: "importDirectory", Method: "POST", Path: all, Summary: "Receive a file to be imported, and say of each line what would become of it. Nothing is changed.",
			About: "The file is read as it comes, up to 1 GiB. Few lines are checked when this answers; of many, ask for the import until its state is checked, and then apply it, within 24 hours. " +
				"Foreign accounts are linked by the subject alone, over the connections that you name for them.",
			Right: admin.WritePeople, Media: "application/jsonl", Also: "application/json", Body: exampleLines, Receives: true, Answer: receivedImport{exampleImport}, Status: http.StatusCreated,
			Query: []rest.Param{
				rest.Choice("format", "What the file is: gatehouse, unless told.", words(porting.Formats())...),
				rest.LongText("connections", "Which connection here an identity provider of Keycloak, or a connector of Dex, is: ALIAS=ID, several with commas between them."),
				rest.Text("subjects", "The connection over which people sign in with the Keycloak that the file is of: their user ids are its subjects."),
				rest.Text("groups", "The connection that keeps the groups of the file; it has to take SCIM."),
			},
			Do: a.importDirectory,
		},
		{
			ID: "listImports", Method: "GET", Path: all, Summary: "List the imports of the last 30 days, the newest first.", Right: admin.ReadPeople,
			List: rest.ListOf(exampleShownImport, []string{"id", "state", "format", "lines", "looked", "created", "checked", "finished", "by.id", "approval.change"}, nil, a.listImports),
		},
		{
			ID: "getImport", Method: "GET", Path: one, Summary: "Show an import: what becomes, or became, of its lines.",
			About: "With approval, somebody asked to apply it, and a second person has to approve that change.",
			Right: admin.ReadPeople, Answer: exampleShownImport, Do: a.getImport,
		},
		{
			ID: "listImportFaults", Method: "GET", Path: one + "/faults", Summary: "List the lines of an import that are refused, each with where in it and why.", Right: admin.ReadPeople,
			List: rest.ListOf(exampleFault, []string{"line", "kind", "pointer", "code", "detail"}, nil, a.listImportFaults),
		},
		{
			ID: porting.ApplyOperation, Method: "POST", Path: one + "/apply", Of: one, Summary: "Apply an import that was checked.",
			About: "What is not as it was when it was checked is refused, by the line. Of a large file ask for the import until its state is done. " +
				"Where it waits for a second person it is asked for once, and approved within 24 hours after it was checked.",
			Right: admin.WritePeople, Body: toApply{SkipRefused: true}, Answer: exampleImport, Do: a.applyImport, Before: a.beforeApply,
		},
		{
			ID: "discardImport", Method: "DELETE", Path: one, Summary: "Forget an import that is not being applied. What was applied of it stays.", Right: admin.WritePeople,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Porting.Discard(r.Context(), r.PathValue("id"), by(r)))
			},
		},
	}
}

func words[T ~string](all []T) []string {
	texts := make([]string, len(all))
	for i, w := range all {
		texts[i] = string(w)
	}
	return texts
}

func (a *API) exportDirectory(r *http.Request) (func(io.Writer) error, error) {
	connection := rest.QueryOf(r).Get("connection")
	if err := a.o.Porting.Exporting(r.Context(), connection, by(r)); err != nil {
		return nil, err
	}
	return func(w io.Writer) error { return a.o.Porting.Write(r.Context(), connection, w) }, nil
}

func (a *API) importDirectory(r *http.Request) (any, error) {
	q := rest.QueryOf(r)
	connections, err := porting.ParseConnections(q.Get("connections"))
	if err != nil {
		return nil, err
	}
	n := porting.New{Format: porting.Gatehouse, By: by(r), Options: porting.Options{
		Connections: connections, Subjects: q.Get("subjects"), Groups: q.Get("groups"), Held: Held(a.o.Admin, rest.CallerOf(r).Principal),
	}}
	if f := q.Get("format"); f != "" {
		n.Format = porting.Format(f)
	}
	i, err := a.o.Porting.Receive(r.Context(), n, httpx.WholeBody(r))
	return receivedImport{i}, err
}

// Held are the operations that somebody may not do alone, and so not by an import that
// nobody else looks at.
func Held(four interface {
	Needed(operation string, by admin.Principal) bool
}, by admin.Principal,
) []string {
	if four.Needed(porting.ApplyOperation, by) {
		return nil
	}
	return slices.DeleteFunc(porting.Held(), func(operation string) bool { return !four.Needed(operation, by) })
}

func (a *API) listImportFaults(r *http.Request, q rest.Query) ([]porting.Fault, string, error) {
	after := 0
	if q.After != "" {
		var err error
		if after, err = strconv.Atoi(q.After); err != nil || after < 1 {
			return nil, "", rest.ErrCursor
		}
	}
	page, next, err := a.o.Porting.Faults(r.Context(), r.PathValue("id"), after, q.Limit)
	if err != nil || next == 0 {
		return page, "", err
	}
	return page, strconv.Itoa(next), nil
}

// order is what a request to apply an import orders.
func (a *API) order(r *http.Request) (porting.Order, error) {
	var body toApply
	err := httpx.UnmarshalJSON(rest.BodyOf(r), &body)
	return porting.Order{SkipRefused: body.SkipRefused, Held: Held(a.o.Admin, rest.CallerOf(r).Principal), By: by(r)}, err
}

func (a *API) applyImport(r *http.Request) (any, error) {
	order, err := a.order(r)
	if err != nil {
		return nil, err
	}
	return a.o.Porting.Apply(r.Context(), r.PathValue("id"), order)
}

// beforeApply refuses to ask a second person to apply what cannot be applied, or what
// somebody asked to apply already.
func (a *API) beforeApply(r *http.Request) error {
	order, err := a.order(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := a.o.Porting.Applicable(r.Context(), id, order); err != nil {
		return err
	}
	waiting, err := a.o.Admin.WaitingOf(r.Context(), porting.ApplyOperation)
	if err != nil {
		return err
	}
	if one := porting.ApprovalOf(porting.Import{ID: id}, waiting); one != nil {
		return fault.New(fault.Conflict, admin.ErrChangeWaits.Code, "%s asked to apply this import already, and a second person has to approve change %s first", one.RequestedBy, one.Change)
	}
	return nil
}

func (a *API) getImport(r *http.Request) (any, error) {
	i, err := a.o.Porting.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	shown, err := a.withApproval(r, i)
	if err != nil {
		return nil, err
	}
	return shown[0], nil
}

func (a *API) listImports(r *http.Request, q rest.Query) ([]shownImport, string, error) {
	page, next, err := a.o.Porting.List(r.Context(), q.After, q.Limit)
	if err != nil {
		return nil, "", err
	}
	shown, err := a.withApproval(r, page...)
	return shown, next, err
}

// withApproval adds to imports what waits for a second person.
func (a *API) withApproval(r *http.Request, page ...porting.Import) ([]shownImport, error) {
	var waiting []admin.Change
	if slices.ContainsFunc(page, func(i porting.Import) bool { return i.State == porting.Checked }) {
		var err error
		if waiting, err = a.o.Admin.WaitingOf(r.Context(), porting.ApplyOperation); err != nil {
			return nil, err
		}
	}
	all := make([]shownImport, len(page))
	for n, i := range page {
		all[n] = shownImport{i, porting.ApprovalOf(i, waiting)}
	}
	return all, nil
}

const exampleLines = `{"kind":"directory","version":1}
{"kind":"person","id":"k2qj7wz4m5xk3n6t2b7h4c5d6e","identities":[{"connection":"acme","subject":"00u1emaKYZTWRYYRRTSK"}],"profile":{"name":"Alice Moreau"}}
{"kind":"end","lines":2}
`

var (
	exampleImport = porting.Import{
		ID: "01jdhk3m2n4p" + "z1x2c3v4b5n6m7a2", State: porting.Checked, Format: porting.Keycloak, By: exampleActor, Created: exampleTime, Checked: exampleTime,
		Options: porting.Options{Connections: map[string]string{"google": "google-workspace"}, Subjects: "old-keycloak", Groups: "acme"},
		Lines:   1200, Looked: 1200, Version: 4, Counts: []porting.Count{{Kind: porting.KindPerson, Created: 1100, Changed: 12, Unchanged: 87, Refused: 1}},
		Notes: []porting.Note{{Code: "realm_role", Count: 40, Examples: []string{"staff"}}},
	}
	exampleShownImport = shownImport{exampleImport, &porting.Approval{
		Change: "01jdhk3m2n4p" + "z1x2c3v4b5n6m7a3", RequestedBy: exampleActor, Created: exampleTime, Expires: exampleTime.Add(porting.ApplyWithin),
	}}
	exampleFault = porting.Fault{Line: 17, Kind: porting.KindPerson, Trouble: porting.Trouble{
		Code: porting.ErrTwoPeople.Code, Pointer: "/identities/1", Detail: porting.ErrTwoPeople.Detail,
	}}
)
