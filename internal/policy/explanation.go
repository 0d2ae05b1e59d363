// Package policy says how decisions come about: which steps were taken, which rule
// refused, what would have to change, and who can change it. What decides answers in
// these words; pages, the API and the command line show them.
package policy

import "strings"

// Outcome is what became of a step.
type Outcome string

// The outcomes of a step: those after one that refused are not reached.
const (
	Passed     Outcome = "passed"
	Refused    Outcome = "refused"
	NotReached Outcome = "not_reached"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Passed, Refused, NotReached} }

// Step is one thing that has to be passed.
type Step struct {
	// Name is client, request, subject, audience, holder, line, actor, scope, person, once
	// or life; Asks is its question.
	Name    string  `json:"name"`
	Asks    string  `json:"asks"`
	Outcome Outcome `json:"outcome"`
	// Rule is the one that refused, as the audit log has it; Error and Detail are what
	// the token endpoint answers; Found what was expected and what came, which no client
	// is told; Remedies what could be changed, and by whom.
	Rule     string   `json:"rule,omitempty"`
	Error    string   `json:"error,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	Found    string   `json:"found,omitempty"`
	Remedies []Remedy `json:"remedies,omitempty"`
}

// Explanation is how an exchange would be decided on, step by step.
type Explanation struct {
	Granted bool   `json:"granted"`
	Steps   []Step `json:"steps"`
	// Client, Subject and API are the names of the apps that would exchange, that the
	// subject token was issued to, and that serve the API; empty as far as none is known,
	// as of another issuer's token.
	Client  string `json:"client_app,omitempty"`
	Subject string `json:"subject_app,omitempty"`
	API     string `json:"api_app,omitempty"`
	Person  string `json:"person,omitempty"`
	// Scopes, Mode, Actors and Life are what the token would say, and how many seconds
	// it would live; as far as it was decided.
	Scopes []string `json:"scopes,omitempty"`
	Mode   string   `json:"mode,omitempty"`
	Actors []string `json:"actors,omitempty"`
	Life   int      `json:"life,omitempty"`
}

// Who can change what an exchange is refused for.
type Who string

// Those who can: whoever sends the request, the person, an administrator, and the
// owners of the apps that exchange, that the subject token is of, and that serve the API.
const (
	Caller        Who = "caller"
	ThePerson     Who = "person"
	Administrator Who = "administrator"
	ClientOwner   Who = "client_owner"
	SubjectOwner  Who = "subject_owner"
	APIOwner      Who = "api_owner"
)

// Everybody lists who can change something.
func Everybody() []Who {
	return []Who{Caller, ThePerson, Administrator, ClientOwner, SubjectOwner, APIOwner}
}

// Remedy is one way to have an exchange granted that was refused.
type Remedy struct {
	Who Who `json:"who"`
	// What is what they would change: a field of their manifest, a parameter of the
	// request, a setting of the connection, or a command of the broker.
	What string `json:"what"`
	// Value is what is missing there: the audience or the scopes to name, separated by
	// blanks, or the command's arguments. Empty where it is theirs to choose.
	Value string `json:"value,omitempty"`
}

// Changes returns the remedy that they change this; values are what is missing there.
func (w Who) Changes(what string, values ...string) Remedy {
	return Remedy{Who: w, What: what, Value: strings.Join(values, " ")}
}

// Question is what a step of an exchange asks, by its name; the name itself for one that
// is not known.
func Question(step string) string {
	switch step {
	case "client":
		return "May the client exchange tokens at all?"
	case "request":
		return "Is the request whole?"
	case "subject":
		return "Is the token good, and does it speak of a person?"
	case "audience":
		return "Does the client's manifest name the API?"
	case "holder":
		return "Is the token the client's to exchange?"
	case "line":
		return "Is the line short enough, and leads nowhere back?"
	case "actor":
		return "May the client act for the person?"
	case "scope":
		return "Do the manifest and the API name the scopes, and did the API's side agree?"
	case "person":
		return "May the person use all three apps now?"
	case "once":
		return "Was a token that counts once not used yet?"
	case "life":
		return "Is there time left to live?"
	}
	return step
}
