package console

import (
	"errors"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// refs names what audit entries speak of, for one page: people and apps by what they
// are called, each looked up once.
type refs struct {
	c      *Console
	v      *kit.Visit
	people map[string]string
	titles *titles
	// bare leaves ids as they are: a file has no use for names that change.
	bare bool
}

func (c *Console) refs(v *kit.Visit) *refs {
	return &refs{c: c, v: v, people: map[string]string{}, bare: v.Exports()}
}

// cell names something, and leads to it where it has a page.
func (n *refs) cell(r identity.Ref) kit.Cell {
	c := n.c
	named := kit.Cell{Text: r.ID, Code: true, Raw: r.String(), Also: string(r.Kind)}
	if n.bare || r.IsZero() {
		return named
	}
	switch r.Kind {
	case identity.KindPerson:
		return kit.Cell{Text: n.person(r.ID), Raw: named.Raw, Href: c.personPath(r.ID)}
	case identity.KindApp:
		return n.app(r.ID, named)
	case identity.KindConnection:
		named.Href = c.connectionPath(r.ID)
	case identity.KindGroup:
		if connection, id, ok := strings.Cut(r.ID, "/"); ok {
			named.Text, named.Href = id, c.groupPath(identity.GroupRef{Connection: connection, ID: id})
		}
	case identity.KindSession:
		named.Href = c.sessionPath(r.ID)
	case identity.KindKey:
		named.Href = c.Path("/keys")
	case identity.KindOperator:
		return kit.Cell{Say: ui.T("Operator on the broker's machine"), Raw: named.Raw}
	case identity.KindSystem:
		return kit.Cell{Say: ui.T("The broker itself"), Also: r.ID, Raw: named.Raw}
	default:
	}
	return named
}

// person is what somebody is called, or their id when nobody can be asked.
func (n *refs) person(id string) string {
	if name, ok := n.people[id]; ok {
		return name
	}
	name := id
	p, err := n.c.o.Directory.Person(n.v.Context(), id)
	if err == nil {
		name = kit.NameOf(p)
	} else if !errors.Is(err, directory.ErrPersonNotFound) {
		return id // the page is worth more than one name on it
	}
	n.people[id] = name
	return name
}

func (n *refs) app(id string, bare kit.Cell) kit.Cell {
	if n.titles == nil {
		t, err := n.c.appTitles(n.v.Context())
		if err != nil {
			return bare
		}
		n.titles = &t
	}
	if _, ok := n.titles.apps[id]; !ok {
		return bare
	}
	named := n.titles.cell(id)
	named.Raw = bare.Raw
	return named
}
