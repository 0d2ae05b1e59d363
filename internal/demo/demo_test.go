package demo_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// folder is a data directory whose path is short enough for a Unix socket.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestADemoWhosePortIsTakenFindsAnotherAndSaysSo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	d, err := demo.New(demo.Options{Addr: taken.Addr().String(), Data: folder(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Issuer == "http://"+taken.Addr().String() || cfg.Issuer != d.Issuer() || cfg.Issuer != "http://"+cfg.Listen {
		t.Errorf("issuer %s, listening at %s, while %s is taken", cfg.Issuer, cfg.Listen, taken.Addr())
	}
}

func TestTheDemoListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:8080", "localhost", "127.0.0.1:http", ":8080"} {
		d, err := demo.New(demo.Options{Addr: addr, Data: folder(t), Exact: true, Now: time.Now})
		if err == nil {
			d.Close()
			t.Errorf("%s is taken for a loopback address with a port", addr)
		} else if !strings.Contains(err.Error(), "--addr") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestASecondDemoOnTheSameDataChangesNothingOfTheFirst(t *testing.T) {
	dir := folder(t)
	first, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: dir, Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	running, err := net.Listen("unix", filepath.Join(dir, "broker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	if _, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: dir, Exact: true, Now: time.Now}); !errors.Is(err, demo.ErrRunning) {
		t.Errorf("a second demo: %v", err)
	}
	if after := contents(t, dir); after != before {
		t.Errorf("the files were\n%s\nand are\n%s", before, after)
	}
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: dir, Exact: true, Now: time.Now})
	if err != nil {
		t.Fatalf("control: %v", err)
	}
	third.Close()
}

// contents are the files that tell where everybody is.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"demo.json", "broker.yaml"} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
	}
	return all.String()
}

// The facts are read by programs that are not ours: what they name is there, and
// of the form that they were promised.
func TestFactsNameEverythingThatWasStarted(t *testing.T) {
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: folder(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	broker, err := app.Start(t.Context(), cfg, app.Options{Listener: d.Listener(), Log: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = broker.Stop() }()
	if err := d.Populate(t.Context(), broker.Socket()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := d.WriteFacts(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var facts map[string]any
	if err := json.Unmarshal(body, &facts); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"version", "issuer", "portal", "account", "metrics", "data_dir", "idps", "apps", "apis", "scim"} {
		if facts[key] == nil {
			t.Errorf("there is no %s", key)
		}
	}
	for _, idp := range facts["idps"].([]any) {
		needs(t, idp, "id", "protocol", "title", "issuer", "domains", "people")
		for _, p := range idp.(map[string]any)["people"].([]any) {
			needs(t, p, "username", "password", "email", "groups", "subject")
		}
	}
	for _, one := range facts["apps"].([]any) {
		needs(t, one, "name", "client_id", "auth", "redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes", "url", "groups")
		switch one.(map[string]any)["auth"] {
		case "client_secret_basic", "client_secret_post":
			needs(t, one, "secret")
		case "private_key_jwt":
			needs(t, one, "private_key", "kid")
		}
	}
	needs(t, facts["exchange"], "client", "client_denied", "audience", "audience_denied", "scope", "scope_wider", "subject_client", "expired_token")
	for _, one := range facts["apis"].([]any) {
		needs(t, one, "audience", "url", "client_id", "secret", "scopes")
	}
	for _, one := range facts["scim"].([]any) {
		needs(t, one, "connection", "base_url", "token")
	}
}

func needs(t *testing.T, of any, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if v := of.(map[string]any)[key]; v == nil || v == "" {
			t.Errorf("%v has no %s", of, key)
		}
	}
}

// discard is a log that nobody reads.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
