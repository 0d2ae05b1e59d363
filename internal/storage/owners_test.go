package storage_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// house is a desk with owners, whose outbox is dispatched when it is told to.
type house struct {
	*desk
	owners  *ownership.Service
	admin   *admin.Service
	outbox  *event.Dispatcher
	crashes int // how many times yet what was handled is not noted, as if the process ended
}

func newHouse(t *testing.T, o storage.Options) *house {
	t.Helper()
	h := &house{}
	o.OutboxTypes = append(ownership.Handled(), "person.disabled")
	h.desk = newDesk(t, o)
	quiet := slog.New(slog.DiscardHandler)
	h.owners = ownership.NewService(ownership.Options{Store: h.db, People: h.db, Enabled: h.people.ConnectionEnabled, Now: h.clock, Log: quiet})
	h.admin = admin.New(admin.Options{Store: h.db, Changes: h.db, Directory: h.db, Groups: h.people, Now: h.clock, ConnectionEnabled: h.people.ConnectionEnabled})
	h.outbox = event.NewDispatcher(event.Options{Outbox: crashing{h.db.Outbox(), h}, Now: h.clock, Log: quiet})
	for _, typ := range ownership.Handled() {
		h.outbox.Handle(typ, grant.OwnersSucceed, h.owners.Handle)
	}
	for _, typ := range []string{record.PersonLeft, "person.disabled", "connection.disabled"} {
		h.outbox.Handle(typ, grant.RequestsWithdraw, h.admin.Withdraw)
	}
	return h
}

// errCrash is what a dispatcher ends with whose process is killed.
var errCrash = errors.New("killed")

// crashing is an outbox whose first events are handled and never settled.
type crashing struct {
	event.Outbox
	of *house
}

func (c crashing) Finish(ctx context.Context, id string) error {
	if c.of.crashes > 0 {
		c.of.crashes--
		return errCrash
	}
	return c.Outbox.Finish(ctx, id)
}

// follow does what follows from everything so far: a dispatcher that is killed is started
// again, and gets what it had claimed once its lease is over.
func (h *house) follow(t *testing.T) {
	t.Helper()
	for {
		h.now = h.now.Add(2 * time.Minute)
		_, err := h.outbox.Drain(t.Context())
		if waiting, _, backlog := h.db.OutboxBacklog(t.Context(), h.now); backlog != nil {
			t.Fatal(backlog)
		} else if err == nil && waiting == 0 {
			return
		}
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
}

// hire signs somebody in whom a connection pushed.
func (h *house) hire(t *testing.T, connection, name string) (person, user string) {
	t.Helper()
	address := name + "@acme.example"
	op := h.operation(connection)
	u, _, err := h.db.Records().CreateUser(t.Context(), op, record.User{
		ID: identity.NewID(), UserName: name, ExternalID: name, Active: true, Attributes: map[string]any{"emails": []any{map[string]any{"value": address, "primary": true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.people.SignIn(t.Context(), directory.Arrival{
		Authentication: identity.Authentication{Connection: connection, Subject: name}, ExternalID: name, Profile: directory.Profile{Email: address, EmailVerified: true},
	}, by)
	if err != nil || p.ID != u.Person {
		t.Fatal(err, p.ID, u.Person)
	}
	return p.ID, u.ID
}

func (h *house) operation(connection string) record.Operation {
	return record.Operation{
		ID: identity.NewOrderedID(h.now), Connection: connection, Kind: "test", Actor: by, Time: h.now, Policy: record.Policy{Domains: []string{"acme.example"}},
	}
}

// active switches a record.
func (h *house) active(t *testing.T, connection, user string, is bool) {
	t.Helper()
	h.now = h.now.Add(time.Second)
	_, err := h.db.Records().UpdateUser(t.Context(), h.operation(connection), connection, user, 0, func(u record.User) (record.User, error) {
		u.Active = is
		return u, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// release applies an app that names owners.
func (h *house) release(t *testing.T, name, version, primary, secondary string) catalog.App {
	t.Helper()
	h.now = h.now.Add(time.Second)
	owner := `team: team, primary: ` + primary + `@acme.example`
	if secondary != "" {
		owner += `, secondary: ` + secondary + `@acme.example`
	}
	m, err := catalog.Parse("app.yaml", []byte(`{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: `+name+`, title: App, description: The app of a test.},
spec: {version: `+version+`, owner: {`+owner+`}, entitlements: [{name: user, description: Use it, groups: [staff]}], identity: {protocol: none}}}`))
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := h.apps.Apply(t.Context(), m, by)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// owner is who answers for an app, in short.
func (h *house) owner(t *testing.T, app string) string {
	t.Helper()
	o, err := h.db.Ownership(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	local := func(address string) string {
		name, _, _ := strings.Cut(address, "@")
		return name
	}
	return string(o.State) + ":" + local(o.Primary) + "/" + local(o.Secondary)
}

// told counts the audit entries of a type about an app.
func (h *house) told(t *testing.T, typ string, about identity.Ref) int {
	t.Helper()
	all, _, err := h.db.Page(t.Context(), audit.Query{Type: typ, Subject: about.String()})
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestWhatALeaverOwnedPassesToTheSecondaryOwner(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			for how, leave := range map[string]func(connection, person, user string) error{
				"inactive": func(connection, _, user string) error { h.active(t, connection, user, false); return nil },
				"deleted": func(connection, _, user string) error {
					return h.db.Records().DeleteUser(t.Context(), h.operation(connection), connection, user, 0)
				},
				"disabled": func(_, person, _ string) error { return h.people.SetPersonDisabled(t.Context(), person, true, by) },
				"connection-disabled": func(connection, _, _ string) error {
					return h.people.SetConnectionDisabled(t.Context(), connection, true, by)
				},
			} {
				person, user := h.hire(t, how, "ana-"+how)
				h.hire(t, "other-"+how, "jo-"+how)
				a := h.release(t, "app-"+how, "1.0.0", "ana-"+how, "jo-"+how)
				mine := h.release(t, "mine-"+how, "1.0.0", "jo-"+how, "ana-"+how)
				h.follow(t)
				if got := h.owner(t, a.Name); got != "owned:ana-"+how+"/jo-"+how {
					t.Fatalf("%s: at first %s", how, got)
				}
				h.now = h.now.Add(time.Second)
				if err := leave(how, person, user); err != nil {
					t.Fatal(err)
				}
				h.crashes = 2
				h.follow(t)
				now, err := h.apps.App(t.Context(), a.Name)
				if got := h.owner(t, a.Name); err != nil || got != "owned:jo-"+how+"/" || now.Digest != a.Digest || now.Version != a.Version {
					t.Errorf("%s: then %s, release %d %s: %v", how, got, now.Version, now.Digest, err)
				}
				if n := h.told(t, "app.owner_succeeded", identity.App(a.ID)); n != 1 {
					t.Errorf("%s: told of %d times", how, n)
				}
				if got := h.owner(t, mine.Name); got != "owned:jo-"+how+"/ana-"+how {
					t.Errorf("%s: whose secondary owner leaves: %s", how, got)
				}
				found, _, err := h.apps.Search(t.Context(), catalog.Query{Owner: "jo-" + how})
				if err != nil || len(found) != 2 {
					t.Errorf("%s: by the new owner %d apps are found, %v", how, len(found), err)
				}
			}
		})
	}
}

func TestAnAppThatNobodyIsLeftToAnswerForIsOrphaned(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			_, ana := h.hire(t, "acme", "ana")
			_, jo := h.hire(t, "acme", "jo")
			a := h.release(t, "crm", "1.0.0", "ana", "jo")
			orphans := func() int64 {
				n, err := h.owners.CountOrphaned(t.Context())
				found, _, failed := h.apps.Search(t.Context(), catalog.Query{Orphaned: true})
				if err != nil || failed != nil || n != int64(len(found)) {
					t.Errorf("%d are counted, and %d found: %v %v", n, len(found), err, failed)
				}
				return n
			}
			for i, step := range []struct {
				what string
				do   func()
				want string
			}{
				{"the primary owner leaves", func() { h.active(t, "acme", ana, false) }, "owned:jo/"},
				{"comes back", func() { h.active(t, "acme", ana, true) }, "owned:jo/"},
				{"the other leaves", func() { h.active(t, "acme", jo, false) }, "orphaned:jo/"},
				{"comes back, too", func() { h.active(t, "acme", jo, true) }, "orphaned:jo/"},
				{"another release with the same owners", func() { h.release(t, "crm", "1.0.1", "ana", "jo") }, "orphaned:jo/"},
				{"somebody is named", func() {
					if _, err := h.owners.Name(t.Context(), "crm", ownership.Naming{Primary: "ana@acme.example", Secondary: "jo@acme.example"}, by); err != nil {
						t.Fatal(err)
					}
				}, "owned:ana/jo"},
				{"both leave at once", func() { h.active(t, "acme", jo, false); h.active(t, "acme", ana, false) }, "orphaned:ana/jo"},
				{"a release with another owner", func() { h.release(t, "crm", "1.1.0", "zoe", "") }, "owned:zoe/"},
				{"a release whose owner has left", func() { h.release(t, "crm", "1.2.0", "ana", "") }, "orphaned:ana/"},
			} {
				step.do()
				h.crashes = i % 3
				h.follow(t)
				if got := h.owner(t, a.Name); got != step.want || (orphans() == 1) != (got[:8] == "orphaned") {
					t.Errorf("%s: %s, want %s", step.what, got, step.want)
				}
			}
			if n := h.told(t, "app.orphaned", identity.App(a.ID)); n != 3 {
				t.Errorf("told of %d times that it is orphaned", n)
			}
			if _, err := h.owners.Name(t.Context(), "crm", ownership.Naming{Primary: "ana@acme.example"}, by); !errors.Is(err, ownership.ErrGone) {
				t.Errorf("who left is named: %v", err)
			}
			if err := h.apps.Remove(t.Context(), "crm", by); err != nil || orphans() != 0 {
				t.Errorf("once it is removed: %v", err)
			}
		})
	}
}

// What an administrator switches off and on again is nobody's leaving: apps that lost
// their owners by it have them again, but for those that somebody else answers for.
func TestAConnectionThatIsSwitchedOnAgainGivesOwnersBack(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			h.hire(t, "acme", "ana")
			_, kim := h.hire(t, "acme", "kim")
			h.hire(t, "partner", "jo")
			h.release(t, "orphan", "1.0.0", "ana", "kim")
			h.release(t, "passed", "1.0.0", "ana", "jo")
			h.release(t, "left", "1.0.0", "kim", "")
			h.follow(t)
			h.active(t, "acme", kim, false)
			h.follow(t)
			for _, off := range []bool{true, false} {
				h.now = h.now.Add(time.Second)
				if err := h.people.SetConnectionDisabled(t.Context(), "acme", off, by); err != nil {
					t.Fatal(err)
				}
				h.crashes = 1
				h.follow(t)
				want := map[bool][]string{true: {"orphaned:ana/kim", "owned:jo/", "orphaned:kim/"}, false: {"owned:ana/kim", "owned:jo/", "orphaned:kim/"}}[off]
				for i, app := range []string{"orphan", "passed", "left"} {
					if got := h.owner(t, app); got != want[i] {
						t.Errorf("switched off: %v, %s: %s, want %s", off, app, got, want[i])
					}
				}
			}
		})
	}
}

func TestWhomTheBrokerDoesNotKnowHasNotLeft(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			person, _ := h.hire(t, "acme", "ana")
			h.release(t, "crm", "1.0.0", "ana", "nobody")
			h.release(t, "other", "1.0.0", "nobody", "ana")
			// Somebody who says that the address is theirs, of whom no connection proves it.
			p, err := h.people.SignIn(t.Context(), directory.Arrival{
				Authentication: identity.Authentication{Connection: "partner", Subject: "x"}, Profile: directory.Profile{Email: "ana@acme.example"},
			}, by)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.people.SetPersonDisabled(t.Context(), p.ID, true, by); err != nil {
				t.Fatal(err)
			}
			h.follow(t)
			if got := h.owner(t, "crm"); got != "owned:ana/nobody" {
				t.Errorf("an address that somebody else says is theirs: %s", got)
			}
			v, err := h.owners.Of(t.Context(), "other")
			if err != nil || v.PrimaryStanding != ownership.Unknown || v.SecondaryStanding != ownership.Present {
				t.Errorf("%+v, %v", v, err)
			}
			if err := h.people.SetPersonDisabled(t.Context(), person, true, by); err != nil {
				t.Fatal(err)
			}
			h.follow(t)
			if got := h.owner(t, "crm"); got != "owned:nobody/" {
				t.Errorf("a secondary owner who has yet to come: %s", got)
			}
			if v, err = h.owners.Of(t.Context(), "other"); err != nil || v.State != ownership.Owned || v.SecondaryStanding != ownership.Gone {
				t.Errorf("an app whose primary owner nobody knows: %+v, %v", v, err)
			}
		})
	}
}

func TestAnAppThatAnOlderBrokerWroteHasItsOwners(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			person, _ := h.hire(t, "acme", "ana")
			h.release(t, "crm", "1.0.0", "ana", "jo")
			for _, statement := range []string{`DELETE FROM app_owners`, `UPDATE counters SET number = number + 1 WHERE name = 'apps'`} {
				if err := h.db.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.people.SetPersonDisabled(t.Context(), person, true, by); err != nil {
				t.Fatal(err)
			}
			h.follow(t)
			if got := h.owner(t, "crm"); got != "owned:jo/" {
				t.Error(got)
			}
			// And one whose owner left while nobody looked, once somebody does.
			if err := h.db.Exec(t.Context(), `DELETE FROM app_owners`); err != nil {
				t.Fatal(err)
			}
			if err := h.db.Exec(t.Context(), `UPDATE counters SET number = number + 1 WHERE name = 'apps'`); err != nil {
				t.Fatal(err)
			}
			if err := h.owners.Check(t.Context()); err != nil || h.owner(t, "crm") != "owned:jo/" {
				t.Errorf("%s, %v", h.owner(t, "crm"), err)
			}
		})
	}
}

func TestWhatALeaverAskedForIsWithdrawn(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			ana, record := h.hire(t, "acme", "ana")
			jo, _ := h.hire(t, "acme", "jo")
			ask := func(id string, who identity.Ref) admin.Change {
				h.now = h.now.Add(time.Second)
				c := admin.Change{
					ID: identity.NewOrderedID(h.now), Operation: admin.Operation{Name: id}, RequestedBy: identity.Actor{Ref: who}, Owner: who,
					Created: h.now, Expires: h.now.Add(admin.ChangeLife), State: admin.Waiting,
				}
				if err := h.db.CreateChange(t.Context(), c, nil); err != nil {
					t.Fatal(err)
				}
				return c
			}
			hers, his := ask("hers", identity.Person(ana)), ask("his", identity.Person(jo))
			h.active(t, "acme", record, false)
			h.active(t, "acme", record, true)
			later := ask("later", identity.Person(ana))
			h.crashes = 2
			h.follow(t)
			for _, c := range []struct {
				admin.Change
				want admin.ChangeState
			}{{hers, admin.Withdrawn}, {his, admin.Waiting}, {later, admin.Waiting}} {
				got, err := h.admin.Change(t.Context(), c.ID)
				if err != nil || got.State != c.want || (got.Reason == admin.RequesterLeft) != (c.want == admin.Withdrawn) {
					t.Errorf("%s: %+v, %v", c.Operation.Name, got, err)
				}
			}
			if n := h.told(t, "change.withdrawn", identity.Ref{Kind: identity.KindChange, ID: hers.ID}); n != 1 {
				t.Errorf("told of %d times", n)
			}
		})
	}
}

func TestEveryConsequenceIsListedWithHowFarItIs(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			app := h.publish(t, "crm", "")
			if err := h.people.Map(t.Context(), staff, by); err != nil {
				t.Fatal(err)
			}
			h.release(t, "hers", "1.0.0", "ana", "jo")
			person, user := h.hire(t, "acme", "ana")
			h.arrives(t, "ana", app, "00g1")
			h.follow(t)
			h.active(t, "acme", user, false)
			revoked, next, err := h.db.RevocationsOf(t.Context(), identity.Person(person), "", 10)
			if err != nil || len(revoked) != 1 || next != "" {
				t.Fatalf("%v %q %v", revoked, next, err)
			}
			names := []string{grant.LogoutOfApps, grant.OwnersSucceed, grant.RequestsWithdraw}
			see := func(when string, want ...grant.ConsequenceState) {
				t.Helper()
				all, err := h.db.Consequences(t.Context(), revoked[0], names)
				if err != nil || len(all) != 6 || all[1].Done != 1 || all[2].Done != 1 {
					t.Fatalf("%s: %+v %v", when, all, err)
				}
				for i, c := range all[3:] {
					if c.State != want[i] || c.State == grant.ConsequenceRetrying && c.Reason == "" {
						t.Errorf("%s: %+v, want %s", when, c, want[i])
					}
				}
			}
			see("at once", grant.ConsequenceWaiting, grant.ConsequenceWaiting, grant.ConsequenceWaiting)
			box := h.db.Outbox()
			if err := box.Retry(t.Context(), revoked[0], h.now, "no answer", names[:1]); err != nil {
				t.Fatal(err)
			}
			see("one is done", grant.ConsequenceDone, grant.ConsequenceRetrying, grant.ConsequenceRetrying)
			claimed, err := box.Claim(t.Context(), h.now.Add(time.Minute), 10, time.Minute)
			if err != nil || len(claimed) != 1 || !slices.Equal(claimed[0].Done, names[:1]) {
				t.Fatalf("%+v %v", claimed, err)
			}
			if err := box.Bury(t.Context(), revoked[0], "gave up", names[:1]); err != nil {
				t.Fatal(err)
			}
			see("given up", grant.ConsequenceDone, grant.ConsequenceFailed, grant.ConsequenceFailed)
			desk := &event.Desk{Queue: h.db.OutboxQueue(), Now: h.clock}
			if err := desk.Retry(t.Context(), revoked[0], by); err != nil {
				t.Fatal(err)
			}
			h.follow(t)
			see("tried again", grant.ConsequenceDone, grant.ConsequenceDone, grant.ConsequenceDone)
			j := job.Job{Queue: grant.LogoutQueue, Key: revoked[0] + "/s/c", Payload: []byte("p"), RunAt: h.now, Deadline: h.now.Add(time.Hour)}
			if err := h.db.Jobs().Enqueue(t.Context(), []job.Job{j, j}); err != nil {
				t.Fatal(err)
			}
			see("an app has yet to be told", grant.ConsequenceWaiting, grant.ConsequenceDone, grant.ConsequenceDone)
		})
	}
}
