package imports

import (
	"context"
	"io"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// exportForm is the page that gives the directory as a file.
type exportForm struct {
	Action, Back string
	Connection   ui.Field
}

func (c *Console) showExport(v *kit.Visit) (kit.Answer, error) {
	return c.exportPage(v, http.StatusOK, ui.Text{})
}

func (c *Console) exportPage(v *kit.Visit, status int, wrong ui.Text) (kit.Answer, error) {
	page := exportForm{Action: c.Path(exportPath), Back: c.Path(allPath), Connection: ui.Field{
		Name: "connection", Label: ui.T("What is in it"), Value: v.Form.Get("connection"), Options: []ui.Option{{Text: ui.T("The whole directory")}}, Wrong: wrong,
		Hint: ui.T("Of one connection: its subjects, records, groups, memberships and the names of its groups."),
	}}
	all, err := c.o.Connections.All(v.Context())
	for _, one := range all {
		page.Connection.Options = append(page.Connection.Options, ui.Option{Value: one.Settings.ID, Text: ui.Plain(one.Title())})
	}
	return kit.View{Status: status, Title: ui.T("Export"), Crumbs: v.Crumbs(ui.T("Import and export"), allPath), Template: "exportform", Data: page}, err
}

// export gives the file. The audit log says who has it, so that it is asked for by a form:
// no address of another site does.
func (c *Console) export(v *kit.Visit) (kit.Answer, error) {
	connection := v.Form.Get("connection")
	err := c.o.Directory.Exporting(v.Context(), connection, httpx.Actor(v.Request, v.Who.Ref))
	if fault.KindOf(err) == fault.Invalid && err != nil {
		return c.exportPage(v, http.StatusUnprocessableEntity, v.Say(err))
	}
	if err != nil {
		return nil, err
	}
	return kit.File{Name: "directory.jsonl", Media: "application/jsonl", Send: func(ctx context.Context, to io.Writer) error {
		return c.o.Directory.Write(ctx, connection, to)
	}}, nil
}
