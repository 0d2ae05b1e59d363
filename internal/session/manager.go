package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// touchEvery is how stale LastSeen may get before a use is written down: a busy
// browser costs one write a minute.
const touchEvery = time.Minute

// maxUserAgent bounds what of a browser's own description is kept, in bytes.
const maxUserAgent = 256

// People tells whether a person may act at all.
type People interface {
	// Usable fails for a person or a connection that is disabled or gone.
	Usable(ctx context.Context, person, connection string) (directory.Person, error)
}

// Revocations is the part of revoke.Sequence that sessions ask.
type Revocations interface {
	CheckStored(rev uint64, refs ...identity.Ref) error
}

// Options are what a Manager needs. All fields but Prefix and Secure are required.
type Options struct {
	Store       Store
	People      People
	Revocations Revocations
	// Era is the database's era: a session of another era is not one.
	Era string
	Now func() time.Time
	// Idle is how long a session lives without use, Absolute how long at most.
	Idle, Absolute time.Duration
	// Cookie is the cookie's base name: see httpx.BoundCookie. Secure is on wherever
	// the issuer is https.
	Cookie string
	Secure bool
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	// Actor describes who makes the request, for the audit entry.
	Actor func(*http.Request, identity.Ref) identity.Actor
}

// Manager begins, finds and ends the sessions of browsers.
type Manager struct {
	o            Options
	cookie, path string
}

// New returns a Manager.
func New(o Options) *Manager {
	name, path := httpx.BoundCookie(o.Cookie, o.Prefix, o.Secure)
	return &Manager{o: o, cookie: name, path: path}
}

// Start begins a session for the person and gives the browser its secret. The
// secret is new every time, so that one planted before the sign-in is worth
// nothing. A person who proves anew who they are keeps the session, so that the
// apps in it stay signed in; a session of anybody else in this browser ends.
// rev is the revocation number read before the facts of the sign-in.
func (m *Manager) Start(w http.ResponseWriter, r *http.Request, person string, authn identity.Authentication, rev uint64) (Session, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand.Read never fails
	hash := sha256.Sum256(secret)
	now := m.now()
	actor := m.o.Actor(r, identity.Person(person))
	fresh := Session{
		ID: identity.NewID(), SecretHash: hash[:], Person: person, Authentication: authn,
		Created: now, LastSeen: now, IdleAfter: m.o.Idle, Expires: m.limit(now, authn),
		Rev: rev, Era: m.o.Era, UserAgent: clip(r.UserAgent(), maxUserAgent), Address: actor.Address,
	}
	s, err := m.begin(r, fresh, actor)
	if err != nil {
		return Session{}, err
	}
	http.SetCookie(w, m.newCookie(base64.RawURLEncoding.EncodeToString(secret)))
	return s, nil
}

// limit is when a session that begins now ends at the latest: the upstream may want
// it sooner than we do, and never later.
func (m *Manager) limit(now time.Time, authn identity.Authentication) time.Time {
	limit := now.Add(m.o.Absolute)
	if !authn.Until.IsZero() && authn.Until.Before(limit) {
		return authn.Until.UTC()
	}
	return limit
}

func (m *Manager) begin(r *http.Request, fresh Session, actor identity.Actor) (Session, error) {
	ctx := r.Context()
	old, err := m.find(r)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Session{}, err
	case old.Person == fresh.Person && old.Authentication.Connection == fresh.Authentication.Connection && m.Usable(ctx, old) == nil:
		return m.renew(ctx, old.ID, fresh, actor)
	default:
		if err := m.End(ctx, old.ID, actor, "replaced"); err != nil {
			return Session{}, err
		}
	}
	started := event.New(fresh.Created, "session.started", actor, identity.Session(fresh.ID),
		"person", fresh.Person, "connection", fresh.Authentication.Connection)
	if err := m.o.Store.CreateSession(ctx, fresh, []event.Event{started}); err != nil {
		return Session{}, fmt.Errorf("start session: %w", err)
	}
	return fresh, nil
}

// renew gives the living session id a new secret and a new authentication.
func (m *Manager) renew(ctx context.Context, id string, fresh Session, actor identity.Actor) (Session, error) {
	s, err := m.o.Store.UpdateSession(ctx, id, func(old Session) (Session, []event.Event, error) {
		if !old.Live(fresh.Created) {
			return old, nil, ErrNotFound
		}
		next := fresh
		next.ID, next.Created, next.Version = old.ID, old.Created, old.Version
		renewed := event.New(fresh.Created, "session.renewed", actor, identity.Session(id), "person", fresh.Person)
		return next, []event.Event{renewed}, nil
	})
	if err != nil {
		return Session{}, fmt.Errorf("renew session: %w", err)
	}
	return s, nil
}

// Current returns the browser's session if it may be used: live, of this era,
// not revoked, and of a person and connection that are enabled. Otherwise it
// fails with ErrNotFound, or with the store's error.
func (m *Manager) Current(r *http.Request) (Session, error) {
	s, err := m.find(r)
	if err != nil {
		return Session{}, err
	}
	if err := m.Usable(r.Context(), s); err != nil {
		return Session{}, err
	}
	return m.touch(r.Context(), s)
}

// Peek is Current that counts as no use: for what a page asks by itself, so that a
// browser that nobody sits at is idle.
func (m *Manager) Peek(r *http.Request) (Session, error) {
	s, err := m.find(r)
	if err != nil {
		return Session{}, err
	}
	return s, m.Usable(r.Context(), s)
}

// Usable fails with ErrNotFound for a session that may not be used now: see Current.
func (m *Manager) Usable(ctx context.Context, s Session) error {
	if !s.Live(m.now()) || s.Era != m.o.Era {
		return ErrNotFound
	}
	err := m.o.Revocations.CheckStored(s.Rev, identity.Session(s.ID))
	if err == nil {
		_, err = m.o.People.Usable(ctx, s.Person, s.Authentication.Connection)
	}
	return notUsable(err)
}

// Find returns the session with this id if it may be used, like Current, without
// counting it as a use.
func (m *Manager) Find(ctx context.Context, id string) (Session, error) {
	s, err := m.o.Store.Session(ctx, id)
	if err != nil {
		return Session{}, fmt.Errorf("find session: %w", err)
	}
	return s, m.Usable(ctx, s)
}

// Touch counts a use by other means than the browser, such as a refresh token
// that lives with the session. It fails like Current.
func (m *Manager) Touch(ctx context.Context, id string) (Session, error) {
	s, err := m.Find(ctx, id)
	if err != nil {
		return Session{}, err
	}
	return m.touch(ctx, s)
}

// End ends the session with this id; reason ends in the audit entry. Ending an
// ended session changes nothing.
func (m *Manager) End(ctx context.Context, id string, actor identity.Actor, reason string) error {
	_, err := m.o.Store.UpdateSession(ctx, id, func(s Session) (Session, []event.Event, error) {
		if !s.Ended.IsZero() {
			return s, nil, nil
		}
		ended := event.New(m.now(), "session.ended", actor, identity.Session(id), "person", s.Person, "reason", reason)
		return s, []event.Event{ended.Revoking(identity.Session(id))}, nil
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// expiredPage is how many expired sessions are ended at a time.
const expiredPage = 100

// EndExpired ends the sessions whose time is over, so that the apps in them hear
// of it and what was issued with them ends too.
func (m *Manager) EndExpired(ctx context.Context) error {
	for {
		now := m.now()
		ids, err := m.o.Store.ExpiredSessions(ctx, now, expiredPage)
		if err != nil {
			return fmt.Errorf("list expired sessions: %w", err)
		}
		for _, id := range ids {
			_, err := m.o.Store.UpdateSession(ctx, id, func(s Session) (Session, []event.Event, error) {
				if !s.Ended.IsZero() || s.Live(now) { // ended or used meanwhile
					return s, nil, nil
				}
				expired := event.New(now, "session.ended", identity.System("sessions"), identity.Session(id), "person", s.Person, "reason", "expired")
				return s, []event.Event{expired.Revoking(identity.Session(id))}, nil
			})
			if err != nil {
				return fmt.Errorf("end expired session: %w", err)
			}
		}
		if len(ids) < expiredPage {
			return nil
		}
	}
}

// EndAll ends every session of the person.
func (m *Manager) EndAll(ctx context.Context, person string, actor identity.Actor, reason string) error {
	sessions, err := m.o.Store.SessionsOf(ctx, person)
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	for _, s := range sessions {
		if err := m.End(ctx, s.ID, actor, reason); err != nil {
			return err
		}
	}
	return nil
}

// EndUpstream ends the sessions that the connection's provider calls name: those
// with one of the indexes, or all when it names none. It returns how many.
func (m *Manager) EndUpstream(ctx context.Context, connection, name string, indexes []string, actor identity.Actor) (ended int, err error) {
	sessions, err := m.o.Store.SessionsNamed(ctx, connection, name)
	if err != nil {
		return 0, fmt.Errorf("list sessions: %w", err)
	}
	for _, s := range sessions {
		if len(indexes) > 0 && !slices.Contains(indexes, s.Authentication.Upstream.Index) {
			continue
		}
		if err := m.End(ctx, s.ID, actor, "signed out at the identity provider"); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

// Of returns the person's sessions that may still be used, newest first.
func (m *Manager) Of(ctx context.Context, person string) ([]Session, error) {
	all, err := m.o.Store.SessionsOf(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	live := all[:0]
	for _, s := range all {
		if s.Live(m.now()) && s.Era == m.o.Era {
			live = append(live, s)
		}
	}
	return live, nil
}

// Search returns a page of the sessions that may be in use, newest first: see
// Store.SearchSessions.
func (m *Manager) Search(ctx context.Context, q Query) (page []Found, next string, err error) {
	page, next, err = m.o.Store.SearchSessions(ctx, q, m.now())
	if err != nil {
		return nil, "", fmt.Errorf("search sessions: %w", err)
	}
	return page, next, nil
}

// Count returns how many of these sessions may be in use.
func (m *Manager) Count(ctx context.Context, of Whose) (int64, error) {
	n, err := m.o.Store.CountSessions(ctx, of, m.now())
	if err != nil {
		return 0, fmt.Errorf("count sessions: %w", err)
	}
	return n, nil
}

// Clear takes the cookie from the browser.
func (m *Manager) Clear(w http.ResponseWriter) {
	gone := m.newCookie("") //nolint:gosec // G124: newCookie sets every attribute
	gone.MaxAge = -1
	http.SetCookie(w, gone)
}

func (m *Manager) now() time.Time { return m.o.Now().UTC().Truncate(time.Microsecond) }

func (m *Manager) find(r *http.Request) (Session, error) {
	c, err := r.Cookie(m.cookie)
	if err != nil {
		return Session{}, ErrNotFound
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil || len(secret) != 32 {
		return Session{}, ErrNotFound
	}
	hash := sha256.Sum256(secret)
	s, err := m.o.Store.SessionBySecret(r.Context(), hash[:])
	if err != nil {
		return Session{}, fmt.Errorf("find session: %w", err)
	}
	return s, nil
}

func (m *Manager) touch(ctx context.Context, s Session) (Session, error) {
	now := m.now()
	if now.Sub(s.LastSeen) < touchEvery {
		return s, nil
	}
	touched, err := m.o.Store.UpdateSession(ctx, s.ID, func(s Session) (Session, []event.Event, error) {
		if !s.Live(now) {
			return s, nil, ErrNotFound
		}
		if now.After(s.LastSeen) {
			s.LastSeen = now
		}
		return s, nil, nil
	})
	if err != nil {
		return Session{}, fmt.Errorf("touch session: %w", err)
	}
	return touched, nil
}

func (m *Manager) newCookie(value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // G124: Secure is on wherever the issuer is https
		Name: m.cookie, Value: value, Path: m.path, HttpOnly: true, Secure: m.o.Secure,
		// Lax, so that an app's link or redirect finds the session.
		SameSite: http.SameSiteLaxMode,
	}
}

// notUsable turns a refusal into ErrNotFound and lets every failure to find out
// pass, so that a lost database is never taken for a sign-out.
func notUsable(err error) error {
	if kind := fault.KindOf(err); err != nil && (kind == fault.Denied || kind == fault.NotFound) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
