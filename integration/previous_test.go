package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// previous builds the broker of the migration level before: the last release that
// lacks the newest migration, or the commit before that migration came. A checkout
// without that history cannot; storage's own tests of levels run there all the same.
func previous(t *testing.T) (binary, of string) {
	t.Helper()
	root := output(t, "", "go", "list", "-m", "-f", "{{.Dir}}")
	all, err := filepath.Glob(filepath.Join(root, "internal/storage/migrations/*.sql"))
	if err != nil || len(all) < 2 {
		t.Fatalf("%d migrations, %v", len(all), err)
	}
	newest := "internal/storage/migrations/" + filepath.Base(all[len(all)-1])
	of = before(root, newest)
	if of == "" {
		t.Skipf("git knows of no version before %s here: `git fetch --unshallow --tags` gets it", newest)
	}
	source := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "-C", root, "archive", of)
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", source)
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Start(), unpack.Run(), archive.Wait()); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(source, "broker.previous")
	output(t, source, "go", "build", "-o", binary, "./cmd/broker")
	return binary, of
}

// before names a version that has history and lacks the migration, "" for none.
func before(root, migration string) string {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	for tag := range strings.FieldsSeq(git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*")) {
		if git("ls-tree", "--name-only", tag, migration) == "" {
			return tag
		}
	}
	came := git("log", "--diff-filter=A", "--format=%H", "-n1", "--", migration)
	if came == "" {
		return git("rev-parse", "--verify", "--quiet", "HEAD") // not committed yet: what is committed lacks it
	}
	// Where numbers were given twice for a moment, a version is taken from before that.
	for of := git("rev-parse", "--verify", "--quiet", came+"^"); of != ""; of = git("rev-parse", "--verify", "--quiet", of+"^") {
		if levels(strings.Fields(git("ls-tree", "--name-only", "-r", of, filepath.Dir(migration))), root) {
			return of
		}
	}
	return ""
}

// levels reports whether migrations are the first of those that there are now.
func levels(migrations []string, root string) bool {
	now, err := filepath.Glob(filepath.Join(root, "internal/storage/migrations/*.sql"))
	if err != nil || len(migrations) > len(now) {
		return false
	}
	for i, m := range migrations {
		if filepath.Base(m) != filepath.Base(now[i]) {
			return false
		}
	}
	return true
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var failure bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, failure.String())
	}
	return strings.TrimSpace(string(out))
}

// predecessor is a broker of the version before, as a process of its own.
type predecessor struct {
	t            *testing.T
	binary, file string
	address      string
	cmd          *exec.Cmd
	log          bytes.Buffer
}

// start starts it and returns when it is ready.
func (p *predecessor) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.binary, "serve", "--config", p.file)
	p.cmd.Env = []string{"HOME=" + filepath.Dir(p.file), "PATH=" + os.Getenv("PATH")}
	p.cmd.Stderr, p.cmd.SysProcAttr = &p.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "the version before is ready", func() bool {
		res, err := http.Get("http://" + p.address + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (p *predecessor) stop() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the version before ended with %v\n%s", err, p.log.String())
	}
	p.cmd = nil
}

// write makes its configuration of what every version knows.
func (p *predecessor) write(cfg config.Config, dir string) {
	p.t.Helper()
	c := cfg.Connections[0]
	text := fmt.Sprintf(`issuer: %q
listen: %q
data_dir: %q
encryption_key: %q
database: {driver: postgres, dsn: %q}
redis: {url: %q}
trusted_proxies: [127.0.0.1/32]
outgoing: {allow_networks: [127.0.0.0/8]}
connections:
  - {id: %s, title: %q, issuer: %q, client_id: %q, client_secret: %q, scopes: [openid, profile, email, groups], domains: [acme.example], algorithms: [RS256]}
`, cfg.Issuer, p.address, dir, cfg.EncryptionKey.Reveal(), cfg.Database.DSN.Reveal(), cfg.Redis.URL.Reveal(), c.ID, c.Title, c.Issuer, c.ClientID, c.ClientSecret.Reveal())
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// TestTheVersionBeforeAndThisOneRunSideBySide is an upgrade and the way back: the
// new version migrates the database and serves beside the old one, which goes on,
// may be started anew, and is alone again when the new one is taken away.
func TestTheVersionBeforeAndThisOneRunSideBySide(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds another version")
	}
	binary, of := previous(t)
	t.Logf("beside %s", of)
	dir := tempDir(t)
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: dir, Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	c := &cluster{Demo: d, redis: testkit.Redis(t)}
	cfg, err := config.Load(d.ConfigFile(), []string{
		"GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=" + testkit.Postgres(t), "GATEHOUSE_REDIS_URL=" + c.redis.URL,
		"GATEHOUSE_DATA_DIR=" + tempDir(t), "GATEHOUSE_LISTEN=127.0.0.1:0", "GATEHOUSE_TRUSTED_PROXIES=127.0.0.1/32",
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &predecessor{t: t, binary: binary, address: net.JoinHostPort("127.0.0.1", testkit.FreePort(t)), file: filepath.Join(dir, "previous.yaml")}
	p.write(cfg, tempDir(t))
	t.Cleanup(p.stop)
	p.start() // on the schema of its own level

	c.brokers[0], err = app.Start(context.WithoutCancel(t.Context()), cfg, app.Options{Log: &logBuffer{}})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		if stopped = true; c.brokers[0].Stop() != nil {
			t.Error("this version did not stop well")
		}
	}
	t.Cleanup(stop)
	c.direct = [2]string{"http://" + c.brokers[0].Address(), "http://" + p.address}
	c.balance(t)
	if err := d.Populate(t.Context(), c.brokers[0].Socket()); err != nil {
		t.Fatal(err)
	}
	c.everywhere(t, "expense-bot", http.StatusBadRequest)
	c.sideBySide(t)

	p.stop()
	p.start() // on the schema of the level after its own
	c.sideBySide(t)

	stop()
	c.at.Store(1)
	held := c.codeTokens(t, c.enter(t, 1, 1))
	if got := c.userinfo(t, 1, held.AccessToken); got != http.StatusOK {
		t.Errorf("the version before, alone on the later schema: %d", got)
	}
}

// enter signs alice in: begun at one replica, ended at another.
func (c *cluster) enter(t *testing.T, begin, end int32) *browser.Browser {
	t.Helper()
	alice, a := c.Facts().Person("alice"), c.Facts().App("expense-bot")
	b := browser.New()
	c.at.Store(begin)
	page, err := b.Get(t.Context(), a.URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	c.at.Store(end)
	if page, err = b.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}}); err != nil {
		t.Fatal(err)
	}
	if who, _ := page.ByID("who"); who != alice.Email {
		t.Fatalf("begun at %d and ended at %d: %s", begin, end, page.Text())
	}
	return b
}

// sideBySide passes a sign-in, tokens, refreshes and revocations from each to the
// other.
func (c *cluster) sideBySide(t *testing.T) {
	t.Helper()
	for from := range c.direct {
		other := 1 - from
		b := c.enter(t, int32(from), int32(other))
		c.at.Store(int32(from))
		held := c.codeTokens(t, b)
		if got := c.userinfo(t, other, held.AccessToken); got != http.StatusOK {
			t.Errorf("a token of %d at %d: %d", from, other, got)
		}
		c.at.Store(int32(other))
		if status, failure := c.token(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held.RefreshToken}}); status != http.StatusOK {
			t.Errorf("a refresh token of %d at %d: %d %s", from, other, status, failure)
		}
		if status, failure := c.revoke(t, held.AccessToken); status != http.StatusOK {
			t.Errorf("revoked at %d: %d %s", other, status, failure)
		}
		eventually(t, "what is revoked at one is refused at the other", func() bool {
			return c.userinfo(t, from, held.AccessToken) == http.StatusUnauthorized
		})
	}
}
