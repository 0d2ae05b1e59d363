package names

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errSeveral refuses words that more than one person is like, where one is meant.
var errSeveral = fault.New(fault.Invalid, "person_ambiguous", "several people are like that: write the whole e-mail address or user name").At("person")

// nobody is an id that nobody has.
const nobody = "-"

// PersonLike finds the one person that is meant by an id, an e-mail address, a user
// name or a part of a name. For nothing it returns nothing, for who is not there
// nobody.
func (n *Names) PersonLike(ctx context.Context, text string) (id string, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	found, err := n.like(ctx, text)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return nobody, nil
	case 1:
		return found[0].ID, nil
	}
	return "", errSeveral
}

// ConnectionOptions are the choices of a filter. When they cannot be read, neither
// can the list that they are for, which says so.
func (n *Names) ConnectionOptions(ctx context.Context) []ui.Option {
	options := []ui.Option{kit.Anything()}
	all, err := n.o.Connections.All(ctx)
	if err != nil {
		return options
	}
	for _, one := range all {
		options = append(options, ui.Option{Value: one.Settings.ID, Text: ui.Plain(one.Title())})
	}
	return options
}

// Mapped returns the names of the upstream groups that have one.
func (n *Names) Mapped(ctx context.Context) (map[identity.GroupRef]string, error) {
	all, err := n.o.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[identity.GroupRef]string, len(all))
	for _, m := range all {
		names[m.Group] = m.Name
	}
	return names, nil
}
