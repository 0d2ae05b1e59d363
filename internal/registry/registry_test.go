package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// shelf is a catalog that tests arrange by hand.
type shelf struct {
	mu         sync.Mutex
	apps       []catalog.App
	generation int64
	broken     error
	reads      int
	read       []string // the names of the apps that were read
	// gate, when set, holds every reading until it is closed.
	gate chan struct{}
}

func (s *shelf) Stamps(ctx context.Context) ([]catalog.Stamp, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	stamps := make([]catalog.Stamp, len(s.apps))
	for i := range s.apps {
		stamps[i] = s.apps[i].Stamp()
	}
	return stamps, s.generation, s.broken
}

func (s *shelf) AppsByID(_ context.Context, ids []string, each func(catalog.App)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		if slices.Contains(ids, a.ID) {
			s.read = append(s.read, a.Name)
			each(a)
		}
	}
	return s.broken
}

func (s *shelf) Generation(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation, s.broken
}

func (s *shelf) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.generation++
}

func (s *shelf) count() int { s.mu.Lock(); defer s.mu.Unlock(); return s.reads }

// app returns a complete app with a client and an API.
func app(name string) catalog.App {
	return catalog.App{
		ID: "id-" + name, Name: name, Secrets: []catalog.Secret{{Hash: []byte("newest")}, {Hash: []byte("older")}},
		Manifest: catalog.Manifest{
			Metadata: catalog.Metadata{Name: name, Title: "App " + name, Description: "An app."},
			Spec: catalog.Spec{
				Owner:        catalog.Owner{Team: "team", Primary: "a@acme.example"},
				Entitlements: []catalog.Entitlement{{Name: "user", Groups: []string{"everybody"}}},
				Identity: catalog.Identity{
					Protocol: "oidc",
					OIDC: &catalog.OIDC{
						ClientID: "client-" + name, RedirectURIs: []string{"https://a.example/cb"}, GrantTypes: []string{"authorization_code", "refresh_token"},
						TokenEndpointAuthMethod: "client_secret_basic", Scopes: []catalog.Scope{{Name: "openid"}, {Name: "email"}}, RefreshRetryWindow: "5s",
					},
					Resource: &catalog.Resource{Audience: "api-" + name, Scopes: []string{"use"}, MaxTokenTTL: "2m", Introspection: true},
				},
			},
		},
	}
}

type world struct {
	*registry.Registry
	shelf   *shelf
	applied atomic.Uint64
	now     atomic.Int64
}

func newWorld(apps ...catalog.App) *world {
	w := &world{shelf: &shelf{apps: apps, generation: 1}}
	w.Registry = registry.New(registry.Options{
		Store: w.shelf, Applied: w.applied.Load, ThirdParty: func(name string) bool { return name == "foreign" },
		Now: func() time.Time { return time.Unix(0, w.now.Load()) }, Log: slog.New(slog.DiscardHandler),
	})
	return w
}

func (w *world) pass(d time.Duration) { w.now.Add(int64(d)) }

func TestAClientIsDerivedFromItsApp(t *testing.T) {
	w := newWorld(app("alpha"), app("foreign"))
	w.applied.Store(7)
	c, err := w.Client(t.Context(), "client-alpha")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.ID, c.App, c.Name, c.Title, c.Method, len(c.SecretHashes), c.Scopes, c.SigningAlg, c.RefreshRetryWindow, c.ThirdParty, c.Introspects, c.Missing, c.Disabled, c.Rev)
	if want := "client-alphaid-alphaalphaApp alphaclient_secret_basic2 [openid email] ES256 5s false [api-alpha] [] false 7"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c, err = w.ClientOf(t.Context(), "id-foreign"); err != nil || !c.ThirdParty {
		t.Errorf("%+v %v", c, err)
	}
	if a, err := w.Audience(t.Context(), "api-alpha"); err != nil || a.Client != "client-alpha" || a.App != "id-alpha" || a.MaxTTL != 2*time.Minute {
		t.Errorf("%+v %v", a, err)
	}
	if all, err := w.Clients(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%v %v", all, err)
	}
	if w.shelf.count() != 1 {
		t.Errorf("%d readings of one catalog", w.shelf.count())
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	service := app("api-alone")
	service.Manifest.Spec.Identity.OIDC = nil
	w := newWorld(service)
	if _, err := w.Client(t.Context(), "client-api-alone"); !errors.Is(err, registry.ErrClientNotFound) {
		t.Errorf("client: %v", err)
	}
	if _, err := w.ClientOf(t.Context(), service.ID); !errors.Is(err, registry.ErrClientNotFound) {
		t.Errorf("client of: %v", err)
	}
	if _, err := w.Audience(t.Context(), "nothing"); !errors.Is(err, registry.ErrAudienceNotFound) {
		t.Errorf("audience: %v", err)
	}
	if a, err := w.Audience(t.Context(), "api-api-alone"); err != nil || a.Client != "" {
		t.Errorf("an API without a client: %+v %v", a, err)
	}
}

func TestDisabledAndIncompleteAppsKeepTheirFlagsAndServeNothing(t *testing.T) {
	disabled, incomplete, quiet := app("off"), app("half"), app("quiet")
	disabled.Disabled = true
	incomplete.Manifest.Spec.Owner = catalog.Owner{}
	quiet.Manifest.Spec.Identity.Resource.Introspection = false
	w := newWorld(disabled, incomplete, quiet)
	if c, err := w.Client(t.Context(), "client-off"); err != nil || !c.Disabled {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := w.Client(t.Context(), "client-half"); err != nil || !slices.Equal(c.Missing, []string{"owner"}) {
		t.Errorf("%+v %v", c, err)
	}
	for _, name := range []string{"api-off", "api-half"} {
		if _, err := w.Audience(t.Context(), name); !errors.Is(err, registry.ErrAudienceNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := w.Client(t.Context(), "client-quiet"); err != nil || c.Introspects != nil {
		t.Errorf("introspects %v, %v", c, err)
	}
	if _, err := w.Audience(t.Context(), "api-quiet"); err != nil {
		t.Error(err)
	}
}

func TestARevokedAppIsReadAgainBeforeItIsAnsweredFor(t *testing.T) {
	w := newWorld(app("alpha"))
	if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
		t.Fatal(err)
	}
	w.shelf.set(func() { w.shelf.apps[0].Disabled, w.shelf.apps[0].Version = true, 2 })
	w.Invalidate(revoke.Entry{Number: 3, Ref: identity.Person("somebody")})
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || c.Disabled {
		t.Errorf("another revocation made the registry read: %+v %v", c, err)
	}
	w.Invalidate(revoke.Entry{Number: 4, Ref: identity.App("id-alpha")})
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || !c.Disabled {
		t.Errorf("the old facts are answered: %+v %v", c, err)
	}
	w.shelf.set(func() {
		w.shelf.apps[0].Version = 3
		w.shelf.apps[0].Agreements = catalog.Agreements{{Right: catalog.Right{Audience: "payroll", Scope: "read", Mode: catalog.ByItself}}}
	})
	w.Invalidate(revoke.Entry{Number: 5, Ref: identity.Call("client-alpha", "payroll")})
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || len(c.Agreements) != 1 {
		t.Errorf("what was agreed to before is answered: %+v %v", c, err)
	}
	w.shelf.set(func() { w.shelf.apps = nil })
	w.Invalidate(revoke.Entry{Number: 6, Ref: identity.Client("client-alpha")})
	if _, err := w.Client(t.Context(), "client-alpha"); !errors.Is(err, registry.ErrClientNotFound) {
		t.Errorf("the removed client is answered: %v", err)
	}
	if w.shelf.count() != 4 {
		t.Errorf("%d readings", w.shelf.count())
	}
}

func TestNothingIsAnsweredWhenTheReadingThatIsNeededFails(t *testing.T) {
	w := newWorld(app("alpha"))
	if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
		t.Fatal(err)
	}
	w.shelf.set(func() { w.shelf.broken = errors.New("no database") })
	if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
		t.Errorf("a good snapshot needs the store: %v", err)
	}
	w.Invalidate(revoke.Entry{Number: 1, Ref: identity.App("id-alpha")})
	if _, err := w.Client(t.Context(), "client-alpha"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after a revocation: %v", err)
	}
	w.shelf.set(func() { w.shelf.broken = nil })
	if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
		t.Errorf("the store is back: %v", err)
	}
	w.shelf.set(func() { w.shelf.broken = errors.New("no database") })
	w.pass(time.Minute)
	if _, err := w.Audience(t.Context(), "api-alpha"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a snapshot of a minute ago: %v", err)
	}
}

func TestRevIsNeverNewerThanTheFacts(t *testing.T) {
	w := newWorld(app("alpha"))
	w.applied.Store(4)
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || c.Rev != 4 {
		t.Fatalf("%+v %v", c, err)
	}
	// Revocations of people concern no fact of a client: it stays good for tokens
	// that are minted after them.
	w.Invalidate(revoke.Entry{Number: 5, Ref: identity.Person("somebody")})
	w.applied.Store(5)
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || c.Rev != 5 {
		t.Errorf("rev %d %v, want 5", c.Rev, err)
	}
	// An app's revocation is known before it counts as applied.
	w.Invalidate(revoke.Entry{Number: 6, Ref: identity.App("id-alpha")})
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || c.Rev != 5 {
		t.Errorf("rev %d %v, want 5", c.Rev, err)
	}
	w.applied.Store(6)
	if c, err := w.Client(t.Context(), "client-alpha"); err != nil || c.Rev != 6 {
		t.Errorf("rev %d %v, want 6", c.Rev, err)
	}
	if w.shelf.count() != 2 {
		t.Errorf("%d readings", w.shelf.count())
	}
}

func TestManyWhoWaitShareOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(app("alpha"))
		w.shelf.gate = make(chan struct{})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // every caller waits for the reading, or is about to start it
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Client(impatient, "client-alpha"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("who does not wait gets %v", err)
		}
		close(w.shelf.gate)
		group.Wait()
		if n := w.shelf.count(); n != 1 {
			t.Errorf("%d readings for 50 callers", n)
		}
	})
}

func TestRunFollowsTheGenerationAndReadsACatalogThatRestsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{apps: []catalog.App{app("alpha")}, generation: 1}
		r := registry.New(registry.Options{Store: s, Applied: func() uint64 { return 0 }, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		if n := s.count(); n != 1 {
			t.Fatalf("%d readings at the start", n)
		}
		time.Sleep(10 * time.Minute) // the bubble's clock: nobody waits
		if _, err := r.Client(ctx, "client-alpha"); err != nil {
			t.Error(err)
		}
		if n := s.count(); n != 1 {
			t.Errorf("%d readings of a catalog that rests", n)
		}
		s.set(func() { s.apps = append(s.apps, app("beta")) })
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if _, err := r.Client(ctx, "client-beta"); err != nil || s.count() != 2 {
			t.Errorf("after a change: %v, %d readings", err, s.count())
		}
		s.set(func() { s.broken = errors.New("no database") })
		time.Sleep(time.Minute + time.Second)
		if _, err := r.Client(ctx, "client-alpha"); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("when nobody could tell for a minute: %v", err)
		}
		s.set(func() { s.broken = nil })
		time.Sleep(time.Second)
		if _, err := r.Client(ctx, "client-alpha"); err != nil {
			t.Errorf("control: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAppsThatDidNotChangeAreNotReadAgain(t *testing.T) {
	w := newWorld(app("alpha"), app("beta"), app("gamma"))
	w.shelf.generation = 10
	titles := func() string {
		t.Helper()
		if err := w.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := w.Clients(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var text string
		for _, c := range all {
			audience, err := w.Audience(t.Context(), "api-"+c.Name)
			if err != nil || audience.App != c.App {
				t.Errorf("the API of %s: %+v, %v", c.Name, audience, err)
			}
			text += c.App + "=" + c.Title + " "
		}
		return text
	}
	for _, step := range []struct {
		what       string
		change     func()
		want, read string
	}{
		{"at first", func() {}, "id-alpha=App alpha id-beta=App beta id-gamma=App gamma ", "[alpha beta gamma]"},
		{"one that changed", func() {
			w.shelf.apps[1].Manifest.Metadata.Title, w.shelf.apps[1].Version = "Beta", 1
		}, "id-alpha=App alpha id-beta=Beta id-gamma=App gamma ", "[beta]"},
		{"one that is gone", func() { w.shelf.apps = w.shelf.apps[:2] }, "id-alpha=App alpha id-beta=Beta ", "[]"},
		{"another under its name, whose versions begin anew", func() {
			w.shelf.apps[1] = app("beta")
			w.shelf.apps[1].ID, w.shelf.apps[1].Version = "id-beta-2", 1
		}, "id-alpha=App alpha id-beta-2=App beta ", "[beta]"},
		{"an older database, whose version 1 may be another one", func() {
			w.shelf.generation = 5
			w.shelf.apps[1].Manifest.Metadata.Title = "Older"
		}, "id-alpha=App alpha id-beta-2=Older ", "[alpha beta]"},
	} {
		w.shelf.read = nil
		w.shelf.set(step.change)
		if step.what == "an older database, whose version 1 may be another one" {
			w.pass(time.Minute)
		}
		if got := titles(); got != step.want || fmt.Sprint(w.shelf.read) != step.read {
			t.Errorf("%s: %s\nread %v, want %s", step.what, got, w.shelf.read, step.read)
		}
	}
}

func TestAppsShareWhatTheySayInTheSameWords(t *testing.T) {
	other := app("beta")
	other.Manifest.Spec.Entitlements[0].Groups = []string{"few"}
	w := newWorld(app("alpha"), other, app("gamma"))
	all, err := w.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if &all[0].GrantTypes[0] != &all[2].GrantTypes[0] || &all[0].Entitlements[0] != &all[2].Entitlements[0] {
		t.Error("each has its own")
	}
	if fmt.Sprint(all[0].Entitlements, all[1].Entitlements, all[1].Scopes) != "[{user  false false [everybody]}] [{user  false false [few]}] [openid email]" {
		t.Errorf("%+v", all[1])
	}
}

// BenchmarkRegistry tells what a registry of many apps weighs: the bytes in use, and how
// long a collection of garbage goes through them.
func BenchmarkRegistry(b *testing.B) {
	const apps = 100_000
	s := &many{}
	for range apps {
		s.stamps = append(s.stamps, catalog.Stamp{ID: fmt.Sprint("id-", len(s.stamps)), Version: 1})
	}
	before := inUse()
	r := registry.New(registry.Options{Store: s, Applied: func() uint64 { return 0 }, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err := r.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	after := inUse()
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(float64(after-before)/apps, "bytes/app")
	runtime.KeepAlive(r)
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// many is a catalog of any number of apps that differ by their names, as a database gives
// them: nothing of one is another's.
type many struct{ stamps []catalog.Stamp }

func (m *many) Generation(context.Context) (int64, error) { return 1, nil }

func (m *many) Stamps(context.Context) ([]catalog.Stamp, int64, error) { return m.stamps, 1, nil }

func (m *many) AppsByID(_ context.Context, ids []string, each func(catalog.App)) error {
	for _, id := range ids {
		body, err := json.Marshal(app(id))
		if err != nil {
			return err
		}
		a := catalog.App{Secrets: []catalog.Secret{{Hash: make([]byte, 32)}}, Version: 1}
		if err := json.Unmarshal(body, &a); err != nil {
			return err
		}
		a.ID = id
		each(a)
	}
	return nil
}

func TestRefreshMakesAChangeKnownAtOnce(t *testing.T) {
	w := newWorld(app("alpha"))
	if _, err := w.Client(t.Context(), "client-alpha"); err != nil {
		t.Fatal(err)
	}
	w.shelf.set(func() { w.shelf.apps = append(w.shelf.apps, app("beta")) })
	if _, err := w.Client(t.Context(), "client-beta"); !errors.Is(err, registry.ErrClientNotFound) {
		t.Fatalf("without a refresh: %v", err)
	}
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Client(t.Context(), "client-beta"); err != nil {
		t.Error(err)
	}
}

func BenchmarkClient(b *testing.B) {
	w := newWorld(app("alpha"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Client(b.Context(), "client-alpha"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheOriginsOfPublicClientsAreKnown(t *testing.T) {
	public, secret, off := app("spa"), app("web"), app("old")
	public.Manifest.Spec.Identity.OIDC.TokenEndpointAuthMethod = "none"
	public.Manifest.Spec.Identity.OIDC.RedirectURIs = []string{"https://spa.example:8443/cb"}
	secret.Manifest.Spec.Identity.OIDC.RedirectURIs = []string{"https://web.example/cb"}
	off.Manifest.Spec.Identity.OIDC.TokenEndpointAuthMethod = "none"
	off.Manifest.Spec.Identity.OIDC.RedirectURIs = []string{"https://old.example/cb"}
	off.Disabled = true
	w := newWorld(public, secret, off)
	for origin, want := range map[string]bool{
		"https://spa.example:8443": true, "https://spa.example": false, "http://spa.example:8443": false, "https://spa.example:8443/cb": false,
		"https://web.example": false, "https://old.example": false, "null": false, "": false,
	} {
		if got, err := w.AppOrigin(t.Context(), origin); got != want || err != nil {
			t.Errorf("%q: %v %v", origin, got, err)
		}
	}
}
