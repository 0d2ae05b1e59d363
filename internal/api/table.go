package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// yaml is the media type of manifests.
const yaml = "application/yaml"

func text(name, about string) parameter {
	return parameter{name, about, map[string]any{"type": "string"}}
}

func number(name, about string, most int) parameter {
	return parameter{name, about, map[string]any{"type": "integer", "minimum": 1, "maximum": most}}
}

func instant(name, about string) parameter {
	return parameter{name, about, map[string]any{"type": "string", "format": "date-time"}}
}

func truth(name, about string) parameter {
	return parameter{name, about, map[string]any{"type": "boolean"}}
}

// paging are the parameters of every list that comes in pages.
func paging() []parameter {
	return []parameter{text("after", "The next of the page before."), number("limit", "How many a page has, 100 unless told.", maxPage)}
}

// routes is the whole API.
func (a *API) routes() []route {
	var all []route
	for _, area := range [][]route{a.appRoutes(), a.peopleRoutes(), a.connectionRoutes(), a.keyRoutes(), a.adminRoutes()} {
		all = append(all, area...)
	}
	return all
}

func (a *API) appRoutes() []route {
	const one = "/apps/{name}"
	return []route{
		{method: "GET", path: "/apps", summary: "List the apps.", right: admin.ReadApps, answer: []catalog.App{}, do: a.apps},
		{method: "POST", path: "/apps:import", summary: "Apply a folder of manifests, or nothing of it.", right: admin.WriteApps, body: batch{}, answer: imported{}, do: a.applyBatch},
		{method: "GET", path: one, summary: "Show an app.", right: admin.ReadApps, answer: catalog.App{}, do: a.app},
		{method: "PUT", path: one, summary: "Add or update an app from its manifest.", right: admin.WriteApps, owned: true, media: yaml, answer: applied{}, do: a.apply},
		{method: "DELETE", path: one, summary: "Remove an app and everything derived from it.", right: admin.WriteApps, owned: true, answer: done{}, do: a.remove},
		{
			method: "POST", path: one + "/disable", summary: "Let nobody in.", right: admin.SwitchApps, owned: true, answer: applied{},
			do: a.switchApp((*catalog.Service).Disable),
		},
		{
			method: "POST", path: one + "/enable", summary: "Let people in again.", right: admin.SwitchApps, owned: true, answer: applied{},
			do: a.switchApp((*catalog.Service).Enable),
		},
		{method: "POST", path: one + "/secret", summary: "Make another client secret, shown once.", right: admin.WriteApps, owned: true, answer: applied{}, do: a.secret},
	}
}

func (a *API) peopleRoutes() []route {
	const one = "/people/{id}"
	return []route{
		{
			method: "GET", path: "/people", summary: "Search people, by name.", right: admin.ReadPeople, answer: people{}, do: a.listPeople,
			query: append(paging(), text("q", "In the name, user name or e-mail address."), truth("disabled", "Only people who are, or are not.")),
		},
		{method: "GET", path: one, summary: "Show a person.", right: admin.ReadPeople, answer: directory.Person{}, do: a.person},
		{method: "POST", path: one + "/disable", summary: "Sign the person out everywhere and let them in no more.", right: admin.WritePeople, answer: done{}, do: a.disablePerson},
		{method: "POST", path: one + "/enable", summary: "Let the person sign in again.", right: admin.WritePeople, answer: done{}, do: a.enablePerson},
		{method: "GET", path: one + "/sessions", summary: "List where the person is signed in.", right: admin.ReadSessions, answer: []session.Session{}, do: a.sessionsOf},
		{method: "DELETE", path: one + "/sessions", summary: "Sign the person out everywhere.", right: admin.EndSessions, answer: done{}, do: a.endSessionsOf},
		{method: "GET", path: one + "/grants", summary: "List what apps hold in the person's name.", right: admin.ReadSessions, answer: []access{}, do: a.grantsOf},
		{method: "DELETE", path: one + "/grants/{app}", summary: "Take from an app what it holds in the person's name.", right: admin.EndSessions, answer: done{}, do: a.withdrawGrant},
		{method: "POST", path: "/sessions/{id}/end", summary: "Sign one browser out.", right: admin.EndSessions, answer: done{}, do: a.endSession},
	}
}

func (a *API) connectionRoutes() []route {
	return []route{
		{method: "GET", path: "/connections", summary: "List the identity providers.", right: admin.ReadConnections, answer: []Connection{}, do: a.connections},
		{
			method: "POST", path: "/connections/{id}/disable", summary: "Sign out everybody who came over it and let nobody in over it.",
			right: admin.WriteConnections, answer: done{}, do: a.switchConnection(true),
		},
		{
			method: "POST", path: "/connections/{id}/enable", summary: "Let people sign in over it again.",
			right: admin.WriteConnections, answer: done{}, do: a.switchConnection(false),
		},
		{
			method: "GET", path: "/mappings", summary: "List the names of upstream groups.", right: admin.ReadGroups, answer: []directory.Mapping{},
			do: func(r *http.Request) (any, error) {
				all, err := a.o.Mappings(r.Context())
				return append([]directory.Mapping{}, all...), err
			},
		},
		{
			method: "PUT", path: "/mappings/{connection}/{group}", summary: "Give an upstream group the name that manifests use.",
			right: admin.WriteGroups, body: named{}, answer: directory.Mapping{}, do: a.mapGroup,
		},
		{
			method: "DELETE", path: "/mappings/{connection}/{group}", summary: "Take the name away: the group then grants nothing.",
			right: admin.WriteGroups, answer: done{}, do: a.unmapGroup,
		},
	}
}

func (a *API) keyRoutes() []route {
	return []route{
		{method: "GET", path: "/keys", summary: "List the signing keys.", right: admin.ReadKeys, answer: []keys.Info{}, do: a.keys},
		{
			method: "POST", path: "/keys/{algorithm}/rotate", summary: "Publish the next key, which signs once everybody can know it.",
			right: admin.WriteKeys, answer: []keys.Info{}, do: a.rotateKey,
		},
		{
			method: "POST", path: "/keys/{kid}/kill", summary: "In an emergency: take a key away at once, with every token that it signed.",
			right: admin.WriteKeys, answer: []keys.Info{}, do: a.killKey,
		},
	}
}

func (a *API) adminRoutes() []route {
	return []route{
		{
			method: "GET", path: "/audit", summary: "Search the audit log, newest first.", right: admin.ReadAudit, answer: entries{}, do: a.audit,
			query: append(paging(), text("type", "This type, or all that begin with it when it ends in a dot."), text("subject", "What it happened to: kind:id."),
				text("actor", "Who did it: kind:id."), instant("from", "From this time on."), instant("to", "Before this time.")),
		},
		{method: "GET", path: "/tokens", summary: "List the API tokens that are good.", right: admin.ReadAdmin, answer: []admin.Token{}, do: a.tokens},
		{method: "POST", path: "/tokens", summary: "Make an API token, shown once.", right: admin.WriteAdmin, body: admin.NewToken{}, answer: newToken{}, do: a.createToken},
		{method: "DELETE", path: "/tokens/{id}", summary: "Revoke an API token.", right: admin.WriteAdmin, answer: done{}, do: a.revokeToken},
		{method: "GET", path: "/roles", summary: "List who has which role, and by what.", right: admin.ReadAdmin, answer: []admin.Holder{}, do: a.holders},
		{method: "PUT", path: "/roles/{role}/people/{id}", summary: "Give a person a role.", right: admin.WriteAdmin, answer: done{}, do: a.assignRole},
		{method: "DELETE", path: "/roles/{role}/people/{id}", summary: "Take a role away that was given so.", right: admin.WriteAdmin, answer: done{}, do: a.unassignRole},
	}
}
