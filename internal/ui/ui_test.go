package ui_test

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func newUI(t *testing.T) *ui.UI {
	t.Helper()
	u, err := ui.New(ui.Options{Brand: ui.Brand{Name: "Gate & Co"}, Prefix: "/auth", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestVendoredScriptsAreWhatWasPublished holds the files to their written sums.
func TestVendoredScriptsAreWhatWasPublished(t *testing.T) {
	list, err := os.ReadFile("vendored.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[0] == "#" {
			continue
		}
		body, err := os.ReadFile(filepath.Join("static", filepath.Base(fields[2])))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		if hex.EncodeToString(sum[:]) != fields[3] {
			t.Errorf("%s is not %s %s", fields[2], fields[0], fields[1])
		}
		checked++
	}
	if checked == 0 {
		t.Error("nothing is listed")
	}
}

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

func TestTextsOfStrangersStayTexts(t *testing.T) {
	u := newUI(t)
	page, err := u.Parse(fstest.MapFS{"p.html": {Data: []byte(
		`{{define "body"}}<h1>{{.Title}}</h1><p title="{{.Data}}">{{.Data}}</p><a href="{{.Data}}">link</a>{{end}}`)}}, "p.html")
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	u.Render(w, r, http.StatusOK, ui.Page{Title: ui.Plain(hostile), Template: page, Data: hostile, SignedIn: hostile})
	failed := httptest.NewRecorder()
	u.Error(failed, r, fault.New(fault.Denied, "code", "%s", hostile), ui.Link{Text: ui.Plain(hostile), Href: "javascript:alert(1)"})
	for _, body := range []string{w.Body.String(), failed.Body.String()} {
		if strings.Contains(body, "<script>") || strings.Contains(body, "<img src=x") || strings.Contains(body, `href="javascript:`) || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("%s", body)
		}
	}
}

func TestThePolicyAllowsNoScriptAndNoFrame(t *testing.T) {
	u := newUI(t)
	page, err := u.Parse(fstest.MapFS{"p.html": {Data: []byte(`{{define "body"}}<p>text</p>{{end}}`)}}, "p.html")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	u.Render(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), http.StatusOK, ui.Page{Title: ui.T("Page"), Template: page})
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s has no %s", policy, want)
		}
	}
	for _, never := range []string{"unsafe-inline", "unsafe-eval", "script-src 'self'", "*"} {
		if strings.Contains(policy, never) {
			t.Errorf("%s has %s", policy, never)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") == "" || w.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v", w.Header())
	}
}

func TestStaticFilesAreKeptByBrowsersAndNothingElseIsServed(t *testing.T) {
	u := newUI(t)
	mux := http.NewServeMux()
	u.Mount(mux)
	page, err := u.Parse(fstest.MapFS{"p.html": {Data: []byte(`{{define "body"}}{{end}}`)}}, "p.html")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	u.Render(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), http.StatusOK, ui.Page{Title: ui.T("Page"), Template: page})
	links := regexp.MustCompile(`"/auth(/static/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1)
	if len(links) < 2 {
		t.Fatalf("%s", w.Body.String())
	}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	for _, link := range links {
		if w := get(link[1]); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", link[1], w.Code, w.Header())
		}
	}
	for _, path := range []string{"/static/", "/static/gatehouse.css", "/static/../ui.go", "/static/%2e%2e/ui.go", "/static/gatehouse.000000000000.css"} {
		if w := get(path); w.Code == http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestWhereNothingIsThereIsAPage(t *testing.T) {
	u := newUI(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{id}", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.PathValue("id"))) })
	mux.Handle("POST /form", u.SameOrigin().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("done")) })))
	ask := func(method, path, site string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequestWithContext(t.Context(), method, path, nil), httptest.NewRecorder()
		r.Header.Set("Sec-Fetch-Site", site)
		u.Serve(mux).ServeHTTP(w, r)
		return w
	}
	if w := ask(http.MethodGet, "/page/7", "none"); w.Body.String() != "7" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodGet, "/nowhere", "none"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "no such page") || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodPost, "/page/7", "same-origin"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := ask(http.MethodPost, "/form", "same-origin"); w.Body.String() != "done" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodPost, "/form", "cross-site"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Another site sent this form") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
