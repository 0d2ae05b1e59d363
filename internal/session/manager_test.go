package session_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// memory is a session.Store for one test. Like the real one, it ends the
// sessions that an event revokes.
type memory struct {
	mu     sync.Mutex
	rows   map[string]session.Session
	events []event.Event
	down   error
}

func (m *memory) CreateSession(_ context.Context, s session.Session, events []event.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[s.ID] = s
	m.write(events)
	return m.down
}

func (m *memory) Session(_ context.Context, id string) (session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.rows[id]
	if !ok {
		return s, session.ErrNotFound
	}
	return s, m.down
}

func (m *memory) SessionBySecret(_ context.Context, hash []byte) (session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.rows {
		if bytes.Equal(s.SecretHash, hash) {
			return s, m.down
		}
	}
	return session.Session{}, session.ErrNotFound
}

func (m *memory) UpdateSession(_ context.Context, id string, change func(session.Session) (session.Session, []event.Event, error)) (session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.rows[id]
	if !ok {
		return s, session.ErrNotFound
	}
	next, events, err := change(s)
	if err != nil {
		return s, err
	}
	m.rows[id] = next
	m.write(events)
	return m.rows[id], m.down
}

func (m *memory) write(events []event.Event) {
	m.events = append(m.events, events...)
	for _, e := range events {
		for id, s := range m.rows {
			if slices.Contains(e.Revokes, identity.Session(id)) {
				s.Ended, s.EndedBy = e.Time, e.ID
				m.rows[id] = s
			}
		}
	}
}

func (*memory) SearchSessions(context.Context, session.Query, time.Time) ([]session.Found, string, error) {
	return nil, "", errors.New("these tests search for nothing")
}

func (*memory) CountSessions(context.Context, session.Whose, time.Time) (int64, error) {
	return 0, errors.New("these tests count nothing")
}

func (m *memory) SessionsOf(_ context.Context, person string) ([]session.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var of []session.Session
	for _, s := range m.rows {
		if s.Person == person && s.Ended.IsZero() {
			of = append(of, s)
		}
	}
	return of, m.down
}

func (m *memory) SessionsEndedBy(context.Context, string, string, int) ([]string, error) {
	return nil, errors.New("not asked here")
}

func (m *memory) Join(context.Context, session.Participant) error {
	return errors.New("not asked here")
}

func (m *memory) Participants(context.Context, string) ([]session.Participant, error) {
	return nil, errors.New("not asked here")
}

// house is a Manager with what it depends on, each part of which can be broken.
type house struct {
	*session.Manager
	store   *memory
	now     time.Time
	person  error // what Usable says
	revoked error // what Check says
}

func (h *house) Usable(context.Context, string, string) (directory.Person, error) {
	return directory.Person{}, h.person
}
func (h *house) CheckStored(uint64, ...identity.Ref) error { return h.revoked }

func newHouse(change ...func(*session.Options)) *house {
	h := &house{store: &memory{rows: map[string]session.Session{}}, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	h.Manager = h.manager("era-1", change...)
	return h
}

func (h *house) manager(era string, change ...func(*session.Options)) *session.Manager {
	o := session.Options{
		Store: h.store, People: peopleFunc(h.Usable), Revocations: checkFunc(h.CheckStored), Era: era,
		Now: func() time.Time { return h.now }, Idle: time.Hour, Absolute: 8 * time.Hour, Cookie: "gatehouse",
		Actor: func(_ *http.Request, ref identity.Ref) identity.Actor {
			return identity.Actor{Ref: ref, Address: "192.0.2.7"}
		},
	}
	for _, c := range change {
		c(&o)
	}
	return session.New(o)
}

type peopleFunc func(context.Context, string, string) (directory.Person, error)

func (f peopleFunc) Usable(ctx context.Context, person, connection string) (directory.Person, error) {
	return f(ctx, person, connection)
}

type checkFunc func(uint64, ...identity.Ref) error

func (f checkFunc) CheckStored(rev uint64, refs ...identity.Ref) error { return f(rev, refs...) }

// start signs a person in with the cookies of an earlier answer, if any, and
// returns the session and the cookie that came back.
func (h *house) start(t *testing.T, person string, before ...*http.Cookie) (session.Session, *http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	s, err := h.Start(w, request(before...), person, identity.Authentication{Connection: "acme", Subject: person}, 7)
	if err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies", len(cookies))
	}
	return s, cookies[0]
}

func request(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestASessionIsFoundByItsCookieAlone(t *testing.T) {
	h := newHouse()
	s, cookie := h.start(t, "alice")
	got, err := h.Current(request(cookie))
	if err != nil || got.ID != s.ID || got.Person != "alice" || got.Address != "192.0.2.7" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for name, c := range map[string]*http.Cookie{
		"none":           {Name: "other", Value: cookie.Value},
		"the session id": {Name: cookie.Name, Value: s.ID},
		"padded":         {Name: cookie.Name, Value: cookie.Value + "="},
		"another secret": {Name: cookie.Name, Value: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
	} {
		if _, err := h.Current(request(c)); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheCookieIsAsStrictAsTheAddressAllows(t *testing.T) {
	for name, c := range map[string]struct {
		secure             bool
		prefix, want, path string
	}{
		"plain loopback":        {false, "", "gatehouse", "/"},
		"https":                 {true, "", "__Host-gatehouse", "/"},
		"a path below loopback": {false, "/gate", "gatehouse", "/gate/"},
		"below a path":          {true, "/gate", "__Host-gatehouse-gate", "/"},
	} {
		h := newHouse(func(o *session.Options) { o.Secure, o.Prefix = c.secure, c.prefix })
		_, cookie := h.start(t, "alice")
		if cookie.Name != c.want || cookie.Secure != c.secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != c.path || cookie.Domain != "" {
			t.Errorf("%s: %+v", name, cookie)
		}
	}
}

func TestASessionEndsWhenIdleAndAtItsLimit(t *testing.T) {
	h := newHouse()
	_, cookie := h.start(t, "alice")
	for range 7 { // used within every hour
		h.now = h.now.Add(59 * time.Minute)
		if _, err := h.Current(request(cookie)); err != nil {
			t.Fatalf("in use at %s: %v", h.now, err)
		}
	}
	_, idle := h.start(t, "bob")
	h.now = h.now.Add(time.Hour)
	if _, err := h.Current(request(idle)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("idle for an hour: %v", err)
	}
	h = newHouse(func(o *session.Options) { o.Idle = 24 * time.Hour })
	_, cookie = h.start(t, "alice")
	h.now = h.now.Add(8*time.Hour - time.Second)
	if _, err := h.Current(request(cookie)); err != nil {
		t.Errorf("a second before the limit: %v", err)
	}
	h.now = h.now.Add(time.Second)
	if _, err := h.Current(request(cookie)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("at the limit: %v", err)
	}
}

func TestARefusalOfThePersonIsASignOutAndALostStoreIsNot(t *testing.T) {
	h := newHouse()
	_, cookie := h.start(t, "alice")
	for _, refusal := range []error{directory.ErrPersonDisabled, directory.ErrConnectionDisabled, directory.ErrPersonNotFound} {
		h.person = refusal
		if _, err := h.Current(request(cookie)); !errors.Is(err, session.ErrNotFound) || !errors.Is(err, refusal) {
			t.Errorf("%v: got %v", refusal, err)
		}
	}
	h.person = nil
	h.revoked = fault.New(fault.Denied, "revoked", "revoked")
	if _, err := h.Current(request(cookie)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("revoked: got %v", err)
	}
	h.revoked = fault.New(fault.Unavailable, "revocation_stale", "stale")
	if _, err := h.Current(request(cookie)); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("a lost store counts as a sign-out: %v", err)
	}
	h.revoked = nil
	if _, err := h.Current(request(cookie)); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestASessionOfAnotherEraIsNone(t *testing.T) {
	h := newHouse()
	_, cookie := h.start(t, "alice")
	if _, err := h.manager("era-2").Current(request(cookie)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := h.manager("era-1").Current(request(cookie)); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestAPlantedSecretIsWorthNothingAfterTheSignIn(t *testing.T) {
	h := newHouse()
	_, planted := h.start(t, "mallory")
	s, fresh := h.start(t, "alice", planted)
	if fresh.Value == planted.Value {
		t.Fatal("the sign-in kept the secret")
	}
	if _, err := h.Current(request(planted)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the planted secret finds a session: %v", err)
	}
	if got, err := h.Current(request(fresh)); err != nil || got.ID != s.ID {
		t.Errorf("control: %v", err)
	}
}

func TestSigningInAnewKeepsTheSessionAndChangesItsSecret(t *testing.T) {
	h := newHouse()
	first, old := h.start(t, "alice")
	h.now = h.now.Add(30 * time.Minute)
	second, fresh := h.start(t, "alice", old)
	if second.ID != first.ID || !second.Created.Equal(first.Created) {
		t.Errorf("the session changed: %s, then %s", first.ID, second.ID)
	}
	if _, err := h.Current(request(old)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the old secret still works: %v", err)
	}
	if _, err := h.Current(request(fresh)); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestEndingRevokesTheSessionOnceAndEndAllEndsEveryOne(t *testing.T) {
	h := newHouse()
	s, cookie := h.start(t, "alice")
	_, other := h.start(t, "alice")
	_, bobs := h.start(t, "bob")
	actor := identity.System("test")
	for range 2 {
		if err := h.End(t.Context(), s.ID, actor, "test"); err != nil {
			t.Fatal(err)
		}
	}
	revoking := 0
	for _, e := range h.store.events {
		if slices.Contains(e.Revokes, identity.Session(s.ID)) {
			revoking++
		}
	}
	if revoking != 1 {
		t.Errorf("ending twice revoked %d times", revoking)
	}
	if _, err := h.Current(request(cookie)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := h.Current(request(other)); err != nil {
		t.Errorf("the other session: %v", err)
	}
	if err := h.EndAll(t.Context(), "alice", actor, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Current(request(other)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("after ending all: %v", err)
	}
	if _, err := h.Current(request(bobs)); err != nil {
		t.Errorf("bob's session: %v", err)
	}
}

func TestABusyBrowserCostsAWriteAMinute(t *testing.T) {
	h := newHouse()
	s, cookie := h.start(t, "alice")
	for range 30 {
		h.now = h.now.Add(time.Second)
		if _, err := h.Current(request(cookie)); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.store.rows[s.ID].LastSeen; !got.Equal(s.LastSeen) {
		t.Errorf("written after %s", got.Sub(s.LastSeen))
	}
	h.now = h.now.Add(time.Minute)
	if _, err := h.Touch(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if got := h.store.rows[s.ID].LastSeen; !got.Equal(h.now) {
		t.Errorf("a use after a minute is not written: %s", got)
	}
}

func TestPeekingCountsAsNoUse(t *testing.T) {
	h := newHouse()
	s, cookie := h.start(t, "alice")
	h.now = h.now.Add(5 * time.Minute)
	if got, err := h.Peek(request(cookie)); err != nil || got.ID != s.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	if got := h.store.rows[s.ID].LastSeen; !got.Equal(s.LastSeen) {
		t.Errorf("written after %s", got.Sub(s.LastSeen))
	}
	h.now = h.now.Add(100 * time.Hour)
	if _, err := h.Peek(request(cookie)); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("once it is over: %v", err)
	}
	if _, err := h.Peek(request(&http.Cookie{Name: "other", Value: cookie.Value})); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("without a cookie: %v", err)
	}
}

// ExpiredSessions implements session.Store.
func (m *memory) ExpiredSessions(_ context.Context, now time.Time, limit int) (ids []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.rows {
		if s.Ended.IsZero() && !s.Live(now) && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// SessionsNamed implements session.Store.
func (m *memory) SessionsNamed(_ context.Context, connection, name string) (named []session.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.rows {
		u := s.Authentication.Upstream
		if s.Ended.IsZero() && s.Authentication.Connection == connection && u != nil && u.Name == name {
			named = append(named, s)
		}
	}
	return named, m.down
}

func TestTheUpstreamBoundsItsSessionAndNeverLengthensIt(t *testing.T) {
	h := newHouse()
	for name, c := range map[string]struct {
		until time.Time
		want  time.Duration
	}{
		"it does not say": {time.Time{}, 8 * time.Hour},
		"sooner":          {h.now.Add(time.Hour), time.Hour},
		"later":           {h.now.Add(100 * time.Hour), 8 * time.Hour},
	} {
		s, err := h.Start(httptest.NewRecorder(), request(), "alice", identity.Authentication{Connection: "acme", Until: c.until}, 7)
		if err != nil || s.Expires.Sub(h.now) != c.want {
			t.Errorf("%s: %s, %v", name, s.Expires.Sub(h.now), err)
		}
	}
}

func TestTheProviderEndsItsSessionsByNameAndIndex(t *testing.T) {
	h := newHouse()
	sessions := map[string]*http.Cookie{}
	for key, a := range map[string]identity.Authentication{
		"one":   {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "p-1", Index: "i1"}},
		"two":   {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "p-1", Index: "i2"}},
		"other": {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "p-2", Index: "i1"}},
		"acme":  {Connection: "acme", Upstream: &identity.UpstreamSession{Name: "p-1", Index: "i1"}},
		"plain": {Connection: "partner", Subject: "p-1"},
	} {
		w := httptest.NewRecorder()
		if _, err := h.Start(w, request(), key, a, 7); err != nil {
			t.Fatal(err)
		}
		sessions[key] = w.Result().Cookies()[0]
	}
	for _, step := range []struct {
		connection, name string
		indexes          []string
		ended            int
		alive            []string
	}{
		{"partner", "p-1", []string{"i1", "i9"}, 1, []string{"acme", "other", "plain", "two"}},
		{"partner", "p-1", []string{"i1"}, 0, []string{"acme", "other", "plain", "two"}},
		{"partner", "p-1", nil, 1, []string{"acme", "other", "plain"}},
		{"partner", "nobody", nil, 0, []string{"acme", "other", "plain"}},
	} {
		n, err := h.EndUpstream(t.Context(), step.connection, step.name, step.indexes, identity.System("test"))
		var alive []string
		for key, c := range sessions {
			if _, err := h.Current(request(c)); err == nil {
				alive = append(alive, key)
			}
		}
		if slices.Sort(alive); err != nil || n != step.ended || !slices.Equal(alive, step.alive) {
			t.Errorf("%s %v: %d ended, %v alive, %v", step.name, step.indexes, n, alive, err)
		}
	}
}
