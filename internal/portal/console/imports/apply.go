package imports

import (
	"net/http"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// askApply says what applying does. What was seen is what is applied: the lines stay as
// they were checked, and whatever changed here since is refused by the line.
func (c *Console) askApply(v *kit.Visit) (kit.Confirmation, error) {
	i, err := c.look(v)
	switch {
	case err != nil:
		return kit.Confirmation{}, err
	case i.State != porting.Checked:
		return kit.Confirmation{}, porting.ErrState
	case i.approval != nil:
		return kit.Confirmation{}, admin.ErrChangeWaits
	}
	q := kit.Confirmation{
		Title: ui.T("Apply this import?"), Button: ui.T("Apply it"), Harmless: true, Back: kit.Fill(onePath, i.ID), State: i.ID + " " + strconv.FormatInt(i.Version, 10),
		Lead: ui.T("An import has no undo: what it makes is taken away one by one. It removes nothing and switches nobody on."),
	}
	for _, n := range i.Counts {
		if n.Created > 0 {
			q.Hits = append(q.Hits, kit.Hit{Label: ui.T("%s: new", kindText(n.Kind)), Count: int64(n.Created)})
		}
		if n.Changed > 0 {
			q.Hits = append(q.Hits, kit.Hit{Label: ui.T("%s: changed", kindText(n.Kind)), Count: int64(n.Changed)})
		}
	}
	if n := out(i.Import); n > 0 {
		q.Hits = append(q.Hits, kit.Hit{Label: ui.T("Refused lines, which are left out"), Count: int64(n)})
		q.Button = ui.T("Apply all others")
	}
	return q, nil
}

// apply has the import applied that was shown.
func (c *Console) apply(v *kit.Visit) (kit.Answer, error) {
	i, err := c.o.Imports.Get(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	status, body, err := v.Call("applyImport", map[string]any{"skip_refused": out(i) > 0})
	if err != nil {
		return nil, err
	}
	notice := "import-applied"
	if status == http.StatusAccepted { // the page says by itself that it waits
		return kit.Redirect{To: kit.Fill(onePath, i.ID)}, nil
	}
	if status == http.StatusOK {
		if err := kit.Read(body, &i); err != nil {
			return nil, err
		}
		if i.State == porting.Applying {
			notice = "import-applying"
		}
	}
	if i.State == porting.Stopped {
		return kit.Redirect{To: kit.Fill(onePath, i.ID)}, nil
	}
	return v.Onward(status, onePath, notice), nil
}

func (c *Console) askDiscard(v *kit.Visit) (kit.Confirmation, error) {
	i, err := c.look(v)
	if err == nil && i.State == porting.Applying {
		err = porting.ErrState
	}
	q := kit.Confirmation{
		Title: ui.T("Forget this import?"), Button: ui.T("Forget it"), Back: kit.Fill(onePath, i.ID), State: i.ID + " " + string(i.State),
		Lead: ui.T("Its lines and what is wrong with them are deleted. What was applied of it stays. By itself it goes 30 days after it was imported."),
		Hits: []kit.Hit{kit.Hitting(ui.T("File"), kit.Cell{Say: formatText(i.Format), Time: i.Created}), {Label: ui.T("Lines"), Count: int64(i.Lines)}},
	}
	if a := i.approval; a != nil {
		q.Hits = append(q.Hits, kit.Hitting(ui.T("A change that waits, and can only be rejected afterwards"), kit.Cell{Text: a.Change, Code: true}))
	}
	return q, err
}
