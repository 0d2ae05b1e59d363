package storage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
)

// publish makes an app that lets staff in, and serves an API if it has an audience.
func (d *desk) publish(t *testing.T, name, audience string) catalog.App {
	t.Helper()
	resource := ""
	if audience != "" {
		resource = `, resource: {audience: "` + audience + `", scopes: [read]}`
	}
	m, err := catalog.Parse("app.yaml", []byte(`{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: `+name+`, title: App, description: The app of a test.},
spec: {owner: {team: team, primary: a@acme.example}, entitlements: [{name: user, description: Use it, groups: [staff]}],
identity: {protocol: oidc, oidc: {clientId: `+name+`-client, redirectUris: ["https://`+name+`.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}`+resource+`}}}`))
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := d.apps.Apply(t.Context(), m, by)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var staff = directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "00g1"}, Name: "staff"}

// arrives signs somebody in who is in the groups, and gives them a grant at the app.
func (d *desk) arrives(t *testing.T, subject string, app catalog.App, groups ...string) (person, family string) {
	t.Helper()
	p, err := d.people.SignIn(t.Context(), directory.Arrival{Authentication: identity.Authentication{Connection: "acme", Subject: subject}, Groups: groups}, by)
	if err != nil {
		t.Fatal(err)
	}
	hash, id := []byte(identity.NewID()), identity.NewID()
	if err := d.db.CreateCode(t.Context(), grant.Code{Hash: hash, Grant: id, Expires: d.now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	err = d.db.RedeemCode(t.Context(), hash, by, d.now, func(grant.Code) (grant.Redemption, error) {
		f := grant.Family{ID: id, Subject: grant.Subject{Person: p.ID, App: app.ID}, Offline: true, Expires: d.now.Add(time.Hour)}
		return grant.Redemption{Family: &f, First: &grant.RefreshToken{Hash: hash, Family: id, Expires: f.Expires}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID, id
}

func (d *desk) ended(t *testing.T, families ...string) (n int) {
	t.Helper()
	for _, id := range families {
		f, err := d.db.Family(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Ended.IsZero() {
			n++
		}
	}
	return n
}

// A mapping may be of a group of a hundred thousand: who is in the app loses it as many
// at a time as a transaction should hold up, and nobody is forgotten.
func TestWhatManyLoseTheyLoseInPortions(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			app := d.publish(t, "crm", "")
			if err := d.people.Map(t.Context(), staff, by); err != nil {
				t.Fatal(err)
			}
			var families []string
			for i := range 401 {
				_, f := d.arrives(t, fmt.Sprint("member-", i), app, "00g1")
				families = append(families, f)
			}
			_, other := d.arrives(t, "other", app, "00g2") // who had nothing to lose
			if err := d.people.Unmap(t.Context(), staff.Group, by); err != nil {
				t.Fatal(err)
			}
			counts := []int{d.ended(t, families...)}
			for {
				jobs, err := d.db.Jobs().Claim(t.Context(), d.now, 10, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				if len(jobs) == 0 {
					break
				}
				for _, j := range jobs {
					if j.Queue != access.SweepQueue {
						continue
					}
					if err := d.db.SweepAccess(t.Context(), j); err != nil {
						t.Fatal(err)
					}
					counts = append(counts, d.ended(t, families...))
				}
			}
			if first := counts[0]; first < 199 || first > 200 || counts[len(counts)-1] != 401 || len(counts) != 3 || d.ended(t, other) != 0 {
				t.Errorf("ended after each portion: %v, of who had nothing to lose: %d", counts, d.ended(t, other))
			}
		})
	}
}

func TestWhoHasTheRoleByAnotherGroupLosesNothing(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			app := d.publish(t, "crm", "")
			second := directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: "00g2"}, Name: "staff"}
			for _, m := range []directory.Mapping{staff, second} {
				if err := d.people.Map(t.Context(), m, by); err != nil {
					t.Fatal(err)
				}
			}
			_, both := d.arrives(t, "both", app, "00g1", "00g2")
			_, one := d.arrives(t, "one", app, "00g1")
			if err := d.people.Unmap(t.Context(), staff.Group, by); err != nil || d.ended(t, both) != 0 || d.ended(t, one) != 1 {
				t.Errorf("%v: who is in both: %d, in one: %d", err, d.ended(t, both), d.ended(t, one))
			}
			if _, family := d.arrives(t, "both", app, "00g3"); d.ended(t, both) != 1 || d.ended(t, family) != 0 {
				t.Error("the next sign-in tells of neither")
			}
		})
	}
}

// The token of another app for an API names the API's app by its audience alone.
func TestWhoLosesAnAPILosesTokensForIt(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			api := d.publish(t, "payroll", "https://payroll.example")
			if err := d.people.Map(t.Context(), staff, by); err != nil {
				t.Fatal(err)
			}
			p, err := d.people.SignIn(t.Context(), directory.Arrival{Authentication: identity.Authentication{Connection: "acme", Subject: "1"}, Groups: []string{"00g1"}}, by)
			if err != nil {
				t.Fatal(err)
			}
			s := session.Session{ID: "s1", SecretHash: []byte("s1"), Person: p.ID, Created: d.now, LastSeen: d.now, IdleAfter: time.Hour, Expires: d.now.Add(time.Hour)}
			if err := d.db.CreateSession(t.Context(), s, nil); err != nil {
				t.Fatal(err)
			}
			if err := d.people.Unmap(t.Context(), staff.Group, by); err != nil {
				t.Fatal(err)
			}
			entries, err := d.db.Since(t.Context(), 0, 100)
			var refs []identity.Ref
			for _, e := range entries {
				refs = append(refs, e.Ref)
			}
			if err != nil || !slices.Equal(refs, []identity.Ref{identity.Install(p.ID, api.ID), identity.Install(p.ID, "https://payroll.example")}) {
				t.Errorf("%v %v", refs, err)
			}
		})
	}
}

func TestAnOlderBrokerTakesNoAssignmentAway(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			app := d.publish(t, "crm", "")
			person, _ := d.arrives(t, "1", app)
			a, err := d.gives.Assign(t.Context(), "crm", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: person}, Reason: "a test"}, by)
			if err != nil {
				t.Fatal(err)
			}
			has := func() []directory.Assigned {
				p, err := d.db.Person(t.Context(), person)
				if err != nil {
					t.Fatal(err)
				}
				return p.Assigned
			}
			if got := has(); len(got) != 1 || got[0].ID != a.ID {
				t.Fatalf("control: %+v", got)
			}
			for name, again := range map[string]func() error{
				"made up for": func() error { return d.db.DerivePeople(t.Context()) },
				"the next change": func() error {
					_, err := d.db.UpdatePerson(t.Context(), person, func(p directory.Person) (directory.Person, []event.Event, error) { return p, nil, nil })
					return err
				},
			} {
				// It writes the row without what it does not know.
				p, err := d.db.Person(t.Context(), person)
				if err != nil {
					t.Fatal(err)
				}
				body := `{"id":"` + p.ID + `","identities":[{"connection":"acme","subject":"1"}],"profile":{},"created":"2026-11-26T09:00:00Z","updated":"2026-11-26T09:00:00Z"}`
				if err := d.db.Exec(t.Context(), `UPDATE people SET version = version + 1, body = '`+body+`'`); err != nil || len(has()) != 0 {
					t.Fatalf("%v %+v", err, has())
				}
				if err := again(); err != nil || len(has()) != 1 {
					t.Errorf("%s: %v %+v", name, err, has())
				}
			}
		})
	}
}

func TestAnAppThatAnOlderBrokerWroteIsFoundByItsGroups(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			app := d.publish(t, "crm", "")
			forget := func() {
				for _, statement := range []string{`DELETE FROM app_groups`, `UPDATE counters SET number = number + 1 WHERE name = 'apps'`} {
					if err := d.db.Exec(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
			}
			for name, before := range map[string]func() error{"at once": func() error { return nil }, "once it was made up for": func() error { return d.db.DeriveApps(t.Context()) }} {
				if err := d.people.Map(t.Context(), staff, by); err != nil {
					t.Fatal(err)
				}
				_, family := d.arrives(t, name, app, "00g1")
				forget()
				if err := before(); err != nil {
					t.Fatal(err)
				}
				if err := d.people.Unmap(t.Context(), staff.Group, by); err != nil || d.ended(t, family) != 1 {
					t.Errorf("%s: %v, %d ended", name, err, d.ended(t, family))
				}
			}
		})
	}
}
