package imports

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// show says how far an import is, and what becomes of its lines.
func (c *Console) show(v *kit.Visit) (kit.Answer, error) {
	i, err := c.look(v)
	if err != nil {
		return nil, err
	}
	facts, err := c.facts(v, i)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{stateTag(i.State, i.approval)}, Lead: lead(i.Import), Live: true, Progress: c.progress(i.Import), Notices: c.warnings(v, i), Facts: facts, Offers: c.offers(v, i),
	}
	d.Blocks, err = kit.Blocks(v, i.Import, c.countBlock, c.faultBlock, c.noteBlock)
	if err != nil {
		return nil, err
	}
	return kit.View{Title: ui.T("Import: %s", formatText(i.Format)), Crumbs: v.Crumbs(ui.T("Import and export"), allPath), Template: "detail", Data: d}, nil
}

// progress is how far an import is that goes on by itself.
func (c *Console) progress(i porting.Import) *kit.Progress {
	p := &kit.Progress{Done: i.Looked, All: i.Lines, Here: c.Path(kit.Fill(onePath, i.ID))}
	switch i.State {
	case porting.Reading:
		p.Text = ui.T("Being read")
	case porting.Checking:
		p.Text = ui.T("%d of %d lines checked", i.Looked, i.Lines)
	case porting.Applying:
		p.Text = ui.T("%d of %d lines done", i.Looked, i.Lines)
	case porting.Checked, porting.Done, porting.Refused, porting.Stopped:
		return nil
	}
	return p
}

// warnings are what has to be read before anything else.
func (c *Console) warnings(v *kit.Visit, i seen) []ui.Notice {
	var all []ui.Notice
	if f := i.Fault; f != nil {
		text := say(v, *f)
		if f.Pointer != "" {
			text = ui.T("%s (at %s)", text, f.Pointer)
		}
		all = append(all, ui.Notice{Text: text, Tone: ui.Bad})
	}
	if i.State != porting.Checked {
		return all
	}
	if expired(c.Now(), i.Import) {
		return append(all, ui.Notice{Text: v.Say(porting.ErrExpired), Tone: ui.Warn})
	}
	if i.approval != nil {
		return append(all, approvalNotice(v, i.approval))
	}
	if n := out(i.Import); n > 0 && todo(i.Import) > 0 {
		all = append(all, ui.Notice{
			Text: ui.N(n, "One line is refused. Put it right and import the file again, or apply all others.", "%d lines are refused. Put them right and import the file again, or apply all others."), Tone: ui.Warn,
		})
	}
	return all
}

func expired(now time.Time, i porting.Import) bool { return now.Sub(i.Checked) > porting.ApplyWithin }

// offers are what can be done with an import as it is.
func (c *Console) offers(v *kit.Visit, i seen) []kit.Offer {
	var all []kit.Offering
	switch {
	case i.State != porting.Checked || todo(i.Import) == 0 || expired(c.Now(), i.Import):
	case i.approval != nil:
		all = append(all, kit.Way(changePath, ui.T("Look at what waits"), "primary", i.approval.Change))
	default:
		text := ui.T("Apply it")
		if out(i.Import) > 0 {
			text = ui.T("Apply all others")
		}
		all = append(all, kit.Way(applyPath, text, "primary check", i.ID))
	}
	if i.State != porting.Applying {
		all = append(all, kit.Way(forgetPath, ui.T("Forget it"), "danger trash", i.ID))
	}
	return v.Offers(all...)
}

// facts are where an import comes from.
func (c *Console) facts(v *kit.Visit, i seen) ([]kit.Fact, error) {
	connections, err := c.o.Connections.All(v.Context())
	if err != nil {
		return nil, err
	}
	refs := c.Refs(v)
	facts := []kit.Fact{kit.Says(ui.T("Imported"), kit.Cell{Time: i.Created}), kit.Says(ui.T("By"), refs.Cell(i.By.Ref))}
	if !i.AppliedBy.IsZero() {
		facts = append(facts, kit.Says(ui.T("Applied by"), refs.Cell(i.AppliedBy.Ref)))
	}
	facts = append(append(facts, c.approvalFacts(v, i.approval)...), kit.When(ui.T("Over since"), i.Finished))
	named := func(id string) kit.Cell {
		if id == "" {
			return kit.Cell{}
		}
		return kit.Cell{Text: titleOf(connections, id), Href: c.ConnectionPath(id)}
	}
	links := kit.Fact{Label: ui.T("Accounts are linked to")}
	for _, alias := range aliases(i.Options.Connections) {
		cell := named(i.Options.Connections[alias])
		cell.Also = alias
		links.Values = append(links.Values, cell)
	}
	return kit.Known(append(facts, links, kit.Says(ui.T("Keycloak's own ids are of"), named(i.Options.Subjects)), kit.Says(ui.T("Groups are kept by"), named(i.Options.Groups)), kit.Code(ui.T("Import"), i.ID))...), nil
}

func titleOf(all []connection.Connection, id string) string {
	for _, one := range all {
		if one.Settings.ID == id {
			return one.Title()
		}
	}
	return id
}

func aliases(of map[string]string) []string {
	var all []string
	for alias := range of {
		all = append(all, alias)
	}
	slices.Sort(all)
	return all
}

// countBlock says what becomes of the lines of each kind.
func (c *Console) countBlock(_ *kit.Visit, i porting.Import) (kit.Block, error) {
	if len(i.Counts) == 0 {
		return kit.Block{}, nil
	}
	b := kit.Block{ID: "lines", Title: ui.T("What would become of it"), Heads: []ui.Text{ui.T("Kind of line"), ui.T("New"), ui.T("Changed"), ui.T("As it is already"), ui.T("Refused")}}
	if i.State == porting.Done || i.State == porting.Stopped {
		b.Title = ui.T("What became of it")
	}
	for _, n := range i.Counts {
		row := kit.Row{Cells: []kit.Cell{{Say: kindText(n.Kind)}}}
		for _, count := range []int{n.Created, n.Changed, n.Unchanged, n.Refused} {
			row.Cells = append(row.Cells, kit.Count(int64(count)))
		}
		b.Rows = append(b.Rows, row)
	}
	return b, nil
}

// faultBlock shows the first lines that are refused.
func (c *Console) faultBlock(v *kit.Visit, i porting.Import) (kit.Block, error) {
	page, next, err := c.o.Imports.Faults(v.Context(), i.ID, 0, kit.Few)
	if err != nil || len(page) == 0 {
		return kit.Block{}, err
	}
	all := c.Path(kit.Fill(faultsPath, i.ID))
	b := kit.Block{
		ID: "refused", Title: ui.T("Refused lines"), Heads: []ui.Text{ui.T("Line"), ui.T("Kind of line"), ui.T("Where"), ui.T("Why")},
		More: &ui.Link{Text: ui.T("As a list, and as a file"), Href: all},
	}
	if next > 0 {
		b.More.Text = ui.T("All refused lines, also as a file")
	}
	for _, f := range page {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{kit.Count(int64(f.Line)), kindCell(f), {Text: f.Pointer, Code: true}, {Say: say(v, f.Trouble), Also: f.Code}}})
	}
	return b, nil
}

// noteBlock lists what a foreign file has that has no place here.
func (c *Console) noteBlock(_ *kit.Visit, i porting.Import) (kit.Block, error) {
	if len(i.Notes) == 0 {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "notes", Title: ui.T("Not taken"), Note: ui.T("What the file has that has no place here."), Heads: []ui.Text{ui.T("What"), ui.T("How often"), ui.T("Such as")},
	}
	for _, n := range i.Notes {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Say: noteText(n.Code)}, kit.Count(int64(n.Count)), {Text: strings.Join(n.Examples, ", ")}}})
	}
	return b, nil
}
