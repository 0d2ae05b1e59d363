package porting_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/dex"
	"github.com/gatehouse-io/gatehouse/internal/porting/keycloak"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// directories are the engines that a directory is kept in.
func directories(t *testing.T, do func(t *testing.T, open func(*testing.T) *world)) {
	t.Helper()
	for name, options := range map[string]func(*testing.T) storage.Options{
		"sqlite": func(t *testing.T) storage.Options { return storage.Options{Driver: storage.SQLite, Dir: t.TempDir()} },
		"postgres": func(t *testing.T) storage.Options {
			return storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}
		},
	} {
		t.Run(name, func(t *testing.T) { do(t, func(t *testing.T) *world { return open(t, options(t)) }) })
	}
}

// world is a directory with what imports into it: connections acme, partner (which proved
// partner.example), and jit, which takes no SCIM.
type world struct {
	*porting.Service

	db      *storage.DB
	people  *directory.Service
	records *record.Service
	assign  *entitlement.Service
	now     atomic.Int64
	// touch are connections that may change who is protected.
	touch map[string]bool
}

// adminsGroup is the name of the group that makes admins.
const adminsGroup = "admins"

var (
	began = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	by    = identity.Actor{Ref: identity.Person("importer")}
)

func (w *world) clock() time.Time { return began.Add(time.Duration(w.now.Load())) }

func open(t *testing.T, o storage.Options) *world {
	t.Helper()
	w := &world{touch: map[string]bool{}}
	o.Now, o.Log = w.clock, slog.New(slog.DiscardHandler)
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	apps := catalog.NewService(catalog.Options{Store: db, Issuer: "https://login.example", Now: w.clock})
	m, err := catalog.ParseManifest("microapp.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := apps.Apply(t.Context(), m, by); err != nil {
		t.Fatal(err)
	}
	w.db, w.people = db, directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Now: w.clock})
	w.assign = entitlement.NewService(entitlement.Options{Store: db, Apps: apps, Now: w.clock, Changed: func() {}})
	c := &connections{touch: w.touch}
	w.records = record.NewService(record.Options{Store: db.Records(), Policy: c.Policy, Now: w.clock, Log: o.Log})
	imports := db.Imports()
	w.Service = porting.NewService(porting.Config{
		Issuer: "https://login.example", Store: imports, People: imports, Records: w.records, Found: imports, Directory: imports, Groups: w.people,
		Assignments: w.assign, Connections: c, Roles: func() []string { return []string{adminsGroup} }, Now: w.clock,
		Parsers: map[porting.Format]func(io.Reader, porting.Options) porting.Source{
			porting.Keycloak: func(in io.Reader, o porting.Options) porting.Source { return keycloak.New(in, o) },
			porting.Dex:      func(in io.Reader, o porting.Options) porting.Source { return dex.New(in, o) },
		},
	})
	return w
}

const manifest = `{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: expense-bot, title: Expense Bot, description: The sample app.},
spec: {owner: {team: team-a, primary: a@acme.example}, entitlements: [{name: user, description: Use, groups: [everybody]}, {name: approver, description: Approve, groups: [finance]}],
identity: {protocol: oidc, oidc: {clientId: expense-bot, redirectUris: ["https://expense.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}}}}`

// connections are those of a world.
type connections struct{ touch map[string]bool }

func (*connections) Known(_ context.Context, id string) (bool, error) {
	return slices.Contains([]string{"acme", "partner", "jit"}, id), nil
}

func (*connections) Domains(_ context.Context, id string) ([]string, error) {
	if id == "partner" {
		return []string{"partner.example"}, nil
	}
	return nil, nil
}

func (c *connections) Policy(_ context.Context, id string) (record.Policy, error) {
	if id == "jit" {
		return record.Policy{}, record.ErrNoSCIM
	}
	return record.Policy{Touch: c.touch[id], Roles: []string{adminsGroup}, Admins: []string{adminsGroup}, Guard: record.Guard{Share: 0.5, Minimum: 2, Window: time.Hour}}, nil
}

func (*connections) ReadUser(_ context.Context, u record.User) (record.User, error) {
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		return u, err
	}
	return p.ReadUser(u)
}

func (*connections) ReadGroup(_ context.Context, g record.Group) (record.Group, error) {
	p, err := scim.NewProfile(scim.DefaultLimits())
	if err != nil {
		return g, err
	}
	return p.ReadGroup(g)
}

// file is a file of lines between the first and the last.
func file(lines ...string) string {
	all := append([]string{`{"kind":"directory","version":1}`}, lines...)
	return strings.Join(append(all, `{"kind":"end","lines":`+strconv.Itoa(len(all))+`}`), "\n") + "\n"
}

// receive reads a file to where it is checked.
func (w *world) receive(t *testing.T, n porting.New, text string) porting.Import {
	t.Helper()
	n.By = by
	if n.Format == "" {
		n.Format = porting.Gatehouse
	}
	i, err := w.Receive(t.Context(), n, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return w.until(t, i)
}

// until has Run go on with an import while there is something to do.
func (w *world) until(t *testing.T, i porting.Import) porting.Import {
	t.Helper()
	for range 1000 {
		if i.State != porting.Checking && i.State != porting.Applying {
			return i
		}
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		if i, err = w.Get(t.Context(), i.ID); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("it does not end: %+v", i)
	return i
}

// take imports a file of which no line is refused.
func (w *world) take(t *testing.T, n porting.New, text string) porting.Import {
	t.Helper()
	i := w.receive(t, n, text)
	if i.State != porting.Checked || len(w.faults(t, i)) > 0 {
		t.Fatalf("%+v %+v %v", i, i.Fault, w.faults(t, i))
	}
	return w.apply(t, i, false)
}

func (w *world) apply(t *testing.T, i porting.Import, skip bool) porting.Import {
	t.Helper()
	i, err := w.Apply(t.Context(), i.ID, porting.Order{SkipRefused: skip, By: by})
	if err != nil {
		t.Fatal(err)
	}
	return w.until(t, i)
}

// faults are the refused lines: "3 /id code".
func (w *world) faults(t *testing.T, i porting.Import) []string {
	t.Helper()
	all, _, err := w.Faults(t.Context(), i.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range all {
		lines = append(lines, strconv.Itoa(f.Line)+" "+f.Pointer+" "+f.Code)
	}
	return lines
}

// export is the directory as a file.
func (w *world) export(t *testing.T, connection string) string {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(w.Exporting(t.Context(), connection, by), w.Write(t.Context(), connection, &b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// signIn has somebody sign in.
func (w *world) signIn(t *testing.T, connection, subject string, groups ...string) directory.Person {
	t.Helper()
	p, err := w.people.SignIn(t.Context(), directory.Arrival{
		Authentication: identity.Authentication{Connection: connection, Subject: subject}, Profile: directory.Profile{Name: "Signed " + subject, Email: subject + "@acme.example"}, Groups: groups,
	}, by)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// owner is who has a subject, without an id for nobody.
func (w *world) owner(t *testing.T, connection, subject string) directory.Person {
	t.Helper()
	p, err := w.db.PersonByIdentity(t.Context(), connection, subject)
	if err != nil {
		return directory.Person{}
	}
	return p
}

// counted is what became of each kind: "person 1+2~3=4!".
func counted(i porting.Import) map[porting.Kind][4]int {
	all := map[porting.Kind][4]int{}
	for _, c := range i.Counts {
		all[c.Kind] = [4]int{c.Created, c.Changed, c.Unchanged, c.Refused}
	}
	return all
}

func counts(t *testing.T, i porting.Import, want map[porting.Kind][4]int) {
	t.Helper()
	if got := counted(i); !maps.Equal(got, want) {
		t.Errorf("created, changed, unchanged, refused: %v, want %v", got, want)
	}
}

// told are the types of events that tell of somebody or something.
func (w *world) told(t *testing.T, of identity.Ref) []string {
	t.Helper()
	entries, _, err := w.db.Page(t.Context(), audit.Query{Subject: of.String()})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range entries {
		types = append(types, e.Type)
	}
	slices.Sort(types)
	return types
}

func sqlite(t *testing.T) storage.Options {
	t.Helper()
	return storage.Options{Driver: storage.SQLite, Dir: t.TempDir()}
}
