package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// memory is a catalog.Store for tests of the rules; real stores have their own
// suite.
type memory struct {
	mu      sync.Mutex
	apps    map[string]catalog.App
	events  []event.Event
	changes int64 // of any app
}

// SearchApps and CountApps are for the stores' own suite.
func (s *memory) SearchApps(context.Context, catalog.Query) ([]catalog.App, string, error) {
	return nil, "", nil
}

func (s *memory) CountApps(context.Context) (map[catalog.State]int64, error) { return nil, nil }

func (s *memory) App(_ context.Context, name string) (catalog.App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.apps[name]
	if !ok {
		return catalog.App{}, catalog.ErrAppNotFound
	}
	return a, nil
}

func (s *memory) Apps(context.Context) ([]catalog.App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []catalog.App
	for _, name := range slices.Sorted(maps.Keys(s.apps)) {
		all = append(all, s.apps[name])
	}
	return all, nil
}

func (s *memory) ApplyApp(_ context.Context, name string, change func(*catalog.App) (catalog.App, []event.Event, error)) (catalog.App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var current *catalog.App
	if a, ok := s.apps[name]; ok {
		current = &a
	}
	next, events, err := change(current)
	if err != nil {
		return catalog.App{}, fmt.Errorf("transaction: %w", err)
	}
	for _, other := range s.apps {
		o, n := other.Manifest.Spec.Identity.OIDC, next.Manifest.Spec.Identity.OIDC
		if other.Name != name && o != nil && n != nil && o.ClientID == n.ClientID {
			return catalog.App{}, catalog.ErrClientIDTaken
		}
	}
	next.Version++
	s.apps[name] = next
	s.events = append(s.events, events...)
	s.changes++
	return next, nil
}

func (s *memory) RemoveApp(_ context.Context, name string, events func(catalog.App) []event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.apps[name]
	if !ok {
		return catalog.ErrAppNotFound
	}
	delete(s.apps, name)
	s.events = append(s.events, events(a)...)
	s.changes++
	return nil
}

// told returns the events since the last call as "type revoked revoked".
func (s *memory) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, e := range s.events {
		line := e.Type
		for _, r := range e.Revokes {
			line += " " + string(r.Kind)
			if r.Kind == identity.KindClient {
				line += ":" + r.ID
			}
		}
		lines = append(lines, line)
	}
	s.events = nil
	return lines
}

var operator = identity.Actor{Ref: identity.Ref{Kind: identity.KindOperator, ID: "tester"}}

func service(t testing.TB) (*catalog.Service, *memory) {
	t.Helper()
	store := &memory{apps: map[string]catalog.App{}}
	now := time.Date(2026, 11, 24, 9, 0, 0, 123456789, time.UTC)
	return catalog.NewService(catalog.Options{Store: store, Issuer: "https://login.example", Now: func() time.Time { now = now.Add(time.Second); return now }}), store
}

// text is a complete manifest with a client of the given id and method.
func text(name, client, method string) string {
	return fmt.Sprintf(`{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: %[1]s, title: App %[1]s, description: The sample app %[1]s.},
spec: {owner: {team: team-a, primary: a@acme.example}, entitlements: [{name: user, description: Use, groups: [everybody]}],
identity: {protocol: oidc, oidc: {clientId: %[2]s, redirectUris: ["https://%[1]s.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: %[3]s, scopes: [{name: openid}]}}}}`,
		name, client, method)
}

func manifest(t testing.TB, text string) catalog.Manifest {
	t.Helper()
	m, err := catalog.ParseManifest("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantEvents(t *testing.T, store *memory, want ...string) {
	t.Helper()
	if got := store.told(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestApplyingTheSameManifestAgainChangesNothing(t *testing.T) {
	s, store := service(t)
	m := manifest(t, text("alpha", "alpha", "client_secret_basic"))
	first, secret, err := s.Apply(t.Context(), m, operator)
	if err != nil || secret == "" {
		t.Fatal(secret, err)
	}
	wantEvents(t, store, "app.applied", "client.secret_created")
	again, none, err := s.Apply(t.Context(), m, operator)
	if err != nil || none != "" || again.Version != first.Version || again.ID != first.ID || !again.Updated.Equal(first.Updated) {
		t.Errorf("%+v %q %v", again, none, err)
	}
	wantEvents(t, store)
}

func TestASecretIsShownOnceAndKeptAsAHash(t *testing.T) {
	s, store := service(t)
	app, secret, err := s.Apply(t.Context(), manifest(t, text("alpha", "alpha", "client_secret_post")), operator)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(secret))
	if len(secret) != 43 || len(app.Secrets) != 1 || !bytes.Equal(app.Secrets[0].Hash, hash[:]) {
		t.Errorf("secret of %d characters, kept %+v", len(secret), app.Secrets)
	}
	if said := fmt.Sprintf("%+v", store.events); strings.Contains(said, secret) {
		t.Error("an event holds the secret")
	}
}

func TestRotatingKeepsTheSecretBeforeAndNoOlderOne(t *testing.T) {
	s, store := service(t)
	_, first, err := s.Apply(t.Context(), manifest(t, text("alpha", "alpha", "client_secret_basic")), operator)
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := s.RotateSecret(t.Context(), "alpha", operator)
	if err != nil {
		t.Fatal(err)
	}
	app, third, err := s.RotateSecret(t.Context(), "alpha", operator)
	if err != nil {
		t.Fatal(err)
	}
	for secret, live := range map[string]bool{first: false, second: true, third: true} {
		hash := sha256.Sum256([]byte(secret))
		if slices.ContainsFunc(app.Secrets, func(s catalog.Secret) bool { return bytes.Equal(s.Hash, hash[:]) }) != live {
			t.Errorf("a secret is live: %v, want %v", !live, live)
		}
	}
	wantEvents(t, store, "app.applied", "client.secret_created", "client.secret_created", "client.secret_created")
	if _, _, err := s.Apply(t.Context(), manifest(t, text("open", "open", "none")), operator); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.RotateSecret(t.Context(), "open", operator); !errors.Is(err, catalog.ErrNoSecret) {
		t.Errorf("a public client: %v", err)
	}
	if _, _, err := s.RotateSecret(t.Context(), "nobody", operator); !errors.Is(err, catalog.ErrAppNotFound) {
		t.Errorf("no app: %v", err)
	}
}

func TestAClientThatNoLongerUsesSecretsLosesThem(t *testing.T) {
	s, _ := service(t)
	_, first, err := s.Apply(t.Context(), manifest(t, text("alpha", "alpha", "client_secret_basic")), operator)
	if err != nil {
		t.Fatal(err)
	}
	app, secret, err := s.Apply(t.Context(), manifest(t, text("alpha", "alpha", "none")), operator)
	if err != nil || secret != "" || len(app.Secrets) != 0 {
		t.Errorf("%+v %q %v", app.Secrets, secret, err)
	}
	if _, again, err := s.Apply(t.Context(), manifest(t, text("alpha", "alpha", "client_secret_post")), operator); err != nil || again == "" || again == first {
		t.Errorf("back to secrets: %q %v", again, err)
	}
}

func TestAGivenUpClientIDIsRevoked(t *testing.T) {
	s, store := service(t)
	for _, client := range []string{"old", "new"} {
		if _, _, err := s.Apply(t.Context(), manifest(t, text("alpha", client, "none")), operator); err != nil {
			t.Fatal(err)
		}
	}
	wantEvents(t, store, "app.applied", "app.applied client:old")
	without := strings.NewReplacer(`protocol: oidc, oidc: {`, `protocol: none, resource: {audience: a}}}} # {`).Replace(strings.ReplaceAll(text("alpha", "new", "none"), "\n", " "))
	if _, _, err := s.Apply(t.Context(), manifest(t, without), operator); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, store, "app.applied client:new")
}

func TestDisablingRemovingAndAddingAnewRevokeAndInheritNothing(t *testing.T) {
	s, store := service(t)
	m := manifest(t, text("alpha", "alpha", "none"))
	first, _, err := s.Apply(t.Context(), m, operator)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a, err := s.Disable(t.Context(), "alpha", operator); err != nil || !a.Disabled {
			t.Fatal(a, err)
		}
	}
	if a, _, err := s.Apply(t.Context(), manifest(t, strings.ReplaceAll(text("alpha", "alpha", "none"), "The sample", "The better")), operator); err != nil || !a.Disabled {
		t.Errorf("a new manifest lets people in again: %v", err)
	}
	for range 2 {
		if a, err := s.Enable(t.Context(), "alpha", operator); err != nil || a.Disabled {
			t.Fatal(a, err)
		}
	}
	if err := s.Remove(t.Context(), "alpha", operator); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "alpha", operator); !errors.Is(err, catalog.ErrAppNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	second, _, err := s.Apply(t.Context(), m, operator)
	if err != nil || second.ID == first.ID {
		t.Errorf("the new app has the old id: %v", err)
	}
	wantEvents(t, store, "app.applied", "app.disabled app client:alpha", "app.applied", "app.enabled", "app.removed app client:alpha", "app.applied")
	for _, change := range []func() error{
		func() error { _, err := s.Disable(t.Context(), "nobody", operator); return err },
		func() error { _, err := s.Enable(t.Context(), "nobody", operator); return err },
	} {
		if err := change(); !errors.Is(err, catalog.ErrAppNotFound) {
			t.Errorf("no app: %v", err)
		}
	}
}

func TestNamesThatCouldBeMistakenAreRefused(t *testing.T) {
	s, store := service(t)
	api := func(name, client, audience string) catalog.Manifest {
		m := manifest(t, text(name, client, "none"))
		m.Spec.Identity.Resource = &catalog.Resource{Audience: audience}
		return m
	}
	if _, _, err := s.Apply(t.Context(), api("alpha", "alpha-client", "alpha-api"), operator); err != nil {
		t.Fatal(err)
	}
	store.told()
	for name, c := range map[string]struct {
		m    catalog.Manifest
		want error
	}{
		"same client":                {api("beta", "alpha-client", "beta"), catalog.ErrClientIDTaken},
		"client is an audience":      {api("beta", "alpha-api", "beta"), catalog.ErrClientIDTaken},
		"same audience":              {api("beta", "beta", "alpha-api"), catalog.ErrAudienceTaken},
		"audience is a client":       {api("beta", "beta", "alpha-client"), catalog.ErrAudienceTaken},
		"audience is the broker":     {api("beta", "beta", "https://login.example"), catalog.ErrAudienceReserved},
		"audience is nearly the one": {api("beta", "beta", "https://login.example/"), catalog.ErrAudienceReserved},
		"audience is a part of it":   {api("beta", "beta", "https://login.example/scim/v2/acme"), catalog.ErrAudienceReserved},
	} {
		if _, _, err := s.Apply(t.Context(), c.m, operator); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantEvents(t, store)
	if _, _, err := s.Apply(t.Context(), api("beta", "beta", "beta"), operator); err != nil {
		t.Errorf("the own client id as audience: %v", err)
	}
}

func TestAPreviewSaysWhatApplyingWouldDoAndDoesNothing(t *testing.T) {
	s, store := service(t)
	m := manifest(t, text("alpha", "alpha", "client_secret_basic"))
	if current, outcome, err := s.Preview(t.Context(), m); current != nil || outcome != catalog.Created || err != nil {
		t.Errorf("a new app: %v %s %v", current, outcome, err)
	}
	wantEvents(t, store)
	if _, _, err := s.Apply(t.Context(), m, operator); err != nil {
		t.Fatal(err)
	}
	store.told()
	if current, outcome, err := s.Preview(t.Context(), m); current == nil || outcome != catalog.Unchanged || err != nil {
		t.Errorf("the same: %v %s %v", current, outcome, err)
	}
	if current, outcome, err := s.Preview(t.Context(), manifest(t, text("alpha", "alpha-2", "none"))); current == nil || outcome != catalog.Updated || err != nil {
		t.Errorf("another: %v %s %v", current, outcome, err)
	}
	if _, _, err := s.Preview(t.Context(), manifest(t, text("beta", "alpha", "none"))); !errors.Is(err, catalog.ErrClientIDTaken) {
		t.Errorf("a taken client id: %v", err)
	}
	bare := m
	bare.Spec.Owner, bare.Spec.Entitlements = catalog.Owner{}, nil
	if _, _, err := s.Preview(t.Context(), bare); !errors.Is(err, catalog.ErrWouldBeIncomplete) {
		t.Errorf("an app in use without an owner: %v", err)
	}
	wantEvents(t, store)
}

func TestImportedMetadataBecomesCompleteAndIsNotTakenBack(t *testing.T) {
	s, store := service(t)
	data, err := os.ReadFile("testdata/metadata/good-s9.json")
	if err != nil {
		t.Fatal(err)
	}
	flat, err := catalog.Parse("s9.json", data)
	if err != nil {
		t.Fatal(err)
	}
	imported, secret, err := s.Apply(t.Context(), flat, operator)
	if err != nil || secret != "" || strings.Join(imported.Manifest.Missing(), " ") != "owner groups keys" {
		t.Fatalf("%v %v", imported.Manifest.Missing(), err)
	}
	full := manifest(t, text("hr-feedback", "microapp-hr-feedback", "private_key_jwt\n, jwksUri: 'https://hr.example/jwks'"))
	complete, _, err := s.Apply(t.Context(), full, operator)
	if err != nil || complete.Manifest.Missing() != nil || complete.ID != imported.ID {
		t.Fatalf("%v %v", complete.Manifest.Missing(), err)
	}
	if _, _, err := s.Apply(t.Context(), flat, operator); !errors.Is(err, catalog.ErrWouldBeIncomplete) {
		t.Errorf("metadata over a complete app: %v", err)
	}
	if _, err := s.ApplyFiles(t.Context(), []catalog.File{{Name: "s9.json", Data: data}}, catalog.Batch{}, operator); !errors.Is(err, catalog.ErrManifestInvalid) {
		t.Errorf("in a batch: %v", err)
	}
	wantEvents(t, store, "app.applied", "app.applied")
}

// folder makes a folder of apps; each value is a whole manifest.
func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func names(apps []catalog.App) string {
	var list []string
	for _, a := range apps {
		list = append(list, a.Name)
	}
	return strings.Join(list, " ")
}

func TestAFolderAddsAndUpdatesAndNeverRemoves(t *testing.T) {
	s, store := service(t)
	if _, _, err := s.Apply(t.Context(), manifest(t, text("zeta", "zeta", "none")), operator); err != nil {
		t.Fatal(err)
	}
	apps := folder(map[string]string{
		"alpha/microapp.yaml": text("alpha", "alpha", "client_secret_basic"), "beta/microapp.yaml": text("beta", "beta", "none"),
		"alpha/evidence/other.yaml": "not: [a manifest", "README.md": "# apps", ".git/alpha/microapp.yaml": "no: manifest",
	})
	report, err := s.ApplyFolder(t.Context(), apps, false, operator)
	if err != nil || len(report.Applied) != 2 || report.Applied[0].Outcome != catalog.Created || report.Applied[0].Secret == "" {
		t.Fatalf("%+v %v", report, err)
	}
	apps["beta/microapp.yaml"].Data = []byte(text("beta", "beta-2", "none"))
	delete(apps, "alpha/microapp.yaml")
	if report, err = s.ApplyFolder(t.Context(), apps, false, operator); err != nil || len(report.Applied) != 1 || report.Applied[0].Outcome != catalog.Updated {
		t.Fatalf("%+v %v", report, err)
	}
	if report, err = s.ApplyFolder(t.Context(), folder(nil), false, operator); err != nil || len(report.Applied)+len(report.Removed) != 0 {
		t.Fatalf("an empty folder: %+v %v", report, err)
	}
	if all, _ := s.Apps(t.Context()); names(all) != "alpha beta zeta" {
		t.Errorf("apps: %s", names(all))
	}
	wantEvents(t, store, "app.applied", "app.applied", "client.secret_created", "app.applied", "app.applied client:beta")
}

func TestAFolderWithOneFaultAppliesNothingAndNamesEveryFault(t *testing.T) {
	s, store := service(t)
	apps := folder(map[string]string{
		"alpha/microapp.yaml": text("alpha", "alpha", "none"),
		"beta/microapp.yaml":  text("gamma", "alpha", "none"),
		"delta/microapp.yaml": text("alpha", "delta", "magic"),
		"omega/microapp.yaml": "apiVersion: [",
	})
	_, err := s.ApplyFolder(t.Context(), apps, false, operator)
	if !errors.Is(err, catalog.ErrManifestInvalid) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"beta/microapp.yaml:1:69: metadata.name: must be the name of the folder that the manifest is in, beta",
		"delta/microapp.yaml:1:69: metadata.name: must be the name of the folder",
		"delta/microapp.yaml:3:", "tokenEndpointAuthMethod: must be", "omega/microapp.yaml:2:1: is not valid YAML",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	wantEvents(t, store)
	delete(apps, "delta/microapp.yaml")
	delete(apps, "omega/microapp.yaml")
	apps["beta/microapp.yaml"].Data = []byte(text("beta", "alpha", "none"))
	if _, err := s.ApplyFolder(t.Context(), apps, false, operator); err == nil || strings.Count(err.Error(), "has this as its client id") < 2 {
		t.Errorf("two apps with one client id: %v", err)
	}
	if n, err := catalog.CheckFolder(apps); err == nil || n != 2 {
		t.Errorf("the check without a broker: %d %v", n, err)
	}
	apps["beta/microapp.yaml"].Data = []byte(text("beta", "beta", "none"))
	if n, err := catalog.CheckFolder(apps); err != nil || n != 2 {
		t.Errorf("a good folder: %d %v", n, err)
	}
	if _, err := s.ApplyFolder(t.Context(), apps, false, operator); err != nil {
		t.Errorf("a good folder: %v", err)
	}
}

func TestPruneRemovesAFewAndRefusesMore(t *testing.T) {
	s, store := service(t)
	files := map[string]string{}
	for i := range 10 {
		name := fmt.Sprintf("app-%d", i)
		files[name+"/microapp.yaml"] = text(name, name, "none")
	}
	if _, err := s.ApplyFolder(t.Context(), folder(files), true, operator); err != nil {
		t.Fatal(err)
	}
	store.told()
	if _, err := s.ApplyFolder(t.Context(), folder(nil), true, operator); !errors.Is(err, catalog.ErrPruneRefused) {
		t.Errorf("an empty folder: %v", err)
	}
	fewer := maps.Clone(files)
	for i := range 3 {
		delete(fewer, fmt.Sprintf("app-%d/microapp.yaml", i))
	}
	if _, err := s.ApplyFolder(t.Context(), folder(fewer), true, operator); !errors.Is(err, catalog.ErrPruneRefused) || !strings.Contains(err.Error(), "app-0, app-1, app-2") {
		t.Errorf("three of ten: %v", err)
	}
	if _, err := s.ApplyFiles(t.Context(), []catalog.File{{Name: "m.yaml", Data: []byte(files["app-0/microapp.yaml"])}}, catalog.Batch{Prune: true}, operator); err == nil {
		t.Error("a single file prunes")
	}
	wantEvents(t, store)
	fewer["app-0/microapp.yaml"] = files["app-0/microapp.yaml"]
	// A new app may have the client id of one that goes in the same batch.
	fewer["heir/microapp.yaml"] = text("heir", "app-1", "none")
	report, err := s.ApplyFolder(t.Context(), folder(fewer), true, operator)
	if err != nil || !slices.Equal(report.Removed, []string{"app-1", "app-2"}) {
		t.Errorf("two of ten: %+v %v", report.Removed, err)
	}
	wantEvents(t, store, "app.removed app client:app-1", "app.removed app client:app-2", "app.applied")
}

func TestAppsMayHandAClientIDOnWithinABatch(t *testing.T) {
	s, store := service(t)
	if _, _, err := s.Apply(t.Context(), manifest(t, text("zeta", "shared", "none")), operator); err != nil {
		t.Fatal(err)
	}
	report, err := s.ApplyFolder(t.Context(), folder(map[string]string{
		"alpha/microapp.yaml": text("alpha", "shared", "none"), "zeta/microapp.yaml": text("zeta", "zeta", "none"),
	}), false, operator)
	if err != nil || len(report.Applied) != 2 {
		t.Fatalf("%+v %v", report, err)
	}
	wantEvents(t, store, "app.applied", "app.applied client:shared", "app.applied")
}

func TestApplyingAnyFolderTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, store := service(t)
		files := map[string]string{}
		for _, name := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-z][a-z0-9]{1,8}`), rapid.ID[string]).Draw(rt, "names") {
			method := rapid.SampledFrom([]string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}).Draw(rt, "method")
			files[name+"/microapp.yaml"] = text(name, name, method)
		}
		prune := len(files) > 0 && rapid.Bool().Draw(rt, "prune")
		if _, err := s.ApplyFolder(t.Context(), folder(files), prune, operator); err != nil {
			rt.Fatal(err)
		}
		store.told()
		before, changes := fmt.Sprint(store.apps), store.changes
		report, err := s.ApplyFolder(t.Context(), folder(files), prune, operator)
		if err != nil {
			rt.Fatal(err)
		}
		for _, r := range report.Applied {
			if r.Outcome != catalog.Unchanged || r.Secret != "" {
				rt.Errorf("%s is %s", r.App.Name, r.Outcome)
			}
		}
		if told := store.told(); len(told)+len(report.Removed) != 0 || store.changes != changes || fmt.Sprint(store.apps) != before {
			rt.Errorf("changed: %v %v", told, report.Removed)
		}
	})
}
