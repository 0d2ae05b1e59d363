package integration

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// hostile is what strangers call themselves, their groups and their apps. Had it
// become markup, testdata/layout.js would find it.
const hostile = `Zoë <b data-hostile>"'&</b><script data-hostile>alert(1)</script>`

// crawlLimit bounds a walk through everything.
const crawlLimit = 8 * time.Minute

// mostClicks is how many lead to whatever can be done, at most: the third opens the
// page that offers it, and the next one does it, or asks whether it shall be done.
const mostClicks = 3 + 1

// crowd is a demo with somebody, and something, of every hostile kind in it.
func crowd(t *testing.T) *attacker {
	t.Helper()
	a, s := withStranger(t)
	a.enter(s, map[string]any{"sub": hostile, "groups": 7}) // cannot be mapped, which leaves a trace
	a.enter(s, map[string]any{
		"sub": hostile, "name": hostile, "preferred_username": hostile, "given_name": hostile, "department": hostile,
		"email": "zoe@partner.example", "groups": []string{"staff", hostile},
	})
	var manifest map[string]any
	if err := json.Unmarshal(a.manifest(t, "expense-bot", map[string]any{"clientId": "microapp-hostile", "scopes": []map[string]any{{"name": "openid"}, {"name": "email", "justification": hostile}}}), &manifest); err != nil {
		t.Fatal(err)
	}
	manifest["metadata"] = map[string]any{"name": "hostile", "title": hostile, "description": hostile}
	spec := manifest["spec"].(map[string]any)
	spec["owner"] = map[string]any{"team": "finance", "primary": "zoe@partner.example", "contacts": map[string]any{"chat": hostile}}
	spec["entitlements"] = []map[string]any{{"name": "user", "description": hostile, "groups": []string{"all-employees"}}}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	a.manage(t, http.MethodPut, "/apps/hostile", text)
	a.pushed(t)
	a.imported(t)
	return a
}

// imported has a file of every kind of line looked at: of some nothing can be taken.
func (a *attacker) imported(t *testing.T) {
	t.Helper()
	name, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	text := `{"kind":"directory","version":1}
{"kind":"person","id":"imported","identities":[{"connection":"acme","subject":` + string(name) + `}],"profile":{"name":` + string(name) + `}}
{"kind":"person","id":"nobody","profile":{"name":` + string(name) + `}}
{"kind":` + string(name) + `}
{"kind":"end","lines":4}
`
	a.manage(t, http.MethodPost, "/imports", []byte(text))
}

// pushed pushes somebody, their manager and groups within groups over a connection, all
// of them called what is hostile; and something that is refused.
func (a *attacker) pushed(t *testing.T) {
	t.Helper()
	other := a.Facts().SCIM[2]
	make := func(path string, body map[string]any) string {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		status, of := a.push(t, other.Token, other.Connection, http.MethodPost, path, string(text))
		if status != http.StatusCreated {
			t.Fatalf("%s: %d %v", path, status, of)
		}
		id, _ := of["id"].(string)
		return id
	}
	user, group := []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}
	boss := make("/Users", map[string]any{"schemas": user, "userName": "boss " + hostile, "externalId": "boss " + hostile})
	one := make("/Users", map[string]any{
		"schemas": user, "userName": hostile, "externalId": hostile, "displayName": hostile,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"manager": map[string]any{"value": boss}, "department": hostile},
	})
	inner := make("/Groups", map[string]any{"schemas": group, "displayName": hostile, "members": []map[string]any{{"value": one}}})
	make("/Groups", map[string]any{"schemas": group, "displayName": "around " + hostile, "members": []map[string]any{{"value": inner}}})
	if status, of := a.push(t, other.Token, other.Connection, http.MethodGet, "/Users/"+url.PathEscape(hostile), ""); status < http.StatusBadRequest {
		t.Fatalf("somebody who is not there: %d %v", status, of)
	}
}

// tree lets an app exchange a token of alice's, for a purpose that is hostile.
func (a *attacker) tree() {
	a.t.Helper()
	alice, b := a.Facts().Person("alice"), browser.New()
	page, err := b.Get(a.t.Context(), a.request(url.Values{"idp": {"acme"}}))
	if err == nil {
		_, err = b.Submit(a.t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}})
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if _, code := a.swap("travel-desk", a.tokens(b).AccessToken, "purpose", hostile); code != "" {
		a.t.Fatalf("nothing was exchanged: %s", code)
	}
}

// shape is what addresses of one page have in common: the thing that is looked at
// and the values of a query are left out.
func shape(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`^(/apps|/admin/groups/[^/]+|/admin/[^/]+)/[^/]+`).ReplaceAllStringFunc(u.EscapedPath(), func(s string) string {
		if known := regexp.MustCompile(`/(?:new|assign|jobs)$`); known.MatchString(s) {
			return s
		}
		return s[:strings.LastIndex(s, "/")] + "/*"
	})
	path = regexp.MustCompile(`/scim/(operations|tokens)/\w{8,}`).ReplaceAllString(path, "/scim/$1/*")
	first, _, _ := strings.Cut(u.RawQuery, "=")
	return path + "?" + first
}

// crawl opens every page that is reached by links from where it begins, one of each
// shape, and has visit look at it. clicks is how many lead there at least.
func (w *window) crawl(begin string, visit func(address string, clicks int)) {
	w.t.Helper()
	seen := map[string]bool{}
	for clicks, there := 0, []string{begin}; len(there) > 0; clicks++ {
		var next []string
		for _, address := range there {
			if s := shape(w.t, address); seen[s] {
				continue
			} else {
				seen[s] = true
			}
			w.do("open "+address, chromedp.Navigate(address))
			if w.page() == "" {
				continue // an export, or somebody else's page
			}
			visit(address, clicks)
			next = append(next, w.links()...)
		}
		there = next
	}
}

// enterAs signs somebody of the demo in to our own pages.
func (w *window) enterAs(a *attacker, username string) {
	w.t.Helper()
	who := a.Facts().Person(username)
	w.do("sign in as "+username, chromedp.Navigate(a.Facts().Portal), chromedp.WaitVisible(chromedp.CSS(`a[href*="idp=acme"]`)), chromedp.Click(chromedp.CSS(`a[href*="idp=acme"]`)),
		chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SendKeys(chromedp.CSS("#username"), who.Username), chromedp.SendKeys(chromedp.CSS("#password"), who.Password),
		chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS(`main[data-page="apps"]`)))
}

// TestEveryPageHolds opens everything that an administrator can open, on screens of
// both kinds and in both colours, and goes through it by keyboard; and it walks past
// every page on the way into an app and out of it. A page that is not met fails it:
// the pages are those whose templates are in the tree.
func TestEveryPageHolds(t *testing.T) {
	t.Parallel()
	met, still := map[string]bool{}, waiting(t)
	for _, screen := range screens() {
		t.Run("signing in, "+screen.name, func(t *testing.T) {
			w := chromium(t)
			w.met = met
			w.on(screen)
			w.walkPages(withPartner(t, "expense-bot"), screen.name+"-")
			for _, page := range []string{"post", "send"} {
				w.do("open the page "+page, chromedp.Navigate(still+"/"+page))
				w.holds(screen.name + "-" + page)
			}
		})
	}
	t.Run("signed out at a provider of SAML", func(t *testing.T) {
		s, _ := withSamlify(t, nil)
		w := chromium(t)
		w.met = met
		w.do("choose the provider", chromedp.Navigate(s.request(url.Values{"scope": {"openid email"}, "idp": {"own"}})),
			chromedp.WaitVisible(chromedp.CSS("input[name=username]")), chromedp.SendKeys(chromedp.CSS("input[name=username]"), "grace"))
		w.leave("sign in", "form button")
		w.leave("go back", "form button")
		w.do("sign out", chromedp.Navigate(s.Facts().Portal), chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS(`main[data-page="left"]`)))
		w.holds("left")
	})
	a := crowd(t)
	a.plainWiki(t)
	for _, screen := range []screen{screens()[0], screens()[3]} {
		t.Run("signed in, "+screen.name, func(t *testing.T) {
			a.tree()
			hers := chromium(t)
			hers.met = met
			hers.on(screen)
			hers.enterAs(a, "alice")
			for _, path := range []string{"/account", "/account/exchanges"} {
				hers.do("look at what apps do", chromedp.Navigate(a.Issuer()+path), chromedp.WaitVisible(chromedp.CSS("tbody code")))
				hers.holds(screen.name + "-tree")
			}
			w := chromiumFor(t, crawlLimit)
			w.met = met
			w.on(screen)
			w.enterAs(a, "ada")
			w.crawl(a.Facts().Portal, func(address string, clicks int) {
				page := w.page()
				if clicks > mostClicks {
					t.Errorf("%s is %d clicks away from the first page", address, clicks)
				}
				if page == "error" {
					t.Errorf("%s is led to, and is an error", address)
				}
				w.holds(screen.name + "-" + page)
				if screen.width > 1000 {
					w.keyboardWalk()
				}
			})
			w.do("ask for a new secret", chromedp.Navigate(a.Issuer()+"/admin/apps/crm-dash/secret"), chromedp.Click(chromedp.CSS("main form[method=post] button")),
				chromedp.WaitVisible(chromedp.CSS(`main[data-page="secret"]`)))
			w.holds(screen.name + "-secret")
			w.testConnection(a, "partner", screen.name+"-")
			w.do("sign out", chromedp.Navigate(a.Facts().Portal), chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS(`main[data-page="out"]`)))
			w.holds(screen.name + "-out")
		})
	}
	for page, file := range templates(t) {
		if !met[page] {
			t.Errorf("%s: no test has looked at this page", file)
		}
	}
}

// testConnection tests a connection whose provider asks for nothing.
func (w *window) testConnection(a *attacker, id, prefix string) {
	w.t.Helper()
	var made struct{ URL string }
	if err := json.Unmarshal(a.manage(w.t, http.MethodPost, "/connections/"+id+"/test", nil), &made); err != nil {
		w.t.Fatal(err)
	}
	w.do("open a test", chromedp.Navigate(made.URL))
	w.holds(prefix + "test")
	w.follow("begin it", `main a[href$="/begin"]`, `main[data-page="report"]`)
	w.holds(prefix + "report")
}

// waiting shows pages that send themselves as they are where they cannot: without
// their script, and without the header that leads on.
func waiting(t *testing.T) string {
	t.Helper()
	u, err := ui.New(ui.Options{Brand: ui.Brand{Name: "Gatehouse"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	u.Mount(mux)
	mux.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		u.Post(w, r, "https://app.example/callback", url.Values{"code": {"c"}, "state": {"s"}})
	})
	mux.HandleFunc("/send", func(w http.ResponseWriter, r *http.Request) {
		u.SendToProvider(w, r, "Partner Corp", "https://idp.example/slo")
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/post.") {
			http.NotFound(w, r)
			return
		}
		u.Serve(mux).ServeHTTP(unmoved{w}, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// unmoved keeps a page where it is.
type unmoved struct{ http.ResponseWriter }

func (s unmoved) WriteHeader(status int) {
	s.Header().Del("Refresh")
	s.ResponseWriter.WriteHeader(status)
}

// templates finds every page of the product: the templates that define a body.
func templates(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir("../internal", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "demo" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(file) != ".html" {
			return nil
		}
		body, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(body), `define "body"`) {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(file), ".html")
		if all[name] != "" {
			t.Errorf("%s and %s have one name: tests cannot tell them apart", all[name], file)
		}
		all[name] = file
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	return all
}
