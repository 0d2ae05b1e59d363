package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// The scopes of the signals API, and the methods of delivery.
const (
	scopeManage = "ssf.manage"
	scopeRead   = "ssf.read"
)

// received is a security event token as a receiver reads it. Who signed it is not
// looked at: see TestAnIndependentVerifierTakesEverySignal.
type received struct {
	raw, typ string
	claims   struct {
		Issuer   string                    `json:"iss"`
		Audience string                    `json:"aud"`
		ID       string                    `json:"jti"`
		Txn      string                    `json:"txn"`
		Issued   int64                     `json:"iat"`
		Subject  json.RawMessage           `json:"sub_id"`
		Events   map[string]map[string]any `json:"events"`
	}
}

// kind is the last part of the event's type.
func (r received) kind() string {
	for uri := range r.claims.Events {
		return uri[strings.LastIndex(uri, "/")+1:]
	}
	return ""
}

func read(t *testing.T, raw string) (r received) {
	t.Helper()
	r.raw = raw
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("this is no JWT: %q", raw)
	}
	for i, to := range []any{&struct {
		Typ *string `json:"typ"`
	}{&r.typ}, &r.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// inbox is a receiver that signals are pushed to.
type inbox struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	sets   []received
	header http.Header
	// answer says how a push is answered; 0 is 202.
	status int
	body   string
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{t: t}
	in.Server = httptest.NewServer(in)
	t.Cleanup(in.Close)
	return in
}

// ServeHTTP takes a push.
func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		in.t.Error(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.header = r.Header.Clone()
	if in.status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(in.status)
		_, _ = w.Write([]byte(in.body))
		return
	}
	in.sets = append(in.sets, read(in.t, string(raw)))
	w.WriteHeader(http.StatusAccepted)
}

func (in *inbox) answers(status int, body string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status, in.body = status, body
}

// kinds are the kinds of what came, in order and each jti once.
func (in *inbox) kinds() (kinds []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	seen := map[string]bool{}
	for _, r := range in.sets {
		if !seen[r.claims.ID] {
			kinds = append(kinds, r.kind())
		}
		seen[r.claims.ID] = true
	}
	return kinds
}

// await waits until n different signals came.
func (in *inbox) await(n int) []received {
	in.t.Helper()
	eventually(in.t, "signals to come", func() bool { return len(in.kinds()) >= n })
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.sets)
}

// receiver manages the streams of a client of the demo.
type receiver struct {
	*attacker
	client, secret string
}

// subscribe gives an app what a receiver needs, and returns it.
func (a *attacker) subscribe(name string, scopes ...string) *receiver {
	a.t.Helper()
	app := a.Facts().App(name)
	var now []any
	if err := json.Unmarshal(a.manage(a.t, http.MethodGet, "/apps/"+name, nil), &struct {
		Manifest struct {
			Spec struct {
				Identity struct {
					OIDC struct{ Scopes *[]any } `json:"oidc"`
				} `json:"identity"`
			} `json:"spec"`
		} `json:"manifest"`
	}{}); err != nil {
		a.t.Fatal(err)
	}
	all := append(slices.Clone(app.Scopes), scopes...)
	slices.Sort(all)
	for _, s := range slices.Compact(all) {
		now = append(now, map[string]any{"name": s})
	}
	grants := app.GrantTypes
	if !slices.Contains(grants, "client_credentials") {
		grants = append(slices.Clone(grants), "client_credentials")
	}
	a.manage(a.t, http.MethodPut, "/apps/"+name, a.manifest(a.t, name, map[string]any{"scopes": now, "grantTypes": grants}))
	return &receiver{a, app.ClientID, app.Secret}
}

// token gets an access token for the signals API.
func (r *receiver) token(scope string) string {
	r.t.Helper()
	held, code := r.exchange(r.t, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}, r.client, r.secret)
	if code != "" {
		r.t.Fatalf("%s: %s", scope, code)
	}
	return held.AccessToken
}

// ask sends JSON to the signals API and reads the answer into to, if any.
func (r *receiver) ask(method, path string, body, to any) (status int, h http.Header) {
	r.t.Helper()
	return r.askWith("Bearer "+r.token(scopeManage), method, path, body, to)
}

func (r *receiver) askWith(authorization, method, path string, body, to any) (status int, h http.Header) {
	r.t.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		text = string(raw)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.Issuer()+path, strings.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := r.attacker.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if to != nil && res.StatusCode < http.StatusMultipleChoices {
		if err := json.Unmarshal(raw, to); err != nil {
			r.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, raw)
		}
	}
	return res.StatusCode, res.Header
}

// streamView is a stream as its receiver sees it.
type streamView struct {
	ID        string   `json:"stream_id"`
	Issuer    string   `json:"iss"`
	Audience  string   `json:"aud"`
	Supported []string `json:"events_supported"`
	Requested []string `json:"events_requested"`
	Delivered []string `json:"events_delivered"`
	Delivery  struct {
		Method        string `json:"method"`
		Endpoint      string `json:"endpoint_url"`
		Authorization string `json:"authorization_header"`
	} `json:"delivery"`
	Interval    int    `json:"min_verification_interval"`
	Description string `json:"description"`
}

// pushing makes a stream that pushes everything to an inbox.
func (r *receiver) pushing(in *inbox) streamView {
	r.t.Helper()
	var made streamView
	status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{
		"events_requested": signal.Supported(),
		"delivery":         map[string]any{"method": signal.Push, "endpoint_url": in.URL + "/events", "authorization_header": "Bearer inbox"},
	}, &made)
	if status != http.StatusCreated {
		r.t.Fatalf("create: %d", status)
	}
	return made
}

// polling makes a stream that is polled.
func (r *receiver) polling(events ...string) streamView {
	r.t.Helper()
	var made streamView
	if status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{"events_requested": append([]string{}, events...)}, &made); status != http.StatusCreated {
		r.t.Fatalf("create: %d", status)
	}
	return made
}

// polledSets is the answer to a poll.
type polledSets struct {
	Sets map[string]string `json:"sets"`
	More bool              `json:"moreAvailable"`
}

func (r *receiver) poll(s streamView, body map[string]any) (answer polledSets) {
	r.t.Helper()
	if status, _ := r.ask(http.MethodPost, strings.TrimPrefix(s.Delivery.Endpoint, r.Issuer()), body, &answer); status != http.StatusOK {
		r.t.Fatalf("poll: %d", status)
	}
	return answer
}

// subjectOf is the sub_id of a signal, as text.
func subjectOf(r received) string { return string(r.claims.Subject) }

func TestSignalsReachWhomTheyConcernAndNobodyElse(t *testing.T) {
	a := newAttacker(t)
	app, api, other := a.subscribe("expense-bot", scopeManage), a.subscribe("payroll-api", scopeManage), a.subscribe("nightly-report", scopeManage)
	inboxes := map[*receiver]*inbox{}
	for _, r := range []*receiver{app, api, other} {
		inboxes[r] = newInbox(t)
		r.pushing(inboxes[r])
	}
	last := map[*receiver]int{}
	// hear waits for the signals that each gets, and for no more: a verification that
	// comes next is the control.
	hear := func(what string, want map[*receiver][]string) map[*receiver]received {
		t.Helper()
		first := map[*receiver]received{}
		for r, in := range inboxes {
			all := in.await(last[r] + len(want[r]))
			eventually(t, what+" came", func() bool { return len(in.kinds()) >= last[r]+len(want[r]) })
			if got := in.kinds()[last[r]:]; !slices.Equal(got, want[r]) {
				t.Fatalf("%s: %s hears %v, want %v", what, r.client, got, want[r])
			}
			if len(want[r]) > 0 {
				first[r] = all[last[r]]
			}
			last[r] += len(want[r])
		}
		return first
	}
	held := a.signedIn()
	alice := a.person(t, "alice")
	if _, code := a.swap("travel-desk", held.AccessToken); code != "" {
		t.Fatal(code)
	}
	sid := sidOf(t, held.AccessToken)
	// Somebody else's session concerns nobody here: bob is signed in to the portal alone.
	a.signOutEverywhere(t, a.signIn(t, "bob", "crm-dash"))

	a.manage(t, http.MethodDelete, "/sessions/"+sid, nil)
	both := map[*receiver][]string{app: {"session-revoked"}, api: {"session-revoked"}}
	first := hear("a session that ends", both)
	want := `{"format":"complex","user":{"format":"iss_sub","iss":"` + a.Issuer() + `","sub":"` + alice + `"},"session":{"format":"opaque","id":"` + sid + `"}}`
	for r, got := range first {
		if got.typ != "secevent+jwt" || got.claims.Audience != r.client || got.claims.Issuer != a.Issuer() || subjectOf(got) != want || got.claims.Txn == "" {
			t.Errorf("%+v", got.claims)
		}
	}
	if first[app].claims.ID == first[api].claims.ID || first[app].claims.Txn != first[api].claims.Txn {
		t.Error("each has a jti of its own, and the cause in common")
	}

	held = a.signedIn()
	if _, code := a.swap("travel-desk", held.AccessToken); code != "" {
		t.Fatal(code)
	}
	a.disable("/apps/travel-desk")
	first = hear("an app that is disabled", map[*receiver][]string{api: {"session-revoked"}})
	if got := subjectOf(first[api]); got != `{"format":"complex","application":{"format":"opaque","id":"microapp-travel-desk"}}` {
		t.Error(got)
	}

	bot := a.Facts().App("expense-bot")
	a.post("/revoke", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(bot.ClientID, bot.Secret))
	first = hear("a grant that is revoked", map[*receiver][]string{app: {"session-revoked"}, api: {"session-revoked"}})
	if got := subjectOf(first[app]); !strings.Contains(got, `"application":{"format":"opaque","id":"`+bot.ClientID+`"}`) || !strings.Contains(got, sidOf(t, held.AccessToken)) {
		t.Error(got)
	}

	a.unmap("sales")
	first = hear("a group that loses its name", map[*receiver][]string{app: {"token-claims-change"}})
	var said struct {
		Claims map[string]any `json:"claims"`
	}
	for _, e := range first[app].claims.Events {
		raw, _ := json.Marshal(e)
		if err := json.Unmarshal(raw, &said); err != nil {
			t.Fatal(err)
		}
	}
	if got := said.Claims["groups"]; len(said.Claims) != 2 || strings.Contains(string(must(json.Marshal(got))), "sales") || !strings.Contains(string(must(json.Marshal(got))), "all-employees") {
		t.Errorf("%v", said.Claims)
	}

	a.manage(t, http.MethodPost, "/apps/expense-bot/secret", nil)
	first = hear("another secret", map[*receiver][]string{app: {"credential-change"}})
	if got := subjectOf(first[app]); got != `{"format":"iss_sub","iss":"`+a.Issuer()+`","sub":"`+bot.ClientID+`"}` {
		t.Error(got)
	}

	a.disable("/people/" + alice)
	hear("a person who is disabled", map[*receiver][]string{app: {"session-revoked", "account-disabled"}, api: {"session-revoked", "account-disabled"}})
	a.manage(t, http.MethodPost, "/people/"+alice+"/enable", nil)
	hear("a person who is enabled", map[*receiver][]string{app: {"account-enabled"}, api: {"account-enabled"}})

	a.manage(t, http.MethodPost, "/keys/"+keyOf(t, held.AccessToken)+"/kill", nil)
	credential := []string{"credential-change"}
	first = hear("a key that is killed", map[*receiver][]string{app: credential, api: credential, other: credential})
	if got := subjectOf(first[other]); got != `{"format":"uri","uri":"`+a.Issuer()+`/jwks#`+keyOf(t, held.AccessToken)+`"}` || keyOf(t, first[other].raw) == keyOf(t, held.AccessToken) {
		t.Errorf("%s, signed with %s", got, keyOf(t, first[other].raw))
	}
}

// keyOf is the kid of a token.
func keyOf(t *testing.T, raw string) string {
	t.Helper()
	var header struct {
		Key string `json:"kid"`
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[0])
	if err == nil {
		err = json.Unmarshal(text, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header.Key
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// sidOf is the session of an access token.
func sidOf(t *testing.T, raw string) string {
	t.Helper()
	var claims struct {
		Session string `json:"sid"`
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil || claims.Session == "" {
		t.Fatalf("%v %s", err, text)
	}
	return claims.Session
}

// TestAnIndependentVerifierTakesEverySignal has npm's jose check what is pushed,
// against the published keys, as a receiver of another make would.
func TestAnIndependentVerifierTakesEverySignal(t *testing.T) {
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	a := newAttacker(t)
	r := a.subscribe("expense-bot", scopeManage)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("node", "signals.mjs"), a.Issuer(), r.client)
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = cmd.Stdout
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	next := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the receiver ended: %v", lines.Err())
		}
		return lines.Text()
	}
	address := next()
	var made streamView
	status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{
		"events_requested": signal.Supported(), "delivery": map[string]any{"method": signal.Push, "endpoint_url": address},
	}, &made)
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	if status, _ := r.ask(http.MethodPost, "/ssf/verification", map[string]any{"stream_id": made.ID, "state": "abc"}, nil); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if got := next(); got != `verification {"format":"opaque","id":"`+made.ID+`"} {"state":"abc"}` {
		t.Error(got)
	}
	held := a.signedIn()
	alice := a.person(t, "alice")
	a.disable("/people/" + alice)
	if got := next(); !strings.HasPrefix(got, `session-revoked {"format":"complex","user":{"format":"iss_sub","iss":"`+a.Issuer()+`","sub":"`+alice+`"}} `) || !strings.Contains(got, `"initiating_entity":"admin"`) {
		t.Error(got)
	}
	if got := next(); got != `account-disabled {"format":"iss_sub","iss":"`+a.Issuer()+`","sub":"`+alice+`"} {}` {
		t.Error(got)
	}
	// The receiver's own control: it refuses what is no signal.
	for name, raw := range map[string]string{"an access token": held.AccessToken, "an id_token": held.Extra("id_token").(string)} {
		res, err := http.Post(address, "application/secevent+jwt", bytes.NewReader([]byte(raw)))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := next(); res.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got, "refused ") {
			t.Errorf("%s: %d %s", name, res.StatusCode, got)
		}
	}
}

func TestAStreamIsManagedAsTheSpecificationSays(t *testing.T) {
	a := newAttacker(t)
	r := a.subscribe("ledger-api", scopeManage, scopeRead)
	var list []streamView
	if status, _ := r.ask(http.MethodGet, "/ssf/stream", nil, &list); status != http.StatusOK || len(list) != 0 {
		t.Errorf("no streams: %d %v", status, list)
	}
	const unknown = "https://example.com/event-type/unheard-of"
	var made streamView
	status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{
		"events_requested": []string{signal.SessionRevoked, unknown}, "description": "for the payroll",
		"delivery": map[string]any{"method": signal.Push, "endpoint_url": "https://receiver.example/events", "authorization_header": "Bearer planted-secret"},
		"format":   "what we do not know is ignored",
	}, &made)
	if status != http.StatusCreated || made.Issuer != a.Issuer() || made.Audience != r.client || !slices.Equal(made.Supported, signal.Supported()) ||
		!slices.Equal(made.Requested, []string{signal.SessionRevoked, unknown}) || !slices.Equal(made.Delivered, []string{signal.SessionRevoked}) ||
		made.Delivery.Method != signal.Push || made.Delivery.Endpoint != "https://receiver.example/events" || made.Delivery.Authorization != "" || made.Interval <= 0 {
		t.Fatalf("%d %+v", status, made)
	}
	at := "/ssf/stream?stream_id=" + made.ID
	var got streamView
	if status, h := r.ask(http.MethodGet, at, nil, &got); status != http.StatusOK || got.ID != made.ID || h.Get("Cache-Control") != "no-store" {
		t.Errorf("read: %d %+v", status, got)
	}
	// What is ours may come back as it is, and as nothing else.
	if status, _ := r.ask(http.MethodPatch, "/ssf/stream", map[string]any{
		"stream_id": made.ID, "iss": made.Issuer, "aud": []string{made.Audience}, "events_delivered": made.Delivered, "description": "another",
	}, &got); status != http.StatusOK || got.Description != "another" || !slices.Equal(got.Requested, made.Requested) || got.Delivery != made.Delivery {
		t.Errorf("patch: %d %+v", status, got)
	}
	for member, wrong := range map[string]any{
		"iss": "https://evil.example", "aud": "crm-dash", "events_delivered": []string{unknown}, "events_supported": []string{}, "min_verification_interval": 0,
		"events_requested": "all", "delivery": "push", "description": 7,
	} {
		if status, _ := r.ask(http.MethodPatch, "/ssf/stream", map[string]any{"stream_id": made.ID, member: wrong}, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d", member, status)
		}
	}
	got = streamView{}
	if status, _ := r.ask(http.MethodPut, "/ssf/stream", map[string]any{"stream_id": made.ID, "events_requested": []string{}}, &got); status != http.StatusOK ||
		got.Description != "" || len(got.Delivered) != 0 || got.Delivery.Method != signal.Poll || got.Delivery.Endpoint == "" {
		t.Errorf("put: %d %+v", status, got)
	}
	if status, _ := r.ask(http.MethodPut, "/ssf/stream", got, &got); status != http.StatusOK || got.Delivery.Method != signal.Poll {
		t.Errorf("put as it was read: %d %+v", status, got)
	}
	for _, to := range []string{"paused", "disabled", "enabled"} {
		var is map[string]string
		if status, _ := r.ask(http.MethodPost, "/ssf/status", map[string]any{"stream_id": made.ID, "status": to, "reason": "maintenance"}, &is); status != http.StatusOK || is["status"] != to {
			t.Errorf("%s: %d %v", to, status, is)
		}
		if status, _ := r.ask(http.MethodGet, "/ssf/status?stream_id="+made.ID, nil, &is); status != http.StatusOK || is["status"] != to || is["reason"] != "maintenance" {
			t.Errorf("%s: %d %v", to, status, is)
		}
		verify, _ := r.ask(http.MethodPost, "/ssf/verification", map[string]any{"stream_id": made.ID, "state": to}, nil)
		if want := map[string]int{"paused": http.StatusNoContent, "disabled": http.StatusBadRequest, "enabled": http.StatusTooManyRequests}[to]; verify != want {
			t.Errorf("verify while %s: %d", to, verify)
		}
	}
	if status, _ := r.ask(http.MethodPost, "/ssf/status", map[string]any{"stream_id": made.ID, "status": "asleep"}, nil); status != http.StatusBadRequest {
		t.Errorf("an unknown status: %d", status)
	}
	for range signal.MostStreams - 1 {
		r.polling()
	}
	if status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{}, nil); status != http.StatusConflict {
		t.Errorf("one stream too many: %d", status)
	}
	if status, _ := r.ask(http.MethodDelete, at, nil, nil); status != http.StatusNoContent {
		t.Errorf("delete: %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if status, _ := r.ask(method, at, nil, nil); status != http.StatusNotFound {
			t.Errorf("%s of what is gone: %d", method, status)
		}
	}
	if strings.Contains(a.log.String()+string(a.manage(t, http.MethodGet, "/audit?limit=1000", nil)), "planted-secret") {
		t.Error("the receiver's secret is in the log or in the audit log")
	}
}

// streamRequests are all that can be asked of a stream.
func streamRequests(s streamView) map[string][2]any {
	id := map[string]any{"stream_id": s.ID, "status": "paused"}
	return map[string][2]any{
		"GET /ssf/stream?stream_id=" + s.ID: {}, "PATCH /ssf/stream": {id}, "PUT /ssf/stream": {id}, "DELETE /ssf/stream?stream_id=" + s.ID: {},
		"GET /ssf/status?stream_id=" + s.ID: {}, "POST /ssf/status": {id}, "POST /ssf/verification": {id}, "POST /ssf/poll/" + s.ID: {map[string]any{"returnImmediately": true}},
	}
}

func TestAStreamIsItsClientsAndNobodyElses(t *testing.T) {
	a := newAttacker(t)
	mine, other := a.subscribe("payroll-api", scopeManage, scopeRead), a.subscribe("nightly-report", scopeManage)
	s := mine.polling(signal.SessionRevoked)
	person := a.signedIn().AccessToken
	forAPI, code := a.exchange(t, url.Values{"grant_type": {"client_credentials"}, "resource": {"payroll-api"}, "scope": {"payroll.read"}}, other.client, other.secret)
	if code != "" {
		t.Fatal(code)
	}
	none, _ := a.exchange(t, url.Values{"grant_type": {"client_credentials"}}, mine.client, mine.secret)
	reading := mine.token(scopeRead)
	for request, body := range streamRequests(s) {
		method, path, _ := strings.Cut(request, " ")
		if status, _ := other.ask(method, path, body[0], nil); status != http.StatusNotFound {
			t.Errorf("%s of another client's stream: %d", request, status)
		}
		for name, c := range map[string]struct {
			authorization string
			want          int
		}{
			"nobody": {"", http.StatusUnauthorized}, "no token": {"Bearer ", http.StatusUnauthorized}, "nonsense": {"Bearer nonsense", http.StatusUnauthorized},
			"a person's token": {"Bearer " + person, http.StatusUnauthorized}, "a token for an API": {"Bearer " + forAPI.AccessToken, http.StatusUnauthorized},
			"a client's secret": {basicAuth(mine.client, mine.secret).Get("Authorization"), http.StatusUnauthorized}, "no scope": {"Bearer " + none.AccessToken, http.StatusForbidden},
		} {
			status, h := mine.askWith(c.authorization, method, path, body[0], nil)
			if status != c.want || h.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d", request, name, status)
			}
		}
		status, _ := mine.askWith("Bearer "+reading, method, path, body[0], nil)
		if reads := method == http.MethodGet || strings.Contains(path, "poll"); reads != (status == http.StatusOK) || !reads && status != http.StatusForbidden {
			t.Errorf("%s to read: %d", request, status)
		}
	}
	if status, _ := mine.ask(http.MethodGet, "/ssf/stream?stream_id="+s.ID, nil, nil); status != http.StatusOK {
		t.Errorf("control: %d", status)
	}
	managing := mine.token(scopeManage)
	a.disable("/apps/payroll-api")
	if status, _ := mine.askWith("Bearer "+managing, http.MethodGet, "/ssf/stream", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("of an app that is disabled: %d", status)
	}
}

func TestTheScopesOfSignalsAreAClientsOwn(t *testing.T) {
	a := newAttacker(t)
	a.subscribe("expense-bot", scopeManage)
	_, to, _ := a.authorize(func(q url.Values) { q.Set("scope", "openid "+scopeManage) })
	if to == nil || to.Query().Get("error") != "invalid_scope" {
		t.Errorf("in a person's name: %v", to)
	}
	app := a.Facts().App("crm-dash")
	if _, code := a.exchange(t, url.Values{
		"grant_type": {"client_credentials"}, "scope": {scopeManage}, "client_id": {app.ClientID}, "client_secret": {app.Secret},
	}, "nobody", "nothing"); code == "" {
		t.Error("two ways of proving a client at once")
	}
	report := a.Facts().App("nightly-report")
	if _, code := a.exchange(t, url.Values{"grant_type": {"client_credentials"}, "scope": {scopeManage}}, report.ClientID, report.Secret); code != "invalid_scope" {
		t.Errorf("of a client whose manifest does not name it: %q", code)
	}
	if _, code := a.exchange(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"payroll.read"}}, report.ClientID, report.Secret); code != "invalid_scope" {
		t.Errorf("an API's scope for the issuer: %q", code)
	}
	a.subscribe("nightly-report", scopeManage).token(scopeManage) // the control
}

func TestNothingIsPushedToWhereTheBrokerMustNotCall(t *testing.T) {
	a := newAttacker(t)
	r := a.subscribe("ledger-api", scopeManage)
	push := func(to string) int {
		t.Helper()
		status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{"delivery": map[string]any{"method": signal.Push, "endpoint_url": to}}, nil)
		return status
	}
	for _, to := range []string{
		"", "receiver", "//receiver.example/x", "ftp://receiver.example/", "http://receiver.example/", "https://user@receiver.example/", "https://receiver.example/#f",
		"https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/",
		"https://100.64.0.1/", "https://receiver.example/../x", "https://receiver.example\\@evil.example/", "javascript:alert(1)", "file:///etc/passwd",
	} {
		if status := push(to); status != http.StatusBadRequest {
			t.Errorf("%q: %d", to, status)
		}
	}
	in := newInbox(t)
	if status := push(in.URL); status != http.StatusCreated {
		t.Errorf("control, loopback is open in the demo: %d", status)
	}
	for _, header := range []string{"Bearer a\r\nX: y", "Bearer ä", " Bearer a", strings.Repeat("a", 5000)} {
		status, _ := r.ask(http.MethodPost, "/ssf/stream", map[string]any{"delivery": map[string]any{"method": signal.Push, "endpoint_url": in.URL, "authorization_header": header}}, nil)
		if status != http.StatusBadRequest {
			t.Errorf("%.20q: %d", header, status)
		}
	}
	// A name that leads to where it must not is refused when it is called, and so is a
	// redirect: nothing arrives, and the stream says why.
	redirect := httptest.NewServer(http.RedirectHandler(in.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirect.Close)
	var made streamView
	r.ask(http.MethodPost, "/ssf/stream", map[string]any{"delivery": map[string]any{"method": signal.Push, "endpoint_url": redirect.URL}}, &made)
	r.ask(http.MethodPost, "/ssf/verification", map[string]any{"stream_id": made.ID}, nil)
	eventually(t, "the push failed", func() bool {
		return strings.Contains(string(a.manage(t, http.MethodGet, "/streams/"+made.ID, nil)), "redirect")
	})
	if got := in.kinds(); got != nil {
		t.Errorf("followed: %v", got)
	}
}

func TestBodiesOfTheSignalsAPIAreReadStrictly(t *testing.T) {
	a := newAttacker(t)
	r := a.subscribe("ledger-api", scopeManage)
	s := r.polling()
	poll := "/ssf/poll/" + s.ID
	for name, c := range map[string]struct {
		path, body string
		want       int
	}{
		"control, nothing":         {"/ssf/stream", ``, http.StatusCreated},
		"control, an object":       {"/ssf/stream", `{"description":"a"}`, http.StatusCreated},
		"a list":                   {"/ssf/stream", `[]`, http.StatusBadRequest},
		"no JSON":                  {"/ssf/stream", `{`, http.StatusBadRequest},
		"two values":               {"/ssf/stream", `{}{}`, http.StatusBadRequest},
		"a member twice":           {"/ssf/stream", `{"description":"a","description":"b"}`, http.StatusBadRequest},
		"an inner member twice":    {"/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8936","method":"urn:ietf:rfc:8935"}}`, http.StatusBadRequest},
		"null":                     {"/ssf/stream", `{"description":null}`, http.StatusBadRequest},
		"control characters":       {"/ssf/stream", `{"description":"a\u0007"}`, http.StatusBadRequest},
		"too many types":           {"/ssf/stream", `{"events_requested":[` + strings.Repeat(`"a",`, 200) + `"a"]}`, http.StatusBadRequest},
		"an unknown method":        {"/ssf/stream", `{"delivery":{"method":"urn:pigeon"}}`, http.StatusBadRequest},
		"too large":                {"/ssf/stream", `{"description":"` + strings.Repeat("a", 70<<10) + `"}`, http.StatusRequestEntityTooLarge},
		"control, a poll":          {poll, `{"returnImmediately":true}`, http.StatusOK},
		"an ack that is no list":   {poll, `{"ack":"all"}`, http.StatusBadRequest},
		"fewer than no events":     {poll, `{"maxEvents":-1}`, http.StatusBadRequest},
		"errors without a code":    {poll, `{"setErrs":{"a":{}}}`, http.StatusBadRequest},
		"a poll that is too large": {poll, `{"ack":["` + strings.Repeat("a", 300<<10) + `"]}`, http.StatusRequestEntityTooLarge},
	} {
		if status, _ := r.ask(http.MethodPost, c.path, c.body, nil); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Issuer()+"/ssf/stream", strings.NewReader("a=b"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + r.token(scopeManage)}, "Content-Type": {"application/x-www-form-urlencoded"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d", res.StatusCode)
	}
}

func TestSignalsArePolledAndAcknowledged(t *testing.T) {
	a := newAttacker(t)
	r, other := a.subscribe("expense-bot", scopeManage), a.subscribe("ledger-api", scopeManage)
	s := r.polling(signal.Supported()...)
	for range 3 {
		a.manage(t, http.MethodDelete, "/sessions/"+sidOf(t, a.signedIn().AccessToken), nil)
	}
	var first polledSets
	eventually(t, "three wait", func() bool {
		first = r.poll(s, map[string]any{"maxEvents": 2, "returnImmediately": true})
		return len(first.Sets) == 2 && first.More
	})
	again := r.poll(s, map[string]any{"returnImmediately": true})
	if len(again.Sets) != 3 || again.More {
		t.Fatalf("what is not acknowledged comes again: %v", again)
	}
	for id, raw := range again.Sets {
		if got := read(t, raw); got.claims.ID != id || got.kind() != "session-revoked" {
			t.Errorf("%s: %+v", id, got.claims)
		}
	}
	ids := slices.Sorted(func(yield func(string) bool) {
		for id := range first.Sets {
			if !yield(id) {
				return
			}
		}
	})
	// An ack for another stream, of nobody, or by another client changes nothing.
	foreign := other.polling()
	other.poll(foreign, map[string]any{"ack": ids, "maxEvents": 0})
	other.ask(http.MethodPost, "/ssf/poll/"+s.ID, map[string]any{"ack": ids}, nil)
	r.poll(s, map[string]any{"ack": []string{"nonsense", ""}, "setErrs": map[string]any{"nobody": map[string]string{"err": "invalid_key"}}, "maxEvents": 0})
	if got := r.poll(s, map[string]any{"returnImmediately": true}); len(got.Sets) != 3 {
		t.Fatalf("forged acks: %v", got)
	}
	r.poll(s, map[string]any{"ack": ids[:1], "setErrs": map[string]any{ids[1]: map[string]string{"err": "invalid_key", "description": "we do not know it"}}, "maxEvents": 0})
	if got := r.poll(s, map[string]any{"returnImmediately": true}); len(got.Sets) != 1 {
		t.Errorf("one taken and one refused: %v", got)
	}
	var jobs struct {
		Items []struct{ ID, Queue, State, Reason string }
	}
	eventually(t, "the refused one is set aside", func() bool {
		return json.Unmarshal(a.manage(t, http.MethodGet, "/jobs?queue="+signal.RefusedQueue+"&state=buried", nil), &jobs) == nil && len(jobs.Items) == 1
	})
	if !strings.Contains(jobs.Items[0].Reason, "invalid_key: we do not know it") {
		t.Errorf("%+v", jobs.Items)
	}
	a.manage(t, http.MethodPost, "/jobs/"+jobs.Items[0].ID+"/retry", nil)
	eventually(t, "a person has it tried again", func() bool { return len(r.poll(s, map[string]any{"returnImmediately": true}).Sets) == 2 })
	// A poll without returnImmediately waits until something comes.
	r.poll(s, map[string]any{"ack": slices.Collect(func(yield func(string) bool) {
		for id := range r.poll(s, map[string]any{"returnImmediately": true}).Sets {
			if !yield(id) {
				return
			}
		}
	}), "maxEvents": 0})
	came := make(chan polledSets, 1)
	go func() { came <- r.poll(s, map[string]any{}) }()
	r.ask(http.MethodPost, "/ssf/verification", map[string]any{"stream_id": s.ID, "state": "wake up"}, nil)
	if got := <-came; len(got.Sets) != 1 {
		t.Errorf("a poll that waits: %v", got)
	}
}

// kill9 is a broker as a process of its own, which ends without notice.
type kill9 struct {
	t       *testing.T
	binary  string
	r       *drill
	process *exec.Cmd
}

func (k *kill9) start() {
	k.t.Helper()
	k.process = exec.Command(k.binary, "serve", "--config", k.r.ConfigFile())
	k.process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + k.t.TempDir(), "GATEHOUSE_LISTEN=" + k.r.cfg.Listen}
	k.process.Stderr, k.process.SysProcAttr = k.r.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := k.process.Start(); err != nil {
		k.t.Fatal(err)
	}
	eventually(k.t, "the broker is ready", func() bool {
		res, err := http.Get(k.r.Issuer() + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (k *kill9) kill() {
	k.t.Helper()
	if err := k.process.Process.Kill(); err != nil {
		k.t.Fatal(err)
	}
	_ = k.process.Wait() // it was killed
}

// TestNoSignalIsLostWhenTheBrokerIsKilledAndTheReceiverIsDown kills the broker right
// after each change that was acknowledged, with a receiver that is down in the middle.
func TestNoSignalIsLostWhenTheBrokerIsKilledAndTheReceiverIsDown(t *testing.T) {
	t.Parallel()
	r := startDrill(t, config.SQLite)
	k := &kill9{t: t, binary: filepath.Join(t.TempDir(), "broker"), r: r}
	output(t, "..", "go", "build", "-o", k.binary, "./cmd/broker")
	api := r.subscribe("expense-bot", scopeManage)
	in := newInbox(t)
	made := api.pushing(in)
	socket := r.broker
	r.stop()
	r.broker = socket // the same path is served by the process
	k.start()
	t.Cleanup(func() { k.kill(); r.broker = nil })
	const rounds = 4
	want := map[string]bool{}
	for i := range rounds {
		in.answers(map[bool]int{true: http.StatusServiceUnavailable}[i > 0 && i < 3], "")
		sid := sidOf(t, r.signedIn().AccessToken)
		want[sid] = true
		r.manage(t, http.MethodDelete, "/sessions/"+sid, nil)
		k.kill()
		k.start()
	}
	heard := map[string]int{}
	sessions := func() int {
		clear(heard)
		in.mu.Lock()
		defer in.mu.Unlock()
		ids := map[string]string{}
		for _, s := range in.sets {
			var subject struct{ Session struct{ ID string } }
			if err := json.Unmarshal(s.claims.Subject, &subject); err != nil {
				t.Fatal(err)
			}
			if other, again := ids[s.claims.ID]; again && other != subject.Session.ID {
				t.Fatal("one jti tells of two sessions")
			} else if !again {
				heard[subject.Session.ID]++
			}
			ids[s.claims.ID] = subject.Session.ID
		}
		return len(heard)
	}
	r.manage(t, http.MethodPost, "/streams/"+made.ID+"/enable", nil) // the next push is due at once
	for end := time.Now().Add(90 * time.Second); sessions() < rounds && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	if len(heard) != rounds {
		t.Fatalf("%d of %d sessions were told of", len(heard), rounds)
	}
	for sid, n := range heard {
		if !want[sid] || n != 1 {
			t.Errorf("%s was told of by %d jtis", sid, n)
		}
	}
}
