package console

import (
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// table is the whole console.
func (c *Console) table() []kit.Rule {
	var all []kit.Rule
	for _, area := range [][]kit.Rule{c.appRules(), c.connectionRules(), c.peopleRules(), c.exchangeRules(), c.revokeRules(), c.groupRules(), c.keyRules(), c.operationRules(), c.adminRules()} {
		all = append(all, area...)
	}
	return all
}

func (c *Console) appRules() []kit.Rule {
	const one = "/apps/{name}"
	return []kit.Rule{
		{Path: "", Right: admin.ReadApps, Show: c.showOverview},
		{Path: "/apps", Right: admin.ReadApps, Show: c.showApps},
		{Path: one, Right: admin.ReadApps, Show: c.showApp},
		{Path: one + "/disable", Right: admin.SwitchApps, Owned: true, Ask: c.askDisableApp, Operation: "disableApp", Then: one, Notice: "app-disabled"},
		{Path: one + "/enable", Right: admin.SwitchApps, Owned: true, Operation: "enableApp", Then: one, Notice: "app-enabled"},
		{Path: one + "/remove", Right: admin.WriteApps, Owned: true, Ask: c.askRemoveApp, Operation: "removeApp", Then: "/apps", Notice: "app-removed"},
		{Path: one + "/secret", Right: admin.WriteApps, Owned: true, Ask: c.askSecret, Act: c.newSecret},
		{Path: one + "/manifest", Right: admin.WriteApps, Owned: true, Show: c.showManifest, Act: c.takeManifest, Upload: true},
		{Path: "/new-app", Right: admin.WriteApps, Show: c.showManifest, Act: c.takeManifest, Upload: true},
	}
}

func (c *Console) connectionRules() []kit.Rule {
	const one = "/connections/{id}"
	return []kit.Rule{
		{Path: "/connections", Right: admin.ReadConnections, Show: c.showConnections},
		{Path: one, Right: admin.ReadConnections, Show: c.showConnection},
		{Path: one + "/disable", Right: admin.WriteConnections, Ask: c.askDisableConnection, Operation: "disableConnection", Then: one, Notice: "connection-disabled"},
		{Path: one + "/enable", Right: admin.WriteConnections, Operation: "enableConnection", Then: one, Notice: "connection-enabled"},
		{Path: one + "/test", Right: admin.WriteConnections, Act: c.testConnection},
		{Path: one + "/change", Right: admin.WriteConnections, Show: c.showConnectionForm, Act: c.takeConnection, Upload: true},
		{Path: one + "/remove", Right: admin.WriteConnections, Ask: c.askRemoveConnection, Operation: "removeConnection", Then: "/connections", Notice: "connection-removed"},
		{Path: "/new-connection", Right: admin.WriteConnections, Show: c.showConnectionForm, Act: c.takeConnection, Upload: true},
		{Path: "/traces", Right: admin.ReadConnections, Show: c.showTraces},
		{Path: "/traces/{id}", Right: admin.ReadConnections, Show: c.showTrace},
	}
}

func (c *Console) peopleRules() []kit.Rule {
	const one, session = "/people/{id}", "/sessions/{id}"
	return []kit.Rule{
		{Path: "/people", Right: admin.ReadPeople, Show: c.showPeople},
		{Path: one, Right: admin.ReadPeople, Show: c.showPerson},
		{Path: one + "/disable", Right: admin.WritePeople, Ask: c.askDisablePerson, Operation: "disablePerson", Then: one, Notice: "person-disabled"},
		{Path: one + "/enable", Right: admin.WritePeople, Operation: "enablePerson", Then: one, Notice: "person-enabled"},
		{Path: one + "/sign-out", Right: admin.EndSessions, Ask: c.askSignOut, Operation: "endPersonSessions", Then: one, Notice: "person-out"},
		{Path: one + "/grants/{app}/withdraw", Right: admin.EndSessions, Ask: c.askWithdraw, Operation: "withdrawGrant", Then: one, Notice: "grant-withdrawn"},
		{Path: "/sessions", Right: admin.ReadSessions, Show: c.showSessions},
		{Path: session, Right: admin.ReadSessions, Show: c.showSession},
		{Path: session + "/end", Right: admin.EndSessions, Ask: c.askEndSession, Operation: "endSession", Then: "/sessions", Notice: "session-ended"},
	}
}

func (c *Console) groupRules() []kit.Rule {
	const one = "/groups/{connection}/{group}"
	return []kit.Rule{
		{Path: "/groups", Right: admin.ReadGroups, Show: c.showGroups},
		{Path: one, Right: admin.ReadGroups, Show: c.showGroup},
		{Path: "/map-group", Right: admin.WriteGroups, Show: c.showUnseen},
		{Path: one + "/map", Right: admin.WriteGroups, Show: c.showMap, Act: c.mapGroup},
		{Path: one + "/unmap", Right: admin.WriteGroups, Ask: c.askUnmap, Operation: "unmapGroup", Then: one, Notice: "group-unmapped"},
	}
}

func (c *Console) keyRules() []kit.Rule {
	return []kit.Rule{
		{Path: "/keys", Right: admin.ReadKeys, Show: c.showKeys},
		{Path: "/keys/{algorithm}/rotate", Right: admin.WriteKeys, Ask: c.askRotateKey, Operation: "rotateKey", Then: "/keys", Notice: "key-rotated"},
		{Path: "/keys/{kid}/kill", Right: admin.WriteKeys, Ask: c.askKillKey, Operation: "killKey", Then: "/keys", Notice: "key-killed"},
	}
}

func (c *Console) operationRules() []kit.Rule {
	const queued, job, stream = "/operations/events/{id}", "/operations/jobs/{id}", "/operations/streams/{id}"
	return []kit.Rule{
		{Path: "/audit", Right: admin.ReadAudit, Show: c.showAudit},
		{Path: "/audit/{id}", Right: admin.ReadAudit, Show: c.showEntry},
		{Path: "/operations", Right: admin.ReadOperations, Show: c.showOutbox},
		{Path: queued, Right: admin.ReadOperations, Show: c.showQueuedEvent},
		{Path: queued + "/retry", Right: admin.WriteOperations, Operation: "retryEvent", Then: queued, Notice: "event-retried"},
		{Path: queued + "/discard", Right: admin.WriteOperations, Ask: c.askDiscardEvent, Operation: "discardEvent", Then: queued, Notice: "event-discarded"},
		{Path: "/operations/jobs", Right: admin.ReadOperations, Show: c.showJobs},
		{Path: job, Right: admin.ReadOperations, Show: c.showJob},
		{Path: job + "/retry", Right: admin.WriteOperations, Operation: "retryJob", Then: job, Notice: "job-retried"},
		{Path: job + "/discard", Right: admin.WriteOperations, Ask: c.askDiscardJob, Operation: "discardJob", Then: job, Notice: "job-discarded"},
		{Path: "/operations/streams", Right: admin.ReadOperations, Show: c.showStreams},
		{Path: stream, Right: admin.ReadOperations, Show: c.showStream},
		{Path: stream + "/pause", Right: admin.WriteOperations, Operation: "pauseStream", Then: stream, Notice: "stream-paused"},
		{Path: stream + "/enable", Right: admin.WriteOperations, Operation: "enableStream", Then: stream, Notice: "stream-enabled"},
		{Path: stream + "/disable", Right: admin.WriteOperations, Ask: c.askDisableStream, Operation: "disableStream", Then: stream, Notice: "stream-disabled"},
		{Path: stream + "/remove", Right: admin.WriteOperations, Ask: c.askRemoveStream, Operation: "removeStream", Then: "/operations/streams", Notice: "stream-removed"},
	}
}

func (c *Console) adminRules() []kit.Rule {
	const change = "/changes/{id}"
	return []kit.Rule{
		{Path: "/roles", Right: admin.ReadAdmin, Show: c.showRoles},
		{Path: "/roles/assign", Right: admin.WriteAdmin, Show: c.showAssign, Act: c.assign},
		{Path: "/roles/{role}/people/{id}/unassign", Right: admin.WriteAdmin, Ask: c.askUnassign, Operation: "unassignRole", Then: "/roles", Notice: "role-unassigned"},
		{Path: "/tokens", Right: admin.ReadAdmin, Show: c.showTokens},
		{Path: "/tokens/new", Right: admin.WriteAdmin, Show: c.showNewToken, Act: c.newToken},
		{Path: "/tokens/{id}/revoke", Right: admin.WriteAdmin, Ask: c.askRevokeToken, Operation: "revokeToken", Then: "/tokens", Notice: "token-revoked"},
		{Path: "/changes", Right: admin.ReadAdmin, Show: c.showChanges},
		{Path: change, Right: admin.ReadAdmin, Show: c.showChange},
		{Path: change + "/approve", Right: admin.ReadAdmin, Ask: c.askApprove, Operation: "approveChange", Then: change, Notice: "change-approved"},
		{Path: change + "/reject", Right: admin.ReadAdmin, Ask: c.askReject, Operation: "rejectChange", Then: change, Notice: "change-rejected"},
	}
}
