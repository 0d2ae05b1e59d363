package grant_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// grove has issued tokens, and what was revoked.
type grove struct {
	now    time.Time
	nodes  []grant.Node // newest first
	raised map[identity.Ref]uint64
	head   uint64
	stale  bool
	events []event.Event
}

func (g *grove) IssuedToken(_ context.Context, id string) (grant.Node, error) {
	if i := slices.IndexFunc(g.nodes, func(n grant.Node) bool { return n.ID == id }); i >= 0 {
		return g.nodes[i], nil
	}
	return grant.Node{}, grant.ErrNodeNotFound
}

func (g *grove) SearchNodes(_ context.Context, q grant.NodeQuery, now time.Time) (page []grant.Node, next string, err error) {
	for _, n := range g.nodes {
		if n.Exchanged() && (q.Person == "" || n.Person == q.Person) && (q.App == "" || n.App == q.App) && (!q.Live || n.Live(now)) {
			page = append(page, n)
		}
	}
	return page, "", nil
}

func (g *grove) CheckStored(rev uint64, refs ...identity.Ref) error {
	if g.stale {
		return revoke.ErrStale
	}
	for _, ref := range refs {
		if g.raised[ref] > rev {
			return revoke.ErrRevoked
		}
	}
	return nil
}

func (g *grove) Record(_ context.Context, events []event.Event) error {
	for _, e := range events {
		g.events = append(g.events, e)
		for _, ref := range e.Revokes {
			g.head++
			g.raised[ref] = g.head
		}
	}
	return nil
}

// grow adds a token of alice's, which an app got for another; "" is for none.
func (g *grove) grow(id, app, parent string) {
	n := grant.Node{
		ID: id, Grant: id, Parent: parent, Person: "alice", Session: "s", Connection: "acme", App: app, Client: "client-" + app, Audience: "api-" + id,
		Mode: "delegation", Issued: g.now, Expires: g.now.Add(time.Minute), Rev: g.head, Key: "k",
	}
	if parent == "" {
		n.Mode, n.Grant = "", "family-"+id
	}
	g.nodes = append([]grant.Node{n}, g.nodes...)
}

// TestAWithdrawnAgreementEndsWhatGrewFromIt withdraws what an app was agreed to get of an
// API, as its tokens carry it.
func TestAWithdrawnAgreementEndsWhatGrewFromIt(t *testing.T) {
	g, tree := newGrove()
	g.grow("root", "desk", "")
	g.grow("first", "travel", "root")
	g.grow("second", "payroll", "first")
	g.grow("other", "travel", "root")
	g.head++
	call := identity.Call("client-travel", "api-first")
	g.raised[call] = g.head
	for id, want := range map[string]identity.Ref{"first": call, "second": call, "other": {}} {
		if n, err := tree.Node(t.Context(), id); err != nil || n.Ended != want {
			t.Errorf("%s: ended by %q, want %q: %v", id, n.Ended, want, err)
		}
	}
}

func newGrove() (*grove, *grant.Tree) {
	g := &grove{now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), raised: map[identity.Ref]uint64{}}
	g.grow("root", "desk", "")
	g.grow("pay", "travel", "root")
	g.grow("ledger", "payroll", "pay")
	g.grow("vault", "ledger", "ledger")
	g.grow("mint", "travel", "root")
	g.grow("bank", "payroll", "pay")
	return g, grant.NewTree(grant.TreeOptions{Nodes: g, Record: g.Record, Revocations: g, Now: func() time.Time { return g.now }})
}

// live says which nodes are good, with their depths.
func live(t *testing.T, tree *grant.Tree, q grant.NodeQuery) string {
	t.Helper()
	nodes, more, err := tree.Live(t.Context(), q)
	if err != nil || more {
		t.Fatal(more, err)
	}
	var all []string
	for _, b := range grant.Branches(nodes) {
		all = append(all, strings.Repeat("-", b.Depth)+b.ID)
	}
	return strings.Join(all, " ")
}

func TestPruningANodeTakesAllThatHangsFromIt(t *testing.T) {
	g, tree := newGrove()
	if got := live(t, tree, grant.NodeQuery{Person: "alice"}); got != "mint pay -bank -ledger --vault" {
		t.Fatalf("before: %s", got)
	}
	n, err := tree.Node(t.Context(), "ledger")
	if err != nil {
		t.Fatal(err)
	}
	hanging, err := tree.Below(t.Context(), n)
	if err != nil || len(hanging) != 1 || hanging[0].ID != "vault" || hanging[0].Depth != 1 {
		t.Errorf("%+v, %v", hanging, err)
	}
	if err := tree.Prune(t.Context(), n, identity.Actor{Ref: identity.Person("alice")}, "not mine"); err != nil {
		t.Fatal(err)
	}
	if e := g.events[0]; len(g.events) != 1 || e.Type != "exchange.pruned" || e.Data["reason"] != "not mine" || e.Data["person"] != "alice" || e.Data["session"] != "s" || !slices.Contains(e.Revokes, identity.Grant("ledger")) {
		t.Errorf("%+v", g.events)
	}
	if got := live(t, tree, grant.NodeQuery{Person: "alice"}); got != "mint pay -bank" {
		t.Errorf("after: %s", got)
	}
	if under, err := tree.Under(t.Context(), n); err != nil || len(under) != 1 || under[0].ID != "vault" {
		t.Errorf("what ended with it: %+v, %v", under, err)
	}
	if n, err = tree.Node(t.Context(), "vault"); err != nil || n.Ended != identity.Grant("ledger") {
		t.Errorf("%+v, %v", n, err)
	}
	line, err := tree.Line(t.Context(), n)
	if err != nil || len(line) < 2 {
		t.Fatalf("%+v, %v", line, err)
	}
	for _, up := range line {
		if ended := up.Ended == identity.Grant("ledger"); ended != (up.ID == "ledger") || !ended && !up.Ended.IsZero() {
			t.Errorf("%s, which it grew from, was ended by %q", up.ID, up.Ended)
		}
	}
	if err := tree.Prune(t.Context(), n, identity.Actor{}, ""); !errors.Is(err, grant.ErrNodeOver) {
		t.Errorf("pruned what hung from it: %v", err)
	}
}

func TestANodeIsOverWithWhateverEndsItsLine(t *testing.T) {
	for _, ref := range []identity.Ref{
		identity.Person("alice"), identity.Session("s"), identity.Connection("acme"), identity.App("desk"), identity.Client("client-desk"),
		identity.Grant("family-root"), identity.Key("k"), identity.App("travel"), identity.Grant("pay"), identity.App("payroll"), identity.Client("client-ledger"),
		identity.Install("alice", "desk"), identity.Install("alice", "api-pay"),
	} {
		g, tree := newGrove()
		_ = g.Record(t.Context(), []event.Event{{Revokes: []identity.Ref{ref}}})
		n, err := tree.Node(t.Context(), "vault")
		if err != nil || n.Ended != ref {
			t.Errorf("%s: %q, %v", ref, n.Ended, err)
		}
		g.grow("later", "ledger", "ledger") // made after it
		if n, err = tree.Node(t.Context(), "later"); err != nil || !n.Ended.IsZero() {
			t.Errorf("made after %s: %q, %v", ref, n.Ended, err)
		}
	}
	g, tree := newGrove()
	g.nodes = slices.DeleteFunc(g.nodes, func(n grant.Node) bool { return n.ID == "root" })
	if n, err := tree.Node(t.Context(), "vault"); err != nil || !n.Ended.IsZero() {
		t.Errorf("control: %q, %v", n.Ended, err)
	}
	line, err := tree.Line(t.Context(), g.nodes[slices.IndexFunc(g.nodes, func(n grant.Node) bool { return n.ID == "vault" })])
	if err != nil || len(line) != 2 || line[0].ID != "pay" || line[1].ID != "ledger" {
		t.Errorf("the line: %+v, %v", line, err)
	}
}

func TestWhatCannotBeToldIsNotCalledGood(t *testing.T) {
	g, tree := newGrove()
	g.stale = true
	if _, _, err := tree.Live(t.Context(), grant.NodeQuery{}); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	if _, err := tree.Node(t.Context(), "pay"); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

func TestOnlyLiveNodesArePruned(t *testing.T) {
	g, tree := newGrove()
	root, err := tree.Node(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Prune(t.Context(), root, identity.Actor{}, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a token that was not exchanged for: %v", err)
	}
	n, _ := tree.Node(t.Context(), "pay")
	g.now = g.now.Add(time.Minute)
	if err := tree.Prune(t.Context(), n, identity.Actor{}, ""); !errors.Is(err, grant.ErrNodeOver) {
		t.Errorf("an expired one: %v", err)
	}
	if _, err := tree.Node(t.Context(), "none"); !errors.Is(err, grant.ErrNodeNotFound) || len(g.events) > 0 {
		t.Errorf("%v, %v", err, g.events)
	}
}

func TestWhatEndsWithATokenIsFoundWhereverItHangs(t *testing.T) {
	_, tree := newGrove()
	ids := func(q grant.NodeQuery, ends func(grant.Node) bool) string {
		hit, more, err := tree.Hit(t.Context(), q, ends)
		if err != nil || more {
			t.Fatal(more, err)
		}
		var all []string
		for _, n := range hit {
			all = append(all, n.ID)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	of := func(app string) func(grant.Node) bool { return func(n grant.Node) bool { return n.App == app } }
	for want, got := range map[string]string{
		"bank ledger mint pay vault": ids(grant.NodeQuery{Person: "alice"}, nil),
		"bank ledger vault":          ids(grant.NodeQuery{Person: "alice"}, of("payroll")),
		"vault":                      ids(grant.NodeQuery{App: "ledger"}, of("ledger")),
		"":                           ids(grant.NodeQuery{Person: "bob"}, of("ledger")),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := ids(grant.NodeQuery{App: "travel"}, of("travel")); got != "bank ledger mint pay vault" {
		t.Errorf("an app's, with what hangs from them: %q", got)
	}
}

func TestARevocationNamesWhatItEndsAndWhy(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for kind, typ := range map[identity.Kind]string{
		identity.KindPerson: "person.revoked", identity.KindConnection: "connection.revoked", identity.KindApp: "app.revoked", identity.KindClient: "client.revoked",
		identity.KindSession: "session.ended", identity.KindGrant: "grant.revoked", identity.KindInstall: "install.revoked",
	} {
		ref := identity.Ref{Kind: kind, ID: "x"}
		e, err := grant.Revocation(now, []identity.Ref{ref}, identity.System("test"), "  lost device ")
		if err != nil || e.Type != typ || e.Subject != ref || !slices.Equal(e.Revokes, []identity.Ref{ref}) || e.Data["reason"] != "lost device" {
			t.Errorf("%s: %+v, %v", kind, e, err)
		}
	}
	if len(grant.Revocable()) != 7 {
		t.Error(grant.Revocable())
	}
	if _, err := grant.Revocation(now, []identity.Ref{identity.Key("k")}, identity.Actor{}, "a reason"); !errors.Is(err, grant.ErrNotRevocable) {
		t.Error(err)
	}
	for _, reason := range []string{"", " ab ", "two\nlines", strings.Repeat("é", 301)} {
		if _, err := grant.Revocation(now, []identity.Ref{identity.Person("p")}, identity.Actor{}, reason); !errors.Is(err, grant.ErrReason) {
			t.Errorf("%q: %v", reason, err)
		}
	}
}
