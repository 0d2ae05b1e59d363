package integration

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

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
		if status != http.StatusTooManyRequests || code != "temporarily_unavailable" || h.Get("Retry-After") != "20" {
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

func TestAnAddressSendsSoManySAMLMessagesAMinute(t *testing.T) {
	const most = 3
	a, _ := limited(t, config.Limits{SignIns: most})
	for _, path := range []string{"/login/saml/partner/acs", "/login/saml/partner/slo"} {
		body := url.Values{"SAMLResponse": {"x"}, "RelayState": {"y"}}
		for range most {
			if res, _ := a.send(http.MethodPost, path, body, http.Header{}); res.StatusCode == http.StatusTooManyRequests {
				t.Fatalf("%s: within the limit", path)
			}
		}
		if res, _ := a.send(http.MethodPost, path, body, http.Header{}); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: over the limit: %d", path, res.StatusCode)
		}
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

func TestRequestsOfAClientAnAddressAndAnAPITokenAreBounded(t *testing.T) {
	forms := func(a *attacker) func(name string) int {
		return func(name string) int {
			app := a.Facts().App(name)
			status, _, h := a.post("/token", "grant_type=client_credentials", basicAuth(app.ClientID, app.Secret))
			if status == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return status
		}
	}
	t.Run("client", func(t *testing.T) {
		a, aWhileLater := limited(t, config.Limits{Client: 3})
		ask := forms(a)
		for range 3 {
			if got := ask("nightly-report"); got != http.StatusOK {
				t.Fatalf("within the limit: %d", got)
			}
		}
		if got := ask("nightly-report"); got != http.StatusTooManyRequests {
			t.Errorf("over it: %d", got)
		}
		if got := ask("expense-bot"); got != http.StatusBadRequest { // it may not do that, and is heard
			t.Errorf("another client: %d", got)
		}
		aWhileLater()
		if got := ask("nightly-report"); got != http.StatusOK {
			t.Errorf("a while later: %d", got)
		}
		_, _, metrics := a.get("/metrics")
		if !strings.Contains(metrics, `gatehouse_rate_limited_total{limit="client"} 1`) {
			t.Error("it is not counted")
		}
	})
	t.Run("address", func(t *testing.T) {
		const most = 40
		a, _ := limited(t, config.Limits{Address: most}) // of which the demo took some as it started
		ask := forms(a)
		status, _, _ := a.authorize(func(url.Values) {})
		if got := a.userinfo(&oauth2.Token{AccessToken: "none"}); got != http.StatusUnauthorized || status != http.StatusSeeOther {
			t.Fatalf("within the limit: %d, %d", status, got)
		}
		asked := 0
		for ask("nightly-report") == http.StatusOK && asked < most {
			asked++
		}
		if asked < most/2 || asked == most {
			t.Fatalf("%d more are within a limit of %d", asked, most)
		}
		page, _, body := a.authorize(func(url.Values) {})
		if got := a.userinfo(&oauth2.Token{AccessToken: "none"}); page != http.StatusTooManyRequests || got != page || ask("nightly-report") != page {
			t.Errorf("over it: authorize %d, userinfo %d", page, got)
		}
		if !strings.Contains(body, "try again") {
			t.Error(body)
		}
		if got := bearerStatus(t, a, "/api/v1/apps", "none"); got != http.StatusTooManyRequests {
			t.Errorf("over it, the API: %d", got)
		}
		if status, _, _ := a.get("/.well-known/openid-configuration"); status != http.StatusOK {
			t.Errorf("what costs nothing is not counted: %d", status)
		}
	})
	t.Run("API token", func(t *testing.T) {
		a, aWhileLater := limited(t, config.Limits{APIToken: 2, AddressFailures: 5})
		robot, other := apiToken(t, a), apiToken(t, a)
		for range 2 {
			if got := bearerStatus(t, a, "/api/v1/apps", robot); got != http.StatusOK {
				t.Fatalf("within the limit: %d", got)
			}
		}
		if got := bearerStatus(t, a, "/api/v1/apps", robot); got != http.StatusTooManyRequests {
			t.Errorf("over it: %d", got)
		}
		if got := bearerStatus(t, a, "/api/v1/apps", other); got != http.StatusOK {
			t.Errorf("another token: %d", got)
		}
		for range 5 {
			if got := bearerStatus(t, a, "/api/v1/apps", "guess"); got != http.StatusUnauthorized {
				t.Fatalf("a guess within the limit: %d", got)
			}
		}
		if got := bearerStatus(t, a, "/api/v1/apps", "guess"); got != http.StatusTooManyRequests {
			t.Errorf("guesses over the limit: %d", got)
		}
		if got := bearerStatus(t, a, "/api/v1/apps", other); got != http.StatusTooManyRequests {
			t.Errorf("a good token of an address that guesses: %d", got)
		}
		aWhileLater()
		if got := bearerStatus(t, a, "/api/v1/apps", robot); got != http.StatusOK {
			t.Errorf("a while later: %d", got)
		}
	})
}

// TestOnlySoManyFollowersWaitAtOnce has one client ask for the next revocation again and
// again, without an answer to any.
func TestOnlySoManyFollowersWaitAtOnce(t *testing.T) {
	a := newAttacker(t)
	api := a.Facts().App("payroll-api")
	ctx, cancel := context.WithCancel(t.Context())
	ask := func(wait string) (status int, retry string) {
		form := url.Values{"audience": {"payroll-api"}, "wait": {wait}}
		if wait == "10" { // from the head on, so that there is nothing to tell of
			form.Set("after", "1000000")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Issuer()+"/revocations", strings.NewReader(form.Encode()))
		if err != nil {
			return 0, ""
		}
		req.Header = basicAuth(api.ClientID, api.Secret)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		_ = res.Body.Close()
		return res.StatusCode, res.Header.Get("Retry-After")
	}
	refused := make(chan string, 1)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 120 {
		all.Go(func() {
			if status, retry := ask("10"); status == http.StatusTooManyRequests {
				select {
				case refused <- retry:
				default:
				}
			}
		})
	}
	select {
	case retry := <-refused:
		if retry == "" {
			t.Error("it is not told when to come again")
		}
	case <-time.After(9 * time.Second):
		t.Fatal("all of them wait")
	}
	if status, _ := ask("0"); status != http.StatusOK {
		t.Errorf("control: who does not wait: %d", status)
	}
}
