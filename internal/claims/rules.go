// Package claims maps what an upstream identity provider asserts to the profile
// and groups that the directory keeps, and those to the claims that an app sees.
//
// A rule is a CEL expression for one target field over `claims`, the upstream's
// attributes, and `connection`, the connection's id. CEL always ends, and here it
// also has a cost limit. What a rule yields is cut to what may stand in a page,
// a token or a log; a rule that fails refuses the sign-in and is named.
package claims

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The limits of a mapping.
const (
	costLimit = 10_000
	maxGroups = 2000
)

// ErrRule refuses a sign-in whose attributes a rule cannot map.
var ErrRule = fault.New(fault.Denied, "claim_rule_failed", "what the identity provider said could not be mapped")

// The target fields of rules.
const (
	fieldGroups   = "groups"
	fieldVerified = "email_verified"
	// fieldExternal names the person's SCIM record. It has no standard claim: without a
	// rule, the upstream subject does.
	fieldExternal = "external_id"
)

// standard are the OpenID Connect claims (Core, section 5.1) that a field takes
// when it has no rule.
var standard = map[string]string{
	"username": "preferred_username", "name": "name", "given_name": "given_name", "family_name": "family_name",
	"email": "email", fieldVerified: "email_verified", "locale": "locale", "picture": "picture", "department": "department",
}

// Options describe the mapping of one connection.
type Options struct {
	// Expressions are CEL by target field: username, name, given_name, family_name,
	// email, email_verified, locale, picture, department, groups, external_id.
	Expressions map[string]string
	// GroupsClaim lists the person's groups where there is no rule for groups.
	GroupsClaim string
	// Domains are the e-mail domains that the connection has proved. Only their
	// addresses can count as verified.
	Domains []string
}

// Rules are compiled and safe for concurrent use.
type Rules struct {
	o        Options
	programs map[string]cel.Program
}

// Compile checks every expression. The error names the field.
func Compile(o Options) (*Rules, error) {
	r := &Rules{o: o, programs: map[string]cel.Program{}}
	if len(o.Expressions) == 0 {
		return r, nil
	}
	env, err := cel.NewEnv(
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("connection", cel.StringType),
	)
	if err != nil {
		return nil, fmt.Errorf("claim rules: %w", err)
	}
	for field, text := range o.Expressions {
		if _, known := standard[field]; !known && field != fieldGroups && field != fieldExternal {
			return nil, fault.New(fault.Invalid, "claim_rule_field", "there is no field %q", field).At("claims." + field)
		}
		ast, issues := env.Compile(text)
		if issues.Err() != nil {
			return nil, fault.Wrap(issues.Err(), fault.Invalid, "claim_rule_syntax", "the expression does not compile: %s", issues.Errors()[0].Message).At("claims." + field)
		}
		if r.programs[field], err = env.Program(ast, cel.CostLimit(costLimit)); err != nil {
			return nil, fmt.Errorf("claim rule %s: %w", field, err)
		}
	}
	return r, nil
}

// Map returns the profile and the upstream group ids that an assertion makes.
func (r *Rules) Map(a identity.Assertion) (directory.Profile, []string, error) {
	var p directory.Profile
	var address any
	for field, to := range map[string]*string{
		"username": &p.Username, "name": &p.Name, "given_name": &p.GivenName, "family_name": &p.FamilyName,
		"email": &p.Email, "locale": &p.Locale, "picture": &p.Picture, "department": &p.Department,
	} {
		v, err := r.value(field, standard[field], a)
		if err != nil {
			return p, nil, err
		}
		*to = clean(v)
		if field == "email" {
			address = v
		}
	}
	verified, err := r.value(fieldVerified, standard[fieldVerified], a)
	if err != nil {
		return p, nil, err
	}
	p.EmailVerified = r.vouched(address, verified)
	list, err := r.value(fieldGroups, r.o.GroupsClaim, a)
	if err != nil {
		return p, nil, err
	}
	groups, err := texts(list)
	return p, groups, err
}

// ExternalID returns what the connection's SCIM records call whoever the assertion is
// of, byte for byte: what the rule for external_id yields, or without one the upstream
// subject. Nothing, which is no rule's fault, is empty.
func (r *Rules) ExternalID(a identity.Assertion) (string, error) {
	if _, ok := r.programs[fieldExternal]; !ok {
		return a.Authentication.Subject, nil
	}
	v, err := r.value(fieldExternal, "", a)
	if err != nil {
		return "", err
	}
	return external(v)
}

func external(v any) (string, error) {
	switch id := v.(type) {
	case nil:
		return "", nil
	case string:
		if len(id) <= directory.MaxText && id == clean(id) {
			return id, nil
		}
	}
	return "", fault.New(ErrRule.Kind, ErrRule.Code, "external_id is no text, too long, or has control characters or a space at its ends")
}

// value evaluates the field's rule, or takes the claim where there is none.
func (r *Rules) value(field, claim string, a identity.Assertion) (any, error) {
	program, ok := r.programs[field]
	if !ok {
		return a.Attributes[claim], nil
	}
	out, _, err := program.Eval(map[string]any{"claims": a.Attributes, "connection": a.Authentication.Connection})
	if err != nil {
		return nil, identity.Refuse(fault.Wrap(err, ErrRule.Kind, ErrRule.Code, "the claim rule for %s failed", field), "claim_rule", field+" = "+r.o.Expressions[field], err.Error())
	}
	if list, ok := out.Value().([]any); ok {
		return list, nil
	}
	if native, err := out.ConvertToNative(listType); err == nil {
		return native, nil
	}
	return out.Value(), nil
}

// texts takes a list of strings, or one string, as group ids.
func texts(v any) ([]string, error) {
	var list []string
	switch v := v.(type) {
	case nil:
	case string:
		list = []string{v}
	case []string:
		list = v
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return nil, fault.New(ErrRule.Kind, ErrRule.Code, "groups is not a list of strings")
			}
			list = append(list, s)
		}
	default:
		return nil, fault.New(ErrRule.Kind, ErrRule.Code, "groups is not a list of strings")
	}
	if len(list) > maxGroups {
		return nil, fault.New(ErrRule.Kind, ErrRule.Code, "there are more than %d groups", maxGroups)
	}
	for _, g := range list {
		if g == "" || g != clean(g) {
			return nil, fault.New(ErrRule.Kind, ErrRule.Code, "a group id is empty, too long or has control characters")
		}
	}
	return list, nil
}

// vouched reports whether an address counts as verified: the provider says so, its
// domain is proved, and it stands as the provider knows it. One that clean changes is
// another than the provider looked at, and could become somebody else's.
func (r *Rules) vouched(address, verified any) bool {
	text := clean(address)
	return isTrue(verified) && address == any(text) && slices.Contains(r.o.Domains, Domain(text))
}

func isTrue(v any) bool { return v == true || v == "true" }

// clean returns v as text that may be kept; anything but a string is empty.
func clean(v any) string {
	s, _ := v.(string)
	return directory.Clean(s)
}

// Domain returns the lower-case domain of an e-mail address, empty for what is
// none: exactly one @, a name before it, and a plain host after it.
func Domain(address string) string {
	name, domain, ok := strings.Cut(address, "@")
	if !ok || name == "" || domain == "" {
		return ""
	}
	for _, c := range domain {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return ""
		}
	}
	return strings.ToLower(domain)
}
