package console

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// counted is how many things are counted at most one by one.
const counted = 1000

// sessionsHit counts sessions and names whose some of them are.
func (c *Console) sessionsHit(ctx context.Context, label ui.Text, of session.Whose) (kit.Hit, error) {
	n, err := c.o.Sessions.Count(ctx, of)
	if err != nil {
		return kit.Hit{}, err
	}
	page, _, err := c.o.Sessions.Search(ctx, session.Query{Person: of.Person, Connection: of.Connection, Limit: kit.NamesShown})
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: n}
	for _, s := range page {
		h.Names = append(h.Names, kit.Cell{Text: cmp.Or(s.Name, s.Person), Also: browserOf(s.Session), Href: c.sessionPath(s.ID)})
	}
	return h, nil
}

// accessHit counts what apps hold of people that q selects, and names some.
func (c *Console) accessHit(ctx context.Context, label ui.Text, q grant.Query) (kit.Hit, error) {
	q.Limit = counted
	held, next, err := c.o.Grants.SearchAccess(ctx, q, c.Now())
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: int64(len(held)), More: next != ""}
	var names titles
	if q.App == "" {
		if names, err = c.appTitles(ctx); err != nil {
			return kit.Hit{}, err
		}
	}
	for _, one := range held[:min(len(held), kit.NamesShown)] {
		if q.App == "" {
			h.Names = append(h.Names, names.cell(one.App))
		} else {
			h.Names = append(h.Names, kit.Cell{Text: cmp.Or(one.Name, one.Person), Href: c.personPath(one.Person)})
		}
	}
	return h, nil
}

// peopleHit counts the people who have an account at a connection, and names some.
func (c *Console) peopleHit(ctx context.Context, label ui.Text, connection string) (kit.Hit, error) {
	page, next, err := c.o.Directory.Search(ctx, directory.Query{Connection: connection, Limit: counted})
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: int64(len(page)), More: next != ""}
	for _, p := range page[:min(len(page), kit.NamesShown)] {
		h.Names = append(h.Names, kit.Cell{Text: kit.NameOf(p), Href: c.personPath(p.ID)})
	}
	return h, nil
}
