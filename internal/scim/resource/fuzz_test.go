package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// FuzzDecode holds that Decode reads what encoding/json reads, as it reads it, but for the
// bodies that two readers could read in two ways, and that whatever it refuses is the
// client's fault.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"zoe","active":true,"n":[1,-0,1.50,2e400],"x":null}`,
		`{"a":1,"a":2}`, `{"a":{"b":[{"c":1,"c":1}]}}`, `{"a":"\ud800","\u0061":"\/"}`, `{"a":1}{}`, `{"a":1,}`, `{"a":[1,]}`, `{,}`, `{"a" 1}`, `[{}]`, `1`, ``,
		`{"a":01}`, "{\"a\":\"\xff\"}", "{\"a\":\"\x00\"}", "\ufeff{}", `{"a":[[1,2],{"b":[]}]} `, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"a":[` + strings.Repeat("1,", 70) + `{"b":1}]}`, `{"a":{"b":[` + strings.Repeat(`{"v":"x"},`, 70) + `[]]}}`,
	} {
		f.Add([]byte(text), 10)
	}
	f.Fuzz(func(t *testing.T, raw []byte, few int) {
		ample := Budget{Values: len(raw) + 1, Kept: len(raw) + 1}
		got, err := Decode(raw, ample)
		want, plain := reference(raw)
		switch {
		case err == nil && want == nil:
			t.Fatalf("%q is read as %v, and is no JSON object", raw, got)
		case err == nil && !plain:
			t.Fatalf("%q is read as %v, and has a name twice or nests deep", raw, got)
		case err == nil && !reflect.DeepEqual(expanded(got), any(want)):
			t.Fatalf("%q is read as %v, and not as %v", raw, expanded(got), want)
		case err != nil && plain:
			t.Fatalf("%q is refused: %v", raw, err)
		case err != nil && !errors.Is(err, ErrSyntax):
			t.Fatalf("%q is refused for something else: %v", raw, err)
		}
		few = max(0, min(few, len(raw)))
		poor, short := Decode(raw, Budget{Values: few, Kept: few})
		switch {
		case short == nil && err != nil, short == nil && !reflect.DeepEqual(expanded(poor), expanded(got)):
			t.Fatalf("%q is read as %v with %d values, and as %v (%v) with enough", raw, poor, few, got, err)
		case short != nil && fault.As(short).Kind != fault.Invalid, short != nil && err == nil && !errors.Is(short, ErrValues):
			t.Fatalf("%q with %d values: %v", raw, few, short)
		}
	})
}

// reference is what encoding/json reads, nil where that is no object, and whether any
// other reader would read the same: it is UTF-8, has no name twice, and is not deeper than
// a message may be.
func reference(raw []byte) (of map[string]any, plain bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if !utf8.Valid(raw) || !json.Valid(raw) || d.Decode(&of) != nil || of == nil {
		return nil, false
	}
	return of, single(raw, maxDepth)
}

// single reports whether no object of the JSON has a name twice, and nothing is deeper
// than left levels. It reads each object and list by itself.
func single(raw json.RawMessage, left int) bool {
	if left < 0 {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // not every number is a float64
	open, err := d.Token()
	if err != nil {
		return false
	}
	var names []string
	for open == json.Delim('{') && d.More() || open == json.Delim('[') && d.More() {
		if open == json.Delim('{') {
			token, err := d.Token()
			name, ok := token.(string)
			if err != nil || !ok || slices.Contains(names, name) {
				return false
			}
			names = append(names, name)
		}
		var inner json.RawMessage
		if d.Decode(&inner) != nil || !single(inner, left-1) {
			return false
		}
	}
	return true
}

// expanded is a value with its long lists as values.
func expanded(v any) any {
	switch v := v.(type) {
	case map[string]any:
		of := map[string]any{}
		for name, in := range v {
			of[name] = expanded(in)
		}
		return of
	case []any, List:
		all, _, _ := Elements(v)
		list := []any{}
		for in := range all {
			list = append(list, expanded(in))
		}
		return list
	}
	return v
}
