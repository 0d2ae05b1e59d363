// Package filter is the query language of SCIM: filters (RFC 7644, section
// 3.4.2.2), the paths of PATCH (section 3.5.2) and those of sortBy, attributes and
// excludedAttributes.
//
// Parse gives a tree of which every path is one that the resource type has, spelled
// as its schema spells it, and every value is one that its attribute can be compared
// with. What it cannot read, or what could not be evaluated, is an error: there is no
// filter that means "all" by accident. The tree is plain data; storage compiles it to
// SQL with bound parameters, and Match evaluates it over a resource in memory. The two
// have to agree, and this is what they agree on:
//
//   - An attribute without a value, with null, with an empty list or with an empty
//     object is not present. A boolean false and an empty string are values.
//   - A comparison over an attribute with several values holds if it holds for any of
//     them. Within holds if its expression holds for one and the same element.
//   - "ne" is the negation of "eq", so it holds for what is not there. "eq null" is the
//     negation of "pr". Every other comparison fails for what is not there. Nothing is
//     ever unknown: "not" is two-valued.
//   - Strings of attributes that are not caseExact compare by Fold; others byte by
//     byte. "gt", "ge", "lt" and "le" of strings order by bytes (of the folded).
//
// The cost of a filter is bounded by MaxLength, MaxDepth and MaxClauses before anything
// is asked of a database.
package filter

import (
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The bounds of one filter or path.
const (
	MaxLength  = 4096 // bytes
	MaxDepth   = 16   // parentheses and brackets within each other
	MaxClauses = 64   // comparisons
)

// The faults of this package.
var (
	// ErrFilter is scimType invalidFilter (RFC 7644, section 3.12).
	ErrFilter = fault.New(fault.Invalid, "scim_filter_invalid", "the filter cannot be evaluated")
	// ErrPath is scimType invalidPath (RFC 7644, section 3.12).
	ErrPath = fault.New(fault.Invalid, "scim_path_invalid", "the path cannot be evaluated")
)

// Expr is a filter: And, Or, Not, Compare, Present or Within, all by value.
type Expr interface{ expr() }

// And holds if both of its sides hold.
type And struct{ L, R Expr }

// Or holds if one of its sides holds.
type Or struct{ L, R Expr }

// Not holds if its expression does not.
type Not struct{ X Expr }

// Compare compares the values at a path with one value.
type Compare struct {
	Path  Path
	Of    Attribute
	Op    Op
	Value Value
}

// Present holds if there is a value at the path.
type Present struct {
	Path Path
	Of   Attribute
}

// Within is a value path: it holds if X holds for one element of the attribute at
// Path. The paths in X are whole: of "emails[type eq "work"]" it is emails.type. The
// attribute that may follow the bracket, as in "emails[type eq "work"].value eq "x"",
// is part of X, joined by And.
type Within struct {
	Path Path
	X    Expr
}

func (And) expr()     {}
func (Or) expr()      {}
func (Not) expr()     {}
func (Compare) expr() {}
func (Present) expr() {}
func (Within) expr()  {}

// Path names an attribute, or a sub-attribute, or with neither a schema extension as a
// whole. Paths compare with ==.
type Path struct {
	// URN is that of the schema extension, empty for the core schema and the common
	// attributes.
	URN string
	// Attribute and Sub are spelled as in the schema.
	Attribute, Sub string
}

// IsZero reports whether p names nothing.
func (p Path) IsZero() bool { return p == Path{} }

// String returns the path in the notation of RFC 7644, section 3.10.
func (p Path) String() string {
	s := p.Attribute
	if p.Sub != "" {
		s += "." + p.Sub
	}
	switch {
	case p.URN == "":
		return s
	case s == "":
		return p.URN
	}
	return p.URN + ":" + s
}

// Type is the type of an attribute's values (RFC 7643, section 2.3).
type Type int

// The types.
const (
	String Type = iota
	Boolean
	Decimal
	Integer
	DateTime
	Binary
	Reference
	Complex
)

// Attribute is what a comparison has to know of an attribute.
type Attribute struct {
	Type Type
	// CaseExact says that case matters (RFC 7643, section 2.2).
	CaseExact bool
	// Many says that the attribute, or the one that a sub-attribute belongs to, has
	// several values.
	Many bool
}

// Op is a comparison (RFC 7644, table 3); "pr" is Present.
type Op int

// The comparisons.
const (
	Eq Op = iota
	Ne
	Co
	Sw
	Ew
	Gt
	Ge
	Lt
	Le
)

var ops = [...]string{Eq: "eq", Ne: "ne", Co: "co", Sw: "sw", Ew: "ew", Gt: "gt", Ge: "ge", Lt: "lt", Le: "le"}

// String returns the operator as a filter has it.
func (o Op) String() string { return ops[o] }

// Kind says which field of a Value counts.
type Kind int

// The kinds of value.
const (
	Null Kind = iota
	Text
	Bool
	Number
	Time
)

// Value is what an attribute is compared with. Its kind is the one that the
// attribute's type calls for, or Null, which only Eq and Ne have.
type Value struct {
	Kind   Kind
	Text   string
	Bool   bool
	Number float64
	Time   time.Time // UTC
}

// PatchPath is the path of an operation of PATCH. Where selects elements of the
// attribute; it is nil without a value filter, and its paths are whole, as in Within.
type PatchPath struct {
	Path  Path
	Of    Attribute
	Where Expr
}

// Resolver knows the attributes of a resource type that may stand in a filter or path.
type Resolver interface {
	// Prefix returns the longest URN of a schema that name starts with, whatever its
	// case, as far as it goes: name is that long, or a colon comes next. The empty
	// string stands for none. The URN of the core schema is returned, too.
	Prefix(name string) string
	// Resolve finds an attribute, whatever its case, and spells it as the schema does.
	// The URN of the core schema becomes the empty one.
	Resolve(p Path) (Path, Attribute, bool)
}

// Fold is what strings compare by where case does not matter: for a letter of either
// case the same, and always the same for the same string. It is no locale's.
func Fold(s string) string { return strings.ToLower(s) }
