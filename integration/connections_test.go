package integration

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// mallory works for the partner.
var mallory = idp.Person{Subject: "partner-1", Username: "mallory", Password: "mallory-secret", Name: "Mallory Quist", Email: "mallory@partner.example"}

// withPartner starts a demo with a second identity provider, where the apps named
// are other companies'.
func withPartner(t *testing.T, thirdParty ...string) *attacker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	s := startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		partner := c.Connections[0]
		partner.ID, partner.Title, partner.Issuer, partner.Domains = "partner", "Partner Corp", issuer, []string{"partner.example"}
		c.Connections, c.Policy.ThirdParty = append(c.Connections, partner), thirdParty
	})
	serveProvider(t, l, s.Issuer()+"/login/callback/partner", s.idpSecret(t))
	return &attacker{t: t, stage: s, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// serveProvider is an identity provider of one person, mallory, until the test ends.
func serveProvider(t *testing.T, l net.Listener, redirect, secret string) (issuer string) {
	t.Helper()
	issuer = "http://" + l.Addr().String()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := idp.New(idp.Options{
		Issuer: issuer, Title: "Partner Corp", Client: "gatehouse", Secret: secret, RedirectURI: redirect, Key: key, People: func() []idp.Person { return []idp.Person{mallory} }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	provider.Mount(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return issuer
}

// idpSecret is the broker's client secret at its identity providers.
func (s *stage) idpSecret(t *testing.T) string {
	t.Helper()
	cfg, err := config.Load(s.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Connections[0].ClientSecret.Reveal()
}

// password answers the sign-in form of an identity provider.
func (a *attacker) password(b *browser.Browser, page *browser.Page, who idp.Person) *browser.Page {
	a.t.Helper()
	page, err := b.Submit(a.t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
	if err != nil {
		a.t.Fatal(err)
	}
	return page
}

// ask sends an authorization request and returns the page that it ends at.
func (a *attacker) ask(b *browser.Browser, scope string, change url.Values) *browser.Page {
	a.t.Helper()
	q := url.Values{"scope": {scope}}
	for name, v := range change {
		q[name] = v
	}
	page, err := b.Get(a.t.Context(), a.request(q))
	if err != nil {
		a.t.Fatal(err)
	}
	return page
}

// reached returns what reached expense-bot in the browser's last step.
func (a *attacker) reached(b *browser.Browser) url.Values {
	for _, u := range b.Visited {
		if strings.HasPrefix(u.String(), a.Facts().App("expense-bot").RedirectURIs[0]) {
			return u.Query()
		}
	}
	return nil
}

// provider names whose sign-in form a page is.
func (a *attacker) provider(page *browser.Page) string {
	switch {
	case strings.HasPrefix(page.URL.String(), a.Facts().IDPs[0].Issuer):
		return "acme"
	case strings.Contains(page.Text(), "Partner Corp") && !strings.HasPrefix(page.URL.String(), a.Issuer()):
		return "partner"
	}
	return "none"
}

func TestSeveralIdentityProvidersAreChosenBetween(t *testing.T) {
	a := withPartner(t)
	choice := a.ask(browser.New(), "openid", nil)
	for _, title := range []string{"Acme Workforce", "Partner Corp"} {
		if _, ok := choice.Link(title); !ok {
			t.Errorf("%s is not offered: %s", title, choice.Text())
		}
	}
	for name, c := range map[string]struct {
		change url.Values
		want   string
	}{
		"named":                      {url.Values{"idp": {"partner"}}, "partner"},
		"the other":                  {url.Values{"idp": {"acme"}}, "acme"},
		"by the hint's domain":       {url.Values{"login_hint": {"x@Partner.example"}}, "partner"},
		"by a hint of no domain":     {url.Values{"login_hint": {"x@elsewhere.example"}}, "none"},
		"by a hint with two domains": {url.Values{"login_hint": {"x@evil.example@partner.example"}}, "none"},
		"unknown":                    {url.Values{"idp": {"nobody"}}, "none"},
	} {
		if page := a.ask(browser.New(), "openid", c.change); a.provider(page) != c.want {
			t.Errorf("%s: %s %s", name, page.URL, page.Text())
		}
	}
	b := browser.New()
	link, _ := a.ask(b, "openid", nil).Link("Partner Corp")
	if page, err := b.Get(t.Context(), link); err != nil || a.provider(page) != "partner" {
		t.Errorf("picked on the page: %v %v", page, err)
	}
	// An error page leads nowhere that the person did not ask for.
	if page := a.ask(browser.New(), "openid", url.Values{"idp": {"nobody"}}); page.Status != http.StatusBadRequest {
		t.Errorf("unknown: %d", page.Status)
	}
}

func TestAConnectionThatIsSwitchedOffIsNotOffered(t *testing.T) {
	a := withPartner(t)
	a.manage(t, http.MethodPost, "/connections/partner/disable", nil)
	if page := a.ask(browser.New(), "openid", nil); a.provider(page) != "acme" {
		t.Errorf("one is left, and it is not taken: %s", page.Text())
	}
	if page := a.ask(browser.New(), "openid", url.Values{"idp": {"partner"}}); page.Status != http.StatusBadRequest {
		t.Errorf("by name: %d %s", page.Status, page.Text())
	}
	// Somebody who is at the provider already comes back to a closed door.
	a.manage(t, http.MethodPost, "/connections/partner/enable", nil)
	b := browser.New()
	form := a.ask(b, "openid", url.Values{"idp": {"partner"}})
	a.manage(t, http.MethodPost, "/connections/partner/disable", nil)
	if page := a.password(b, form, mallory); page.Status != http.StatusForbidden || a.reached(b).Has("code") {
		t.Errorf("under way: %d %s", page.Status, page.Text())
	}
}
