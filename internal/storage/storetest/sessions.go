package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// expired sees that sessions are found when their time is over, used ones later.
func expired(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	for id, s := range map[string]session.Session{
		"idle":     {LastSeen: now.Add(-2 * time.Hour), Expires: now.Add(time.Hour)},
		"over":     {LastSeen: now, Expires: now.Add(-time.Minute)},
		"used":     {LastSeen: now.Add(-2 * time.Hour), Expires: now.Add(time.Hour)},
		"ended":    {LastSeen: now, Expires: now.Add(-time.Minute)},
		"in-force": {LastSeen: now, Expires: now.Add(time.Hour)},
	} {
		s.ID, s.SecretHash, s.Person, s.IdleAfter = "expired-"+id, []byte("expired-"+id), "late", time.Hour
		if err := db.CreateSession(ctx, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	for id, change := range map[string]func(*session.Session) []event.Event{
		"used": func(s *session.Session) []event.Event { s.LastSeen = now; return nil },
		"ended": func(s *session.Session) []event.Event {
			return []event.Event{event.New(now, "session.ended", actor, identity.Session(s.ID)).Revoking(identity.Session(s.ID))}
		},
	} {
		_, err := db.UpdateSession(ctx, "expired-"+id, func(s session.Session) (session.Session, []event.Event, error) {
			events := change(&s)
			return s, events, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	ids, err := db.ExpiredSessions(ctx, now, 100)
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "expired-") })
	if slices.Sort(ids); err != nil || !slices.Equal(ids, []string{"expired-idle", "expired-over"}) {
		t.Errorf("%v %v", ids, err)
	}
}

// named sees that sessions are found by connection and the upstream's name, as it is
// now, and ended ones are not.
func named(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	for id, a := range map[string]identity.Authentication{
		"one":   {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "P-1", Index: "i"}},
		"ended": {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "P-1"}},
		"case":  {Connection: "partner", Upstream: &identity.UpstreamSession{Name: "p-1"}},
		"other": {Connection: "other", Upstream: &identity.UpstreamSession{Name: "P-1"}},
		"anew":  {Connection: "partner"},
		"none":  {Connection: "partner"},
	} {
		s := session.Session{ID: "named-" + id, SecretHash: []byte("named-" + id), Person: "named", Authentication: a, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour)}
		if err := db.CreateSession(ctx, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	for id, change := range map[string]func(*session.Session) []event.Event{
		"anew": func(s *session.Session) []event.Event {
			s.Authentication.Upstream = &identity.UpstreamSession{Name: "P-1"}
			return nil
		},
		"ended": func(s *session.Session) []event.Event {
			return []event.Event{event.New(now, "session.ended", actor, identity.Session(s.ID)).Revoking(identity.Session(s.ID))}
		},
	} {
		_, err := db.UpdateSession(ctx, "named-"+id, func(s session.Session) (session.Session, []event.Event, error) {
			events := change(&s)
			return s, events, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{"P-1": {"named-anew", "named-one"}, "p-1": {"named-case"}, "nobody": nil, "": nil} {
		found, err := db.SessionsNamed(ctx, "partner", name)
		var ids []string
		for _, s := range found {
			ids = append(ids, s.ID)
		}
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("%q: %v %v", name, ids, err)
		}
	}
}

// pruned sees that what ended long ago goes, and nothing else.
func pruned(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	for id, expires := range map[string]time.Time{"old": now.Add(-8 * 24 * time.Hour), "late": now.Add(-time.Hour), "live": now.Add(time.Hour)} {
		s := session.Session{ID: "prune-" + id, SecretHash: []byte("prune-" + id), Person: "pruned", LastSeen: now, IdleAfter: 30 * 24 * time.Hour, Expires: expires}
		if err := db.CreateSession(ctx, s, nil); err != nil {
			t.Fatal(err)
		}
		if err := db.Join(ctx, session.Participant{Session: s.ID, Client: "c", App: "a", First: now}); err != nil {
			t.Fatal(err)
		}
		c := grant.Code{Hash: []byte("prune-" + id), Grant: "prune-" + id, Expires: expires}
		if err := db.CreateCode(ctx, c); err != nil {
			t.Fatal(err)
		}
		err := db.RedeemCode(ctx, c.Hash, actor, now, func(c grant.Code) (grant.Redemption, error) {
			f := grant.Family{ID: c.Grant, Subject: grant.Subject{Person: "pruned", App: "a", Client: "c"}, Expires: expires}
			return grant.Redemption{Family: &f, First: &grant.RefreshToken{Hash: c.Hash, Family: f.ID, Expires: expires}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Prune(ctx, now); err != nil {
		t.Fatal(err)
	}
	for id, there := range map[string]bool{"old": false, "late": true, "live": true} {
		_, sessionErr := db.Session(ctx, "prune-"+id)
		_, familyErr := db.Family(ctx, "prune-"+id)
		_, _, refreshErr := db.Refresh(ctx, []byte("prune-"+id))
		participants, err := db.Participants(ctx, "prune-"+id)
		if err != nil || (sessionErr == nil) != there || (familyErr == nil) != there || (refreshErr == nil) != there || (len(participants) == 1) != there {
			t.Errorf("%s: %v %v %v %v %v", id, sessionErr, familyErr, refreshErr, participants, err)
		}
	}
}
