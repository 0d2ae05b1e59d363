package why

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// App is an app as it is today.
type App struct {
	Title string
	Owner catalog.Owner
	// NameID is as in ui.Learns.
	NameID string
}

// Told is an explanation in words.
type Told struct {
	Icon     string
	Tone     ui.Tone
	Sentence ui.Text
	// At is the instant, and Past says that it was asked for. Known is from when on history
	// is kept, set where that is why nothing can be said.
	At, Known time.Time
	Past      bool
	InTheWay  []Obstacle
	Roles     []Role
	Lacks     []Lack
	// Allowed says that Roles open the app, and Learns what of it then; Refused, that
	// something is missing or in the way. Neither is so where nothing is known.
	Allowed, Refused bool
	Learns           ui.Learns
	// Owner answers for the app today.
	Owner catalog.Owner
	// Turn is when the latest of it began, and Before leads to the moment before; empty
	// where nothing is known of it.
	Turn   time.Time
	Before string
}

// Obstacle is in the way whatever roles there are.
type Obstacle struct {
	Text  ui.Text
	Since time.Time
	By    ui.Link
	Event string
	// Operation is the SCIM operation that did it.
	Operation ui.Link
}

// Role is a role that the person has, by one way or more: the ways lead from what came
// from outside to the trunk that they share.
type Role struct {
	Name, About string
	Ways        [][]Stop
	Trunk       []Stop
}

// Stop is a fact on a way.
type Stop struct {
	Icon string
	Kind ui.Text
	// Name is what it is called, Code that it is an identifier; Also says more.
	Name string
	Code bool
	Also ui.Text
	Href string
	// Quote are somebody's own words.
	Quote        string
	Since, Until time.Time
	By           ui.Link
	Event        string
}

// Lack is a role that the person does not have, and what would give it.
type Lack struct {
	Name, About string
	Ways        []Chance
}

// Chance is one thing that would give a role, and who can see to it.
type Chance struct {
	Icon string
	Text ui.Text
	// Names are groups' names or values, of which one would do.
	Names []string
	Who   ui.Text
	// Groups are the upstream groups that would do.
	Groups []ui.Link
	// When are times that the text leaves out.
	When []Moment
}

// Moment is a time and what is with it.
type Moment struct {
	Label ui.Text
	Time  time.Time
}

// Tell puts an explanation into words. past says that an instant was asked for.
func Tell(e entitlement.Explanation, v Voice, past bool) *Told {
	t := &Told{At: e.At, Past: past, Allowed: e.Verdict == entitlement.Allowed, Refused: e.Verdict == entitlement.Refused, Owner: v.App.Owner}
	w := teller{&e, v, past}
	t.Icon, t.Tone, t.Sentence = w.verdict()
	if e.Verdict == entitlement.Unknown {
		t.Known = e.Known
		return t
	}
	for _, o := range e.Obstacles {
		t.InTheWay = append(t.InTheWay, Obstacle{
			Text: w.obstacle(o), Since: o.Since, By: w.actor(o.By), Event: w.event(o.Event), Operation: w.operation(o.What, o.Operation, o.Detail),
		})
	}
	for _, name := range e.Roles {
		t.Roles = append(t.Roles, w.role(name))
	}
	t.Lacks = w.lacks()
	if t.Allowed {
		t.Learns = ui.Learns{Scopes: e.Scopes, NameID: v.App.NameID}
	}
	if all := turns(&e); len(all) > 0 && v.Here != nil {
		t.Turn = slices.MaxFunc(all, time.Time.Compare)
		if before := t.Turn.Add(-time.Microsecond); !before.Before(e.Known) {
			t.Before = v.Here(Format(before))
		}
	}
	return t
}

// role collects what leads to a role: each reason ends with the release and the role, which
// is where the ways meet.
func (w *teller) role(name string) Role {
	r := Role{Name: name, About: w.about(name)}
	for _, reason := range w.e.Reasons {
		if reason.Role != name {
			continue
		}
		var way, trunk []Stop
		for _, s := range reason.Steps {
			stop := w.stop(s)
			if s.Kind == entitlement.StepRule || s.Kind == entitlement.StepRole {
				trunk = append(trunk, stop)
			} else {
				way = append(way, stop)
			}
		}
		r.Ways, r.Trunk = append(r.Ways, way), trunk
	}
	return r
}

// lacks collects what is missing role by role, in the order of the explanation.
func (w *teller) lacks() (all []Lack) {
	for _, m := range w.e.Missing {
		i := slices.IndexFunc(all, func(l Lack) bool { return l.Name == m.Role })
		if i < 0 {
			i, all = len(all), append(all, Lack{Name: m.Role, About: w.about(m.Role)})
		}
		all[i].Ways = append(all[i].Ways, w.chance(m))
	}
	return all
}

// title is what the app is called: at the instant, or else today.
func (w *teller) title() string { return cmp.Or(w.e.Title, w.v.App.Title, w.e.App) }
