package storetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// subject is a grant of somebody new, in a session of theirs.
func subject(t *testing.T, db *storage.DB) grant.Subject {
	t.Helper()
	person, id := identity.NewID(), identity.NewID()
	err := db.CreateSession(t.Context(), session.Session{
		ID: id, SecretHash: []byte(identity.NewID()), Person: person, Authentication: identity.Authentication{Connection: "acme"},
		Created: now, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return grant.Subject{Person: person, Session: id, Connection: "acme", App: "app", Client: "client", Scopes: []string{"openid"}}
}

// redeem makes a code of s and turns it into a family with the first token hash.
func redeem(t *testing.T, db *storage.DB, s grant.Subject, offline bool) (g string, hash []byte) {
	t.Helper()
	g, hash = identity.NewID(), []byte(identity.NewID())
	if err := db.CreateCode(t.Context(), grant.Code{Hash: hash, Grant: g, Subject: s, Expires: now.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := db.RedeemCode(t.Context(), hash, actor, now, firstToken(g, s, hash, offline)); err != nil {
		t.Fatal(err)
	}
	return g, hash
}

func firstToken(g string, s grant.Subject, hash []byte, offline bool) func(grant.Code) (grant.Redemption, error) {
	return func(grant.Code) (grant.Redemption, error) {
		return grant.Redemption{
			Joins: true, Family: &grant.Family{ID: g, Subject: s, Offline: offline, Created: now, LastUse: now, Expires: now.Add(time.Hour)},
			First: &grant.RefreshToken{Hash: hash, Family: g, Issued: now, Expires: now.Add(time.Hour)},
		}, nil
	}
}

func codeOnce(t *testing.T, db *storage.DB) {
	s := subject(t, db)
	g, hash := identity.NewID(), []byte(identity.NewID())
	if err := db.CreateCode(t.Context(), grant.Code{Hash: hash, Grant: g, Subject: s}); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("wrong verifier")
	if err := db.RedeemCode(t.Context(), hash, actor, now, func(grant.Code) (grant.Redemption, error) { return grant.Redemption{}, refused }); !errors.Is(err, refused) {
		t.Fatalf("a refusal: %v", err)
	}
	var won, replayed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := db.RedeemCode(t.Context(), hash, actor, now, firstToken(g, s, hash, false)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, grant.ErrReplayed):
				replayed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || replayed.Load() != 7 {
		t.Errorf("%d won, %d replayed", won.Load(), replayed.Load())
	}
	if f, err := db.Family(t.Context(), g); err != nil || f.Ended.IsZero() {
		t.Errorf("after a replay the family is %+v, %v", f, err)
	}
	if of, err := db.Participants(t.Context(), s.Session); err != nil || len(of) != 1 {
		t.Errorf("participants %v, %v", of, err)
	}
}

func refreshRace(t *testing.T, db *storage.DB) {
	g, hash := redeem(t, db, subject(t, db), false)
	var won, replayed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := db.RotateRefresh(t.Context(), hash, actor, now, func(r grant.RefreshToken, f grant.Family) (grant.Rotation, error) {
				if !r.Used.IsZero() || !f.Ended.IsZero() {
					return grant.Rotation{}, grant.ErrReplayed
				}
				return grant.Rotation{Next: &grant.RefreshToken{Hash: []byte(identity.NewID()), Family: g, Issued: now, Expires: f.Expires}}, nil
			})
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, grant.ErrReplayed):
				replayed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || replayed.Load() != 7 {
		t.Errorf("%d won, %d replayed", won.Load(), replayed.Load())
	}
	if f, err := db.Family(t.Context(), g); err != nil || f.Ended.IsZero() {
		t.Errorf("the family is %+v, %v", f, err)
	}
}

// withdrawn sees that an app loses everything that it holds of one person.
func withdrawn(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	for _, id := range []string{"one", "two", "other"} {
		app := map[string]string{"other": "keeps"}[id] + "app"
		c := grant.Code{Hash: []byte("withdraw-" + id), Grant: "withdraw-" + id, Expires: now.Add(time.Hour)}
		err := db.CreateCode(ctx, c)
		if err == nil {
			err = db.RedeemCode(ctx, c.Hash, actor, now, func(c grant.Code) (grant.Redemption, error) {
				f := grant.Family{ID: c.Grant, Subject: grant.Subject{Person: "giver", App: app, Scopes: []string{"openid", id}}, Created: now, Expires: now.Add(time.Hour)}
				return grant.Redemption{Family: &f, First: &grant.RefreshToken{Hash: c.Hash, Family: f.ID, Expires: f.Expires}}, nil
			})
		}
		if err == nil {
			err = db.SaveConsent(ctx, grant.Consent{Person: "giver", App: app, Scopes: []string{"email"}, Given: now}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	held, err := grant.AccessOf(ctx, db, "giver", now)
	if err != nil || len(held) != 2 || !slices.Equal(held[0].Scopes, []string{"email", "one", "openid", "two"}) {
		t.Fatalf("%+v %v", held, err)
	}
	if err := db.Withdraw(ctx, "giver", "app", actor, now); err != nil {
		t.Fatal(err)
	}
	held, err = grant.AccessOf(ctx, db, "giver", now)
	if err != nil || len(held) != 1 || held[0].App != "keepsapp" {
		t.Errorf("%+v %v", held, err)
	}
	if f, err := db.Family(ctx, "withdraw-one"); err != nil || f.Ended.IsZero() {
		t.Errorf("%+v %v", f, err)
	}
	if err := db.Withdraw(ctx, "giver", "app", actor, now); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// refusalIsFree sees that whoever cannot use a token does not use it up.
func refusalIsFree(t *testing.T, db *storage.DB) {
	g, hash := redeem(t, db, subject(t, db), false)
	refused := errors.New("another client's")
	err := db.RotateRefresh(t.Context(), hash, actor, now, func(grant.RefreshToken, grant.Family) (grant.Rotation, error) { return grant.Rotation{}, refused })
	if !errors.Is(err, refused) {
		t.Fatalf("a refusal: %v", err)
	}
	next := []byte(identity.NewID())
	err = db.RotateRefresh(t.Context(), hash, actor, now, func(r grant.RefreshToken, f grant.Family) (grant.Rotation, error) {
		if !r.Used.IsZero() || !f.Ended.IsZero() {
			t.Errorf("after a refusal the token is %+v of %+v", r, f)
		}
		return grant.Rotation{Next: &grant.RefreshToken{Hash: next, Family: g, Issued: now, Expires: f.Expires}, Successor: []byte("sealed")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err := db.Refresh(t.Context(), hash); err != nil || !r.Used.Equal(now) || string(r.Successor) != "sealed" {
		t.Errorf("the used token is %+v, %v", r, err)
	}
	if r, f, err := db.Refresh(t.Context(), next); err != nil || !r.Used.IsZero() || f.ID != g {
		t.Errorf("its successor is %+v of %+v, %v", r, f, err)
	}
	if _, _, err := db.Refresh(t.Context(), []byte("never made")); !errors.Is(err, grant.ErrUnknown) {
		t.Errorf("a token that was never made: %v", err)
	}
}

// familyAndSession sees that the end of a session ends what hangs on it, and
// leaves what was given for longer.
func familyAndSession(t *testing.T, db *storage.DB) {
	s := subject(t, db)
	bound, _ := redeem(t, db, s, false)
	offline, _ := redeem(t, db, s, true)
	e := event.New(now, "session.ended", actor, identity.Session(s.Session)).Revoking(identity.Session(s.Session))
	if err := db.Record(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	if f, err := db.Family(t.Context(), bound); err != nil || f.EndedBy != e.ID {
		t.Errorf("the family of the session: %+v, %v", f, err)
	}
	if f, err := db.Family(t.Context(), offline); err != nil || !f.Ended.IsZero() {
		t.Errorf("the offline family: %+v, %v", f, err)
	}
}

func consents(t *testing.T, db *storage.DB) {
	first := grant.Consent{Person: "agrees", App: "a", Scopes: []string{"email", "openid"}, Given: now}
	second := grant.Consent{Person: "agrees", App: "a", Scopes: []string{"openid"}, Given: now.Add(time.Second)}
	for _, c := range []grant.Consent{first, second} {
		if err := db.SaveConsent(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		got, ok, err := db.Consent(t.Context(), "agrees", "a")
		if err != nil || !ok || !slices.Equal(got.Scopes, c.Scopes) || !got.Given.Equal(c.Given) {
			t.Errorf("%+v is %+v, %v, %v", c, got, ok, err)
		}
	}
	for _, other := range [][2]string{{"agrees", "b"}, {"Agrees", "a"}, {"somebody", "a"}} {
		if _, ok, err := db.Consent(t.Context(), other[0], other[1]); ok || err != nil {
			t.Errorf("%v: %v, %v", other, ok, err)
		}
	}
}
