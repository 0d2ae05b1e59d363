package integration

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/verify"
)

// TestTheEndOfALineIsLostWithAnythingThatItGrewFrom exchanges a person's token for one of
// the payroll, and that for one of the ledger, and ends each thing in turn.
func TestTheEndOfALineIsLostWithAnythingThatItGrewFrom(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *attacker, held *oauth2.Token, payroll, ledger string){
		"nothing": func(*attacker, *oauth2.Token, string, string) {},
		"the token of the sign-in": func(a *attacker, held *oauth2.Token, _, _ string) {
			app := a.Facts().App("expense-bot")
			a.post("/revoke", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the payroll's token": func(a *attacker, _ *oauth2.Token, payroll, _ string) {
			app := a.Facts().App("travel-desk")
			a.post("/revoke", url.Values{"token": {payroll}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the ledger's token": func(a *attacker, _ *oauth2.Token, _, ledger string) {
			app := a.Facts().App("payroll-api")
			a.post("/revoke", url.Values{"token": {ledger}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the app of the sign-in": func(a *attacker, _ *oauth2.Token, _, _ string) { a.disable("/apps/expense-bot") },
		"the first app":          func(a *attacker, _ *oauth2.Token, _, _ string) { a.disable("/apps/travel-desk") },
		"the second app":         func(a *attacker, _ *oauth2.Token, _, _ string) { a.disable("/apps/payroll-api") },
		"the person":             func(a *attacker, _ *oauth2.Token, _, _ string) { a.disable("/people/" + a.person(a.t, "alice")) },
		"the session": func(a *attacker, _ *oauth2.Token, _, _ string) {
			a.manage(a.t, http.MethodDelete, "/people/"+a.person(a.t, "alice")+"/sessions", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			api := a.Facts().APIs[2]
			v, held := a.protect(t, api), a.signedIn()
			payroll, code := a.swap("travel-desk", held.AccessToken)
			ledger, second := a.swap("payroll-api", payroll, "audience", api.Audience, "scope", api.Scopes[0])
			if code+second != "" {
				t.Fatalf("%q %q", code, second)
			}
			c, err := v.Verify(t.Context(), ledger)
			if err != nil || strings.Join(c.Actors, " ") != "payroll-api "+a.Facts().App("travel-desk").ClientID || c.Client != "payroll-api" || !c.HasScope("ledger.read") || c.MayAct != "ledger-api" {
				t.Fatalf("before: %v %+v", err, c)
			}
			if _, err := v.Verify(t.Context(), payroll); !errors.Is(err, verify.ErrInvalid) {
				t.Errorf("the ledger takes the payroll's: %v", err)
			}
			other, _ := a.swap("payroll-api", first(a.swap("travel-desk", held.AccessToken)), "audience", api.Audience, "scope", api.Scopes[0])
			end(a, held, payroll, ledger)
			if name == "nothing" {
				a.disable("/apps/crm-dash") // something that is none of its business
				eventually(t, "the API has heard of it", func() bool { return v.Ready(t.Context()) == nil })
				if _, err := v.Verify(t.Context(), ledger); err != nil {
					t.Error(err)
				}
				return
			}
			eventually(t, "it is refused", func() bool {
				_, err := v.Verify(t.Context(), ledger)
				return errors.Is(err, verify.ErrRevoked)
			})
			_, err = v.Verify(t.Context(), other)
			if alone := strings.HasPrefix(name, "the payroll's") || strings.HasPrefix(name, "the ledger's"); alone != (err == nil) {
				t.Errorf("another line of the same sign-in: %v", err)
			}
		})
	}
}

func first(access, _ string) string { return access }

// TestAChainOfExchangesIsShownAndCutInABrowser walks through the page of the app that
// begins one.
func TestAChainOfExchangesIsShownAndCutInABrowser(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*window){
		"with scripts":    func(*window) {},
		"without scripts": (*window).withoutScripts,
		"dark":            (*window).dark,
		"phone":           func(w *window) { w.on(screens()[2]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := startDemo(t, tempDir(t), nil)
			w := chromium(t)
			prepare(w)
			cutInBrowser(w, s, strings.ReplaceAll(name, " ", "-"))
		})
	}
}

func cutInBrowser(w *window, s *stage, name string) {
	app, alice := s.Facts().App("travel-desk"), s.Facts().Person("alice")
	w.do("open the app", chromedp.Navigate(app.URL+"login"))
	w.person(s, "alice")
	w.reads("#who", alice.Email)
	w.do("look for the chain", chromedp.Navigate(app.URL+"chain"), chromedp.WaitVisible(chromedp.CSS("h1")))
	w.shoot("chain-none-" + name)
	w.leave("begin a chain", "form[action='/chain'] button")
	w.reads("#payroll-audience", "payroll-api")
	w.reads("#payroll-scope", "payroll.read")
	w.reads("#payroll-act", app.ClientID)
	w.reads("#payroll-now", "✓ accepted (200)")
	w.reads("#ledger-audience", "ledger-api")
	w.reads("#ledger-scope", "ledger.read")
	w.reads("#ledger-act", "payroll-api, for "+app.ClientID)
	w.reads("#ledger-now", "✓ accepted (200)")
	w.shoot("chain-" + name)
	w.leave("cut it", "form[action='/chain/cut'] button")
	w.reads("#payroll-now", "✗ refused (401)")
	w.reads("#ledger-now", "✗ refused (401)")
	w.do("see how long it took", chromedp.WaitVisible(chromedp.CSS("#cut-payroll-api")), chromedp.WaitVisible(chromedp.CSS("#cut-ledger-api")))
	w.shoot("chain-cut-" + name)
	w.leave("begin another", "form[action='/chain'] button")
	w.reads("#payroll-now", "✓ accepted (200)")
	// What the person ends on the broker's own page is refused as well.
	w.leave("see what apps do", "a[href$='/account#exchanges-title']")
	w.do("see both", chromedp.WaitVisible(chromedp.CSS("#exchanges tbody tr:nth-child(2)")))
	w.shoot("chain-account-" + name)
	w.leave("end it", "#exchanges tbody tr:first-child form button")
	eventually(w.t, "the page of the chain shows that both APIs refuse", func() bool {
		w.do("look again", chromedp.Navigate(app.URL+"chain"), chromedp.WaitReady(chromedp.CSS("#ledger-now")))
		text, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS(".chain")))
		if err != nil {
			w.t.Fatal(err)
		}
		return strings.Count(text, "✗ refused (401)") == 2
	})
	w.leave("begin another", "form[action='/chain'] button")
	w.reads("#payroll-now", "✓ accepted (200)")
	// And what an administrator ends.
	s.manage(w.t, http.MethodDelete, "/people/"+s.person(w.t, "alice")+"/sessions", nil)
	eventually(w.t, "the page shows that the APIs refuse, or that the app was told", func() bool {
		w.do("look again", chromedp.Navigate(app.URL+"chain"), chromedp.WaitReady(chromedp.CSS("main")))
		text, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS("main")))
		if err != nil {
			w.t.Fatal(err)
		}
		return strings.Contains(text, "refused (401)") || strings.Contains(text, "Nobody is signed in")
	})
}
