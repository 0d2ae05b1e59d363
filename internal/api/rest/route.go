package rest

import (
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

// Route is one operation. A table of them makes the router, the OpenAPI document
// and the test of who may do what.
type Route struct {
	// ID is the operation's stable name: operationId, and what four eyes are asked for.
	ID string
	// Method and Path, below the API's prefix.
	Method, Path string
	// Area groups operations; Summary is one sentence, About what else there is to say.
	Area, Summary, About string
	// Right is what whoever asks must have; Anybody who is known has none to show.
	// With Owned, an app's owner has it for the app that the path names.
	Right admin.Right
	Owned bool
	Query []Param
	// Finds says that a parameter names a thing that there may not be.
	Finds bool
	// Body and Answer are examples of the types that are read and written: nil is
	// none. Media is the body's type when it is not JSON, Also another that it may have.
	Body, Answer any
	Media, Also  string
	// MaxBody bounds the body in bytes; 0 means 1 MiB.
	MaxBody int64
	// Receives says that Do reads the body itself, as it comes and past MaxBody, by
	// httpx.WholeBody: it can neither be repeated nor wait.
	Receives bool
	// Streams is the media type of an answer that is written as it is made; Send then is
	// set instead of Do, and what it returns writes it.
	Streams string
	Send    func(*http.Request) (func(io.Writer) error, error)
	// Status is that of success; 0 means 200, or 204 without an Answer.
	Status int
	// Of is the path of the GET whose entity tag If-Match names; empty means Path.
	Of string
	// Secret says that the answer shows a secret, this once.
	Secret bool
	// Hide returns the body, as JSON, as it may be kept and shown while the operation
	// waits for a second person: with its secrets encrypted, for Do to open. It refuses
	// what Do would. Nil keeps the body as it is.
	Hide func(*http.Request) ([]byte, error)
	// Before refuses what is not to wait for a second person: what could not be done as it
	// is, and what was asked for already. Those who ask for the same path are looked at one
	// after the other. Nil refuses nothing.
	Before func(*http.Request) error
	// Decides says that it decides on a change that waits, and never waits itself.
	Decides bool
	// Hits tells what a destructive operation would hit, and makes the route that
	// answers with it: Path and "/preview".
	Hits func(*http.Request) (any, error)
	// List is set for a list, and Do then is not.
	List *List
	Do   func(*http.Request) (any, error)
}

// Anybody is the Right of what everybody may who is known.
const Anybody admin.Right = ""

// changes reports whether the operation changes anything.
func (rt *Route) changes() bool { return rt.Method != http.MethodGet }

// MayWait reports whether four eyes can be asked for: not for what shows a secret,
// which is whoever asked's alone, nor for the decisions themselves.
func (rt *Route) MayWait() bool { return rt.changes() && !rt.Secret && !rt.Decides && !rt.Receives }

func (rt *Route) status() int {
	switch {
	case rt.Status != 0:
		return rt.Status
	case rt.Answer == nil && rt.List == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (rt *Route) of() string {
	if rt.Of != "" {
		return rt.Of
	}
	return rt.Path
}

var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

// values lists the names of the path's parameters.
func (rt *Route) values() []string {
	var names []string
	for _, m := range inPath.FindAllStringSubmatch(rt.Path, -1) {
		names = append(names, m[1])
	}
	return names
}

// preview is the route that answers with what rt would hit.
func (rt *Route) preview() Route {
	return Route{
		ID: "preview" + strings.ToUpper(rt.ID[:1]) + rt.ID[1:], Method: http.MethodGet, Path: rt.Path + "/preview", Area: rt.Area,
		Summary: "Show what " + rt.ID + " would hit.", About: "Nothing is changed. The right is that of " + rt.ID + ".",
		Right: rt.Right, Owned: rt.Owned, Query: rt.Query, Answer: HitsExample, Do: rt.Hits,
	}
}

// Hits is what a destructive operation would touch if it were done now.
type Hits struct {
	Operation string `json:"operation"`
	// People lose something: a session, a grant, a role or a way to sign in.
	People int `json:"people"`
	// Sessions end.
	Sessions int `json:"sessions"`
	// Grants end, or must be refreshed.
	Grants int `json:"grants"`
	// Exchanged are tokens out of exchanges that stop, of which 1000 are counted.
	Exchanged int `json:"exchanged"`
	// Names are those of the first people that are hit.
	Names []string `json:"names"`
	// Apps are the names of the apps that are concerned.
	Apps []string `json:"apps"`
	// Notes are further consequences, a sentence each.
	Notes []string `json:"notes"`
}

// HitsExample is an example of Hits.
var HitsExample = Hits{
	Operation: "disableApp", People: 12, Sessions: 0, Grants: 14, Exchanged: 3, Names: []string{"Alice Moreau"}, Apps: []string{"expense-bot"},
	Notes: []string{"Nobody can sign in to the app until it is enabled."},
}
