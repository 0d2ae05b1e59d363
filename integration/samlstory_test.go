package integration

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestTheDemosCheckPassesWithSAML(t *testing.T) {
	runCheck(t, startDemoWithSAML(t))
}

// person types somebody's password at an identity provider of the demo.
func (w *window) person(s *stage, username string) {
	w.t.Helper()
	p := s.Facts().Person(username)
	w.do("sign in as "+username,
		chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#username"), p.Username), chromedp.SetValue(chromedp.CSS("#password"), p.Password),
	)
	w.leave("send the password", "form button")
}

// leave clicks on what leads to another page, and waits for that.
func (w *window) leave(what, selector string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`document.body.dataset.left = "left"`)); err != nil {
		w.t.Fatal(err)
	}
	w.do(what, chromedp.Click(chromedp.CSS(selector)), chromedp.WaitReady(chromedp.CSS("body:not([data-left])")))
}

// carry presses the button of each page that carries a SAML message, where no script
// does, until the element is there.
func (w *window) carry(scripts bool, until string) {
	w.t.Helper()
	const message = "input[name=SAMLResponse], input[name=SAMLRequest]"
	for range 8 {
		if scripts {
			break
		}
		w.do("see where this leads", chromedp.WaitReady(chromedp.CSS(until+", "+message)))
		there, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`!!document.querySelector("`+message+`")`))
		if err != nil || !there {
			break
		}
		w.leave("carry a message on", "form button")
	}
	w.do("arrive", chromedp.WaitVisible(chromedp.CSS(until)))
}

func TestPeopleSignInAndOutOverSAMLInABrowser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*window)
		scripts bool
	}{
		"with scripts":    {func(*window) {}, true},
		"without scripts": {(*window).withoutScripts, false},
		"dark":            {(*window).dark, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := startDemoWithSAML(t)
			w := chromium(t)
			c.prepare(w)
			samlInBrowser(w, s, name, c.scripts)
		})
	}
}

func samlInBrowser(w *window, s *stage, name string, scripts bool) {
	facts := s.Facts()
	wiki, oidc := facts.SAMLApps[0], facts.App("expense-bot")
	shot := func(what string) { w.shoot("saml-" + what + "-" + strings.ReplaceAll(name, " ", "-")) }

	// Over SAML to an app of OpenID Connect.
	w.do("open the app", chromedp.Navigate(oidc.URL+"login"), chromedp.WaitVisible(chromedp.CSS("main")))
	shot("choose")
	w.do("choose Partner Corp", chromedp.Navigate(facts.IDPs[1].SAML.StartURL), chromedp.WaitVisible(chromedp.CSS("#password")))
	shot("partner")
	w.person(s, "dora")
	w.carry(scripts, "#who")
	w.reads("#who", "dora@partner.example")
	shot("expense-bot")

	// On to the app of SAML without a password, by itself and from the portal.
	w.do("open the wiki", chromedp.Navigate(wiki.URL+"login"), chromedp.WaitReady(chromedp.CSS("body")))
	if !scripts {
		shot("back")
	}
	w.carry(scripts, "#who")
	w.reads("#who", "dora@partner.example")
	shot("wiki")
	w.do("look at the portal", chromedp.Navigate(s.Issuer()+"/apps/team-wiki"), chromedp.WaitVisible(chromedp.CSS("h1")))
	shot("portal")
	w.leave("launch the wiki", ".head a.button")
	w.carry(scripts, "#who")
	w.reads("#who", "dora@partner.example")

	// Out of everything from the app of SAML.
	w.leave("sign out at the wiki", `form[action="/logout"] button`)
	w.carry(scripts, "#bye")
	w.do("look at the account", chromedp.Navigate(facts.Account), chromedp.WaitVisible(chromedp.CSS("main")))
	if there, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`!!document.querySelector("#signed-in-as")`)); err != nil || there {
		w.t.Fatalf("still signed in at the broker: %v", err)
	}

	// Out of everything from Partner Corp, which knows who is signed in there.
	corp := strings.TrimSuffix(facts.IDPs[1].SAML.IDPMetadataURL, "saml/metadata")
	w.do("choose Partner Corp again", chromedp.Navigate(facts.IDPs[1].SAML.StartURL), chromedp.WaitVisible(chromedp.CSS("#password")))
	w.person(s, "dora")
	w.carry(scripts, "#who")
	w.do("open the wiki once more", chromedp.Navigate(wiki.URL+"login"), chromedp.WaitReady(chromedp.CSS("body")))
	w.carry(scripts, "#who")
	w.do("visit Partner Corp", chromedp.Navigate(corp), chromedp.WaitVisible(chromedp.CSS("#says")))
	w.reads("#says", "You are signed in as dora@partner.example.")
	shot("partner-home")
	w.leave("sign out there", "form button")
	w.carry(scripts, "#says")
	w.reads("#says", "You are signed out.")
	shot("partner-out")
	for address, gone := range map[string]string{facts.Account: "#signed-in-as", wiki.URL: "#who"} {
		w.do("look at "+address, chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("main")))
		if there, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`!!document.querySelector("`+gone+`")`)); err != nil || there {
			w.t.Fatalf("still signed in at %s: %v", address, err)
		}
	}

	// And from the portal out of the app of SAML.
	w.do("open the wiki anew", chromedp.Navigate(wiki.URL+"login"), chromedp.WaitVisible(chromedp.CSS("main")))
	w.leave("choose Acme", `a[href*="idp=acme"]`)
	w.person(s, "alice")
	w.carry(scripts, "#who")
	w.reads("#who", "alice@acme.example")
	w.do("look at the account again", chromedp.Navigate(facts.Account), chromedp.WaitVisible(chromedp.CSS("#signed-in-as")))
	w.leave("sign out at the portal", `form[action$="/account/sign-out"] button`)
	if !scripts {
		shot("leaving")
	}
	w.carry(scripts, `[data-page="out"]`)
	shot("signed-out")
	w.do("look at the wiki", chromedp.Navigate(wiki.URL), chromedp.WaitVisible(chromedp.CSS("main")))
	if there, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`!!document.querySelector("#who")`)); err != nil || there {
		w.t.Fatalf("still signed in at the wiki: %v", err)
	}
}
