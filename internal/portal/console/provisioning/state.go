package provisioning

import (
	"cmp"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// pushing is a connection, with how its pushing stands.
type pushing struct {
	connection.Connection
	id    string
	state record.State
}

func (c *Console) pushing(v *kit.Visit) (pushing, error) {
	one, err := c.o.Connections.Get(v.Context(), v.PathValue("id"))
	if err != nil {
		return pushing{}, err
	}
	state, err := c.o.Guard.State(v.Context(), one.Settings.ID)
	return pushing{one, one.Settings.ID, state}, err
}

// provisioning says who signs in over the connection.
func (p pushing) provisioning() directory.Provisioning {
	if p.Settings.SCIM == nil { // stored before there was SCIM
		return directory.JITAndSCIM
	}
	return cmp.Or(directory.Provisioning(p.Settings.SCIM.Provisioning), directory.JITAndSCIM)
}

func (p pushing) provisioningText() ui.Text {
	switch by := p.provisioning(); {
	case p.Settings.Type == "scim":
		return ui.T("It is for pushing alone: nobody signs in over it")
	case by == directory.JIT:
		return ui.T("People come by signing in: nothing is pushed")
	case by == directory.SCIM:
		return ui.T("Only who was pushed and is active signs in")
	}
	return ui.T("Whoever signs in comes in; of who was pushed, that decides")
}

func (p pushing) tag(now time.Time) ui.Tag {
	switch {
	case p.provisioning() == directory.JIT:
		return ui.Tag{Text: ui.T("Off")}
	case !p.state.Halted.IsZero():
		return ui.Tag{Text: ui.T("Halted"), Tone: ui.Bad}
	case now.Before(p.state.OpenUntil):
		return ui.Tag{Text: ui.T("Resumed: it may take away what it likes"), Tone: ui.Warn}
	}
	return ui.Tag{Text: ui.T("Ready"), Tone: ui.Good}
}

// show says how the pushing of a connection stands.
func (c *Console) show(v *kit.Visit) (kit.Answer, error) {
	p, err := c.pushing(v)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Lead:    p.provisioningText(),
		Tags:    []ui.Tag{p.tag(c.Now())},
		Notices: haltedNotices(p.Title(), p.state),
		Facts: kit.Known(
			kit.Says(ui.T("Connection"), kit.Cell{Text: p.Title(), Href: c.ConnectionPath(p.id)}), kit.Code(ui.T("Base URL for SCIM clients"), c.o.Issuer+"/scim/v2/"+p.id),
			kit.Code(ui.T("Provisioning"), string(p.provisioning())), kit.When(ui.T("It may take away what it likes until"), p.state.OpenUntil), c.goneFact(p),
		),
		Offers: c.offers(v, p),
	}
	if p.provisioning() != directory.JIT {
		d.Blocks, err = kit.Blocks(v, p, c.tokensBlock, c.latestBlock)
	}
	return kit.View{Title: ui.T("SCIM of %s", p.Title()), Crumbs: c.crumbs(v, p), Template: "detail", Data: d}, err
}

// crumbs lead up to the connection.
func (c *Console) crumbs(v *kit.Visit, p pushing) []ui.Link {
	return append(v.Crumbs(ui.T("Connections"), "/connections"), ui.Link{Text: ui.Plain(p.Title()), Href: c.ConnectionPath(p.id)})
}

// below lead up to the page of the connection's pushing.
func (c *Console) below(v *kit.Visit, p pushing) []ui.Link {
	return append(c.crumbs(v, p), ui.Link{Text: ui.T("SCIM of %s", p.Title()), Href: c.Path(kit.Fill(onePath, p.id))})
}

func (c *Console) offers(v *kit.Visit, p pushing) []kit.Offer {
	if p.state.Halted.IsZero() {
		return nil
	}
	return v.Offers(kit.Way(onePath+"/undo", ui.T("Undo"), " refresh", p.id), kit.Way(onePath+"/resume", ui.T("Resume"), "danger power", p.id))
}

// goneFact says what went within the window.
func (c *Console) goneFact(p pushing) kit.Fact {
	f := kit.Fact{Label: ui.T("Gone of late")}
	if !p.state.Began.IsZero() {
		f.Values = []kit.Cell{
			{Say: ui.T("%d of %d people, %d of %d memberships", p.state.PeopleGone, p.state.People, p.state.MembersGone, p.state.Members)},
			{Say: ui.T("counted since"), Time: p.state.Began},
		}
	}
	return f
}

// haltedNotices say that a connection is halted, if it is.
func haltedNotices(title string, s record.State) []ui.Notice {
	if s.Halted.IsZero() {
		return nil
	}
	return []ui.Notice{{
		Text: ui.T("%s is halted since %s: too many people were deactivated or removed at once. Nothing is taken from it until an administrator resumes it, or undoes what was done.", title, s.Halted.UTC().Format("2006-01-02 15:04 MST")),
		Tone: ui.Bad,
	}}
}

// Figures are those of the first page.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(rightToRead) {
		return page, nil
	}
	all, err := c.o.Guard.Halted(v.Context())
	for _, s := range all {
		title := s.Connection
		if one, err := c.o.Connections.Get(v.Context(), s.Connection); err == nil {
			title = one.Title()
		}
		page.Alerts = append(page.Alerts, haltedNotices(title, s)...)
	}
	return page, err
}

// Of is what the page of a connection says of its pushing: a fact that leads to it, and
// that it is halted, if so.
func (c *Console) Of(v *kit.Visit, one connection.Connection) (kit.Fact, []ui.Notice, error) {
	state, err := c.o.Guard.State(v.Context(), one.Settings.ID)
	p := pushing{one, one.Settings.ID, state}
	cell := kit.Cell{Say: ui.T("What is pushed, and with which tokens"), Href: c.Path(kit.Fill(onePath, p.id)), Tags: []ui.Tag{p.tag(c.Now())}}
	return kit.Says(ui.T("SCIM"), cell), haltedNotices(p.Title(), state), err
}

// halted begins a question about a connection that is halted.
func (c *Console) halted(v *kit.Visit) (pushing, kit.Confirmation, error) {
	p, err := c.pushing(v)
	if err == nil && p.state.Halted.IsZero() {
		err = record.ErrNotHalted
	}
	return p, kit.Confirmation{Back: kit.Fill(onePath, p.id), State: p.state.Halted.String()}, err
}

func (c *Console) askResume(v *kit.Visit) (kit.Confirmation, error) {
	p, q, err := c.halted(v)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("Resume %s?", p.Title()), ui.T("Resume")
	q.Lead = ui.T("The connection goes on, and its client repeats what was refused. Until its window is over it may take away what it likes: look at its operations first.")
	q.Hits = []kit.Hit{
		{Label: ui.T("People who went before it was halted"), Count: p.state.PeopleGone},
		{Label: ui.T("Memberships that ended before"), Count: p.state.MembersGone},
		{Label: ui.T("People whom it could take away next"), Count: max(p.state.People-p.state.PeopleGone, 0)},
	}
	if p.state.By != "" {
		q.Hits = append(q.Hits, kit.Hitting(ui.T("What it was halted by"), c.operationCell(v, p)))
	}
	return q, nil
}

// operationCell names the operation that a connection was halted by.
func (c *Console) operationCell(v *kit.Visit, p pushing) kit.Cell {
	cell := kit.Cell{Text: p.state.By, Code: true}
	if o, err := c.o.Operations.Outcome(v.Context(), p.id, p.state.By); err == nil {
		cell = kit.Cell{Text: o.Kind, Href: c.SCIMOperationPath(p.id, o.ID)}
	}
	return cell
}

func (c *Console) askUndo(v *kit.Visit) (kit.Confirmation, error) {
	p, q, err := c.halted(v)
	if err != nil {
		return q, err
	}
	some, all, err := c.o.Guard.Gone(v.Context(), p.id, kit.NamesShown)
	if err != nil {
		return q, err
	}
	back := kit.Hit{Label: ui.T("People who are active again"), Count: all}
	for _, u := range some {
		back.Names = append(back.Names, kit.Cell{Text: u.UserName, Href: c.PersonPath(u.Person)})
	}
	q.Title, q.Button, q.Harmless = ui.T("Undo what %s took away?", p.Title()), ui.T("Undo"), true
	q.Lead = ui.T("Whoever left since the window began is active again, and in their groups. What ended with them stays so: they sign in anew. The connection stays halted.")
	q.Hits = []kit.Hit{back, {Label: ui.T("Memberships that ended, of groups that are there"), Count: p.state.MembersGone}}
	return q, nil
}
