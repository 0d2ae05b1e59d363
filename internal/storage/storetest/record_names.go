package storetest

import (
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func namesMoveOn(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "names")
	signIn := func(subject, external string) (directory.Person, error) {
		return db.SignIn(t.Context(), directory.Key{Connection: "names", Subject: subject, ExternalID: external}, func(old *directory.Person) (directory.Person, []event.Event, error) {
			next := directory.Person{ID: identity.NewID(), Created: now, Updated: now}
			if old != nil {
				next = *old
			}
			own := directory.Identity{Connection: "names", Subject: subject}
			if len(next.Identities) == 0 {
				next.Identities = []directory.Identity{own}
			}
			return next, nil, next.Over("names", directory.JITAndSCIM)
		})
	}
	in := func(subject, external string) directory.Person {
		t.Helper()
		who, err := signIn(subject, external)
		if err != nil {
			t.Fatalf("%s signs in: %v", subject, err)
		}
		return who
	}
	name := func(u record.User, external string, active bool) error {
		_, err := p.UpdateUser(t.Context(), p.op(), "names", u.ID, 0, func(u record.User) (record.User, error) {
			u.ExternalID, u.Active = external, active
			return u, nil
		})
		return err
	}

	boss := in("s-boss", "s-boss")
	if err := p.Protect(t.Context(), identity.Person(boss.ID), true, now, nil); err != nil {
		t.Fatal(err)
	}
	u := p.user("plain", "s-plain", nil)
	plain := in("s-plain", "s-plain")
	if plain.ID != u.Person {
		t.Errorf("who signs in is %s, their record's %s", plain.ID, u.Person)
	}
	p.refused("the subject of who is protected", name(u, "s-boss", false), record.ErrProtected)
	in("s-boss", "s-boss")

	if err := name(u, "s-new", true); err != nil {
		t.Fatalf("control: a subject of nobody: %v", err)
	}
	fresh := in("s-new", "s-new")
	if fresh.ID == plain.ID || len(fresh.Identities) != 1 || len(fresh.Records) != 1 || fresh.Records[0].ID != u.ID || !fresh.Records[0].Active {
		t.Errorf("another subject: %+v, who had the record before: %+v", fresh, plain)
	}
	if again := in("s-plain", "s-plain"); again.ID != plain.ID || len(again.Records) != 0 {
		t.Errorf("who had the record before: %+v", again)
	}
	if again := in("s-new", "s-new"); again.ID != fresh.ID {
		t.Errorf("another sign-in of %s: %s", fresh.ID, again.ID)
	}
	if err := name(u, "s-new", false); err != nil {
		t.Fatal(err)
	}
	_, err := signIn("s-new", "s-new")
	p.refused("who left", err, directory.ErrLeft)
}

func adminsComeIn(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "spared")
	p.policy.Roles = []string{"spared-admins"}
	admins := identity.GroupRef{Connection: "spared", ID: "upstream-admins"}
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: admins, Name: "spared-admins"}, nil); err != nil {
		t.Fatal(err)
	}
	signIn := func(subject string, spared []string, groups ...identity.GroupRef) (directory.Person, error) {
		key := directory.Key{Connection: "spared", Subject: subject, ExternalID: "oid-" + subject, Spared: spared}
		return db.SignIn(t.Context(), key, func(old *directory.Person) (directory.Person, []event.Event, error) {
			next := directory.Person{ID: identity.NewID(), Created: now, Updated: now, Identities: []directory.Identity{{Connection: "spared", Subject: subject}}}
			if old != nil {
				next = *old
			}
			next.Groups = nil
			for _, g := range groups { // which held until an hour ago
				next.Groups = append(next.Groups, directory.Membership{Group: g, Source: directory.SourceSignIn, Since: now.Add(-13 * time.Hour), ValidUntil: now.Add(-time.Hour)})
			}
			return next, nil, next.Over("spared", directory.JITAndSCIM)
		})
	}
	off := func(u record.User) (record.User, error) { u.Active = false; return u, nil }
	for _, subject := range []string{"boss", "plain"} {
		var groups []identity.GroupRef
		if subject == "boss" {
			groups = append(groups, admins)
		}
		if _, err := signIn(subject, p.policy.Roles, groups...); err != nil {
			t.Fatal(err)
		}
		_, _, err := p.CreateUser(t.Context(), p.op(), record.User{ID: identity.NewID(), ExternalID: subject, UserName: "by subject " + subject})
		if subject == "boss" {
			p.refused("a record of an administrator who slept", err, record.ErrProtected)
		} else if err != nil {
			t.Errorf("control: a record of who has no role: %v", err)
		}
	}
	for _, subject := range []string{"boss", "other"} {
		if _, err := signIn(subject, p.policy.Roles, admins); err != nil {
			t.Fatal(err)
		}
		u := p.user(subject, "oid-"+subject, nil)
		if _, err := p.UpdateUser(t.Context(), p.op(), "spared", u.ID, 0, off); err != nil {
			t.Fatal(err)
		}
	}
	if who, err := signIn("boss", p.policy.Roles, admins); err != nil || len(who.Records) != 0 {
		t.Errorf("an administrator, of whom a record says that they left: %+v, %v", who, err)
	}
	_, err := signIn("other", nil, admins)
	p.refused("control: where the connection may say so of administrators", err, directory.ErrLeft)
}
