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

// nodesFound looks for nodes among those that are counted, those that are sealed
// only, and those that are neither.
func nodesFound(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	root := issuedAt(at(-400), "client-desk", "person", "nora", "app", "desk", "audience", "issuer")
	old := exchanged(at(-390), "nora", "travel", "api-pay", root.Subject.ID, "client-desk")
	first := exchanged(at(-200), "nora", "travel", "api-pay", root.Subject.ID, "client-desk")
	same := exchanged(at(-200), "noah", "travel", "api-pay", "", "client-desk") // in the same moment
	write := func(events ...event.Event) {
		if err := db.Append(ctx, events); err != nil {
			t.Fatal(err)
		}
	}
	// The first two are not the pay app's, whose names another app had then.
	before := exchanged(at(-388), "nele", "travel", "api-pay", "", "client-desk")
	before.Data["api"] = "pay-before"
	given := exchanged(at(-386), "nele", "travel", "api-other", "", "client-pay")
	given.Data["parent_app"] = "pay-before"
	since := exchanged(at(-384), "nele", "travel", "api-pay", "", "client-pay")
	since.Data["api"], since.Data["parent_app"] = "pay", "pay"
	write(root, old, before, given, since, first, same)
	settle(t, db, true)
	second := exchanged(at(-100), "nora", "pay", "api-ledger", first.Subject.ID, "client-travel")
	write(second, issuedAt(at(-100), "client-desk", "person", "nora", "app", "travel", "audience", "api-pay", "scope", `"mode":"x"`))
	settle(t, db, false)
	third := exchanged(at(-1), "nora", "ledger", "api-vault", second.Subject.ID, "client-pay")
	write(third)

	for name, c := range map[string]struct {
		q    grant.NodeQuery
		want []event.Event
	}{
		"a person's":                {grant.NodeQuery{Person: "nora"}, []event.Event{third, second, first, old}},
		"a person's live ones":      {grant.NodeQuery{Person: "nora", Live: true}, []event.Event{third, second, first}},
		"somebody else's":           {grant.NodeQuery{Person: "noah"}, []event.Event{same}},
		"nobody's":                  {grant.NodeQuery{Person: "nor"}, nil},
		"an app's":                  {grant.NodeQuery{App: "travel", Live: true}, []event.Event{first, same}},
		"a person's of an app":      {grant.NodeQuery{Person: "nora", App: "travel"}, []event.Event{first, old}},
		"an API's":                  {grant.NodeQuery{Audience: "api-ledger"}, []event.Event{second}},
		"a connection's":            {grant.NodeQuery{Connection: "nodes-noah"}, []event.Event{same}},
		"what an app has a part in": {grant.NodeQuery{Of: &grant.AppNodes{App: "pay", Client: "client-pay", Audience: "api-pay"}}, []event.Event{third, second, first, same, since, old}},
		"that of a person":          {grant.NodeQuery{Person: "noah", Of: &grant.AppNodes{App: "pay", Audience: "api-pay"}}, []event.Event{same}},
		"what another app had a part in that had its names": {grant.NodeQuery{Person: "nele", Of: &grant.AppNodes{App: "pay-before", Client: "client-pay", Audience: "api-pay"}}, []event.Event{before, given}},
		"what it has a part in since it has the names":      {grant.NodeQuery{Person: "nele", Of: &grant.AppNodes{App: "pay", Client: "client-pay", Audience: "api-pay"}}, []event.Event{since}},
		"a fact of another name":                            {grant.NodeQuery{Person: "client-desk"}, nil},
	} {
		for limit := 1; limit <= 6; limit++ {
			var got []string
			var times []time.Time
			c.q.Limit, c.q.After = limit, ""
			for {
				page, next, err := db.SearchNodes(ctx, c.q, now)
				if err != nil || len(page) > limit {
					t.Fatalf("%s by %d: %d, %v", name, limit, len(page), err)
				}
				for _, n := range page {
					got, times = append(got, n.ID), append(times, n.Issued)
				}
				if c.q.After = next; next == "" {
					break
				}
			}
			var want []string
			for _, e := range c.want {
				want = append(want, e.Subject.ID)
			}
			if !slices.IsSortedFunc(times, func(a, b time.Time) int { return b.Compare(a) }) {
				t.Errorf("%s by %d: not newest first: %v", name, limit, times)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %v\nwant %v", name, limit, got, want)
			}
		}
	}
	if all, _, err := db.SearchNodes(ctx, grant.NodeQuery{Live: true}, now); err != nil || len(all) != 4 || all[0].ID != third.Subject.ID {
		t.Errorf("all live ones: %+v, %v", all, err)
	}
	if _, _, err := db.SearchNodes(ctx, grant.NodeQuery{After: "x"}, now); !errors.Is(err, grant.ErrCursor) {
		t.Errorf("a cursor that no page gave: %v", err)
	}
	oneNode(ctx, t, db, second, root)
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
