package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// assembled is a broker that serves nobody yet, with an identity provider named acme.
func assembled(t *testing.T) *parts { return assembledWith(t, "") }

// assembledWith is one with further connections.
func assembledWith(t *testing.T, connections string) *parts {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	cfg, err := config.Parse("broker.yaml", []byte(`
issuer: http://127.0.0.1:8080
data_dir: `+t.TempDir()+`
encryption_key: `+base64.StdEncoding.EncodeToString(key)+`
connections:
  - {id: acme, type: oidc, title: Acme, issuer: "https://idp.example", client_id: gatehouse, client_secret: not-used}
`+connections), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newClock(time.Now)
	p := &parts{cfg: cfg, clock: c, now: c.now}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.assemble(t.Context(), Options{Log: io.Discard}); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPeopleAreRememberedForExchangesUntilSomethingIsTakenFromThem asks as an exchange does,
// and changes people as another replica does.
func TestPeopleAreRememberedForExchangesUntilSomethingIsTakenFromThem(t *testing.T) {
	p := assembled(t)
	by := identity.System("test")
	made, err := p.people.SignIn(t.Context(), directory.Arrival{Authentication: identity.Authentication{Connection: "acme", Subject: "1"}}, by)
	if err != nil {
		t.Fatal(err)
	}
	change := func(to func(directory.Person) (directory.Person, []event.Event, error)) {
		t.Helper()
		if _, err := p.db.UpdatePerson(t.Context(), made.ID, to); err != nil {
			t.Fatal(err)
		}
	}
	if who, rev, err := p.people.Recently(t.Context(), made.ID, "acme"); err != nil || who.ID != made.ID || rev != p.revocations.Applied() {
		t.Fatalf("control: %q since %d: %v", who.ID, rev, err)
	}
	change(func(who directory.Person) (directory.Person, []event.Event, error) {
		who.Profile.Name = "Ada Lovelace"
		return who, nil, nil
	})
	if who, _, err := p.people.Recently(t.Context(), made.ID, "acme"); err != nil || who.Profile.Name != "" {
		t.Errorf("the person is read for each exchange: %q %v", who.Profile.Name, err)
	}
	change(p.people.Disabling(made.ID, true, by))
	if _, _, err := p.people.Recently(t.Context(), made.ID, "acme"); !errors.Is(err, directory.ErrPersonDisabled) {
		t.Errorf("who was switched off is remembered as they were: %v", err)
	}
}

// fromElsewhere are the routes that change something and take requests that pages of
// other sites lead to, or that no browser sends: each has a protection of its own.
var fromElsewhere = map[string]string{
	"/api/v1/":                          "says that there is no such operation",
	"POST /authorize":                   "a request that an app's page posts: it names its client, and leads to a page that asks",
	"POST /logout":                      "asks, unless its hint is of this very session",
	"POST /login/callback/{connection}": "bound to the browser by a cookie of the flow",
	"POST /login/saml/{connection}/acs": "bound to the browser by a cookie of the flow",
	"POST /login/saml/{connection}/slo": "signed by the identity provider",
	"POST /saml/sso":                    "a request that an app's page posts, as to /authorize",
	"POST /saml/slo":                    "asks, or is signed by the app",
}

// TestEveryRouteThatChangesSomethingRefusesOtherSites goes through all that the router has:
// a route is a form of ours, or wants a credential that no browser sends by itself, or it is
// in fromElsewhere with the reason.
func TestEveryRouteThatChangesSomethingRefusesOtherSites(t *testing.T) {
	p := assembled(t)
	mux := p.public()
	handler := p.faces.ui.Serve(mux)
	forms, credentials, listed := 0, 0, map[string]bool{}
	for _, pattern := range patterns(mux) {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodPost, pattern
		}
		if method == http.MethodGet || method == http.MethodOptions {
			continue
		}
		if fromElsewhere[pattern] != "" {
			listed[pattern] = true
			continue
		}
		ask := func(header, value string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, strings.NewReplacer("{$}", "", "...}", "}", "{", "", "}", "").Replace(path), strings.NewReader("a=b"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(header, value)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		switch w := ask("Sec-Fetch-Site", "cross-site"); {
		case w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "cross_origin"):
			forms++
			if w := ask("Sec-Fetch-Site", "same-origin"); strings.Contains(w.Body.String(), "cross_origin") {
				t.Errorf("control: %s from our own page: %d", pattern, w.Code)
			}
		case w.Code == http.StatusUnauthorized && w.Header().Get("Set-Cookie") == "":
			credentials++
		default:
			t.Errorf("%s takes what another site sends: %d %s", pattern, w.Code, w.Body)
		}
	}
	for pattern := range fromElsewhere {
		if !listed[pattern] {
			t.Errorf("%s is no route", pattern)
		}
	}
	if forms < 40 || credentials < 40 {
		t.Errorf("%d forms and %d routes that want a credential: the router was not read whole", forms, credentials)
	}
}

// patterns are those of a mux, which shows them to nobody: they are read out of it.
func patterns(mux *http.ServeMux) (all []string) {
	index := reflect.ValueOf(mux).Elem().FieldByName("index")
	add := func(list reflect.Value) {
		for i := range list.Len() {
			all = append(all, list.Index(i).Elem().FieldByName("str").String())
		}
	}
	add(index.FieldByName("multis"))
	for _, key := range index.FieldByName("segments").MapKeys() {
		add(index.FieldByName("segments").MapIndex(key))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
