package imports

import (
	"context"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// showImports lists the imports, and leads to a new one and to an export.
func (c *Console) showImports(v *kit.Visit) (kit.Answer, error) {
	refs := c.Refs(v)
	waits, err := c.waits(v.Context())
	if err != nil {
		return nil, err
	}
	l := kit.List[porting.Import]{
		Name: "imports", Path: c.Path(allPath), Caption: ui.T("The imports of the last 30 days, the latest first"),
		Empty: ui.Empty{
			Icon: "down", Title: ui.T("Nothing was imported of late."),
			Text: ui.T("A file of people, groups and links comes from here, from Keycloak or from Dex. You see what would become of it before anything changes."),
		},
		Columns: []kit.Column[porting.Import]{
			{Title: ui.T("File"), Name: "format", Cell: func(i porting.Import) kit.Cell {
				return kit.Cell{Say: formatText(i.Format), Href: c.Path(kit.Fill(onePath, i.ID)), Raw: string(i.Format)}
			}},
			{Title: ui.T("State"), Name: "state", Cell: func(i porting.Import) kit.Cell {
				return kit.Cell{Tags: []ui.Tag{stateTag(i.State, waits(i))}, Raw: string(i.State)}
			}},
			{Title: ui.T("Lines"), Name: "lines", Cell: func(i porting.Import) kit.Cell { return kit.Count(int64(i.Lines)) }},
			{Title: ui.T("Refused"), Name: "refused", Cell: func(i porting.Import) kit.Cell { return kit.Count(int64(out(i))) }},
			{Title: ui.T("Imported"), Name: "created", Cell: func(i porting.Import) kit.Cell { return kit.Cell{Time: i.Created} }},
			{Title: ui.T("By"), Name: "by", Cell: func(i porting.Import) kit.Cell { return refs.Cell(i.By.Ref) }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]porting.Import, string, error) {
			return c.o.Imports.List(ctx, q.After, q.Limit)
		},
	}
	return l.Show(v, ui.T("Import and export"), kit.Around{
		Offers: v.Offers(kit.Way(newPath, ui.T("Import a file"), "primary up"), kit.Way(exportPath, ui.T("Export"), " download")), Live: true,
	})
}

// errPlace refuses a place in the list of refused lines that no page gave.
var errPlace = fault.New(fault.Invalid, "cursor_invalid", "no page of this list gave this cursor: begin without one").At("after")

// showFaults lists the lines that are refused, with why.
func (c *Console) showFaults(v *kit.Visit) (kit.Answer, error) {
	i, err := c.o.Imports.Get(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	l := kit.List[porting.Fault]{
		Name: "refused-lines", Path: c.Path(kit.Fill(faultsPath, i.ID)), Caption: ui.T("Refused lines, as in the file"),
		Empty: ui.Empty{Icon: "check", Title: ui.T("No line is refused.")},
		Columns: []kit.Column[porting.Fault]{
			{Title: ui.T("Line"), Name: "line", Cell: func(f porting.Fault) kit.Cell { return kit.Count(int64(f.Line)) }},
			{Title: ui.T("Kind of line"), Name: "kind", Cell: kindCell},
			{Title: ui.T("Where"), Name: "pointer", Cell: func(f porting.Fault) kit.Cell { return kit.Cell{Text: f.Pointer, Code: true} }},
			{Title: ui.T("Why"), Name: "detail", Cell: func(f porting.Fault) kit.Cell {
				return kit.Cell{Say: say(v, f.Trouble), Also: f.Code, Raw: f.Code + ": " + f.Detail}
			}},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]porting.Fault, string, error) { return c.faults(ctx, i.ID, q) },
	}
	crumbs := append(v.Crumbs(ui.T("Import and export"), allPath), ui.Link{Text: formatText(i.Format), Href: c.Path(kit.Fill(onePath, i.ID))})
	return l.Show(v, ui.T("Refused lines"), kit.Around{Crumbs: crumbs})
}

func kindCell(f porting.Fault) kit.Cell {
	return kit.Cell{Say: kindText(f.Kind), Raw: string(f.Kind)}
}

func (c *Console) faults(ctx context.Context, id string, q kit.Query) ([]porting.Fault, string, error) {
	after := 0
	if q.After != "" {
		var err error
		if after, err = strconv.Atoi(q.After); err != nil || after < 1 {
			return nil, "", errPlace
		}
	}
	page, next, err := c.o.Imports.Faults(ctx, id, after, q.Limit)
	if err != nil || next == 0 {
		return page, "", err
	}
	return page, strconv.Itoa(next), nil
}
