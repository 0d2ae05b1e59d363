package integration

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// cluster is two brokers on one PostgreSQL and one Redis, behind a balancer that
// the test points at one or the other.
type cluster struct {
	*demo.Demo
	brokers [2]*app.Broker
	direct  [2]string // their own addresses
	redis   *testkit.RedisServer
	at      atomic.Int32
}

// startCluster starts one; changes are made to the configuration of both brokers.
func startCluster(t *testing.T, changes ...func(*config.Config)) *cluster {
	t.Helper()
	return startClusterOf(t, demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Now: time.Now}, changes...)
}

func startClusterOf(t *testing.T, o demo.Options, changes ...func(*config.Config)) *cluster {
	t.Helper()
	dsn, redis := testkit.Postgres(t), testkit.Redis(t)
	d, err := demo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	c := &cluster{Demo: d, redis: redis}
	for i := range c.brokers {
		cfg, err := config.Load(d.ConfigFile(), []string{
			"GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=" + dsn, "GATEHOUSE_REDIS_URL=" + c.redis.URL,
			"GATEHOUSE_DATA_DIR=" + tempDir(t), "GATEHOUSE_LISTEN=127.0.0.1:0", "GATEHOUSE_TRUSTED_PROXIES=127.0.0.1/32",
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes {
			change(&cfg)
		}
		c.brokers[i], err = app.Start(context.WithoutCancel(t.Context()), cfg, app.Options{Log: &logBuffer{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.brokers[i].Stop(); err != nil {
				t.Errorf("replica %d stopped with %v", i, err)
			}
		})
		c.direct[i] = "http://" + c.brokers[i].Address()
	}
	c.balance(t)
	if err := d.Populate(t.Context(), c.brokers[0].Socket()); err != nil {
		t.Fatal(err)
	}
	c.everywhere(t, "expense-bot", http.StatusBadRequest)
	return c
}

// balance serves the issuer's address with the replica that the test points at.
func (c *cluster) balance(t *testing.T) {
	t.Helper()
	balancer := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target, _ := url.Parse(c.direct[c.at.Load()])
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	}}
	go func() { _ = balancer.Serve(c.Listener()) }() // ends with the listener, which the demo closes
	t.Cleanup(func() { _ = balancer.Close() })
}

// everywhere waits until both replicas know the client: an authorization request
// without PKCE is then answered with a redirect instead of an error page.
func (c *cluster) everywhere(t *testing.T, name string, unknown int) {
	t.Helper()
	a := c.Facts().App(name)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, base := range c.direct {
		eventually(t, base+" knows "+name, func() bool {
			res, err := client.Get(base + "/authorize?" + url.Values{
				"client_id": {a.ClientID}, "redirect_uri": a.RedirectURIs, "response_type": {"code"}, "scope": {"openid"},
			}.Encode())
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			return res.StatusCode != unknown
		})
	}
}

// eventually waits until condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, tick := time.After(15*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

func TestASignInBegunAtOneReplicaEndsAtTheOther(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	alice, a := c.Facts().Person("alice"), c.Facts().App("expense-bot")
	b := browser.New()
	page, err := b.Get(t.Context(), a.URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	c.at.Store(1) // the answer of the identity provider reaches the other replica
	page, err = b.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}})
	if err != nil {
		t.Fatal(err)
	}
	if who, _ := page.ByID("who"); who != alice.Email {
		t.Fatalf("the sign-in did not end at the other replica: %s", page.Text())
	}
}

func TestWhatIsEndedAtOneReplicaIsRefusedAtTheOther(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	alice, a := c.Facts().Person("alice"), c.Facts().App("expense-bot")
	b := browser.New()
	page, err := b.Get(t.Context(), a.URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}}); err != nil {
		t.Fatal(err)
	}
	held := c.codeTokens(t, b)
	for i := range c.direct {
		if got := c.userinfo(t, i, held.AccessToken); got != http.StatusOK {
			t.Fatalf("replica %d answers %d to a good token", i, got)
		}
	}

	page, err = b.Get(t.Context(), c.Facts().Account)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.Submit(t.Context(), page, "everywhere", nil); err != nil {
		t.Fatal(err)
	}
	if got := c.userinfo(t, 0, held.AccessToken); got != http.StatusUnauthorized {
		t.Errorf("the replica that ended the session answers %d", got)
	}
	eventually(t, "the other replica refuses the token", func() bool { return c.userinfo(t, 1, held.AccessToken) == http.StatusUnauthorized })

	c.at.Store(1)
	if status, failure := c.token(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held.RefreshToken}}); status != http.StatusBadRequest || failure != "invalid_grant" {
		t.Errorf("the other replica answers the refresh token with %d %s", status, failure)
	}
	page, err = b.Get(t.Context(), a.URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := page.Form(""); !ok || !f.Values.Has("password") {
		t.Errorf("the other replica asks for no password: %s", page.Text())
	}
}

// codeTokens gets tokens for expense-bot in a browser that is signed in.
func (c *cluster) codeTokens(t *testing.T, b *browser.Browser) *oauth2.Token {
	t.Helper()
	a := c.Facts().App("expense-bot")
	conf := oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.Secret, RedirectURL: a.RedirectURIs[0], Scopes: []string{"openid", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: c.Issuer() + "/authorize", TokenURL: c.Issuer() + "/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	verifier := oauth2.GenerateVerifier()
	if _, err := b.Get(t.Context(), conf.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier))); err != nil {
		t.Fatal(err)
	}
	for _, u := range b.Visited {
		if code := u.Query().Get("code"); code != "" && strings.HasPrefix(u.String(), a.RedirectURIs[0]) {
			token, err := conf.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
	}
	t.Fatal("the broker gave no code")
	return nil
}

func (c *cluster) userinfo(t *testing.T, replica int, access string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.direct[replica]+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// token asks the token endpoint as expense-bot, through the balancer.
func (c *cluster) token(t *testing.T, form url.Values) (status int, failure string) {
	t.Helper()
	return c.post(t, "/token", form)
}

// revoke revokes a token as expense-bot.
func (c *cluster) revoke(t *testing.T, token string) (status int, failure string) {
	t.Helper()
	return c.post(t, "/revoke", url.Values{"token": {token}})
}

// post posts as expense-bot, through the balancer.
func (c *cluster) post(t *testing.T, path string, form url.Values) (status int, failure string) {
	t.Helper()
	a := c.Facts().App("expense-bot")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Issuer()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.Secret))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var body struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return res.StatusCode, body.Error
}

func TestWithoutSharedMemorySignInsPauseAndTokensStayGood(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	alice, a := c.Facts().Person("alice"), c.Facts().App("expense-bot")
	b := browser.New()
	page, err := b.Get(t.Context(), a.URL+"login")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}}); err != nil {
		t.Fatal(err)
	}
	held := c.codeTokens(t, b)
	another := browser.New()
	if page, err = another.Get(t.Context(), a.URL+"login"); err != nil {
		t.Fatal(err)
	}

	c.redis.Stop()
	page, err = another.Submit(t.Context(), page, "", url.Values{"username": {alice.Username}, "password": {alice.Password}})
	if err != nil || page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" {
		t.Errorf("a sign-in that comes back from the provider gets %d, %v: %s", page.Status, err, page.Text())
	}
	status, retry := c.beginSignIn(t)
	if status != http.StatusServiceUnavailable || retry == "" {
		t.Errorf("a new sign-in gets %d, Retry-After %q", status, retry)
	}
	for i := range c.direct {
		if got := c.userinfo(t, i, held.AccessToken); got != http.StatusOK {
			t.Errorf("replica %d answers %d to a good token", i, got)
		}
	}
	// What is ended is still told to the other replica: it polls the database.
	if status, failure := c.revoke(t, held.RefreshToken); status != http.StatusOK {
		t.Errorf("revocation: %d %s", status, failure)
	}
	eventually(t, "the other replica refuses the token", func() bool { return c.userinfo(t, 1, held.AccessToken) == http.StatusUnauthorized })

	c.redis.Start()
	eventually(t, "sign-ins go on", func() bool {
		status, _ := c.beginSignIn(t)
		return status == http.StatusSeeOther || status == http.StatusFound
	})
}

// beginSignIn asks for an authorization of somebody who is not signed in.
func (c *cluster) beginSignIn(t *testing.T) (status int, retryAfter string) {
	t.Helper()
	a := c.Facts().App("expense-bot")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(c.Issuer() + "/authorize?" + url.Values{
		"client_id": {a.ClientID}, "redirect_uri": a.RedirectURIs, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode, res.Header.Get("Retry-After")
}
