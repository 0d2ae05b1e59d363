package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

var (
	now   = time.Date(2026, 11, 24, 9, 0, 0, 123456000, time.UTC)
	actor = identity.System("test")
)

// TestEveryStore runs the same suite on both engines.
func TestEveryStore(t *testing.T) {
	for engine, options := range map[string]func(*testing.T) storage.Options{
		"sqlite": func(t *testing.T) storage.Options { return storage.Options{Driver: storage.SQLite, Dir: t.TempDir()} },
		"postgres": func(t *testing.T) storage.Options {
			return storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			o := options(t)
			o.Now, o.Log, o.OutboxTypes = func() time.Time { return now }, slog.New(slog.DiscardHandler), []string{"session.ended"}
			var raised atomic.Int64
			o.Raised = func(context.Context) error { raised.Add(1); return nil }
			db, err := storage.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			t.Run("migrations run once and the era stays", func(t *testing.T) { reopen(t, o, db) })
			t.Run("two first sign-ins make one person", func(t *testing.T) { signInRace(t, db) })
			t.Run("subjects compare byte by byte", func(t *testing.T) { exactSubjects(t, db) })
			t.Run("a code is redeemed once and its replay revokes", func(t *testing.T) { codeOnce(t, db) })
			t.Run("of two refreshes one wins and the family ends", func(t *testing.T) { refreshRace(t, db) })
			t.Run("revoking a person ends what carries them", func(t *testing.T) { personEnds(t, db) })
			t.Run("revocation numbers have no gap", func(t *testing.T) { gapless(t, db) })
			t.Run("the audit log verifies and shows a change", func(t *testing.T) { auditWhole(t, db) })
			t.Run("sessions whose time is over are found", func(t *testing.T) { expired(t, db) })
			t.Run("what ended long ago is pruned", func(t *testing.T) { pruned(t, db) })
			t.Run("access is taken away from one app", func(t *testing.T) { withdrawn(t, db) })
			t.Run("a job is one caller's until its lease ends", func(t *testing.T) { jobLease(t, db) })
			if raised.Load() == 0 {
				t.Error("nothing was told of the revocations")
			}
		})
	}
}

func reopen(t *testing.T, o storage.Options, db *storage.DB) {
	pending, err := storage.DryRun(t.Context(), o)
	if err != nil || len(pending) != 0 {
		t.Fatalf("pending %v, %v", pending, err)
	}
	again, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if again.Era() != db.Era() || db.Era() == "" {
		t.Errorf("eras %q and %q", db.Era(), again.Era())
	}
}

func signIn(ctx context.Context, db *storage.DB, subject string) (directory.Person, error) {
	return db.SignIn(ctx, "acme", subject, func(old *directory.Person) (directory.Person, []event.Event, error) {
		if old != nil {
			return *old, nil, nil
		}
		id := identity.NewID()
		p := directory.Person{ID: id, Created: now, Updated: now, Identities: []directory.Identity{{Connection: "acme", Subject: subject}}}
		return p, []event.Event{event.New(now, "person.created", actor, identity.Person(id))}, nil
	})
}

func signInRace(t *testing.T, db *storage.DB) {
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			p, err := signIn(t.Context(), db, "race")
			if err != nil {
				t.Error(err)
			}
			ids[i] = p.ID
		})
	}
	wg.Wait()
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 {
		t.Errorf("%d people", len(slices.Compact(ids)))
	}
}

func exactSubjects(t *testing.T, db *storage.DB) {
	a, err := signIn(t.Context(), db, "Zoë")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"zoë", "Zoe\u0308", "Zoë "} {
		if _, err := db.PersonByIdentity(t.Context(), "acme", other); !errors.Is(err, directory.ErrPersonNotFound) {
			t.Errorf("%q: %v", other, err)
		}
	}
	got, err := db.PersonByIdentity(t.Context(), "acme", "Zoë")
	if err != nil || got.ID != a.ID || !got.Created.Equal(now) {
		t.Errorf("control: %+v %v", got, err)
	}
}

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

func personEnds(t *testing.T, db *storage.DB) {
	s, other := subject(t, db), subject(t, db)
	g, _ := redeem(t, db, s, true)
	kept, _ := redeem(t, db, other, false)
	e := event.New(now, "person.disabled", actor, identity.Person(s.Person)).Revoking(identity.Person(s.Person))
	if err := db.Record(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Session(t.Context(), s.Session); err != nil || got.EndedBy != e.ID {
		t.Errorf("the session: %+v, %v", got, err)
	}
	if f, err := db.Family(t.Context(), g); err != nil || f.EndedBy != e.ID {
		t.Errorf("the offline family: %+v, %v", f, err)
	}
	if f, err := db.Family(t.Context(), kept); err != nil || !f.Ended.IsZero() {
		t.Errorf("somebody else's family: %+v, %v", f, err)
	}
	if ids, err := db.SessionsEndedBy(t.Context(), e.ID, "", 10); err != nil || !slices.Equal(ids, []string{s.Session}) {
		t.Errorf("ended by it: %v, %v", ids, err)
	}
}

func gapless(t *testing.T, db *storage.DB) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ref := identity.App(fmt.Sprint("app-", i))
			if err := db.Record(t.Context(), []event.Event{event.New(now, "app.disabled", actor, ref).Revoking(ref)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := db.Since(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Number != uint64(i+1) {
			t.Fatalf("entry %d has number %d", i, e.Number)
		}
	}
	head, err := db.Head(t.Context())
	recent, also, recentErr := db.Recent(t.Context(), now.Add(-time.Minute))
	if err != nil || recentErr != nil || head != uint64(len(entries)) || also != head || len(recent) != len(entries) {
		t.Errorf("head %d and %d, %d recent of %d, %v %v", head, also, len(recent), len(entries), err, recentErr)
	}
}

// signer signs heads for a test: the signature is the head itself.
type signer struct{}

func (signer) SignHead(_ context.Context, head []byte) (string, []byte, error) { return "k", head, nil }

func auditWhole(t *testing.T, db *storage.DB) {
	sealer := &audit.Sealer{Store: db, Signer: signer{}, Now: func() time.Time { return now }}
	n, err := sealer.Seal(t.Context())
	if err != nil || n == 0 {
		t.Fatalf("sealed %d, %v", n, err)
	}
	check := func(_ string, head, signature []byte) error {
		if !slices.Equal(head, signature) {
			return errors.New("wrong signature")
		}
		return nil
	}
	if r, err := audit.Verify(t.Context(), db, check); err != nil || r.Entries != n || r.Unsealed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	seen := map[string]bool{}
	for q := (audit.Query{Limit: 7}); ; {
		page, next, err := db.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			seen[e.ID] = true
		}
		if q.After = next; next == "" {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("the pages have %d of %d entries", len(seen), n)
	}
	if _, err := audit.Verify(t.Context(), tampered{db}, check); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("a changed entry: %v", err)
	}
}

// tampered changes the actor of every sealed entry that it returns.
type tampered struct{ *storage.DB }

func (c tampered) Sealed(ctx context.Context, n int64) (audit.Seal, []audit.Entry, error) {
	s, entries, err := c.DB.Sealed(ctx, n)
	for i := range entries {
		entries[i].Actor.ID = "somebody else"
	}
	return s, entries, err
}

func jobLease(t *testing.T, db *storage.DB) {
	jobs := db.Jobs()
	one := job.Job{Queue: "q", Key: "k", Payload: []byte("p"), RunAt: now, Deadline: now.Add(time.Hour)}
	if err := errors.Join(jobs.Enqueue(t.Context(), []job.Job{one}), jobs.Enqueue(t.Context(), []job.Job{one})); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {30 * time.Second, 0}, {time.Minute, 1}} {
		got, err := jobs.Claim(t.Context(), now.Add(step.at), 10, time.Minute)
		if err != nil || len(got) != step.want {
			t.Errorf("after %s: %d jobs, %v", step.at, len(got), err)
		}
	}
	for _, step := range []struct {
		holder string
		at     time.Duration
		want   bool
	}{{"a", 0, true}, {"b", time.Second, false}, {"a", 2 * time.Second, true}, {"b", time.Minute, true}} {
		got, err := jobs.Lease(t.Context(), "l", step.holder, now.Add(step.at), 10*time.Second)
		if err != nil || got != step.want {
			t.Errorf("%s after %s: %v, %v", step.holder, step.at, got, err)
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
