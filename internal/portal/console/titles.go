package console

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// titles finds apps by their internal ids.
type titles struct {
	c    *Console
	apps map[string]*registry.Client
}

func (c *Console) appTitles(ctx context.Context) (titles, error) {
	all, err := c.o.Clients(ctx)
	if err != nil {
		return titles{}, err
	}
	t := titles{c, make(map[string]*registry.Client, len(all))}
	for _, client := range all {
		t.apps[client.App] = client
	}
	return t, nil
}

// cell names an app and leads to it. One that was removed has only its id.
func (t titles) cell(id string) kit.Cell {
	a, ok := t.apps[id]
	if !ok {
		return kit.Cell{Say: ui.T("an app that was removed"), Also: id}
	}
	return kit.Cell{Text: cmp.Or(a.Title, a.Name), Href: t.path(id)}
}

// path leads to an app that is there.
func (t titles) path(id string) string { return t.c.Path(kit.Fill("/apps/{name}", t.apps[id].Name)) }

// name is what an app is called, or its id.
func (t titles) name(id string) string {
	if a, ok := t.apps[id]; ok {
		return cmp.Or(a.Title, a.Name)
	}
	return id
}

// join names several apps.
func (t titles) join(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = t.name(id)
	}
	return strings.Join(names, ", ")
}

// options are the choices of a filter.
func (t titles) options() []ui.Option {
	var all []ui.Option
	for id := range t.apps {
		all = append(all, ui.Option{Value: id, Text: ui.Plain(t.name(id))})
	}
	slices.SortFunc(all, func(a, b ui.Option) int { return cmp.Compare(a.Text.English(), b.Text.English()) })
	return append([]ui.Option{kit.Anything()}, all...)
}
