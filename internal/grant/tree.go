package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// The faults of pruning.
var (
	// ErrNodeOver refuses to prune what has expired: nothing that grew from it lives.
	ErrNodeOver = fault.New(fault.Conflict, "exchange_over", "this token has expired or was ended, and with it all that grew from it")
	// errNoNode refuses to prune a token that is no node of the tree.
	errNoNode = fault.New(fault.NotFound, ErrNodeNotFound.Code, "the token did not come out of an exchange: its session or its grant is what can be ended")
)

// TreeOptions are what a Tree needs. All are required.
type TreeOptions struct {
	Nodes NodeStore
	// Record writes events, and raises what they revoke, in one transaction:
	// Store.Record.
	Record func(ctx context.Context, events []event.Event) error
	// Revocations say whether something was raised above a number.
	Revocations interface {
		CheckStored(rev uint64, refs ...identity.Ref) error
	}
	Now func() time.Time
}

// Tree reads and prunes the exchange tree: every token out of an exchange hangs from
// the one that was exchanged for it.
type Tree struct{ o TreeOptions }

// NewTree returns a Tree.
func NewTree(o TreeOptions) *Tree { return &Tree{o} }

func (t *Tree) now() time.Time { return t.o.Now().UTC().Truncate(time.Microsecond) }

// Search returns a page of nodes, newest first, and the cursor of the page after it.
// Of those that have not expired it says what ended them.
func (t *Tree) Search(ctx context.Context, q NodeQuery) (page []Node, next string, err error) {
	if page, next, err = t.o.Nodes.SearchNodes(ctx, q, t.now()); err != nil {
		return nil, "", fmt.Errorf("search exchanges: %w", err)
	}
	return page, next, t.judge(ctx, page)
}

// mostLive bounds what is told of live nodes at once.
const mostLive = 1000

// Live returns the nodes that are good now, newest first, at most 1000; more says
// that there are others.
func (t *Tree) Live(ctx context.Context, q NodeQuery) (nodes []Node, more bool, err error) {
	q.Live, q.Limit = true, mostLive
	page, next, err := t.Search(ctx, q)
	if err != nil {
		return nil, false, err
	}
	return slices.DeleteFunc(page, func(n Node) bool { return !n.Ended.IsZero() }), next != "", nil
}

// Node returns one issued token, with what ended it. It fails with ErrNodeNotFound.
func (t *Tree) Node(ctx context.Context, id string) (Node, error) {
	n, err := t.o.Nodes.IssuedToken(ctx, id)
	if err != nil {
		return Node{}, fmt.Errorf("find exchange: %w", err)
	}
	one := []Node{n}
	err = t.judge(ctx, one)
	return one[0], err
}

// Line returns what a node grew from, the first of its line first, as far as the
// broker issued it, each with what ended it.
func (t *Tree) Line(ctx context.Context, n Node) ([]Node, error) {
	line, err := t.line(ctx, n, map[string]Node{})
	if err != nil {
		return nil, err
	}
	slices.Reverse(line)
	return line, t.judge(ctx, line)
}

// maxLine bounds a line that is followed upwards; no token is exchanged on as often.
const maxLine = 16

// line is Line from n upwards; known are nodes that need not be read.
func (t *Tree) line(ctx context.Context, n Node, known map[string]Node) (up []Node, err error) {
	for n.Parent != "" && len(up) < maxLine {
		parent, ok := known[n.Parent]
		if !ok {
			parent, err = t.o.Nodes.IssuedToken(ctx, n.Parent)
			switch {
			case errors.Is(err, ErrNodeNotFound): // the log begins after it
				return up, nil
			case err != nil:
				return nil, fmt.Errorf("find exchange: %w", err)
			}
			known[parent.ID] = parent
		}
		up, n = append(up, parent), parent
	}
	return up, nil
}

// Below returns the live nodes that hang from n, in the order of a Tree.
func (t *Tree) Below(ctx context.Context, n Node) ([]Branch, error) {
	live, _, err := t.Live(ctx, NodeQuery{Person: n.Person})
	if err != nil {
		return nil, err
	}
	return below(live, n), nil
}

// Under returns the nodes that hang from n and have not expired, in the order of a Tree,
// also those that have ended, as all do with n. Of very many the newest 1000 are looked at.
func (t *Tree) Under(ctx context.Context, n Node) ([]Branch, error) {
	page, _, err := t.o.Nodes.SearchNodes(ctx, NodeQuery{Person: n.Person, Live: true, Limit: mostLive}, t.now())
	if err != nil {
		return nil, fmt.Errorf("search exchanges: %w", err)
	}
	return below(page, n), nil
}

// below picks what hangs from n, with depths that begin at 1.
func below(live []Node, n Node) []Branch {
	byParent := map[string][]Node{}
	for _, one := range live {
		if one.Parent != "" {
			byParent[one.Parent] = append(byParent[one.Parent], one)
		}
	}
	var all []Branch
	var grow func(id string, depth int)
	grow = func(id string, depth int) {
		for _, child := range byParent[id] {
			all = append(all, Branch{Node: child, Depth: depth})
			at := len(all) - 1
			grow(child.ID, depth+1)
			all[at].Below = len(all) - at - 1
		}
	}
	grow(n.ID, 1)
	return all
}

// mostPeople bounds whose nodes are looked at to find what hangs from some.
const mostPeople = 100

// Hit returns the live nodes that end with those which q selects and ends picks, nil
// for all: these, and what hangs from them. more says that there are others.
func (t *Tree) Hit(ctx context.Context, q NodeQuery, ends func(Node) bool) (hit []Node, more bool, err error) {
	nodes, more, err := t.Live(ctx, q)
	if err != nil || ends == nil {
		return nodes, more, err
	}
	if q.Person != "" {
		return hanging(nodes, ends), more, nil
	}
	people := map[string]bool{}
	for _, n := range nodes {
		if !ends(n) || people[n.Person] {
			continue
		}
		if len(people) == mostPeople {
			return hit, true, nil
		}
		people[n.Person] = true
		all, others, err := t.Live(ctx, NodeQuery{Person: n.Person})
		if err != nil {
			return nil, false, err
		}
		hit, more = append(hit, hanging(all, ends)...), more || others
	}
	return hit, more, nil
}

// hanging picks, of one person's nodes, those that ends picks and what hangs from them.
func hanging(nodes []Node, ends func(Node) bool) (hit []Node) {
	over := map[string]bool{}
	for _, n := range slices.Backward(nodes) { // a parent is older
		if over[n.Parent] || ends(n) {
			over[n.ID] = true
			hit = append(hit, n)
		}
	}
	slices.Reverse(hit)
	return hit
}

// judge says of every node that has not expired what ended it.
func (t *Tree) judge(ctx context.Context, nodes []Node) error {
	known := map[string]Node{}
	for _, n := range nodes {
		known[n.ID] = n
	}
	for i := range nodes {
		n := &nodes[i]
		if !n.Live(t.now()) {
			continue
		}
		line, err := t.line(ctx, *n, known)
		if err != nil {
			return err
		}
		refs := n.Refs()
		for _, up := range line {
			refs = append(refs, up.Refs()...)
		}
		if n.Ended, err = t.raised(n.Rev, refs); err != nil {
			return err
		}
	}
	return nil
}

// raised returns the first of refs that was raised above rev, zero for none.
func (t *Tree) raised(rev uint64, refs []identity.Ref) (identity.Ref, error) {
	for _, ref := range refs {
		switch err := t.o.Revocations.CheckStored(rev, ref); {
		case errors.Is(err, revoke.ErrRevoked):
			return ref, nil
		case err != nil:
			return identity.Ref{}, fmt.Errorf("is an exchange good: %w", err)
		}
	}
	return identity.Ref{}, nil
}

// Prune ends a node and all that hangs from it, in one transaction: whatever is
// checked after it returns is refused. reason ends in the audit entry. It fails with
// ErrNodeNotFound, and with ErrNodeOver for a node that has ended by itself.
func (t *Tree) Prune(ctx context.Context, n Node, actor identity.Actor, reason string) error {
	now := t.now()
	switch {
	case !n.Exchanged():
		return errNoNode
	case !n.Live(now) || !n.Ended.IsZero():
		return ErrNodeOver
	}
	e := event.New(now, "exchange.pruned", actor, identity.Grant(n.Grant), "person", n.Person, "session", n.Session, "app", n.App, "client", n.Client, "audience", n.Audience, "reason", reason)
	if err := t.o.Record(ctx, []event.Event{e.Revoking(identity.Grant(n.Grant))}); err != nil {
		return fmt.Errorf("prune exchange: %w", err)
	}
	return nil
}

// Branch is a node in its place in a tree.
type Branch struct {
	Node
	// Depth is how many nodes of the tree it hangs below: 0 for one that grew from what
	// is no node of it.
	Depth int `json:"depth"`
	// Below is how many nodes hang from it.
	Below int `json:"below"`
}

// Branches puts nodes into the order of a tree: each is followed by what hangs from
// it. Among equals the order stays.
func Branches(nodes []Node) []Branch {
	there := map[string]bool{}
	for _, n := range nodes {
		there[n.ID] = true
	}
	var all []Branch
	for _, n := range nodes {
		if there[n.Parent] {
			continue
		}
		hanging := below(nodes, n)
		all = append(all, Branch{Node: n, Below: len(hanging)})
		all = append(all, hanging...)
	}
	return all
}
