package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/verify"
)

// protect starts a verifier for an API of the demo that follows the revocations until
// the test ends.
func (s *stage) protect(t *testing.T, api demo.FactAPI) *verify.Verifier {
	t.Helper()
	v := &verify.Verifier{Issuer: s.Issuer(), Audience: api.Audience, Client: verify.ClientSecretBasic(api.ClientID, api.Secret)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { _ = v.Follow(ctx); close(done) }() // ends with ctx
	t.Cleanup(func() { cancel(); <-done })
	eventually(t, "the API is ready", func() bool { return v.Ready(ctx) == nil })
	return v
}

// TestAnAPIThatVerifiesOfflineLearnsOfARevocation ends each thing in turn.
func TestAnAPIThatVerifiesOfflineLearnsOfARevocation(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*attacker, *oauth2.Token, string){
		"person":     func(a *attacker, _ *oauth2.Token, _ string) { a.disable("/people/" + a.person(a.t, "alice")) },
		"connection": func(a *attacker, _ *oauth2.Token, _ string) { a.disable("/connections/acme") },
		"sessions": func(a *attacker, _ *oauth2.Token, _ string) {
			a.manage(a.t, http.MethodDelete, "/people/"+a.person(a.t, "alice")+"/sessions", nil)
		},
		"the subject's app": func(a *attacker, _ *oauth2.Token, _ string) { a.disable("/apps/expense-bot") },
		"the client's app":  func(a *attacker, _ *oauth2.Token, _ string) { a.disable("/apps/travel-desk") },
		"the grant": func(a *attacker, _ *oauth2.Token, exchanged string) {
			app := a.Facts().App("travel-desk")
			a.post("/revoke", url.Values{"token": {exchanged}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the subject's grant": func(a *attacker, held *oauth2.Token, _ string) {
			app := a.Facts().App("expense-bot")
			a.post("/revoke", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the key": func(a *attacker, _ *oauth2.Token, exchanged string) {
			a.manage(a.t, http.MethodPost, "/keys/"+kidOf(a.t, exchanged)+"/kill", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			v, held := a.protect(t, a.Facts().APIs[0]), a.signedIn()
			access, code := a.swap("travel-desk", held.AccessToken)
			if code != "" {
				t.Fatal(code)
			}
			other, code := a.swap("travel-desk", a.tokens(a.signIn(t, "bob", "expense-bot")).AccessToken)
			if code != "" {
				t.Fatal(code)
			}
			c, err := v.Verify(t.Context(), access)
			if err != nil || c.Client != a.Facts().App("travel-desk").ClientID || !slices.Equal(c.Actors, []string{c.Client}) || !c.HasScope("payroll.read") || !c.Person() {
				t.Fatalf("before: %v %+v", err, c)
			}
			end(a, held, access)
			began := time.Now()
			eventually(t, "it is refused", func() bool {
				_, err := v.Verify(t.Context(), access)
				return errors.Is(err, verify.ErrInvalid)
			})
			t.Logf("refused %s after the answer", time.Since(began))
			if err := v.Check(c, verify.Requirement{}); !errors.Is(err, verify.ErrRevoked) {
				t.Errorf("what was verified before: %v", err)
			}
			_, err = v.Verify(t.Context(), other)
			if alone := name == "person" || name == "sessions" || strings.HasSuffix(name, "grant"); alone != (err == nil) {
				t.Errorf("bob's: %v", err)
			}
		})
	}
}

// kidOf reads the kid in the header of a token.
func kidOf(t *testing.T, raw string) string {
	t.Helper()
	var header struct{ Kid string }
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

func TestAnAPITakesNoOtherTokenOfTheBroker(t *testing.T) {
	a := newAttacker(t)
	if err := a.WriteFacts(t.Context(), filepath.Join(t.TempDir(), "facts.json")); err != nil { // and so the token has expired
		t.Fatal(err)
	}
	payroll := a.Facts().APIs[0]
	v, held := a.protect(t, payroll), a.signedIn()
	good, code := a.swap("travel-desk", held.AccessToken)
	if _, err := v.Verify(t.Context(), good); code != "" || err != nil {
		t.Fatalf("control: %q %v", code, err)
	}
	id, _ := held.Extra("id_token").(string)
	for name, raw := range map[string]string{
		"for the broker": held.AccessToken, "an id_token": id, "a refresh token": held.RefreshToken, "another API's, expired": a.Facts().Exchange.ExpiredToken,
	} {
		if _, err := v.Verify(t.Context(), raw); raw == "" || !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, api := range a.Facts().APIs[1:] {
		if _, err := a.protect(t, api).Verify(t.Context(), good); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("%s takes a token for %s: %v", api.Audience, payroll.Audience, err)
		}
	}
}

// TestWhatWasRevokedIsToldToTheAPIsOwnClientAlone asks the feed in every wrong way.
func TestWhatWasRevokedIsToldToTheAPIsOwnClientAlone(t *testing.T) {
	a := newAttacker(t)
	payroll, other := a.Facts().APIs[0], a.Facts().APIs[1]
	travel, public, posts := a.Facts().App("travel-desk"), a.Facts().App("field-notes"), a.Facts().App("crm-dash")
	ask := func(header http.Header, pairs ...string) (int, string, map[string]any) {
		form := url.Values{"audience": {payroll.Audience}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		res, text := a.send(http.MethodPost, "/revocations", form, header)
		answer := map[string]any{}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(text)
		}
		code, _ := answer["error"].(string)
		return res.StatusCode, code, answer
	}
	own := basicAuth(payroll.ClientID, payroll.Secret)
	if status, _, answer := ask(own); status != http.StatusOK || answer["era"] == "" || answer["more"] != false {
		t.Fatalf("control: %d %v", status, answer)
	}
	for name, c := range map[string]struct {
		header http.Header
		pairs  []string
		status int
		code   string
	}{
		"no client":                    {nil, nil, 401, "invalid_client"},
		"a wrong secret":               {basicAuth(payroll.ClientID, "x"), nil, 401, "invalid_client"},
		"a client that nobody knows":   {basicAuth("x", "x"), nil, 401, "invalid_client"},
		"a public client":              {nil, []string{"client_id", public.ClientID}, 401, "invalid_client"},
		"the wrong method":             {nil, []string{"client_id", payroll.ClientID, "client_secret", payroll.Secret}, 401, "invalid_client"},
		"another API's client":         {basicAuth(other.ClientID, other.Secret), nil, 400, "invalid_target"},
		"an app that calls the API":    {basicAuth(travel.ClientID, travel.Secret), nil, 400, "invalid_target"},
		"an app by client_secret_post": {nil, []string{"client_id", posts.ClientID, "client_secret", posts.Secret}, 400, "invalid_target"},
		"another API":                  {own, []string{"audience", other.Audience}, 400, "invalid_target"},
		"the broker":                   {own, []string{"audience", a.Issuer()}, 400, "invalid_target"},
		"an API that nobody serves":    {own, []string{"audience", "x"}, 400, "invalid_target"},
		"no audience":                  {own, []string{"audience", ""}, 400, "invalid_request"},
		"a number that is none":        {own, []string{"after", "-1"}, 400, "invalid_request"},
		"a wait that is none":          {own, []string{"wait", "1s"}, 400, "invalid_request"},
		"a wait without end":           {own, []string{"wait", "11"}, 400, "invalid_request"},
		"a number from the future":     {own, []string{"after", "1000000"}, 503, "temporarily_unavailable"},
	} {
		if status, code, answer := ask(c.header, c.pairs...); status != c.status || code != c.code {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	if res, _ := a.send(http.MethodGet, "/revocations?audience="+payroll.Audience, nil, own); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", res.StatusCode)
	}
	a.signIn(t, "bob", "expense-bot")
	// What it is told means something only to who knows the id, and to each API another thing.
	person := a.person(t, "bob")
	_, _, before := ask(own)
	a.disable("/people/" + person)
	_, _, answer := ask(own, "after", jsonText(t, before["head"]), "wait", "5")
	told := jsonText(t, answer)
	if !strings.Contains(told, revoke.Blind(payroll.Audience, identity.Person(person))) || strings.Contains(told, person) || strings.Contains(told, "person") {
		t.Errorf("%s is told of as %s", person, told)
	}
	_, _, answer = ask(basicAuth(other.ClientID, other.Secret), "audience", other.Audience)
	if told := jsonText(t, answer); strings.Contains(told, revoke.Blind(payroll.Audience, identity.Person(person))) || !strings.Contains(told, revoke.Blind(other.Audience, identity.Person(person))) {
		t.Errorf("another API is told of %s as %s", person, told)
	}
	a.disable("/apps/payroll-api")
	if status, code, _ := ask(own); status != http.StatusUnauthorized || code != "invalid_client" {
		t.Errorf("an API whose app is switched off: %d %s", status, code)
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAFollowerThatAsksTooOftenIsToldToWait(t *testing.T) {
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) { c.Limits.Follower = 40 })}
	api := a.Facts().APIs[1]
	refused := 0
	for range 60 {
		res, _ := a.send(http.MethodPost, "/revocations", url.Values{"audience": {api.Audience}}, basicAuth(api.ClientID, api.Secret))
		if res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused == 0 || refused == 60 {
		t.Errorf("%d of 60 are refused", refused)
	}
}

// seals keeps signing keys in memory.
type seals struct{ records []keys.Record }

func (s *seals) Keys(context.Context) ([]keys.Record, error) { return slices.Clone(s.records), nil }

func (s *seals) Rotate(_ context.Context, change keys.Change) (err error) {
	s.records, _, err = change(slices.Clone(s.records))
	return err
}

// TestAnAPIAsksForEverythingThatTheBrokerAsksFor mints a token that has all that a token
// can have, and revokes what the broker looks for in it, one after the other.
func TestAnAPIAsksForEverythingThatTheBrokerAsksFor(t *testing.T) {
	vault, err := keys.NewVault(make([]byte, keys.VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(keys.RingOptions{Store: &seals{}, Vault: vault, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[[]identity.Ref] // what is revoked
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": server.URL, "jwks_uri": server.URL + "/jwks", "revocation_feed_endpoint": server.URL + "/revocations"})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := ring.JWKS()
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/revocations", func(w http.ResponseWriter, r *http.Request) {
		revoked, raised := []any{}, *now.Load()
		for i, ref := range raised {
			revoked = append(revoked, map[string]any{"number": i + 1, "ref": revoke.Blind("payroll", ref)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"era": "era", "after": 0, "head": len(raised), "floor": 0, "more": false, "current": 0, "revoked": revoked})
	})
	link := func(name string) token.Link {
		return token.Link{ID: "j-" + name, Audience: "aud-" + name, Client: "client-" + name, App: "app-" + name, Grant: "grant-" + name, Key: "key-" + name, ActorGrant: "actor-" + name}
	}
	access := token.Access{
		ID: "jti", Subject: "alice", Person: "alice", Audience: "payroll", Client: "travel", Scopes: []string{"read"}, Session: "session", Connection: "acme", App: "app", Grant: "grant",
		Expires: time.Now().Add(time.Minute), Era: "era", Actors: []string{"travel"}, ActorGrant: "actor", Via: []token.Link{link("1"), link("2"), link("3"), link("4")},
	}
	raw, err := token.NewMinter(token.MinterOptions{Issuer: server.URL, Ring: ring, Now: time.Now}).Access(keys.ES256, access)
	if err != nil {
		t.Fatal(err)
	}
	access.Key = kidOf(t, raw)
	refuses := func(refs ...identity.Ref) bool {
		now.Store(&refs)
		v := &verify.Verifier{Issuer: server.URL, Audience: "payroll", Client: verify.ClientSecretBasic("x", "y")}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = v.Follow(ctx); close(done) }() // ends with ctx
		eventually(t, "the API is ready", func() bool { return v.Ready(ctx) == nil })
		_, err := v.Verify(ctx, raw)
		cancel()
		<-done
		return errors.Is(err, verify.ErrRevoked)
	}
	if refuses(identity.Person("bob"), identity.Settings("acme")) {
		t.Error("control: it is refused for what it does not carry")
	}
	for _, ref := range access.Refs() {
		if !refuses(ref) {
			t.Errorf("it is accepted although %s was revoked", ref)
		}
	}
}

// TestTheLogOfAnAPIHasNoToken looks at what a verifier says.
func TestTheLogOfAnAPIHasNoToken(t *testing.T) {
	a := newAttacker(t)
	var log bytes.Buffer
	v := &verify.Verifier{Issuer: a.Issuer(), Audience: "payroll-api", Log: slog.New(slog.NewTextHandler(&log, nil))}
	held := a.signedIn()
	r := httptest.NewRequest(http.MethodGet, "/salaries", nil)
	r.Header.Set("Authorization", "Bearer "+held.AccessToken)
	w := httptest.NewRecorder()
	v.Handler(verify.Requirement{}, http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || !strings.Contains(log.String(), "for another API") || strings.Contains(log.String(), held.AccessToken) {
		t.Errorf("%d %s", w.Code, &log)
	}
}

// either sends each request to another replica than the one before.
type either struct {
	replicas [2]string
	n        atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (e *either) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(e.replicas[e.n.Add(1)%2])
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.URL.Host = r.URL.Host, to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// TestAnAPIFollowsWhicheverReplicaAnswers revokes at one replica what an API verifies that
// asks both in turn, with Redis and without.
func TestAnAPIFollowsWhicheverReplicaAnswers(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	api := c.Facts().APIs[0]
	v := &verify.Verifier{
		Issuer: c.Issuer(), Audience: api.Audience, Client: verify.ClientSecretBasic(api.ClientID, api.Secret),
		HTTP: &http.Client{Transport: &either{replicas: c.direct}},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { _ = v.Follow(ctx); close(done) }() // ends with ctx
	defer func() { cancel(); <-done }()
	a := &attacker{t: t, client: &http.Client{}, stage: &stage{Demo: c.Demo}}
	app := a.Facts().App("nightly-report")
	asks := url.Values{"grant_type": {"client_credentials"}, "resource": {api.Audience}, "scope": {"payroll.read"}}.Encode()
	for at := range c.direct {
		c.at.Store(int32(at))
		eventually(t, "the replica knows the app", func() bool {
			_, code := a.tokenAnswer(app.ClientID, app.Secret, asks)
			return code == ""
		})
	}
	for _, redis := range []bool{true, false} {
		if !redis {
			c.redis.Stop()
		}
		for range 4 {
			eventually(t, "the API is ready", func() bool { return v.Ready(ctx) == nil })
			held, code := a.tokenAnswer(app.ClientID, app.Secret, asks)
			if code != "" {
				t.Fatal(code)
			}
			if _, err := v.Verify(ctx, held.AccessToken); err != nil {
				t.Fatalf("control, with Redis %v: %v", redis, err)
			}
			c.at.Store(1 - c.at.Load())
			if status, code, _ := a.post("/revoke", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(app.ClientID, app.Secret)); status != http.StatusOK {
				t.Fatal(code)
			}
			eventually(t, "it is refused", func() bool {
				_, err := v.Verify(ctx, held.AccessToken)
				return errors.Is(err, verify.ErrRevoked)
			})
		}
	}
}

// TestWhoWaitsForRevocationsIsAnsweredWhenTheBrokerStops looks at what the answer says of
// how long it was waited for.
func TestWhoWaitsForRevocationsIsAnsweredWhenTheBrokerStops(t *testing.T) {
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	tell := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Test") != "" {
				close(arrived)
			}
			next.ServeHTTP(w, r)
		})
	}
	broker, err := app.Start(context.WithoutCancel(t.Context()), cfg, app.Options{Listener: d.Listener(), Log: &logBuffer{}, Wrap: tell})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Populate(t.Context(), broker.Socket()); err != nil {
		t.Fatal(err)
	}
	api := d.Facts().APIs[0]
	type answer struct {
		Head    uint64
		Current int64
		status  int
		err     error
	}
	ask := func(after uint64, wait string, header http.Header) (got answer) {
		form := url.Values{"audience": {api.Audience}, "after": {strconv.FormatUint(after, 10)}, "wait": {wait}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.Issuer()+"/revocations", strings.NewReader(form.Encode()))
		if err != nil {
			return answer{err: err}
		}
		maps.Copy(header, basicAuth(api.ClientID, api.Secret))
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header = header
		res, err := new(http.Client).Do(req)
		if err != nil {
			return answer{err: err}
		}
		defer func() { _ = res.Body.Close() }()
		err = json.NewDecoder(res.Body).Decode(&got)
		got.status, got.err = res.StatusCode, err
		return got
	}
	known := ask(0, "0", http.Header{})
	answered := make(chan answer, 1)
	go func() { answered <- ask(known.Head, "10", http.Header{"Test": {"it waits"}}) }()
	<-arrived
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; known.err != nil || known.status != http.StatusOK || got.err != nil || got.status != http.StatusOK || got.Head != known.Head || got.Current > 9000 {
		t.Errorf("known %+v, answered %+v", known, got)
	}
}
