package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// drill is a demo whose broker is stopped and started again at the same address.
type drill struct {
	*attacker
	cfg config.Config
}

// startDrill starts the demo on an engine, with a changed configuration.
func startDrill(t *testing.T, engine string, change ...func(*config.Config)) *drill {
	t.Helper()
	d, err := demo.New(demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	environ := []string{"GATEHOUSE_LISTEN=" + d.Listener().Addr().String()}
	if engine == config.Postgres {
		environ = append(environ, "GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN="+testkit.Postgres(t), "GATEHOUSE_REDIS_URL="+testkit.Redis(t).URL)
	}
	r := &drill{attacker: &attacker{stage: &stage{Demo: d, log: &logBuffer{}}, t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}}
	if r.cfg, err = config.Load(d.ConfigFile(), environ); err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(&r.cfg)
	}
	if err := d.Listener().Close(); err != nil {
		t.Fatal(err)
	}
	r.start()
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	if err := d.Populate(t.Context(), r.broker.Socket()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *drill) start() {
	r.t.Helper()
	broker, err := app.Start(context.WithoutCancel(r.t.Context()), r.cfg, app.Options{Log: r.log})
	if err != nil {
		r.t.Fatal(err)
	}
	r.broker = broker
	// As a load balancer would: a start that took longer than what was read of revocations at
	// its beginning counts is not ready before it has looked again, and says so.
	eventually(r.t, "the broker is ready", func() bool {
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.Issuer()+"/readyz", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (r *drill) stop() {
	r.t.Helper()
	if r.broker == nil {
		return
	}
	if err := r.broker.Stop(); err != nil {
		r.t.Errorf("the broker stopped with %v", err)
	}
	r.broker = nil
}

// take asks the running broker for a backup, as the command does.
func (r *drill) take() []byte {
	r.t.Helper()
	res, file := r.overSocket("/backup", "", "")
	if res.Trailer.Get(app.BackupWhole) == "" {
		r.t.Fatal("the backup was broken off")
	}
	return file
}

func (r *drill) restore(file []byte, force bool) (string, error) {
	var out bytes.Buffer
	err := app.Restore(r.t.Context(), r.cfg, bytes.NewReader(file), force, &out)
	return out.String(), err
}

// write keeps asking for tokens, each of which is an audit entry, until stop is
// called. issued is how many were acknowledged so far.
func (r *drill) write() (issued func() int, stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var group sync.WaitGroup
	var tokens atomic.Int64
	a := r.Facts().App("nightly-report")
	for range 4 {
		group.Go(func() {
			for ctx.Err() == nil {
				if held, code := r.tokenAnswer(a.ClientID, a.Secret, "grant_type=client_credentials"); code != "" || held.AccessToken == "" {
					r.t.Errorf("under load: %q", code)
					return
				}
				tokens.Add(1)
			}
		})
	}
	return func() int { return int(tokens.Load()) }, func() { cancel(); group.Wait() }
}

// entries counts the audit entries of a type.
func (r *drill) entries(typ string) int {
	r.t.Helper()
	var out bytes.Buffer
	if err := app.ExportAudit(r.t.Context(), r.cfg, typ, &out); err != nil {
		r.t.Fatal(err)
	}
	return strings.Count(out.String(), "\n")
}

func TestARestoreDrill(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{config.SQLite, config.Postgres} {
		t.Run(engine, func(t *testing.T) {
			r := startDrill(t, engine)
			expense := r.Facts().App("expense-bot")
			robot := apiToken(t, r.attacker)
			r.signIn(t, "bob", "expense-bot")
			alice, revoked := r.signIn(t, "alice", "expense-bot"), r.signedIn()
			if status, code, _ := r.post("/revoke", url.Values{"token": {revoked.RefreshToken}}.Encode(), basicAuth(expense.ClientID, expense.Secret)); status != http.StatusOK {
				t.Fatalf("%d %s", status, code)
			}
			held := r.signedIn()
			r.manage(t, http.MethodPost, "/people/"+r.person(t, "bob")+"/disable", nil)
			issued, stop := r.write()
			eventually(t, "there is load", func() bool { return issued() > 50 })
			acknowledged := issued()
			file := r.take()
			eventually(t, "the load goes on", func() bool { return issued() > acknowledged+20 })
			stop()
			late := r.signedIn()
			if got := r.userinfo(held); got != http.StatusOK {
				t.Fatalf("control: %d", got)
			}
			if _, err := r.restore(file, true); !errors.Is(err, app.ErrDataDirInUse) {
				t.Errorf("while the broker runs: %v", err)
			}
			r.stop()
			all := r.entries("token.issued")
			r.refusesBadBackups(file)
			report, err := r.restore(file, true)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(report, " 0 API tokens") || !strings.Contains(report, "kept as gatehouse_replaced_") {
				t.Error(report)
			}
			if n := r.entries("token.issued"); n < acknowledged || n >= all {
				t.Errorf("%d tokens were acknowledged before the backup and %d in all, %d are restored", acknowledged, all, n)
			}
			r.wholeAsOfOneMoment(file)
			r.start()
			for what, old := range map[string]string{"held": held.AccessToken, "revoked": revoked.AccessToken, "issued after the backup": late.AccessToken} {
				if status, _, _ := r.post("/userinfo", "", http.Header{"Authorization": {"Bearer " + old}}); status != http.StatusUnauthorized {
					t.Errorf("the access token that was %s: %d", what, status)
				}
			}
			for what, old := range map[string]string{"held": held.RefreshToken, "revoked": revoked.RefreshToken, "issued after the backup": late.RefreshToken} {
				if _, code := r.refresh(expense, old, ""); code != "invalid_grant" {
					t.Errorf("the refresh token that was %s: %q", what, code)
				}
			}
			if _, in := r.account(t, alice); in {
				t.Error("a session of before the restore is one")
			}
			if status := bearerStatus(t, r.attacker, "/api/v1/apps", robot); status != http.StatusUnauthorized {
				t.Errorf("an API token of before the restore: %d", status)
			}
			if fresh := r.signedIn(); r.userinfo(fresh) != http.StatusOK {
				t.Error("nobody can sign in after the restore")
			}
			b := browser.New()
			bob := r.Facts().Person("bob")
			page, err := b.Get(t.Context(), expense.URL+"login")
			if err == nil {
				page, err = b.Submit(t.Context(), page, "", url.Values{"username": {bob.Username}, "password": {bob.Password}})
			}
			if who, _ := page.ByID("who"); err != nil || who == bob.Email {
				t.Errorf("bob was disabled before the backup, and is in: %v", err)
			}
		})
	}
}

// refusesBadBackups tries what must leave everything as it is.
func (r *drill) refusesBadBackups(file []byte) {
	r.t.Helper()
	before := r.entries("")
	changed := bytes.Clone(file)
	changed[len(changed)/2] ^= 1
	other := r.cfg
	other.EncryptionKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	for what, try := range map[string]struct {
		cfg   config.Config
		file  []byte
		force bool
		want  error
	}{
		"cut off":         {r.cfg, file[:len(file)-1], true, backup.ErrDamaged},
		"changed":         {r.cfg, changed, true, backup.ErrDamaged},
		"another key":     {other, file, true, backup.ErrKey},
		"no backup":       {r.cfg, []byte("hello"), true, backup.ErrFormat},
		"not forced":      {r.cfg, file, false, app.ErrNotEmpty},
		"cut off to none": {r.cfg, nil, true, backup.ErrFormat},
	} {
		if err := app.Restore(r.t.Context(), try.cfg, bytes.NewReader(try.file), try.force, io.Discard); !errors.Is(err, try.want) {
			r.t.Errorf("%s: %v, want %v", what, err, try.want)
		}
	}
	if after := r.entries(""); after != before {
		r.t.Errorf("%d entries before, %d after what was refused", before, after)
	}
}

// wholeAsOfOneMoment checks that what was restored is what was backed up, and that
// every row of it belongs together.
func (r *drill) wholeAsOfOneMoment(file []byte) {
	r.t.Helper()
	var said, found bytes.Buffer
	if err := app.CheckBackup(r.cfg, bytes.NewReader(file), &said); err != nil {
		r.t.Fatal(err)
	}
	if err := app.VerifyAudit(r.t.Context(), r.cfg, &found); err != nil {
		r.t.Errorf("the audit chain: %v", err)
	}
	var again bytes.Buffer
	if err := app.Backup(r.t.Context(), r.cfg, nil, &again); err != nil {
		r.t.Fatal(err)
	}
	var now bytes.Buffer
	if err := app.CheckBackup(r.cfg, bytes.NewReader(again.Bytes()), &now); err != nil {
		r.t.Fatal(err)
	}
	for _, table := range []string{"people", "identities", "apps", "sessions", "families", "refresh_tokens", "codes", "participants", "group_mappings", "seals"} {
		before, after := lineOf(said.String(), table), lineOf(now.String(), table)
		if before != after {
			r.t.Errorf("backed up %q, restored %q", before, after)
		}
	}
	if n := r.entries("database.restored"); n != 1 {
		r.t.Errorf("%d entries of the restore", n)
	}
}

func lineOf(text, table string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), table+" ") {
			return line
		}
	}
	return ""
}

func TestAnOlderDatabaseThatIsPutBackIsRefusedUntilItIsAdopted(t *testing.T) {
	t.Parallel()
	r := startDrill(t, config.SQLite)
	r.signIn(t, "alice", "expense-bot")
	r.stop()
	db := filepath.Join(r.cfg.DataDir, "gatehouse.db")
	older, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	r.start()
	held := r.signedIn()
	eventually(t, "the audit log is sealed", func() bool {
		var out bytes.Buffer
		return app.VerifyAudit(t.Context(), r.cfg, &out) == nil && strings.Contains(out.String(), " 0 not sealed")
	})
	r.stop()
	newer, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	put := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(db, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(older)
	if _, err := app.Start(t.Context(), r.cfg, app.Options{Log: r.log}); !errors.Is(err, app.ErrOlder) || !strings.Contains(err.Error(), "broker restore --adopt") {
		t.Fatalf("an older database starts: %v", err)
	}
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Start(t.Context(), r.cfg, app.Options{Log: r.log}); !errors.Is(err, app.ErrOlder) {
		t.Errorf("a lost database starts as a new one: %v", err)
	}
	put(newer)
	r.start()
	if got := r.userinfo(held); got != http.StatusOK {
		t.Errorf("control, the right one is back: %d", got)
	}
	r.stop()
	put(older)
	if err := app.Adopt(t.Context(), r.cfg, io.Discard); err != nil {
		t.Fatal(err)
	}
	r.start()
	if got := r.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("a token of before: %d", got)
	}
	if fresh := r.signedIn(); r.userinfo(fresh) != http.StatusOK {
		t.Error("nobody can sign in")
	}
	r.stop()
	put(newer) // of an earlier generation now
	if _, err := app.Start(t.Context(), r.cfg, app.Options{Log: r.log}); !errors.Is(err, app.ErrOlder) {
		t.Errorf("a database of before the restore starts: %v", err)
	}
	put(older)
	if err := app.Adopt(t.Context(), r.cfg, io.Discard); err != nil {
		t.Fatal(err)
	}
}

func TestAReplicaWithAnEmptyDiskRefusesAnOlderDatabaseByTheSharedMemory(t *testing.T) {
	t.Parallel()
	r := startDrill(t, config.Postgres)
	file := r.take()
	held := r.signedIn()
	eventually(t, "the mark has moved", func() bool { return r.userinfo(held) == http.StatusOK })
	r.stop()
	// A replica of its own, with a data directory that knows of nothing.
	fresh := r.cfg
	fresh.DataDir = tempDir(t)
	fresh.Socket = filepath.Join(fresh.DataDir, "broker.sock")
	// The older database gets there without Redis hearing of it.
	silent := fresh
	silent.Redis = config.Redis{}
	if err := app.Restore(t.Context(), silent, bytes.NewReader(file), true, io.Discard); err != nil {
		t.Fatal(err)
	}
	broker, err := app.Start(t.Context(), fresh, app.Options{Log: r.log})
	if err != nil {
		t.Fatalf("a restored database is of a later generation, wherever the restore ran: %v", err)
	}
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	empty := r.cfg
	empty.DataDir = tempDir(t)
	empty.Database.DSN = config.Secret(testkit.Postgres(t))
	if _, err := app.Start(t.Context(), empty, app.Options{Log: r.log}); !errors.Is(err, app.ErrOlder) {
		t.Errorf("another database starts with this one's Redis: %v", err)
	}
}
