package names

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// like finds who may be meant by an id, an e-mail address, a user name or a part of a
// name: one where it is clear, or some of several.
func (n *Names) like(ctx context.Context, text string) ([]directory.Person, error) {
	p, err := n.o.Directory.Person(ctx, text)
	if err == nil {
		return []directory.Person{p}, nil
	}
	if !errors.Is(err, directory.ErrPersonNotFound) {
		return nil, err
	}
	found, _, err := n.o.Directory.Search(ctx, directory.Query{Text: text, Limit: kit.Few})
	if err != nil {
		return nil, err
	}
	exact := slices.DeleteFunc(slices.Clone(found), func(p directory.Person) bool {
		return !strings.EqualFold(p.Profile.Email, text) && !strings.EqualFold(p.Profile.Username, text)
	})
	if len(exact) > 0 {
		return exact, nil
	}
	return found, nil
}

// Person finds who is meant by the field of a form, in which it says who that is, or what
// is wrong: then it returns the zero Person. closed shows nobody who might be meant, to who
// may not look at people.
func (n *Names) Person(v *kit.Visit, f *ui.Field, closed bool) (directory.Person, error) {
	if f.Value == "" {
		f.Wrong = ui.T("Write who it is about: an e-mail address, a user name or an id.")
		return directory.Person{}, nil
	}
	found, err := n.like(v.Context(), f.Value)
	if err != nil {
		return directory.Person{}, err
	}
	if len(found) == 1 && (!closed || isExact(found[0], f.Value)) {
		f.Hint = ui.Plain(titled(found[0]))
		return found[0], nil
	}
	f.Wrong = ui.T("Nobody is like that. Write an e-mail address, a user name or an id.")
	if len(found) > 0 && !closed {
		f.Wrong = ui.T("Several people are like that: choose one.")
		for _, p := range found {
			f.Choices = append(f.Choices, ui.Link{Text: ui.Plain(titled(p)), Href: here(v, f.Name, p.ID)})
		}
	}
	return directory.Person{}, nil
}

func isExact(p directory.Person, text string) bool {
	return p.ID == text || strings.EqualFold(p.Profile.Email, text) || strings.EqualFold(p.Profile.Username, text)
}

// titled tells people of one name apart.
func titled(p directory.Person) string {
	name := kit.NameOf(p)
	if p.Profile.Email != "" && p.Profile.Email != name {
		name += " · " + p.Profile.Email
	}
	return name
}

// here is the address of the page with another value of a parameter.
func here(v *kit.Visit, name, value string) string {
	query := v.Request.URL.Query()
	query.Set(name, value)
	return v.Path(strings.TrimPrefix(v.Request.URL.EscapedPath(), kit.Base)) + "?" + query.Encode()
}

// Client finds the app that is meant by the field of a form: by its name, its title or its
// client id. It says at the field what is wrong, and then returns nil.
func (n *Names) Client(v *kit.Visit, f *ui.Field) (*registry.Client, error) {
	if f.Value == "" {
		f.Wrong = ui.T("Write which app it is about: its name, its title or its client id.")
		return nil, nil //nolint:nilnil // what is wrong stands at the field
	}
	all, err := n.o.Clients(v.Context())
	if err != nil {
		return nil, err
	}
	for _, same := range []func(*registry.Client) bool{
		func(c *registry.Client) bool { return c.Name == f.Value || c.ID == f.Value },
		func(c *registry.Client) bool {
			return strings.EqualFold(c.Title, f.Value) || strings.EqualFold(c.Name, f.Value)
		},
		func(c *registry.Client) bool {
			return strings.Contains(strings.ToLower(c.Title), strings.ToLower(f.Value))
		},
	} {
		found := slices.DeleteFunc(slices.Clone(all), func(c *registry.Client) bool { return !same(c) })
		if len(found) == 1 {
			f.Hint = ui.Plain(found[0].Title)
			return found[0], nil
		}
		if len(found) > 1 {
			f.Wrong = ui.T("Several apps are like that: choose one.")
			for _, c := range found[:min(len(found), kit.Few)] {
				f.Choices = append(f.Choices, ui.Link{Text: ui.Plain(c.Title + " · " + c.Name), Href: here(v, f.Name, c.Name)})
			}
			return nil, nil //nolint:nilnil // what is wrong stands at the field
		}
	}
	f.Wrong = ui.T("No app is like that. Write its name, its title or its client id.")
	return nil, nil //nolint:nilnil // what is wrong stands at the field
}

// ConnectionTitles are what people call the connections, by id.
func (n *Names) ConnectionTitles(ctx context.Context) (map[string]string, error) {
	all, err := n.o.Connections.All(ctx)
	if err != nil {
		return nil, err
	}
	titles := make(map[string]string, len(all))
	for _, one := range all {
		titles[one.Settings.ID] = one.Title()
	}
	return titles, nil
}
