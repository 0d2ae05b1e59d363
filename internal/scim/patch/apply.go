package patch

import (
	"encoding/json"
	"reflect"
	"slices"

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

// many changes an attribute with several values.
func (s Step) many(of map[string]any, looks *Looks) error {
	name := s.Path.Path.Attribute
	list, _ := of[name].([]any)
	if err := looks.Take(s.looks(list)); err != nil {
		return err
	}
	var touched map[int]bool
	var err error
	switch {
	case s.Path.Where == nil && s.Path.Path.Sub == "":
		list, touched = s.list(list)
	default:
		list, touched, err = s.elements(list)
		if err == nil {
			err = looks.Take(changeValue * len(touched))
		}
	}
	if err != nil {
		return err
	}
	onePrimary(list, touched)
	if of[name] = list; len(list) == 0 {
		delete(of, name)
	}
	return nil
}

// looks is how many values the step looks at.
func (s Step) looks(list []any) int {
	if values, _ := s.Value.([]any); s.Op == Remove && s.Path.Where == nil {
		return len(list) * max(1, len(values))
	}
	return len(list)
}

// list adds, replaces or removes whole values.
func (s Step) list(list []any) ([]any, map[int]bool) {
	values, _ := s.Value.([]any)
	touched := map[int]bool{}
	switch s.Op {
	case Replace:
		list = nil
		for _, v := range values {
			list = append(list, clone(v))
		}
		return list, nil
	case Remove:
		if !s.Given {
			return nil, nil
		}
		var rest []any
		for _, e := range list {
			if !contains(values, e) {
				rest = append(rest, e)
			}
		}
		return rest, nil
	case Add:
		places := placesOf(list)
		for _, v := range values {
			is := placeOf(v)
			at, ok := places[is]
			if !ok {
				at = len(list)
				list, places[is] = append(list, nil), at
			}
			list[at] = merged(list[at], v)
			touched[at] = true
		}
	}
	return list, touched
}

// contains reports whether one of the values to be removed means e: all that it says is
// true of e.
func contains(values []any, e any) bool {
	for _, v := range values {
		object, ok := v.(map[string]any)
		element, is := e.(map[string]any)
		if !ok || !is {
			if same(v, e) {
				return true
			}
			continue
		}
		all := true
		for k, want := range object {
			all = all && same(element[k], want)
		}
		if all {
			return true
		}
	}
	return false
}

// place is what an element is found by in its list: one of the same value and type is the
// same one, and of what has no value an equal one.
type place struct {
	// value and typ are texts, as nearly all are.
	value, typ string
	// text is what else it is, in JSON.
	text string
}

func placeOf(v any) place {
	object, ok := v.(map[string]any)
	if value := object["value"]; ok && value != nil {
		value, plainly := value.(string)
		typ, typed := object["type"].(string)
		if plainly && typed && typ != "" {
			return place{value: value, typ: typ}
		}
		v = []any{plain(object["value"]), object["type"]}
	}
	text, err := json.Marshal(plain(v))
	if err != nil {
		return place{} // what came as JSON always encodes
	}
	return place{text: string(text)}
}

// plain is a value with its numbers of one Go type.
func plain(v any) any {
	if n, ok := filter.NumberOf(v); ok {
		return n
	}
	return v
}

// placesOf are the places of a list; of what stands in it twice, the first.
func placesOf(list []any) map[place]int {
	places := make(map[place]int, len(list))
	for i, e := range slices.Backward(list) {
		places[placeOf(e)] = i
	}
	return places
}

// elements changes the elements that the path selects, or one that it describes.
func (s Step) elements(list []any) ([]any, map[int]bool, error) {
	p := s.Path.Path
	var rest []any
	touched := map[int]bool{}
	found := false
	for _, e := range list {
		if s.Path.Where != nil && !filter.MatchElement(s.Path.Where, p, e) {
			rest = append(rest, e)
			continue
		}
		found = true
		object, _ := e.(map[string]any)
		if object = s.element(object); object != nil {
			touched[len(rest)] = true
			rest = append(rest, object)
		}
	}
	if found || s.gone() || s.Value == nil {
		return rest, touched, nil
	}
	object, ok := seed(map[string]any{}, s.Path.Where)
	if !ok {
		return nil, nil, resource.Bad(ErrTarget, "%s has no value that the path asks for", p.Attribute)
	}
	if p.Sub != "" {
		object = s.sub(object)
	} else if value, is := s.Value.(map[string]any); is {
		for k, v := range value {
			object[k] = clone(v)
		}
	}
	touched[len(rest)] = true
	return append(rest, object), touched, nil
}

// element changes one element, and returns nil for one that goes: also when nothing
// that it would be for is left in it.
func (s Step) element(object map[string]any) map[string]any {
	switch {
	case s.Op == Add && s.Value == nil:
		return object
	case s.Path.Path.Sub != "":
		object = s.sub(object)
		if s.gone() && hollow(object) {
			return nil
		}
		return object
	case s.gone():
		return nil
	}
	value, _ := s.Value.(map[string]any)
	if s.Op == Replace {
		if kept, ok := seed(map[string]any{}, s.Path.Where); ok {
			object = kept
		} else {
			object = map[string]any{}
		}
	}
	for k, v := range value {
		object[k] = clone(v)
	}
	return object
}

// hollow reports whether an element says nothing but what kind of thing it would be.
func hollow(object map[string]any) bool {
	for k := range object {
		if k != "type" && k != "primary" && k != "display" {
			return false
		}
	}
	return true
}

// seed makes the element that a filter describes, if it only asks for equality.
func seed(object map[string]any, x filter.Expr) (map[string]any, bool) {
	switch x := x.(type) {
	case nil:
		return object, true
	case filter.And:
		if object, ok := seed(object, x.L); ok {
			return seed(object, x.R)
		}
	case filter.Compare:
		if x.Op != filter.Eq || x.Path.Sub == "" {
			return nil, false
		}
		switch x.Value.Kind {
		case filter.Text:
			object[x.Path.Sub] = x.Value.Text
		case filter.Bool:
			object[x.Path.Sub] = x.Value.Bool
		case filter.Number:
			object[x.Path.Sub] = x.Value.Number
		case filter.Time:
			object[x.Path.Sub] = filter.FormatTime(x.Value.Time)
		case filter.Null:
			return nil, false
		}
		return object, true
	}
	return nil, false
}

// onePrimary keeps the primary value that was set last the only one (RFC 7644, section
// 3.5.2).
func onePrimary(list []any, touched map[int]bool) {
	set := false
	for i := range touched {
		e, _ := list[i].(map[string]any)
		set = set || e["primary"] == true
	}
	if !set {
		return
	}
	for i, e := range list {
		if object, _ := e.(map[string]any); !touched[i] && object["primary"] == true {
			object["primary"] = false
		}
	}
}

// same compares two values, whatever Go type a number of theirs has.
func same(a, b any) bool {
	if x, ok := filter.NumberOf(a); ok {
		y, ok := filter.NumberOf(b)
		return ok && x == y
	}
	return reflect.DeepEqual(a, b)
}
