package grant

import (
	"context"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ErrNodeNotFound is returned for an id that no issued token has.
var ErrNodeNotFound = fault.New(fault.NotFound, "exchange_not_found", "no token with this id was issued")

// NodeLife is how long any access token lives at most, and so how far back the live
// nodes of the exchange tree go.
const NodeLife = 5 * time.Minute

// Node is an issued access token. One that came out of an exchange (RFC 8693) is a
// node of the exchange tree: it grew from Parent. Nodes are what the audit log tells
// of issued tokens, and nothing is written for them beside it.
type Node struct {
	// ID is the token's jti. The grant of an exchanged token has this id, too.
	ID string `json:"id"`
	// Grant is what its revocation ends the token by, with all that grew from it.
	Grant string `json:"grant"`
	// Parent is the ID of the token that was exchanged, empty where that was not one of
	// ours or an id_token. ParentGrant and ParentClient are its grant and client.
	Parent       string `json:"parent,omitempty"`
	ParentGrant  string `json:"parent_grant,omitempty"`
	ParentClient string `json:"parent_client,omitempty"`
	// SubjectIssuer made what was exchanged, and SubjectID is what it is called there,
	// where that was not ours; SubjectType is its token type identifier (RFC 8693, section 3).
	SubjectType   string `json:"subject_type,omitempty"`
	SubjectIssuer string `json:"subject_issuer,omitempty"`
	SubjectID     string `json:"subject_id,omitempty"`
	// Person is whom the token speaks of, empty for a client that acts for itself.
	Person     string `json:"person,omitempty"`
	Session    string `json:"session,omitempty"`
	Connection string `json:"connection,omitempty"`
	App        string `json:"app"` // internal id of whose client got it
	Client     string `json:"client"`
	// Audience is the API that the token is for.
	Audience string   `json:"audience"`
	Scopes   []string `json:"scopes"`
	// Mode is delegation or impersonation, empty for a token that was not exchanged for.
	Mode string `json:"mode,omitempty"`
	// Actors act for the person, the present one first.
	Actors []string `json:"actors,omitempty"`
	// Purpose is what the client said that it is for, empty when it did not.
	Purpose string    `json:"purpose,omitempty"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Rev is the revocation number that the token carries; what of Refs was raised above
	// it ended the token.
	Rev uint64 `json:"-"`
	// API and ParentApp are the internal ids of the apps that served the audience and had
	// the parent's client_id then: others may since. Both are empty in what an older broker
	// issued.
	API        string `json:"-"`
	ParentApp  string `json:"-"`
	Key        string `json:"-"` // the kid that signed it
	ActorGrant string `json:"-"`
	// Ended is what ended the token before its time, zero while it is good. Tree.Search,
	// Tree.Node and Tree.Line tell it, of tokens that have not expired.
	Ended identity.Ref `json:"-"`
}

// Exchanged reports whether the token came out of an exchange.
func (n Node) Exchanged() bool { return n.Mode != "" }

// Live reports whether the token has not expired at now. It may be Ended.
func (n Node) Live(now time.Time) bool { return now.Before(n.Expires) }

// Refs lists what ends the token and all that grew from it. What ends the tokens
// that it grew from ends it, too: see Tree.
func (n Node) Refs() []identity.Ref {
	var refs []identity.Ref
	for _, ref := range []identity.Ref{
		identity.Person(n.Person), identity.Session(n.Session), identity.Connection(n.Connection), identity.App(n.App), identity.Client(n.Client),
		identity.Grant(n.Grant), identity.Key(n.Key), identity.Grant(n.ActorGrant), identity.Grant(n.ParentGrant), identity.Client(n.ParentClient),
	} {
		if ref.ID != "" {
			refs = append(refs, ref)
		}
	}
	if n.Client != "" && n.Audience != "" { // at the broker itself nobody ends a client's tokens by this
		refs = append(refs, identity.Call(n.Client, n.Audience))
	}
	if n.Person != "" {
		refs = identity.AppendInstalls(refs, n.Person, n.App, n.Audience)
	}
	return refs
}

// NodeOf reads a node from the event of an issued token ("token.issued").
func NodeOf(e event.Event) Node {
	d := e.Data
	life, _ := time.ParseDuration(d["life"])      // an older broker did not say, and nothing of it lives
	rev, _ := strconv.ParseUint(d["rev"], 10, 64) // the same
	return Node{
		ID: e.Subject.ID, Grant: d["grant"], Parent: d["parent"], ParentGrant: d["parent_grant"], ParentClient: d["parent_client"],
		SubjectType: d["subject_type"], SubjectIssuer: d["subject_issuer"], SubjectID: d["subject_id"],
		Person: d["person"], Session: d["session"], Connection: d["connection"], App: d["app"], Client: e.Actor.ID,
		Audience: d["audience"], Scopes: strings.Fields(d["scope"]), Mode: d["mode"], Actors: strings.Fields(d["acting"]), Purpose: d["purpose"],
		Issued: e.Time, Expires: e.Time.Add(life), Rev: rev, Key: d["key"], ActorGrant: d["actor_grant"],
		API: d["api"], ParentApp: d["parent_app"],
	}
}

// NodeFact is one of the Data of an event that nodes are found by.
type NodeFact struct{ Name, Value string }

// Hash is the fact as the index of nodes has it. Two that have one hash cost a look at
// the entries of both.
func (f NodeFact) Hash() uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, f.Name+":"+f.Value) // a hash takes everything
	return h.Sum64()
}

// anyNode is what every node has.
var anyNode = NodeFact{"node", ""}

// NodeFacts lists what the event of an issued token is to be found by, and nothing
// unless the token came out of an exchange; datum returns one of its Data.
func NodeFacts(datum func(name string) string) []NodeFact {
	if datum("mode") == "" {
		return nil
	}
	facts := []NodeFact{anyNode}
	for _, name := range []string{"person", "connection", "app", "audience", "parent_client"} {
		if value := datum(name); value != "" {
			facts = append(facts, NodeFact{name, value})
		}
	}
	return facts
}

// AppNodes are the nodes that an app has a part in: it got the token, its API is what
// the token is for, or the token that was exchanged was its own. Who has a client_id
// or an audience now has no part in what was issued while another app had it.
type AppNodes struct{ App, Client, Audience string }

// Has reports whether the app has a part in n.
func (a AppNodes) Has(n Node) bool {
	named := func(name, of, by string) bool { return name != "" && name == of && (by == "" || by == a.App) }
	return n.App == a.App || named(a.Audience, n.Audience, n.API) || named(a.Client, n.ParentClient, n.ParentApp)
}

// NodeQuery selects nodes: all that every field which is set selects.
type NodeQuery struct {
	Person, Connection string
	// App is an internal id: of who got the token.
	App, Audience string
	// Of selects what an app has a part in; nil selects everything.
	Of *AppNodes
	// Live leaves out what has expired.
	Live bool
	// Limit is how many nodes a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Facts returns what a node has all of, and what it has one of. Neither is empty: of
// one the store begins to look.
func (q NodeQuery) Facts() (all, any []NodeFact) {
	some := func(facts ...NodeFact) (set []NodeFact) {
		for _, f := range facts {
			if f.Value != "" {
				set = append(set, f)
			}
		}
		return set
	}
	all = some(NodeFact{"person", q.Person}, NodeFact{"app", q.App}, NodeFact{"audience", q.Audience}, NodeFact{"connection", q.Connection})
	if q.Of != nil {
		any = some(NodeFact{"app", q.Of.App}, NodeFact{"audience", q.Of.Audience}, NodeFact{"parent_client", q.Of.Client})
	}
	switch {
	case len(any) > 0:
	case len(all) > 0:
		any = all[:1]
	default:
		any = []NodeFact{anyNode}
	}
	return all, any
}

// NodeStore reads the tokens that were issued.
type NodeStore interface {
	// IssuedToken returns the token with this id, exchanged or not, or ErrNodeNotFound.
	IssuedToken(ctx context.Context, id string) (Node, error)
	// SearchNodes returns a page of what q selects, newest first, and the cursor of the
	// page after it, empty at the end. Where little is found it looks no further than is
	// bearable: a page may then be short, or empty, and have one after it. It fails with
	// ErrCursor.
	SearchNodes(ctx context.Context, q NodeQuery, now time.Time) (page []Node, next string, err error)
}
