package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Operations does what the management API does, with its rights, checks and four
// eyes.
type Operations interface {
	// Call does an operation within a page's request. status is that of the API:
	// 202 for what waits for a second person. body is JSON, empty for 204.
	Call(page *http.Request, what admin.Operation, by admin.Principal) (status int, body []byte, err error)
}

// inPath finds the places of a rule's path.
var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

// values are what the request has in the places of its rule's path.
func (v *visit) values() map[string]string {
	all := map[string]string{}
	for _, m := range inPath.FindAllStringSubmatch(v.rule.path, -1) {
		all[m[1]] = v.r.PathValue(m[1])
	}
	return all
}

// call does an operation with the values of the path and a body that is sent as
// JSON, or as it is when it is text of another type.
func (v *visit) call(operation string, body any) (status int, answer []byte, err error) {
	return v.callWith(operation, v.values(), body)
}

func (v *visit) callWith(operation string, values map[string]string, body any) (status int, answer []byte, err error) {
	return v.callAt(operation, values, "", body)
}

// callAt is callWith with parameters of the query.
func (v *visit) callAt(operation string, values map[string]string, query string, body any) (status int, answer []byte, err error) {
	what := admin.Operation{Name: operation, Values: values, Query: query}
	switch b := body.(type) {
	case nil:
	case yamlBody:
		what.Body, what.Media = string(b), "application/yaml"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, nil, fmt.Errorf("operation %s: %w", operation, err)
		}
		what.Body, what.Media = string(raw), "application/json"
	}
	return v.c.o.Operations.Call(v.r, what, v.who)
}

// readAnswer reads what an operation answered.
func readAnswer(body []byte, to any) error {
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// yamlBody is the text of a manifest.
type yamlBody string

// operate is the act of a rule that has an operation: it is done, and leads on.
func (v *visit) operate() (answer, error) {
	var body any
	if v.rule.body != nil {
		var err error
		if body, err = v.rule.body(v); err != nil {
			return nil, err
		}
	}
	status, _, err := v.call(v.rule.operation, body)
	if err != nil {
		return nil, err
	}
	return v.onward(status, v.rule.then, v.rule.notice), nil
}

// onward leads on after an operation: to is a path of the table, whose places are
// filled from the request's.
func (v *visit) onward(status int, to, notice string) answer {
	values := v.values()
	to = inPath.ReplaceAllStringFunc(to, func(place string) string { return url.PathEscape(values[place[1:len(place)-1]]) })
	if status == http.StatusAccepted {
		notice = "waits"
	}
	return redirect{to: to, notice: notice}
}

// notice is what is said after a change, by the code in the address: what else
// stands there is never shown.
func notice(code string) *ui.Notice {
	text, ok := map[string]ui.Text{
		"app-disabled":        ui.T("The app is switched off: nobody gets in, and what it held is revoked."),
		"app-enabled":         ui.T("The app is switched on again."),
		"app-removed":         ui.T("The app is removed, with everything that was derived from it."),
		"app-applied":         ui.T("The manifest is in force."),
		"connection-disabled": ui.T("The connection is disabled: everybody who came over it is signed out."),
		"connection-enabled":  ui.T("The connection is enabled again."),
		"connection-applied":  ui.T("The connection is kept like this, at every replica. Test it next."),
		"connection-removed":  ui.T("The connection is removed: everybody who came over it is signed out."),
		"person-disabled":     ui.T("The person is disabled and signed out everywhere."),
		"person-enabled":      ui.T("The person may sign in again."),
		"person-out":          ui.T("The person is signed out everywhere."),
		"grant-withdrawn":     ui.T("The app holds nothing of this person any more."),
		"group-mapped":        ui.T("The group is mapped."),
		"group-unmapped":      ui.T("The mapping is gone: the group grants nothing."),
		"exchange-pruned":     ui.T("The token is ended, with all that hung from it."),
		"revoked":             ui.T("Revoked: whatever carries it is refused from now on."),
		"session-ended":       ui.T("The session is ended, and its apps are being told."),
		"key-rotated":         ui.T("The next key is published. It signs once everybody can know it."),
		"key-killed":          ui.T("The key is gone, with every token that it signed."),
		"event-retried":       ui.T("The event is being tried again."),
		"event-discarded":     ui.T("The event is given up."),
		"job-retried":         ui.T("The job is being tried again."),
		"job-discarded":       ui.T("The job is given up."),
		"stream-paused":       ui.T("The stream is paused: what its receiver is to hear waits."),
		"stream-enabled":      ui.T("The stream delivers again, and begins with what waits."),
		"stream-disabled":     ui.T("The stream is disabled: its receiver hears nothing."),
		"stream-removed":      ui.T("The stream is removed, with all that waited in it."),
		"role-assigned":       ui.T("The role is given."),
		"role-unassigned":     ui.T("The role is taken away."),
		"token-revoked":       ui.T("The token is revoked: nothing can be done with it any more."),
		"change-approved":     ui.T("The change is approved and made."),
		"change-rejected":     ui.T("The change is rejected: nothing was done."),
	}[code]
	switch {
	case code == "waits":
		return &ui.Notice{Text: ui.T("Nothing has been done yet: this waits for a second person to approve it."), Tone: ui.Warn}
	case ok:
		return &ui.Notice{Text: text, Tone: ui.Good}
	}
	return nil
}
