package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// stage is everything around a broker: the identity provider and the sample apps
// of the demo, which live in this process, and a folder. It is a testkit.T, so
// that it can start servers.
type stage struct {
	*demo.Demo
	ctx      context.Context // as a test's
	dir      string
	program  string // the built broker
	cleanups []func()
	settle   time.Duration     // how long every replica may take to know an app
	key      *ecdsa.PrivateKey // of jobClient
	secret   string            // of shortClient
}

// jobClient is an app of ours that proves itself with private_key_jwt.
const (
	jobApp    = "chaos-job"
	jobClient = "microapp-chaos-job"
	jobKey    = "chaos-job-1"
)

// shortClient may have tokens for shortAPI, its own, that live for shortLife.
const (
	shortApp    = "chaos-short"
	shortClient = "microapp-chaos-short"
	shortAPI    = "chaos-short"
	shortScope  = "short.read"
	shortLife   = 10 * time.Second
)

// failure ends a part from within Fatal.
type failure struct{ error }

// onStage runs a part on a stage of its own.
func onStage(ctx context.Context, play func(*stage) error) (err error) {
	s := &stage{ctx: ctx}
	defer func() {
		if p := recover(); p != nil {
			f, ours := p.(failure)
			if !ours {
				panic(p)
			}
			err = f.error
		}
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	}()
	if err := s.set(); err != nil {
		return err
	}
	return play(s)
}

// Helper implements testkit.T.
func (s *stage) Helper() {}

// Fatal implements testkit.T: it ends the part.
func (s *stage) Fatal(args ...any) { panic(failure{errors.New(fmt.Sprint(args...))}) }

// Fatalf implements testkit.T.
func (s *stage) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// Cleanup implements testkit.T.
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Context implements testkit.T.
func (s *stage) Context() context.Context { return s.ctx }

// set builds the broker and starts the cast.
func (s *stage) set() (err error) {
	if s.dir, err = os.MkdirTemp("", "gatehouse-chaos-"); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	s.program = filepath.Join(s.dir, "gatehouse")
	build := exec.CommandContext(s.ctx, "go", "build", "-o", s.program, "github.com/gatehouse-io/gatehouse/cmd/broker")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the broker: %w: %s", err, out)
	}
	s.Demo, err = demo.New(demo.Options{Addr: "127.0.0.1:0", Data: filepath.Join(s.dir, "demo"), Exact: true, Now: time.Now})
	if err != nil {
		return err
	}
	s.Cleanup(s.Close)
	s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return err
}

// address is where the broker is reached; its listener is given up for the process.
func (s *stage) address() (string, error) {
	address := s.Listener().Addr().String()
	if err := s.Listener().Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return "", fmt.Errorf("give the address up: %w", err)
	}
	return address, nil
}

// populate applies the sample apps and ours.
func (s *stage) populate(c *client, socket string) error {
	if err := s.Populate(s.ctx, socket); err != nil {
		return err
	}
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	half := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	jwks, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "EC", "crv": "P-256", "x": half(point[1:33]), "y": half(point[33:]), "use": "sig", "alg": "ES256", "kid": jobKey},
	}})
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	for name, identity := range map[string]string{
		jobApp:    `{protocol: oidc, oidc: {clientId: ` + jobClient + `, grantTypes: [client_credentials], tokenEndpointAuthMethod: private_key_jwt, jwks: ` + string(jwks) + `}}`,
		switchApp: `{protocol: none}`,
		shortApp: `{protocol: oidc, oidc: {clientId: ` + shortClient + `, grantTypes: [client_credentials], tokenEndpointAuthMethod: client_secret_basic, ` +
			`scopes: [{name: ` + shortScope + `}]}, resource: {audience: ` + shortAPI + `, scopes: [` + shortScope + `], introspection: true, maxTokenTtl: ` + shortLife.String() + `}}`,
	} {
		manifest := "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata: {name: " + name + ", title: Chaos, description: Works under load.}\n" +
			"spec:\n  version: 1.0.0\n  owner: {team: finance, primary: ada@acme.example, contacts: {chat: \"#chaos\"}}\n" +
			"  entitlements: [{name: user, description: Use it, groups: [finance]}]\n  identity: " + identity + "\n"
		var applied struct {
			Secret string `json:"client_secret"`
		}
		if err := c.manage(s.ctx, http.MethodPut, "/apps/"+name, []byte(manifest)).decode(&applied); err != nil {
			return fmt.Errorf("apply %s: %w", name, err)
		}
		if name == shortApp {
			s.secret = applied.Secret
		}
	}
	return nil
}

// signIn signs a person in to expense-bot in a new browser and returns the
// broker's cookies in it.
func (s *stage) signIn(ctx context.Context, username string) (cookie string, err error) {
	who, b := s.Facts().Person(username), browser.New()
	page, err := b.Get(ctx, s.Facts().App("expense-bot").URL+"login?idp="+s.Facts().IDPs[0].ID)
	if err != nil {
		return "", err
	}
	if page.Status != http.StatusOK {
		return "", &answered{what: "sign-in", reply: reply{status: page.Status, header: page.Header, body: []byte(page.Text())}}
	}
	if page, err = b.Submit(ctx, page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
		return "", err
	}
	if said, _ := page.ByID("who"); said != who.Email {
		return "", &answered{what: "sign-in", reply: reply{status: page.Status, header: page.Header, body: []byte(page.Text())}}
	}
	issuer, err := url.Parse(s.Issuer())
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	return b.CookieHeader(issuer), nil
}
