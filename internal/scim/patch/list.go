package patch

import (
	"encoding/json"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

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
