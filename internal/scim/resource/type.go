// Package resource knows what SCIM resources look like (RFC 7643): the resource types
// with their schemas, what clients may send and how it is spelled here, and what goes
// out.
//
// A resource in memory is a map as encoding/json makes it, with every name spelled as
// its schema spells it and the attributes of extensions below their URN. Values are
// checked by their schema, attribute by attribute, so that a fault names what is wrong.
//
// Two vendors' dialects are understood beside the standard, whoever sends them:
// booleans as strings, a manager (or any other complex attribute that has a value) as
// a string, names with dots and URNs as keys. What the server owns (id, meta, groups)
// and what it has no use for (password) is left out, wherever it stands in a resource.
package resource

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// The URNs of schemas (RFC 7643, section 8).
const (
	UserURN       = schema.UserSchema
	GroupURN      = schema.GroupSchema
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// The faults of this package.
var (
	// ErrValue is scimType invalidValue, ErrSyntax invalidSyntax and ErrMutability
	// mutability (RFC 7644, section 3.12).
	ErrValue      = fault.New(fault.Invalid, "scim_value_invalid", "a value is not what its attribute takes")
	ErrSyntax     = fault.New(fault.Invalid, "scim_syntax_invalid", "the message is not what is expected here")
	ErrMutability = fault.New(fault.Invalid, "scim_mutability", "this attribute cannot be changed so")
	// ErrExtension refuses a schema of the configuration.
	ErrExtension = fault.New(fault.Invalid, "scim_extension_invalid", "the schema extension has a fault")
)

// Bad returns a fault like kind with another detail.
func Bad(kind *fault.Error, detail string, args ...any) *fault.Error {
	return fault.New(kind.Kind, kind.Code, detail, args...)
}

// Type is a resource type (RFC 7643, section 6). It does not change once made.
type Type struct {
	// Name is "User" or "Group", Endpoint "/Users" or "/Groups".
	Name, Endpoint, Description string
	Core                        schema.Schema
	Extensions                  []schema.Schema
	// Filters resolves what filters and sortBy may name; Paths what there is.
	Filters, Paths *filter.Table

	attributes map[filter.Path]schema.CoreAttribute
}

// NewUser returns the type of users with the enterprise extension and these others.
func NewUser(extensions ...schema.Schema) (*Type, error) {
	core := schema.CoreUserSchema()
	core.Attributes = without(core.Attributes, "password")
	for i, a := range core.Attributes {
		if a.Name() == "active" { // it is true when nobody says otherwise, and nothing takes it away
			core.Attributes[i] = a.WithRequired(true)
		}
	}
	t := &Type{Name: "User", Endpoint: "/Users", Description: "Somebody who works here", Core: core}
	return t, t.fill(append([]schema.Schema{schema.ExtensionEnterpriseUser()}, extensions...))
}

// NewGroup returns the type of groups with these extensions.
func NewGroup(extensions ...schema.Schema) (*Type, error) {
	core := schema.CoreGroupSchema()
	core.Attributes = append(without(core.Attributes, "members"), membersAttribute())
	t := &Type{Name: "Group", Endpoint: "/Groups", Description: "A group of users and groups", Core: core}
	return t, t.fill(extensions)
}

// membersAttribute is that of RFC 7643, section 8.7.1: a member's name is not kept here.
func membersAttribute() schema.CoreAttribute {
	once := schema.AttributeMutabilityImmutable()
	return schema.ComplexCoreAttribute(schema.ComplexParams{
		Name: "members", MultiValued: true, Description: optional.NewString("The users and groups that are in the group."),
		SubAttributes: []schema.SimpleParams{
			schema.SimpleStringParams(schema.StringParams{Name: "value", Mutability: once, CaseExact: true, Description: optional.NewString("The id of the member.")}),
			schema.SimpleReferenceParams(schema.ReferenceParams{
				Name: "$ref", Mutability: once, ReferenceTypes: []schema.AttributeReferenceType{"User", "Group"}, Description: optional.NewString("The address of the member."),
			}),
			schema.SimpleStringParams(schema.StringParams{
				Name: "type", Mutability: once, CanonicalValues: []string{"User", "Group"}, Description: optional.NewString("What the member is."),
			}),
		},
	})
}

func without(all schema.Attributes, name string) schema.Attributes {
	var rest schema.Attributes
	for _, a := range all {
		if a.Name() != name {
			rest = append(rest, a)
		}
	}
	return rest
}

// ParseExtension reads a schema as RFC 7643, section 7 writes it in JSON.
func ParseExtension(raw []byte) (schema.Schema, error) {
	var s schema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fault.Wrap(err, ErrExtension.Kind, ErrExtension.Code, "the schema extension cannot be read: %v", err)
	}
	return s, nil
}

func (t *Type) fill(extensions []schema.Schema) error {
	t.Extensions = extensions
	var urns []string
	for _, e := range extensions {
		if err := t.sound(e, urns); err != nil {
			return err
		}
		urns = append(urns, e.ID)
	}
	t.attributes = map[filter.Path]schema.CoreAttribute{}
	t.Filters, t.Paths = filter.NewTable(t.Core.ID, urns...), filter.NewTable(t.Core.ID, urns...)
	for _, a := range schema.CommonAttributes() {
		t.add("", a)
	}
	for _, a := range t.Core.Attributes {
		t.add("", a)
	}
	for _, e := range extensions {
		for _, a := range e.Attributes {
			t.add(e.ID, a)
		}
	}
	// A client may name it, and it is left out.
	t.Paths.Add(filter.Path{Attribute: "password"}, filter.Attribute{})
	t.attributes[filter.Path{Attribute: "password"}] = schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{
		Name: "password", Mutability: schema.AttributeMutabilityReadOnly(), Returned: schema.AttributeReturnedNever(),
	}))
	return nil
}

// sound refuses an extension that could not be told from something else.
func (t *Type) sound(e schema.Schema, others []string) error {
	bad := func(why string, args ...any) error {
		return Bad(ErrExtension, "the schema extension %q %s", e.ID, fmt.Sprintf(why, args...))
	}
	if !strings.HasPrefix(strings.ToLower(e.ID), "urn:") || strings.ContainsAny(e.ID, " ()[]\"\t\r\n") {
		return bad("has no URN as its id")
	}
	for _, urn := range append([]string{t.Core.ID, EnterpriseURN}, others...) {
		if strings.EqualFold(urn, e.ID) && (urn != EnterpriseURN || len(others) > 0) {
			return bad("is there already")
		}
	}
	if len(e.Attributes) == 0 {
		return bad("has no attributes")
	}
	seen := map[string]bool{}
	for _, a := range e.Attributes {
		name := filter.Fold(a.Name())
		switch {
		case seen[name]:
			return bad("has the attribute %q twice", a.Name())
		case a.Required():
			return bad("requires %q: what is required here, no client is sure to send", a.Name())
		case a.AttributeType() == "complex" && len(a.SubAttributes()) == 0:
			return bad("has no sub-attributes of %q", a.Name())
		}
		seen[name] = true
	}
	return nil
}

var types = map[string]filter.Type{
	"string": filter.String, "boolean": filter.Boolean, "decimal": filter.Decimal, "integer": filter.Integer,
	"dateTime": filter.DateTime, "binary": filter.Binary, "reference": filter.Reference, "complex": filter.Complex,
}

// unfiltered are attributes that are worked out for an answer and that no filter may
// name.
var unfiltered = []filter.Path{{Attribute: "schemas"}, {Attribute: "meta"}, {Attribute: "meta", Sub: "location"}, {Attribute: "meta", Sub: "version"}}

// add makes an attribute and its sub-attributes known.
func (t *Type) add(urn string, a schema.CoreAttribute) {
	t.know(filter.Path{URN: urn, Attribute: a.Name()}, a, a.MultiValued())
	for _, s := range a.SubAttributes() {
		t.know(filter.Path{URN: urn, Attribute: a.Name(), Sub: s.Name()}, s, a.MultiValued() || s.MultiValued())
	}
}

func (t *Type) know(p filter.Path, a schema.CoreAttribute, many bool) {
	of := filter.Attribute{Type: types[a.AttributeType()], CaseExact: a.CaseExact(), Many: many}
	switch {
	case p.Attribute == "externalId" && p.URN == "":
		of.CaseExact = true
	case of.Type == filter.Binary || of.Type == filter.Reference:
		of.CaseExact = true // RFC 7643, sections 2.3.6 and 2.3.7
	}
	t.attributes[p] = a
	t.Paths.Add(p, of)
	for _, u := range unfiltered {
		if p == u {
			return
		}
	}
	if a.Returned() != "never" {
		t.Filters.Add(p, of)
	}
}

// Attribute returns what the schema says of an attribute.
func (t *Type) Attribute(p filter.Path) (schema.CoreAttribute, bool) {
	a, ok := t.attributes[p]
	return a, ok
}

// ReadOnly reports whether clients cannot set what is at a path.
func (t *Type) ReadOnly(p filter.Path) bool {
	if a, ok := t.attributes[filter.Path{URN: p.URN, Attribute: p.Attribute}]; ok && a.Mutability() == "readOnly" {
		return true
	}
	a, ok := t.attributes[p]
	return ok && a.Mutability() == "readOnly"
}

// Required reports whether there has to be a value at a path.
func (t *Type) Required(p filter.Path) bool {
	a, ok := t.attributes[p]
	return ok && a.Required() && a.Mutability() != "readOnly" && p.Attribute != "schemas"
}
