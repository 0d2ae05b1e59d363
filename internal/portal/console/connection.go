package console

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
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showConnection(v *visit) (answer, error) {
	one, err := c.connection(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{connectionTag(one)},
		Facts: known(append([]fact{
			code(ui.T("Id"), one.ID), is(ui.T("Protocol"), one.Settings.Type), code(ui.T("Issuer"), one.Settings.Issuer), each(ui.T("Domains"), one.Settings.Domains, false),
			{ui.T("Stands in"), []cell{{Say: sourceText(one)}}},
			{ui.T("People"), []cell{{Say: ui.T("Who came over it"), Href: c.path("/people?connection=" + url.QueryEscape(one.ID))}}},
			{ui.T("Groups"), []cell{{Say: ui.T("What it told of"), Href: c.path("/groups?connection=" + url.QueryEscape(one.ID))}}},
		}, append(c.toldFacts(one), settingFacts(one, c.o.CertificatesEnd(one.ID))...)...)...),
		Offers: c.connectionOffers(v, one),
	}
	for _, make := range []func(*visit, Connection) (block, error){c.tracesBlock, c.connectionSessions, c.reasonsBlock, c.failuresBlock} {
		b, err := make(v, one)
		if err != nil {
			return nil, err
		}
		if !b.Title.Empty() {
			d.Blocks = append(d.Blocks, b)
		}
	}
	return view{title: ui.Plain(one.Name), crumbs: v.crumbs(ui.T("Connections"), "/connections"), template: "detail", data: d}, nil
}

func (c *Console) connectionOffers(v *visit, one Connection) []offer {
	all := []offering{way("/connections/{id}/test", ui.T("Test the connection"), " shield", one.ID)}
	if one.Source == connection.Stored {
		all = append(all, way("/connections/{id}/change", ui.T("Change"), " refresh", one.ID))
	}
	if one.Enabled {
		all = append(all, revokeWay(identity.KindConnection, one.ID), way("/connections/{id}/disable", ui.T("Disable"), "danger power", one.ID))
	} else {
		all = append(all, way("/connections/{id}/enable", ui.T("Enable"), "primary power", one.ID))
	}
	if one.Source == connection.Stored {
		all = append(all, way("/connections/{id}/remove", ui.T("Remove"), "danger trash", one.ID))
	}
	return v.offers(all...)
}

// settingFacts are what is decided about a connection, as far as it is.
func settingFacts(one Connection, ends time.Time) []fact {
	s := one.Settings
	facts := []fact{
		code(ui.T("Client id"), s.ClientID), code(ui.T("Scopes"), strings.Join(s.Scopes, " ")), code(ui.T("Algorithms of ID tokens"), strings.Join(s.Algorithms, " ")), each(ui.T("Tenants"), s.AllowedTenants, true),
	}
	if one.HasSecret {
		facts = append(facts, fact{ui.T("Client secret"), []cell{{Say: ui.T("Kept encrypted")}}})
	}
	if m := s.SAML; m != nil {
		facts = append(facts, code(ui.T("Our entity id there"), m.EntityID), code(ui.T("Address of its metadata"), m.MetadataURL), is(ui.T("What must be signed"), m.Signed),
			is(ui.T("How requests are sent"), m.Binding), fact{ui.T("Its certificates run out"), []cell{{Time: ends}}}, code(ui.T("Format of names"), m.NameIDFormat), code(ui.T("Attribute that people are known by"), m.Subject))
	}
	rules := fact{Label: ui.T("Claim rules")}
	for _, field := range slices.Sorted(maps.Keys(s.Claims)) {
		rules.Values = append(rules.Values, cell{Text: field + " = " + s.Claims[field], Code: true})
	}
	facts = append(append(facts, rules), subjectFacts(s)...)
	return append(facts, fact{ui.T("Added"), []cell{{Time: one.Created}}}, fact{ui.T("Changed"), []cell{{Time: one.Updated}}})
}

// toldFacts are what the provider has to be told of us.
func (c *Console) toldFacts(one Connection) []fact {
	if one.Settings.SAML != nil {
		base := c.o.Issuer + "/login/saml/" + one.ID
		return []fact{code(ui.T("Our metadata"), base+"/metadata"), code(ui.T("Assertion consumer service"), base+"/acs")}
	}
	return []fact{code(ui.T("Redirect URI"), c.o.Issuer+"/login/callback/"+one.ID)}
}

func sourceText(one Connection) ui.Text {
	if one.Source == connection.Configured {
		return ui.T("The configuration: only there it is changed")
	}
	return ui.T("Added here")
}

func (c *Console) askRemoveConnection(v *visit) (confirmation, error) {
	q, err := c.askDisableConnection(v)
	if err != nil {
		return q, err
	}
	one, err := c.connection(v.r.Context(), v.r.PathValue("id"))
	if err == nil && one.Source == connection.Configured {
		err = connection.ErrConfigured
	}
	q.title, q.button = ui.T("Remove %s?", one.Name), ui.T("Remove")
	q.lead = ui.T("Everybody who came over this connection is signed out at once, and their tokens stop. Its id stays that of its people: only a connection of the same issuer can have it again.")
	return q, err
}

func (c *Console) connectionSessions(v *visit, one Connection) (block, error) {
	if !v.who.May(admin.ReadSessions) {
		return block{}, nil
	}
	n, err := c.o.Sessions.Count(v.r.Context(), session.Whose{Connection: one.ID})
	if err != nil {
		return block{}, err
	}
	return block{
		ID: "sessions", Title: ui.T("Sessions"), Heads: []ui.Text{ui.T("Signed in now")}, Rows: []row{{Cells: []cell{count(n)}}},
		More: &ui.Link{Text: ui.T("All sessions"), Href: c.path("/sessions?connection=" + url.QueryEscape(one.ID))},
	}, nil
}

// reasonsBlock counts how sign-ins over the connection ended within a week.
func (c *Console) reasonsBlock(v *visit, one Connection) (block, error) {
	if !v.who.May(admin.ReadOperations) {
		return block{}, nil
	}
	now := c.o.Now()
	totals, err := c.o.Figures.SignInTotals(v.r.Context(), now.Add(-week), now.Add(anHour))
	if err != nil {
		return block{}, err
	}
	b := block{
		ID: "outcomes", Title: ui.T("Sign-ins in the last 7 days"), Heads: []ui.Text{ui.T("Outcome"), ui.T("Reason"), ui.T("How often")},
		Empty: ui.T("Nobody signed in over it."),
	}
	for _, s := range totals {
		if s.Connection == one.ID {
			b.Rows = append(b.Rows, row{Cells: []cell{{Tags: []ui.Tag{outcomeTag(s.Outcome)}}, {Text: s.Reason, Code: true}, count(s.Count)}})
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

func (c *Console) failuresBlock(v *visit, one Connection) (block, error) {
	b, err := c.auditBlock(v, audit.Query{Type: "signin.failed", Subject: identity.Connection(one.ID).String()})
	if !b.Title.Empty() {
		b.ID, b.Title, b.Empty = "failures", ui.T("Recent failures"), ui.T("No sign-in failed.")
	}
	return b, err
}

func (c *Console) askDisableConnection(v *visit) (confirmation, error) {
	ctx := v.r.Context()
	one, err := c.connection(ctx, v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	sessions, err := c.sessionsHit(ctx, ui.T("Sessions that end"), session.Whose{Connection: one.ID})
	if err != nil {
		return confirmation{}, err
	}
	people, err := c.peopleHit(ctx, ui.T("People who came over it, and cannot sign in over it any more"), one.ID)
	q := confirmation{
		title: ui.T("Disable %s?", one.Name), button: ui.T("Disable"), back: fill("/connections/{id}", one.ID), state: one.ID,
		lead: ui.T("Everybody who came over this connection is signed out at once, their tokens stop, and nobody gets in over it until it is enabled."),
		hits: []hit{sessions, people},
	}
	return q, err
}
