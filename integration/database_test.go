package integration

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// wire is a connection to a server that a test can cut.
type wire struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	down bool
	open map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { w.set(true); _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(in)
		}
	}()
	return w
}

func (w *wire) carry(in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := new(net.Dialer).DialContext(context.Background(), "tcp", w.to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	w.mu.Lock()
	down := w.down
	w.open[in], w.open[out] = true, true
	w.mu.Unlock()
	if down {
		return
	}
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
	_, _ = io.Copy(in, out)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, in)
	delete(w.open, out)
}

// set cuts every connection and lets none through, or lets them through again.
func (w *wire) set(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	if down {
		for c := range w.open {
			_ = c.Close()
		}
	}
}

// TestWithoutItsDatabaseTheBrokerGrantsNothingAndRecovers cuts the broker off from
// PostgreSQL. It verifies until the staleness bound, and then refuses.
func TestWithoutItsDatabaseTheBrokerGrantsNothingAndRecovers(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, dsn.Host)
	dsn.Host = w.listener.Addr().String()
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		c.Database.Driver, c.Database.DSN, c.Revocation.Staleness = config.Postgres, config.Secret(dsn.String()), 2*time.Second
	})}
	app, job := a.Facts().App("expense-bot"), a.Facts().App("nightly-report")
	alice := a.signIn(t, "alice", "expense-bot")
	token := a.tokens(alice)
	asJob := func() string {
		_, code := a.tokenAnswer(job.ClientID, job.Secret, "grant_type=client_credentials&scope=payroll.read&resource=payroll-api")
		return code
	}
	if code := asJob(); code != "" {
		t.Fatalf("control: %s", code)
	}
	w.set(true)
	eventually(t, "nothing is believed any more", func() bool { return a.userinfo(token) == http.StatusServiceUnavailable })
	if code := asJob(); code != "temporarily_unavailable" {
		t.Errorf("a token for a job: %q", code)
	}
	if _, code := a.refresh(app, token.RefreshToken, ""); code != "temporarily_unavailable" {
		t.Errorf("a refresh: %q", code)
	}
	for name, raw := range map[string]string{"an access token": token.AccessToken, "a refresh token": token.RefreshToken} {
		if status, code, _ := a.post("/revoke", url.Values{"token": {raw}}.Encode(), basicAuth(app.ClientID, app.Secret)); code != "temporarily_unavailable" {
			t.Errorf("revoking %s, which is not done: %d %q", name, status, code)
		}
	}
	page, err := alice.Get(t.Context(), a.request(nil))
	if err != nil || page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" {
		t.Errorf("a sign-in: %v %v", page, err)
	}
	for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/healthz"} {
		if status, _, text := a.get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _, text := a.get("/readyz"); status != http.StatusServiceUnavailable || strings.Contains(text, "127.0.0.1") {
		t.Errorf("readiness: %d %s", status, text)
	}
	w.set(false)
	eventually(t, "the token is believed again", func() bool { return a.userinfo(token) == http.StatusOK })
	if code := asJob(); code != "" {
		t.Errorf("afterwards, a token for a job: %q", code)
	}
	if _, code := a.refresh(app, token.RefreshToken, ""); code != "" {
		t.Errorf("afterwards, the refresh that was refused: %q", code)
	}
	if _, in := a.account(t, alice); !in {
		t.Error("afterwards, nobody is signed in any more")
	}
}
