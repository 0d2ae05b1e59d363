package storetest

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// freed is a client_id and an audience that others speak of: two apps, two connections
// that are configured, freed-a and freed-b, and one that is stored, freed-c.
type freed struct {
	t  *testing.T
	db *storage.DB
	// named are the clients that the configured connections name.
	named  map[string][]string
	stored connection.Record
}

// appsFreed gives a client_id and an audience up: what others said of them meant the app
// that had them.
func appsFreed(t *testing.T, db *storage.DB) {
	f := freed{t: t, db: db, named: map[string][]string{"freed-a": {"client-freed-first", "client-freed-other"}, "freed-b": {"client-freed-first"}}}
	first := f.spokenOf()
	f.says("control: named", "freed-a", "", "")
	first.Manifest.Metadata.Title = "Still first"
	putApp(t, db, first)
	f.says("control: another release", "freed-a", "", "")
	before := f.generation()
	f.remove("freed-first")
	const gone = "id-freed-first"
	f.says("removed", "freed-a", gone, gone)
	f.says("removed", "freed-c", gone, gone)
	if after := f.generation(); after == before {
		t.Errorf("whoever derives from apps does not hear of it: %d", after)
	}
	heir := listed("freed-heir", "Heir", "team", "client-freed-first", false, now)
	heir.Manifest.Spec.Identity.Resource = &catalog.Resource{Audience: "freed-api", Scopes: []string{"read"}}
	putApp(t, db, heir)
	f.name()
	f.says("another has it, and a start", "freed-b", gone, gone)
	heir.Manifest.Spec.Identity.OIDC.ClientID, heir.Manifest.Spec.Identity.Resource = "client-freed-heir", nil
	putApp(t, db, heir)
	f.says("the other gives it up, too", "freed-a", gone, gone)
	f.connectionsMoveOn(gone)
	for _, name := range []string{"freed-trusting", "freed-waiting", "freed-heir"} {
		f.remove(name)
	}
}

// spokenOf makes the app that has the two, and whoever speaks of them.
func (f *freed) spokenOf() catalog.App {
	f.t.Helper()
	trusting := listed("freed-trusting", "Trusting", "team", "client-freed-trusting", false, now)
	trusting.Manifest.Spec.Identity.OIDC.MayAct = []string{"client-freed-first", "client-freed-other"}
	waiting := listed("freed-waiting", "Waiting", "team", "client-freed-waiting", false, now)
	waiting.Manifest.Spec.Identity.TokenExchange = []catalog.Exchange{{Audience: "freed-api", Scopes: []string{"read"}, Mode: catalog.ModeDelegation}}
	waiting.Agreements = catalog.Agreements{{Right: catalog.Right{Audience: "freed-api", Scope: "read", Mode: catalog.ByDelegation}, By: "operator:local"}}
	first := listed("freed-first", "First", "team", "client-freed-first", false, now)
	first.Manifest.Spec.Identity.Resource = &catalog.Resource{Audience: "freed-api", Scopes: []string{"read"}}
	for _, a := range []catalog.App{trusting, waiting, first} {
		putApp(f.t, f.db, a)
	}
	f.name()
	f.store(connection.Change{Record: connection.Record{Connection: connection.Connection{Settings: connection.Settings{ID: "freed-a"}}, Removed: now}, Keep: true})
	f.stored = connection.Record{Connection: connection.Connection{Settings: connection.Settings{
		ID: "freed-c", Exchange: &connection.Exchange{Clients: map[string][]string{"client-freed-first": {"*"}}},
	}}}
	f.store(connection.Change{Record: f.stored})
	return first
}

// connectionsMoveOn names the client anew where it was named, renames the connection that
// names it, and removes that; gone is the app that had it.
func (f *freed) connectionsMoveOn(gone string) {
	f.t.Helper()
	delete(f.named, "freed-a")
	f.named["freed-b"] = nil
	f.name()
	f.named["freed-b"] = []string{"client-freed-first"}
	f.name()
	f.says("named anew", "freed-b", "", gone)
	f.stored.Settings.Title = "Renamed"
	f.store(connection.Change{Record: f.stored})
	f.says("another name of its own", "freed-c", gone, gone)
	f.stored.Removed = now
	f.store(connection.Change{Record: f.stored})
	f.says("a connection that is gone", "freed-c", "", gone)
}

// name tells which clients the configured connections name, as a start does.
func (f *freed) name() {
	f.t.Helper()
	if err := f.db.NameClients(f.t.Context(), f.named); err != nil {
		f.t.Fatal(err)
	}
}

func (f *freed) store(c connection.Change) {
	f.t.Helper()
	err := f.db.ChangeConnections(f.t.Context(), func([]connection.Record) (connection.Change, error) { return c, nil })
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *freed) remove(app string) {
	f.t.Helper()
	if err := f.db.RemoveApp(f.t.Context(), app, func(catalog.App) []event.Event { return nil }); err != nil {
		f.t.Fatal(err)
	}
}

func (f *freed) generation() int64 {
	f.t.Helper()
	stamps, generation, err := f.db.Stamps(f.t.Context())
	if err != nil || len(stamps) == 0 {
		f.t.Fatal(len(stamps), err)
	}
	return generation
}

// says checks which app the connection means by the client, "" for whoever has it, and
// which app the other two mean by it and by the audience.
func (f *freed) says(when, connection, byConnection, byApps string) {
	f.t.Helper()
	of, err := f.db.LapsedClient(f.t.Context(), connection, "client-freed-first")
	if err != nil || of != byConnection {
		f.t.Errorf("%s: %s means %q, %v", when, connection, of, err)
	}
	a, err := f.db.App(f.t.Context(), "freed-trusting")
	if err != nil || a.Lapsed["client-freed-first"] != byApps || a.Lapsed["client-freed-other"] != "" {
		f.t.Errorf("%s: lapsed %v, %v", when, a.Lapsed, err)
	}
	b, err := f.db.App(f.t.Context(), "freed-waiting")
	if err != nil || len(b.Agreements) != 1 || b.Agreements[0].API != byApps {
		f.t.Errorf("%s: agreed %+v, %v", when, b.Agreements, err)
	}
}
