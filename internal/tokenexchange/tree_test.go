package tokenexchange_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// SearchNodes finds a person's live nodes, newest first.
func (w *world) SearchNodes(_ context.Context, q grant.NodeQuery, now time.Time) (page []grant.Node, next string, err error) {
	for _, e := range slices.Backward(w.events) {
		if n := grant.NodeOf(e); e.Type == "token.issued" && n.Exchanged() && n.Person == q.Person && n.Live(now) {
			page = append(page, n)
		}
	}
	return page, "", nil
}

// IssuedToken finds an issued token.
func (w *world) IssuedToken(ctx context.Context, id string) (grant.Node, error) {
	return w.Node(ctx, id)
}

// CheckStored is that of revoke.Sequence.
func (s sequence) CheckStored(rev uint64, refs ...identity.Ref) error { return s.Check(rev, refs...) }

// userinfo asks for the person that a token speaks of.
func (w *world) userinfo(raw string) int {
	r := httptest.NewRequest(http.MethodGet, "/userinfo", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+raw)
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec.Code
}

// leaf is a token of the tree under test.
type leaf struct {
	raw, id, api string
	parent       *leaf
}

// below reports whether a token hangs from another, or is it.
func (l *leaf) below(other *leaf) bool {
	for ; l != nil; l = l.parent {
		if l == other {
			return true
		}
	}
	return false
}

// TestNoDescendantOfARevokedNodePassesAnywhere grows trees of any kind, cuts them
// anywhere, and asks everybody who can be asked, of every token.
func TestNoDescendantOfARevokedNodePassesAnywhere(t *testing.T) {
	cut, spared := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		names := []string{"a", "b", "c", "d", "e"}
		for _, name := range names {
			var rules []registry.Exchange
			for _, to := range names {
				if to != name {
					rule := delegates(to)
					rule.Delegation = rapid.Bool().Draw(rt, name+" delegates to "+to)
					rules = append(rules, rule)
				}
			}
			w.add(name, rules...)
			w.clients[name].MayAct = names
		}
		tree := grant.NewTree(grant.TreeOptions{Nodes: w, Record: drawer{world: w}.Record, Revocations: sequence{w}, Now: func() time.Time { return w.now }})
		a := w.signedIn("a")
		a.ID = identity.NewOrderedID(w.now)
		root := &leaf{raw: w.issue(a), id: a.ID}
		all, over := []*leaf{root}, []*leaf{}
		isOver := func(l *leaf) bool { return slices.ContainsFunc(over, l.below) }
		for range rapid.IntRange(2, 16).Draw(rt, "steps") {
			from := rapid.SampledFrom(all).Draw(rt, "node")
			if rapid.IntRange(0, 4).Draw(rt, "cut") == 0 && from != root && !isOver(from) {
				n, err := tree.Node(t.Context(), from.id)
				if err == nil {
					err = tree.Prune(t.Context(), n, identity.Actor{}, "")
				}
				if err != nil {
					rt.Fatal(err)
				}
				over = append(over, from)
				continue
			}
			client, audience := from.api, rapid.SampledFrom(names).Draw(rt, "audience")
			if from == root {
				client = "a"
			}
			status, s := w.exchange(t, client, from.raw, audience)
			if status == http.StatusOK && isOver(from) {
				rt.Fatalf("what hangs from a revoked node was exchanged")
			}
			if status == http.StatusOK {
				all = append(all, &leaf{s.Access, w.events[len(w.events)-1].Subject.ID, audience, from})
			}
		}
		live, _, err := tree.Live(t.Context(), grant.NodeQuery{Person: "alice"})
		if err != nil {
			rt.Fatal(err)
		}
		for _, l := range all[1:] {
			good := !isOver(l)
			listed := slices.ContainsFunc(live, func(n grant.Node) bool { return n.ID == l.id })
			if active := w.active(t, l.api, l.raw); active != good || listed != good {
				rt.Fatalf("%s hangs from a revoked node %v, is active %v, listed %v", l.id, !good, active, listed)
			}
			if status := w.userinfo(l.raw); status != http.StatusUnauthorized {
				rt.Fatalf("userinfo takes an API's token: %d", status)
			}
			if good {
				spared++
			} else {
				cut++
			}
		}
		if status := w.userinfo(root.raw); status != http.StatusOK {
			rt.Fatalf("the sign-in's own token: %d", status)
		}
		e := w.explain(t, policy.Exchange{Client: "a", Audience: "b", Token: root.id})
		if !e.Granted {
			rt.Fatalf("the sign-in's own token cannot be exchanged any more: %+v", e)
		}
		w.applied++
		w.revoked[identity.Grant(a.Grant)] = w.applied
		for _, l := range all {
			if l != root && w.active(t, l.api, l.raw) || w.userinfo(l.raw) == http.StatusOK {
				rt.Fatal("the root was revoked, and something is good")
			}
		}
	})
	if cut == 0 || spared == 0 {
		t.Errorf("%d were cut off, %d spared", cut, spared)
	}
}

func TestThePurposeOfAnExchangeIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	subject := w.mint(w.signedIn("desk"))
	w.good(t, "desk", subject, "payroll", "purpose", "Reisekosten für März")
	n := grant.NodeOf(w.events[len(w.events)-1])
	if n.Purpose != "Reisekosten für März" || n.Grant != n.ID || n.ParentClient != "desk" || n.Session != "session" || n.Connection != "acme" || n.Rev != w.applied || n.Key != w.kid {
		t.Errorf("%+v", n)
	}
	for _, purpose := range []string{"ab", "two\nlines", "a\u202eb c", string(make([]byte, 301)), "\xff\xfe\xfd"} {
		if status, s := w.exchange(t, "desk", subject, "payroll", "purpose", purpose); status != http.StatusBadRequest || s.Error != "invalid_request" {
			t.Errorf("%q: %d %s", purpose, status, s.Error)
		}
	}
}

// TestAFreedClientIDIsNobodysToActBy has an app lose its client_id, which another gets.
func TestAFreedClientIDIsNobodysToActBy(t *testing.T) {
	w := newWorld(t)
	w.clients["desk"].MayAct = append(w.clients["desk"].MayAct, "payroll")
	signedIn := w.mint(w.signedIn("desk"))
	old := w.good(t, "desk", signedIn, "payroll", "scope", "payroll.read").Access
	for name, raw := range map[string]string{"by may_act": old, "by the manifest": signedIn} {
		w.good(t, "payroll", raw, "ledger")
		w.applied++
		w.revoked[identity.Client("payroll")] = w.applied
		if status, s := w.exchange(t, "payroll", raw, "ledger"); status != http.StatusBadRequest || s.Error != "invalid_request" || s.Access != "" {
			t.Errorf("%s: %d %+v", name, status, s)
		}
		if last := w.events[len(w.events)-1].Data; last["reason"] != "subject_revoked" {
			t.Errorf("%s: the audit log says %v", name, last)
		}
		w.unknown = true
		if status, s := w.exchange(t, "payroll", raw, "ledger"); status != http.StatusServiceUnavailable || s.Access != "" {
			t.Errorf("%s, and nobody can tell: %d %+v", name, status, s)
		}
		w.unknown = false
		delete(w.revoked, identity.Client("payroll"))
	}
	w.revoked[identity.Client("payroll")] = w.applied
	fresh := w.good(t, "desk", w.mint(w.signedIn("desk")), "payroll", "scope", "payroll.read").Access
	w.good(t, "payroll", fresh, "ledger") // who has it now is meant by what is issued now
}
