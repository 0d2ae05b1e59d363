package storetest

import (
	"errors"
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
