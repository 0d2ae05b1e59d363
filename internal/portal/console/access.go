package console

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// offlineTag says that an app's access goes on while the person is away.
func offlineTag(a grant.Access) []ui.Tag {
	if a.Offline {
		return []ui.Tag{{Text: ui.T("Offline")}}
	}
	return nil
}

// usedCell is when an app last used what it holds.
func usedCell(a grant.Access) cell {
	if a.LastUse.IsZero() {
		return cell{Say: ui.T("never")}
	}
	return cell{Time: a.LastUse}
}

// joinedNonEmpty joins what is there.
func joinedNonEmpty(texts ...string) string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return strings.Join(some, ", ")
}

func (c *Console) askWithdraw(v *visit) (confirmation, error) {
	ctx := v.r.Context()
	p, err := c.o.Directory.Person(ctx, v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	names, err := c.appTitles(ctx)
	if err != nil {
		return confirmation{}, err
	}
	held, err := grant.AccessOf(ctx, c.o.Grants, p.ID, c.o.Now())
	if err != nil {
		return confirmation{}, err
	}
	app := v.r.PathValue("app")
	q := confirmation{
		title: ui.T("Withdraw the access of %s?", names.name(app)), button: ui.T("Withdraw"), back: "/people/" + p.ID, state: app,
		lead: ui.T("The app's tokens for this person stop at once. When they open it next, they are asked again where consent is needed."),
		hits: []hit{hitting(ui.T("Person"), cell{Text: nameOf(p), Also: p.Profile.Email, Href: c.personPath(p.ID)})},
	}
	for _, a := range held {
		if a.App == app {
			var scopes []cell
			for _, s := range a.Scopes {
				scopes = append(scopes, cell{Text: s, Code: true})
			}
			q.hits = append(q.hits, naming(ui.T("What it may use so far"), scopes))
		}
	}
	return q, nil
}
