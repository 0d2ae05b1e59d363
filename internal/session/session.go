// Package session owns browser sessions: one per browser and sign-in, shared by
// every app that the person opens from it (single sign-on).
//
// The browser holds a 256-bit secret; the store keeps its SHA-256. A session
// ends by sign-out, after a time without use (idle), at its absolute limit, or
// when the person, the connection or the session itself is revoked. An ended
// session stays as a tombstone until back-channel logout is done.
package session

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ErrNotFound is returned for a session that does not exist. Callers that ask
// for a live session also get it for one that ended.
var ErrNotFound = fault.New(fault.NotFound, "session_not_found", "no such session, or it has ended")

// Session is one signed-in browser.
type Session struct {
	// ID is public: the sid claim of tokens.
	ID string `json:"id"`
	// SecretHash is SHA-256 of the cookie's secret.
	SecretHash     []byte                  `json:"-"`
	Person         string                  `json:"person"`
	Authentication identity.Authentication `json:"authentication"`
	Created        time.Time               `json:"created"`
	LastSeen       time.Time               `json:"last_seen"`
	// IdleAfter is how long it lives without use; Expires is the absolute limit.
	IdleAfter time.Duration `json:"idle_after"`
	Expires   time.Time     `json:"expires"`
	// Ended is zero while the session lives. EndedBy is the id of the event that
	// ended it.
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
	// Rev is the revocation number that was applied before the facts of the
	// sign-in were read; Era is the database's era at the time.
	Rev       uint64 `json:"rev"`
	Era       string `json:"era"`
	UserAgent string `json:"user_agent,omitempty"`
	Address   string `json:"address,omitempty"`
	Version   int64  `json:"version"`
}

// Live reports whether the session may be used at time now.
func (s Session) Live(now time.Time) bool { return s.Ended.IsZero() && now.Before(s.Until()) }

// Until is when the session ends if it is not used any more.
func (s Session) Until() time.Time {
	if idle := s.LastSeen.Add(s.IdleAfter); idle.Before(s.Expires) {
		return idle
	}
	return s.Expires
}

// Participant is a client that got tokens or an assertion within a session: whom to
// tell when the session ends.
type Participant struct {
	Session string    `json:"session"`
	App     string    `json:"app"`
	Client  string    `json:"client"` // client_id or entity id
	First   time.Time `json:"first"`
	// NameID, of the format NameFormat, is what an app that speaks SAML was told to
	// call the person, and SessionIndex the session. They are empty for others.
	NameID       string `json:"name_id,omitempty"`
	NameFormat   string `json:"name_format,omitempty"`
	SessionIndex string `json:"session_index,omitempty"`
}

// Store keeps sessions.
type Store interface {
	// CreateSession stores a new session.
	CreateSession(ctx context.Context, s Session, events []event.Event) error
	// Session returns the session with this id, ended or not, or ErrNotFound.
	Session(ctx context.Context, id string) (Session, error)
	// SessionBySecret returns the session with this secret hash, ended or not.
	SessionBySecret(ctx context.Context, hash []byte) (Session, error)
	// UpdateSession changes a session in one transaction.
	UpdateSession(ctx context.Context, id string, change func(Session) (Session, []event.Event, error)) (Session, error)
	// SessionsOf returns the person's sessions that have not ended, newest first.
	SessionsOf(ctx context.Context, person string) ([]Session, error)
	// SessionsNamed returns the sessions that have not ended of people whom the
	// connection's provider calls name (identity.UpstreamSession).
	SessionsNamed(ctx context.Context, connection, name string) ([]Session, error)
	// ExpiredSessions returns the ids of up to limit sessions that have not ended
	// and whose time was over at now.
	ExpiredSessions(ctx context.Context, now time.Time, limit int) ([]string, error)
	// SessionsEndedBy returns up to limit ids above after of the sessions that
	// the event ended, in id order.
	SessionsEndedBy(ctx context.Context, eventID, after string, limit int) ([]string, error)
	// Join records that a client takes part in a session; again is no change.
	Join(ctx context.Context, p Participant) error
	// Participants returns the clients of a session.
	Participants(ctx context.Context, session string) ([]Participant, error)
	// SearchSessions returns a page of the sessions that q selects and that neither
	// ended nor are over at now, newest first, and the cursor of the page after it,
	// empty at the end. It fails with ErrCursor.
	SearchSessions(ctx context.Context, q Query, now time.Time) (page []Found, next string, err error)
	// CountSessions returns how many of these sessions neither ended nor are over at
	// now.
	CountSessions(ctx context.Context, of Whose, now time.Time) (int64, error)
}
