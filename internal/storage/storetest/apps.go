package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// listed is an app as tests of lists make it.
func listed(name, title, team, client string, disabled bool, at time.Time, groups ...string) catalog.App {
	a := catalog.App{ID: "id-" + name, Name: name, Disabled: disabled, Created: at, Updated: at.Add(time.Duration(len(name)) * time.Hour)}
	a.Manifest.Metadata.Name, a.Manifest.Metadata.Title, a.Manifest.Metadata.Description = name, title, "Über 100% von "+title
	a.Manifest.Spec.Owner = catalog.Owner{Team: team, Primary: "Ada@" + team + ".example"}
	a.Manifest.Spec.Entitlements = []catalog.Entitlement{{Name: "user", Groups: groups}}
	if client != "" {
		a.Manifest.Spec.Identity = catalog.Identity{Protocol: "oidc", OIDC: &catalog.OIDC{ClientID: client, TokenEndpointAuthMethod: "none", GrantTypes: []string{"authorization_code"}}}
	}
	return a
}

func putApp(t *testing.T, db *storage.DB, a catalog.App) {
	t.Helper()
	if _, err := db.ApplyApp(t.Context(), a.Name, func(*catalog.App) (catalog.App, []event.Event, error) { return a, nil, nil }); err != nil {
		t.Fatal(err)
	}
}

// appsByID reads the stamps of apps, and some of the apps.
func appsByID(t *testing.T, db *storage.DB) {
	stamps := func() (of map[string]int64, order string, generation int64) {
		t.Helper()
		all, generation, err := db.Stamps(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		of = map[string]int64{}
		for _, s := range all {
			if of[s.ID] = s.Version; strings.HasPrefix(s.ID, "id-stamped-") {
				order += strings.TrimPrefix(s.ID, "id-stamped-")
			}
		}
		return of, order, generation
	}
	for _, name := range []string{"stamped-b", "stamped-a", "stamped-c"} {
		putApp(t, db, listed(name, name, "team", "client-"+name, false, now))
	}
	before, order, generation := stamps()
	if order != "abc" {
		t.Errorf("in the order %s", order)
	}
	putApp(t, db, listed("stamped-b", "New", "team", "client-stamped-b", true, now))
	if err := db.RemoveApp(t.Context(), "stamped-c", func(catalog.App) []event.Event { return nil }); err != nil {
		t.Fatal(err)
	}
	after, order, next := stamps()
	if order != "ab" || after["id-stamped-a"] != before["id-stamped-a"] || after["id-stamped-b"] != before["id-stamped-b"]+1 || next != generation+2 {
		t.Errorf("%s, of a %d then %d, of b %d then %d, generation %d then %d", order,
			before["id-stamped-a"], after["id-stamped-a"], before["id-stamped-b"], after["id-stamped-b"], generation, next)
	}
	read := map[string]catalog.App{}
	ids := []string{"id-stamped-c", "id-stamped-b"}
	for i := range 700 { // more than one statement reads
		ids = append(ids, fmt.Sprint("id-nobodys-", i))
	}
	if err := db.AppsByID(t.Context(), append(ids, "id-stamped-a"), func(a catalog.App) { read[a.Name] = a }); err != nil {
		t.Fatal(err)
	}
	a, b := read["stamped-a"], read["stamped-b"]
	if len(read) != 2 || a.Disabled || !b.Disabled || b.Title() != "New" || b.Stamp() != (catalog.Stamp{ID: "id-stamped-b", Version: after["id-stamped-b"]}) {
		t.Errorf("read %+v", read)
	}
	for _, name := range []string{"stamped-a", "stamped-b"} {
		if err := db.RemoveApp(t.Context(), name, func(catalog.App) []event.Event { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// appsFound finds apps by everything at once, in every order and by pages.
func appsFound(t *testing.T, db *storage.DB) {
	before, err := db.CountApps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	putApp(t, db, listed("found-b", "Arger 50%_Off", "found-sales", "client-found-b", false, now, "Found-All", "found-few"))
	putApp(t, db, listed("found-a", "armel", "found-hr", "client-found-a", true, now.Add(time.Hour), "found-all"))
	putApp(t, db, listed("found-c", "Zettel", "found-sales", "client-found-c", false, now.Add(2*time.Hour))) // names no group
	allFound(t, db)
	after, err := db.CountApps(t.Context())
	if err != nil || after[catalog.Off] != before[catalog.Off]+1 || after[catalog.On]+after[catalog.Incomplete] != before[catalog.On]+before[catalog.Incomplete]+2 {
		t.Errorf("%v, before %v, %v", after, before, err)
	}
	for _, name := range []string{"found-a", "found-b", "found-c"} {
		if err := db.RemoveApp(t.Context(), name, func(catalog.App) []event.Event { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if left, _, err := db.SearchApps(t.Context(), catalog.Query{Text: "found-"}); err != nil || len(left) != 0 {
		t.Errorf("removed apps are listed: %+v, %v", left, err)
	}
}

func allFound(t *testing.T, db *storage.DB) {
	t.Helper()
	yes, no := true, false
	for _, c := range []struct {
		q    catalog.Query
		want string
	}{
		{catalog.Query{}, "abc"},
		{catalog.Query{Sort: "-name"}, "cba"},
		{catalog.Query{Sort: catalog.ByTitle}, "bac"}, // in any case of letters
		{catalog.Query{Sort: "-title"}, "cab"},
		{catalog.Query{Sort: catalog.ByTeam}, "abc"},
		{catalog.Query{Sort: "-team"}, "cba"},
		{catalog.Query{Sort: catalog.ByCreated}, "bac"},
		{catalog.Query{Sort: "-created"}, "cab"},
		{catalog.Query{Sort: catalog.ByUpdated}, "bac"},
		{catalog.Query{Sort: catalog.ByState, Disabled: &no, Group: "found"}, "b"},
		{catalog.Query{Text: "ARGER"}, "b"},
		{catalog.Query{Text: "50%_"}, "b"},
		{catalog.Query{Text: "50_%"}, ""},
		{catalog.Query{Text: "client-FOUND üBER"}, "abc"},
		{catalog.Query{Text: "zettel client-found-a"}, ""},
		{catalog.Query{Team: "found-sales"}, "bc"},
		{catalog.Query{Team: "Found-sales"}, ""},
		{catalog.Query{Owner: "ada@FOUND-H"}, "a"},
		{catalog.Query{Group: "found-ALL"}, "ab"},
		{catalog.Query{Group: "all found"}, ""}, // one group, not two that follow each other
		{catalog.Query{State: catalog.Off}, "a"},
		{catalog.Query{State: catalog.Incomplete}, "c"},
		{catalog.Query{Disabled: &yes}, "a"},
		{catalog.Query{Disabled: &no}, "bc"},
	} {
		if c.q.Text == "" {
			c.q.Text = "found-"
		}
		for _, limit := range []int{1, 2, 100} {
			c.q.Limit = limit
			got := pages(t, func(after string) ([]catalog.App, string, error) {
				c.q.After = after
				return db.SearchApps(t.Context(), c.q)
			}, func(a catalog.App) string { return a.Name[len(a.Name)-1:] }, nil)
			if strings.Join(got, "") != c.want {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
	for q, want := range map[catalog.Query]error{{After: "x"}: catalog.ErrCursor, {Sort: "size"}: catalog.ErrSort, {Sort: "--name"}: catalog.ErrSort} {
		if _, _, err := db.SearchApps(t.Context(), q); !errors.Is(err, want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	_, next, err := db.SearchApps(t.Context(), catalog.Query{Limit: 1, Sort: catalog.ByTeam})
	if err != nil || next == "" {
		t.Fatalf("%q %v", next, err)
	}
	if _, _, err := db.SearchApps(t.Context(), catalog.Query{After: next, Sort: catalog.ByTitle}); !errors.Is(err, catalog.ErrCursor) {
		t.Errorf("a cursor of another order: %v", err)
	}
}

// appsFreed gives a client_id and an audience up: what others said of them meant the app
// that had them.
func appsFreed(t *testing.T, db *storage.DB) {
	trusting := listed("freed-trusting", "Trusting", "team", "client-freed-trusting", false, now)
	trusting.Manifest.Spec.Identity.OIDC.MayAct = []string{"client-freed-first", "client-freed-other"}
	waiting := listed("freed-waiting", "Waiting", "team", "client-freed-waiting", false, now)
	waiting.Manifest.Spec.Identity.TokenExchange = []catalog.Exchange{{Audience: "freed-api", Scopes: []string{"read"}, Mode: catalog.ModeDelegation}}
	waiting.Agreements = catalog.Agreements{{Right: catalog.Right{Audience: "freed-api", Scope: "read", Mode: catalog.ByDelegation}, By: "operator:local"}}
	first := listed("freed-first", "First", "team", "client-freed-first", false, now)
	first.Manifest.Spec.Identity.Resource = &catalog.Resource{Audience: "freed-api", Scopes: []string{"read"}}
	for _, a := range []catalog.App{trusting, waiting, first} {
		putApp(t, db, a)
	}
	named := map[string][]string{"freed-a": {"client-freed-first", "client-freed-other"}, "freed-b": {"client-freed-first"}}
	name := func() {
		t.Helper()
		if err := db.NameClients(t.Context(), named); err != nil {
			t.Fatal(err)
		}
	}
	says := func(when, connection, meant, lapsed, api string) {
		t.Helper()
		of, err := db.LapsedClient(t.Context(), connection, "client-freed-first")
		if err != nil || of != meant {
			t.Errorf("%s: %s means %q, %v", when, connection, of, err)
		}
		a, err := db.App(t.Context(), "freed-trusting")
		if err != nil || a.Lapsed["client-freed-first"] != lapsed || a.Lapsed["client-freed-other"] != "" {
			t.Errorf("%s: lapsed %v, %v", when, a.Lapsed, err)
		}
		b, err := db.App(t.Context(), "freed-waiting")
		if err != nil || len(b.Agreements) != 1 || b.Agreements[0].API != api {
			t.Errorf("%s: agreed %+v, %v", when, b.Agreements, err)
		}
	}
	store := func(keep bool, r connection.Record) {
		t.Helper()
		err := db.ChangeConnections(t.Context(), func([]connection.Record) (connection.Change, error) {
			return connection.Change{Record: r, Keep: keep}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stored := connection.Record{Connection: connection.Connection{Settings: connection.Settings{
		ID: "freed-c", Exchange: &connection.Exchange{Clients: map[string][]string{"client-freed-first": {"*"}}},
	}}}
	name()
	store(true, connection.Record{Connection: connection.Connection{Settings: connection.Settings{ID: "freed-a"}}, Removed: now})
	store(false, stored)
	says("control: named", "freed-a", "", "", "")
	kept := first
	kept.Manifest.Metadata.Title = "Still first"
	putApp(t, db, kept)
	says("control: another release", "freed-a", "", "", "")
	_, before, err := db.Apps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveApp(t.Context(), "freed-first", func(catalog.App) []event.Event { return nil }); err != nil {
		t.Fatal(err)
	}
	says("removed", "freed-a", "id-freed-first", "id-freed-first", "id-freed-first")
	says("removed", "freed-c", "id-freed-first", "id-freed-first", "id-freed-first")
	if a, generation, err := db.Apps(t.Context()); err != nil || generation == before || len(a) == 0 {
		t.Errorf("whoever derives from apps does not hear of it: %d, %d, %v", before, generation, err)
	}
	heir := listed("freed-heir", "Heir", "team", "client-freed-first", false, now)
	heir.Manifest.Spec.Identity.Resource = &catalog.Resource{Audience: "freed-api", Scopes: []string{"read"}}
	putApp(t, db, heir)
	name()
	says("another has it, and a start", "freed-b", "id-freed-first", "id-freed-first", "id-freed-first")
	heir.Manifest.Spec.Identity.OIDC.ClientID, heir.Manifest.Spec.Identity.Resource = "client-freed-heir", nil
	putApp(t, db, heir)
	says("the other gives it up, too", "freed-a", "id-freed-first", "id-freed-first", "id-freed-first")
	delete(named, "freed-a")
	named["freed-b"] = nil
	name()
	named["freed-b"] = []string{"client-freed-first"}
	name()
	says("named anew", "freed-b", "", "id-freed-first", "id-freed-first")
	stored.Settings.Title = "Renamed"
	store(false, stored)
	says("another name of its own", "freed-c", "id-freed-first", "id-freed-first", "id-freed-first")
	stored.Removed = now
	store(false, stored)
	says("a connection that is gone", "freed-c", "", "id-freed-first", "id-freed-first")
	for _, name := range []string{"freed-trusting", "freed-waiting", "freed-heir"} {
		if err := db.RemoveApp(t.Context(), name, func(catalog.App) []event.Event { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}
