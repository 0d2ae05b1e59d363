package claims

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Explained is what became of one field.
type Explained struct {
	Field string
	// From is the expression, or the name of the claim where there is no rule.
	From string
	// Value is what the field got, as text: lists and the like as JSON.
	Value string
	// Failed is why it got nothing.
	Failed error
}

// Explain does what Map does, and tells of each field what it got from where. It
// goes on after a rule that fails.
func (r *Rules) Explain(a identity.Assertion) []Explained {
	all := make([]Explained, 0, len(standard)+2)
	var address any
	for _, field := range append(slices.Sorted(maps.Keys(standard)), fieldGroups) {
		claim := standard[field]
		if field == fieldGroups {
			claim = r.o.GroupsClaim
		}
		e := Explained{Field: field, From: claim}
		if text, ok := r.o.Expressions[field]; ok {
			e.From = text
		}
		v, err := r.value(field, claim, a)
		switch {
		case err != nil:
			e.Failed = err
		case field == fieldGroups:
			groups, err := texts(v)
			e.Value, e.Failed = written(groups), err
		case field == fieldVerified:
			e.Value = written(r.vouched(address, v))
		default:
			e.Value = clean(v)
		}
		if field == "email" {
			address = v
		}
		all = append(all, e)
	}
	if text, ok := r.o.Expressions[fieldExternal]; ok {
		e := Explained{Field: fieldExternal, From: text}
		e.Value, e.Failed = r.ExternalID(a)
		all = append(all, e)
	}
	return all
}

// Why is why a field got nothing, for people: empty when it got something.
func (e Explained) Why() string {
	if e.Failed == nil {
		return ""
	}
	var f identity.Findings
	f.Refused(e.Failed, "claim_rule")
	if got := f.Checks[0].Got; got != "" {
		return got
	}
	return fault.As(e.Failed).Detail
}

func written(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // strings and booleans always marshal
	}
	return string(text)
}
