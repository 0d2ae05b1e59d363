package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// issuedAt is the event of a token that a client was issued; pairs are its Data.
func issuedAt(at time.Time, client string, pairs ...string) event.Event {
	token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)}
	return event.New(at, "token.issued", identity.Actor{Ref: identity.Client(client)}, token, append([]string{"grant", token.ID, "life", "5m0s", "rev", "7"}, pairs...)...)
}

// settle seals all that is written, and counts it.
func settle(t *testing.T, db *storage.DB, count bool) {
	t.Helper()
	at := func() time.Time { return now }
	if _, err := (&audit.Sealer{Store: db, Signer: signer{}, Now: at}).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !count {
		return
	}
	if err := (&activity.Counter{Store: db, Now: at}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// exchanged is a token that was exchanged for another by an app, for an API.
func exchanged(at time.Time, person, app, audience, parent, client string) event.Event {
	return issuedAt(at, "client-"+app, "mode", "delegation", "person", person, "app", app, "audience", audience, "connection", "nodes-"+person, "scope", "a b",
		"acting", "client-"+app+" x", "parent", parent, "parent_grant", "g", "parent_client", client, "session", "s", "key", "k", "purpose", `to "book"`)
}

// grown are a token and those that were exchanged for it and for others.
type grown struct {
	root, old, first, same, second, third event.Event
	// before and given have to do with an app that had the names of the pay app before
	// it, since with the pay app.
	before, given, since event.Event
}

// grow writes tokens, of which some are counted, some are sealed only, and some neither.
func grow(t *testing.T, db *storage.DB) (g grown) {
	t.Helper()
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	write := func(events ...event.Event) {
		t.Helper()
		if err := db.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	g.root = issuedAt(at(-400), "client-desk", "person", "nora", "app", "desk", "audience", "issuer")
	g.old = exchanged(at(-390), "nora", "travel", "api-pay", g.root.Subject.ID, "client-desk")
	g.before = exchanged(at(-388), "nele", "travel", "api-pay", "", "client-desk")
	g.before.Data["api"] = "pay-before"
	g.given = exchanged(at(-386), "nele", "travel", "api-other", "", "client-pay")
	g.given.Data["parent_app"] = "pay-before"
	g.since = exchanged(at(-384), "nele", "travel", "api-pay", "", "client-pay")
	g.since.Data["api"], g.since.Data["parent_app"] = "pay", "pay"
	g.first = exchanged(at(-200), "nora", "travel", "api-pay", g.root.Subject.ID, "client-desk")
	g.same = exchanged(at(-200), "noah", "travel", "api-pay", "", "client-desk") // in the same moment
	write(g.root, g.old, g.before, g.given, g.since, g.first, g.same)
	settle(t, db, true)
	g.second = exchanged(at(-100), "nora", "pay", "api-ledger", g.first.Subject.ID, "client-travel")
	write(g.second, issuedAt(at(-100), "client-desk", "person", "nora", "app", "travel", "audience", "api-pay", "scope", `"mode":"x"`))
	settle(t, db, false)
	g.third = exchanged(at(-1), "nora", "ledger", "api-vault", g.second.Subject.ID, "client-pay")
	write(g.third)
	return g
}

// nodesFound looks for nodes by everything, and by pages of every size.
func nodesFound(t *testing.T, db *storage.DB) {
	g := grow(t, db)
	for name, c := range map[string]struct {
		q    grant.NodeQuery
		want []event.Event
	}{
		"a person's":                {grant.NodeQuery{Person: "nora"}, []event.Event{g.third, g.second, g.first, g.old}},
		"a person's live ones":      {grant.NodeQuery{Person: "nora", Live: true}, []event.Event{g.third, g.second, g.first}},
		"somebody else's":           {grant.NodeQuery{Person: "noah"}, []event.Event{g.same}},
		"nobody's":                  {grant.NodeQuery{Person: "nor"}, nil},
		"an app's":                  {grant.NodeQuery{App: "travel", Live: true}, []event.Event{g.first, g.same}},
		"a person's of an app":      {grant.NodeQuery{Person: "nora", App: "travel"}, []event.Event{g.first, g.old}},
		"an API's":                  {grant.NodeQuery{Audience: "api-ledger"}, []event.Event{g.second}},
		"a connection's":            {grant.NodeQuery{Connection: "nodes-noah"}, []event.Event{g.same}},
		"what an app has a part in": {grant.NodeQuery{Of: &grant.AppNodes{App: "pay", Client: "client-pay", Audience: "api-pay"}}, []event.Event{g.third, g.second, g.first, g.same, g.since, g.old}},
		"that of a person":          {grant.NodeQuery{Person: "noah", Of: &grant.AppNodes{App: "pay", Audience: "api-pay"}}, []event.Event{g.same}},
		"what another app had a part in that had its names": {grant.NodeQuery{Person: "nele", Of: &grant.AppNodes{App: "pay-before", Client: "client-pay", Audience: "api-pay"}}, []event.Event{g.before, g.given}},
		"what it has a part in since it has the names":      {grant.NodeQuery{Person: "nele", Of: &grant.AppNodes{App: "pay", Client: "client-pay", Audience: "api-pay"}}, []event.Event{g.since}},
		"a fact of another name":                            {grant.NodeQuery{Person: "client-desk"}, nil},
	} {
		for c.q.Limit = 1; c.q.Limit <= 6; c.q.Limit++ {
			foundByPages(t, db, name, c.q, c.want)
		}
	}
	if all, _, err := db.SearchNodes(t.Context(), grant.NodeQuery{Live: true}, now); err != nil || len(all) != 4 || all[0].ID != g.third.Subject.ID {
		t.Errorf("all live ones: %+v, %v", all, err)
	}
	if _, _, err := db.SearchNodes(t.Context(), grant.NodeQuery{After: "x"}, now); !errors.Is(err, grant.ErrCursor) {
		t.Errorf("a cursor that no page gave: %v", err)
	}
	oneNode(t.Context(), t, db, g.second, g.root)
}

// foundByPages reads a search to its end: the nodes of want, in any order of those of one
// moment, and the newest first. A page may be empty and lead on.
func foundByPages(t *testing.T, db *storage.DB, name string, q grant.NodeQuery, want []event.Event) {
	t.Helper()
	var got, wanted []string
	var times []time.Time
	for {
		page, next, err := db.SearchNodes(t.Context(), q, now)
		if err != nil || len(page) > q.Limit {
			t.Fatalf("%s by %d: %d, %v", name, q.Limit, len(page), err)
		}
		for _, n := range page {
			got, times = append(got, n.ID), append(times, n.Issued)
		}
		if q.After = next; next == "" {
			break
		}
	}
	for _, e := range want {
		wanted = append(wanted, e.Subject.ID)
	}
	if !slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) }) {
		t.Errorf("%s by %d: not newest first: %v", name, q.Limit, times)
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("%s by %d: %v\nwant %v", name, q.Limit, got, wanted)
	}
}

// oneNode reads tokens by their ids.
func oneNode(ctx context.Context, t *testing.T, db *storage.DB, node, token event.Event) {
	t.Helper()
	n, err := db.IssuedToken(ctx, node.Subject.ID)
	want := grant.Node{
		ID: node.Subject.ID, Grant: node.Subject.ID, Parent: node.Data["parent"], ParentGrant: "g", ParentClient: "client-travel", Person: "nora", Session: "s",
		Connection: "nodes-nora", App: "pay", Client: "client-pay", Audience: "api-ledger", Scopes: []string{"a", "b"}, Mode: "delegation",
		Actors: []string{"client-pay", "x"}, Purpose: `to "book"`, Issued: node.Time, Expires: node.Time.Add(5 * time.Minute), Rev: 7, Key: "k",
	}
	if err != nil || fmt.Sprint(n) != fmt.Sprint(want) || !n.Exchanged() {
		t.Errorf("%+v, %v\nwant %+v", n, err, want)
	}
	if n, err := db.IssuedToken(ctx, token.Subject.ID); err != nil || n.Exchanged() || n.Client != "client-desk" {
		t.Errorf("a token that was not exchanged for: %+v, %v", n, err)
	}
	for _, id := range []string{"", "none", identity.NewOrderedID(now), node.Subject.ID + "x", node.ID} {
		if _, err := db.IssuedToken(ctx, id); !errors.Is(err, grant.ErrNodeNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
