package rest

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// object is a part of the OpenAPI document.
type object = map[string]any

// Schemas are the words that types of strings may have.
type Schemas map[reflect.Type][]string

// Words adds a type with its words.
func Words[T ~string](s Schemas, words ...T) {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	s[reflect.TypeFor[T]()] = all
}

// components gathers the schemas that the document refers to.
type components struct {
	known map[string]any
	types map[string]reflect.Type
	words Schemas
}

// reference adds the schema of v's type and returns a reference to it. A body's
// schema is closed, as unknown members are refused; an answer's is open, since
// members may be added to it.
func (c *components) reference(v any, body bool) any {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Slice {
		return object{"type": "array", "items": c.reference(reflect.Zero(t.Elem()).Interface(), body)}
	}
	name := t.Name()
	name = strings.ToUpper(name[:1]) + name[1:]
	if other, taken := c.types[name]; taken && other != t {
		pkg := path.Base(t.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if _, known := c.known[name]; !known {
		c.types[name] = t
		c.known[name] = c.schema(t, body)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// schema makes the JSON Schema of a type, as encoding/json writes it.
func (c *components) schema(t reflect.Type, body bool) *jsonschema.Schema {
	types := map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[time.Duration]():   {Type: "integer", Description: "In nanoseconds."},
		reflect.TypeFor[[]byte]():          {Type: "string", ContentEncoding: "base64"},
		reflect.TypeFor[json.RawMessage](): {},
	}
	if !body { // a nil one is null
		types[reflect.TypeFor[[]byte]()] = &jsonschema.Schema{Types: []string{"null", "string"}, ContentEncoding: "base64"}
	}
	for of, words := range c.words {
		s := &jsonschema.Schema{Type: "string"}
		for _, w := range words {
			s.Enum = append(s.Enum, w)
		}
		types[of] = s
	}
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{IgnoreInvalidTypes: true, TypeSchemas: types})
	if err != nil {
		panic(fmt.Sprintf("OpenAPI: %s: %v", t, err)) // a type of ours that has no JSON: the first test finds it
	}
	adapt(s, body)
	return s
}

// adapt closes or opens the objects of a schema, and takes null out of what is
// never null in a body.
func adapt(s *jsonschema.Schema, body bool) {
	if s == nil {
		return
	}
	if !body && len(s.Properties) > 0 {
		s.AdditionalProperties = nil
	}
	if body && slices.Contains(s.Types, "null") && len(s.Types) == 2 {
		s.Type, s.Types = s.Types[1-slices.Index(s.Types, "null")], nil
	}
	for _, p := range s.Properties {
		adapt(p, body)
	}
	adapt(s.Items, body)
	if len(s.Properties) == 0 {
		adapt(s.AdditionalProperties, body)
	}
}

// member reports whether the body of rt has a member of this name.
func (rt *Route) member(name string) bool {
	t := reflect.TypeOf(rt.Body)
	if t == nil || t.Kind() != reflect.Struct || name == "" {
		return false
	}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return true
		}
	}
	return false
}
