package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// access is why somebody may use an app, as the broker answers it.
type access struct {
	Person, App, At, Verdict, Known string
	Roles, Scopes                   []string
	Owner                           struct{ Team, Primary string }
	Obstacles                       []struct{ Code, What, Since, Event, Operation, Detail string }
	Reasons                         []struct {
		Role  string
		Steps []struct {
			Kind, Name, Connection, ID, Detail, Since, Until string
			By                                               struct{ Kind, ID string }
		}
	}
	Missing []struct {
		Role, Group string
		Upstream    []struct {
			Group struct{ Connection, ID string }
		}
		Attribute struct {
			Name   string
			Values []string
		}
		Assignment *struct{ From, Until, Ended string }
	}
}

// PrintAccess writes why somebody may or may not use an app, for people: each reason as
// a tree from what came from outside to the role.
func PrintAccess(w io.Writer, answer []byte) error {
	var a access
	if err := json.Unmarshal(answer, &a); err != nil {
		return unreadable(err)
	}
	var out bytes.Buffer
	line := func(depth int, format string, parts ...any) {
		_, _ = fmt.Fprintln(&out, strings.Repeat("  ", depth)+cell(fmt.Sprintf(format, parts...), nil)) // a buffer takes everything
	}
	switch a.Verdict {
	case "allowed":
		line(0, "Yes, at %s, as %s; scopes: %s.", a.At, strings.Join(a.Roles, ", "), strings.Join(a.Scopes, " "))
	case "refused":
		line(0, "No, not at %s.", a.At)
	default:
		line(0, "That is not known: history is kept from %s on.", a.Known)
	}
	for _, o := range a.Obstacles {
		by := ""
		if o.Operation != "" {
			by = ", by the operation " + strings.TrimSpace(o.Detail+" "+o.Operation)
		}
		line(0, "In the way: %s %s, since %s%s", strings.ReplaceAll(o.Code, "_", " "), o.What, known(o.Since), by)
	}
	for _, r := range a.Reasons {
		line(0, "%s, by", r.Role)
		for i, s := range r.Steps {
			text := strings.ReplaceAll(s.Kind, "_", " ") + " " + s.Name
			if s.Connection != "" && s.Connection != s.Name {
				text += " of " + s.Connection
			}
			for _, more := range []struct{ before, text string }{{": ", s.Detail}, {", since ", s.Since}, {", until ", s.Until}, {", by ", strings.TrimSpace(s.By.Kind + " " + s.By.ID)}, {", id ", s.ID}} {
				if more.text != "" {
					text += more.before + more.text
				}
			}
			line(i+1, "%s", text)
		}
	}
	a.printMissing(line)
	return flush(w, &out)
}

func (a *access) printMissing(line func(depth int, format string, parts ...any)) {
	for _, m := range a.Missing {
		switch {
		case m.Group != "":
			line(0, "%s, by a group called %s", m.Role, m.Group)
		case m.Attribute.Name != "":
			line(0, "%s, by %s being one of %s", m.Role, m.Attribute.Name, strings.Join(m.Attribute.Values, ", "))
		case m.Assignment != nil:
			line(0, "%s, by an assignment from %s until %s", m.Role, known(m.Assignment.From), known(cmp.Or(m.Assignment.Ended, m.Assignment.Until)))
		default:
			line(0, "%s, by an assignment to a group", m.Role)
		}
		for _, u := range m.Upstream {
			line(1, "group %s of %s: who looks after groups there can add the person", u.Group.ID, u.Group.Connection)
		}
	}
	if a.Verdict == "refused" {
		line(0, "An administrator can assign a role; the owner of the app is %s %s.", a.Owner.Team, a.Owner.Primary)
	}
}

func known(time string) string {
	return cmp.Or(time, "a time that is not known")
}
