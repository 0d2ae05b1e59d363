package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// signedIn puts a person with sessions of these ids into the database.
func signedIn(t *testing.T, db *storage.DB, ids ...string) directory.Person {
	t.Helper()
	now := time.Now()
	p, err := db.SignIn(t.Context(), directory.Key{Connection: "acme", Subject: "subject"}, func(*directory.Person) (directory.Person, []event.Event, error) {
		return directory.Person{ID: "alice", Created: now, Identities: []directory.Identity{{Connection: "acme", Subject: "subject"}}}, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		err := db.CreateSession(t.Context(), session.Session{
			ID: id, SecretHash: []byte(id), Person: p.ID, Authentication: identity.Authentication{Connection: "acme", Subject: "subject"},
			Created: now, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour), Era: db.Era(),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	b := start(t)
	signedIn(t, b.db, "one", "two", "three")
	if status, answer := both(t, b, http.MethodDelete, "/sessions/two", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	_, answer := both(t, b, http.MethodGet, "/people/alice/sessions", "")
	if strings.Contains(answer, `"id":"two"`) || !strings.Contains(answer, `"id":"one"`) || !strings.Contains(answer, `"id":"three"`) {
		t.Error(answer)
	}
	if status, answer := both(t, b, http.MethodDelete, "/people/alice/sessions", ""); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if _, answer := both(t, b, http.MethodGet, "/people/alice/sessions", ""); strings.TrimSpace(answer) != `{"items":[]}` {
		t.Error(answer)
	}
	for _, unknown := range []struct{ method, path string }{
		{http.MethodGet, "/people/nobody/sessions"}, {http.MethodDelete, "/people/nobody/sessions"}, {http.MethodDelete, "/sessions/none"},
	} {
		if status, _ := both(t, b, unknown.method, unknown.path, ""); status != http.StatusNotFound {
			t.Errorf("%s %s: %d", unknown.method, unknown.path, status)
		}
	}
}

func TestConnectionsSayWhetherTheyAreOn(t *testing.T) {
	b := start(t)
	on := func() bool {
		_, answer := both(t, b, http.MethodGet, "/connections", "")
		return strings.Contains(answer, `"enabled":true`)
	}
	if !on() {
		t.Error("a configured connection is on")
	}
	if _, answer := both(t, b, http.MethodGet, "/connections/acme", ""); !strings.Contains(answer, `"discovered":"`) || !strings.Contains(answer, `"failure":"internal"`) || strings.Contains(answer, "lie") {
		t.Error(answer)
	}
	if status, answer := both(t, b, http.MethodPost, "/connections/acme/disable", ""); status != http.StatusNoContent || on() {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := both(t, b, http.MethodPost, "/connections/acme/enable", ""); status != http.StatusNoContent || !on() {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := both(t, b, http.MethodPost, "/connections/partner/disable", ""); status != http.StatusNotFound {
		t.Errorf("a connection that is not configured: %d", status)
	}
}

func TestKeysAreRotatedAndKilled(t *testing.T) {
	b := start(t)
	list := func(method, path string) map[string]string {
		t.Helper()
		status, answer := both(t, b, method, path, "")
		if status != http.StatusOK || strings.Contains(strings.ToLower(answer), "private") {
			t.Fatalf("%d %s", status, answer)
		}
		type key struct{ ID, Stage string }
		var all struct{ Items []key }
		list := []byte(answer)
		if strings.HasPrefix(answer, "[") {
			list = []byte(`{"items":` + answer + `}`)
		}
		if err := json.Unmarshal(list, &all); err != nil {
			t.Fatal(err)
		}
		stages := map[string]string{}
		for _, k := range all.Items {
			stages[k.Stage] = k.ID
		}
		return stages
	}
	first := list(http.MethodGet, "/keys")
	if len(first) != 1 || first["signing"] == "" {
		t.Fatal(first)
	}
	rotated := list(http.MethodPost, "/keys/ES256/rotate")
	if rotated["signing"] != first["signing"] || rotated["published"] == "" {
		t.Errorf("the next key waits for every cache to know it: %v", rotated)
	}
	if status, _ := both(t, b, http.MethodPost, "/keys/ES256/rotate", ""); status != http.StatusConflict {
		t.Errorf("rotated twice: %d", status)
	}
	killed := list(http.MethodPost, "/keys/"+first["signing"]+"/kill")
	if killed["killed"] != first["signing"] || killed["signing"] == "" {
		t.Errorf("%v", killed)
	}
	if status, _ := both(t, b, http.MethodPost, "/keys/HS256/rotate", ""); status != http.StatusBadRequest {
		t.Errorf("an algorithm that is not ours: %d", status)
	}
	if status, _ := both(t, b, http.MethodPost, "/keys/none/kill", ""); status != http.StatusNotFound {
		t.Errorf("an unknown key: %d", status)
	}
}

func TestTheAuditLogIsSearched(t *testing.T) {
	b := start(t)
	for _, path := range []string{"/connections/acme/disable", "/connections/acme/enable"} {
		b.ask(t, http.MethodPost, path, "")
	}
	for query, want := range map[string]int{
		"type=connection.": 2, "type=connection.disabled": 1, "subject=connection:acme": 2, "actor=operator:local&type=connection.": 2,
		"type=connection.&to=2020-01-01T00:00:00Z": 0, "type=connection.&from=2020-01-01T00:00:00Z": 2, "type=connection.&limit=1": 1,
	} {
		status, answer := both(t, b, http.MethodGet, "/audit?"+query, "")
		if got := strings.Count(answer, `"digest"`); status != http.StatusOK || got != want {
			t.Errorf("%s: %d, %d entries, want %d: %s", query, status, got, want, answer)
		}
	}
	var page struct{ Next string }
	_, answer := both(t, b, http.MethodGet, "/audit?type=connection.&limit=1", "")
	if err := json.Unmarshal([]byte(answer), &page); err != nil || page.Next == "" {
		t.Fatalf("%v %s", err, answer)
	}
	if _, answer := both(t, b, http.MethodGet, "/audit?type=connection.&limit=1&after="+page.Next, ""); !strings.Contains(answer, "connection.disabled") {
		t.Errorf("the second page has the older entry: %s", answer)
	}
	for _, bad := range []string{"from=yesterday", "limit=0", "limit=1001", "limit=many", "filter=x", "after=x", "type=a&type=b"} {
		if status, answer := both(t, b, http.MethodGet, "/audit?"+bad, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, status, answer)
		}
	}
}
