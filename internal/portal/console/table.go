package console

import (
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// rule is one page or action. The table of them is the router, and what the test
// of who may do what walks through.
type rule struct {
	path string // below base
	// right is what whoever visits must have. With owned, an app's owner has it for
	// the app that the path names.
	right admin.Right
	owned bool
	// show answers GET. ask does instead for what is to be confirmed, and is asked
	// again before the POST is done.
	show func(*visit) (answer, error)
	ask  func(*visit) (confirmation, error)
	// POST does operation, one of the management API's, with the places of the path
	// and what body makes of the form, and leads on to then with a notice. act answers
	// POST where that is not enough.
	operation, then, notice string
	body                    func(*visit) (any, error)
	act                     func(*visit) (answer, error)
	// upload lets the form bring a file.
	upload bool
}

// gets and posts report whether the rule answers GET and POST.
func (ru rule) gets() bool  { return ru.show != nil || ru.ask != nil }
func (ru rule) posts() bool { return ru.act != nil || ru.operation != "" }

// table is the whole console.
func (c *Console) table() []rule {
	var all []rule
	for _, area := range [][]rule{c.appRules(), c.connectionRules(), c.peopleRules(), c.exchangeRules(), c.revokeRules(), c.groupRules(), c.keyRules(), c.operationRules(), c.adminRules()} {
		all = append(all, area...)
	}
	return all
}

func (c *Console) appRules() []rule {
	const one = "/apps/{name}"
	return []rule{
		{path: "", right: admin.ReadApps, show: c.showOverview},
		{path: "/apps", right: admin.ReadApps, show: c.showApps},
		{path: one, right: admin.ReadApps, show: c.showApp},
		{path: one + "/disable", right: admin.SwitchApps, owned: true, ask: c.askDisableApp, operation: "disableApp", then: one, notice: "app-disabled"},
		{path: one + "/enable", right: admin.SwitchApps, owned: true, operation: "enableApp", then: one, notice: "app-enabled"},
		{path: one + "/remove", right: admin.WriteApps, owned: true, ask: c.askRemoveApp, operation: "removeApp", then: "/apps", notice: "app-removed"},
		{path: one + "/secret", right: admin.WriteApps, owned: true, ask: c.askSecret, act: c.newSecret},
		{path: one + "/manifest", right: admin.WriteApps, owned: true, show: c.showManifest, act: c.takeManifest, upload: true},
		{path: "/new-app", right: admin.WriteApps, show: c.showManifest, act: c.takeManifest, upload: true},
	}
}

func (c *Console) connectionRules() []rule {
	const one = "/connections/{id}"
	return []rule{
		{path: "/connections", right: admin.ReadConnections, show: c.showConnections},
		{path: one, right: admin.ReadConnections, show: c.showConnection},
		{path: one + "/disable", right: admin.WriteConnections, ask: c.askDisableConnection, operation: "disableConnection", then: one, notice: "connection-disabled"},
		{path: one + "/enable", right: admin.WriteConnections, operation: "enableConnection", then: one, notice: "connection-enabled"},
		{path: one + "/test", right: admin.WriteConnections, act: c.testConnection},
		{path: one + "/change", right: admin.WriteConnections, show: c.showConnectionForm, act: c.takeConnection, upload: true},
		{path: one + "/remove", right: admin.WriteConnections, ask: c.askRemoveConnection, operation: "removeConnection", then: "/connections", notice: "connection-removed"},
		{path: "/new-connection", right: admin.WriteConnections, show: c.showConnectionForm, act: c.takeConnection, upload: true},
		{path: "/traces", right: admin.ReadConnections, show: c.showTraces},
		{path: "/traces/{id}", right: admin.ReadConnections, show: c.showTrace},
	}
}

func (c *Console) peopleRules() []rule {
	const one, session = "/people/{id}", "/sessions/{id}"
	return []rule{
		{path: "/people", right: admin.ReadPeople, show: c.showPeople},
		{path: one, right: admin.ReadPeople, show: c.showPerson},
		{path: one + "/disable", right: admin.WritePeople, ask: c.askDisablePerson, operation: "disablePerson", then: one, notice: "person-disabled"},
		{path: one + "/enable", right: admin.WritePeople, operation: "enablePerson", then: one, notice: "person-enabled"},
		{path: one + "/sign-out", right: admin.EndSessions, ask: c.askSignOut, operation: "endPersonSessions", then: one, notice: "person-out"},
		{path: one + "/grants/{app}/withdraw", right: admin.EndSessions, ask: c.askWithdraw, operation: "withdrawGrant", then: one, notice: "grant-withdrawn"},
		{path: "/sessions", right: admin.ReadSessions, show: c.showSessions},
		{path: session, right: admin.ReadSessions, show: c.showSession},
		{path: session + "/end", right: admin.EndSessions, ask: c.askEndSession, operation: "endSession", then: "/sessions", notice: "session-ended"},
	}
}

func (c *Console) groupRules() []rule {
	const one = "/groups/{connection}/{group}"
	return []rule{
		{path: "/groups", right: admin.ReadGroups, show: c.showGroups},
		{path: one, right: admin.ReadGroups, show: c.showGroup},
		{path: "/map-group", right: admin.WriteGroups, show: c.showUnseen},
		{path: one + "/map", right: admin.WriteGroups, show: c.showMap, act: c.mapGroup},
		{path: one + "/unmap", right: admin.WriteGroups, ask: c.askUnmap, operation: "unmapGroup", then: one, notice: "group-unmapped"},
	}
}

func (c *Console) keyRules() []rule {
	return []rule{
		{path: "/keys", right: admin.ReadKeys, show: c.showKeys},
		{path: "/keys/{algorithm}/rotate", right: admin.WriteKeys, ask: c.askRotateKey, operation: "rotateKey", then: "/keys", notice: "key-rotated"},
		{path: "/keys/{kid}/kill", right: admin.WriteKeys, ask: c.askKillKey, operation: "killKey", then: "/keys", notice: "key-killed"},
	}
}

func (c *Console) operationRules() []rule {
	const queued, job, stream = "/operations/events/{id}", "/operations/jobs/{id}", "/operations/streams/{id}"
	return []rule{
		{path: "/audit", right: admin.ReadAudit, show: c.showAudit},
		{path: "/audit/{id}", right: admin.ReadAudit, show: c.showEntry},
		{path: "/operations", right: admin.ReadOperations, show: c.showOutbox},
		{path: queued, right: admin.ReadOperations, show: c.showQueuedEvent},
		{path: queued + "/retry", right: admin.WriteOperations, operation: "retryEvent", then: queued, notice: "event-retried"},
		{path: queued + "/discard", right: admin.WriteOperations, ask: c.askDiscardEvent, operation: "discardEvent", then: queued, notice: "event-discarded"},
		{path: "/operations/jobs", right: admin.ReadOperations, show: c.showJobs},
		{path: job, right: admin.ReadOperations, show: c.showJob},
		{path: job + "/retry", right: admin.WriteOperations, operation: "retryJob", then: job, notice: "job-retried"},
		{path: job + "/discard", right: admin.WriteOperations, ask: c.askDiscardJob, operation: "discardJob", then: job, notice: "job-discarded"},
		{path: "/operations/streams", right: admin.ReadOperations, show: c.showStreams},
		{path: stream, right: admin.ReadOperations, show: c.showStream},
		{path: stream + "/pause", right: admin.WriteOperations, operation: "pauseStream", then: stream, notice: "stream-paused"},
		{path: stream + "/enable", right: admin.WriteOperations, operation: "enableStream", then: stream, notice: "stream-enabled"},
		{path: stream + "/disable", right: admin.WriteOperations, ask: c.askDisableStream, operation: "disableStream", then: stream, notice: "stream-disabled"},
		{path: stream + "/remove", right: admin.WriteOperations, ask: c.askRemoveStream, operation: "removeStream", then: "/operations/streams", notice: "stream-removed"},
	}
}

func (c *Console) adminRules() []rule {
	const change = "/changes/{id}"
	return []rule{
		{path: "/roles", right: admin.ReadAdmin, show: c.showRoles},
		{path: "/roles/assign", right: admin.WriteAdmin, show: c.showAssign, act: c.assign},
		{path: "/roles/{role}/people/{id}/unassign", right: admin.WriteAdmin, ask: c.askUnassign, operation: "unassignRole", then: "/roles", notice: "role-unassigned"},
		{path: "/tokens", right: admin.ReadAdmin, show: c.showTokens},
		{path: "/tokens/new", right: admin.WriteAdmin, show: c.showNewToken, act: c.newToken},
		{path: "/tokens/{id}/revoke", right: admin.WriteAdmin, ask: c.askRevokeToken, operation: "revokeToken", then: "/tokens", notice: "token-revoked"},
		{path: "/changes", right: admin.ReadAdmin, show: c.showChanges},
		{path: change, right: admin.ReadAdmin, show: c.showChange},
		{path: change + "/approve", right: admin.ReadAdmin, ask: c.askApprove, operation: "approveChange", then: change, notice: "change-approved"},
		{path: change + "/reject", right: admin.ReadAdmin, ask: c.askReject, operation: "rejectChange", then: change, notice: "change-rejected"},
	}
}

// offer is a way to a page or an action.
type offer struct {
	Text ui.Text
	// Tone is "primary", "danger" or nothing in particular; Icon may be empty.
	Tone, Icon string
	// Href is where it leads, with the prefix; Post says that it is done by a form, without a question.
	Href string
	Post bool
}

// Class is how the offer looks.
func (o offer) Class() string {
	switch o.Tone {
	case "primary":
		return ""
	case "":
		return "quiet"
	}
	return o.Tone
}

// offers keeps what whoever visits may do, by the table.
func (v *visit) offers(all ...offering) []offer {
	var open []offer
	for _, one := range all {
		ru := v.c.rule(one.rule)
		name := ""
		if ru.owned {
			name = one.app.Name
		}
		if !v.may(ru, name, one.app.Manifest.Spec.Owner.Team) {
			continue
		}
		one.Href, one.Post = v.c.path(fill(one.rule, one.ids...)), !ru.gets()
		open = append(open, one.offer)
	}
	return open
}

// offering is an offer by the rule that it leads to.
type offering struct {
	offer
	// rule is a path of the table; ids fill its places.
	rule string
	ids  []string
	// app is the one that an owned rule is about.
	app catalog.App
}

// way is an offering; look is its tone and, behind a blank, its icon.
func way(rule string, text ui.Text, look string, ids ...string) offering {
	tone, icon, _ := strings.Cut(look, " ")
	return offering{offer: offer{Text: text, Tone: tone, Icon: icon}, rule: rule, ids: ids}
}

// ofApp is a way to do something to an app.
func ofApp(app catalog.App, rule string, text ui.Text, look string) offering {
	o := way(rule, text, look, app.Name)
	o.app = app
	return o
}

// rule finds the rule with this path; one that is not there is a slip of ours,
// which the first test finds.
func (c *Console) rule(path string) rule {
	for _, ru := range c.rules {
		if ru.path == path {
			return ru
		}
	}
	panic("console: no rule for " + path)
}

// fill puts ids into the places of a path, in order.
func fill(path string, ids ...string) string {
	var b strings.Builder
	for path != "" {
		before, rest, found := strings.Cut(path, "{")
		b.WriteString(before)
		if !found {
			break
		}
		_, path, _ = strings.Cut(rest, "}")
		if len(ids) > 0 {
			b.WriteString(url.PathEscape(ids[0]))
			ids = ids[1:]
		}
	}
	return b.String()
}
