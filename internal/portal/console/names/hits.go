package names

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Counted is how many things are counted at most one by one.
const Counted = 1000

// SessionsHit counts sessions and names whose some of them are.
func (n *Names) SessionsHit(ctx context.Context, label ui.Text, of session.Whose) (kit.Hit, error) {
	count, err := n.o.Sessions.Count(ctx, of)
	if err != nil {
		return kit.Hit{}, err
	}
	page, _, err := n.o.Sessions.Search(ctx, session.Query{Person: of.Person, Connection: of.Connection, Limit: kit.NamesShown})
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: count}
	for _, s := range page {
		h.Names = append(h.Names, kit.Cell{Text: cmp.Or(s.Name, s.Person), Also: Browser(s.Session), Href: n.SessionPath(s.ID)})
	}
	return h, nil
}

// AccessHit counts what apps hold of people that q selects, and names some.
func (n *Names) AccessHit(ctx context.Context, label ui.Text, q grant.Query) (kit.Hit, error) {
	q.Limit = Counted
	held, next, err := n.o.Grants.SearchAccess(ctx, q, n.Now())
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: int64(len(held)), More: next != ""}
	var names Titles
	if q.App == "" {
		if names, err = n.AppTitles(ctx); err != nil {
			return kit.Hit{}, err
		}
	}
	for _, one := range held[:min(len(held), kit.NamesShown)] {
		if q.App == "" {
			h.Names = append(h.Names, names.Cell(one.App))
		} else {
			h.Names = append(h.Names, kit.Cell{Text: cmp.Or(one.Name, one.Person), Href: n.PersonPath(one.Person)})
		}
	}
	return h, nil
}

// PeopleHit counts the people who have an account at a connection, and names some.
func (n *Names) PeopleHit(ctx context.Context, label ui.Text, connection string) (kit.Hit, error) {
	page, next, err := n.o.Directory.Search(ctx, directory.Query{Connection: connection, Limit: Counted})
	if err != nil {
		return kit.Hit{}, err
	}
	h := kit.Hit{Label: label, Count: int64(len(page)), More: next != ""}
	for _, p := range page[:min(len(page), kit.NamesShown)] {
		h.Names = append(h.Names, kit.Cell{Text: kit.NameOf(p), Href: n.PersonPath(p.ID)})
	}
	return h, nil
}
