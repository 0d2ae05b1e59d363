package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// addAssignments gives everybody a role in an app, of which one in ten has ended.
func (f *filler) addAssignments(ctx context.Context) {
	f.rows(ctx, `assignments (id, app, role, kind, whom, person, connection, group_id, attribute, body, created, ended)`, f.sizes.people, func(i int) []any {
		at := now.Add(-time.Duration(f.sizes.people-i) * time.Minute)
		a := entitlement.Assignment{
			ID: identity.NewOrderedID(at), App: fmt.Sprint("app-", i%clients), Role: "user", Reason: "They asked for it.", By: identity.Actor{Ref: identity.Person(f.people[0])},
			Created: at, Event: identity.NewOrderedID(at), Whom: entitlement.Whom{Person: f.people[i]},
		}
		switch i % 100 {
		case 0:
			a.Whom = entitlement.Whom{Group: identity.GroupRef{Connection: "corp", ID: fmt.Sprint("group-", i/100)}}
		case 1:
			a.Whom = entitlement.Whom{Attribute: entitlement.Condition{Name: "department", Values: []string{fmt.Sprint("Department ", i)}}}
		}
		ended := int64(0)
		if i%10 == 9 {
			a.Ended = now
			ended = now.UnixMicro()
		}
		return []any{
			a.ID, a.App, a.Role, a.Whom.Kind(), text(a.Whom), a.Whom.Person, a.Whom.Group.Connection, a.Whom.Group.ID, a.Whom.Attribute.Name, text(a), at.UnixMicro(), ended,
		}
	})
}

func assignmentLists(f *filler, db *storage.DB) (all []list) {
	yes, no := true, false
	for name, q := range map[string]entitlement.Query{
		"assignments": {}, "assignments, oldest first": {Oldest: true}, "assignments, that hold": {Ended: &no}, "assignments, ended": {Ended: &yes},
		"assignments, of an app": {App: "app-7"}, "assignments, of an app, ended": {App: "app-9", Ended: &yes}, "assignments, of a person": {Person: f.people[3]},
		"assignments, of a group": {Group: identity.GroupRef{Connection: "corp", ID: "group-0"}}, "assignments, of no group": {Group: identity.GroupRef{Connection: "corp", ID: "none"}},
	} {
		all = append(all, list{name, counted(q, db.SearchAssignments)})
	}
	return all
}

// orphan takes the owner from every twentieth app, once apps are derived.
const orphan = `UPDATE app_owners SET orphaned = 1 WHERE name LIKE 'listed-%7' AND name NOT LIKE 'listed-%77'`

func ownerLists(db *storage.DB) (all []list) {
	for name, q := range map[string]ownership.Query{
		"owners": {}, "owners, of orphaned apps": {Orphaned: true}, "owners, one": {Primary: "Anna@corp.example"}, "owners, nobody": {Primary: "nobody@corp.example"},
		"owners, one, of orphaned apps": {Primary: "anna@corp.example", Orphaned: true},
	} {
		q.Limit = 100
		all = append(all, list{name, func(ctx context.Context) (int, error) {
			page, err := db.Ownerships(ctx, q)
			return len(page), err
		}})
	}
	return append(all, list{"number of orphaned apps", func(ctx context.Context) (int, error) {
		n, err := db.CountOrphaned(ctx)
		return int(n), err
	}})
}

func (f *filler) exchangeLists(db *storage.DB) (all []list) {
	for name, q := range map[string]grant.NodeQuery{
		"exchanges": {}, "exchanges, live": {Live: true}, "exchanges, of a person": {Person: f.people[3]}, "exchanges, of nobody": {Person: "nobody"},
		"exchanges, of an app": {App: "app-7"}, "exchanges, of an API": {Audience: "api-7"}, "exchanges, of a small connection": {Connection: "partner"},
		"exchanges, of a person and an API":    {Person: f.people[3], Audience: "api-7"},
		"exchanges, that an app has a part in": {Of: &grant.AppNodes{App: "app-7", Client: "client-7", Audience: "api-7"}},
	} {
		all = append(all, list{name, counted(q, func(ctx context.Context, q grant.NodeQuery) ([]grant.Node, string, error) {
			return db.SearchNodes(ctx, q, now)
		})})
	}
	return all
}

// addStreams writes a stream for each client, with what waits in it and what was delivered.
func (f *filler) addStreams(ctx context.Context) {
	const streams, sets = 2000, 20
	f.rows(ctx, `signal_streams (id, client, app, body, method, status, created, version, last, waiting, failures)`, streams, func(i int) []any {
		s := signal.Stream{ID: stream(i), Client: fmt.Sprint("client-", i), App: fmt.Sprint("app-", i), Requested: []string{"session-revoked"}, Method: "push", Endpoint: "https://app.example/events", Status: signal.Enabled, Created: now.Add(-time.Duration(i) * time.Minute)}
		if i%20 == 0 {
			s.Status = signal.Paused
		}
		return []any{s.ID, s.Client, s.App, text(s), s.Method, string(s.Status), s.Created.UnixMicro(), 1, sets, sets / 2, i % 10 / 9}
	})
	f.rows(ctx, `signal_sets (stream, id, seq, event, txn, type, subject, claims, control, issued, state)`, streams*sets, func(i int) []any {
		state := []string{"waiting", "delivered"}[i%2]
		return []any{stream(i / sets), fmt.Sprint("set-", i), i % sets, identity.NewOrderedID(now), "txn", "session-revoked", `{}`, `{}`, false, now.UnixMicro(), state}
	})
}

func stream(i int) string { return fmt.Sprint("stream-", i) }

func streamLists(db *storage.DB) (all []list) {
	yes := true
	for name, q := range map[string]signal.Query{
		"streams": {}, "streams, of a client": {Client: "client-7"}, "streams, paused": {Status: signal.Paused}, "streams, failing": {Failing: &yes}, "streams, of none": {Client: "none"},
	} {
		all = append(all, list{name, counted(q, db.SearchStreams)})
	}
	return append(all,
		list{"streams, backlog", func(ctx context.Context) (int, error) {
			waiting, failing, err := db.SignalBacklog(ctx)
			return int(waiting + failing), err
		}},
		list{"signals of a stream", func(ctx context.Context) (int, error) {
			sets, err := db.RecentSets(ctx, stream(7), 50)
			return len(sets), err
		}})
}

// addImports writes imports of a month, of which the newest has a line for everybody and refuses every tenth.
func (f *filler) addImports(ctx context.Context) {
	const imports = 100
	f.rows(ctx, `imports (id, state, body, place, created, version)`, imports, func(i int) []any {
		at := now.Add(-time.Duration(i) * 7 * time.Hour)
		id := identity.NewOrderedID(at)
		if i == 0 {
			f.imported = id
		}
		return []any{id, string(porting.Done), text(porting.Import{ID: id, State: porting.Done, Lines: f.sizes.people, Created: at}), []byte{}, at.UnixMicro(), 1}
	})
	f.rows(ctx, `import_lines (import, place, seq, number, kind, outcome, ref, body, fault)`, f.sizes.people, func(i int) []any {
		outcome, fault := "created", ""
		if i%10 == 0 {
			outcome, fault = "refused", text(porting.Trouble{Code: "record_taken", Pointer: "/user_name", Detail: "somebody has it already"})
		}
		return []any{f.imported, fmt.Appendf(nil, "%08d", i), i, i + 1, "person", outcome, "", "", fault}
	})
}

func (f *filler) importLists(db *storage.DB) []list {
	store := db.Imports()
	faults := func(after int) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			page, err := store.Faults(ctx, f.imported, after, 100)
			return len(page), err
		}
	}
	return []list{
		{"imports", func(ctx context.Context) (int, error) {
			page, err := store.Imports(ctx, "", 100)
			return len(page), err
		}},
		{"lines that an import refused", faults(0)},
		{"lines that an import refused, in the middle", faults(f.sizes.people / 2)},
	}
}

// addTraces writes as many sign-ins that failed as are kept of two connections, and changes that waited for a second person.
func (f *filler) addTraces(ctx context.Context) {
	f.rows(ctx, `traces (id, at, connection, kind, rule, check_name, passed, head, rest, expires)`, 2*trace.Most, func(i int) []any {
		t := trace.Trace{ID: fmt.Sprint("trace-", i), Time: now.Add(-time.Duration(i) * time.Minute), Connection: connection(i % 2 * 99), Kind: trace.SignIn, Rule: fmt.Sprint("rule-", i%50)}
		return []any{t.ID, t.Time.UnixMicro(), t.Connection, string(t.Kind), t.Rule, "signature", false, text(t), `{}`, now.Add(time.Hour).UnixMicro()}
	})
	f.rows(ctx, `admin_changes (id, state, expires, body)`, 5000, func(i int) []any {
		at := now.Add(-time.Duration(i) * time.Hour)
		c := admin.Change{ID: identity.NewOrderedID(at), Created: at, Expires: at.Add(24 * time.Hour), State: admin.Approved}
		if i < 3 {
			c.State = admin.Waiting
		}
		return []any{c.ID, string(c.State), c.Expires.UnixMicro(), text(c)}
	})
}

func traceLists(db *storage.DB) (all []list) {
	for name, q := range map[string]trace.Query{
		"traces": {}, "traces, of a connection": {Connection: "partner"}, "traces, a rule": {Rule: "rule-7"}, "traces, no such rule": {Rule: "none"},
	} {
		all = append(all, list{name, counted(q, db.SearchTraces)})
	}
	for name, q := range map[string]admin.ChangeQuery{"changes": {Limit: 100}, "changes, that wait": {Limit: 100, Waiting: true}} {
		all = append(all, list{name, func(ctx context.Context) (int, error) {
			page, err := db.Changes(ctx, q, now)
			return len(page), err
		}})
	}
	return all
}
