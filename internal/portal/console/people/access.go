package people

import (
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) askWithdraw(v *kit.Visit) (kit.Confirmation, error) {
	ctx := v.Context()
	p, err := c.o.Directory.Person(ctx, v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	names, err := c.AppTitles(ctx)
	if err != nil {
		return kit.Confirmation{}, err
	}
	held, err := grant.AccessOf(ctx, c.o.Grants, p.ID, c.Now())
	if err != nil {
		return kit.Confirmation{}, err
	}
	app := v.PathValue("app")
	q := kit.Confirmation{
		Title: ui.T("Withdraw the access of %s?", names.Name(app)), Button: ui.T("Withdraw"), Back: "/people/" + p.ID, State: app,
		Lead: ui.T("The app's tokens for this person stop at once. When they open it next, they are asked again where consent is needed."),
		Hits: []kit.Hit{kit.Hitting(ui.T("Person"), kit.Cell{Text: kit.NameOf(p), Also: p.Profile.Email, Href: c.PersonPath(p.ID)})},
	}
	for _, a := range held {
		if a.App == app {
			var scopes []kit.Cell
			for _, s := range a.Scopes {
				scopes = append(scopes, kit.Cell{Text: s, Code: true})
			}
			q.Hits = append(q.Hits, kit.Naming(ui.T("What it may use so far"), scopes))
		}
	}
	return q, nil
}
