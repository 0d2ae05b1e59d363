package integration

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// signIn opens an app as a person of the demo and returns their browser.
func (s *stage) signIn(t *testing.T, person, app string) *browser.Browser {
	t.Helper()
	who := s.Facts().Person(person)
	b := browser.New()
	page, err := b.Get(t.Context(), s.Facts().App(app).URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	page, err = b.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := page.ByID("who"); got != who.Email {
		t.Fatalf("%s is not signed in to %s: %s", person, app, page.Text())
	}
	return b
}

// account returns the text of the account page, and whether the browser is signed in.
func (s *stage) account(t *testing.T, b *browser.Browser) (text string, signedIn bool) {
	t.Helper()
	page, err := b.Get(t.Context(), s.Facts().Account)
	if err != nil {
		t.Fatal(err)
	}
	_, signedIn = page.ByID("signed-in-as")
	return page.Text(), signedIn
}

func (s *stage) signOutEverywhere(t *testing.T, b *browser.Browser) {
	t.Helper()
	page, err := b.Get(t.Context(), s.Facts().Account)
	if err == nil {
		_, err = b.Submit(t.Context(), page, "everywhere", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is revoked leaves memory after a while. A session that is older than what
// memory holds is still good: the database would say if it had ended.
func TestASessionOutlivesTheMemoryOfOtherPeoplesRevocations(t *testing.T) {
	var passed atomic.Int64
	s := startDemoAt(t, tempDir(t), nil, func() time.Time { return time.Now().Add(time.Duration(passed.Load())) })
	alice := s.signIn(t, "alice", "expense-bot")
	s.signOutEverywhere(t, s.signIn(t, "alice", "expense-bot"))
	other := s.signIn(t, "alice", "expense-bot")
	s.signOutEverywhere(t, s.signIn(t, "bob", "expense-bot"))
	if _, in := s.account(t, alice); in {
		t.Error("signed out everywhere, and still in")
	}
	passed.Store(int64(30 * time.Minute))
	// The broker is ready again once it has followed the sequence by the new clock,
	// which is also when it forgets.
	eventually(t, "the broker is ready", func() bool {
		res, err := http.Get(s.Issuer() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	if text, in := s.account(t, other); !in {
		t.Errorf("somebody else's sign-out ended this session: %s", text)
	}
}

func TestAPersonTakesAccessAwayFromAnApp(t *testing.T) {
	s := startDemo(t, tempDir(t), nil)
	alice := s.signIn(t, "alice", "expense-bot")
	text, _ := s.account(t, alice)
	if !strings.Contains(text, "Apps with access") || !strings.Contains(text, "Expense Bot") {
		t.Fatalf("the app is not listed: %s", text)
	}
	page, err := alice.Get(t.Context(), s.Facts().Account)
	if err == nil {
		page, err = alice.Submit(t.Context(), page, "withdraw", nil)
	}
	if err != nil || page.Status != http.StatusOK {
		t.Fatalf("%v %s", err, page.Text())
	}
	if text := page.Text(); !strings.Contains(text, "No app holds access") || !strings.Contains(text, "alice@") {
		t.Errorf("%s", text)
	}
}

// A session that nobody ends ends by itself, and the apps in it hear of it.
func TestAnIdleSessionEndsByItself(t *testing.T) {
	var passed atomic.Int64
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, func() time.Time {
		return time.Now().Add(time.Duration(passed.Load()))
	})}
	alice, app := a.signIn(t, "alice", "expense-bot"), a.Facts().App("expense-bot")
	passed.Store(int64(9 * time.Hour)) // idle is 8 h
	eventually(t, "the app has signed the person out", func() bool {
		page, err := alice.Get(t.Context(), app.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, in := page.ByID("who")
		return !in
	})
	if text := string(a.manage(t, http.MethodGet, "/audit?type=session.ended", nil)); !strings.Contains(text, `"reason":"expired"`) {
		t.Error(text)
	}
}
