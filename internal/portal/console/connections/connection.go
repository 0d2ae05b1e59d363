package connections

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showConnection(v *kit.Visit) (kit.Answer, error) {
	one, err := c.connection(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	pushed, notices, err := c.o.Pushed(v, one.Connection)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{connectionTag(one)}, Notices: notices,
		Facts: kit.Known(append([]kit.Fact{
			kit.Code(ui.T("Id"), one.ID), kit.Is(ui.T("Protocol"), one.Settings.Type), kit.Code(ui.T("Issuer"), one.Settings.Issuer), kit.Each(ui.T("Domains"), one.Settings.Domains, false),
			kit.Says(ui.T("Stands in"), kit.Cell{Say: sourceText(one)}),
			kit.Says(ui.T("People"), kit.Cell{Say: ui.T("Who came over it"), Href: c.Path("/people?connection=" + url.QueryEscape(one.ID))}),
			kit.Says(ui.T("Groups"), kit.Cell{Say: ui.T("What it told of"), Href: c.Path("/groups?connection=" + url.QueryEscape(one.ID))}), pushed,
		}, append(c.toldFacts(one), settingFacts(one, c.o.CertificatesEnd(one.ID))...)...)...),
		Offers: c.connectionOffers(v, one),
	}
	d.Blocks, err = kit.Blocks(v, one, c.tracesBlock, c.connectionSessions, c.reasonsBlock, c.failuresBlock)
	return kit.View{Title: ui.Plain(one.Name), Crumbs: v.Crumbs(ui.T("Connections"), "/connections"), Template: "detail", Data: d}, err
}

func (c *Console) connectionOffers(v *kit.Visit, one Connection) []kit.Offer {
	var all []kit.Offering
	if one.Settings.Type != pushingAlone {
		all = append(all, kit.Way("/connections/{id}/test", ui.T("Test the connection"), " shield", one.ID))
	}
	if one.Source == connection.Stored {
		all = append(all, kit.Way("/connections/{id}/change", ui.T("Change"), " refresh", one.ID))
	}
	if one.Enabled {
		all = append(all, names.RevokeWay(identity.KindConnection, one.ID), kit.Way("/connections/{id}/disable", ui.T("Disable"), "danger power", one.ID))
	} else {
		all = append(all, kit.Way("/connections/{id}/enable", ui.T("Enable"), "primary power", one.ID))
	}
	if one.Source == connection.Stored {
		all = append(all, kit.Way("/connections/{id}/remove", ui.T("Remove"), "danger trash", one.ID))
	}
	return v.Offers(all...)
}

// settingFacts are what is decided about a connection, as far as it is.
func settingFacts(one Connection, ends time.Time) []kit.Fact {
	s := one.Settings
	facts := []kit.Fact{
		kit.Code(ui.T("Client id"), s.ClientID), kit.Code(ui.T("Scopes"), strings.Join(s.Scopes, " ")), kit.Code(ui.T("Algorithms of ID tokens"), strings.Join(s.Algorithms, " ")), kit.Each(ui.T("Tenants"), s.AllowedTenants, true),
	}
	if one.HasSecret {
		facts = append(facts, kit.Says(ui.T("Client secret"), kit.Cell{Say: ui.T("Kept encrypted")}))
	}
	if m := s.SAML; m != nil {
		facts = append(facts, kit.Code(ui.T("Our entity id there"), m.EntityID), kit.Code(ui.T("Address of its metadata"), m.MetadataURL), kit.Is(ui.T("What must be signed"), m.Signed),
			kit.Is(ui.T("How requests are sent"), m.Binding), kit.When(ui.T("Its certificates run out"), ends), kit.Code(ui.T("Format of names"), m.NameIDFormat), kit.Code(ui.T("Attribute that people are known by"), m.Subject))
	}
	rules := kit.Fact{Label: ui.T("Claim rules")}
	for _, field := range slices.Sorted(maps.Keys(s.Claims)) {
		rules.Values = append(rules.Values, kit.Cell{Text: field + " = " + s.Claims[field], Code: true})
	}
	facts = append(append(facts, rules), subjectFacts(s)...)
	return append(facts, kit.When(ui.T("Added"), one.Created), kit.When(ui.T("Changed"), one.Updated))
}

// pushingAlone is the type of a connection that nobody signs in over.
const pushingAlone = "scim"

// toldFacts are what the provider has to be told of us.
func (c *Console) toldFacts(one Connection) []kit.Fact {
	if one.Settings.Type == pushingAlone {
		return nil
	}
	if one.Settings.SAML != nil {
		base := c.o.Issuer + "/login/saml/" + one.ID
		return []kit.Fact{kit.Code(ui.T("Our metadata"), base+"/metadata"), kit.Code(ui.T("Assertion consumer service"), base+"/acs")}
	}
	return []kit.Fact{kit.Code(ui.T("Redirect URI"), c.o.Issuer+"/login/callback/"+one.ID)}
}

func sourceText(one Connection) ui.Text {
	if one.Source == connection.Configured {
		return ui.T("The configuration: only there it is changed")
	}
	return ui.T("Added here")
}

func (c *Console) askRemoveConnection(v *kit.Visit) (kit.Confirmation, error) {
	q, err := c.askDisableConnection(v)
	if err != nil {
		return q, err
	}
	one, err := c.connection(v.Context(), v.PathValue("id"))
	if err == nil && one.Source == connection.Configured {
		err = connection.ErrConfigured
	}
	q.Title, q.Button = ui.T("Remove %s?", one.Name), ui.T("Remove")
	q.Lead = ui.T("Everybody who came over this connection is signed out at once, and their tokens stop. Its id stays that of its people: only a connection of the same issuer can have it again.")
	return q, err
}

func (c *Console) connectionSessions(v *kit.Visit, one Connection) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	n, err := c.o.Sessions.Count(v.Context(), session.Whose{Connection: one.ID})
	if err != nil {
		return kit.Block{}, err
	}
	return kit.Block{
		ID: "sessions", Title: ui.T("Sessions"), Heads: []ui.Text{ui.T("Signed in now")}, Rows: []kit.Row{{Cells: []kit.Cell{kit.Count(n)}}},
		More: &ui.Link{Text: ui.T("All sessions"), Href: c.Path("/sessions?connection=" + url.QueryEscape(one.ID))},
	}, nil
}

// reasonsBlock counts how sign-ins over the connection ended within a week.
func (c *Console) reasonsBlock(v *kit.Visit, one Connection) (kit.Block, error) {
	if !v.Who.May(admin.ReadOperations) {
		return kit.Block{}, nil
	}
	now := c.Now()
	totals, err := c.o.Figures.SignInTotals(v.Context(), now.Add(-kit.Week), now.Add(time.Hour))
	if err != nil {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "outcomes", Title: ui.T("Sign-ins in the last 7 days"), Heads: []ui.Text{ui.T("Outcome"), ui.T("Reason"), ui.T("How often")},
		Empty: ui.T("Nobody signed in over it."),
	}
	for _, s := range totals {
		if s.Connection == one.ID {
			b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Tags: []ui.Tag{outcomeTag(s.Outcome)}}, {Text: s.Reason, Code: true}, kit.Count(s.Count)}})
		}
	}
	return b, nil
}

func outcomeTag(outcome string) ui.Tag {
	switch outcome {
	case activity.Success:
		return ui.Tag{Text: ui.T("Signed in"), Tone: ui.Good}
	case activity.Refused:
		return ui.Tag{Text: ui.T("Not entitled"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Failed"), Tone: ui.Bad}
}

func (c *Console) failuresBlock(v *kit.Visit, one Connection) (kit.Block, error) {
	b, err := c.History(v, audit.Query{Type: "signin.failed", Subject: identity.Connection(one.ID).String()})
	if !b.Title.Empty() {
		b.ID, b.Title, b.Empty = "failures", ui.T("Recent failures"), ui.T("No sign-in failed.")
	}
	return b, err
}

func (c *Console) askDisableConnection(v *kit.Visit) (kit.Confirmation, error) {
	ctx := v.Context()
	one, err := c.connection(ctx, v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	sessions, err := c.SessionsHit(ctx, ui.T("Sessions that end"), session.Whose{Connection: one.ID})
	if err != nil {
		return kit.Confirmation{}, err
	}
	people, err := c.PeopleHit(ctx, ui.T("People who came over it, and cannot sign in over it any more"), one.ID)
	q := kit.Confirmation{
		Title: ui.T("Disable %s?", one.Name), Button: ui.T("Disable"), Back: kit.Fill("/connections/{id}", one.ID), State: one.ID,
		Lead: ui.T("Everybody who came over this connection is signed out at once, their tokens stop, and nobody gets in over it until it is enabled."),
		Hits: []kit.Hit{sessions, people},
	}
	return q, err
}
