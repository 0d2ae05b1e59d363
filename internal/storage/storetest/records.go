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
	"github.com/gatehouse-io/gatehouse/internal/storage/records"
)

// push is one connection's SCIM client.
type push struct {
	*testing.T
	records.Store

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

func groupsNest(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "nest")
	u := p.user("n", "", nil)
	chain := []record.Group{p.group("level 0", "", u.ID)}
	for i := 1; i < record.MaxDepth; i++ {
		chain = append(chain, p.group(fmt.Sprintf("level %d", i), "", chain[i-1].ID))
	}
	_, _, err := p.CreateGroup(t.Context(), p.op(), record.Group{ID: identity.NewID(), DisplayName: "too deep"}, asMembers([]string{chain[len(chain)-1].ID}))
	p.refused("too deep", err, record.ErrNesting)
	p.refused("a loop", p.patch(chain[0].ID, record.Members{Add: asMembers([]string{chain[3].ID})}), record.ErrNesting)
	p.refused("itself", p.patch(chain[0].ID, record.Members{Add: asMembers([]string{chain[0].ID})}), record.ErrNesting)
	person, err := db.Person(t.Context(), u.Person)
	if err != nil || len(person.Groups) != record.MaxDepth {
		t.Fatalf("%d groups of %d: %+v, %v", len(person.Groups), record.MaxDepth, person.Groups, err)
	}
	for _, m := range person.Groups {
		through := slices.IndexFunc(chain, func(g record.Group) bool { return g.ID == m.Group.ID })
		if m.Source != directory.SourceSCIM || m.Origin == "" || len(m.Through) != through || through > 0 && m.Through[0].ID != chain[0].ID {
			t.Errorf("a membership: %+v", m)
		}
	}
	within, around, err := p.Nested(t.Context(), "nest", chain[1].ID, 5)
	if err != nil || len(within) != 1 || within[0].ID != chain[0].ID || len(around) != 1 || around[0].Display != chain[2].DisplayName {
		t.Errorf("within it %+v, around it %+v, %v", within, around, err)
	}
	if within, around, err = p.Nested(t.Context(), "other", chain[1].ID, 5); err != nil || len(within)+len(around) != 0 {
		t.Errorf("of another connection: %+v, %+v, %v", within, around, err)
	}
	for at, want := range map[time.Time]int{now: 0, person.Groups[2].Since: 3, now.Add(time.Hour): record.MaxDepth} {
		if then, err := db.MembershipsOf(t.Context(), u.Person, at); err != nil || len(then) != want {
			t.Errorf("at %s: %d groups, want %d: %v", at, len(then), want, err)
		}
	}
	of, err := p.GroupsOf(t.Context(), "nest", u.ID)
	if err != nil || len(of[u.ID]) != record.MaxDepth {
		t.Errorf("groups of the user: %v, %v", of, err)
	}
	top := identity.GroupRef{Connection: "nest", ID: chain[len(chain)-1].ID}
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: top, Name: "nest-top"}, nil); err != nil {
		t.Fatal(err)
	}
	for what, q := range map[string]directory.Query{"upstream": {Upstream: top}, "mapped": {Group: "nest-top"}} {
		if found, _, err := db.Search(t.Context(), q); err != nil || len(found) != 1 || found[0].ID != u.Person {
			t.Errorf("found by the group, %s: %+v, %v", what, found, err)
		}
	}
}

// people is a table of what filters know of users.
func people() *filter.Table {
	t := filter.NewTable("urn:ietf:params:scim:schemas:core:2.0:User", record.Enterprise)
	text, exact := filter.Attribute{}, filter.Attribute{CaseExact: true}
	many := filter.Attribute{Many: true}
	t.Add(filter.Path{Attribute: "id"}, exact)
	t.Add(filter.Path{Attribute: "externalId"}, exact)
	t.Add(filter.Path{Attribute: "userName"}, text)
	t.Add(filter.Path{Attribute: "displayName"}, text)
	t.Add(filter.Path{Attribute: "title"}, exact)
	t.Add(filter.Path{Attribute: "active"}, filter.Attribute{Type: filter.Boolean})
	t.Add(filter.Path{Attribute: "name"}, filter.Attribute{Type: filter.Complex})
	t.Add(filter.Path{Attribute: "name", Sub: "familyName"}, text)
	t.Add(filter.Path{Attribute: "emails"}, filter.Attribute{Type: filter.Complex, Many: true})
	t.Add(filter.Path{Attribute: "emails", Sub: "value"}, many)
	t.Add(filter.Path{Attribute: "emails", Sub: "type"}, many)
	t.Add(filter.Path{Attribute: "emails", Sub: "primary"}, filter.Attribute{Type: filter.Boolean, Many: true})
	t.Add(filter.Path{Attribute: "groups", Sub: "value"}, many)
	t.Add(filter.Path{Attribute: "meta", Sub: "lastModified"}, filter.Attribute{Type: filter.DateTime})
	t.Add(filter.Path{Attribute: "meta", Sub: "location"}, exact)
	t.Add(filter.Path{URN: record.Enterprise, Attribute: "employeeNumber"}, text)
	return t
}

func filtersFind(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "filters")
	mail := func(value, typ string) map[string]any { return map[string]any{"value": value, "type": typ} }
	ann := p.user("Ann%_", "X1", map[string]any{
		"displayName": "Ärger", "title": "Chief", "name": map[string]any{"familyName": "Ölund"}, "emails": []any{mail("Ann@acme.example", "work"), mail("ann@home.example", "home")},
		record.Enterprise: map[string]any{"employeeNumber": "007"},
	})
	bob := p.user("bob", "x1", map[string]any{"title": "chief", "emails": []any{mail("bob@home.example", "work"), mail("bob@acme.example", "home")}})
	cyd := p.user("cyd", "", map[string]any{"name": map[string]any{"familyName": "Zed"}, "displayName": strings.Repeat("long ", 100) + "end"})
	_, err := p.UpdateUser(t.Context(), p.op(), "filters", cyd.ID, 0, func(u record.User) (record.User, error) { u.Active = false; return u, nil })
	if err != nil {
		t.Fatal(err)
	}
	pusher(t, db, "filters-other").user("bob", "x1", map[string]any{"title": "chief"})
	g := p.group("g", "", bob.ID)
	names := map[string]string{ann.ID: "ann", bob.ID: "bob", cyd.ID: "cyd"}
	for text, want := range map[string]string{
		`userName eq "ANN%_"`:    "ann",
		`userName eq "ann__"`:    "",
		`userName co "n%"`:       "ann",
		`userName co "%"`:        "ann",
		`userName sw "B"`:        "bob",
		`userName ew "D"`:        "cyd",
		`userName gt "b"`:        "bob cyd",
		`userName ne "bob"`:      "ann cyd",
		`userName pr`:            "ann bob cyd",
		`externalId eq "x1"`:     "bob",
		`externalId ne "x1"`:     "ann cyd",
		`externalId pr`:          "ann bob",
		`externalId co "1"`:      "ann bob",
		`id eq "` + cyd.ID + `"`: "cyd",
		`active eq false`:        "cyd",
		`not (active eq false)`:  "ann bob",
		`title eq "chief"`:       "bob",
		`title sw "Ch"`:          "ann",
		`title co "hie"`:         "ann bob",
		`displayName eq "ärger"`: "ann",
		`displayName sw "Är"`:    "ann",
		`displayName eq "` + strings.Repeat("long ", 100) + `END"`: "cyd",
		`displayName eq "` + strings.Repeat("long ", 100) + `"`:    "",
		`displayName ew "END"`:               "cyd",
		`displayName pr`:                     "ann cyd",
		`not (displayName pr)`:               "bob",
		`name pr`:                            "ann cyd",
		`name.familyName ge "z"`:             "ann cyd",
		`name.familyName lt "zz"`:            "cyd",
		`emails pr`:                          "ann bob",
		`emails.value eq "ann@acme.example"`: "ann",
		`emails[type eq "work"].value eq "bob@acme.example"`:       "",
		`emails[type eq "home"].value eq "BOB@acme.example"`:       "bob",
		`emails[type eq "work" and value co "@acme.example"]`:      "ann",
		`emails[not (type eq "work") and value ew "home.example"]`: "ann",
		`emails[primary eq true]`:                                  "",
		record.Enterprise + `:employeeNumber eq "007"`:             "ann",
		`groups.value eq "` + g.ID + `"`:                           "bob",
		`userName eq "bob" or title eq "Chief"`:                    "ann bob",
		`userName eq "bob" and title eq "Chief"`:                   "",
		`meta.lastModified gt "2026-01-01T00:00:00Z"`:              "ann bob cyd",
		`meta.lastModified lt "2026-01-01T00:00:00Z"`:              "",
		`userName eq "x' OR '1'='1"`:                               "",
	} {
		e, err := filter.Parse(text, people())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		page, err := p.Users(t.Context(), "filters", record.Query{Filter: e, Count: -1})
		var got []string
		for _, u := range page.Items {
			got = append(got, names[u.ID])
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want || page.Total != len(got) {
			t.Errorf("%s: %v (%d in all), want %s: %v", text, got, page.Total, want, err)
		}
	}
	costly := strings.Repeat(`title co "a" or `, 20) + `title co "b"`
	for text, want := range map[string]error{
		`meta.location eq "x"`: record.ErrFilter,
		costly:                 record.ErrCost,
	} {
		e, err := filter.Parse(text, people())
		if err == nil {
			_, err = p.Users(t.Context(), "filters", record.Query{Filter: e, Count: -1})
		}
		p.refused(text, err, want)
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

func guardHalts(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "guarded")
	p.policy.Guard = record.Guard{Share: 0.2, Minimum: 2, Window: time.Hour}
	var users []record.User
	for i := range 20 {
		users = append(users, p.user(fmt.Sprint("g", i), "", nil))
	}
	g := p.group("g", "", users[0].ID, users[19].ID, users[18].ID)
	off := func(u record.User) error {
		_, err := p.UpdateUser(t.Context(), p.op(), "guarded", u.ID, 0, func(u record.User) (record.User, error) { u.Active = false; return u, nil })
		return err
	}
	for i := range 4 { // a fifth of 20
		if err := off(users[i]); err != nil {
			t.Fatalf("leaver %d: %v", i, err)
		}
	}
	p.refused("the fifth", off(users[4]), record.ErrHalted)
	p.refused("the fifth by DELETE", p.DeleteUser(t.Context(), p.op(), "guarded", users[4].ID, 0), record.ErrHalted)
	if u, err := p.User(t.Context(), "guarded", users[4].ID); err != nil || !u.Active {
		t.Errorf("half of it is done: %+v, %v", u, err)
	}
	halted := p.op().Halted()
	if err := p.Halt(t.Context(), "guarded", halted.Time, []event.Event{halted}); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.CreateUser(t.Context(), p.op(), record.User{ID: identity.NewID(), UserName: "new", Active: true})
	p.refused("a user while it is halted", err, record.ErrHalted)
	p.refused("a member while it is halted", p.patch(g.ID, record.Members{Add: asMembers([]string{users[7].ID})}), record.ErrHalted)
	all, err := p.Halted(t.Context())
	if err != nil || len(all) != 1 || all[0].Connection != "guarded" || all[0].PeopleGone != 4 || all[0].People != 20 || all[0].By != halted.Data["operation"] {
		t.Errorf("halted: %+v, %v", all, err)
	}
	if some, n, err := p.Gone(t.Context(), "guarded", all[0].Began, 3); err != nil || n != 4 || len(some) != 3 || !strings.HasPrefix(some[0].UserName, "g") {
		t.Errorf("whom an undo brings back: %d, %+v, %v", n, some, err)
	}
	undo := p.op()
	undo.Policy = record.Policy{Touch: true}
	if n, err := p.Undo(t.Context(), undo, "guarded", all[0].Began, 100); err != nil || n != 4 {
		t.Errorf("brought back %d, %v", n, err)
	}
	if some, n, err := p.Gone(t.Context(), "guarded", all[0].Began, 3); err != nil || n != 0 || len(some) != 0 {
		t.Errorf("and when they are back: %d, %+v, %v", n, some, err)
	}
	person, err := db.Person(t.Context(), users[0].Person)
	if err != nil || person.Over("guarded", directory.SCIM) != nil || len(person.Groups) != 1 {
		t.Errorf("who is back: %+v, %v", person, err)
	}
	if err := p.Resume(t.Context(), "guarded", undo.Time.Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	p.refused("resuming again", p.Resume(t.Context(), "guarded", undo.Time, nil), record.ErrNotHalted)
	for i := range 10 {
		if err := off(users[i]); err != nil {
			t.Fatalf("after it was resumed, leaver %d: %v", i, err)
		}
	}
	other := pusher(t, db, "guarded-members")
	other.policy.Guard = record.Guard{Share: 0.5, Minimum: 1, Window: time.Hour}
	var in []string
	for i := range 10 {
		in = append(in, other.user(fmt.Sprint("m", i), "", nil).ID)
	}
	team := other.group("team", "", in...)
	other.refused("emptying a group", other.patch(team.ID, record.Members{Replace: true}), record.ErrHalted)
	other.same("of which nothing is done", other.members(team.ID), in...)
	if err := other.patch(team.ID, record.Members{Remove: asMembers(in[:5])}); err != nil {
		t.Errorf("control: half of it: %v", err)
	}
}

func protectedStay(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "protected")
	p.policy.Roles = []string{"protected-admins"}
	boss, child, plain := p.user("boss", "", nil), p.user("child", "", nil), p.user("plain", "", nil)
	inner := p.group("inner", "", boss.ID)
	outer := p.group("outer", "", inner.ID)
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "protected", ID: outer.ID}, Name: "protected-admins"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Protect(t.Context(), identity.Person(child.Person), true, now, nil); err != nil {
		t.Fatal(err)
	}
	for person, want := range map[string]bool{child.Person: true, boss.Person: false} {
		if is, err := p.Protected(t.Context(), identity.Person(person)); err != nil || is != want {
			t.Errorf("protected by name: %v, %v", is, err)
		}
	}
	off := func(u record.User) (record.User, error) { u.Active = false; return u, nil }
	for _, u := range []record.User{boss, child} {
		_, err := p.UpdateUser(t.Context(), p.op(), "protected", u.ID, 0, off)
		p.refused("switching off "+u.UserName, err, record.ErrProtected)
		p.refused("deleting "+u.UserName, p.DeleteUser(t.Context(), p.op(), "protected", u.ID, 0), record.ErrProtected)
	}
	for _, g := range []record.Group{inner, outer} {
		p.refused("a member of "+g.DisplayName, p.patch(g.ID, record.Members{Add: asMembers([]string{plain.ID})}), record.ErrProtected)
		p.refused("deleting "+g.DisplayName, p.DeleteGroup(t.Context(), p.op(), "protected", g.ID, 0), record.ErrProtected)
	}
	if _, err := p.UpdateUser(t.Context(), p.op(), "protected", plain.ID, 0, off); err != nil {
		t.Errorf("control: %v", err)
	}
	p.policy.Touch = true
	if _, err := p.UpdateUser(t.Context(), p.op(), "protected", boss.ID, 0, off); err != nil {
		t.Errorf("control: a connection that may: %v", err)
	}
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
