package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// example is one of the guide's apps: how it is prepared and started in its folder.
type example struct {
	name, port string
	prepare    [][]string
	start      []string
}

// TestTheAppsOfTheGuideSignPeopleInAndOut does what the guide says, with the code
// that it shows: apply the manifest, start the app with the secret, sign in, sign out.
func TestTheAppsOfTheGuideSignPeopleInAndOut(t *testing.T) {
	t.Parallel()
	tools := t.TempDir()
	at := func(name string) string { return filepath.Join(tools, name) }
	for _, e := range []example{
		{name: "go", port: "9001", prepare: [][]string{{"go", "build", "-o", at("hello"), "."}}, start: []string{at("hello")}},
		{name: "node", port: "9002", prepare: [][]string{{"npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"}}, start: []string{"node", "app.mjs"}},
		{
			name: "python", port: "9003", start: []string{at("venv/bin/python"), "app.py"},
			prepare: [][]string{{"python3", "-m", "venv", at("venv")}, {at("venv/bin/pip"), "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt"}},
		},
	} {
		t.Run(e.name, func(t *testing.T) {
			s := startDemo(t, tempDir(t), nil)
			folder := exampleCopy(t, e.name)
			for _, command := range e.prepare {
				run(t, folder, command)
			}
			home := "http://" + s.startExample(t, folder, e) + "/"
			if page, err := browser.New().Get(t.Context(), home+"logout"); err != nil || !strings.HasPrefix(page.URL.String(), home) {
				t.Errorf("signing out without being signed in leads to %v: %v", page, err)
			}
			b, alice := browser.New(), s.Facts().Person("alice")
			page, err := b.Get(t.Context(), home+"login")
			if err == nil {
				page, err = b.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}})
			}
			if err != nil {
				t.Fatal(err)
			}
			if name, _ := page.ByID("name"); !strings.Contains(name, alice.Email) {
				t.Fatalf("it greets %q: %s", name, page.Text())
			}
			if page, err = b.Get(t.Context(), home+"logout"); err != nil {
				t.Fatal(err)
			}
			if _, still := page.ByID("name"); still || !strings.HasPrefix(page.URL.String(), home) {
				t.Errorf("signed out, the browser is at %s: %s", page.URL, page.Text())
			}
			if _, signedIn := s.account(t, b); signedIn {
				t.Error("the broker still knows the browser")
			}
			carol := browser.New()
			if page, err = carol.Get(t.Context(), home+"login"); err == nil {
				who := s.Facts().Person("carol")
				page, err = carol.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(page.Text(), "all-employees") {
				t.Errorf("carol, who may not use it, sees: %s", page.Text())
			}
		})
	}
}

// TestTheAPIOfTheGuideGreetsAndRefuses does what the guide on protecting an API says.
func TestTheAPIOfTheGuideGreetsAndRefuses(t *testing.T) {
	s := startDemo(t, tempDir(t), nil)
	port, program := testkit.FreePort(t), filepath.Join(t.TempDir(), "api")
	folder := filepath.Join("..", "docs", "examples", "api")
	run(t, folder, []string{"go", "build", "-o", program, "."})
	manifest, err := os.ReadFile(filepath.Join(folder, "microapp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(s.manage(t, http.MethodPut, "/apps/hello-api", manifest), &made); err != nil || made.Secret == "" {
		t.Fatalf("no secret was made: %v", err)
	}
	startProgram(t, folder, []string{program}, port, "ISSUER="+s.Facts().Issuer, "CLIENT_SECRET="+made.Secret)
	a := &attacker{stage: s, t: t, client: &http.Client{}}
	held, code := a.tokenAnswer("hello-api", made.Secret, "grant_type=client_credentials&resource=hello-api&scope=hello.read")
	if code != "" {
		t.Fatal(code)
	}
	get := func(path, raw string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if raw != "" {
			req.Header.Set("Authorization", "Bearer "+raw)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	eventually(t, "the API is ready", func() bool { return get("/ready", "") == http.StatusOK })
	if with, without := get("/hello", held.AccessToken), get("/hello", ""); with != http.StatusOK || without != http.StatusUnauthorized {
		t.Errorf("with a token %d, without %d", with, without)
	}
	s.manage(t, http.MethodPost, "/revocations/client/hello-api", []byte(`{"reason":"to see it refused"}`))
	eventually(t, "it is refused", func() bool { return get("/hello", held.AccessToken) == http.StatusUnauthorized })
}

// exampleCopy copies an example to where it may build and install.
func exampleCopy(t *testing.T, name string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), name)
	from := filepath.Join("..", "docs", "examples", name)
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, f.Name()), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func run(t *testing.T, folder string, command []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

// startExample registers the example on a free port, starts it, waits until it
// answers and ends it with the test. It returns its host:port.
func (s *stage) startExample(t *testing.T, folder string, e example) string {
	t.Helper()
	port := testkit.FreePort(t)
	manifest, err := os.ReadFile(filepath.Join(folder, "microapp.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(manifest, []byte(":"+e.port)) {
		t.Fatalf("the manifest does not name port %s", e.port)
	}
	manifest = bytes.ReplaceAll(manifest, []byte(":"+e.port), []byte(":"+port))
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(s.manage(t, http.MethodPut, "/apps/hello-"+e.name, manifest), &made); err != nil || made.Secret == "" {
		t.Fatalf("no secret was made: %v", err)
	}
	startProgram(t, folder, e.start, port, "ISSUER="+s.Facts().Issuer, "CLIENT_SECRET="+made.Secret)
	return net.JoinHostPort("127.0.0.1", port)
}

// startProgram starts a program that listens on PORT of 127.0.0.1, waits until it
// does, and ends it with the test. environ is added to ours.
func startProgram(t *testing.T, folder string, command []string, port string, environ ...string) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &log, &log
	cmd.Env = append(append(os.Environ(), "PORT="+port), environ...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // it ends by our signal
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended at once", command[0])
		case <-ctx.Done():
			t.Fatalf("%s does not answer", command[0])
		case <-time.After(50 * time.Millisecond):
		}
	}
}
