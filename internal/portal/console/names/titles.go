package names

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Titles finds apps by their internal ids.
type Titles struct {
	names *Names
	apps  map[string]*registry.Client
}

// AppTitles are those of the apps of now.
func (n *Names) AppTitles(ctx context.Context) (Titles, error) {
	all, err := n.o.Clients(ctx)
	if err != nil {
		return Titles{}, err
	}
	t := Titles{n, make(map[string]*registry.Client, len(all))}
	for _, client := range all {
		t.apps[client.App] = client
	}
	return t, nil
}

// Cell names an app and leads to it. One that was removed has only its id.
func (t Titles) Cell(id string) kit.Cell {
	a, ok := t.apps[id]
	if !ok {
		return kit.Cell{Say: ui.T("an app that was removed"), Also: id}
	}
	return kit.Cell{Text: cmp.Or(a.Title, a.Name), Href: t.Path(id)}
}

// Told reports whether an app has an address at which it hears of the end of a session
// (OpenID Connect Back-Channel Logout 1.0).
func (t Titles) Told(id string) bool { return t.Has(id) && t.apps[id].BackchannelLogoutURI != "" }

// Has reports whether an app is there.
func (t Titles) Has(id string) bool { return t.apps[id] != nil }

// Path leads to an app that is there.
func (t Titles) Path(id string) string {
	return t.names.Path(kit.Fill("/apps/{name}", t.apps[id].Name))
}

// Name is what an app is called, or its id.
func (t Titles) Name(id string) string {
	if a, ok := t.apps[id]; ok {
		return cmp.Or(a.Title, a.Name)
	}
	return id
}

// NameOf is the name in the addresses of an app that is there.
func (t Titles) NameOf(id string) string { return t.apps[id].Name }

// Join names several apps.
func (t Titles) Join(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = t.Name(id)
	}
	return strings.Join(names, ", ")
}

// Options are the choices of a filter.
func (t Titles) Options() []ui.Option {
	var all []ui.Option
	for id := range t.apps {
		all = append(all, ui.Option{Value: id, Text: ui.Plain(t.Name(id))})
	}
	slices.SortFunc(all, func(a, b ui.Option) int { return cmp.Compare(a.Text.English(), b.Text.English()) })
	return append([]ui.Option{kit.Anything()}, all...)
}
