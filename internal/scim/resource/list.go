package resource

import (
	"bytes"
	"encoding/json"
	"iter"
)

// List is a long list of a body: its text, which was checked, and of which each element
// is made when it is looked at. A list of a hundred thousand members takes its text and
// one member that way, where the values of all would take twenty times as much.
type List struct {
	text []byte
	size int
	each func(any) any // what becomes of an element, nil for nothing
}

// Each returns the list with what f makes of each element.
func (l List) Each(f func(any) any) List {
	if of := l.each; of != nil {
		return List{l.text, l.size, func(v any) any { return f(of(v)) }}
	}
	return List{l.text, l.size, f}
}

// Elements returns the elements of a list of a body, short or long, and how many there
// are; ok is false for what is no list.
func Elements(v any) (all iter.Seq[any], size int, ok bool) {
	switch v := v.(type) {
	case []any:
		return func(yield func(any) bool) {
			for _, e := range v {
				if !yield(e) {
					return
				}
			}
		}, len(v), true
	case List:
		return v.all, v.size, true
	}
	return func(func(any) bool) {}, 0, false
}

// all reads the elements again. It cannot fail where the body's reading did not.
func (l List) all(yield func(any) bool) {
	budget := Budget{Values: len(l.text), Kept: len(l.text)} // each value has a byte at least
	d := newDecoder(l.text, &budget)
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		e, err := d.value(1)
		if err == nil && l.each != nil {
			e = l.each(e)
		}
		if err != nil || !yield(e) {
			return
		}
	}
}

// newDecoder reads text within a budget.
func newDecoder(text []byte, budget *Budget) decoder {
	d := decoder{Decoder: json.NewDecoder(bytes.NewReader(text)), text: text, left: budget}
	d.UseNumber()
	return d
}
