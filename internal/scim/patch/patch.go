// Package patch reads and applies the changes of SCIM resources: the operations of
// PATCH (RFC 7644, section 3.5.2) and the bodies of POST and PUT, which are read as if
// each of their members was added to nothing.
//
// Reading is apart from applying: Parse checks everything that can be checked without
// the resource, so that Apply, which runs inside of a transaction and maybe more than
// once, only moves values. Beyond the RFC, which real clients do not keep to:
//
//   - An operation's name is taken in any case of letters.
//   - A path-less operation is one operation for each member of its value, whose names
//     may be paths: "name.givenName", "urn:…:User:department", "emails[type eq …]".
//   - A value path that selects no element makes one of what it asks for, where it asks
//     for equality ("emails[type eq "work"].value"), so that the parts of one element
//     may come in any order. The RFC has noTarget there, which is left for paths that
//     ask for anything else.
//   - "remove" with a value removes these values, and an empty list none at all.
//   - What only the server sets is left out of path-less values, and so is a password
//     wherever it stands. With a path of its own, it is scimType mutability.
package patch

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// URN is the schema of a PATCH request's body.
const URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// MaxOperations bounds the operations of one request.
const MaxOperations = 1000

// ErrTarget is scimType noTarget (RFC 7644, section 3.12).
var ErrTarget = fault.New(fault.Invalid, "scim_no_target", "the path leads to nothing that could be changed")

// Op is what an operation does.
type Op string

// The operations.
const (
	Add     Op = "add"
	Replace Op = "replace"
	Remove  Op = "remove"
)

// Step is one change of one attribute, checked.
type Step struct {
	Op   Op
	Path filter.PatchPath
	// Value is as resource.Type.Value returns it, nil for none.
	Value any
	// Given says that the operation had a value, be it an empty one.
	Given bool
}

// Parse reads the body of a PATCH request.
func Parse(body map[string]any, t *resource.Type) ([]Step, error) {
	if err := speaks(body, URN); err != nil {
		return nil, err
	}
	all, err := member(body, "Operations")
	if err != nil {
		return nil, err
	}
	list, ok := all.([]any)
	if !ok || len(list) == 0 || len(list) > MaxOperations {
		return nil, resource.Bad(resource.ErrSyntax, "Operations has to be a list of 1 to %d operations", MaxOperations)
	}
	var steps []Step
	for i, raw := range list {
		more, err := operation(raw, t)
		if err != nil {
			f := fault.As(err)
			f = fault.Wrap(err, f.Kind, f.Code, "operation %d: %s", i+1, f.Detail)
			return nil, f
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// Body reads the body of a POST or PUT request as additions to nothing. It has to name
// its schema; schemas and members that nobody knows are left out.
func Body(body map[string]any, t *resource.Type) ([]Step, error) {
	if err := speaks(body, t.Core.ID); err != nil {
		return nil, err
	}
	steps, err := reader{t: t, op: Add}.members("", body)
	if err != nil {
		return nil, err
	}
	seen := map[filter.Path]bool{}
	for _, s := range steps {
		if seen[s.Path.Path] {
			return nil, resource.Bad(resource.ErrSyntax, "%s comes twice", s.Path.Path)
		}
		seen[s.Path.Path] = true
	}
	return steps, nil
}

// speaks checks that a message names its schema (RFC 7644, section 3.1).
func speaks(body map[string]any, urn string) error {
	schemas, err := member(body, "schemas")
	if err != nil {
		return err
	}
	list, _ := schemas.([]any)
	if !slices.ContainsFunc(list, func(s any) bool { name, _ := s.(string); return strings.EqualFold(name, urn) }) {
		return resource.Bad(resource.ErrSyntax, "schemas has to name %s", urn)
	}
	return nil
}

// member finds a member of an object in any case of letters, and refuses two.
func member(of map[string]any, name string) (any, error) {
	var found any
	n := 0
	for k, v := range of {
		if strings.EqualFold(k, name) {
			found, n = v, n+1
		}
	}
	if n > 1 {
		return nil, resource.Bad(resource.ErrSyntax, "%s comes twice", name)
	}
	return found, nil
}

// has reports whether an object has a member, in any case of letters.
func has(of map[string]any, name string) bool {
	for k := range of {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func operation(raw any, t *resource.Type) ([]Step, error) {
	of, ok := raw.(map[string]any)
	if !ok {
		return nil, resource.Bad(resource.ErrSyntax, "it has to be an object")
	}
	name, err := member(of, "op")
	if err != nil {
		return nil, err
	}
	s, _ := name.(string)
	op := Op(strings.ToLower(s))
	if op != Add && op != Replace && op != Remove {
		return nil, resource.Bad(resource.ErrSyntax, "op has to be add, replace or remove")
	}
	value, err := member(of, "value")
	if err != nil {
		return nil, err
	}
	path, err := member(of, "path")
	if err != nil {
		return nil, err
	}
	given := has(of, "value")
	if op != Remove && !given {
		return nil, resource.Bad(resource.ErrValue, "%s takes a value", op)
	}
	r := reader{t: t, op: op, strict: true}
	switch path := path.(type) {
	case nil:
		return r.whole(value)
	case string:
		if path == "" {
			return r.whole(value)
		}
		return r.at(path, value, given)
	}
	return nil, resource.Bad(filter.ErrPath, "path has to be a string")
}

// reader makes steps of what one operation has.
type reader struct {
	t *resource.Type
	// strict refuses names that no schema has.
	strict bool
	op     Op
}

// whole reads an operation without a path.
func (r reader) whole(value any) ([]Step, error) {
	if r.op == Remove {
		return nil, resource.Bad(ErrTarget, "remove takes a path")
	}
	of, ok := value.(map[string]any)
	if !ok {
		return nil, resource.Bad(resource.ErrValue, "without a path, the value has to be an object")
	}
	return r.members("", of)
}

// members reads an object whose names are paths below prefix, in the order of their
// names, so that one request always means the same.
func (r reader) members(prefix string, of map[string]any) ([]Step, error) {
	var steps []Step
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if strings.EqualFold(name, "schemas") {
			continue // also of an extension
		}
		path, err := filter.ParsePath(prefix+name, r.t.Paths)
		if err != nil || !r.strict && path.Where != nil {
			if r.strict {
				return nil, resource.Bad(resource.ErrValue, "there is no attribute %q", prefix+name)
			}
			continue
		}
		if r.ignored(path.Path) || r.t.ReadOnly(path.Path) {
			continue
		}
		more, err := r.to(path, of[name], true)
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// ignored reports what may be named and never has an effect.
func (r reader) ignored(p filter.Path) bool {
	return p.URN == "" && (p.Attribute == "schemas" || p.Attribute == "password")
}

// at reads an operation with a path.
func (r reader) at(path string, value any, given bool) ([]Step, error) {
	p, err := filter.ParsePath(path, r.t.Paths)
	switch {
	case err != nil:
		return nil, err
	case r.ignored(p.Path):
		return nil, nil
	case r.t.ReadOnly(p.Path):
		return nil, resource.Bad(resource.ErrMutability, "only the server sets %s", p.Path)
	case p.Path.Attribute == "members" && p.Path.Sub != "":
		return nil, resource.Bad(resource.ErrMutability, "a member is added or removed, never changed")
	}
	return r.to(p, value, given)
}

// to makes the step to a path, or those to the attributes of a schema.
func (r reader) to(p filter.PatchPath, value any, given bool) ([]Step, error) {
	if p.Path.Attribute == "" {
		return r.schema(p, value)
	}
	s := Step{Op: r.op, Path: p, Given: given}
	if !given {
		return []Step{s}, nil
	}
	if r.op == Remove && value == nil {
		return nil, resource.Bad(resource.ErrValue, "remove takes the values to be removed, or none at all")
	}
	v, err := r.t.Value(p.Path, value)
	if err != nil {
		return nil, err
	}
	if list, ok := v.([]any); ok && p.Where != nil && p.Path.Sub == "" {
		if len(list) != 1 {
			return nil, resource.Bad(resource.ErrValue, "%s in brackets takes one value", p.Path)
		}
		v = list[0]
	}
	s.Value = v
	return []Step{s}, nil
}

// schema reads what is under the URN of a schema.
func (r reader) schema(p filter.PatchPath, value any) ([]Step, error) {
	core := strings.EqualFold(p.Path.URN, r.t.Core.ID)
	switch of, ok := value.(map[string]any); {
	case r.op == Remove && core:
		return nil, resource.Bad(resource.ErrMutability, "the core schema cannot be removed")
	case r.op == Remove, value == nil && r.op == Replace && !core:
		return []Step{{Op: Remove, Path: p}}, nil
	case ok:
		return r.members(p.Path.URN+":", of)
	case value == nil:
		return nil, nil
	}
	return nil, resource.Bad(resource.ErrValue, "%s takes an object", p.Path.URN)
}
