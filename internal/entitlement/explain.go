package entitlement

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Verdict is what an explanation comes to.
type Verdict string

// The verdicts. Unknown is of a time from before history was kept: it is never a yes.
const (
	Allowed Verdict = "allowed"
	Refused Verdict = "refused"
	Unknown Verdict = "unknown"
)

// Verdicts lists them.
func Verdicts() []Verdict { return []Verdict{Allowed, Refused, Unknown} }

// ObstacleCode says what keeps somebody out whatever roles they have.
type ObstacleCode string

// The obstacles.
const (
	PersonAbsent   ObstacleCode = "person_absent" // there was no such person yet
	PersonDisabled ObstacleCode = "person_disabled"
	PersonLeft     ObstacleCode = "person_left" // their identity provider switched them off
	ConnectionOff  ObstacleCode = "connection_disabled"
	AppAbsent      ObstacleCode = "app_absent"
	AppDisabled    ObstacleCode = "app_disabled"
	AppIncomplete  ObstacleCode = "app_incomplete"
)

// ObstacleCodes lists them.
func ObstacleCodes() []ObstacleCode {
	return []ObstacleCode{PersonAbsent, PersonDisabled, PersonLeft, ConnectionOff, AppAbsent, AppDisabled, AppIncomplete}
}

// Obstacle is one thing that keeps somebody out.
type Obstacle struct {
	Code ObstacleCode `json:"code"`
	// What is the connection, or what the app lacks.
	What  string    `json:"what,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Event is the entry of the audit log that it began with, and By who did it; or
	// Operation is the id of the SCIM operation, and Detail its words for as long as it is
	// kept.
	Event     string         `json:"event,omitempty"`
	By        identity.Actor `json:"by,omitzero"`
	Operation string         `json:"operation,omitempty"`
	Detail    string         `json:"detail,omitempty"`
}

// StepKind says what a step of a reason is.
type StepKind string

// The kinds of step, from what came from outside to the role.
const (
	StepSignIn     StepKind = "sign_in"    // a sign-in told of the group
	StepOperation  StepKind = "operation"  // a SCIM operation did
	StepGroup      StepKind = "group"      // an upstream group
	StepWithin     StepKind = "within"     // a group that the one before is in
	StepMapping    StepKind = "mapping"    // the name that the group has here
	StepAttribute  StepKind = "attribute"  // what the profile says
	StepAssignment StepKind = "assignment" // what an administrator gave
	StepRule       StepKind = "rule"       // the release that names the group, or the role
	StepRole       StepKind = "role"
)

// StepKinds lists them.
func StepKinds() []StepKind {
	return []StepKind{StepSignIn, StepOperation, StepGroup, StepWithin, StepMapping, StepAttribute, StepAssignment, StepRule, StepRole}
}

// Step is one fact of a reason.
type Step struct {
	Kind StepKind `json:"kind"`
	// Name is what it is about: a group's id, a mapping's name, an attribute and its
	// value, a release's digest, a role.
	Name string `json:"name"`
	// Title is what the identity provider calls a group now.
	Title string `json:"title,omitempty"`
	// Connection is whose group it is.
	Connection string `json:"connection,omitempty"`
	// ID is that of the event, the operation or the assignment that made it so.
	ID string `json:"id,omitempty"`
	// Detail are the words of an operation, or the reason of an assignment.
	Detail string         `json:"detail,omitempty"`
	Since  time.Time      `json:"since,omitzero"`
	Until  time.Time      `json:"until,omitzero"`
	By     identity.Actor `json:"by,omitzero"`
}

// Reason is one chain of facts that gives a role, from outside to the role.
type Reason struct {
	Role  string `json:"role"`
	Steps []Step `json:"steps"`
}

// Missing is one way to a role that the person does not meet.
type Missing struct {
	Role string `json:"role"`
	// Group is the name of a group that would do, Upstream the groups that have it: the
	// identity providers of those can put somebody in. With none, nobody can.
	Group    string   `json:"group,omitempty"`
	Upstream []Mapped `json:"upstream,omitempty"`
	// Through are those of the person's own connections that have such a group: whoever
	// looks after its groups can put them in.
	Through []string `json:"through,omitempty"`
	// Attribute would do, and Assignment did, or will, within its times.
	Attribute  Condition   `json:"attribute,omitzero"`
	Assignment *Assignment `json:"assignment,omitempty"`
}

// Explanation is why a person may use an app at an instant, or what is missing.
type Explanation struct {
	Person  string    `json:"person"` // internal id
	App     string    `json:"app"`    // name
	Title   string    `json:"title,omitempty"`
	At      time.Time `json:"at"`
	Verdict Verdict   `json:"verdict"`
	// Known is from when on history is kept.
	Known time.Time `json:"known"`
	// Roles are what the person has there, Scopes the most that its tokens carry.
	Roles   []string `json:"roles,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	Release Release  `json:"release,omitzero"`
	// Owner answers for the app, and can have its next release name a group.
	Owner     catalog.Owner `json:"owner,omitzero"`
	Obstacles []Obstacle    `json:"obstacles,omitempty"`
	Reasons   []Reason      `json:"reasons,omitempty"`
	Missing   []Missing     `json:"missing,omitempty"`
}

// Explainer explains decisions.
type Explainer struct {
	history History
	now     func() time.Time
}

// NewExplainer returns an Explainer.
func NewExplainer(history History, now func() time.Time) *Explainer { return &Explainer{history, now} }

// Explain says why the person may or may not use the app of this name at a time, now if
// it is zero. It fails with ErrFuture, ErrAsk, directory.ErrPersonNotFound and
// catalog.ErrAppNotFound.
func (x *Explainer) Explain(ctx context.Context, person, app string, at time.Time) (Explanation, error) {
	now := x.now().UTC().Truncate(time.Microsecond)
	switch {
	case person == "" || app == "":
		return Explanation{}, ErrAsk
	case at.After(now):
		return Explanation{}, ErrFuture
	case at.IsZero():
		at = now
	}
	f, err := x.history.FactsAt(ctx, person, app, at.UTC().Truncate(time.Microsecond))
	if err != nil {
		return Explanation{}, err
	}
	return f.Explain(), nil
}

// Explain says what the facts come to.
func (f *Facts) Explain() Explanation {
	e := Explanation{Person: f.Person.ID, App: f.AppName, At: f.Standing.At, Known: f.Known, Verdict: Unknown}
	if f.Standing.At.Before(f.Known) {
		return e
	}
	d := Decide(&f.Question)
	e.Title, e.Owner, e.Obstacles, e.Release, e.Verdict = f.Title, f.Owner, f.Obstacles, f.Release, Refused
	if d.Allowed && len(f.Obstacles) == 0 {
		e.Verdict, e.Scopes = Allowed, f.Scopes
	}
	e.Roles = d.Roles
	f.each(func(w way) {
		if w.met {
			e.Reasons = append(e.Reasons, f.reasons(w)...)
		} else if !slices.Contains(d.Roles, w.role) {
			e.Missing = append(e.Missing, f.missing(w))
		}
	})
	return e
}

// missing describes a way that the person does not meet.
func (f *Facts) missing(w way) Missing {
	m := Missing{Role: w.role, Group: w.group}
	switch {
	case w.group != "":
		m.Upstream, m.Through = f.titled(f.Named[w.group]), f.own(f.Named[w.group])
	case w.assigned != nil:
		a := f.Assignments[w.assigned.ID]
		m.Assignment = &a
	case w.rule.Whom.Kind() == ForAttribute:
		m.Attribute = w.rule.Whom.Attribute
	default:
		m.Upstream = f.titled([]Mapped{{Mapping: directory.Mapping{Group: w.rule.Whom.Group}}})
	}
	return m
}

// titled says what the groups are called where they come from.
func (f *Facts) titled(groups []Mapped) []Mapped {
	all := slices.Clone(groups)
	for i := range all {
		all[i].Title = f.Titles[all[i].Group]
	}
	return all
}

// own are the connections of the groups that the person comes by.
func (f *Facts) own(groups []Mapped) (all []string) {
	for _, g := range groups {
		by := g.Group.Connection
		if slices.ContainsFunc(f.Person.Identities, func(i directory.Identity) bool { return i.Connection == by }) ||
			slices.ContainsFunc(f.Person.Records, func(r directory.Record) bool { return r.Connection == by }) {
			all = append(all, by)
		}
	}
	return unique(all)
}

// reasons describes a way that the person meets: one chain for each group that has the
// name.
func (f *Facts) reasons(w way) (all []Reason) {
	role := []Step{f.ruleStep(), {Kind: StepRole, Name: w.role}}
	switch {
	case w.group != "":
		for _, m := range f.Standing.Memberships {
			mapped, ok := f.Mappings[m.Group]
			if !ok || mapped.Name != w.group {
				continue
			}
			name := Step{Kind: StepMapping, Name: mapped.Name, ID: mapped.Event, Since: mapped.Since, By: mapped.By}
			all = append(all, Reason{w.role, slices.Concat(f.membershipSteps(m.Group), []Step{name}, role)})
		}
	case w.assigned != nil:
		all = append(all, Reason{w.role, append([]Step{f.assignmentStep(f.Assignments[w.assigned.ID])}, role...)})
	case w.rule.Whom.Kind() == ForAttribute:
		name := w.rule.Whom.Attribute.Name
		profile := Step{Kind: StepAttribute, Name: name + "=" + f.Person.Profile.Attribute(name)}
		all = append(all, Reason{w.role, append([]Step{profile, f.assignmentStep(*w.rule)}, role...)})
	default:
		all = append(all, Reason{w.role, slices.Concat(f.membershipSteps(w.rule.Whom.Group), []Step{f.assignmentStep(*w.rule)}, role)})
	}
	return all
}

// membershipSteps lead from what told of the membership to the group.
func (f *Facts) membershipSteps(g identity.GroupRef) []Step {
	i := slices.IndexFunc(f.Standing.Memberships, func(m directory.Membership) bool { return m.Group == g })
	m := f.Standing.Memberships[i]
	first := Step{Kind: StepSignIn, Name: m.Group.Connection, Connection: m.Group.Connection, ID: m.Origin, Since: m.Since, Until: m.ValidUntil}
	if m.Source != directory.SourceSignIn {
		first.Kind, first.Detail = StepOperation, f.Operations[m.Origin]
	}
	steps := []Step{first}
	for i, in := range append(slices.Clip(m.Through), m.Group) {
		kind := StepWithin
		if i == 0 {
			kind = StepGroup
		}
		steps = append(steps, Step{Kind: kind, Name: in.ID, Title: f.Titles[in], Connection: in.Connection})
	}
	return steps
}

// assignmentStep is what an administrator gave.
func (f *Facts) assignmentStep(a Assignment) Step {
	return Step{Kind: StepAssignment, Name: a.Whom.text(), Title: f.Titles[a.Whom.Group], Connection: a.Whom.Group.Connection, ID: a.ID, Detail: a.Reason, Since: later(a.Created, a.From), Until: a.Until, By: a.By}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// text says whom it is for.
func (w Whom) text() string {
	switch w.Kind() {
	case ForPerson:
		return w.Person
	case ForAttribute:
		return w.Attribute.Name + "=" + strings.Join(w.Attribute.Values, "|")
	}
	return w.Group.ID
}

// ruleStep is the release that names the group for the role, or the role itself.
func (f *Facts) ruleStep() Step {
	return Step{Kind: StepRule, Name: f.Release.Digest, ID: f.Release.Event, Detail: f.Release.Version, Since: f.Release.Since, By: f.Release.By}
}

// ForThemselves returns the explanation as the person it is about may read it: without
// who did what, and without what is known of groups and rules that they are not in, or of
// a time when they were not there.
func (e Explanation) ForThemselves() Explanation {
	if slices.ContainsFunc(e.Obstacles, func(o Obstacle) bool { return o.Code == PersonAbsent }) {
		return Explanation{Person: e.Person, App: e.App, At: e.At, Verdict: e.Verdict, Known: e.Known, Obstacles: []Obstacle{{Code: PersonAbsent}}}
	}
	e.Release.By = identity.Actor{}
	e.Obstacles = slices.Clone(e.Obstacles)
	for i := range e.Obstacles {
		o := &e.Obstacles[i]
		*o = Obstacle{Code: o.Code, What: o.What, Since: o.Since}
	}
	e.Reasons = slices.Clone(e.Reasons)
	for i := range e.Reasons {
		e.Reasons[i].Steps = ownSteps(e.Reasons[i].Steps)
	}
	e.Missing = slices.DeleteFunc(slices.Clone(e.Missing), func(m Missing) bool { return m.Group == "" && m.Assignment == nil })
	for i := range e.Missing {
		m := &e.Missing[i]
		m.Upstream = nil
		if m.Assignment != nil {
			m.Assignment = &Assignment{Role: m.Assignment.Role, From: m.Assignment.From, Until: m.Assignment.Until, Created: m.Assignment.Created, Ended: m.Assignment.Ended}
		}
	}
	return e
}

// ownSteps leaves out who did what, why an administrator did, and whom else a rule is for.
func ownSteps(steps []Step) []Step {
	steps = slices.Clone(steps)
	for i := range steps {
		s := &steps[i]
		s.By = identity.Actor{}
		if s.Kind != StepAssignment {
			continue
		}
		s.Detail = ""
		if i > 0 && steps[i-1].Kind == StepAttribute {
			s.Name = steps[i-1].Name
		}
	}
	return steps
}
