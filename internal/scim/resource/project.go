package resource

import (
	"slices"

	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// Projection says which attributes an answer has (RFC 7644, section 3.9). The zero value
// is the default.
type Projection struct {
	// limited says that only what is named goes out, beside what always does.
	limited      bool
	only, except []filter.Path
}

// NewProjection reads what attributes and excludedAttributes name. Names that the type
// does not have select nothing.
func (t *Type) NewProjection(attributes, excluded []string) Projection {
	p := Projection{limited: len(attributes) > 0}
	read := func(names []string) (paths []filter.Path) {
		for _, name := range names {
			if path, _, err := filter.ParseAttribute(name, t.Paths); err == nil {
				paths = append(paths, path)
			}
		}
		return paths
	}
	p.only, p.except = read(attributes), read(excluded)
	return p
}

// Wants reports whether an attribute goes out, as far as it is there.
func (t *Type) Wants(p Projection, at filter.Path) bool {
	a, ok := t.attributes[at]
	if !ok || a.Returned() == "never" {
		return false
	}
	if a.Returned() == "always" || at.Attribute == "schemas" {
		return true
	}
	if !p.limited {
		return a.Returned() != "request" && !t.covered(p.except, at)
	}
	named := func(o filter.Path) bool { return o.URN == at.URN && o.Attribute == at.Attribute }
	return (slices.ContainsFunc(p.only, named) || t.covered(p.only, at)) && !t.covered(p.except, at)
}

// covered reports whether one of the paths names at, what it is part of, or its schema.
func (t *Type) covered(paths []filter.Path, at filter.Path) bool {
	return slices.ContainsFunc(paths, func(o filter.Path) bool {
		switch {
		case o.Attribute == "":
			return o.URN == at.URN || at.URN == "" && o.URN == t.Core.ID
		case o.Sub == "":
			return o.URN == at.URN && o.Attribute == at.Attribute
		}
		return o == at
	})
}

// Project returns what of a whole resource goes out. It shares values with r.
func (t *Type) Project(r map[string]any, p Projection) map[string]any {
	out := map[string]any{}
	for name, v := range r {
		if slices.ContainsFunc(t.Extensions, func(e schema.Schema) bool { return e.ID == name }) {
			of, _ := v.(map[string]any)
			kept := map[string]any{}
			for sub, v := range of {
				t.keep(kept, p, filter.Path{URN: name, Attribute: sub}, v)
			}
			if len(kept) > 0 {
				out[name] = kept
			}
			continue
		}
		t.keep(out, p, filter.Path{Attribute: name}, v)
	}
	return out
}

// keep puts what goes out of one attribute.
func (t *Type) keep(to map[string]any, p Projection, at filter.Path, v any) {
	if !t.Wants(p, at) {
		return
	}
	if a := t.attributes[at]; a.AttributeType() != "complex" || a.Returned() == "always" {
		to[at.Attribute] = v
		return
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			if kept := t.Sub(p, at, e); kept != nil {
				list = append(list, kept)
			}
		}
		if len(list) > 0 {
			to[at.Attribute] = list
		}
	default:
		if kept := t.Sub(p, at, v); kept != nil {
			to[at.Attribute] = kept
		}
	}
}

// Sub returns what goes out of one value with sub-attributes, nil for nothing.
func (t *Type) Sub(p Projection, at filter.Path, v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	kept := map[string]any{}
	for name, v := range object {
		sub := filter.Path{URN: at.URN, Attribute: at.Attribute, Sub: name}
		a := t.attributes[sub]
		switch {
		case a.Returned() == "never":
		case a.Returned() == "always":
			kept[name] = v
		case t.covered(p.except, sub) || p.limited && !t.covered(p.only, sub):
		case !p.limited && a.Returned() == "request":
		default:
			kept[name] = v
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
