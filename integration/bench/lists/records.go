package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/records/index"
)

// pushing pushes everybody over SCIM, and smallPushing nobody but did a few things.
const pushing, smallPushing = "acme", "small"

// addRecords writes what a connection pushed of everybody.
func (f *filler) addRecords(ctx context.Context) {
	var values [][]any
	store := func() {
		f.rows(ctx, `record_values (record, path, element, connection, key, exact)`, len(values), func(i int) []any { return values[i] })
		values = nil
	}
	f.rows(ctx, `record_users (id, connection, person, external_id, user_name, name_key, active, body, created, updated, left_at, version)`, f.sizes.people, func(i int) []any {
		u := f.user(i)
		left := int64(0)
		if !u.Active {
			left = now.Add(-time.Duration(i) * time.Second).UnixMicro()
		}
		if values = index.Rows(values, pushing, u.ID, index.OfUser(u)); len(values) > statementOf {
			store()
		}
		return []any{
			u.ID, pushing, u.Person, []byte(u.ExternalID), u.UserName, []byte(filter.Fold(u.UserName)), u.Active, text(u.Attributes),
			u.Created.UnixMicro(), u.Updated.UnixMicro(), left, 1,
		}
	})
	store()
	f.addRecordGroups(ctx)
	f.addOperations(ctx)
	f.rows(ctx, `record_guards (connection, halted, halted_by, began, people, people_gone)`, 1, func(int) []any {
		return []any{pushing, now.UnixMicro(), identity.NewOrderedID(now), now.Add(-365 * 24 * time.Hour).UnixMicro(), f.sizes.people, f.sizes.people / leaves}
	})
}

// leaves is of how many people one has left, and refuses of how many operations one was refused.
const leaves, refuses = 50, 500

// user is what the connection says of a person.
func (f *filler) user(i int) record.User {
	first, last := f.pick(given), f.pick(family)
	mail := fmt.Sprintf("user.%d@acme.example", i)
	at := now.Add(-time.Duration(f.sizes.people-i) * time.Minute)
	return record.User{
		ID: fmt.Sprint("record-", i), Connection: pushing, Person: f.people[i], ExternalID: fmt.Sprint("external-", i), UserName: mail, Active: i%leaves != 0,
		Created: at, Updated: at, Version: 1,
		Attributes: map[string]any{
			"displayName": first + " " + last, "title": fmt.Sprint("Engineer ", i%200), "name": map[string]any{"givenName": first, "familyName": last},
			"emails":          []any{map[string]any{"value": mail, "type": "work", "primary": true}},
			record.Enterprise: map[string]any{"employeeNumber": fmt.Sprint(100_000 + i), "department": fmt.Sprint("Department ", i%50)},
		},
	}
}

// addRecordGroups writes groups of which the first has everybody, and the others 20 each.
func (f *filler) addRecordGroups(ctx context.Context) {
	f.rows(ctx, `record_groups (id, connection, external_id, display, display_key, body, created, updated, version)`, f.groups, func(i int) []any {
		name, at := fmt.Sprint("Pushed ", i), now.Add(-time.Duration(f.groups-i)*time.Minute).UnixMicro()
		return []any{recordGroup(i), pushing, []byte(fmt.Sprint("group-", i)), name, []byte(filter.Fold(name)), `{}`, at, at, 1}
	})
	const each = 20
	member := func(group, i int) []any {
		return []any{recordGroup(group), fmt.Sprint("record-", i), now.UnixMicro(), "operation", pushing, "user", f.people[i], false}
	}
	const table = `record_members (group_id, member, since, opened, connection, kind, person, pending)`
	f.rows(ctx, table, f.sizes.people, func(i int) []any { return member(0, i) })
	f.rows(ctx, table, (f.groups-1)*each, func(i int) []any { return member(1+i/each, i%f.sizes.people) })
	f.rows(ctx, table, min(f.groups-1, each), func(i int) []any {
		return []any{recordGroup(0), recordGroup(1 + i), now.UnixMicro(), "operation", pushing, "group", "", false}
	})
}

func recordGroup(i int) string { return fmt.Sprint("pushed-", i) }

// addOperations writes what clients did: they look for most before they change it.
func (f *filler) addOperations(ctx context.Context) {
	const few = 1000
	f.rows(ctx, `record_operations (id, connection, body, changed, expires)`, f.entries+few, func(i int) []any {
		at := now.Add(-time.Duration(f.entries+few-i) * time.Second)
		o := record.Outcome{Status: http.StatusOK, Operation: record.Operation{
			ID: identity.NewOrderedID(at), Connection: pushing, Kind: "SCIM: look for userName", Method: http.MethodGet, Path: "/Users",
			Actor: identity.Actor{Ref: identity.Ref{Kind: identity.KindToken, ID: "token"}, Address: "192.0.2.1", Request: identity.NewID()}, Time: at,
		}}
		user := fmt.Sprint("record-", f.random.IntN(f.sizes.people))
		switch {
		case i%refuses == 0:
			o.Kind, o.Method, o.Status, o.Code, o.Detail = "SCIM: create a user", http.MethodPost, http.StatusConflict, "uniqueness", "userName: somebody has it already"
		case i%3 == 0:
			o.Kind, o.Method, o.Path, o.Resource, o.Changed = "Entra: change title", http.MethodPatch, "/Users/"+user, "User/"+user, true
		}
		if i%(f.entries/few+1) == 0 {
			o.Connection = smallPushing
		}
		return []any{o.ID, o.Connection, text(o), o.Changed, at.Add(400 * 24 * time.Hour).UnixMicro()}
	})
}

// recordLists are what SCIM clients page through, and what the console shows of them. Not
// among them is an order that no index has, such as that of the last change: it reads all
// records and is bounded by time alone, since its index would cost each change more than it is worth.
func (f *filler) recordLists(db *storage.DB) (all []list) {
	user, errUser := resource.NewUser()
	group, errGroup := resource.NewGroup()
	if f.err == nil && errUser != nil {
		f.err = errUser
	}
	if f.err == nil && errGroup != nil {
		f.err = errGroup
	}
	if f.err != nil {
		return nil
	}
	store := db.Records()
	for name, q := range map[string]record.Query{
		"SCIM users": {}, "SCIM users, in the middle": {Start: f.sizes.people / 2}, "SCIM users, by name": {SortBy: filter.Path{Attribute: "userName"}},
		"SCIM users, by their id": {Filter: f.filter(user, `id eq "record-7"`)}, "SCIM users, a user name": {Filter: f.filter(user, `userName eq "USER.77@acme.example"`)},
		"SCIM users, an external id": {Filter: f.filter(user, `externalId eq "external-77"`)}, "SCIM users, an address": {Filter: f.filter(user, `emails[type eq "work" and value eq "user.77@acme.example"]`)},
		"SCIM users, user names that begin": {Filter: f.filter(user, `userName sw "user.77"`)}, "SCIM users, a title": {Filter: f.filter(user, `title eq "Engineer 7"`)},
		"SCIM users, a department": {Filter: f.filter(user, record.Enterprise+`:department eq "Department 7"`)}, "SCIM users, who left": {Filter: f.filter(user, `active eq false`)},
		"SCIM users, a title of a department": {Filter: f.filter(user, `title eq "Engineer 7" and `+record.Enterprise+`:department eq "Department 7"`)},
		"SCIM users, nobody":                  {Filter: f.filter(user, `userName eq "nobody"`)},
		"SCIM users, changed since":           {Filter: f.filter(user, `meta.lastModified gt "2026-11-24T08:00:00Z"`)},
		"SCIM users, of a group":              {Filter: f.filter(user, `groups.value eq "pushed-7"`)},
	} {
		all = append(all, list{name, func(ctx context.Context) (int, error) {
			q.Count = record.DefaultCount
			page, err := store.Users(ctx, pushing, q)
			if err != nil {
				return 0, err
			}
			ids := make([]string, len(page.Items))
			for i, u := range page.Items {
				ids[i] = u.ID
			}
			_, err = store.GroupsOf(ctx, pushing, ids...)
			return len(page.Items), err
		}})
	}
	for name, q := range map[string]record.Query{
		"SCIM groups, behind the largest": {Start: 2}, "SCIM groups, by name": {Start: 2, SortBy: filter.Path{Attribute: "displayName"}},
		"SCIM groups, a name": {Filter: f.filter(group, `displayName eq "pushed 7"`)}, "SCIM groups, an external id": {Filter: f.filter(group, `externalId eq "group-7"`)},
		"SCIM groups, of a user": {Filter: f.filter(group, `members.value eq "record-77" and displayName ne "pushed 0"`)}, "SCIM groups, none": {Filter: f.filter(group, `displayName eq "none"`)},
	} {
		all = append(all, list{name, func(ctx context.Context) (int, error) {
			q.Count = record.DefaultCount
			page, err := store.Groups(ctx, pushing, q)
			if err != nil {
				return 0, err
			}
			ids := make([]string, len(page.Items))
			for i, g := range page.Items {
				ids[i] = g.ID
			}
			_, err = store.Members(ctx, pushing, ids...)
			return len(page.Items), err
		}})
	}
	return append(all, f.deskLists(db)...)
}

func (f *filler) filter(of *resource.Type, text string) filter.Expr {
	e, err := filter.Parse(text, of.Filters)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", text, err)
	}
	return e
}

// deskLists are what administrators see of a connection.
func (f *filler) deskLists(db *storage.DB) (all []list) {
	store := db.Records()
	service := record.NewService(record.Options{Store: store, Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil }, Now: func() time.Time { return now }})
	for name, q := range map[string]record.OutcomeQuery{
		"SCIM operations": {}, "SCIM operations, that changed something": {Result: record.Changed}, "SCIM operations, that changed nothing": {Result: record.Read},
		"SCIM operations, refused": {Result: record.Refused}, "SCIM operations, a word that many have": {Text: "title"}, "SCIM operations, a user": {Text: "record-77"},
		"SCIM operations, of nobody": {Text: "nobody"}, "SCIM operations, refused, of nobody": {Text: "nobody", Result: record.Refused},
		"SCIM operations, of a small connection": {Connection: smallPushing}, "SCIM operations, of a small connection, of nobody": {Connection: smallPushing, Text: "nobody"},
	} {
		if q.Connection == "" {
			q.Connection = pushing
		}
		q.Limit = 50
		all = append(all, list{name, counted(q, service.Outcomes)})
	}
	return append(all,
		list{"SCIM, who would come back", func(ctx context.Context) (int, error) {
			some, _, err := service.Gone(ctx, pushing, 50)
			return len(some), err
		}},
		list{"SCIM, groups within the largest", func(ctx context.Context) (int, error) {
			within, around, err := service.Nested(ctx, pushing, recordGroup(0), 50)
			return len(within) + len(around), err
		}},
		list{"SCIM, connections that are halted", func(ctx context.Context) (int, error) {
			halted, err := store.Halted(ctx)
			return len(halted), err
		}},
		list{"SCIM, tokens of a connection", func(ctx context.Context) (int, error) {
			tokens, err := store.Tokens(ctx, pushing)
			return len(tokens), err
		}})
}
