package kit

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

// Operations does what the management API does, with its rights, checks and four
// eyes.
type Operations interface {
	// Call does an operation within a page's request. status is that of the API:
	// 202 for what waits for a second person. body is JSON, empty for 204.
	Call(page *http.Request, what admin.Operation, by admin.Principal) (status int, body []byte, err error)
	// Send is Call for an operation that reads its body as it comes.
	Send(page *http.Request, what admin.Operation, in io.Reader, by admin.Principal) (status int, body []byte, err error)
}

// waits is the code of the notice that says that a second person is waited for.
const waits = "waits"

// inPath finds the places of a rule's path.
var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

// values are what the request has in the places of its rule's path.
func (v *Visit) values() map[string]string {
	all := map[string]string{}
	for _, m := range inPath.FindAllStringSubmatch(v.rule.Path, -1) {
		all[m[1]] = v.PathValue(m[1])
	}
	return all
}

// Call does an operation with the values of the path and a body that is sent as
// JSON, or as it is when it is text of another type.
func (v *Visit) Call(operation string, body any) (status int, answer []byte, err error) {
	return v.CallWith(operation, v.values(), body)
}

// CallWith is Call with values of its own for the places of the operation's path.
func (v *Visit) CallWith(operation string, values map[string]string, body any) (status int, answer []byte, err error) {
	return v.CallAt(operation, values, "", body)
}

// CallAt is CallWith with parameters of the query.
func (v *Visit) CallAt(operation string, values map[string]string, query string, body any) (status int, answer []byte, err error) {
	what := admin.Operation{Name: operation, Values: values, Query: query}
	switch b := body.(type) {
	case nil:
	case YAML:
		what.Body, what.Media = string(b), "application/yaml"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, nil, fmt.Errorf("operation %s: %w", operation, err)
		}
		what.Body, what.Media = string(raw), "application/json"
	}
	return v.s.o.Operations.Call(v.Request, what, v.Who)
}

// Send does an operation that takes the file which the form brings, as it comes.
func (v *Visit) Send(operation, query, media string, in io.Reader) (status int, answer []byte, err error) {
	return v.s.o.Operations.Send(v.Request, admin.Operation{Name: operation, Values: v.values(), Query: query, Media: media}, in, v.Who)
}

// Read reads what an operation answered.
func Read(body []byte, to any) error {
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// YAML is a body that is sent as it is, such as the text of a manifest.
type YAML string

// operate is the act of a rule that has an operation: it is done, and leads on.
func (v *Visit) operate() (Answer, error) {
	status, _, err := v.Call(v.rule.Operation, nil)
	if err != nil {
		return nil, err
	}
	return v.Onward(status, v.rule.Then, v.rule.Notice), nil
}

// Onward leads on after an operation: to is a path of the table, whose places are
// filled from the request's.
func (v *Visit) Onward(status int, to, notice string) Answer {
	values := v.values()
	to = inPath.ReplaceAllStringFunc(to, func(place string) string { return url.PathEscape(values[place[1:len(place)-1]]) })
	if status == http.StatusAccepted {
		notice = waits
	}
	return Redirect{To: to, Notice: notice}
}
