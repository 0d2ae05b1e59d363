package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// claim is one of the texts that a token says.
func (a *attacker) claim(raw, name string) string {
	a.t.Helper()
	var claims map[string]any
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err == nil {
		err = json.Unmarshal(body, &claims)
	}
	value, _ := claims[name].(string)
	if err != nil || value == "" {
		a.t.Fatalf("%s: %v in %s", name, err, body)
	}
	return value
}

// jti is the id of a token.
func (a *attacker) jti(raw string) string { return a.claim(raw, "jti") }

// exchangedBy is the browser of a person who is signed in, and a token for the payroll
// that travel-desk got for theirs.
func (a *attacker) exchangedBy(username string) (b *browser.Browser, raw string) {
	a.t.Helper()
	b = a.signIn(a.t, username, "expense-bot")
	raw, code := a.swap("travel-desk", a.tokens(b).AccessToken, "purpose", "book a trip for "+username)
	if code != "" || !a.takes(raw) {
		a.t.Fatalf("control: %q", code)
	}
	return b, raw
}

// TestAPersonSeesAndEndsTheirOwnTokensAndNobodyElses has two people with an exchanged
// token each.
func TestAPersonSeesAndEndsTheirOwnTokensAndNobodyElses(t *testing.T) {
	a := newAttacker(t)
	alice, hers := a.exchangedBy("alice")
	bob, his := a.exchangedBy("bob")
	for _, path := range []string{"/account", "/account/exchanges"} {
		page, err := alice.Get(t.Context(), a.Issuer()+path)
		if err != nil || !strings.Contains(page.Text(), "book a trip for alice") || !strings.Contains(page.Text(), "Travel Desk") {
			t.Errorf("%s does not show her own: %v %s", path, err, page.Text())
		}
		if strings.Contains(page.Text(), "bob") {
			t.Errorf("%s shows somebody else's: %s", path, page.Text())
		}
	}
	if page, err := alice.Get(t.Context(), a.Issuer()+"/account/exchanges?after=x"); err != nil || page.Status != http.StatusBadRequest {
		t.Errorf("a cursor that no page gave: %v %v", page, err)
	}
	page, err := alice.Get(t.Context(), a.Facts().Account)
	if err != nil {
		t.Fatal(err)
	}
	prune := func(b *browser.Browser, id string) int {
		done, err := b.Post(t.Context(), page, a.Issuer()+"/account/exchanges/"+id+"/prune", url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		return done.Status
	}
	for name, id := range map[string]string{"somebody else's": a.jti(his), "none": "none", "one that was not exchanged for": a.jti(a.tokens(alice).AccessToken)} {
		if status := prune(alice, id); status != http.StatusNotFound {
			t.Errorf("%s: %d", name, status)
		}
	}
	if !a.takes(his) || !a.takes(hers) {
		t.Fatal("a token was ended by who may not")
	}
	if status := prune(alice, a.jti(hers)); status != http.StatusOK || a.takes(hers) || !a.takes(his) {
		t.Errorf("her own: %d, good %v, his %v", status, a.takes(hers), a.takes(his))
	}
	if status := prune(alice, a.jti(hers)); status != http.StatusOK {
		t.Errorf("once more: %d", status)
	}
	if page, err = alice.Get(t.Context(), a.Facts().Account); err != nil || strings.Contains(page.Text(), "book a trip") {
		t.Errorf("the page still has it: %v %s", err, page.Text())
	}
	if page, err = alice.Get(t.Context(), a.Issuer()+"/account/exchanges"); err != nil || !strings.Contains(page.Text(), "Ended early") {
		t.Errorf("the history does not tell: %v %s", err, page.Text())
	}
	if page, err = bob.Get(t.Context(), a.Facts().Account); err != nil || !strings.Contains(page.Text(), "book a trip for bob") {
		t.Errorf("control: %v %s", err, page.Text())
	}
	if text := string(a.manage(t, http.MethodGet, "/audit?type=exchange.pruned", nil)); !strings.Contains(text, a.jti(hers)) || strings.Contains(text, a.jti(his)) {
		t.Error(text)
	}
}

// TestARevocationEndsAllThatCarriesTheIdAndLocksNobodyOut revokes each kind.
func TestARevocationEndsAllThatCarriesTheIdAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct {
		id      func(*attacker, string) string
		session bool // ends
		refresh string
	}{
		"person":     {func(a *attacker, _ string) string { return a.person(a.t, "alice") }, true, "invalid_grant"},
		"connection": {func(*attacker, string) string { return "acme" }, true, "invalid_grant"},
		"session":    {func(a *attacker, raw string) string { return a.claim(raw, "sid") }, true, "invalid_grant"},
		"app":        {func(*attacker, string) string { return "travel-desk" }, false, ""},
		"client":     {func(*attacker, string) string { return "microapp-travel-desk" }, false, ""},
		"grant":      {(*attacker).jti, false, ""},
		"install":    {func(a *attacker, _ string) string { return url.PathEscape(a.person(a.t, "alice") + "/expense-bot") }, false, "invalid_grant"},
	} {
		t.Run(kind, func(t *testing.T) {
			a := newAttacker(t)
			alice := a.signIn(t, "alice", "expense-bot")
			held := a.tokens(alice)
			raw, code := a.swap("travel-desk", held.AccessToken)
			if code != "" || !a.takes(raw) {
				t.Fatalf("before: %q", code)
			}
			path := "/revocations/" + kind + "/" + c.id(a, raw)
			if text := string(a.manage(t, http.MethodGet, path+"/preview", nil)); !strings.Contains(text, `"exchanged":1`) {
				t.Errorf("the preview: %s", text)
			}
			var made struct{ ID string }
			if err := json.Unmarshal(a.manage(t, http.MethodPost, path, []byte(`{"reason":"lost laptop"}`)), &made); err != nil {
				t.Fatal(err)
			}
			if a.takes(raw) {
				t.Error("the exchanged token is still good")
			}
			if _, in := a.account(t, alice); in == c.session {
				t.Errorf("signed in %v", in)
			}
			app := a.Facts().App("expense-bot")
			if _, code := a.refresh(app, held.RefreshToken, ""); code != c.refresh {
				t.Errorf("a refresh gets %q", code)
			}
			again, code := a.swap("travel-desk", a.tokens(a.signIn(t, "alice", "expense-bot")).AccessToken)
			if code != "" || !a.takes(again) {
				t.Errorf("signed in anew: %q", code)
			}
			eventually(t, "the apps were told", func() bool {
				var now struct {
					Progress struct {
						Queued                bool
						Waiting, Failed, Told int
					}
				}
				if err := json.Unmarshal(a.manage(t, http.MethodGet, "/revocations/"+made.ID, nil), &now); err != nil {
					t.Fatal(err)
				}
				return now.Progress.Queued && now.Progress.Waiting == 0 && now.Progress.Failed == 0 && (now.Progress.Told > 0) == (c.session || kind == "install")
			})
		})
	}
}

// TestAnExplanationOfTheDemosExchangesIsRight asks about what the facts say.
func TestAnExplanationOfTheDemosExchangesIsRight(t *testing.T) {
	a := newAttacker(t)
	alice := a.signIn(t, "alice", "expense-bot")
	held := a.tokens(alice)
	x := a.Facts().Exchange
	travel, crm, expense := a.Facts().App(x.Client).ClientID, a.Facts().App(x.ClientDenied).ClientID, a.Facts().App(x.SubjectClient).ClientID
	explain := func(pairs ...string) string {
		q := url.Values{"client": {travel}, "audience": {x.Audience}}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return string(a.manage(t, http.MethodGet, "/explain/exchange?"+q.Encode(), nil))
	}
	token := []string{"token", a.jti(held.AccessToken)}
	exchanged, code := a.swap("travel-desk", held.AccessToken)
	if code != "" {
		t.Fatal(code)
	}
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"a token":           {token, `"granted":true`},
		"a person":          {[]string{"person", a.person(t, "alice"), "signed_in_to", expense}, `"granted":true`},
		"another client":    {append([]string{"client", crm}, token...), `"rule":"unauthorized_client"`},
		"another API":       {append([]string{"audience", x.AudienceDenied}, token...), `"rule":"audience_denied"`},
		"a wider scope":     {append([]string{"scope", x.ScopeWider}, token...), `"rule":"scope_denied"`},
		"an exchanged one":  {[]string{"token", a.jti(exchanged)}, `"rule":"may_act"`},
		"somebody else's":   {[]string{"person", a.person(t, "alice"), "signed_in_to", crm}, `"rule":"subject_holder"`},
		"who can change it": {append([]string{"audience", x.AudienceDenied}, token...), `"who":"client_owner"`},
	} {
		if text := explain(c.pairs...); !strings.Contains(text, c.want) {
			t.Errorf("%s: %s lacks %s", name, text, c.want)
		}
	}
	a.disable("/people/" + a.person(t, "alice"))
	if text := explain(token...); !strings.Contains(text, `"rule":"subject_revoked"`) {
		t.Errorf("revoked: %s", text)
	}
	if text := explain("person", a.person(t, "alice"), "signed_in_to", expense); !strings.Contains(text, `"rule":"person"`) {
		t.Errorf("disabled: %s", text)
	}
}
