package names

import (
	"cmp"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// PersonTag says whether a person may sign in.
func PersonTag(p directory.Person) ui.Tag {
	if p.Disabled {
		return ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
	}
	if p.Left() {
		return ui.Tag{Text: ui.T("Has left"), Tone: ui.Bad}
	}
	return ui.Tag{Text: ui.T("Active"), Tone: ui.Good}
}

// AppTag says whether an app lets people in.
func AppTag(a catalog.App) ui.Tag {
	switch a.State() {
	case catalog.Off:
		return ui.Tag{Text: ui.T("Switched off"), Tone: ui.Bad}
	case catalog.Incomplete:
		return ui.Tag{Text: ui.T("Incomplete"), Tone: ui.Warn}
	case catalog.On:
	}
	return ui.Tag{Text: ui.T("In use"), Tone: ui.Good}
}

// Browser says in a word or two what a session's browser calls itself.
func Browser(s session.Session) string {
	agent, system := s.UserAgent, ""
	for _, known := range []struct{ mark, name string }{
		{"Windows", "Windows"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, known.mark) {
			system = known.name
			break
		}
	}
	for _, known := range []struct{ mark, name string }{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrom", "Chrome"}, {"Safari/", "Safari"},
	} {
		if strings.Contains(agent, known.mark) {
			return strings.TrimSuffix(known.name+", "+system, ", ")
		}
	}
	return cmp.Or(agent, "?")
}

// OfflineTags say that an app's access goes on while the person is away.
func OfflineTags(a grant.Access) []ui.Tag {
	if a.Offline {
		return []ui.Tag{{Text: ui.T("Offline")}}
	}
	return nil
}

// UsedCell is when an app last used what it holds.
func UsedCell(a grant.Access) kit.Cell {
	if a.LastUse.IsZero() {
		return kit.Cell{Say: ui.T("never")}
	}
	return kit.Cell{Time: a.LastUse}
}

// RoleText says what a role is called.
func RoleText(r admin.Role) ui.Text {
	switch r {
	case admin.Admin:
		return ui.T("Administrator")
	case admin.SecurityReviewer:
		return ui.T("Security reviewer")
	case admin.Approver:
		return ui.T("Approver")
	case admin.AppOwner:
		return ui.T("App owner")
	case admin.Auditor:
		return ui.T("Auditor")
	}
	return ui.Plain(string(r))
}
