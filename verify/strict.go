package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested: a token's act takes a level for each actor.
const maxDepth = 16

var (
	errJSON      = errors.New("it is not JSON")
	errDepth     = errors.New("it is nested too deep")
	errNotObject = errors.New("it is not a JSON object")
)

// object is a JSON object whose members all have different names.
type object map[string]any

// parseObject reads exactly one JSON object. Unlike encoding/json by itself it refuses a
// member that is there twice, at any depth, and tells upper from lower case.
func parseObject(raw []byte) (object, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, errJSON
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	value, err := parseValue(dec, maxDepth)
	if err != nil {
		return nil, err
	}
	o, ok := value.(object)
	if !ok {
		return nil, errNotObject
	}
	return o, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, errDepth
	}
	t, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	switch t {
	case json.Delim('{'):
		return parseMembers(dec, depth)
	case json.Delim('['):
		var list []any
		for dec.More() {
			value, err := parseValue(dec, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = dec.Token()
		return list, err
	}
	return t, nil
}

func parseMembers(dec *json.Decoder, depth int) (object, error) {
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errJSON, err)
		}
		name, ok := t.(string)
		if !ok {
			return nil, errJSON
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("member %q is there twice", name)
		}
		if o[name], err = parseValue(dec, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = errJSON
	}
	return o, err
}

// members reads the members of an object that have to be of a type, and remembers the
// first that is of another one. A member that is not there is a zero value.
type members struct {
	object
	wrong error
}

func (m *members) misses(name, kind string) {
	if m.wrong == nil {
		m.wrong = fmt.Errorf("%s is not %s", name, kind)
	}
}

func (m *members) text(name string) string {
	value, has := m.object[name]
	text, ok := value.(string)
	if has && !ok {
		m.misses(name, "a string")
	}
	return text
}

func (m *members) list(name string) []string {
	value, has := m.object[name]
	if !has {
		return nil
	}
	all, ok := value.([]any)
	texts := make([]string, 0, len(all))
	for _, one := range all {
		text, is := one.(string)
		ok = ok && is
		texts = append(texts, text)
	}
	if !ok {
		m.misses(name, "a list of strings")
	}
	return texts
}

// whole reads a whole number from 0 on.
func (m *members) whole(name string) uint64 {
	value, has := m.object[name]
	if !has {
		return 0
	}
	number, _ := value.(json.Number)
	var n uint64
	if err := json.Unmarshal([]byte(number.String()), &n); err != nil {
		m.misses(name, "a whole number")
	}
	return n
}

// maxSeconds bounds a NumericDate: the year 9999.
const maxSeconds = 253402300799

// time reads a NumericDate (RFC 7519, section 2) in whole seconds.
func (m *members) time(name string) time.Time {
	n := m.whole(name)
	if n > maxSeconds {
		m.misses(name, "a time")
		return time.Time{}
	}
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}

// inner returns an object that is a member, nil for none.
func (m *members) inner(name string) object {
	value, has := m.object[name]
	o, ok := value.(object)
	if has && !ok {
		m.misses(name, "an object")
	}
	return o
}
