package patch

import (
	"reflect"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// Apply applies steps to a resource, in order, and returns it changed; r itself stays as
// it is. It fails with ErrTarget, with resource.ErrMutability for what has to stay, and
// with what resource.Type.Check finds in the outcome, and with ErrLooks where the request
// has looked at too much.
func Apply(t *resource.Type, r map[string]any, steps []Step, looks *Looks) (map[string]any, error) {
	out := resource.Copy(r)
	for _, s := range steps {
		if err := s.apply(t, out, looks); err != nil {
			return nil, err
		}
	}
	for _, a := range t.Core.Attributes {
		p := filter.Path{Attribute: a.Name()}
		if _, is := out[a.Name()]; !is && r[a.Name()] != nil && t.Required(p) {
			return nil, resource.Bad(resource.ErrMutability, "%s is required: it cannot be removed", p)
		}
	}
	if err := immutable(t, r, out); err != nil {
		return nil, err
	}
	return out, t.Check(out)
}

// immutable refuses another value of what is set once (RFC 7643, section 2.2).
func immutable(t *resource.Type, was, is map[string]any) error {
	for _, e := range t.Extensions {
		old, _ := was[e.ID].(map[string]any)
		now, _ := is[e.ID].(map[string]any)
		for _, a := range e.Attributes {
			if v, set := old[a.Name()]; set && a.Mutability() == "immutable" && !same(v, now[a.Name()]) {
				return resource.Bad(resource.ErrMutability, "%s is set once and stays", filter.Path{URN: e.ID, Attribute: a.Name()})
			}
		}
	}
	return nil
}

func (s Step) apply(t *resource.Type, r map[string]any, looks *Looks) error {
	p := s.Path.Path
	if p.Attribute == "" {
		delete(r, p.URN)
		return nil
	}
	of := r
	if p.URN != "" {
		if of, _ = r[p.URN].(map[string]any); of == nil {
			of = map[string]any{}
		}
		r[p.URN] = of
	}
	var err error
	if a, _ := t.Attribute(filter.Path{URN: p.URN, Attribute: p.Attribute}); a.MultiValued() {
		err = s.many(of, looks)
	} else {
		err = s.one(of)
	}
	if p.URN != "" && len(of) == 0 {
		delete(r, p.URN)
	}
	return err
}

// gone reports whether the step takes away what is at its path.
func (s Step) gone() bool { return s.Op == Remove || s.Op == Replace && s.Value == nil }

// one changes an attribute with one value.
func (s Step) one(of map[string]any) error {
	p := s.Path.Path
	if s.Path.Where != nil && !filter.MatchElement(s.Path.Where, p, of[p.Attribute]) {
		return resource.Bad(ErrTarget, "%s is not what the path asks for", p.Attribute)
	}
	if s.Op == Add && s.Value == nil {
		return nil
	}
	if p.Sub == "" {
		if s.gone() {
			delete(of, p.Attribute)
			return nil
		}
		of[p.Attribute] = merged(of[p.Attribute], s.Value)
		return nil
	}
	object, _ := of[p.Attribute].(map[string]any)
	object = s.sub(object)
	if of[p.Attribute] = object; len(object) == 0 {
		delete(of, p.Attribute)
	}
	return nil
}

// merged lays an object over another one (RFC 7644, sections 3.5.2.1 and 3.5.2.3): what
// it does not name stays, unless it names another value, about which the rest said
// something.
func merged(was, now any) any {
	old, _ := was.(map[string]any)
	object, ok := now.(map[string]any)
	if !ok || old == nil {
		return clone(now)
	}
	if v, names := object["value"]; names && old["value"] != v {
		return clone(object)
	}
	for k, v := range object {
		old[k] = clone(v)
	}
	return old
}

func clone(v any) any {
	return resource.Copy(map[string]any{"": v})[""]
}

// sub sets or takes away a sub-attribute.
func (s Step) sub(object map[string]any) map[string]any {
	name := s.Path.Path.Sub
	if object == nil {
		object = map[string]any{}
	}
	if s.gone() {
		delete(object, name)
		return object
	}
	if _, ref := object["$ref"]; ref && name == "value" && object[name] != s.Value {
		delete(object, "$ref")
	}
	object[name] = clone(s.Value)
	return object
}

// same compares two values, whatever Go type a number of theirs has.
func same(a, b any) bool {
	if x, ok := filter.NumberOf(a); ok {
		y, ok := filter.NumberOf(b)
		return ok && x == y
	}
	return reflect.DeepEqual(a, b)
}
