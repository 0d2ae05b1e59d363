package people

import (
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showPerson(v *kit.Visit) (kit.Answer, error) {
	p, err := c.o.Directory.Person(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{names.PersonTag(p)},
		Facts: kit.Known(
			kit.Is(ui.T("User name"), p.Profile.Username), emailOf(p), kit.Is(ui.T("Department"), p.Profile.Department),
			kit.Code(ui.T("Subject at apps"), p.ID), kit.When(ui.T("First sign-in"), p.Created), kit.When(ui.T("Changed"), p.Updated),
		),
		Offers: c.personOffers(v, p),
	}
	d.Blocks, err = kit.Blocks(v, p, c.identitiesBlock, c.o.Pushed, c.groupsBlock, c.o.Entitled, c.o.Assigned, c.o.Roles.PersonBlock, c.sessionsBlock, c.grantsBlock, c.o.Exchanges, c.o.Revocations, c.personAudit)
	return kit.View{Title: ui.Plain(kit.NameOf(p)), Crumbs: v.Crumbs(ui.T("People"), "/people"), Template: "detail", Data: d}, err
}

func (c *Console) personOffers(v *kit.Visit, p directory.Person) []kit.Offer {
	if p.Disabled {
		return v.Offers(kit.Way("/people/{id}/enable", ui.T("Enable"), "primary power", p.ID))
	}
	return v.Offers(
		names.RevokeWay(identity.KindPerson, p.ID),
		kit.Way("/people/{id}/sign-out", ui.T("Sign out everywhere"), " out", p.ID),
		kit.Way("/people/{id}/disable", ui.T("Disable"), "danger power", p.ID),
	)
}

func emailOf(p directory.Person) kit.Fact {
	f := kit.Is(ui.T("E-mail"), p.Profile.Email)
	if p.Profile.EmailVerified {
		f.Values[0].Tags = []ui.Tag{{Text: ui.T("Verified"), Tone: ui.Good}}
	}
	return f
}

func (c *Console) identitiesBlock(_ *kit.Visit, p directory.Person) (kit.Block, error) {
	b := kit.Block{
		ID: "identities", Title: ui.T("Identities"), Note: ui.T("The upstream accounts that are this person. An e-mail address never is one."),
		Heads: []ui.Text{ui.T("Connection"), ui.T("Subject"), ui.T("Last sign-in")}, Empty: ui.T("None."),
	}
	for _, i := range p.Identities {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{
			{Text: i.Connection, Href: c.ConnectionPath(i.Connection)}, {Text: i.Subject, Code: true}, {Time: i.LastSignIn},
		}})
	}
	return b, nil
}

func (c *Console) groupsBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	b := kit.Block{
		ID: "groups", Title: ui.T("Groups"), Note: ui.T("What the identity provider told. Only a mapped group that still holds grants anything."),
		Heads: []ui.Text{ui.T("Upstream group"), ui.T("Mapped to"), ui.T("State"), ui.T("Holds until")}, Empty: ui.T("No group was told."),
	}
	names, err := c.Mapped(v.Context())
	if err != nil {
		return b, err
	}
	now := c.Now()
	for _, m := range p.Groups {
		state := ui.Tag{Text: ui.T("Holds"), Tone: ui.Good}
		switch {
		case names[m.Group] == "":
			state = ui.Tag{Text: ui.T("Not mapped"), Tone: ui.Warn}
		case !m.Holds(now):
			state = ui.Tag{Text: ui.T("Over"), Tone: ui.Warn}
		}
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{
			{Text: m.Group.ID, Also: m.Group.Connection, Code: true, Href: c.GroupPath(m.Group)}, {Text: names[m.Group]}, {Tags: []ui.Tag{state}}, {Time: m.ValidUntil},
		}})
	}
	return b, nil
}

func (c *Console) sessionsBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	page, next, err := c.o.Sessions.Search(v.Context(), session.Query{Person: p.ID, Limit: kit.Few})
	if err != nil {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "sessions", Title: ui.T("Sessions"), Heads: []ui.Text{ui.T("Browser"), ui.T("Address"), ui.T("Began"), ui.T("Last used")},
		Empty: ui.T("Not signed in anywhere."),
	}
	for _, s := range page {
		b.Rows = append(b.Rows, kit.Row{
			Cells:  []kit.Cell{{Text: names.Browser(s.Session), Href: c.SessionPath(s.ID)}, {Text: s.Address}, {Time: s.Created}, {Time: s.LastSeen}},
			Offers: v.Offers(kit.Way("/sessions/{id}/end", ui.T("End"), "danger", s.ID)),
		})
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All sessions"), Href: c.Path("/sessions?person=" + url.QueryEscape(p.ID))}
	}
	return b, nil
}

func (c *Console) grantsBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	held, err := grant.AccessOf(v.Context(), c.o.Grants, p.ID, c.Now())
	if err != nil {
		return kit.Block{}, err
	}
	titles, err := c.AppTitles(v.Context())
	if err != nil {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "grants", Title: ui.T("Apps with access"), Note: ui.T("What apps hold in this person's name: refresh tokens and consent."),
		Heads: []ui.Text{ui.T("App"), ui.T("May use"), ui.T("Since"), ui.T("Last used")}, Empty: ui.T("No app holds access."),
	}
	for _, a := range held {
		b.Rows = append(b.Rows, kit.Row{
			Cells:  []kit.Cell{titles.Cell(a.App), {Text: kit.Joined(a.Scopes), Tags: names.OfflineTags(a)}, {Time: a.Since}, names.UsedCell(a)},
			Offers: v.Offers(kit.Way("/people/{id}/grants/{app}/withdraw", ui.T("Withdraw"), "danger", p.ID, a.App)),
		})
	}
	return b, nil
}

func (c *Console) personAudit(v *kit.Visit, p directory.Person) (kit.Block, error) {
	return c.History(v, audit.Query{Subject: identity.Person(p.ID).String()})
}
