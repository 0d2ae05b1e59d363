// Package provisioning has the console's pages about what connections push over SCIM: how
// a connection's pushing stands, its tokens, what its clients did, in words and with what
// became of it, and who and what is protected from it.
package provisioning

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed scimtoken.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Issuer is the broker's public URL.
	Issuer string
	// Connections are the identity providers.
	Connections interface {
		Get(ctx context.Context, id string) (connection.Connection, error)
	}
	// Guard says which connections are halted, and what stopping there would leave.
	Guard interface {
		State(ctx context.Context, connection string) (record.State, error)
		Halted(ctx context.Context) ([]record.State, error)
		Gone(ctx context.Context, connection string, limit int) (some []record.User, all int64, err error)
	}
	// Operations are what SCIM clients did.
	Operations interface {
		Outcomes(ctx context.Context, q record.OutcomeQuery) (page []record.Outcome, next string, err error)
		Outcome(ctx context.Context, connection, id string) (record.Outcome, error)
	}
	// Records are what was pushed, and who is protected from it.
	Records interface {
		User(ctx context.Context, connection, id string) (record.User, error)
		Tokens(ctx context.Context, connection string) ([]record.Token, error)
		Nested(ctx context.Context, connection, group string, limit int) (within, around []record.In, err error)
		Protected(ctx context.Context, what identity.Ref) (bool, error)
	}
	// Audit is the audit log.
	Audit interface {
		Page(ctx context.Context, q audit.Query) (entries []audit.Entry, next string, err error)
	}
}

// Console is the part of the console.
type Console struct {
	*names.Names
	o Options
}

// New returns a Console.
func New(n *names.Names, o Options) *Console { return &Console{Names: n, o: o} }

// Part is what it adds to the console.
func (c *Console) Part() kit.Part {
	return kit.Part{Rules: c.rules(), Notices: notices(), Files: files}
}

// Where the pages are, below kit.Base.
const (
	onePath        = "/connections/{id}/scim"
	operationsPath = onePath + "/operations"
	operationPath  = operationsPath + "/{operation}"
	newTokenPath   = onePath + "/tokens/new"
	revokePath     = onePath + "/tokens/{token}/revoke"
	personPath     = "/people/{id}"
	groupPath      = "/groups/{connection}/{group}"
)

func (c *Console) rules() []kit.Rule {
	return []kit.Rule{
		{Path: onePath, Right: admin.ReadConnections, Show: c.show},
		{Path: onePath + "/resume", Right: admin.WriteConnections, Ask: c.askResume, Operation: "resumeScim", Then: onePath, Notice: "scim-resumed"},
		{Path: onePath + "/undo", Right: admin.WriteConnections, Ask: c.askUndo, Operation: "undoScim", Then: onePath, Notice: "scim-undone"},
		{Path: operationsPath, Right: admin.ReadConnections, Show: c.showOperations},
		{Path: operationPath, Right: admin.ReadConnections, Show: c.showOperation},
		{Path: newTokenPath, Right: admin.WriteConnections, Show: c.showNewToken, Act: c.newToken},
		{Path: revokePath, Right: admin.WriteConnections, Ask: c.askRevoke, Operation: "revokeScimToken", Then: onePath, Notice: "scim-token-revoked"},
		{Path: personPath + "/protect", Right: admin.WritePeople, Operation: "protectPerson", Then: personPath, Notice: "person-protected"},
		{Path: personPath + "/unprotect", Right: admin.WritePeople, Operation: "unprotectPerson", Then: personPath, Notice: "person-unprotected"},
		{Path: groupPath + "/protect", Right: admin.WriteGroups, Operation: "protectGroup", Then: groupPath, Notice: "group-protected"},
		{Path: groupPath + "/unprotect", Right: admin.WriteGroups, Operation: "unprotectGroup", Then: groupPath, Notice: "group-unprotected"},
	}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"scim-resumed":       ui.T("The connection goes on: it may take away what it likes until its window is over."),
		"scim-undone":        ui.T("Whoever and whatever was taken away is back. The connection stays halted."),
		"scim-token-revoked": ui.T("The token is revoked: whoever uses it is refused."),
		"person-protected":   ui.T("The person is protected: what connections push does not change them."),
		"person-unprotected": ui.T("The person is no longer protected by name."),
		"group-protected":    ui.T("The group is protected: what connections push changes neither it nor its members."),
		"group-unprotected":  ui.T("The group is no longer protected by name."),
	}
}
