package console

import (
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func personTag(p directory.Person) ui.Tag {
	if p.Disabled {
		return ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
	}
	return ui.Tag{Text: ui.T("Active"), Tone: ui.Good}
}

func (c *Console) personPath(id string) string { return c.Path(kit.Fill("/people/{id}", id)) }

func (c *Console) peopleList(v *kit.Visit) *kit.List[directory.Person] {
	return &kit.List[directory.Person]{
		Name: "people", Path: c.Path("/people"), Sorted: string(directory.ByName),
		Caption: ui.T("People"), Empty: ui.Empty{Icon: "people", Title: ui.T("Nobody is like that."), Text: ui.T("People are here once they have signed in.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Name or e-mail address"), Type: "search"},
			{Name: "disabled", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: "false", Text: ui.T("Active")}, {Value: "true", Text: ui.T("Disabled")}}},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(v.Context())},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		Columns: []kit.Column[directory.Person]{
			{Title: ui.T("Name"), Name: "name", Sort: "name", Cell: func(p directory.Person) kit.Cell {
				return kit.Cell{Text: kit.NameOf(p), Also: p.Profile.Username, Href: c.personPath(p.ID)}
			}},
			{Title: ui.T("E-mail"), Name: "email", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Text: p.Profile.Email} }},
			{Title: ui.T("State"), Name: "state", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Tags: []ui.Tag{personTag(p)}} }},
			{Title: ui.T("Connections"), Name: "connections", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Text: connectionsOf(p)} }},
			{Title: ui.T("Changed"), Name: "updated", Sort: "updated", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Time: p.Updated} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]directory.Person, string, error) {
			return c.o.Directory.Search(ctx, directory.Query{
				Text: q.Get("q"), Disabled: kit.Truth(q.Get("disabled")), Connection: q.Get("connection"), Group: q.Get("group"),
				Sort: directory.Sort(q.Order()), Limit: q.Limit, After: q.After,
			})
		},
	}
}

// connectionsOf names the connections that a person came over, each once.
func connectionsOf(p directory.Person) string {
	var all []string
	seen := map[string]bool{}
	for _, i := range p.Identities {
		if !seen[i.Connection] {
			seen[i.Connection], all = true, append(all, i.Connection)
		}
	}
	return strings.Join(all, ", ")
}

func (c *Console) showPeople(v *kit.Visit) (kit.Answer, error) {
	return c.peopleList(v).Show(v, ui.T("People"), kit.Around{})
}

// errSeveral refuses words that more than one person is like, where one is meant.
var errSeveral = fault.New(fault.Invalid, "person_ambiguous", "several people are like that: write the whole e-mail address or user name").At("person")

// nobody is an id that nobody has.
const nobody = "-"

// personLike finds the one person that is meant by an id, an e-mail address, a user
// name or a part of a name. For nothing it returns nothing, for who is not there
// nobody.
func (c *Console) personLike(ctx context.Context, text string) (id string, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	p, err := c.o.Directory.Person(ctx, text)
	if !errors.Is(err, directory.ErrPersonNotFound) {
		return p.ID, err
	}
	found, _, err := c.o.Directory.Search(ctx, directory.Query{Text: text, Limit: kit.Few})
	if err != nil {
		return "", err
	}
	for _, one := range found {
		if strings.EqualFold(one.Profile.Email, text) || strings.EqualFold(one.Profile.Username, text) {
			return one.ID, nil
		}
	}
	switch len(found) {
	case 0:
		return nobody, nil
	case 1:
		return found[0].ID, nil
	}
	return "", errSeveral
}
