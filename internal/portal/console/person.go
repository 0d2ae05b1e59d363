package console

import (
	"context"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// few is how many rows a page of one thing shows of a long list.
const few = 10

func (c *Console) showPerson(v *visit) (answer, error) {
	p, err := c.o.Directory.Person(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{personTag(p)},
		Facts: known(
			is(ui.T("User name"), p.Profile.Username), emailOf(p), is(ui.T("Department"), p.Profile.Department),
			code(ui.T("Subject at apps"), p.ID), fact{ui.T("First sign-in"), []cell{{Time: p.Created}}}, fact{ui.T("Changed"), []cell{{Time: p.Updated}}},
		),
		Offers: c.personOffers(v, p),
	}
	for _, make := range []func(*visit, directory.Person) (block, error){c.identitiesBlock, c.groupsBlock, c.rolesBlock, c.sessionsBlock, c.grantsBlock, c.exchangesBlock, c.personAudit} {
		b, err := make(v, p)
		if err != nil {
			return nil, err
		}
		if !b.Title.Empty() {
			d.Blocks = append(d.Blocks, b)
		}
	}
	return view{title: ui.Plain(nameOf(p)), crumbs: v.crumbs(ui.T("People"), "/people"), template: "detail", data: d}, nil
}

func (c *Console) personOffers(v *visit, p directory.Person) []offer {
	if p.Disabled {
		return v.offers(way("/people/{id}/enable", ui.T("Enable"), "primary power", p.ID))
	}
	return v.offers(
		revokeWay(identity.KindPerson, p.ID),
		way("/people/{id}/sign-out", ui.T("Sign out everywhere"), " out", p.ID),
		way("/people/{id}/disable", ui.T("Disable"), "danger power", p.ID),
	)
}

func emailOf(p directory.Person) fact {
	f := is(ui.T("E-mail"), p.Profile.Email)
	if p.Profile.EmailVerified {
		f.Values[0].Tags = []ui.Tag{{Text: ui.T("Verified"), Tone: ui.Good}}
	}
	return f
}

func (c *Console) identitiesBlock(_ *visit, p directory.Person) (block, error) {
	b := block{
		ID: "identities", Title: ui.T("Identities"), Note: ui.T("The upstream accounts that are this person. An e-mail address never is one."),
		Heads: []ui.Text{ui.T("Connection"), ui.T("Subject"), ui.T("Last sign-in")}, Empty: ui.T("None."),
	}
	for _, i := range p.Identities {
		b.Rows = append(b.Rows, row{Cells: []cell{
			{Text: i.Connection, Href: c.connectionPath(i.Connection)}, {Text: i.Subject, Code: true}, {Time: i.LastSignIn},
		}})
	}
	return b, nil
}

func (c *Console) groupsBlock(v *visit, p directory.Person) (block, error) {
	b := block{
		ID: "groups", Title: ui.T("Groups"), Note: ui.T("What the identity provider told. Only a mapped group that still holds grants anything."),
		Heads: []ui.Text{ui.T("Upstream group"), ui.T("Mapped to"), ui.T("State"), ui.T("Holds until")}, Empty: ui.T("No group was told."),
	}
	names, err := c.mapped(v.r.Context())
	if err != nil {
		return b, err
	}
	now := c.o.Now()
	for _, m := range p.Groups {
		state := ui.Tag{Text: ui.T("Holds"), Tone: ui.Good}
		switch {
		case names[m.Group] == "":
			state = ui.Tag{Text: ui.T("Not mapped"), Tone: ui.Warn}
		case !m.Holds(now):
			state = ui.Tag{Text: ui.T("Over"), Tone: ui.Warn}
		}
		b.Rows = append(b.Rows, row{Cells: []cell{
			{Text: m.Group.ID, Also: m.Group.Connection, Code: true, Href: c.groupPath(m.Group)}, {Text: names[m.Group]}, {Tags: []ui.Tag{state}}, {Time: m.ValidUntil},
		}})
	}
	return b, nil
}

// mapped returns the names of the upstream groups that have one.
func (c *Console) mapped(ctx context.Context) (map[identity.GroupRef]string, error) {
	all, err := c.o.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[identity.GroupRef]string, len(all))
	for _, m := range all {
		names[m.Group] = m.Name
	}
	return names, nil
}

func (c *Console) sessionsBlock(v *visit, p directory.Person) (block, error) {
	if !v.who.May(admin.ReadSessions) {
		return block{}, nil
	}
	page, next, err := c.o.Sessions.Search(v.r.Context(), session.Query{Person: p.ID, Limit: few})
	if err != nil {
		return block{}, err
	}
	b := block{
		ID: "sessions", Title: ui.T("Sessions"), Heads: []ui.Text{ui.T("Browser"), ui.T("Address"), ui.T("Began"), ui.T("Last used")},
		Empty: ui.T("Not signed in anywhere."),
	}
	for _, s := range page {
		b.Rows = append(b.Rows, row{
			Cells:  []cell{{Text: browserOf(s.Session), Href: c.sessionPath(s.ID)}, {Text: s.Address}, {Time: s.Created}, {Time: s.LastSeen}},
			Offers: v.offers(way("/sessions/{id}/end", ui.T("End"), "danger", s.ID)),
		})
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All sessions"), Href: c.path("/sessions?person=" + url.QueryEscape(p.ID))}
	}
	return b, nil
}

func (c *Console) grantsBlock(v *visit, p directory.Person) (block, error) {
	if !v.who.May(admin.ReadSessions) {
		return block{}, nil
	}
	held, err := grant.AccessOf(v.r.Context(), c.o.Grants, p.ID, c.o.Now())
	if err != nil {
		return block{}, err
	}
	titles, err := c.appTitles(v.r.Context())
	if err != nil {
		return block{}, err
	}
	b := block{
		ID: "grants", Title: ui.T("Apps with access"), Note: ui.T("What apps hold in this person's name: refresh tokens and consent."),
		Heads: []ui.Text{ui.T("App"), ui.T("May use"), ui.T("Since"), ui.T("Last used")}, Empty: ui.T("No app holds access."),
	}
	for _, a := range held {
		b.Rows = append(b.Rows, row{
			Cells:  []cell{titles.cell(a.App), {Text: joined(a.Scopes), Tags: offlineTag(a)}, {Time: a.Since}, usedCell(a)},
			Offers: v.offers(way("/people/{id}/grants/{app}/withdraw", ui.T("Withdraw"), "danger", p.ID, a.App)),
		})
	}
	return b, nil
}

func (c *Console) personAudit(v *visit, p directory.Person) (block, error) {
	return c.auditBlock(v, audit.Query{Subject: identity.Person(p.ID).String()})
}
