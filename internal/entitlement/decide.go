package entitlement

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// Question is what a decision is made from.
type Question struct {
	// Person's profile and Assigned are looked at; Standing is which groups they are in,
	// and at what time the question is asked.
	Person   directory.Person
	Standing directory.Standing
	// App is the internal id, Entitlements what its release in force names.
	App          string
	Entitlements []catalog.Entitlement
	// Shut keeps everybody out: the app is switched off or not complete.
	Shut bool
	// Rules are the app's assignments to groups and by attributes.
	Rules []Assignment
}

// Decision is whether a person may use an app.
type Decision struct {
	Allowed bool
	// Roles are the names of the app's entitlements that the person has, and Via
	// the mapped group names that gave them.
	Roles []string
	Via   []string
	// Missing are the group names of which one would suffice; set when refused.
	Missing []string
	// Groups are all mapped group names of the person, for the groups claim.
	Groups []string
}

// Decide answers a question. It costs as much as the app has rules, and the person
// groups, whoever else there is.
func Decide(q *Question) Decision {
	d := Decision{Groups: q.Standing.Names}
	q.each(func(w way) {
		switch {
		case w.met && !slices.Contains(d.Roles, w.role):
			d.Roles = append(d.Roles, w.role)
			fallthrough
		case w.met:
			d.Via = appendNamed(d.Via, w.group)
		default:
			d.Missing = appendNamed(d.Missing, w.group)
		}
	})
	d.Allowed = len(d.Roles) > 0 && !q.Shut
	d.Via, d.Missing = unique(d.Via), unique(d.Missing)
	if d.Allowed {
		d.Missing = nil
	}
	return d
}

// way is one rule that gives a role to whoever meets it: a group that the release names,
// a role that the person has by name, or an assignment to many.
type way struct {
	role     string
	group    string // a name of the manifest's
	assigned *directory.Assigned
	rule     *Assignment
	met      bool
}

// each goes through everything that could give the person a role: first the release's
// groups, then what they have by name, then assignments to many.
func (q *Question) each(visit func(way)) {
	for i := range q.Entitlements {
		e := &q.Entitlements[i]
		for _, g := range e.Groups {
			visit(way{role: e.Name, group: g, met: slices.Contains(q.Standing.Names, g)})
		}
	}
	for i := range q.Person.Assigned {
		if a := &q.Person.Assigned[i]; a.App == q.App && q.names(a.Role) {
			visit(way{role: a.Role, assigned: a, met: a.Holds(q.Standing.At)})
		}
	}
	for i := range q.Rules {
		if r := &q.Rules[i]; q.names(r.Role) {
			visit(way{role: r.Role, rule: r, met: r.Holds(q.Standing.At) && r.meets(q)})
		}
	}
}

// names reports whether the release has the role.
func (q *Question) names(role string) bool {
	return slices.ContainsFunc(q.Entitlements, func(e catalog.Entitlement) bool { return e.Name == role })
}

// meets reports whether the person is one of many whom the assignment is for.
func (a *Assignment) meets(q *Question) bool {
	if a.Whom.Attribute.Name != "" {
		value := q.Person.Profile.Attribute(a.Whom.Attribute.Name)
		return value != "" && slices.Contains(a.Whom.Attribute.Values, value)
	}
	return a.Whom.Group.ID != "" && q.Standing.In(a.Whom.Group)
}

// Lost returns the roles that the person had before and has no more: what makes it
// necessary to end what was issued to the app in their name. What a person had in an
// app that was shut is none.
func Lost(before, after Decision) []string {
	if !before.Allowed {
		return nil
	}
	if !after.Allowed {
		return before.Roles
	}
	return slices.DeleteFunc(slices.Clone(before.Roles), func(r string) bool { return slices.Contains(after.Roles, r) })
}

func appendNamed(list []string, name string) []string {
	if name == "" {
		return list
	}
	return append(list, name)
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
