package storetest

import (
	"errors"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func usersKept(t *testing.T, db *storage.DB) {
	p, other := pusher(t, db, "users"), pusher(t, db, "users-other")
	email := map[string]any{"emails": []any{map[string]any{"value": "Zoe@acme.example", "type": "work"}}, "displayName": "Zoë Ångström"}
	u := p.user("Zoë", "e-1", email)
	person, err := db.Person(t.Context(), u.Person)
	if err != nil || person.Profile.Email != "Zoe@acme.example" || !person.Profile.EmailVerified || person.Profile.Name != "Zoë Ångström" || len(person.Records) != 1 {
		t.Errorf("the person: %+v, %v", person, err)
	}
	again, existed, err := p.CreateUser(t.Context(), p.op(), record.User{ID: identity.NewID(), ExternalID: "e-1", UserName: "Zoë", Active: true, Attributes: email})
	if err != nil || !existed || again.ID != u.ID || again.Person != u.Person {
		t.Errorf("made again: %+v %v %v", again, existed, err)
	}
	for what, bad := range map[string]record.User{
		"another user of the name": {UserName: "ZOË", ExternalID: "e-2", Active: true},
		"another of the id":        {UserName: "zoe", ExternalID: "e-1", Active: true},
		"one with other values":    {UserName: "Zoë", ExternalID: "e-1", Active: true},
	} {
		bad.ID = identity.NewID()
		_, _, err := p.CreateUser(t.Context(), p.op(), bad)
		p.refused(what, err, record.ErrTaken)
	}
	if v := other.user("Zoë", "e-1", nil); v.Person == u.Person {
		t.Error("two connections share a person")
	}
	_, err = other.User(t.Context(), "users-other", u.ID)
	other.refused("another connection's id", err, record.ErrUserNotFound)
	_, err = other.UpdateUser(t.Context(), other.op(), "users-other", u.ID, 0, func(u record.User) (record.User, error) { return u, nil })
	other.refused("changing it", err, record.ErrUserNotFound)
	other.refused("deleting it", other.DeleteUser(t.Context(), other.op(), "users-other", u.ID, 0), record.ErrUserNotFound)

	rename := func(name string) func(record.User) (record.User, error) {
		return func(u record.User) (record.User, error) { u.UserName = name; return u, nil }
	}
	_, err = p.UpdateUser(t.Context(), p.op(), "users", u.ID, record.Match(u.Version+1), rename("zz"))
	p.refused("a version that is not", err, record.ErrVersion)
	second := p.user("second", "", nil)
	_, err = p.UpdateUser(t.Context(), p.op(), "users", second.ID, 0, rename("zOË"))
	p.refused("a name that is taken", err, record.ErrTaken)
	changed, err := p.UpdateUser(t.Context(), p.op(), "users", u.ID, record.Match(u.Version), rename("zoe"))
	if err != nil || changed.UserName != "zoe" || changed.Version != u.Version+1 || !changed.Updated.After(u.Updated) {
		t.Errorf("renamed: %+v %v", changed, err)
	}
	same, err := p.UpdateUser(t.Context(), p.op(), "users", u.ID, 0, rename("zoe"))
	if err != nil || same.Version != changed.Version || !same.Updated.Equal(changed.Updated) {
		t.Errorf("nothing was changed: %+v %v", same, err)
	}
}

func leaversLeave(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "leavers")
	key := directory.Key{Connection: "leavers", Subject: "s-1", ExternalID: "s-1"}
	u := p.user("leaver", "s-1", nil)
	arrive := func(old *directory.Person) (directory.Person, []event.Event, error) {
		if old == nil {
			return directory.Person{}, nil, errors.New("nobody is there")
		}
		next := *old
		if err := next.Over("leavers", directory.SCIM); err != nil {
			return next, nil, err
		}
		next.Identities = []directory.Identity{{Connection: "leavers", Subject: "s-1"}}
		return next, nil, nil
	}
	signed, err := db.SignIn(t.Context(), key, arrive)
	if err != nil || signed.ID != u.Person {
		t.Fatalf("the first sign-in: %+v, %v", signed, err)
	}
	before, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := func(active bool) {
		t.Helper()
		_, err := p.UpdateUser(t.Context(), p.op(), "leavers", u.ID, 0, func(u record.User) (record.User, error) { u.Active = active; return u, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	if head, err := db.Head(t.Context()); err != nil || head != before+1 {
		t.Errorf("revocations from %d to %d, %v", before, head, err)
	}
	_, err = db.SignIn(t.Context(), key, arrive)
	p.refused("who left", err, directory.ErrLeft)
	set(true)
	if _, err = db.SignIn(t.Context(), key, arrive); err != nil {
		t.Errorf("who is back: %v", err)
	}
	if err := p.DeleteUser(t.Context(), p.op(), "leavers", u.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, err = p.User(t.Context(), "leavers", u.ID)
	p.refused("who was deleted", err, record.ErrUserNotFound)
	_, err = db.SignIn(t.Context(), key, arrive)
	p.refused("who was deleted signs in", err, directory.ErrLeft)
	if back := p.user("leaver", "s-1", nil); back.Person != u.Person || back.ID == u.ID {
		t.Errorf("hired again: %+v", back)
	}
	if _, err = db.SignIn(t.Context(), key, arrive); err != nil {
		t.Errorf("hired again, and signs in: %v", err)
	}
}
