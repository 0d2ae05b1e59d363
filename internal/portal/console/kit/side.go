package kit

import (
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Place is a line of the navigation.
type Place struct {
	// Path is that of a rule, below Base.
	Path, Icon string
	Text       ui.Text
	// Also are paths elsewhere whose pages, and those below them, belong to the place.
	Also []string
}

// holds reports whether the page of a rule belongs to the place.
func (p Place) holds(rule string) bool {
	if p.Path == "" {
		return rule == ""
	}
	return slices.ContainsFunc(append([]string{p.Path}, p.Also...), func(path string) bool {
		rest, within := strings.CutPrefix(rule, path)
		return within && (rest == "" || rest[0] == '/')
	})
}

// navigation is what whoever visits may look at.
func (v *Visit) navigation() []ui.Nav {
	var all []ui.Nav
	for _, p := range v.s.side {
		if v.may(v.s.rule(p.Path), "", "") {
			all = append(all, ui.Nav{Text: p.Text, Href: Base + p.Path, Icon: p.Icon, Current: p.holds(v.rule.Path)})
		}
	}
	return all
}
