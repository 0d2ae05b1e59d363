package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// explained is how an exchange would be decided on, as the broker answers it.
type explained struct {
	Granted bool
	Client  string `json:"client_app"`
	Subject string `json:"subject_app"`
	API     string `json:"api_app"`
	Person  string
	Scopes  []string
	Mode    string
	Life    int
	Steps   []struct {
		Name, Asks, Outcome, Rule, Error, Detail, Found string
		Remedies                                        []struct{ Who, What, Value string }
	}
}

// PrintExplanation writes how an exchange would be decided on, for people.
func PrintExplanation(w io.Writer, answer []byte) error {
	var e explained
	if err := json.Unmarshal(answer, &e); err != nil {
		return unreadable(err)
	}
	var out bytes.Buffer
	says := "It would be refused."
	if e.Granted {
		says = fmt.Sprintf("It would be granted: %s for %d s by %s.", strings.Join(e.Scopes, " "), e.Life, e.Mode)
	}
	_, _ = fmt.Fprintln(&out, cell(says, nil)) // a buffer takes everything
	names := map[string]string{
		"client_owner": ownerOf(e.Client, "the app that exchanges"), "subject_owner": ownerOf(e.Subject, "the app that the token was issued to"), "api_owner": ownerOf(e.API, "the app that serves the API"),
		"administrator": "an administrator", "caller": "whoever sends the request", "person": "the person",
	}
	var rows, why, remedies [][]string
	for _, s := range e.Steps {
		if s.Found != "" {
			s.Detail += " (" + s.Found + ")"
		}
		rows = append(rows, []string{s.Name, strings.ReplaceAll(s.Outcome, "_", " "), s.Asks})
		if s.Rule != "" {
			why = append(why, []string{s.Rule, s.Detail})
		}
		for _, r := range s.Remedies {
			remedies = append(remedies, []string{r.What, r.Value, names[r.Who]})
		}
	}
	table(&out, "STEP RESULT QUESTION", rows)
	table(&out, "RULE WHY", why)
	table(&out, "CHANGE VALUE BY", remedies)
	return flush(w, &out)
}

// ownerOf says who owns an app by its name, or what it is where none is known.
func ownerOf(name, what string) string { return "the owner of " + cmp.Or(name, what) }
