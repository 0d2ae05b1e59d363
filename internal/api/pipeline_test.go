package api_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

// apps applies n apps named app-00, app-01, …; the title of the last is title.
func (b *broker) apps(t *testing.T, n int, title string) {
	t.Helper()
	manifest := string(read(t, "manifest/good-minimal.yaml"))
	for i := range n {
		name := fmt.Sprintf("app-%02d", i)
		m := strings.ReplaceAll(strings.ReplaceAll(manifest, "name: hr-feedback", "name: "+name), "microapp-hr-feedback", "client-"+name)
		if i == n-1 {
			m = strings.Replace(m, "title: HR Feedback", fmt.Sprintf("title: %q", title), 1)
		}
		if a := b.ask(t, http.MethodPut, "/apps/"+name, m); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

func TestAListComesInPagesSortedAndFiltered(t *testing.T) {
	b := start(t)
	b.apps(t, 5, "Last")
	name := regexp.MustCompile(`"name":"(app-\d\d)","manifest"`)
	for query, want := range map[string]string{
		"": "00 01 02 03 04", "sort=-name": "04 03 02 01 00", "sort=-created": "04 03 02 01 00", "q=last": "04", "q=client-app-02": "02", "team=none": "", "disabled=false&sort=updated": "00 01 02 03 04",
	} {
		var got []string
		for after := ""; ; {
			items, next := b.ask(t, http.MethodGet, "/apps?limit=2&"+query+"&after="+after, "").items(t)
			for _, i := range items {
				got = append(got, strings.TrimPrefix(name.FindStringSubmatch(string(i))[1], "app-"))
			}
			if after = next; next == "" {
				break
			}
			if len(items) != 2 {
				t.Errorf("%s: a page of %d", query, len(items))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", query, got, want)
		}
	}
	_, next := b.ask(t, http.MethodGet, "/apps?limit=2", "").items(t)
	for _, bad := range []string{
		"limit=0", "limit=1001", "limit=many", "limit=%2B5", "after=x", "after=" + next + "&sort=-created", "sort=size", "disabled=perhaps", "limit=1&limit=2", "filter=x", "format=xml", "q=%ff",
	} {
		if a := b.ask(t, http.MethodGet, "/apps?"+bad, ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, `"pointer"`) && !strings.Contains(bad, "%ff") {
			t.Errorf("%s: %d %s", bad, a.status, a.body)
		}
	}
}

func TestAListIsExportedWhole(t *testing.T) {
	b := start(t)
	b.apps(t, 3, "=HYPERLINK(0)")
	a := b.ask(t, http.MethodGet, "/apps?format=csv", "")
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][0] != "name" || rows[3][1] != "'=HYPERLINK(0)" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
		t.Errorf("%v %q %v", err, rows, a.header)
	}
	for _, as := range [][]string{{"/apps?format=jsonl"}, {"/apps", "Accept", "application/jsonl"}, {"/apps", "Accept", "text/html;q=0.1, application/x-ndjson"}} {
		a := b.ask(t, http.MethodGet, as[0], "", as[1:]...)
		if lines := strings.Count(a.body, "\n"); a.status != http.StatusOK || lines != 3 || a.header.Get("Content-Type") != "application/jsonl" {
			t.Errorf("%v: %d, %d lines", as, a.status, lines)
		}
	}
	if a := b.ask(t, http.MethodGet, "/apps?format=jsonl&limit=2", ""); strings.Count(a.body, "\n") != 2 {
		t.Error(a.body)
	}
	if a := b.ask(t, http.MethodGet, "/apps?format=csv&after=x", ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, "cursor_invalid") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAChangeIsRefusedWhenTheResourceIsNotWhatWasSeen(t *testing.T) {
	b := start(t)
	b.apps(t, 1, "One")
	seen := b.ask(t, http.MethodGet, "/apps/app-00", "").header.Get("ETag")
	if a := b.ask(t, http.MethodGet, "/apps/app-00", "", "If-None-Match", seen); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, "/apps/app-00/disable", "", "If-Match", seen); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, c := range []struct{ method, path, tag string }{
		{http.MethodDelete, "/apps/app-00", seen}, {http.MethodPost, "/apps/app-00/enable", seen}, {http.MethodDelete, "/apps/app-00", `"x", W/"y"`}, {http.MethodDelete, "/apps/gone", seen},
	} {
		if a := b.ask(t, c.method, c.path, "", "If-Match", c.tag); a.status != http.StatusPreconditionFailed {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
	if a := b.ask(t, http.MethodPost, "/keys/ES256/rotate", "", "If-Match", seen); a.status != http.StatusBadRequest {
		t.Errorf("what has no tag: %d %s", a.status, a.body)
	}
	now := b.ask(t, http.MethodGet, "/apps/app-00", "").header.Get("ETag")
	if a := b.ask(t, http.MethodDelete, "/apps/app-00", "", "If-Match", `"x", `+now); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestARequestWithAKeyIsDoneOnce(t *testing.T) {
	b := start(t)
	ada, bob := b.token(t, admin.Admin), b.token(t, admin.Admin)
	body := `{"name":"import","roles":["auditor"]}`
	post := func(who, key, body string) asked {
		t.Helper()
		return b.ask(t, http.MethodPost, "/tokens", body, "Authorization", who, "Idempotency-Key", key)
	}
	first := post(ada, "k1", body)
	if first.status != http.StatusCreated || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	again := post(ada, "k1", body)
	if again.status != first.status || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("%d %s, first %s", again.status, again.body, first.body)
	}
	if a := post(ada, "k1", `{"name":"other","roles":["auditor"]}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("another request: %d %s", a.status, a.body)
	}
	if a := post(bob, "k1", body); a.status != http.StatusCreated || a.body == first.body {
		t.Errorf("somebody else's: %d", a.status)
	}
	for _, key := range []string{strings.Repeat("k", 256), "k k", "ké"} {
		if a := post(ada, key, body); a.status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", key, a.status, a.body)
		}
	}
	// What was refused as malformed did nothing: the key may come with the right one.
	if a := post(ada, "k2", `{"name":""}`); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := post(ada, "k2", body); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Any other refusal is an answer and stays one.
	gone := func() asked {
		return b.ask(t, http.MethodPost, "/apps/app-00/disable", "", "Authorization", ada, "Idempotency-Key", "k3")
	}
	if a := gone(); a.status != http.StatusNotFound {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.apps(t, 1, "One")
	if a := gone(); a.status != http.StatusNotFound || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.now.Store(int64(25 * time.Hour))
	if a := post(ada, "k1", body); a.status != http.StatusCreated || a.body == first.body {
		t.Errorf("a day later the key is free: %d", a.status)
	}
}

func TestOfTheSameRequestsAtOnceOneIsDone(t *testing.T) {
	b := start(t)
	codes := make([]int, 6)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() {
			codes[i] = b.ask(t, http.MethodPost, "/tokens", `{"name":"x","roles":["auditor"]}`, "Idempotency-Key", "k").status
		})
	}
	all.Wait()
	for _, code := range codes {
		if code != http.StatusCreated && code != http.StatusConflict {
			t.Errorf("%v", codes)
		}
	}
	if tokens, err := b.admin.Tokens(t.Context()); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestOfTwoChangesOfWhatWasSeenOneIsRefused(t *testing.T) {
	b := start(t)
	b.apps(t, 1, "One")
	seen := b.ask(t, http.MethodGet, "/apps/app-00", "").header.Get("ETag")
	codes := make([]int, 2)
	var all sync.WaitGroup
	for i, path := range []string{"/apps/app-00/disable", "/apps/app-00/secret"} {
		all.Go(func() { codes[i] = b.ask(t, http.MethodPost, path, "", "If-Match", seen).status })
	}
	all.Wait()
	if codes[0]+codes[1] != http.StatusOK+http.StatusPreconditionFailed {
		t.Errorf("%v", codes)
	}
}

func TestAnAnswerIsKeptWithoutAReadableSecret(t *testing.T) {
	b := start(t)
	made := b.ask(t, http.MethodPost, "/tokens", `{"name":"x","roles":["auditor"]}`, "Idempotency-Key", "k")
	secret := regexp.MustCompile(`gha_[A-Za-z0-9_-]{43}`).FindString(made.body)
	if secret == "" {
		t.Fatal(made.body)
	}
	_, _, sealed, err := b.db.ClaimAnswer(t.Context(), "operator:local", "k", []byte("other"), b.clock(), b.clock())
	if err != nil || len(sealed) == 0 || strings.Contains(string(sealed), secret) || strings.Contains(string(sealed), "secret") {
		t.Errorf("%v %q", err, sealed)
	}
}

func TestWithoutAnAnswerAKeyIsNotDoneTwice(t *testing.T) {
	b := start(t)
	if _, _, _, err := b.db.ClaimAnswer(t.Context(), "operator:local", "k", []byte("another"), b.clock(), b.clock().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if a := b.ask(t, http.MethodPost, "/keys/ES256/rotate", "", "Idempotency-Key", "k"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The same request, whose first try is under way or was cut off.
	rotate := func() asked { return b.ask(t, http.MethodPost, "/keys/ES256/rotate", "", "Idempotency-Key", "k2") }
	if a := rotate(); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	_, print, _, err := b.db.ClaimAnswer(t.Context(), "operator:local", "k2", []byte("other"), b.clock(), b.clock())
	if err != nil {
		t.Fatal(err)
	}
	b.now.Store(int64(48 * time.Hour))
	if claimed, _, _, err := b.db.ClaimAnswer(t.Context(), "operator:local", "k2", print, b.clock(), b.clock().Add(time.Hour)); err != nil || !claimed {
		t.Fatal(err)
	}
	if a := rotate(); a.status != http.StatusConflict || !strings.Contains(a.body, "idempotency_key_in_use") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWhatAPathOrBodyMustNotHaveIsRefused(t *testing.T) {
	b := start(t)
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		want               int
	}{
		"a path that is not there": {http.MethodGet, "/nothing", "", nil, http.StatusNotFound},
		"a method that is not":     {http.MethodPatch, "/apps", "", nil, http.StatusMethodNotAllowed},
		"NUL in a path":            {http.MethodGet, "/people/a%00b", "", nil, http.StatusNotFound},
		"no UTF-8 in a path":       {http.MethodGet, "/people/%ff", "", nil, http.StatusNotFound},
		"a long path":              {http.MethodGet, "/people/" + strings.Repeat("a", 600), "", nil, http.StatusNotFound},
		"a body where none is":     {http.MethodPost, "/keys/ES256/rotate", `{"x":1}`, nil, http.StatusBadRequest},
		"another media type":       {http.MethodPost, "/tokens", `{}`, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		"no media type":            {http.MethodPost, "/tokens", `{}`, []string{"Content-Type", ""}, http.StatusUnsupportedMediaType},
		"a large body":             {http.MethodPost, "/tokens", `{"name":"` + strings.Repeat("a", 2<<20) + `"}`, nil, http.StatusRequestEntityTooLarge},
		"no UTF-8 in a body":       {http.MethodPost, "/tokens", "{\"name\":\"\xff\"}", nil, http.StatusBadRequest},
		"an unknown member":        {http.MethodPost, "/tokens", `{"name":"x","roles":["auditor"],"rôles":1}`, nil, http.StatusBadRequest},
	} {
		a := b.ask(t, c.method, c.path, c.body, c.headers...)
		if a.status != c.want || a.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.body, `"code"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if c.want == http.StatusMethodNotAllowed && a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%v", a.header)
		}
	}
	if a := b.ask(t, http.MethodPost, "/tokens", `{"name":"x","roles":["boss"]}`); !strings.Contains(a.body, `"pointer":"/roles"`) {
		t.Error(a.body)
	}
}
