package integration

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// limited is an attacker of a broker with limits, whose clock goes a while forward
// when it is told to.
func limited(t *testing.T, limits config.Limits) (a *attacker, aWhileLater func()) {
	t.Helper()
	var passed atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	a = &attacker{stage: startDemoAt(t, tempDir(t), nil, now, func(c *config.Config) { c.Limits = limits }), t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return a, func() {
		passed.Store(int64(2 * time.Minute))
		eventually(t, "the broker is ready", func() bool { status, _, _ := a.get("/readyz"); return status == http.StatusOK })
	}
}

func TestWhoGuessesSecretsIsNotListenedToForAWhile(t *testing.T) {
	const client, address = 3, 8
	a, aWhileLater := limited(t, config.Limits{ClientFailures: client, AddressFailures: address})
	job, api := a.Facts().App("nightly-report"), a.Facts().App("payroll-api")
	ask := func(id, secret string) (int, string, http.Header) {
		return a.post("/token", "grant_type=client_credentials&scope=payroll.read&resource=payroll-api", basicAuth(id, secret))
	}
	introspect := func(id, secret string) int {
		status, _, _ := a.post("/introspect", "token=x", basicAuth(id, secret))
		return status
	}
	for range client {
		if status, code, _ := ask(job.ClientID, "guess"); status != http.StatusUnauthorized || code != "invalid_client" {
			t.Fatalf("within the limit: %d %s", status, code)
		}
	}
	if status, _, _ := ask(job.ClientID, job.Secret); status != http.StatusOK {
		t.Errorf("the right secret within the limit: %d", status)
	}
	for _, secret := range []string{"guess", "another", job.Secret} {
		status, code, h := ask(job.ClientID, secret)
		if status != http.StatusTooManyRequests || code != "temporarily_unavailable" || h.Get("Retry-After") != "60" {
			t.Errorf("over the limit, %q: %d %s %v", secret, status, code, h)
		}
	}
	if got := introspect(job.ClientID, job.Secret); got != http.StatusTooManyRequests {
		t.Errorf("over the limit, at another endpoint: %d", got)
	}
	if got := introspect(api.ClientID, api.Secret); got != http.StatusOK {
		t.Errorf("another client of that address: %d", got)
	}
	for i := range address {
		ask("nobody-"+strconv.Itoa(i), "guess")
	}
	if got := introspect(api.ClientID, api.Secret); got != http.StatusTooManyRequests {
		t.Errorf("an address that guesses as many clients: %d", got)
	}
	aWhileLater()
	if status, code, _ := ask(job.ClientID, job.Secret); status != http.StatusOK {
		t.Errorf("a while later: %d %s", status, code)
	}
}

func TestOnePersonEntersAppsSoManyTimesAMinute(t *testing.T) {
	const most = 5
	a, _ := limited(t, config.Limits{Person: most})
	alice, bob := a.signIn(t, "alice", "expense-bot"), a.signIn(t, "bob", "expense-bot")
	for i := range most - 1 {
		if params, _ := a.answer(t, alice, nil); !params.Has("code") {
			t.Fatalf("time %d: %v", i+2, params)
		}
	}
	page, err := alice.Get(t.Context(), a.request(nil))
	if err != nil || page.Status != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" {
		t.Errorf("once too often: %v %v", page, err)
	}
	if params, _ := a.answer(t, bob, nil); !params.Has("code") {
		t.Errorf("somebody else: %v", params)
	}
}

func TestOneAddressBeginsSoManySignInsAMinute(t *testing.T) {
	a, aWhileLater := limited(t, config.Limits{SignIns: 3})
	begin := func() int {
		page, err := browser.New().Get(t.Context(), a.request(nil))
		if err != nil {
			t.Fatal(err)
		}
		return page.Status
	}
	for range 3 {
		if got := begin(); got != http.StatusOK {
			t.Fatalf("within the limit: %d", got)
		}
	}
	if got := begin(); got != http.StatusTooManyRequests {
		t.Errorf("once too often: %d", got)
	}
	aWhileLater()
	if got := begin(); got != http.StatusOK {
		t.Errorf("a while later: %d", got)
	}
}
