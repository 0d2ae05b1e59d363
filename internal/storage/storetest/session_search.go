package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// signedIn makes sessions over a connection, one of which is over and one ended: s1 to s3
// are left, the first two of a person.
func signedIn(t *testing.T, db *storage.DB, connection, person string) {
	t.Helper()
	for i, s := range []struct {
		id, person string
		apps       []string
		expires    time.Duration
	}{
		{"s1", person, []string{"wiki", "mail"}, time.Hour},
		{"s2", person, nil, time.Hour},
		{"s3", "gone", []string{"mail"}, time.Hour},
		{"s4", person, []string{"mail"}, -time.Minute},
		{"s5", "gone", []string{"mail"}, time.Hour},
	} {
		err := db.CreateSession(t.Context(), session.Session{
			ID: s.id, SecretHash: []byte(s.id), Person: s.person, Authentication: identity.Authentication{Connection: connection},
			Created: now.Add(time.Duration(i) * time.Second), LastSeen: now, IdleAfter: 2 * time.Hour, Expires: now.Add(s.expires),
		}, nil)
		for _, app := range s.apps {
			err = errors.Join(err, db.Join(t.Context(), session.Participant{Session: s.id, App: app, Client: app + "-client", First: now}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	end := event.New(now, "session.ended", actor, identity.Session("s5")).Revoking(identity.Session("s5"))
	if err := db.Record(t.Context(), []event.Event{end}); err != nil {
		t.Fatal(err)
	}
}

func sessionsFound(t *testing.T, db *storage.DB) {
	const there = "sessions-found"
	sam := enroll(t, db, there, "sam", directory.Profile{Email: "sam@found.example"}, now)
	signedIn(t, db, there, sam.ID)
	for _, c := range []struct {
		q    session.Query
		want []string
	}{
		{session.Query{}, []string{"s3", "s2", "s1"}},
		{session.Query{Person: sam.ID}, []string{"s2", "s1"}},
		{session.Query{App: "mail"}, []string{"s3", "s1"}},
		{session.Query{App: "mail", Person: sam.ID}, []string{"s1"}},
		{session.Query{App: "chess"}, nil},
	} {
		c.q.Connection = there
		for _, limit := range []int{1, 100} {
			c.q.Limit = limit
			got := pages(t, func(after string) ([]session.Found, string, error) {
				c.q.After = after
				return db.SearchSessions(t.Context(), c.q, now)
			}, func(f session.Found) string { return f.ID }, nil)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
		if c.q.App != "" {
			continue
		}
		if n, err := db.CountSessions(t.Context(), session.Whose{Person: c.q.Person, Connection: c.q.Connection}, now); err != nil || n != int64(len(c.want)) {
			t.Errorf("%+v: %d, %v", c.q, n, err)
		}
	}
	found, _, err := db.SearchSessions(t.Context(), session.Query{Connection: there}, now)
	if err != nil || len(found) != 3 || found[2].Name != "sam@found.example" || !slices.Equal(found[2].Apps, []string{"mail", "wiki"}) ||
		found[0].Name != "" || found[1].Apps != nil {
		t.Errorf("%+v, %v", found, err)
	}
	if _, _, err := db.SearchSessions(t.Context(), session.Query{After: "x"}, now); !errors.Is(err, session.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func accessFound(t *testing.T, db *storage.DB) {
	const app = "access-found"
	pat := enroll(t, db, app, "pat", directory.Profile{Name: "Pat"}, now)
	hold := func(app, person string, scopes ...string) {
		t.Helper()
		s := subject(t, db)
		s.App, s.Person, s.Scopes = app, person, scopes
		redeem(t, db, s, false)
	}
	hold(app+"-1", pat.ID, "openid")
	hold(app+"-1", pat.ID, "email")
	hold(app+"-1", "zz", "openid")
	hold(app+"-2", pat.ID, "openid")
	for _, c := range []grant.Consent{{Person: pat.ID, App: app + "-1", Scopes: []string{"profile"}, Given: now}, {Person: pat.ID, App: app + "-3", Scopes: []string{"openid"}, Given: now}} {
		if err := db.SaveConsent(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	show := func(h grant.Held) string { return h.App[len(app):] + " " + h.Name }
	for _, c := range []struct {
		q    grant.Query
		want []string
	}{
		{grant.Query{Person: pat.ID}, []string{"-1 Pat", "-2 Pat", "-3 Pat"}},
		{grant.Query{App: app + "-1", Person: pat.ID}, []string{"-1 Pat"}},
		{grant.Query{App: app + "-1"}, []string{"-1 Pat", "-1 "}},
		{grant.Query{App: app + "-4"}, nil},
	} {
		for _, limit := range []int{1, 2, 100} {
			c.q.Limit = limit
			got := pages(t, func(after string) ([]grant.Held, string, error) {
				c.q.After = after
				return db.SearchAccess(t.Context(), c.q, now)
			}, show, nil)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
	held, _, err := db.SearchAccess(t.Context(), grant.Query{Person: pat.ID, App: app + "-1"}, now)
	if err != nil || len(held) != 1 || !slices.Equal(held[0].Scopes, []string{"email", "openid", "profile"}) {
		t.Errorf("%+v, %v", held, err)
	}
	held, _, err = db.SearchAccess(t.Context(), grant.Query{Person: pat.ID}, now.Add(2*time.Hour))
	if err != nil || len(held) != 2 {
		t.Errorf("once the grants are over: %+v, %v", held, err)
	}
	if _, _, err := db.SearchAccess(t.Context(), grant.Query{After: "x"}, now); !errors.Is(err, grant.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}
