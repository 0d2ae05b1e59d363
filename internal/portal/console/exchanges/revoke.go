package exchanges

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) revokeRules() []kit.Rule {
	return []kit.Rule{
		{Path: "/revoke", Right: admin.EndSessions, Show: c.showRevoke},
		{Path: "/revoke/{kind}/{id}", Right: admin.EndSessions, Ask: c.askRevoke, Act: c.revoke},
		{Path: "/revocations/{id}", Right: admin.ReadSessions, Show: c.showRevocation},
		{Path: "/revocations/{id}/retry", Right: admin.WriteOperations, Operation: "retryRevocation", Then: "/revocations/{id}", Notice: "revocation-retried"},
		{Path: "/people/{id}/revocations", Right: admin.ReadSessions, Show: c.showRevocations},
	}
}

// kindText is what a kind of thing is called.
func kindText(kind identity.Kind) ui.Text {
	switch kind {
	case identity.KindPerson:
		return ui.T("Person")
	case identity.KindConnection:
		return ui.T("Connection")
	case identity.KindApp:
		return ui.T("App")
	case identity.KindClient:
		return ui.T("Client")
	case identity.KindSession:
		return ui.T("Session")
	case identity.KindGrant:
		return ui.T("Grant")
	case identity.KindInstall:
		return ui.T("A person at an app")
	default:
	}
	return ui.Plain(string(kind))
}

// revokeView is what the template that asks what to revoke gets.
type revokeView struct {
	Action, Back string
	Kinds        []ui.Option
}

// showRevoke asks what is to be revoked, and leads to the question.
func (c *Console) showRevoke(v *kit.Visit) (kit.Answer, error) {
	kind, id := v.Query.Get("kind"), strings.TrimSpace(v.Query.Get("id"))
	if id != "" && slices.Contains(grant.Revocable(), identity.Kind(kind)) {
		if kind == string(identity.KindPerson) {
			var err error
			if id, err = c.PersonLike(v.Context(), id); err != nil {
				return nil, err
			}
		}
		return kit.Redirect{To: kit.Fill("/revoke/{kind}/{id}", kind, id)}, nil
	}
	data := revokeView{Action: c.Path("/revoke"), Back: c.Path("/exchanges")}
	for _, k := range grant.Revocable() {
		data.Kinds = append(data.Kinds, ui.Option{Value: string(k), Text: kindText(k)})
	}
	return kit.View{Title: ui.T("Revoke tokens"), Crumbs: v.Crumbs(ui.T("Exchanged tokens"), "/exchanges"), Template: "revoke", Data: data}, nil
}

// revokeHits is what an operation would hit, as the API answers it.
type revokeHits struct {
	People, Sessions, Grants, Exchanged int64
	Names, Apps                         []string
}

func (c *Console) askRevoke(v *kit.Visit) (kit.Confirmation, error) {
	_, body, err := v.Call("previewRevoke", nil)
	if err != nil {
		return kit.Confirmation{}, err
	}
	var p revokeHits
	if err := kit.Read(body, &p); err != nil {
		return kit.Confirmation{}, err
	}
	kind, id := identity.Kind(v.PathValue("kind")), v.PathValue("id")
	apps := make([]kit.Cell, len(p.Apps))
	for i, name := range p.Apps {
		apps[i] = kit.Cell{Text: name, Href: c.Path(kit.Fill("/apps/{name}", name))}
	}
	people := kit.Hit{Label: ui.T("People"), Count: p.People}
	for _, name := range p.Names {
		people.Names = append(people.Names, kit.Cell{Text: name})
	}
	people.Count = max(people.Count, int64(len(people.Names)))
	revoked := c.revoked(v, kind, id)
	return kit.Confirmation{
		Title: ui.T("Revoke every token of %s?", revoked.Text), Button: ui.T("Revoke"), Back: "/revoke", State: string(kind) + ":" + id, Reason: true, Lead: revokeLead(kind),
		Hits: []kit.Hit{
			kit.Hitting(kindText(kind), revoked), people,
			{Label: ui.T("Sessions that end"), Count: p.Sessions},
			{Label: ui.T("Grants that end, with their refresh tokens"), Count: p.Grants},
			{Label: ui.T("Exchanged tokens that stop"), Count: p.Exchanged},
			kit.Naming(ui.T("Apps"), apps),
		},
	}, nil
}

// revoked names what is revoked.
func (c *Console) revoked(v *kit.Visit, kind identity.Kind, id string) kit.Cell {
	switch kind {
	case identity.KindApp:
		return kit.Cell{Text: id, Href: c.Path(kit.Fill("/apps/{name}", id))}
	case identity.KindInstall, identity.KindGrant, identity.KindClient:
		return kit.Cell{Text: id, Code: true}
	default:
	}
	return c.Refs(v).Cell(identity.Ref{Kind: kind, ID: id})
}

// revokeLead says what comes of it.
func revokeLead(kind identity.Kind) ui.Text {
	switch kind {
	case identity.KindPerson, identity.KindConnection:
		return ui.T("Every session and token ends at once, everywhere, also offline access. Nobody is switched off: who may sign in can do so again.")
	case identity.KindSession:
		return ui.T("The session ends at once, with its tokens and all that was exchanged for them. Offline access goes on.")
	case identity.KindApp, identity.KindClient:
		return ui.T("Every token that the app got ends at once, and all that was exchanged for them. The app is not switched off: it gets new tokens when people come back, and by client credentials at once. What other apps hold for its API goes on.")
	case identity.KindGrant:
		return ui.T("Every token of the grant ends at once, and all that was exchanged for them.")
	default:
	}
	return ui.T("What the app holds of the person ends at once, and all that was exchanged for it. The person may still use the app.")
}

// revoke does it, and leads to how far its consequences are.
func (c *Console) revoke(v *kit.Visit) (kit.Answer, error) {
	status, body, err := v.Call("revoke", map[string]string{"reason": v.Form.Get("reason")})
	if err != nil {
		return nil, err
	}
	if status == http.StatusAccepted {
		return v.Onward(status, "/exchanges", ""), nil
	}
	var made struct{ ID string }
	if err := kit.Read(body, &made); err != nil {
		return nil, err
	}
	return kit.Redirect{To: kit.Fill("/revocations/{id}", made.ID), Notice: "revoked"}, nil
}
