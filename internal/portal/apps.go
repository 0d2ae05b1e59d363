package portal

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// card is an app as a person sees it.
type card struct {
	*registry.Client
	Decision entitlement.Decision
	// Answers is who answers for it now; it is set on the page of the app alone.
	Answers catalog.Owner
}

// Learns is what the app learns of the person.
func (c card) Learns() ui.Learns {
	l := ui.Learns{Scopes: c.Scopes}
	if c.SAML != nil {
		l.NameID = c.SAML.NameIDFormat
	}
	return l
}

// Stage is how far the app is.
func (c card) Stage() ui.Tag {
	switch {
	case c.Disabled:
		return ui.Tag{Text: ui.T("Switched off"), Tone: ui.Bad}
	case len(c.Missing) > 0:
		return ui.Tag{Text: ui.T("Not ready"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Live"), Tone: ui.Good}
}

// Why says what keeps the person out.
func (c card) Why() ui.Text {
	switch {
	case c.Disabled:
		return ui.T("An administrator has switched it off.")
	case slices.Contains(c.Missing, "owner"):
		return ui.T("Nobody answers for it yet.")
	case slices.Contains(c.Missing, "groups"):
		return ui.T("No group may use it yet.")
	case len(c.Missing) > 0:
		return ui.T("Its team has yet to set up its keys.")
	}
	return ui.T("It is for members of %s.", ui.Either(c.Decision.Missing))
}

// about reports whether the app is what somebody searches for.
func (c card) about(text string) bool {
	in := strings.ToLower(strings.Join([]string{c.Title, c.Name, c.Description, c.Owner.Team}, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if !strings.Contains(in, word) {
			return false
		}
	}
	return true
}

// cards returns the apps that people open from here, by title.
func (p *Portal) cards(ctx context.Context, v visitor, text string) ([]card, error) {
	clients, err := p.o.Clients.Clients(ctx)
	if err != nil {
		return nil, err
	}
	var all []card
	for _, c := range clients {
		if c.LaunchURI == "" || !(card{Client: c}).about(text) {
			continue
		}
		d, err := p.o.Entitlements.Check(ctx, v.Person, c)
		if err != nil {
			return nil, err
		}
		all = append(all, card{Client: c, Decision: d})
	}
	slices.SortFunc(all, func(a, b card) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// overview is the page of my apps.
type overview struct {
	Filters    ui.Filters
	Open, Shut []card
}

// Nothing stands where a search finds nothing that is open.
func (overview) Nothing() ui.Empty {
	return ui.Empty{Icon: "search", Title: ui.T("No app of yours is called that."), Text: ui.T("Search for a name, for what an app does, or for the team that runs it.")}
}

// Empty stands where no app is open to the person at all.
func (overview) Empty() ui.Empty {
	return ui.Empty{Icon: "apps", Title: ui.T("No app is open to you yet."), Text: ui.T("Your groups decide which apps open. Ask the team of the app that you miss.")}
}

func (p *Portal) myApps(w http.ResponseWriter, r *http.Request, v visitor) {
	q := r.URL.Query().Get("q")
	all, err := p.cards(r.Context(), v, q)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	page := overview{Filters: ui.Filters{Action: p.o.Prefix + "/", Fields: []ui.Field{{Name: "q", Label: ui.T("Search apps"), Value: q}}}}
	for _, c := range all {
		if c.Decision.Allowed {
			page.Open = append(page.Open, c)
		} else {
			page.Shut = append(page.Shut, c)
		}
	}
	p.show(w, r, v, ui.Page{Title: ui.T("My apps"), Template: p.apps, Area: ui.Apps, Live: true, Data: page})
}

// look finds an app that the person may look at: one that is listed, or that they may use;
// nil for any other, as for none. Whoever guesses names learns of no other app.
func (p *Portal) look(ctx context.Context, v visitor, name string) (*card, error) {
	clients, err := p.o.Clients.Clients(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(clients, func(c *registry.Client) bool { return c.Name == name })
	if i < 0 {
		return nil, nil //nolint:nilnil // an app that was removed is still explained to whoever had it
	}
	d, err := p.o.Entitlements.Check(ctx, v.Person, clients[i])
	if err != nil || clients[i].LaunchURI == "" && len(d.Roles) == 0 {
		return nil, err
	}
	return &card{Client: clients[i], Decision: d}, nil
}

func (p *Portal) appPage(w http.ResponseWriter, r *http.Request, v visitor) {
	one, err := p.look(r.Context(), v, r.PathValue("name"))
	if err == nil && one != nil {
		one.Answers, err = p.o.Answers(r.Context(), one.Name, one.Owner)
	}
	switch {
	case err != nil:
		p.o.UI.Error(w, r, err)
	case one == nil:
		p.o.UI.Error(w, r, errNoApp, ui.Link{Text: ui.T("My apps"), Href: p.o.Prefix + "/"})
	default:
		p.show(w, r, v, ui.Page{
			Title: ui.Plain(one.Title), Template: p.app, Area: ui.Apps, Data: one,
			Crumbs: []ui.Link{{Text: ui.T("My apps"), Href: p.o.Prefix + "/"}},
		})
	}
}
