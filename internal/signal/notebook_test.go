package signal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

const issuer = "https://login.example"

func TestWhomATokenIsAboutIsNotedForWhoHasAStream(t *testing.T) {
	store, now := newShelf(streamTo("bot"), streamTo("payroll")), time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	apps := clients{"payroll": &registry.Client{ID: "payroll"}, "ledger": &registry.Client{ID: "ledger"}}
	n := signal.NewNotebook(signal.NotebookOptions{Issuer: issuer, Store: store, Audiences: apps, Now: func() time.Time { return now }})
	note := func(a token.Access) (fresh []string) {
		t.Helper()
		before := len(store.subjects)
		if err := n.Note(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		for _, s := range store.subjects[before:] {
			if s.Seen != now || s.Connection != a.Connection || s.App != s.Receiver {
				t.Errorf("%+v", s)
			}
			fresh = append(fresh, s.Receiver+" hears of "+s.Person+s.Session+" via "+s.Via)
		}
		return fresh
	}
	own := token.Access{Client: "bot", App: "bot", Audience: issuer, Person: "alice", Session: "1", Connection: "acme"}
	if got := note(own); got != nil {
		t.Errorf("before it is known who has a stream: %v", got)
	}
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    token.Access
		want []string
	}{
		{own, []string{"bot hears of alice1 via bot"}},
		{own, nil},
		{token.Access{Client: "crm", Audience: issuer, Person: "alice", Session: "1"}, nil},
		{token.Access{Client: "crm", Audience: "payroll", Person: "bob", Session: "2"}, []string{"payroll hears of bob2 via crm"}},
		{token.Access{Client: "crm", Audience: "ledger", Person: "bob", Session: "2"}, nil},
		{token.Access{Client: "crm", Audience: "gone", Person: "bob", Session: "2"}, nil},
		{token.Access{Client: "desk", Audience: "payroll", Person: "eve", Via: []token.Link{{Client: "bot"}}}, []string{"payroll hears of eve via desk", "payroll hears of eve via bot"}},
		{token.Access{Client: "nightly", Audience: "payroll"}, []string{"payroll hears of  via nightly"}},
		{token.Access{Client: "bot", Audience: issuer}, nil},
	} {
		if got := note(c.a); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
	now = now.Add(25 * time.Hour)
	if got := note(own); len(got) != 1 {
		t.Errorf("a day later it is noted again: %v", got)
	}
}

func TestWhoIsKnownToAnAppIsNotedAnewForWhoHasItsClientIDNext(t *testing.T) {
	store := newShelf(streamTo("bot"))
	n := signal.NewNotebook(signal.NotebookOptions{Issuer: issuer, Store: store, Audiences: clients{}, Now: func() time.Time { return now }})
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"bot", "bot", "heir"} {
		if err := n.Note(t.Context(), token.Access{Client: "bot", App: app, Audience: issuer, Person: "alice", Session: "1", Connection: "acme"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := store.subjects; len(got) != 2 || got[0].App != "bot" || got[1].App != "heir" {
		t.Errorf("%+v", got)
	}
}
