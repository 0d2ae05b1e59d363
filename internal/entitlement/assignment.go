package entitlement

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of assignments.
var (
	ErrAssignmentNotFound = fault.New(fault.NotFound, "assignment_not_found", "the app has no such assignment")
	ErrAssignmentEnded    = fault.New(fault.Conflict, "assignment_ended", "this assignment has ended")
	// ErrAssignmentThere refuses what somebody has already by another assignment.
	ErrAssignmentThere = fault.New(fault.Conflict, "assignment_exists", "they have this role by an assignment that has not ended: end it first")
	ErrRole            = fault.New(fault.Invalid, "app_role_unknown", "the app's release names no such role").At("role")
	ErrWhom            = fault.New(fault.Invalid, "assignment_whom", "an assignment is for one of: a person, a group, an attribute").At("whom")
	ErrAttribute       = fault.New(fault.Invalid, "assignment_attribute",
		"an attribute is one of %s, with 1 to %d values of 1 to %d bytes", strings.Join(directory.Attributes(), ", "), maxValues, maxValue).At("whom.attribute")
	ErrGroup  = fault.New(fault.Invalid, "assignment_group", "a group has a connection and an id").At("whom.group")
	ErrUntil  = fault.New(fault.Invalid, "assignment_until", "the end is in the future, and after the beginning").At("until")
	ErrMoved  = fault.New(fault.Invalid, "assignment_unmoved", "that is when it ends already").At("until")
	ErrReason = fault.New(fault.Invalid, "assignment_reason", "a reason has 1 to 500 characters, none of them a control character").At("reason")
)

// The limits of an assignment.
const (
	maxReason = 500
	maxValues = 100
	maxValue  = 256
)

// Condition is met by whoever's attribute has one of the values, byte for byte.
type Condition struct {
	Name   string   `json:"name"` // one of directory.Attributes
	Values []string `json:"values"`
}

// IsZero reports whether there is no condition.
func (c Condition) IsZero() bool { return c.Name == "" && len(c.Values) == 0 }

// Whom is whom an assignment is for: exactly one is set.
type Whom struct {
	Person    string            `json:"person,omitempty"` // internal id
	Group     identity.GroupRef `json:"group,omitzero"`
	Attribute Condition         `json:"attribute,omitzero"`
}

// The kinds of Whom.
const (
	ForPerson    = "person"
	ForGroup     = "group"
	ForAttribute = "attribute"
)

// Kind is one of ForPerson, ForGroup and ForAttribute.
func (w Whom) Kind() string {
	switch {
	case w.Person != "":
		return ForPerson
	case w.Attribute.Name != "":
		return ForAttribute
	}
	return ForGroup
}

// Same reports whether the two are for the same.
func (w Whom) Same(other Whom) bool {
	return w.Person == other.Person && w.Group == other.Group && w.Attribute.Name == other.Attribute.Name && slices.Equal(w.Attribute.Values, other.Attribute.Values)
}

// Assignment is a role in an app that an administrator gave. It is never changed but in
// when it ends, and never deleted, so that why somebody could do something can be told
// later.
type Assignment struct {
	ID   string `json:"id"`
	App  string `json:"app"` // internal id
	Role string `json:"role"`
	Whom Whom   `json:"whom"`
	// From and Until bound it; zero for no bound. A timer ends it at Until.
	From    time.Time      `json:"from,omitzero"`
	Until   time.Time      `json:"until,omitzero"`
	Reason  string         `json:"reason"`
	By      identity.Actor `json:"by"`
	Created time.Time      `json:"created"`
	// Event is the id of the event that it began with, Ended that and when it ended.
	Event      string         `json:"event"`
	Ended      time.Time      `json:"ended,omitzero"`
	EndedBy    identity.Actor `json:"ended_by,omitzero"`
	EndedEvent string         `json:"ended_event,omitempty"`
	// Moved are the ends that it had before, the first one first.
	Moved []Moved `json:"moved,omitempty"`
}

// Moved is an end that an assignment had until it was given another one.
type Moved struct {
	Until time.Time      `json:"until,omitzero"` // zero for no end
	At    time.Time      `json:"at"`
	By    identity.Actor `json:"by"`
	Event string         `json:"event"`
}

// At returns the assignment with the end that it had at a time. An end only ever moves
// while it is ahead, and to a time that is, so that it makes no difference to whether the
// assignment held then.
func (a Assignment) At(t time.Time) Assignment {
	for _, m := range a.Moved {
		if t.Before(m.At) {
			a.Until = m.Until
			break
		}
	}
	return a
}

// Timer is the key of the timer that ends the assignment: each end has one of its own.
func (a *Assignment) Timer() string {
	if len(a.Moved) == 0 {
		return a.ID
	}
	return a.ID + "@" + strconv.FormatInt(a.Until.UnixMicro(), 10)
}

// Holds reports whether the assignment, which has been made, gives the role at the time.
func (a *Assignment) Holds(at time.Time) bool {
	return !at.Before(a.From) && (a.Until.IsZero() || at.Before(a.Until)) && (a.Ended.IsZero() || at.Before(a.Ended))
}

// Assigned is what the person's row has of it.
func (a *Assignment) Assigned() directory.Assigned {
	return directory.Assigned{ID: a.ID, App: a.App, Role: a.Role, From: a.From, Until: a.Until}
}

// Query selects assignments: all that every field which is set selects.
type Query struct {
	App    string // internal id
	Person string
	// Group has those to an upstream group.
	Group identity.GroupRef
	// Ended has those alone that ended, or did not; nil has both.
	Ended *bool
	// Oldest has the oldest first, instead of the newest.
	Oldest bool
	// Limit is how many a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Store keeps assignments. What a change takes from people is found out, and revoked,
// in its transaction: see package storage.
type Store interface {
	// AddAssignment stores a new assignment and its timer. It fails with ErrAssignmentThere and
	// directory.ErrPersonNotFound.
	AddAssignment(ctx context.Context, a Assignment, events []event.Event) error
	// UpdateAssignment changes one in a transaction: change returns it as it ends, with
	// another Until, or as it is, which changes nothing. One that has ended is not changed.
	// It fails with ErrAssignmentNotFound.
	UpdateAssignment(ctx context.Context, id string, change func(Assignment) (Assignment, []event.Event, error)) (Assignment, error)
	// Assignment returns one, ended or not, or ErrAssignmentNotFound.
	Assignment(ctx context.Context, id string) (Assignment, error)
	// SearchAssignments returns a page and the cursor of the page after it, empty at the
	// end. It fails with directory.ErrCursor.
	SearchAssignments(ctx context.Context, q Query) (page []Assignment, next string, err error)
	Rules
}

// check refuses whom nobody could be.
func (w *Whom) check() error {
	set := 0
	for _, is := range []bool{w.Person != "", w.Group != identity.GroupRef{}, !w.Attribute.IsZero()} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return ErrWhom
	case w.Person != "":
		return nil
	case w.Attribute.IsZero():
		if w.Group.Connection == "" || w.Group.ID == "" || len(w.Group.ID) > maxValue {
			return ErrGroup
		}
		return nil
	}
	values := slices.Clone(w.Attribute.Values)
	slices.Sort(values)
	w.Attribute.Values = slices.Compact(values)
	plain := func(v string) bool { return v != "" && len(v) <= maxValue && isPlain(v) }
	if !slices.Contains(directory.Attributes(), w.Attribute.Name) || len(values) == 0 || len(values) > maxValues ||
		slices.ContainsFunc(values, func(v string) bool { return !plain(v) }) {
		return ErrAttribute
	}
	return nil
}

// isPlain reports whether text is in one line, without what is not seen.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// reasonable is a reason that says something.
var reasonable = regexp.MustCompile(`\S`)

func checkReason(text string) error {
	if !reasonable.MatchString(text) || utf8.RuneCountInString(text) > maxReason || !isPlain(text) {
		return ErrReason
	}
	return nil
}
