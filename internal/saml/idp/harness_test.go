package idp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"html"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

const (
	issuer = "https://gate.example"
	wiki   = "https://wiki.example/saml"
	acs    = "https://wiki.example/acs"
	second = "https://wiki.example/acs/2?tenant=a"
	slo    = "https://wiki.example/slo"
)

// pairs are the keys of everybody, made when they are first needed.
var pairs sync.Map

// pair returns a key and its certificate, the same for a name.
func pair(t *testing.T, name string) saml.KeyPair {
	t.Helper()
	made, _ := pairs.LoadOrStore(name, sync.OnceValue(func() saml.KeyPair { return newPair(t, name) }))
	return made.(func() saml.KeyPair)()
}

func newPair(t *testing.T, name string) saml.KeyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return saml.KeyPair{Key: key, Certificate: certificate}
}

// world is a broker around the provider: everything that it asks is arranged by hand.
type world struct {
	seen     struct{ cache.Once } // a test may lose it
	memory   struct{ cache.Cache }
	t        *testing.T
	now      time.Time
	provider *idp.Provider
	mux      *http.ServeMux
	ours     saml.KeyPair
	apps     map[string]*registry.Client
	person   directory.Person
	usable   error
	decision entitlement.Decision
	revoked  error
	// session is what the browser has, nil for none; ended are those that ended.
	session      *session.Session
	participants []session.Participant
	events       []event.Event
	// signIn is what a sign-in ends with; asked is what was asked of it last.
	signIn identity.SignIn
	asked  identity.SignInRequest
	// onward is where the identity provider was left for.
	onward []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), ours: pair(t, "gate"), apps: map[string]*registry.Client{}}
	w.person = directory.Person{ID: "p-alice", Profile: directory.Profile{Name: "Alice <Moreau>", Email: "alice@acme.example", EmailVerified: true, GivenName: "Alice"}}
	w.decision = entitlement.Decision{Allowed: true, Roles: []string{"reader"}, Groups: []string{"everybody", "sales & co"}}
	authn := identity.Authentication{Connection: "acme", Subject: "1", AMR: []string{"pwd"}, Time: w.now.Add(-time.Minute)}
	w.session = &session.Session{ID: "s-1", Person: "p-alice", Authentication: authn, Expires: w.now.Add(8 * time.Hour)}
	w.signIn = identity.SignIn{Person: "p-alice", Session: "s-1", Scopes: []string{"profile", "email", "groups"}, Authentication: authn, Rev: 7}
	pages, err := ui.New(ui.Options{Log: slog.New(slog.DiscardHandler), Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	memory := cache.NewMemory(w.clock, time.Time{})
	w.memory.Cache, w.seen.Once = memory, memory
	w.provider, err = idp.New(idp.Options{
		Issuer: issuer, Authenticator: w, Apps: w, People: w, Entitlements: w, Sessions: w, Participants: w, Memory: &w.memory, Seen: &w.seen,
		Revocations: revocations{w}, Keys: w, Onward: w.leaveFor, Limits: idp.Limits{Address: unlimited{}, Person: unlimited{}}, UI: pages,
		Actor:  func(_ *http.Request, who identity.Ref) identity.Actor { return identity.Actor{Ref: who} },
		Issued: func(string) {}, Now: w.clock, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mux = http.NewServeMux()
	w.provider.Mount(w.mux)
	w.add(wiki, func(*registry.Client) {})
	return w
}

// add registers an app.
func (w *world) add(entity string, change func(*registry.Client)) *registry.Client {
	c := &registry.Client{
		ID: entity, App: "id-" + entity, Name: "app-" + url.PathEscape(entity), Title: "App", Scopes: []string{"profile", "email", "groups"}, Rev: 7,
		SAML: &registry.ServiceProvider{
			ACS: []string{acs, second}, NameIDFormat: catalog.NameIDPersistent, SignAssertion: true, SignResponse: true, SLO: slo, Unsolicited: true,
		},
	}
	change(c)
	w.apps[entity] = c
	return c
}

type unlimited struct{}

func (unlimited) Count(context.Context, string) error { return nil }

func (w *world) clock() time.Time { return w.now }

func (w *world) Authenticate(rw http.ResponseWriter, r *http.Request, req identity.SignInRequest) {
	w.asked = req
	in := w.signIn
	in.Scopes = req.Scopes
	w.provider.Resume(rw, r, req.State, in)
}

func (w *world) one(match func(*registry.Client) bool) (*registry.Client, error) {
	for _, c := range w.apps {
		if match(c) {
			return c, nil
		}
	}
	return nil, registry.ErrClientNotFound
}

func (w *world) ServiceProvider(_ context.Context, entity string) (*registry.Client, error) {
	return w.one(func(c *registry.Client) bool { return c.ID == entity })
}

func (w *world) ClientOf(_ context.Context, app string) (*registry.Client, error) {
	return w.one(func(c *registry.Client) bool { return c.App == app })
}

func (w *world) Named(_ context.Context, app string) (*registry.Client, error) {
	return w.one(func(c *registry.Client) bool { return c.Name == app })
}

func (w *world) Usable(context.Context, string, string) (directory.Person, error) {
	return w.person, w.usable
}

func (w *world) Check(context.Context, directory.Person, *registry.Client) (entitlement.Decision, error) {
	return w.decision, nil
}

func (w *world) Current(*http.Request) (session.Session, error) {
	if w.session == nil || !w.session.Ended.IsZero() {
		return session.Session{}, session.ErrNotFound
	}
	return *w.session, nil
}

func (w *world) Find(context.Context, string) (session.Session, error) { return w.Current(nil) }

func (w *world) End(_ context.Context, _ string, _ identity.Actor, _ string) error {
	w.session.Ended = w.now
	return nil
}

func (w *world) Clear(http.ResponseWriter) {}

func (w *world) Attend(_ context.Context, p session.Participant, events []event.Event) (session.Participant, error) {
	w.participants, w.events = append(w.participants, p), append(w.events, events...)
	return p, nil
}

func (w *world) Participants(context.Context, string) ([]session.Participant, error) {
	return w.participants, nil
}

func (w *world) Certified() ([]keys.Certified, error) {
	return []keys.Certified{keys.Certified(w.ours)}, nil
}

func (w *world) leaveFor(rw http.ResponseWriter, r *http.Request, a identity.Authentication, back string) bool {
	w.onward = append(w.onward, a.Connection+" "+back)
	if a.Upstream == nil {
		return false
	}
	http.Redirect(rw, r, "https://idp.example/slo?back="+url.QueryEscape(back), http.StatusSeeOther)
	return true
}

// revocations answers whether something was revoked.
type revocations struct{ w *world }

func (r revocations) Check(uint64, ...identity.Ref) error { return r.w.revoked }

// get asks by GET, post by POST, as a browser with our cookies does.
func (w *world) get(target string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, strings.TrimPrefix(target, issuer), nil))
}

func (w *world) post(target string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, strings.TrimPrefix(target, issuer), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(r)
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	r.AddCookie(&http.Cookie{Name: "any", Value: "cookie"})
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// request is an AuthnRequest that a test makes.
type request struct {
	text   string
	signed *saml.KeyPair
	relay  string
	post   bool
	to     string
}

const now = "2026-11-26T09:00:00Z"

// authn is a good AuthnRequest with attributes and content added.
func authn(id, attributes, content string) string {
	return `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id +
		`" Version="2.0" IssueInstant="` + now + `" Destination="` + issuer + `/saml/sso"` + attributes + `><saml:Issuer>` + wiki + `</saml:Issuer>` + content + `</samlp:AuthnRequest>`
}

// element is text as a message that saml.Deliver takes.
type element struct{ text string }

func (e element) Element() *etree.Element {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(e.text); err != nil {
		panic(err)
	}
	return doc.Root()
}

// send brings a message to the broker.
func (w *world) send(q request) *httptest.ResponseRecorder {
	w.t.Helper()
	if q.to == "" {
		q.to = issuer + "/saml/sso"
	}
	kind := saml.Request
	if strings.Contains(q.text, "LogoutResponse") {
		kind = saml.Response
	}
	if q.signed != nil {
		binding := saml.Redirect
		if q.post {
			binding = saml.Post
		}
		target, form, err := saml.Deliver(binding, q.to, kind, element{q.text}, q.relay, *q.signed)
		if err != nil {
			w.t.Fatal(err)
		}
		if form != nil {
			return w.post(target, form)
		}
		return w.get(target)
	}
	if q.post {
		form := url.Values{kind: {base64.StdEncoding.EncodeToString([]byte(q.text))}}
		if q.relay != "" {
			form.Set("RelayState", q.relay)
		}
		return w.post(q.to, form)
	}
	query := kind + "=" + url.QueryEscape(deflated(w.t, q.text))
	if q.relay != "" {
		query += "&RelayState=" + url.QueryEscape(q.relay)
	}
	return w.get(q.to + "?" + query)
}

var (
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	action = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
)

// posted reads the form that a page has the browser post.
func posted(rec *httptest.ResponseRecorder) (target string, form url.Values) {
	form = url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(rec.Body.String(), -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	if m := action.FindStringSubmatch(rec.Body.String()); m != nil {
		target = html.UnescapeString(m[1])
	}
	return target, form
}

// answer is a response as an app reads it.
type answer struct {
	target, relay string
	raw           []byte
	response      samllib.Response
	assertion     samllib.Assertion
}

// answered reads the response on a page, which must be signed as want says.
func (w *world) answered(rec *httptest.ResponseRecorder, want xmlgate.Want) answer {
	w.t.Helper()
	target, form := posted(rec)
	raw, err := base64.StdEncoding.DecodeString(form.Get(saml.Response))
	if rec.Code != http.StatusOK || err != nil || len(raw) == 0 {
		w.t.Fatalf("%d, %v: %s", rec.Code, err, rec.Body)
	}
	a := answer{target: target, relay: form.Get("RelayState"), raw: raw}
	if err := xml.Unmarshal(raw, &a.response); err != nil {
		w.t.Fatal(err)
	}
	if a.response.Status.StatusCode.Value != samllib.StatusSuccess {
		return a
	}
	want.Kind, want.Certificates, want.Now = xmlgate.Response, []*x509.Certificate{w.ours.Certificate}, w.now
	m, err := xmlgate.Verify(raw, want)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, raw)
	}
	if err := xml.Unmarshal(m.Assertion, &a.assertion); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// values are those of an attribute.
func (a answer) values(name string) []string {
	var list []string
	for _, s := range a.assertion.AttributeStatements {
		for _, one := range s.Attributes {
			if one.Name == name {
				for _, v := range one.Values {
					list = append(list, v.Value)
				}
			}
		}
	}
	return list
}

// statuses are the codes of a response.
func (a answer) statuses() (code, sub string) {
	s := a.response.Status.StatusCode
	if s.StatusCode != nil {
		sub = s.StatusCode.Value[strings.LastIndexByte(s.StatusCode.Value, ':')+1:]
	}
	return s.Value[strings.LastIndexByte(s.Value, ':')+1:], sub
}

// refused sees that a page tells of the fault, and that nothing is asserted.
func (w *world) refused(name string, rec *httptest.ResponseRecorder, want *fault.Error, code ...string) {
	w.t.Helper()
	if want != nil {
		code = append(code, want.Code)
	}
	if rec.Code < http.StatusBadRequest || !slices.ContainsFunc(code, func(c string) bool { return strings.Contains(rec.Body.String(), c) }) ||
		strings.Contains(rec.Body.String(), saml.Response) {
		w.t.Errorf("%s: not refused as %v: %d %s", name, code, rec.Code, rec.Body)
	}
}

// What may have happened to people and tokens.
var (
	directoryDisabled = fault.New(fault.Denied, "person_disabled", "disabled")
	revokedNow        = fault.New(fault.Unauthenticated, "revoked", "revoked")
)

func decryptors(all ...saml.KeyPair) []*rsa.PrivateKey {
	var list []*rsa.PrivateKey
	for _, k := range all {
		list = append(list, k.Key)
	}
	return list
}
