package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// target is a broker under load and what the rows need of it.
type target struct {
	pid     int
	servers []int // what else works for it
	process *process
	dir     string // removed when it stops
	facts   demo.Facts
	// cookie is the session of somebody who is signed in.
	cookie     string
	tokens     tokens
	exchangers *exchangers
}

// relyingParty is an app that people sign in to.
type relyingParty struct{ client, secret, redirect, scope string }

// expenses is the one whose tokens most rows use.
func (t *target) expenses() relyingParty {
	app := t.facts.App("expense-bot")
	return relyingParty{app.ClientID, app.Secret, app.RedirectURIs[0], strings.Join(app.Scopes, " ")}
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// endpoint is one row: what it measures and what it cannot do without.
type endpoint struct {
	name  string
	floor []string
	each  func(t *target, worker int) func(*http.Client) error
	// stock is how many subject tokens a second of it takes at most.
	stock int
	// half has it come at half the rate of the row of this name, evenly; empty is as
	// fast as it goes.
	half string
}

func endpoints() []endpoint {
	return []endpoint{
		{"jwks", []string{"http_echo"}, (*target).jwks, 0, ""},
		{"client_credentials", []string{"ecdsa_p256_sign", "http_echo"}, (*target).clientCredentials, 0, ""},
		{"refresh", []string{"ecdsa_p256_sign", "ecdsa_p256_sign", "http_echo"}, (*target).refresh, 0, ""},
		{"introspection", []string{"ecdsa_p256_verify", "http_echo"}, (*target).introspection, 0, ""},
		{"userinfo", []string{"ecdsa_p256_verify", "http_echo"}, (*target).userinfo, 0, ""},
		{"code_flow", []string{"ecdsa_p256_sign", "ecdsa_p256_sign", "http_echo", "http_echo"}, (*target).codeFlow, 0, ""},
		{"exchange", []string{"ecdsa_p256_verify", "ecdsa_p256_sign", "http_echo"}, (*target).exchangeBasic, 8000, ""},
		{"exchange_private_key_jwt", []string{"ecdsa_p256_verify", "ecdsa_p256_verify", "ecdsa_p256_sign", "http_echo"}, (*target).exchangeJWT, 6000, ""},
		{"exchange_half_rate", []string{"ecdsa_p256_verify", "ecdsa_p256_sign", "http_echo"}, (*target).exchangeBasic, 8000, "exchange"},
	}
}

// broker measures the endpoints of the product's demo, which it builds and starts.
func (b *bench) broker(ctx context.Context, wanted func(string) bool) (measure part, stop func(), err error) {
	t, err := startTarget(ctx, b.binary)
	if err != nil {
		return nil, nil, err
	}
	return b.endpoints(t, endpoints(), wanted), t.stop, nil
}

// endpoints measures those rows of a broker that are wanted.
func (b *bench) endpoints(t *target, rows []endpoint, wanted func(string) bool) part {
	b.targets = append(b.targets, t)
	return func() error {
		for _, e := range rows {
			if !wanted(e.name) {
				continue
			}
			if e.stock > 0 {
				if err := t.stock(b.workers, int(float64(e.stock)*(warmUp+b.length/time.Duration(b.rounds)).Seconds())); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
			}
			if err := b.othersRest(t); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			row := Row{Name: e.name, FloorOf: strings.Join(e.floor, " + ")}
			var rate float64
			if e.half != "" {
				if rate = b.median(e.half, func(r Row) float64 { return r.RPS }) / 2; rate == 0 {
					continue // that row is not wanted
				}
			}
			if err := b.measure(t.pid, t.servers, row, rate, func(worker int) func(*http.Client) error { return e.each(t, worker) }); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
		return nil
	}
}

// startTarget starts the demo of a binary, or of the product, which it then builds,
// as a process, and signs in.
func startTarget(ctx context.Context, binary string) (t *target, err error) {
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return nil, fmt.Errorf("temporary folder: %w", err)
	}
	t = &target{dir: dir}
	defer func(started *target) {
		if err != nil {
			started.stop()
		}
	}(t)
	if binary == "" {
		binary = filepath.Join(dir, "broker")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/broker") //nolint:gosec // G204: the product
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the broker: %w: %s", err, out)
		}
	}
	factsFile := filepath.Join(dir, "facts.json")
	p, out, err := start(ctx, binary, "demo", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--facts", factsFile)
	if err != nil {
		return nil, err
	}
	t.process, t.pid = p, p.pid()
	go func() { _, _ = new(bytes.Buffer).ReadFrom(out) }() // what the demo prints is for people
	if t.facts, err = waitForFacts(ctx, factsFile); err != nil {
		return nil, err
	}
	return t, t.signIn(ctx)
}

func (t *target) stop() {
	if t.process != nil {
		t.process.stop()
	}
	_ = os.RemoveAll(t.dir) // in the temporary folder anyway
}

func waitForFacts(ctx context.Context, file string) (demo.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		body, err := os.ReadFile(file) //nolint:gosec // G304: below our own temporary folder
		if err == nil {
			var f demo.Facts
			if err := json.Unmarshal(body, &f); err != nil {
				return f, fmt.Errorf("facts: %w", err)
			}
			return f, nil
		}
		select {
		case <-ctx.Done():
			return demo.Facts{}, fmt.Errorf("the demo did not start: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// signIn signs alice in to expense-bot and keeps the broker's session cookie.
func (t *target) signIn(ctx context.Context) error {
	b := browser.New()
	who := t.facts.Person("alice")
	page, err := b.Get(ctx, t.facts.App("expense-bot").URL+"login?idp="+t.facts.IDPs[0].ID)
	if err != nil {
		return err
	}
	if _, err = b.Submit(ctx, page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
		return err
	}
	issuer, err := url.Parse(t.facts.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	t.cookie = b.CookieHeader(issuer)
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if t.tokens, err = t.codeTokens(c, t.expenses()); err != nil {
		return err
	}
	t.exchangers = &exchangers{}
	return t.exchangers.apply(ctx, http.DefaultClient, t.facts.Issuer, t.facts.Admin.APIToken)
}

func (t *target) jwks(int) func(*http.Client) error { return t.get("/jwks", "") }

func (t *target) userinfo(int) func(*http.Client) error { return t.get("/userinfo", t.tokens.Access) }

func (t *target) get(path, bearer string) func(*http.Client) error {
	return func(c *http.Client) error {
		req, err := http.NewRequest(http.MethodGet, t.facts.Issuer+path, nil) //nolint:noctx // the client's timeout bounds it
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		return expect(c, req, http.StatusOK)
	}
}

func (t *target) clientCredentials(int) func(*http.Client) error {
	app := t.facts.App("nightly-report")
	body := url.Values{"grant_type": {"client_credentials"}, "scope": {"payroll.read"}, "resource": {"payroll-api"}}.Encode()
	return func(c *http.Client) error {
		req := form(t.facts.Issuer+"/token", body)
		req.SetBasicAuth(app.ClientID, app.Secret)
		return expect(c, req, http.StatusOK)
	}
}

// refresh gives every worker a family of its own.
func (t *target) refresh(int) func(*http.Client) error {
	var mine tokens
	return func(c *http.Client) error {
		if mine.Refresh == "" {
			first, err := t.codeTokens(c, t.expenses())
			if err != nil {
				return err
			}
			mine = first
		}
		next, err := t.token(c, t.expenses(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {mine.Refresh}})
		mine = next
		return err
	}
}

func (t *target) introspection(int) func(*http.Client) error {
	api, job := t.facts.App("payroll-api"), t.facts.App("nightly-report")
	var held tokens
	return func(c *http.Client) error {
		if held.Access == "" {
			req := form(t.facts.Issuer+"/token", "grant_type=client_credentials&scope=payroll.read&resource=payroll-api")
			req.SetBasicAuth(job.ClientID, job.Secret)
			body, err := read(c, req, http.StatusOK)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(body, &held); err != nil {
				return fmt.Errorf("token: %w", err)
			}
		}
		req := form(t.facts.Issuer+"/introspect", url.Values{"token": {held.Access}}.Encode())
		req.SetBasicAuth(api.ClientID, api.Secret)
		body, err := read(c, req, http.StatusOK)
		if err == nil && !bytes.Contains(body, []byte(`"active":true`)) {
			return errors.New("introspection: the token is not active")
		}
		return err
	}
}

func (t *target) codeFlow(int) func(*http.Client) error {
	return func(c *http.Client) error {
		_, err := t.codeTokens(c, t.expenses())
		return err
	}
}

// codeTokens does the whole code flow in a browser that is signed in.
func (t *target) codeTokens(c *http.Client, app relyingParty) (tokens, error) {
	verifier := oauth2.GenerateVerifier()
	q := url.Values{
		"response_type": {"code"}, "client_id": {app.client}, "redirect_uri": {app.redirect}, "scope": {app.scope},
		"state": {"bench"}, "nonce": {"bench"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	next := t.facts.Issuer + "/authorize?" + q.Encode()
	for range 5 {
		req, err := http.NewRequest(http.MethodGet, next, nil) //nolint:noctx // the client's timeout bounds it
		if err != nil {
			return tokens{}, fmt.Errorf("authorize: %w", err)
		}
		req.Header.Set("Cookie", t.cookie)
		res, err := c.Do(req)
		if err != nil {
			return tokens{}, fmt.Errorf("authorize: %w", err)
		}
		_ = res.Body.Close()
		back, err := res.Location()
		if err != nil {
			return tokens{}, fmt.Errorf("authorize answers %s: %w", res.Status, err)
		}
		if code := back.Query().Get("code"); code != "" {
			return t.token(c, app, url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {app.redirect}, "code_verifier": {verifier},
			})
		}
		next = back.String()
	}
	return tokens{}, errors.New("authorize: no code after five redirects")
}

func (t *target) token(c *http.Client, app relyingParty, values url.Values) (tokens, error) {
	req := form(t.facts.Issuer+"/token", values.Encode())
	req.SetBasicAuth(app.client, app.secret)
	body, err := read(c, req, http.StatusOK)
	if err != nil {
		return tokens{}, err
	}
	var got tokens
	if err := json.Unmarshal(body, &got); err != nil {
		return got, fmt.Errorf("token: %w", err)
	}
	return got, nil
}
