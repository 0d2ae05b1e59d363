package console

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// nameOf is what a person is called on a page.
func nameOf(p directory.Person) string {
	return cmp.Or(p.Profile.Name, p.Profile.Username, p.Profile.Email, p.ID)
}

func personTag(p directory.Person) ui.Tag {
	if p.Disabled {
		return ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
	}
	return ui.Tag{Text: ui.T("Active"), Tone: ui.Good}
}

func (c *Console) personPath(id string) string { return c.path(fill("/people/{id}", id)) }

// sorting is a list's order in the words of the nouns.
func sorting(q listQuery) string {
	if q.Down {
		return "-" + q.Sort
	}
	return q.Sort
}

// truth is a choice of "true" or "false"; nil when there is none.
func truth(value string) *bool {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return nil
	}
	return &b
}

// anything is the option that selects everything.
func anything() ui.Option { return ui.Option{Text: ui.T("All")} }

func (c *Console) peopleList(v *visit) *list[directory.Person] {
	return &list[directory.Person]{
		name: "people", path: c.path("/people"), sorted: string(directory.ByName),
		caption: ui.T("People"), empty: ui.Empty{Icon: "people", Title: ui.T("Nobody is like that."), Text: ui.T("People are here once they have signed in.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Name or e-mail address"), Type: "search"},
			{Name: "disabled", Label: ui.T("State"), Options: []ui.Option{anything(), {Value: "false", Text: ui.T("Active")}, {Value: "true", Text: ui.T("Disabled")}}},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(v.r.Context())},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		columns: []column[directory.Person]{
			{title: ui.T("Name"), name: "name", sort: "name", cell: func(p directory.Person) cell {
				return cell{Text: nameOf(p), Also: p.Profile.Username, Href: c.personPath(p.ID)}
			}},
			{title: ui.T("E-mail"), name: "email", cell: func(p directory.Person) cell { return cell{Text: p.Profile.Email} }},
			{title: ui.T("State"), name: "state", cell: func(p directory.Person) cell { return cell{Tags: []ui.Tag{personTag(p)}} }},
			{title: ui.T("Connections"), name: "connections", cell: func(p directory.Person) cell { return cell{Text: connectionsOf(p)} }},
			{title: ui.T("Changed"), name: "updated", sort: "updated", cell: func(p directory.Person) cell { return cell{Time: p.Updated} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]directory.Person, string, error) {
			return c.o.Directory.Search(ctx, directory.Query{
				Text: q.Get("q"), Disabled: truth(q.Get("disabled")), Connection: q.Get("connection"), Group: q.Get("group"),
				Sort: directory.Sort(sorting(q)), Limit: q.Limit, After: q.After,
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

func (c *Console) showPeople(v *visit) (answer, error) {
	return c.peopleList(v).show(v, ui.T("People"), listView{})
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
	found, _, err := c.o.Directory.Search(ctx, directory.Query{Text: text, Limit: few})
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
