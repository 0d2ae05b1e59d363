package apps

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showApp(v *kit.Visit) (kit.Answer, error) {
	a, err := c.o.Apps.App(v.Context(), v.PathValue("name"))
	if err != nil {
		return nil, err
	}
	owner, err := c.o.Owners.Of(v.Context(), a.Name)
	if err != nil {
		return nil, err
	}
	facts, err := c.ownerFacts(v, owner)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Lead: ui.Plain(a.Manifest.Metadata.Description), Tags: []ui.Tag{names.AppTag(a)}, Facts: kit.Known(append(facts, c.appFacts(a)...)...), Offers: c.appOffers(v, a),
		Notices: append(missing(a), ownerless(owner)...),
	}
	d.Blocks, err = kit.Blocks(v, a, c.appUntold, c.appGroups, c.callersBlock, c.pendingBlock, c.appHolders, c.appAudit)
	return kit.View{Title: ui.Plain(a.Title()), Crumbs: v.Crumbs(ui.T("Apps"), "/apps"), Template: "detail", Data: d}, err
}

// appUntold lists what the app could not be told.
func (c *Console) appUntold(v *kit.Visit, a catalog.App) (kit.Block, error) {
	if a.ClientID() == "" {
		return kit.Block{}, nil
	}
	return c.Untold(v, url.Values{"client": {a.ClientID()}}, "/apps/{name}/deliveries/retry", a.Name)
}

func (c *Console) appAudit(v *kit.Visit, a catalog.App) (kit.Block, error) {
	return c.History(v, audit.Query{Subject: identity.App(a.ID).String()})
}

func (c *Console) appOffers(v *kit.Visit, a catalog.App) []kit.Offer {
	list := []kit.Offering{kit.OfApp(a, "/apps/{name}/manifest", ui.T("Change the manifest"), " refresh"), kit.OfApp(a, "/apps/{name}/owner", ui.T("Name an owner"), " people")}
	if o := a.Manifest.Spec.Identity.OIDC; o != nil && usesSecret(o) {
		list = append(list, kit.OfApp(a, "/apps/{name}/secret", ui.T("New client secret"), " key"))
	}
	list = append(list, kit.OfApp(a, "/apps/{name}/assignments", ui.T("Assigned roles"), " shield"), kit.OfApp(a, "/apps/{name}/explain", ui.T("Explain access"), " info"))
	if id := a.Manifest.Spec.Identity; id.OIDC != nil || id.Resource != nil {
		list = append(list, kit.OfApp(a, "/apps/{name}/exchanges", ui.T("Exchanged tokens"), " arrow"), names.RevokeWay(identity.KindApp, a.Name))
	}
	if a.Disabled {
		list = append(list, kit.OfApp(a, "/apps/{name}/enable", ui.T("Switch on"), "primary power"))
	} else {
		list = append(list, kit.OfApp(a, "/apps/{name}/disable", ui.T("Switch off"), "danger power"))
	}
	return v.Offers(append(list, kit.OfApp(a, "/apps/{name}/remove", ui.T("Remove"), "danger trash"))...)
}

// usesSecret reports whether the client proves itself by a secret.
func usesSecret(o *catalog.OIDC) bool {
	return o.TokenEndpointAuthMethod == "client_secret_basic" || o.TokenEndpointAuthMethod == "client_secret_post"
}

// missing says what keeps people out of an app.
func missing(a catalog.App) []ui.Notice {
	said := map[string]ui.Text{
		"owner":  ui.T("It has no owner: its manifest has to name a team."),
		"groups": ui.T("No group may use it: its manifest has to name one."),
		"keys":   ui.T("Its client has no keys: its manifest has to bring them."),
	}
	var all []ui.Notice
	for _, m := range a.Manifest.Missing() {
		text, ok := said[m]
		if !ok {
			text = ui.T("Its manifest lacks %s.", m)
		}
		all = append(all, ui.Notice{Text: text, Tone: ui.Warn})
	}
	return all
}

func (c *Console) appFacts(a catalog.App) []kit.Fact {
	m := a.Manifest
	facts := []kit.Fact{kit.Is(ui.T("Version"), m.Spec.Version)}
	for _, kind := range []string{"chat", "email", "pager"} {
		facts = append(facts, kit.Is(ui.T("Contact (%s)", kind), m.Spec.Owner.Contacts[kind]))
	}
	if o := m.Spec.Identity.OIDC; o != nil {
		facts = append(facts,
			kit.Code(ui.T("Client"), o.ClientID), kit.Is(ui.T("Authentication"), o.TokenEndpointAuthMethod), kit.Each(ui.T("Grant types"), o.GrantTypes, false),
			kit.Each(ui.T("Redirect URIs"), o.RedirectURIs, true), kit.Each(ui.T("After sign-out"), o.PostLogoutRedirectURIs, true),
			scopesFact(o.Scopes), kit.Code(ui.T("Back-channel logout"), o.BackchannelLogoutURI), kit.Code(ui.T("Opens at"), o.LaunchURI), kit.Code(ui.T("Keys at"), o.JWKSURI),
			kit.Is(ui.T("Signing algorithm"), cmp.Or(o.SigningAlg, "ES256")),
		)
	}
	if s := m.Spec.Identity.SAML; s != nil {
		facts = append(facts, c.samlFacts(s)...)
	}
	for i, s := range a.Secrets {
		label := ui.T("Client secret made")
		if i > 0 {
			label = ui.T("The one before, still good")
		}
		facts = append(facts, kit.When(label, s.Created))
	}
	if r := m.Spec.Identity.Resource; r != nil {
		facts = append(facts, kit.Code(ui.T("Serves the API"), r.Audience), kit.Each(ui.T("Scopes of the API"), r.Scopes, true))
	}
	facts = append(facts, exchangeFacts(a)...)
	return kit.Known(append(facts, kit.Code(ui.T("Digest"), a.Digest), kit.When(ui.T("Added"), a.Created), kit.When(ui.T("Changed"), a.Updated))...)
}

// scopesFact lists what a client may ask for, and why.
func scopesFact(scopes []catalog.Scope) kit.Fact {
	f := kit.Fact{Label: ui.T("May ask for")}
	for _, s := range scopes {
		f.Values = append(f.Values, kit.Cell{Text: s.Name, Code: true, Also: s.Justification})
	}
	return f
}

// appGroups says which of the groups that an app names are mapped, and from what.
func (c *Console) appGroups(v *kit.Visit, a catalog.App) (kit.Block, error) {
	b := kit.Block{
		ID: "groups", Title: ui.T("Who may use it"), Note: ui.T("A name that no upstream group is mapped to lets nobody in."),
		Heads: []ui.Text{ui.T("Role"), ui.T("Group"), ui.T("Mapped from"), ui.T("State")}, Empty: ui.T("The manifest names no group: nobody gets in."),
	}
	mappings, err := c.o.Mappings(v.Context())
	if err != nil {
		return b, err
	}
	from := map[string][]identity.GroupRef{}
	for _, m := range mappings {
		from[m.Name] = append(from[m.Name], m.Group)
	}
	for _, e := range a.Manifest.Spec.Entitlements {
		for _, g := range e.Groups {
			state, source := ui.Tag{Text: ui.T("Resolved"), Tone: ui.Good}, kit.Cell{}
			switch upstream := from[g]; len(upstream) {
			case 0:
				state = ui.Tag{Text: ui.T("Unresolved"), Tone: ui.Warn}
			case 1:
				source = kit.Cell{Text: upstream[0].ID, Also: upstream[0].Connection, Code: true, Href: c.GroupPath(upstream[0])}
			default:
				source = kit.Cell{Say: ui.N(len(upstream), "%d group", "%d groups"), Href: c.Path("/groups?q=" + url.QueryEscape(g))}
			}
			b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: e.Name, Also: e.Description}, {Text: g}, source, {Tags: []ui.Tag{state}}}})
		}
	}
	return b, nil
}

// appHolders lists some of the people in whose name the app holds access.
func (c *Console) appHolders(v *kit.Visit, a catalog.App) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "access", Title: ui.T("What it holds"), Note: ui.T("People in whose name the app can get tokens."),
		Heads: []ui.Text{ui.T("Person"), ui.T("May use"), ui.T("Since"), ui.T("Last used")}, Empty: ui.T("It holds nothing of anybody."),
		More: &ui.Link{Text: ui.T("Sessions with this app"), Href: c.Path("/sessions?app=" + url.QueryEscape(a.ID))},
	}
	page, _, err := c.o.Grants.SearchAccess(v.Context(), grant.Query{App: a.ID, Limit: kit.Few}, c.Now())
	if err != nil {
		return b, err
	}
	for _, held := range page {
		b.Rows = append(b.Rows, kit.Row{
			Cells: []kit.Cell{
				{Text: cmp.Or(held.Name, held.Person), Href: c.PersonPath(held.Person)},
				{Text: kit.Joined(held.Scopes), Tags: names.OfflineTags(held.Access)},
				{Time: held.Since},
				names.UsedCell(held.Access),
			},
			Offers: v.Offers(kit.Way("/people/{id}/grants/{app}/withdraw", ui.T("Withdraw"), "danger", held.Person, a.ID)),
		})
	}
	return b, nil
}

// joinedNonEmpty joins what is there.
func joinedNonEmpty(texts ...string) string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return strings.Join(some, ", ")
}
