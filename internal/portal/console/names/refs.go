package names

import (
	"errors"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Refs names what audit entries speak of, for one page: people, apps and API tokens by
// what they are called, each looked up once.
type Refs struct {
	names  *Names
	v      *kit.Visit
	people map[string]string
	titles *Titles
	tokens map[string]string // nil until one is named
	// bare leaves ids as they are: a file has no use for names that change.
	bare bool
}

// Refs are for the page of a visit.
func (n *Names) Refs(v *kit.Visit) *Refs {
	return &Refs{names: n, v: v, people: map[string]string{}, bare: v.Exports()}
}

// Cell names something, and leads to it where it has a page.
func (r *Refs) Cell(ref identity.Ref) kit.Cell {
	named := kit.Cell{Text: ref.ID, Code: true, Raw: ref.String(), Also: string(ref.Kind)}
	if r.bare || ref.IsZero() {
		return named
	}
	switch ref.Kind {
	case identity.KindPerson:
		return kit.Cell{Text: r.person(ref.ID), Raw: named.Raw, Href: r.names.PersonPath(ref.ID)}
	case identity.KindApp:
		return r.app(ref.ID, named)
	case identity.KindConnection:
		named.Href = r.names.ConnectionPath(ref.ID)
	case identity.KindGroup:
		if connection, id, ok := strings.Cut(ref.ID, "/"); ok {
			named.Text, named.Href = id, r.names.GroupPath(identity.GroupRef{Connection: connection, ID: id})
		}
	case identity.KindSession:
		named.Href = r.names.SessionPath(ref.ID)
	case identity.KindToken:
		if name := r.token(ref.ID); name != "" {
			named.Text, named.Code = name, false
		}
	case identity.KindKey:
		named.Href = r.names.Path("/keys")
	case identity.KindOperator:
		return kit.Cell{Say: ui.T("Operator on the broker's machine"), Raw: named.Raw}
	case identity.KindSystem:
		return kit.Cell{Say: ui.T("The broker itself"), Also: ref.ID, Raw: named.Raw}
	default:
	}
	return named
}

// person is what somebody is called, or their id when nobody can be asked.
func (r *Refs) person(id string) string {
	if name, ok := r.people[id]; ok {
		return name
	}
	name := id
	p, err := r.names.o.Directory.Person(r.v.Context(), id)
	if err == nil {
		name = kit.NameOf(p)
	} else if !errors.Is(err, directory.ErrPersonNotFound) {
		return id // the page is worth more than one name on it
	}
	r.people[id] = name
	return name
}

// token is what an API token is called, or "" for one that is gone, and for an issued one.
func (r *Refs) token(id string) string {
	if r.tokens == nil {
		r.tokens = map[string]string{}
		all, err := r.names.o.Tokens(r.v.Context())
		if err != nil {
			return "" // the page is worth more than one name on it
		}
		for _, t := range all {
			r.tokens[t.ID] = t.Name
		}
	}
	return r.tokens[id]
}

func (r *Refs) app(id string, bare kit.Cell) kit.Cell {
	if r.titles == nil {
		t, err := r.names.AppTitles(r.v.Context())
		if err != nil {
			return bare
		}
		r.titles = &t
	}
	if _, ok := r.titles.apps[id]; !ok {
		return bare
	}
	named := r.titles.Cell(id)
	named.Raw = bare.Raw
	return named
}
