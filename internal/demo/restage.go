package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/demo/check"
)

// ErrUsed refuses to check data in which something is not as the story needs it.
var ErrUsed = errors.New("this data was changed so that the story cannot be walked")

// restage brings back what the staff page changed of those in the story, says whom, and
// looks whether the broker has everything else as the story needs it.
func (d *Demo) restage(ctx context.Context, out io.Writer) error {
	var back []string
	restore := func(username string, works bool, groups []string) error {
		changed, err := d.roster.Restore(username, works, groups)
		if changed {
			back = append(back, username)
		}
		return err
	}
	err := restore(check.Newcomer, false, nil)
	for _, p := range workforce() {
		if err == nil && p.Username != "bob" { // who is not in the story
			err = restore(p.Username, true, p.Groups)
		}
	}
	if err != nil {
		return fmt.Errorf("bring Acme's people back: %w", err)
	}
	if len(back) > 0 {
		_, _ = fmt.Fprintf(out, "At Acme, %s changed since the demo began: that is undone, as the story needs it.\n", strings.Join(back, " and "))
	}
	problems, err := d.refusals(ctx)
	for _, ask := range d.needs() {
		if err == nil {
			problems, err = d.needed(ctx, ask, problems)
		}
	}
	if err == nil && len(problems) > 0 {
		return fmt.Errorf("%w: %s; change it back, or begin anew with --data and an empty folder instead of %s", ErrUsed, strings.Join(problems, "; "), d.o.Data)
	}
	return err
}

// refusals pushes what was brought back, and returns what the broker refused.
func (d *Demo) refusals(ctx context.Context) (problems []string, err error) {
	if d.pusher == nil {
		return nil, nil
	}
	calls, err := d.pusher.Push(ctx)
	for _, c := range calls {
		if !c.Done() {
			problems = append(problems, fmt.Sprintf("the broker refuses to %s for Acme (%d: %s)", c.Does, c.Status, c.Problem))
		}
	}
	return problems, err
}

// need is who may, or may not, use an app in the story.
type need struct {
	username, app string
	may           bool
}

func (d *Demo) needs() []need {
	all := []need{
		{"alice", "expense-bot", true},
		{"alice", "crm-dash", true},
		{"alice", "field-notes", true},
		{"alice", "hr-feedback", true},
		{"alice", exchanging, true},
		{"carol", "expense-bot", false},
	}
	if d.o.SAML {
		all = append(all, need{"dora", "expense-bot", true}, need{"dora", "team-wiki", true})
	}
	return all
}

// needed asks the broker whether somebody may use an app, and adds to the problems what
// keeps them out, or lets them in. Who has not been there yet is as they were made. Who
// signed in before Acme pushed them is two people until their next sign-in: one will do.
func (d *Demo) needed(ctx context.Context, n need, problems []string) ([]string, error) {
	broker := newManagement(d.facts.Socket)
	var found struct{ Items []struct{ ID string } }
	if err := broker.get(ctx, "/api/v1/people?"+url.Values{"q": {d.facts.Person(n.username).Email}}.Encode(), &found); err != nil {
		return problems, err
	}
	why := ""
	for _, p := range found.Items {
		var e explained
		if err := broker.get(ctx, "/api/v1/explain/access?"+url.Values{"person": {p.ID}, "app": {n.app}}.Encode(), &e); err != nil {
			return problems, err
		}
		if (e.Verdict == "allowed") == n.may {
			if n.may {
				return problems, nil
			}
			continue
		}
		why = e.because(n)
	}
	if why != "" {
		problems = append(problems, why)
	}
	return problems, nil
}

// explained is an explanation of access as the API has it.
type explained struct {
	Verdict   string
	Obstacles []struct{ Code, What string }
	Missing   []struct{ Group string }
}

// because says what is otherwise than needed.
func (e explained) because(n need) string {
	if !n.may {
		return n.username + " may use " + n.app
	}
	var all []string
	for _, o := range e.Obstacles {
		all = append(all, strings.TrimSpace(strings.ReplaceAll(o.Code, "_", " ")+" "+o.What))
	}
	for _, m := range e.Missing {
		if m.Group != "" && len(e.Obstacles) == 0 {
			all = append(all, "is in no group called "+m.Group)
		}
	}
	return n.username + " may not use " + n.app + " (" + strings.Join(slices.Compact(all), ", ") + ")"
}

// get reads what the broker's API has at a path.
func (m *management) get(ctx context.Context, path string, to any) error {
	text, err := m.call(ctx, http.MethodGet, path, "", nil)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		return fmt.Errorf("ask the broker: %w", err)
	}
	return nil
}
