package httpx

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// maxDepth is how deep values may nest that a type leaves open.
const maxDepth = 64

// UnmarshalJSON reads one JSON value (RFC 8259) into target, a pointer to a type
// without methods of its own for it. It refuses what two readers could
// take for two things: members that the type does not have, or has in another case
// of letters, members that come twice or are missing (those without omitempty or
// omitzero), a second value, and strings with NUL. The
// fault points at the place by a JSON pointer (RFC 6901) and repeats no value.
func UnmarshalJSON(raw []byte, target any) error {
	s := &strict{json.NewDecoder(bytes.NewReader(raw))}
	s.UseNumber()
	if err := s.value(reflect.TypeOf(target).Elem(), "", 0); err != nil {
		return err
	}
	if _, err := s.Token(); !errors.Is(err, io.EOF) {
		return malformed("", "there is something after its end")
	}
	if err := json.Unmarshal(raw, target); err != nil {
		return fault.Wrap(err, fault.Invalid, errMalformed, "the body is not the JSON that is expected here")
	}
	return nil
}

const errMalformed = "body_malformed"

func malformed(at, why string) error {
	f := fault.New(fault.Invalid, errMalformed, "the body is not the JSON that is expected here: %s", why)
	if at == "" {
		return f
	}
	return f.At(at)
}

// strict walks a JSON text beside the type that it is for.
type strict struct{ *json.Decoder }

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// value checks the next value. A nil type takes anything.
func (s *strict) value(t reflect.Type, at string, depth int) error {
	t = target(t)
	if depth > maxDepth {
		return malformed(at, "it nests too deep")
	}
	token, err := s.Token()
	if err != nil {
		return malformed(at, trouble(err))
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return s.object(t, at, depth)
		}
		return s.array(t, at, depth)
	case string:
		return checkText(v, t, at)
	case json.Number:
		return checkNumber(v, t, at)
	case bool:
		if t != nil && t.Kind() != reflect.Bool {
			return malformed(at, "this is to be "+wanted(t))
		}
	case nil:
		if t != nil {
			return malformed(at, "this is to be "+wanted(t)+" and not null")
		}
	}
	return nil
}

// target is what a value is decoded into, nil where that takes anything.
func target(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && (t.Kind() == reflect.Interface || t == reflect.TypeFor[json.RawMessage]()) {
		return nil
	}
	return t
}

func checkText(v string, t reflect.Type, at string) error {
	if strings.ContainsRune(v, 0) {
		return malformed(at, "a string has a NUL")
	}
	fits := t == nil
	switch {
	case fits:
	case t == reflect.TypeFor[[]byte]():
		_, err := base64.StdEncoding.DecodeString(v)
		fits = err == nil
	default:
		fits = t.Kind() == reflect.String || reflect.PointerTo(t).Implements(textUnmarshaler)
	}
	if !fits {
		return malformed(at, "this is to be "+wanted(t))
	}
	return nil
}

func checkNumber(v json.Number, t reflect.Type, at string) error {
	if t == nil || t.Kind() == reflect.Float64 {
		return nil
	}
	if t.Kind() == reflect.Int || t.Kind() == reflect.Int64 {
		if _, err := strconv.ParseInt(v.String(), 10, t.Bits()); err == nil {
			return nil
		}
	}
	return malformed(at, "this is to be "+wanted(t))
}

func (s *strict) array(t reflect.Type, at string, depth int) error {
	var of reflect.Type
	if t != nil {
		if t.Kind() != reflect.Slice || t == reflect.TypeFor[[]byte]() {
			return malformed(at, "this is to be "+wanted(t))
		}
		of = t.Elem()
	}
	for i := 0; s.More(); i++ {
		if err := s.value(of, at+"/"+strconv.Itoa(i), depth+1); err != nil {
			return err
		}
	}
	return s.end(at)
}

func (s *strict) object(t reflect.Type, at string, depth int) error {
	isMap := t != nil && t.Kind() == reflect.Map
	var members map[string]member
	switch {
	case t == nil, isMap:
	case t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textUnmarshaler):
		members = membersOf(t)
	default:
		return malformed(at, "this is to be "+wanted(t))
	}
	seen := map[string]bool{}
	for s.More() {
		token, err := s.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return malformed(at, trouble(err))
		}
		place := at + "/" + pointer.Replace(showable(name))
		of, known := members[name]
		switch {
		case seen[name]:
			return malformed(place, "a member comes twice")
		case members != nil && !known:
			return malformed(place, "there is no such member")
		case isMap:
			of.is = t.Elem()
		}
		seen[name] = true
		if err := s.value(of.is, place, depth+1); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name].required && !seen[name] {
			return malformed(at+"/"+name, "a member is missing")
		}
	}
	return s.end(at)
}

// end reads the bracket that closes what was read.
func (s *strict) end(at string) error {
	if _, err := s.Token(); err != nil {
		return malformed(at, trouble(err))
	}
	return nil
}

// trouble says why a text could not be read on, without repeating it.
func trouble(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends early"
	}
	return "it is not well-formed"
}

var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// member is one of a struct's, as encoding/json takes it.
type member struct {
	is       reflect.Type
	required bool
}

// membersOf lists the members of a struct by their names in JSON.
func membersOf(t reflect.Type) map[string]member {
	all := map[string]member{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		all[name] = member{f.Type, !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")}
	}
	return all
}

// wanted names a type in the words of JSON.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t == reflect.TypeFor[[]byte]() {
			return "base64"
		}
		return "a list"
	case reflect.Struct, reflect.Map:
		if t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(textUnmarshaler) {
			return "a time as in RFC 3339"
		}
		return "an object"
	default:
		return "a string"
	}
}
