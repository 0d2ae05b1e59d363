package client

import (
	"bytes"
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
		Name, Outcome, Rule, Error, Detail, Found string
		Remedies                                  []struct{ Who, What string }
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
		"client_owner": "the owner of " + e.Client, "subject_owner": "the owner of " + e.Subject, "api_owner": "the owner of " + e.API,
		"administrator": "an administrator", "caller": "whoever sends the request", "person": "the person",
	}
	var rows, remedies [][]string
	for _, s := range e.Steps {
		if s.Found != "" {
			s.Detail += " (" + s.Found + ")"
		}
		rows = append(rows, []string{s.Name, strings.ReplaceAll(s.Outcome, "_", " "), s.Rule, s.Detail})
		for _, r := range s.Remedies {
			remedies = append(remedies, []string{r.What, names[r.Who]})
		}
	}
	table(&out, "STEP RESULT RULE DETAIL", rows)
	table(&out, "CHANGE BY", remedies)
	return flush(w, &out)
}
