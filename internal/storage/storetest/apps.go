package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
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
