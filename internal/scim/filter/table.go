package filter

import "strings"

// Table is a Resolver for a fixed set of attributes. It is safe for concurrent use once
// filled.
type Table struct {
	core  string
	urns  []string
	exact map[Path]entry
	fold  map[Path]entry
}

type entry struct {
	path Path
	of   Attribute
}

// NewTable returns an empty Table for a resource type with this core schema and these
// extensions.
func NewTable(core string, extensions ...string) *Table {
	return &Table{core: core, urns: append([]string{core}, extensions...), exact: map[Path]entry{}, fold: map[Path]entry{}}
}

// Add adds an attribute or a sub-attribute.
func (t *Table) Add(p Path, of Attribute) {
	t.exact[p], t.fold[folded(p)] = entry{p, of}, entry{p, of}
}

func folded(p Path) Path {
	return Path{strings.ToLower(p.URN), strings.ToLower(p.Attribute), strings.ToLower(p.Sub)}
}

// Prefix implements Resolver.
func (t *Table) Prefix(name string) string {
	longest := ""
	for _, urn := range t.urns {
		if len(urn) <= len(longest) || len(name) < len(urn) || !strings.EqualFold(name[:len(urn)], urn) {
			continue
		}
		if len(name) == len(urn) || name[len(urn)] == ':' {
			longest = urn
		}
	}
	return longest
}

// Resolve implements Resolver.
func (t *Table) Resolve(p Path) (Path, Attribute, bool) {
	if strings.EqualFold(p.URN, t.core) {
		p.URN = ""
	}
	e, ok := t.exact[p]
	if !ok {
		e, ok = t.fold[folded(p)]
	}
	return e.path, e.of, ok
}
