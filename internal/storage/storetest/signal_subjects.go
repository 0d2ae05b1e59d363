package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func subjectsNoted(t *testing.T, db *storage.DB) {
	note := func(subjects ...signal.Subject) {
		t.Helper()
		if err := db.NoteSubjects(t.Context(), subjects); err != nil {
			t.Fatal(err)
		}
	}
	one := signal.Subject{Receiver: "noted", App: "noted-app", Person: "p1", Session: "noted-s1", Via: "app", Connection: "noted-c", Seen: now}
	again, own := one, signal.Subject{Receiver: "noted", Via: "nightly", Seen: now}
	again.Seen = now.Add(time.Hour)
	two := signal.Subject{Receiver: "noted", Person: "p2", Session: "noted-s2", Via: "app", Connection: "noted-c", Seen: now}
	note(one, two, own)
	note(again)
	with := func(about signal.Subject) (people []string) {
		t.Helper()
		for after := (*signal.Subject)(nil); ; {
			page, err := db.SubjectsWith(t.Context(), about, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return people
			}
			after = &page[0]
			people = append(people, page[0].Person)
		}
	}
	for _, c := range []struct {
		about signal.Subject
		want  []string
	}{
		{signal.Subject{Session: "noted-s1"}, []string{"p1"}},
		{signal.Subject{Connection: "noted-c"}, []string{"p1", "p2"}},
		{signal.Subject{Receiver: "noted", Person: "p2"}, []string{"p2"}},
		{signal.Subject{Via: "nightly"}, []string{""}},
		{signal.Subject{Receiver: "another", Session: "noted-s1"}, nil},
	} {
		if got := with(c.about); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.about, got)
		}
	}
	page, err := db.SubjectsWith(t.Context(), signal.Subject{Session: "noted-s1"}, nil, 10)
	if err != nil || len(page) != 1 || page[0] != again {
		t.Errorf("seen anew: %+v %v", page, err)
	}
	heir := one
	heir.App = "noted-heir"
	note(heir)
	if page, err = db.SubjectsWith(t.Context(), signal.Subject{Session: "noted-s1"}, nil, 10); err != nil || len(page) != 1 || page[0] != heir {
		t.Errorf("by who has the client_id since: %+v %v", page, err)
	}
}

func signedInAreSubjects(t *testing.T, db *storage.DB) {
	s := subject(t, db)
	for _, p := range []session.Participant{{Session: s.Session, Client: "seeded", App: "seeded-app", First: now}, {Session: s.Session, Client: "seeded-not", App: "another", First: now}} {
		if err := db.Join(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	newStream(t, db, "stream-seeded", "seeded")
	got, err := db.SubjectsWith(t.Context(), signal.Subject{Session: s.Session}, nil, 10)
	want := signal.Subject{Receiver: "seeded", App: "seeded-app", Person: s.Person, Session: s.Session, Via: "seeded", Connection: s.Connection, Seen: now}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
}
