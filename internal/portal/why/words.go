package why

import (
	"cmp"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// teller has what the words are made from.
type teller struct {
	e    *entitlement.Explanation
	v    Voice
	past bool
}

// verdict is the answer in a sentence.
func (w *teller) verdict() (icon string, tone ui.Tone, sentence ui.Text) {
	switch w.e.Verdict {
	case entitlement.Allowed:
		icon, tone = "check", ui.Good
		switch {
		case w.v.Self && w.past:
			sentence = ui.T("You could use %s.", w.title())
		case w.v.Self:
			sentence = ui.T("You can use %s.", w.title())
		case w.past:
			sentence = ui.T("%s could use %s.", w.v.Person, w.title())
		default:
			sentence = ui.T("%s can use %s.", w.v.Person, w.title())
		}
	case entitlement.Refused:
		icon, tone = "lock", ui.Bad
		switch {
		case w.v.Self && w.past:
			sentence = ui.T("You could not use %s.", w.title())
		case w.v.Self:
			sentence = ui.T("You cannot use %s.", w.title())
		case w.past:
			sentence = ui.T("%s could not use %s.", w.v.Person, w.title())
		default:
			sentence = ui.T("%s cannot use %s.", w.v.Person, w.title())
		}
	case entitlement.Unknown:
		icon, tone, sentence = "info", ui.Warn, ui.T("Nobody knows any more: history does not go back that far.")
	}
	return icon, tone, sentence
}

// obstacle says what is in the way.
func (w *teller) obstacle(o entitlement.Obstacle) ui.Text {
	self := w.v.Self
	switch o.Code {
	case entitlement.PersonAbsent:
		if self {
			return ui.T("You were not here yet.")
		}
		return ui.T("The person was not here yet.")
	case entitlement.PersonDisabled:
		if self {
			return ui.T("Your account here was switched off.")
		}
		return ui.T("The person is switched off.")
	case entitlement.PersonLeft:
		if self {
			return ui.T("%s switched your account off.", w.connection(o.What))
		}
		return ui.T("%s switched the account off.", w.connection(o.What))
	case entitlement.ConnectionOff:
		return ui.T("Nobody can sign in by %s: it is switched off.", w.connection(o.What))
	case entitlement.AppAbsent:
		return ui.T("The app was not there.")
	case entitlement.AppDisabled:
		return ui.T("The app is switched off for everybody.")
	case entitlement.AppIncomplete:
		return lacking(o.What)
	}
	return ui.Plain(string(o.Code))
}

// lacking says what an app lacks that is not complete.
func lacking(what string) ui.Text {
	switch what {
	case "owner":
		return ui.T("Nobody answers for the app yet.")
	case "groups":
		return ui.T("No group may use the app yet.")
	case "keys":
		return ui.T("The app's team has yet to set up its keys.")
	}
	return ui.T("The app is not complete: %s is missing.", what)
}

// stop says what a step is.
func (w *teller) stop(s entitlement.Step) Stop {
	stop := Stop{Name: cmp.Or(s.Title, s.Name), Since: s.Since, Until: s.Until, By: w.actor(s.By)}
	switch s.Kind {
	case entitlement.StepSignIn:
		stop.Icon, stop.Kind, stop.Name, stop.Event = "key", ui.T("A sign-in told of it"), w.connection(s.Connection), w.event(s.ID)
	case entitlement.StepOperation:
		stop.Icon, stop.Kind, stop.Name = "refresh", ui.T("SCIM operation of %s", w.connection(s.Connection)), s.Detail
		if stop.Name == "" {
			stop.Name, stop.Code = s.ID, true
		}
		stop.Href = w.operation(s.Connection, s.ID, s.Detail).Href
	case entitlement.StepGroup, entitlement.StepWithin:
		stop.Icon, stop.Kind, stop.Code = "group", ui.T("Group at %s", w.connection(s.Connection)), s.Title == ""
		if s.Kind == entitlement.StepWithin {
			stop.Kind = ui.T("Which is within a group at %s", w.connection(s.Connection))
		}
		stop.Href = w.group(identity.GroupRef{Connection: s.Connection, ID: s.Name})
	case entitlement.StepMapping:
		stop.Icon, stop.Kind, stop.Event = "tag", ui.T("Which is called here"), w.event(s.ID)
	case entitlement.StepAttribute:
		stop.Icon, stop.Kind, stop.Name = "people", ui.T("Profile"), attributed(s.Name)
	case entitlement.StepAssignment:
		w.assigned(&stop, s)
	case entitlement.StepRule:
		stop.Icon, stop.Kind, stop.Name, stop.Code, stop.Event = "audit", ui.T("Release in force"), cmp.Or(s.Detail, short(s.Name)), s.Detail == "", w.event(s.ID)
		stop.Also = ui.T("says who gets the role")
	case entitlement.StepRole:
		stop.Icon, stop.Kind = "apps", ui.T("Role in %s", w.title())
	}
	return stop
}

// assigned says what an administrator gave.
func (w *teller) assigned(stop *Stop, s entitlement.Step) {
	stop.Icon, stop.Kind, stop.Quote = "shield", ui.T("Assigned by an administrator"), s.Detail
	switch {
	case s.Connection != "":
		stop.Also = ui.T("to everybody in the group")
		stop.Code = s.Title == ""
	case strings.Contains(s.Name, "="):
		stop.Name, stop.Also = attributed(s.Name), ui.T("to everybody of whom this is so")
	case w.v.Self:
		stop.Name, stop.Also = "", ui.T("to you by name")
	default:
		stop.Name, stop.Also = w.v.Person, ui.T("by name")
	}
	if w.v.Assignment != nil {
		stop.Href = w.v.Assignment(s.ID)
	}
}

// attributed writes an attribute and its values.
func attributed(pair string) string {
	name, values, _ := strings.Cut(pair, "=")
	return name + " = " + strings.ReplaceAll(values, "|", ", ")
}

// chance says what would give a role, and who can see to it.
func (w *teller) chance(m entitlement.Missing) Chance {
	switch {
	case m.Group != "":
		c := Chance{Icon: "group", Text: ui.T("Membership of the group"), Names: []string{m.Group}, Groups: w.upstream(m.Upstream)}
		var own []string
		for _, id := range m.Through {
			own = append(own, w.connection(id))
		}
		switch {
		case len(own) > 0 && w.v.Self:
			c.Who = ui.T("Whoever looks after groups at %s can put you in.", ui.Either(own))
		case len(own) > 0:
			c.Who = ui.T("Whoever looks after groups at %s can put them in.", ui.Either(own))
		case w.v.Self:
			c.Who = ui.T("No group of your organisation has this name. The app's team can let another one in.")
		case len(m.Upstream) > 0:
			c.Who = ui.T("No group of a connection that they come by has this name.")
		default:
			c.Who = ui.T("No upstream group has this name: an administrator can give it to one.")
		}
		return c
	case m.Attribute.Name != "":
		return Chance{Icon: "people", Text: ui.T("Profile with %s of", m.Attribute.Name), Names: m.Attribute.Values, Who: ui.T("The identity provider says what is in the profile.")}
	case m.Assignment != nil:
		return w.byName(*m.Assignment)
	}
	return Chance{
		Icon: "group", Text: ui.T("Membership of a group that the role is assigned to"), Groups: w.upstream(m.Upstream),
		Who: ui.T("Whoever looks after the group where it comes from can put them in."),
	}
}

// byName speaks of an assignment to the person that is over, or has yet to begin.
func (w *teller) byName(a entitlement.Assignment) Chance {
	c := Chance{Icon: "shield", Who: ui.T("An administrator can assign the role.")}
	over := a.Until
	if !a.Ended.IsZero() && (over.IsZero() || a.Ended.Before(over)) {
		over = a.Ended
	}
	if a.From.After(w.e.At) {
		c.Text, c.When, c.Who = ui.T("The role is assigned, and has yet to begin."), []Moment{{ui.T("begins"), a.From}}, ui.Text{}
		return c
	}
	c.Text = ui.T("The role was assigned, and that is over.")
	if !over.IsZero() {
		c.When = []Moment{{ui.T("ended"), over}}
	}
	return c
}

func (w *teller) upstream(groups []entitlement.Mapped) (all []ui.Link) {
	for _, g := range groups {
		all = append(all, ui.Link{Text: ui.T("%s at %s", cmp.Or(g.Title, g.Group.ID), w.connection(g.Group.Connection)), Href: w.group(g.Group)})
	}
	return all
}

func (w *teller) connection(id string) string {
	if w.v.Connection == nil {
		return id
	}
	return cmp.Or(w.v.Connection(id), id)
}

func (w *teller) about(role string) string {
	if w.v.Role == nil {
		return ""
	}
	return w.v.Role(role)
}

func (w *teller) group(g identity.GroupRef) string {
	if w.v.Group == nil {
		return ""
	}
	return w.v.Group(g)
}

func (w *teller) event(id string) string {
	if w.v.Event == nil || id == "" {
		return ""
	}
	return w.v.Event(id)
}

// operation leads to a SCIM operation, empty without one. It has words for as long as it is
// kept.
func (w *teller) operation(connection, id, words string) ui.Link {
	if id == "" {
		return ui.Link{}
	}
	l := ui.Link{Text: ui.Plain(cmp.Or(words, id))}
	if w.v.Operation != nil && words != "" {
		l.Href = w.v.Operation(connection, id)
	}
	return l
}

func (w *teller) actor(a identity.Actor) ui.Link {
	if w.v.Actor == nil || a.Ref == (identity.Ref{}) {
		return ui.Link{}
	}
	return w.v.Actor(a)
}

// short is enough of a digest to tell it from others.
func short(digest string) string {
	const enough = 12
	if _, hex, ok := strings.Cut(digest, ":"); ok {
		digest = hex
	}
	return digest[:min(enough, len(digest))]
}
