package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// push is one connection's SCIM client.
type push struct {
	*testing.T
	record.Store

	db *storage.DB

	connection string
	policy     record.Policy
	n          int
}

func pusher(t *testing.T, db *storage.DB, connection string) *push {
	return &push{T: t, Store: db.Records(), db: db, connection: connection, policy: record.Policy{
		Domains: []string{"acme.example"}, Guard: record.Guard{Share: 1, Minimum: 1000, Window: time.Hour},
	}}
}

// op is the next operation, a moment after the last.
func (p *push) op() record.Operation {
	p.n++
	at := now.Add(time.Duration(p.n) * time.Millisecond)
	return record.Operation{
		ID: identity.NewOrderedID(at), Connection: p.connection, Kind: "test", Method: "POST", Path: "/Users", Actor: actor, Time: at, Policy: p.policy,
	}
}

func (p *push) user(name, external string, attributes map[string]any) record.User {
	p.Helper()
	u, existed, err := p.CreateUser(p.Context(), p.op(), record.User{
		ID: identity.NewID(), ExternalID: external, UserName: name, Active: true, Attributes: attributes,
	})
	if err != nil || existed {
		p.Fatalf("user %s: existed %v, %v", name, existed, err)
	}
	return u
}

func (p *push) group(name, external string, members ...string) record.Group {
	p.Helper()
	g, existed, err := p.CreateGroup(p.Context(), p.op(), record.Group{ID: identity.NewID(), ExternalID: external, DisplayName: name}, asMembers(members))
	if err != nil || existed {
		p.Fatalf("group %s: existed %v, %v", name, existed, err)
	}
	return g
}

func asMembers(values []string) []record.Member {
	all := make([]record.Member, len(values))
	for i, v := range values {
		all[i].Value = v
	}
	return all
}

func (p *push) patch(group string, change record.Members) error {
	_, err := p.UpdateGroup(p.Context(), p.op(), p.connection, group, 0, record.GroupChange{Members: change})
	return err
}

func (p *push) members(group string) (values []string) {
	p.Helper()
	all, err := p.Members(p.Context(), p.connection, group)
	if err != nil {
		p.Fatal(err)
	}
	for _, m := range all[group] {
		v := m.Value
		if m.Pending {
			v = "?" + v
		}
		values = append(values, v)
	}
	return values
}

func (p *push) same(what string, got []string, want ...string) {
	p.Helper()
	got = slices.Clone(got)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (p *push) refused(what string, err, want error) {
	p.Helper()
	if !errors.Is(err, want) {
		p.Errorf("%s: %v, want %v", what, err, want)
	}
}

func usersKept(t *testing.T, db *storage.DB) {
	p, other := pusher(t, db, "users"), pusher(t, db, "users-other")
	email := map[string]any{"emails": []any{map[string]any{"value": "Zoe@acme.example", "type": "work"}}, "displayName": "Zoë Ångström"}
	u := p.user("Zoë", "e-1", email)
	person, err := db.Person(t.Context(), u.Person)
	if err != nil || person.Profile.Email != "Zoe@acme.example" || !person.Profile.EmailVerified || person.Profile.Name != "Zoë Ångström" || len(person.Records) != 1 {
		t.Errorf("the person: %+v, %v", person, err)
	}
	again, existed, err := p.CreateUser(t.Context(), p.op(), record.User{ID: identity.NewID(), ExternalID: "e-1", UserName: "Zoë", Active: true, Attributes: email})
	if err != nil || !existed || again.ID != u.ID || again.Person != u.Person {
		t.Errorf("made again: %+v %v %v", again, existed, err)
	}
	for what, bad := range map[string]record.User{
		"another user of the name": {UserName: "ZOË", ExternalID: "e-2", Active: true},
		"another of the id":        {UserName: "zoe", ExternalID: "e-1", Active: true},
		"one with other values":    {UserName: "Zoë", ExternalID: "e-1", Active: true},
	} {
		bad.ID = identity.NewID()
		_, _, err := p.CreateUser(t.Context(), p.op(), bad)
		p.refused(what, err, record.ErrTaken)
	}
	if v := other.user("Zoë", "e-1", nil); v.Person == u.Person {
		t.Error("two connections share a person")
	}
	_, err = other.User(t.Context(), "users-other", u.ID)
	other.refused("another connection's id", err, record.ErrUserNotFound)
	_, err = other.UpdateUser(t.Context(), other.op(), "users-other", u.ID, 0, func(u record.User) (record.User, error) { return u, nil })
	other.refused("changing it", err, record.ErrUserNotFound)
	other.refused("deleting it", other.DeleteUser(t.Context(), other.op(), "users-other", u.ID, 0), record.ErrUserNotFound)

	rename := func(name string) func(record.User) (record.User, error) {
		return func(u record.User) (record.User, error) { u.UserName = name; return u, nil }
	}
	_, err = p.UpdateUser(t.Context(), p.op(), "users", u.ID, record.Match(u.Version+1), rename("zz"))
	p.refused("a version that is not", err, record.ErrVersion)
	second := p.user("second", "", nil)
	_, err = p.UpdateUser(t.Context(), p.op(), "users", second.ID, 0, rename("zOË"))
	p.refused("a name that is taken", err, record.ErrTaken)
	changed, err := p.UpdateUser(t.Context(), p.op(), "users", u.ID, record.Match(u.Version), rename("zoe"))
	if err != nil || changed.UserName != "zoe" || changed.Version != u.Version+1 || !changed.Updated.After(u.Updated) {
		t.Errorf("renamed: %+v %v", changed, err)
	}
	same, err := p.UpdateUser(t.Context(), p.op(), "users", u.ID, 0, rename("zoe"))
	if err != nil || same.Version != changed.Version || !same.Updated.Equal(changed.Updated) {
		t.Errorf("nothing was changed: %+v %v", same, err)
	}
}

func leaversLeave(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "leavers")
	key := directory.Key{Connection: "leavers", Subject: "s-1", ExternalID: "s-1"}
	u := p.user("leaver", "s-1", nil)
	arrive := func(old *directory.Person) (directory.Person, []event.Event, error) {
		if old == nil {
			return directory.Person{}, nil, errors.New("nobody is there")
		}
		next := *old
		if err := next.Over("leavers", directory.SCIM); err != nil {
			return next, nil, err
		}
		next.Identities = []directory.Identity{{Connection: "leavers", Subject: "s-1"}}
		return next, nil, nil
	}
	signed, err := db.SignIn(t.Context(), key, arrive)
	if err != nil || signed.ID != u.Person {
		t.Fatalf("the first sign-in: %+v, %v", signed, err)
	}
	before, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := func(active bool) {
		t.Helper()
		_, err := p.UpdateUser(t.Context(), p.op(), "leavers", u.ID, 0, func(u record.User) (record.User, error) { u.Active = active; return u, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	if head, err := db.Head(t.Context()); err != nil || head != before+1 {
		t.Errorf("revocations from %d to %d, %v", before, head, err)
	}
	_, err = db.SignIn(t.Context(), key, arrive)
	p.refused("who left", err, directory.ErrLeft)
	set(true)
	if _, err = db.SignIn(t.Context(), key, arrive); err != nil {
		t.Errorf("who is back: %v", err)
	}
	if err := p.DeleteUser(t.Context(), p.op(), "leavers", u.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, err = p.User(t.Context(), "leavers", u.ID)
	p.refused("who was deleted", err, record.ErrUserNotFound)
	_, err = db.SignIn(t.Context(), key, arrive)
	p.refused("who was deleted signs in", err, directory.ErrLeft)
	if back := p.user("leaver", "s-1", nil); back.Person != u.Person || back.ID == u.ID {
		t.Errorf("hired again: %+v", back)
	}
	if _, err = db.SignIn(t.Context(), key, arrive); err != nil {
		t.Errorf("hired again, and signs in: %v", err)
	}
}

func membersAreASet(t *testing.T, db *storage.DB) {
	p, other := pusher(t, db, "members"), pusher(t, db, "members-other")
	a, b, c := p.user("a", "x-a", nil), p.user("b", "x-b", nil), p.user("c", "", nil)
	foreign := other.user("f", "", nil)
	g := p.group("Team", "", a.ID, "x-b", "unknown", foreign.ID)
	p.same("made with", p.members(g.ID), a.ID, b.ID, "?unknown", "?"+foreign.ID)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.patch(g.ID, record.Members{Add: asMembers([]string{c.ID, a.ID}), Remove: asMembers([]string{"x-b", foreign.ID, "nobody"})}))
	p.same("patched", p.members(g.ID), a.ID, c.ID, "?unknown")
	late := p.user("late", "unknown", nil)
	p.same("who arrives", p.members(g.ID), a.ID, c.ID, late.ID)
	must(p.patch(g.ID, record.Members{Replace: true, Add: asMembers([]string{b.ID, c.ID})}))
	p.same("replaced", p.members(g.ID), b.ID, c.ID)
	must(p.DeleteUser(t.Context(), p.op(), "members", b.ID, 0))
	p.same("one was deleted", p.members(g.ID), c.ID)
	shown, err := db.Group(t.Context(), identity.GroupRef{Connection: "members", ID: g.ID})
	if err != nil || shown.Members != 1 || shown.DisplayName != "Team" {
		t.Errorf("the group in lists: %+v, %v", shown, err)
	}
	found, _, err := db.Search(t.Context(), directory.Query{Upstream: identity.GroupRef{Connection: "members", ID: g.ID}})
	if err != nil || len(found) != 1 || found[0].ID != c.Person || len(found[0].Groups) != 1 {
		t.Errorf("the people of the group: %+v, %v", found, err)
	}
	before, err := p.Group(t.Context(), "members", g.ID)
	must(err)
	must(p.patch(g.ID, record.Members{Add: asMembers([]string{c.ID})}))
	if after, err := p.Group(t.Context(), "members", g.ID); err != nil || after.Version != before.Version {
		t.Errorf("nothing was changed: version %d, then %d, %v", before.Version, after.Version, err)
	}
	must(p.DeleteGroup(t.Context(), p.op(), "members", g.ID, 0))
	if of, err := p.GroupsOf(t.Context(), "members", c.ID); err != nil || len(of) != 0 {
		t.Errorf("the group was deleted: %v, %v", of, err)
	}
}

func recordsPaged(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "pages")
	for i := range 7 {
		attributes := map[string]any{}
		if i%2 == 0 {
			attributes["displayName"] = fmt.Sprint("d", 9-i)
		}
		p.user(fmt.Sprint("user-", i), "", attributes)
	}
	for what, c := range map[string]struct {
		q    record.Query
		want string
	}{
		"as they came":              {record.Query{}, "0 1 2 3 4 5 6"},
		"by user name":              {record.Query{SortBy: filter.Path{Attribute: "userName"}, Descending: true}, "6 5 4 3 2 1 0"},
		"by a value that some lack": {record.Query{SortBy: filter.Path{Attribute: "displayName"}}, "6 4 2 0"},
		"the last change first":     {record.Query{SortBy: filter.Path{Attribute: "meta", Sub: "lastModified"}, Descending: true}, "6 5 4 3 2 1 0"},
	} {
		var byCursor, byIndex []string
		c.q.Count = 2
		for {
			page, err := p.Users(t.Context(), "pages", c.q)
			if err != nil || page.Total != 7 {
				t.Fatalf("%s: %d in all, %v", what, page.Total, err)
			}
			for _, u := range page.Items {
				byCursor = append(byCursor, strings.TrimPrefix(u.UserName, "user-"))
			}
			if c.q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		c.q.Cursor = ""
		for c.q.Start = 1; c.q.Start < 9; c.q.Start += 2 {
			page, err := p.Users(t.Context(), "pages", c.q)
			if err != nil || page.Total != 7 {
				t.Fatalf("%s from %d: %d in all, %v", what, c.q.Start, page.Total, err)
			}
			for _, u := range page.Items {
				byIndex = append(byIndex, strings.TrimPrefix(u.UserName, "user-"))
			}
		}
		if got := strings.Join(byCursor, " "); !strings.HasPrefix(got, c.want) || len(byCursor) != 7 || got != strings.Join(byIndex, " ") {
			t.Errorf("%s: %s by cursor, %v by index", what, got, byIndex)
		}
	}
	none, err := p.Users(t.Context(), "pages", record.Query{Count: 0})
	if err != nil || none.Total != 7 || len(none.Items) != 0 {
		t.Errorf("only how many: %+v, %v", none, err)
	}
	_, err = p.Users(t.Context(), "pages", record.Query{Count: 1, Cursor: "bad"})
	p.refused("a cursor that nobody gave", err, directory.ErrCursor)
}

func scimTokens(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "tokens")
	token := func(id string, expires time.Time) record.Token {
		return record.Token{ID: id, Connection: "tokens", Name: id, Created: now, Expires: expires, Hash: []byte("hash of " + id)}
	}
	for _, n := range []record.Token{token("over", now), token("one", now.Add(time.Hour)), token("two", now.Add(time.Hour))} {
		if err := p.CreateToken(t.Context(), n, now, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.refused("a third", p.CreateToken(t.Context(), token("three", now.Add(time.Hour)), now, nil), record.ErrTokenLimit)
	if err := p.TouchToken(t.Context(), "one", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Token(t.Context(), []byte("hash of one")); err != nil || got.ID != "one" || !got.LastUsed.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	p.refused("another connection's", p.RevokeToken(t.Context(), "tokens-other", "one", nil), record.ErrTokenNotFound)
	if err := p.RevokeToken(t.Context(), "tokens", "one", nil); err != nil {
		t.Fatal(err)
	}
	_, err := p.Token(t.Context(), []byte("hash of one"))
	p.refused("one that is revoked", err, record.ErrTokenNotFound)
	if all, err := p.Tokens(t.Context(), "tokens"); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}

func operationsListed(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "operations")
	u := p.user("o", "", nil)
	failed := record.Outcome{Operation: p.op(), Status: 409, Code: "uniqueness", Detail: "taken"}
	if err := p.SaveOutcomes(t.Context(), []record.Outcome{failed}); err != nil {
		t.Fatal(err)
	}
	all, err := p.Outcomes(t.Context(), "operations", "", 10)
	if err != nil || len(all) != 2 || all[0].Code != "uniqueness" || all[1].Resource != "User/"+u.ID || !all[1].Changed || all[1].Kind != "test" {
		t.Errorf("%+v, %v", all, err)
	}
	if rest, err := p.Outcomes(t.Context(), "operations", all[0].ID, 10); err != nil || len(rest) != 1 || rest[0].ID != all[1].ID {
		t.Errorf("the page behind: %+v, %v", rest, err)
	}
	if one, err := p.Outcome(t.Context(), failed.ID); err != nil || one.Detail != "taken" {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = p.Outcome(t.Context(), "none")
	p.refused("one that is not kept", err, record.ErrNoOperation)
	if err := db.Prune(t.Context(), now.Add(8*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if kept, err := p.Outcomes(t.Context(), "operations", "", 10); err != nil || len(kept) != 1 || !kept[0].Changed {
		t.Errorf("after a week: %+v, %v", kept, err)
	}
}

func batchesMade(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "batch")
	old := p.user("old", "b-old", nil)
	n := func(u record.User) record.New {
		u.ID, u.Active = identity.NewID(), true
		return record.New{Operation: p.op(), User: &u}
	}
	group := record.Group{ID: identity.NewID(), DisplayName: "team"}
	all := []record.New{
		n(record.User{UserName: "one", ExternalID: "b-1"}), n(record.User{UserName: "ONE", ExternalID: "b-2"}), n(record.User{UserName: "old", ExternalID: "b-old"}),
		n(record.User{UserName: "old", ExternalID: "b-new"}),
		{Operation: p.op(), Group: &group, Members: asMembers([]string{"b-1", old.ID, "b-later"})},
		{Operation: p.op(), Group: &record.Group{ID: identity.NewID(), DisplayName: "TEAM"}},
		n(record.User{UserName: "later", ExternalID: "b-later"}),
	}
	made, err := p.Create(t.Context(), "batch", all)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, record.ErrTaken, nil, record.ErrTaken, nil, record.ErrTaken, nil} {
		if !errors.Is(made[i].Err, want) {
			t.Errorf("%d: %v, want %v", i, made[i].Err, want)
		}
	}
	if !made[2].Existed || made[2].User.ID != old.ID || made[0].User.Person == "" || made[0].Existed {
		t.Errorf("%+v", made)
	}
	p.same("of the group", p.members(group.ID), made[0].User.ID, old.ID, made[6].User.ID)
	many := make([]record.New, 300)
	for i := range many {
		many[i] = n(record.User{UserName: fmt.Sprint("many-", i), Attributes: map[string]any{"title": fmt.Sprint(i), "displayName": fmt.Sprint("Batch ", i)}})
	}
	if made, err = p.Create(t.Context(), "batch", many); err != nil {
		t.Fatal(err)
	}
	if page, err := p.Users(t.Context(), "batch", record.Query{Count: 0}); err != nil || page.Total != 303 {
		t.Errorf("%d users, %v", page.Total, err)
	}
	p.allOf("batch", many, made)
}

// allOf checks that the last of many, who were made together, have all that one has who
// was made alone.
func (p *push) allOf(connection string, many []record.New, made []record.Made) {
	p.Helper()
	last := len(many) - 1
	for text, want := range map[string]int{`title eq "` + fmt.Sprint(last) + `"`: 1, `displayName eq "batch ` + fmt.Sprint(last) + `"`: 1, `displayName sw "Batch"`: len(many)} {
		e, err := filter.Parse(text, people())
		if err != nil {
			p.Fatal(err)
		}
		if page, err := p.Users(p.Context(), connection, record.Query{Filter: e, Count: 0}); err != nil || page.Total != want {
			p.Errorf("%s: %d users of %d, %v", text, page.Total, want, err)
		}
	}
	if found, _, err := p.db.Search(p.Context(), directory.Query{Text: fmt.Sprint("batch ", last)}); err != nil || len(found) != 1 || found[0].ID != made[last].User.Person {
		p.Errorf("found by words: %+v, %v", found, err)
	}
	if o, err := p.Outcome(p.Context(), many[last].Operation.ID); err != nil || !o.Changed || o.Resource != "User/"+made[last].User.ID {
		p.Errorf("its operation: %+v, %v", o, err)
	}
	entries, _, err := p.db.Page(p.Context(), audit.Query{Type: "person.provisioned", Subject: identity.Person(made[last].User.Person).String(), Limit: 10})
	if err != nil || len(entries) != 1 {
		p.Errorf("its audit entry: %+v, %v", entries, err)
	}
}
