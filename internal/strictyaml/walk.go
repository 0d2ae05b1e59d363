package strictyaml

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// walker fills a Go value from a tree of nodes and collects what does not fit.
type walker struct {
	options Options
	doc     *Document
	faults  Faults
	nodes   int
	stopped bool
}

func (w *walker) fault(n *yaml.Node, path, message string, args ...any) {
	w.faults = append(w.faults, Fault{File: w.options.File, Line: n.Line, Column: n.Column, Path: path}.say(message, args...))
}

// enter notes where n stands, counts it, follows it when it is an alias, and reports whether the walk
// may go on: within an alias of itself, or a bomb of them, it may not.
func (w *walker) enter(n *yaml.Node, path string, depth int) (*yaml.Node, bool) {
	if _, again := w.doc.positions[path]; !again {
		w.doc.positions[path] = position{n.Line, n.Column}
	}
	if w.nodes++; w.stopped {
		return n, false
	}
	if w.nodes > maxNodes || depth > maxDepth {
		w.stopped = true
		w.fault(n, "", "the document is too large or too deep once its aliases are followed")
		return n, false
	}
	if n.Kind == yaml.AliasNode {
		return w.enter(n.Alias, path, depth+1)
	}
	return n, true
}

var (
	rawMessage      = reflect.TypeFor[json.RawMessage]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value reads n into v.
func (w *walker) value(n *yaml.Node, v reflect.Value, path string, depth int) {
	n, ok := w.enter(n, path, depth)
	if !ok {
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		if v.Kind() == reflect.Struct && isGroup(v) {
			return // a section whose fields are all commented out
		}
		w.fault(n, path, "has no value: give one or leave the field out")
		return
	}
	switch {
	case v.Type() == rawMessage:
		w.raw(n, v, path, depth)
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.New(v.Type().Elem()))
		w.object(n, v.Elem(), path, depth)
	case v.Kind() == reflect.Pointer: // a scalar that may be left out
		v.Set(reflect.New(v.Type().Elem()))
		w.scalar(n, v.Elem(), path)
	case v.Kind() == reflect.Struct && isGroup(v):
		w.object(n, v, path, depth)
	case v.Kind() == reflect.Slice:
		w.list(n, v, path, depth)
	case v.Kind() == reflect.Map:
		w.dictionary(n, v, path, depth)
	default:
		w.scalar(n, v, path)
	}
}

// isGroup reports whether struct v has fields of its own and is not read from text.
func isGroup(v reflect.Value) bool { return !v.Addr().Type().Implements(textUnmarshaler) }

// member calls each for every field of mapping n, once.
func (w *walker) member(n *yaml.Node, path, want string, each func(key, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		w.fault(n, path, "must be %s", want)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := join(path, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
			w.fault(key, path, "field names must be plain text: merge keys and aliases are not read")
		case seen[key.Value]:
			w.fault(key, at, "is given twice")
		default:
			seen[key.Value] = true
			each(key, n.Content[i+1], at)
		}
	}
}

func (w *walker) object(n *yaml.Node, v reflect.Value, path string, depth int) {
	fields := fieldsOf(v.Type())
	w.member(n, path, "a group of fields", func(key, value *yaml.Node, at string) {
		i, known := fields[key.Value]
		if !known {
			w.unknown(key, at)
			return
		}
		w.value(value, v.Field(i), at, depth+1)
	})
}

func (w *walker) unknown(key *yaml.Node, at string) {
	message := "unknown field"
	if w.options.Unknown != nil {
		if known := w.options.Unknown(at); known != "" {
			message = known
		}
	}
	w.fault(key, at, "%s", message)
}

func (w *walker) list(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.SequenceNode {
		w.fault(n, path, "must be a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		w.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
}

// dictionary reads a map from text to a scalar.
func (w *walker) dictionary(n *yaml.Node, v reflect.Value, path string, depth int) {
	v.Set(reflect.MakeMap(v.Type()))
	w.member(n, path, "a group of names and values", func(key, value *yaml.Node, at string) {
		item := reflect.New(v.Type().Elem()).Elem()
		w.value(value, item, at, depth+1)
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	})
}

func (w *walker) scalar(n *yaml.Node, v reflect.Value, path string) {
	want, tags := wanted(v)
	if n.Kind != yaml.ScalarNode {
		w.fault(n, path, "must be %s", want)
		return
	}
	tag := n.ShortTag()
	if !strings.Contains(tags, tag) {
		if strings.Contains(tags, "!!str") {
			want += "; put it in quotes"
		}
		w.fault(n, path, "must be %s", want)
		return
	}
	if err := SetText(v, n.Value); err != nil {
		w.fault(n, path, "%s", err)
	}
}

// raw keeps a subtree as canonical JSON: members sorted, no spaces.
func (w *walker) raw(n *yaml.Node, v reflect.Value, path string, depth int) {
	before := len(w.faults)
	tree := w.plain(n, path, depth)
	if len(w.faults) > before {
		return
	}
	body, err := json.Marshal(tree)
	if err != nil {
		w.fault(n, path, "has no form in JSON")
		return
	}
	v.SetBytes(body)
}

// plain returns n as what encoding/json makes of JSON.
func (w *walker) plain(n *yaml.Node, path string, depth int) any {
	n, ok := w.enter(n, path, depth)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		w.member(n, path, "", func(key, value *yaml.Node, at string) { members[key.Value] = w.plain(value, at, depth+1) })
		return members
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, item := range n.Content {
			items[i] = w.plain(item, fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
		return items
	default:
		return w.plainScalar(n, path)
	}
}

func (w *walker) plainScalar(n *yaml.Node, path string) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
		w.fault(n, path, "is a number that JSON cannot hold")
		return nil
	case "!!str", "!!timestamp":
		return n.Value
	}
	w.fault(n, path, "has a type that JSON does not know")
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldsOf returns the indexes of t's fields by their YAML names.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}
