package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// ask sends a request, with headers as names and values, as the operator unless it
// has a token or X-Nobody.
type ask func(method, path, body string, headers ...string) (int, string)

// management returns the API over a database of its own.
func management(t *testing.T) ask {
	t.Helper()
	ask, _ := managed(t)
	return ask
}

// managed is management with the database.
func managed(t *testing.T) (ask, *storage.DB) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var revocations *revoke.Sequence
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: "sqlite", Dir: t.TempDir(), Now: time.Now, Log: log, Raised: func(ctx context.Context) error { return revocations.Sync(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	revocations = revoke.New(revoke.Options{Store: db, Now: time.Now, Log: log})
	vault, vaultErr := keys.NewVault(make([]byte, 32))
	ring := keys.NewRing(keys.RingOptions{Store: db, Vault: vault, Now: time.Now, Log: log, Algorithms: []keys.Algorithm{keys.ES256}})
	if err := errors.Join(vaultErr, revocations.Start(t.Context()), ring.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	people := directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Now: time.Now})
	mux := http.NewServeMux()
	members := map[admin.Role][]string{admin.Admin: {"admins"}}
	a := api.New(api.Options{
		Product: "Gatehouse", Issuer: "https://login.example", Grants: db, Now: time.Now,
		Admin:       admin.New(admin.Options{Store: db, Directory: db, Groups: people, Members: members, Now: time.Now}),
		Apps:        catalog.NewService(catalog.Options{Store: db, Issuer: "https://login.example", Now: time.Now}),
		People:      people,
		Directory:   db,
		Connections: []api.Connection{{ID: "acme", Title: "Acme Workforce", Type: "oidc", Issuer: "https://idp.example"}},
		Sessions: session.New(session.Options{
			Store: db, People: people, Revocations: revocations, Era: db.Era(), Now: time.Now, Idle: time.Hour, Absolute: time.Hour, Actor: httpx.Actor,
		}),
		Keys:     ring,
		Audit:    db,
		Mappings: func(ctx context.Context) ([]directory.Mapping, error) { return db.Mappings(ctx) },
		Actor:    httpx.Actor,
	})
	a.Mount(mux, func(r *http.Request) (admin.Principal, error) {
		if r.Header.Get("Authorization") == "" && r.Header.Get("X-Nobody") == "" {
			return api.Operator(r)
		}
		return a.Bearer(r)
	})
	return func(method, path, body string, headers ...string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}, db
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile("../catalog/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func batch(t *testing.T, name string, data []byte) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"files": []catalog.File{{Name: name, Data: data}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAnImportSaysWhatKeepsTheAppFromBeingUsed(t *testing.T) {
	ask := management(t)
	status, answer := ask(http.MethodPost, "/apps:import", batch(t, "s9.json", read(t, "metadata/good-s9.json")))
	if status != http.StatusOK || !strings.Contains(answer, `"missing":["owner","groups","keys"]`) || !strings.Contains(answer, `"outcome":"created"`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := ask(http.MethodGet, "/apps/hr-feedback", ""); status != http.StatusOK || !strings.Contains(answer, "microapp-hr-feedback") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestABadManifestIsRefusedWithEveryFaultAndItsPlace(t *testing.T) {
	ask := management(t)
	status, answer := ask(http.MethodPost, "/apps:import", batch(t, "names.yaml", read(t, "manifest/names.yaml")))
	if status != http.StatusBadRequest || !strings.Contains(answer, `"code":"manifest_invalid"`) ||
		!strings.Contains(answer, "names.yaml:4:9: metadata.name") || !strings.Contains(answer, "names.yaml:18:17: spec.identity.oidc.clientId") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := ask(http.MethodGet, "/apps", ""); status != http.StatusOK || strings.Contains(answer, "hr") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestASecretIsInTheAnswerThatMadeItAndInNoOther(t *testing.T) {
	ask := management(t)
	_, made := ask(http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml")))
	if !strings.Contains(made, `"client_secret":"`) {
		t.Fatal(made)
	}
	for _, again := range []struct{ method, path, body string }{
		{http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml"))},
		{http.MethodGet, "/apps/hr-feedback", ""},
		{http.MethodGet, "/apps", ""},
		{http.MethodPost, "/apps/hr-feedback/disable", ""},
		{http.MethodPost, "/apps/hr-feedback/enable", ""},
	} {
		if status, answer := ask(again.method, again.path, again.body); status != http.StatusOK || strings.Contains(answer, "secret\":") || strings.Contains(answer, "hash") {
			t.Errorf("%s %s: %d %s", again.method, again.path, status, answer)
		}
	}
	if _, rotated := ask(http.MethodPost, "/apps/hr-feedback/secret", ""); !strings.Contains(rotated, `"client_secret":"`) {
		t.Error(rotated)
	}
}

func TestRequestsThatMeanNothingHereAreRefused(t *testing.T) {
	ask := management(t)
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"unknown app":            {http.MethodGet, "/apps/nobody", "", http.StatusNotFound},
		"removing nothing":       {http.MethodDelete, "/apps/nobody", "", http.StatusNotFound},
		"another app's manifest": {http.MethodPut, "/apps/other", string(read(t, "manifest/good-minimal.yaml")), http.StatusBadRequest},
		"unknown member":         {http.MethodPost, "/apps:import", `{"files":[],"force":true}`, http.StatusBadRequest},
		"no JSON":                {http.MethodPost, "/apps:import", `files`, http.StatusBadRequest},
		"pruning by no folder":   {http.MethodPost, "/apps:import", `{"files":[],"prune":true}`, http.StatusBadRequest},
		"pruning by an empty one": {
			http.MethodPost, "/apps:import", `{"files":[],"folder":true,"prune":true}`, http.StatusConflict,
		},
	} {
		if status, answer := ask(c.method, c.path, c.body); status != c.want || !strings.Contains(answer, `"code"`) {
			t.Errorf("%s: %d %s, want %d", name, status, answer, c.want)
		}
	}
}

func TestAMappingIsSetListedAndTakenAway(t *testing.T) {
	ask := management(t)
	if status, answer := ask(http.MethodPut, "/mappings/acme/00g1", `{"name":"all-employees"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if _, answer := ask(http.MethodGet, "/mappings", ""); !strings.Contains(answer, "all-employees") {
		t.Error(answer)
	}
	if status, _ := ask(http.MethodDelete, "/mappings/acme/00g1", ""); status != http.StatusOK {
		t.Error(status)
	}
	if status, _ := ask(http.MethodDelete, "/mappings/acme/00g1", ""); status != http.StatusNotFound {
		t.Errorf("taken away twice: %d", status)
	}
}

func TestPeopleAreListedAndFoundByID(t *testing.T) {
	ask := management(t)
	if status, answer := ask(http.MethodGet, "/people", ""); status != http.StatusOK || strings.TrimSpace(answer) != `{"people":[]}` {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := ask(http.MethodGet, "/people/nobody", ""); status != http.StatusNotFound {
		t.Errorf("nobody: %d", status)
	}
}
