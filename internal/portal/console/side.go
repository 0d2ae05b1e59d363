package console

import (
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// side is the console's navigation.
func side() []kit.Place {
	return []kit.Place{
		{Path: "", Icon: "home", Text: ui.T("Overview")},
		{Path: "/apps", Icon: "apps", Text: ui.T("Apps"), Also: []string{"/new-app"}},
		{Path: "/connections", Icon: "link", Text: ui.T("Connections"), Also: []string{"/new-connection"}},
		{Path: "/traces", Icon: "alert", Text: ui.T("Failed sign-ins")},
		{Path: "/people", Icon: "people", Text: ui.T("People")},
		{Path: "/groups", Icon: "group", Text: ui.T("Groups"), Also: []string{"/map-group"}},
		{Path: "/assignments", Icon: "lock", Text: ui.T("Access"), Also: []string{"/assign", "/explain-access"}},
		{Path: "/imports", Icon: "download", Text: ui.T("Import and export"), Also: []string{"/new-import", "/export"}},
		{Path: "/sessions", Icon: "device", Text: ui.T("Sessions")},
		{Path: "/exchanges", Icon: "arrow", Text: ui.T("Exchanged tokens"), Also: []string{"/explain-exchange", "/revoke", "/revocations"}},
		{Path: "/keys", Icon: "key", Text: ui.T("Keys")},
		{Path: "/audit", Icon: "audit", Text: ui.T("Audit log")},
		{Path: "/operations", Icon: "queue", Text: ui.T("Operations")},
		{Path: "/roles", Icon: "shield", Text: ui.T("Roles")},
		{Path: "/tokens", Icon: "tag", Text: ui.T("API tokens")},
		{Path: "/changes", Icon: "check", Text: ui.T("Changes")},
	}
}
