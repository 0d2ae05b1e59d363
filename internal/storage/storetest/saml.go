package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// attended sees that a session keeps what an app was told first, and that nothing
// joins one that ended.
func attended(t *testing.T, db *storage.DB) {
	t.Helper()
	ctx := t.Context()
	s := session.Session{ID: "attended", SecretHash: []byte("attended"), Person: "attends", LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour)}
	if err := db.CreateSession(ctx, s, nil); err != nil {
		t.Fatal(err)
	}
	attend := func(name, format, index string) (session.Participant, error) {
		told := event.New(now, "assertion.issued", actor, identity.Session(s.ID))
		return db.Attend(ctx, session.Participant{
			Session: s.ID, App: "a", Client: "https://app.example/saml", First: now, NameID: name, NameFormat: format, SessionIndex: index,
		}, []event.Event{told})
	}
	first, err := attend("one", "transient", "_1")
	if err != nil || first.NameID != "one" || first.SessionIndex != "_1" || !first.First.Equal(now) {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := attend("two", "transient", "_2"); err != nil || again != first {
		t.Errorf("again: %+v %v", again, err)
	}
	other, err := attend("a@acme.example", "email", "_3")
	if err != nil || other.NameID != "a@acme.example" || other.SessionIndex != "_1" {
		t.Errorf("another format: %+v %v", other, err)
	}
	if all, err := db.Participants(ctx, s.ID); err != nil || !slices.Equal(all, []session.Participant{other}) {
		t.Errorf("%+v %v", all, err)
	}
	_, err = db.UpdateSession(ctx, s.ID, func(s session.Session) (session.Session, []event.Event, error) {
		return s, []event.Event{event.New(now, "session.ended", actor, identity.Session(s.ID)).Revoking(identity.Session(s.ID))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if late, err := attend("three", "email", "_4"); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("after the end: %+v %v", late, err)
	}
	if n := audited(t, db, "assertion.issued", identity.Session(s.ID)); n != 3 {
		t.Errorf("%d entries of three assertions", n)
	}
}

// samlKeysApart sees that keys for SAML and keys for tokens never meet.
func samlKeysApart(t *testing.T, db *storage.DB) {
	t.Helper()
	before, err := db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made := keys.Record{ID: "saml-key", Algorithm: keys.SAML, Public: []byte("p"), Certificate: []byte("c"), Private: []byte("s"), Published: now}
	err = db.SAMLKeys().Rotate(t.Context(), func([]keys.Record) ([]keys.Record, []event.Event, error) { return []keys.Record{made}, nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	after, err := db.Keys(t.Context())
	if err != nil || len(after) != len(before) {
		t.Errorf("%d keys of tokens became %d, %v", len(before), len(after), err)
	}
	kept, err := db.SAMLKeys().Keys(t.Context())
	if err != nil || len(kept) != 1 || kept[0].ID != made.ID || string(kept[0].Certificate) != "c" || !kept[0].Published.Equal(now) {
		t.Errorf("%+v %v", kept, err)
	}
}

// audited counts the entries of a type about a subject.
func audited(t *testing.T, db *storage.DB, typ string, subject identity.Ref) int {
	t.Helper()
	n := 0
	for _, e := range everything(t, db, audit.Query{Limit: 1000, Subject: subject.String()}) {
		if e.Type == typ {
			n++
		}
	}
	return n
}
