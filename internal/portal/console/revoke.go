package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) revokeRules() []rule {
	return []rule{
		{path: "/revoke", right: admin.EndSessions, show: c.showRevoke},
		{path: "/revoke/{kind}/{id}", right: admin.EndSessions, ask: c.askRevoke, act: c.revoke},
		{path: "/revocations/{id}", right: admin.ReadSessions, show: c.showRevocation},
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
func (c *Console) showRevoke(v *visit) (answer, error) {
	kind, id := v.query.Get("kind"), strings.TrimSpace(v.query.Get("id"))
	if id != "" && slices.Contains(grant.Revocable(), identity.Kind(kind)) {
		if kind == string(identity.KindPerson) {
			var err error
			if id, err = c.personLike(v.r.Context(), id); err != nil {
				return nil, err
			}
		}
		return redirect{to: fill("/revoke/{kind}/{id}", kind, id)}, nil
	}
	data := revokeView{Action: c.path("/revoke"), Back: c.path("/exchanges")}
	for _, k := range grant.Revocable() {
		data.Kinds = append(data.Kinds, ui.Option{Value: string(k), Text: kindText(k)})
	}
	return view{title: ui.T("Revoke tokens"), crumbs: v.crumbs(ui.T("Exchanged tokens"), "/exchanges"), template: "revoke", data: data}, nil
}

// revokeHits is what an operation would hit, as the API answers it.
type revokeHits struct {
	People, Sessions, Grants, Exchanged int64
	Names, Apps                         []string
}

func (c *Console) askRevoke(v *visit) (confirmation, error) {
	_, body, err := v.call("previewRevoke", nil)
	if err != nil {
		return confirmation{}, err
	}
	var p revokeHits
	if err := readAnswer(body, &p); err != nil {
		return confirmation{}, err
	}
	kind, id := identity.Kind(v.r.PathValue("kind")), v.r.PathValue("id")
	apps := make([]cell, len(p.Apps))
	for i, name := range p.Apps {
		apps[i] = cell{Text: name, Href: c.path(fill("/apps/{name}", name))}
	}
	people := hit{Label: ui.T("People"), Count: p.People}
	for _, name := range p.Names {
		people.Names = append(people.Names, cell{Text: name})
	}
	people.Count = max(people.Count, int64(len(people.Names)))
	return confirmation{
		title: ui.T("Revoke every token of this?"), button: ui.T("Revoke"), back: "/revoke", state: string(kind) + ":" + id, reason: true, lead: revokeLead(kind),
		hits: []hit{
			hitting(kindText(kind), c.revoked(v, kind, id)), people,
			{Label: ui.T("Sessions that end"), Count: p.Sessions},
			{Label: ui.T("Grants that end, with their refresh tokens"), Count: p.Grants},
			{Label: ui.T("Exchanged tokens that stop"), Count: p.Exchanged},
			naming(ui.T("Apps"), apps),
		},
	}, nil
}

// revoked names what is revoked.
func (c *Console) revoked(v *visit, kind identity.Kind, id string) cell {
	switch kind {
	case identity.KindApp:
		return cell{Text: id, Href: c.path(fill("/apps/{name}", id))}
	case identity.KindInstall, identity.KindGrant, identity.KindClient:
		return cell{Text: id, Code: true}
	default:
	}
	return v.refs().cell(identity.Ref{Kind: kind, ID: id})
}

// revokeLead says what comes of it.
func revokeLead(kind identity.Kind) ui.Text {
	switch kind {
	case identity.KindPerson, identity.KindConnection:
		return ui.T("Every session and token ends at once, everywhere, also offline access. Nobody is switched off: who may sign in can do so again.")
	case identity.KindSession:
		return ui.T("The session ends at once, with its tokens and all that was exchanged for them. Offline access goes on.")
	case identity.KindApp, identity.KindClient:
		return ui.T("Every token that the app got ends at once, and all that was exchanged for them. The app is not switched off: it gets new tokens when people come back.")
	case identity.KindGrant:
		return ui.T("Every token of the grant ends at once, and all that was exchanged for them.")
	default:
	}
	return ui.T("What the app holds of the person ends at once, and all that was exchanged for it. The person may still use the app.")
}

// revoke does it, and leads to how far its consequences are.
func (c *Console) revoke(v *visit) (answer, error) {
	status, body, err := v.call("revoke", map[string]string{"reason": v.form.Get("reason")})
	if err != nil {
		return nil, err
	}
	if status == http.StatusAccepted {
		return v.onward(status, "/exchanges", ""), nil
	}
	var made struct{ ID string }
	if err := readAnswer(body, &made); err != nil {
		return nil, err
	}
	return redirect{to: fill("/revocations/{id}", made.ID), notice: "revoked"}, nil
}

func (c *Console) showRevocation(v *visit) (answer, error) {
	_, body, err := v.call("getRevocation", nil)
	if err != nil {
		return nil, err
	}
	var r struct {
		ID, Reason string
		Subject    identity.Ref
		By         identity.Actor
		Time       time.Time
		Progress   grant.Progress
	}
	if err := readAnswer(body, &r); err != nil {
		return nil, err
	}
	names := v.refs()
	d := detail{
		Lead: ui.T("What carries it is refused since then, everywhere. The apps of ended sessions are told one by one."),
		Facts: []fact{
			{kindText(r.Subject.Kind), []cell{names.cell(r.Subject)}},
			is(ui.T("Why"), cmp.Or(r.Reason, "–")),
			{ui.T("Actor"), []cell{names.cell(r.By.Ref)}},
			{ui.T("When"), []cell{{Time: r.Time}}},
			{ui.T("Sessions that ended"), []cell{count(int64(r.Progress.Sessions))}},
			{ui.T("Apps that were told"), []cell{count(int64(r.Progress.Told))}},
			{ui.T("Apps that have yet to be told"), []cell{count(int64(r.Progress.Waiting))}},
			{ui.T("Apps that could not be told"), []cell{count(int64(r.Progress.Failed))}},
		},
	}
	if !r.Progress.Done() {
		d.Notices = append(d.Notices, ui.Notice{Text: ui.T("Apps are still being told. Look again in a moment."), Tone: ui.Warn})
	}
	if v.who.May(admin.ReadAudit) {
		d.Offers = []offer{{Text: ui.T("Entry in the audit log"), Href: c.entryPath(r.ID), Icon: "audit"}}
	}
	return view{title: ui.T("A revocation"), crumbs: v.crumbs(ui.T("Exchanged tokens"), "/exchanges"), template: "detail", data: d}, nil
}

// revokeWay offers to revoke every token of a thing.
func revokeWay(kind identity.Kind, id string) offering {
	return way("/revoke/{kind}/{id}", ui.T("Revoke tokens"), " out", string(kind), id)
}
