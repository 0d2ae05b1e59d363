package main

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// list is one list with its filters, and how its first page is read.
type list struct {
	name string
	read func(context.Context) (rows int, err error)
}

// counted adapts what returns a page to list.read.
func counted[Q, T any](q Q, search func(context.Context, Q) ([]T, string, error)) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		page, _, err := search(ctx, q)
		return len(page), err
	}
}

func (f *filler) lists(db *storage.DB) []list {
	var all []list
	for _, part := range [][]list{
		f.peopleLists(db), groupLists(db), appLists(db), f.useLists(db), queueLists(db), f.auditLists(db), figureLists(db),
		f.recordLists(db), assignmentLists(f, db), ownerLists(db), f.exchangeLists(db), streamLists(db), f.importLists(db), traceLists(db),
	} {
		all = append(all, part...)
	}
	return all
}

func (f *filler) peopleLists(db *storage.DB) (all []list) {
	yes, no := true, false
	big, small := identity.GroupRef{Connection: "corp", ID: "group-0"}, identity.GroupRef{Connection: "corp", ID: "group-7"}
	_, next, err := db.Search(context.Background(), directory.Query{Limit: 1000})
	for name, q := range map[string]directory.Query{
		"people": {}, "people, second page": {After: next}, "people, last change first": {Sort: directory.ByUpdatedDown},
		"people, disabled": {Disabled: &yes}, "people, enabled, by change": {Disabled: &no, Sort: directory.ByUpdated},
		"people, one letter": {Text: "a"}, "people, the last letter": {Text: "z"}, "people, first name": {Text: "Zoë"}, "people, both names": {Text: "anna müller"},
		"people, an address": {Text: "anna.koch"}, "people, the domain": {Text: "corp.example"}, "people, nobody": {Text: "nobody"},
		"people, two that many have": {Text: "anna klara"}, "people, of a big connection": {Connection: "corp"}, "people, of a small connection": {Connection: "partner"},
		"people, of a small connection, disabled, named": {Connection: "partner", Disabled: &yes, Text: "a"},
		"members of the biggest group":                   {Upstream: big}, "members of the biggest group, by change": {Upstream: big, Sort: directory.ByUpdatedDown},
		"members of the biggest group, named": {Upstream: big, Text: "anna"}, "members of a small group": {Upstream: small},
		"members of a small group, by a mapped name": {Group: "team.7"}, "members of the biggest, by its mapped name": {Group: "team.0"},
	} {
		all = append(all, list{name, counted(q, db.Search)})
	}
	all = append(all, list{"who is auditor, by assignment and a big group", counted(admin.RoleQuery{Role: admin.Auditor, Groups: []string{"team.0", "team.7"}}, db.RoleHolders)},
		list{"who is auditor, by assignment and a small group", counted(admin.RoleQuery{Role: admin.Auditor, Groups: []string{"team.7"}}, db.RoleHolders)})
	if err != nil {
		f.err = err
	}
	return all
}

func appLists(db *storage.DB) (all []list) {
	for name, q := range map[string]catalog.Query{
		"apps": {}, "apps, by title": {Sort: catalog.ByTitle}, "apps, changed last first": {Sort: "-updated"}, "apps, switched off": {State: catalog.Off, Sort: catalog.ByTitle},
		"apps, of a team": {Team: "team-7"}, "apps, named": {Text: "zimmermann listed-19"}, "apps, none": {Text: "nothing"}, "apps, of a group": {Group: "group-77"},
	} {
		all = append(all, list{name, counted(q, db.SearchApps)})
	}
	return append(all, list{"number of apps", func(ctx context.Context) (int, error) {
		n, err := db.CountApps(ctx)
		return int(n[catalog.On] + n[catalog.Off] + n[catalog.Incomplete]), err
	}})
}

func groupLists(db *storage.DB) (all []list) {
	yes, no := true, false
	for name, q := range map[string]directory.GroupQuery{
		"groups": {}, "groups, most members first": {Sort: directory.ByMembersDown}, "groups, last seen first": {Sort: directory.ByLastSeenDown},
		"groups, mapped": {Mapped: &yes}, "groups, unmapped": {Mapped: &no}, "groups, named": {Text: "group 49"}, "groups, none": {Text: "nothing"},
	} {
		all = append(all, list{name, counted(q, db.SearchGroups)})
	}
	return all
}

// useLists are sessions and what apps hold.
func (f *filler) useLists(db *storage.DB) (all []list) {
	for name, q := range map[string]session.Query{
		"sessions": {}, "sessions, of a person": {Person: f.people[3]}, "sessions, of a small connection": {Connection: "partner"},
		"sessions, of an app in all": {App: "app-0"}, "sessions, of an app in few": {App: "app-8"}, "sessions, of no app": {App: "none"},
		"sessions, of an app in all over a small connection": {App: "app-0", Connection: "partner"},
	} {
		all = append(all, list{name, counted(q, func(ctx context.Context, q session.Query) ([]session.Found, string, error) {
			return db.SearchSessions(ctx, q, now)
		})})
	}
	for name, of := range map[string]session.Whose{"sessions": {}, "sessions, of a person": {Person: f.people[3]}, "sessions, of a small connection": {Connection: "partner"}} {
		all = append(all, list{"number of " + name, func(ctx context.Context) (int, error) {
			n, err := db.CountSessions(ctx, of, now)
			return int(n), err
		}})
	}
	for name, q := range map[string]grant.Query{"access": {}, "access, of a person": {Person: f.people[3]}, "access, of an app": {App: "app-3"}} {
		all = append(all, list{name, counted(q, func(ctx context.Context, q grant.Query) ([]grant.Held, string, error) {
			return db.SearchAccess(ctx, q, now)
		})})
	}
	return all
}

func queueLists(db *storage.DB) (all []list) {
	outbox, jobs := db.OutboxQueue(), db.JobQueue()
	for _, s := range []event.State{"", event.Waiting, event.Retrying, event.Buried, event.Done, event.Discarded} {
		all = append(all, list{"outbox, " + string(s), counted(event.QueueQuery{State: s}, outbox.SearchQueue)},
			list{"jobs, " + string(s), counted(job.Query{State: s, Queue: "logout"}, jobs.SearchJobs)})
	}
	backlog := func(read func(context.Context) (event.Backlog, error)) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			b, err := read(ctx)
			return int(b.Waiting + b.Retrying + b.Buried), err
		}
	}
	return append(all, list{"outbox, backlog", backlog(outbox.QueueBacklog)}, list{"jobs, backlog", backlog(jobs.QueueBacklog)})
}

func (f *filler) auditLists(db *storage.DB) (all []list) {
	span := audit.Query{From: now.Add(-48 * time.Hour), To: now.Add(-24 * time.Hour)}
	for name, q := range map[string]audit.Query{
		"audit": {}, "audit, a day": span, "audit, tokens": {Type: "token.issued"}, "audit, a frequent type": {Type: "session.started"},
		"audit, a rare type": {Type: "group.mapped"}, "audit, no such type": {Type: "none.such"}, "audit, a prefix": {Type: "person."}, "audit, a rare prefix": {Type: "group."},
		"audit, a busy actor": {Actor: "client:client-0"}, "audit, another actor": {Actor: "client:client-7"}, "audit, a system": {Actor: "system:sessions"},
		"audit, a rare actor": {Actor: f.rare}, "audit, a subject": {Subject: f.rare}, "audit, a busy subject": {Subject: "connection:corp"},
		"audit, a busy actor and a rare type":        {Actor: "client:client-0", Type: "group.mapped"},
		"audit, actor and type that never meet":      {Actor: "system:sessions", Type: "session.started"},
		"audit, actor and subject that never meet":   {Actor: "client:client-0", Subject: "connection:corp"},
		"audit, a busy actor, a prefix, a day":       {Actor: "connection:corp", Type: "person.", From: span.From, To: span.To},
		"audit, a word of a type":                    {Text: "disabled"},
		"audit, somebody's id":                       {Text: f.people[1]},
		"audit, somebody, and a word of a type":      {Text: f.people[1] + " signed"},
		"audit, two words that many entries have":    {Text: "system:sessions signed"},
		"audit, a prefix among tokens of one client": {Type: "token.", Actor: "client:client-7"},
	} {
		all = append(all, list{name, counted(q, db.Page)})
	}
	return append(all, list{"audit, its state", func(ctx context.Context) (int, error) {
		s, err := audit.ReadState(ctx, db)
		return int(s.Unsealed), err
	}})
}

func figureLists(db *storage.DB) (all []list) {
	for name, from := range map[string]time.Time{"a day": now.Add(-24 * time.Hour), "a week": now.Add(-7 * 24 * time.Hour)} {
		all = append(all,
			list{"figures, sign-ins by hour, " + name, func(ctx context.Context) (int, error) { r, err := db.SignInHours(ctx, from, now); return len(r), err }},
			list{"figures, sign-ins in all, " + name, func(ctx context.Context) (int, error) { r, err := db.SignInTotals(ctx, from, now); return len(r), err }},
			list{"figures, tokens by hour, " + name, func(ctx context.Context) (int, error) { r, err := db.TokenHours(ctx, from, now); return len(r), err }},
			list{"figures, tokens in all, " + name, func(ctx context.Context) (int, error) { r, err := db.TokenTotals(ctx, from, now); return len(r), err }})
	}
	return all
}
