package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// document is what the tests read of the OpenAPI document.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]json.RawMessage }
}

type operation struct {
	OperationID string
	Summary     string
	Tags        []string
	Responses   map[string]struct{ Content map[string]content }
	RequestBody *struct{ Content map[string]content }
}

type content struct{ Schema, Example json.RawMessage }

func described(t *testing.T, b *broker) document {
	t.Helper()
	a := b.ask(t, http.MethodGet, "/openapi.json", "", nobody, "yes")
	var d document
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || a.status != http.StatusOK || d.OpenAPI != "3.1.0" {
		t.Fatalf("%v %d", err, a.status)
	}
	return d
}

// resolve reads a schema with those of the document that it refers to.
func (d document) resolve(t *testing.T, schema json.RawMessage) *jsonschema.Resolved {
	t.Helper()
	whole := map[string]any{}
	if err := json.Unmarshal(schema, &whole); err != nil {
		t.Fatal(err)
	}
	whole["$defs"] = d.Components.Schemas
	raw, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "#/components/schemas/", "#/$defs/")), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheDocumentDescribesEveryOperationWithExamplesThatFit(t *testing.T) {
	b := start(t)
	d := described(t, b)
	for _, rt := range b.Routes() {
		op, ok := d.Paths[rt.Path][strings.ToLower(rt.Method)]
		if !ok || op.OperationID != rt.ID || op.Summary == "" || len(op.Tags) != 1 || op.Responses["401"].Content == nil && len(op.Responses) < 4 {
			t.Errorf("%s: %+v", rt.ID, op)
		}
		check := func(what string, c content) {
			t.Helper()
			if c.Example == nil {
				t.Errorf("%s: the %s has no example", rt.ID, what)
				return
			}
			var v any
			if err := json.Unmarshal(c.Example, &v); err != nil {
				t.Fatal(err)
			}
			if err := d.resolve(t, c.Schema).Validate(v); err != nil {
				t.Errorf("%s: the example of the %s does not fit: %v", rt.ID, what, err)
			}
		}
		if op.RequestBody != nil {
			for media, c := range op.RequestBody.Content {
				check(media, c)
			}
		}
		for status, answer := range op.Responses {
			if c, ok := answer.Content["application/json"]; ok && status < "202" {
				check(status, c)
			}
		}
	}
}

func TestTheAPIIsShownAsAPageWithoutScripts(t *testing.T) {
	b := start(t)
	for _, path := range []string{"/", "/docs"} {
		a := b.ask(t, http.MethodGet, path, "", nobody, "yes")
		policy := a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || !strings.Contains(policy, "script-src 'none'") || strings.Contains(a.body, "<script") {
			t.Errorf("%s: %d %s", path, a.status, policy)
		}
		for _, rt := range b.Routes() {
			if !strings.Contains(a.body, `id="`+rt.ID+`"`) {
				t.Errorf("%s does not show %s", path, rt.ID)
			}
		}
	}
}

// hostile are values that readers trip over.
var hostile = []string{
	"", "none", ".", "..", "%", "a/b", "a%2Fb", "\x00", "\xff", "ä", "'", `"`, "' OR 1=1 --", "{}", "[]", "null", "-1", "0", "1001", "9999999999999999999",
	"true", "2026-01-02T15:04:05Z", "0001-01-01T00:00:00Z", "WyJpZCIsIngiXQ", "bmFtZQAAeA", "AAAA", strings.Repeat("a", 300), "csv", "-name", "admin", "acme", "ES256",
}

// value draws a JSON value of any shape.
func value(t *rapid.T, depth int) any {
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom(hostile).Draw(t, "text")
	case 1:
		return rapid.Float64Range(-1e18, 1e18).Draw(t, "number")
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return nil
	case 4:
		return rapid.String().Draw(t, "any text")
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "size") {
			list = append(list, value(t, depth-1))
		}
		return list
	default:
		members := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "size") {
			name := rapid.SampledFrom([]string{"name", "roles", "apps", "days", "files", "data", "folder", "prune", "Name", "__proto__", ""}).Draw(t, "member")
			members[name] = value(t, depth-1)
		}
		return members
	}
}

// TestWhateverIsSentIsAnsweredAsDocumented sends requests made from the table, right
// and wrong: none is answered with a failure of ours, or by a status that the
// document does not have, and every refusal is a problem. Both engines are asked:
// they take different texts amiss.
func TestWhateverIsSentIsAnsweredAsDocumented(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { whatever(t, start(t, "killKey")) })
	t.Run("postgres", func(t *testing.T) {
		whatever(t, startOn(t, storage.Options{Driver: storage.Postgres, DSN: testkit.Postgres(t)}, "killKey"))
	})
}

func whatever(t *testing.T, b *broker) {
	t.Helper()
	signedIn(t, b.db, "one", "two")
	b.apps(t, 2, "Two")
	d := described(t, b)
	rapid.Check(t, func(t *rapid.T) {
		rt := rapid.SampledFrom(b.Routes()).Draw(t, "operation")
		draw := func(what string) string { return rapid.SampledFrom(hostile).Draw(t, what) }
		path := rt.Path
		for _, name := range []string{"name", "id", "app", "connection", "group", "algorithm", "kid", "role"} {
			if strings.Contains(path, "{"+name+"}") {
				v := rapid.SampledFrom(append([]string{"app-00", "alice", "one"}, hostile...)).Filter(func(s string) bool { return s != "" && s != "." && s != ".." }).Draw(t, name)
				path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(v))
			}
		}
		query := url.Values{}
		for _, p := range rt.Query {
			if rapid.IntRange(0, 3).Draw(t, "with "+p.Name) == 0 {
				query.Set(p.Name, draw(p.Name))
			}
		}
		body := ""
		if rt.Body != nil && rapid.Bool().Draw(t, "with a body") {
			raw, err := json.Marshal(value(t, 3))
			if err != nil {
				t.Skip("no JSON has it")
			}
			body = string(raw)
		}
		r := httptest.NewRequestWithContext(t.Context(), rt.Method, rest.Prefix+path+"?"+query.Encode(), strings.NewReader(body))
		media := rapid.SampledFrom([]string{"application/json", "application/json; charset=utf-8", "application/yaml", "text/plain", ""}).Draw(t, "media")
		r.Header.Set("Content-Type", media)
		for _, h := range []string{"If-Match", "If-None-Match", "Idempotency-Key", "Accept"} {
			if rapid.IntRange(0, 4).Draw(t, h) == 0 {
				r.Header.Set(h, rapid.SampledFrom([]string{`"x"`, "*", `W/"x"`, "k", "a b", "text/csv", "application/jsonl", "é"}).Draw(t, "header"))
			}
		}
		w := httptest.NewRecorder()
		b.mux.ServeHTTP(w, r)
		op := d.Paths[rt.Path][strings.ToLower(rt.Method)]
		if _, documented := op.Responses[strconv.Itoa(w.Code)]; !documented || w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s %s: %d %s", rt.Method, path, body, w.Code, w.Body)
		}
		if w.Code >= http.StatusBadRequest {
			var problem struct{ Code, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Code == "" || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%s: %v %s", rt.ID, err, w.Body)
			}
		}
	})
}
