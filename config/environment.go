package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// environment is the place of faults that no file has.
const environment = "environment"

const variablePrefix = "GATEHOUSE_"

// setting is one value that a variable may set.
type setting struct {
	path  string
	value reflect.Value
	// twin is the other of a secret and its file: setting one clears the other.
	twin string
}

// foreign matches variables that are not ours although they begin like ours: the
// command line's own, and those that Kubernetes gives every container when a
// service is called gatehouse.
var foreign = regexp.MustCompile(`^GATEHOUSE_(CONFIG|SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)$`)

// overlay lays the variables over the configuration.
func (r *reader) overlay(environ []string) {
	settings := map[string]setting{}
	collect(settings, reflect.ValueOf(r.config).Elem(), "", "")
	for i := range r.config.Connections {
		n := &r.config.Connections[i]
		collect(settings, reflect.ValueOf(n).Elem(), join("connections", "["+n.ID+"]"), "CONNECTIONS_"+upper(n.ID)+"_")
	}
	values := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, variablePrefix) && !foreign.MatchString(name) {
			values[name] = value
		}
	}
	r.variables = map[string]string{}
	for _, name := range sortedKeys(values) {
		s, known := settings[name]
		if !known {
			r.faults = append(r.faults, strictyaml.Fault{File: environment, Path: name, Message: "unknown variable"})
			continue
		}
		r.variables[r.filePath(s.path)] = name
		if _, both := values[s.twin]; s.twin != "" && !both {
			settings[s.twin].value.SetZero()
		}
		if err := set(s.value, values[name]); err != nil {
			r.faults = append(r.faults, strictyaml.Fault{File: environment, Path: name, Message: err.Error()})
		}
	}
}

// filePath turns connections.[acme].issuer into connections[0].issuer.
func (r *reader) filePath(path string) string {
	rest, ok := strings.CutPrefix(path, "connections.[")
	if !ok {
		return path
	}
	id, field, _ := strings.Cut(rest, "].")
	for i := range r.config.Connections {
		if r.config.Connections[i].ID == id {
			return at("connections", i) + "." + field
		}
	}
	return path
}

// collect names the scalars, and lists of scalars, of struct v.
func collect(settings map[string]setting, v reflect.Value, path, prefix string) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		field, fieldPath := v.Field(i), join(path, name)
		switch {
		case field.Kind() == reflect.Struct:
			collect(settings, field, fieldPath, prefix+upper(name)+"_")
		case field.Kind() == reflect.Map, field.Kind() == reflect.Slice && isGroup(field.Type().Elem()):
			// Not scalars: connections have names of their own, the rest is for the file.
		default:
			s := setting{path: fieldPath, value: field}
			switch other := variablePrefix + prefix + upper(name); {
			case strings.HasSuffix(name, "_file"):
				s.twin = strings.TrimSuffix(other, "_FILE")
			case isSecret(field.Type()):
				s.twin = other + "_FILE"
			}
			settings[variablePrefix+prefix+upper(name)] = s
		}
	}
}

// isGroup reports whether t is one of our own structs: netip.Prefix is a scalar.
func isGroup(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[Config]().PkgPath()
}

func isSecret(t reflect.Type) bool {
	return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[[]Secret]()
}

// set reads text into v: a scalar, or a list of scalars separated by commas.
func set(v reflect.Value, text string) error {
	if v.Kind() != reflect.Slice {
		return strictyaml.SetText(v, text)
	}
	v.SetZero()
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if err := strictyaml.SetText(value, item); err != nil {
			return err
		}
		v.Set(reflect.Append(v, value))
	}
	return nil
}

// upper is the form that a name has in a variable.
func upper(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
