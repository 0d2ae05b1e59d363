package tokenexchange_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
)

func TestAClientExchangesAPersonsTokenForOneOfTheAPI(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		subject string
		pairs   []string
	}{
		"its own access token":                    {w.mint(w.signedIn("desk")), nil},
		"that of an app which names it in mayAct": {w.mint(w.signedIn("expenses")), nil},
		"its own id_token":                        {w.sign(w.identityOf("desk")), []string{"subject_token_type", tokenexchange.TypeID}},
		"by resource (RFC 8707)":                  {w.mint(w.signedIn("desk")), []string{"audience", "", "resource", "payroll"}},
		"with the type said":                      {w.mint(w.signedIn("desk")), []string{"requested_token_type", tokenexchange.TypeAccess}},
		"with an actor_token":                     {w.mint(w.signedIn("desk")), []string{"actor_token", w.mint(w.itself("desk")), "actor_token_type", tokenexchange.TypeAccess}},
	} {
		s := w.good(t, "desk", c.subject, "payroll", append(c.pairs, "scope", "payroll.read")...)
		claims := w.read(t, s.Access)
		got := fmt.Sprint(claims["sub"], claims["aud"], claims["scope"], claims["client_id"], claims["acr"], claims["act"], claims["may_act"], claims["sid"], claims["cnx"])
		if want := "alicepayrollpayroll.readdeskmfamap[sub:desk] map[sub:payroll]sessionacme"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s", name, got)
		}
		if s.IssuedType != tokenexchange.TypeAccess || s.Type != "Bearer" || s.Scope != "payroll.read" || s.Expires != 300 || s.Refresh != "" || s.ID != "" {
			t.Errorf("%s: %+v", name, s)
		}
		if !w.active(t, "payroll", s.Access) || w.active(t, "ledger", s.Access) {
			t.Errorf("%s: the API does not take it, or another does", name)
		}
	}
}

func TestWithoutScopeAClientGetsWhatItsManifestAndTheAPIName(t *testing.T) {
	w := newWorld(t)
	subject := w.mint(w.signedIn("desk"))
	if s := w.good(t, "desk", subject, "payroll"); s.Scope != "payroll.read payroll.write" {
		t.Errorf("%q", s.Scope)
	}
	w.audiences["payroll"].Scopes = []string{"payroll.write", "payroll.admin"}
	if s := w.good(t, "desk", subject, "payroll"); s.Scope != "payroll.write" {
		t.Errorf("once the API names less: %q", s.Scope)
	}
	w.audiences["payroll"].Scopes = nil
	if status, s := w.exchange(t, "desk", subject, "payroll"); status != http.StatusBadRequest || s.Error != "invalid_scope" {
		t.Errorf("once the API names nothing: %d %+v", status, s)
	}
}

// A request may name several APIs (RFC 8693, section 2.1); a token is for one, so that it
// is the target that is refused. Any other parameter that comes twice is a malformed request.
func TestSeveralTargetsAreRefusedAsSuch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(url.Values)
		code   string
	}{
		"control: one":       {func(url.Values) {}, ""},
		"two audiences":      {func(f url.Values) { f.Add("audience", "ledger") }, "invalid_target"},
		"one audience twice": {func(f url.Values) { f.Add("audience", "payroll") }, "invalid_target"},
		"two resources":      {func(f url.Values) { f["resource"] = []string{"payroll", "ledger"} }, "invalid_target"},
		"two subjects":       {func(f url.Values) { f.Add("subject_token", f.Get("subject_token")) }, "invalid_request"},
		"two types requested": {func(f url.Values) {
			f["requested_token_type"] = []string{tokenexchange.TypeAccess, tokenexchange.TypeAccess}
		}, "invalid_request"},
	} {
		w := newWorld(t)
		form := url.Values{
			"grant_type": {catalog.GrantExchange}, "subject_token": {w.mint(w.signedIn("desk"))}, "subject_token_type": {tokenexchange.TypeAccess}, "audience": {"payroll"},
		}
		c.change(form)
		if status, s := w.post(t, "desk", "/token", form); s.Error != c.code || (s.Access == "") != (c.code != "") || (status == http.StatusOK) != (c.code == "") {
			t.Errorf("%s: %d %q", name, status, s.Error)
		}
	}
}

// TestEverythingElseIsRefusedByName changes one thing of a request that is good.
func TestEverythingElseIsRefusedByName(t *testing.T) {
	const refresh = "urn:ietf:params:oauth:token-type:refresh_token"
	for name, c := range map[string]struct {
		change       func(*world, url.Values)
		code, reason string
	}{
		"nothing is changed": {func(*world, url.Values) {}, "", ""},
		// What is asked.
		"no subject_token":      {func(_ *world, f url.Values) { f.Del("subject_token") }, "invalid_request", "subject_missing"},
		"no subject_token_type": {func(_ *world, f url.Values) { f.Del("subject_token_type") }, "invalid_request", "subject_type"},
		"our token as a JWT":    {func(_ *world, f url.Values) { f.Set("subject_token_type", tokenexchange.TypeJWT) }, "invalid_request", "subject_signature"},
		"our token as SAML":     {func(_ *world, f url.Values) { f.Set("subject_token_type", tokenexchange.TypeSAML) }, "invalid_request", "subject_signature"},
		"a refresh token":       {func(_ *world, f url.Values) { f.Set("subject_token_type", refresh) }, "invalid_request", "subject_type"},
		"SAML of version 1": {func(_ *world, f url.Values) {
			f.Set("subject_token_type", strings.Replace(tokenexchange.TypeSAML, "2", "1", 1))
		}, "invalid_request", "subject_type"},
		"no type at all":          {func(_ *world, f url.Values) { f.Set("subject_token_type", "access_token") }, "invalid_request", "subject_type"},
		"a JWT wanted":            {func(_ *world, f url.Values) { f.Set("requested_token_type", tokenexchange.TypeJWT) }, "invalid_request", "requested_type"},
		"an assertion wanted":     {func(_ *world, f url.Values) { f.Set("requested_token_type", tokenexchange.TypeSAML) }, "invalid_request", "requested_type"},
		"a refresh token wanted":  {func(_ *world, f url.Values) { f.Set("requested_token_type", refresh) }, "invalid_request", "requested_type"},
		"an id_token wanted":      {func(_ *world, f url.Values) { f.Set("requested_token_type", tokenexchange.TypeID) }, "invalid_request", "requested_type"},
		"no audience":             {func(_ *world, f url.Values) { f.Del("audience") }, "invalid_request", "audience_missing"},
		"two audiences":           {func(_ *world, f url.Values) { f.Set("resource", "ledger") }, "invalid_target", "audience_two"},
		"an audience unnamed":     {func(_ *world, f url.Values) { f.Set("audience", "ledger") }, "invalid_target", "audience_denied"},
		"the broker as audience":  {func(_ *world, f url.Values) { f.Set("audience", issuer) }, "invalid_target", "audience_denied"},
		"an audience gone":        {func(w *world, _ url.Values) { delete(w.audiences, "payroll") }, "invalid_target", "audience_unknown"},
		"a scope of white space":  {func(_ *world, f url.Values) { f.Set("scope", "\u00a0") }, "invalid_scope", "scope_malformed"},
		"scopes and a tab":        {func(_ *world, f url.Values) { f.Set("scope", "payroll.read\tpayroll.read") }, "invalid_scope", "scope_malformed"},
		"a wider scope":           {func(_ *world, f url.Values) { f.Set("scope", "payroll.read payroll.admin") }, "invalid_scope", "scope_denied"},
		"a scope of another API":  {func(_ *world, f url.Values) { f.Set("scope", "ledger.read") }, "invalid_scope", "scope_denied"},
		"a scope of the subject":  {func(_ *world, f url.Values) { f.Set("scope", "openid") }, "invalid_scope", "scope_denied"},
		"a scope the API dropped": {func(w *world, _ url.Values) { w.audiences["payroll"].Scopes = []string{"payroll.write"} }, "invalid_scope", "scope_unknown"},
		// Whose token it is.
		"of an app that does not name the client": {func(w *world, f url.Values) { f.Set("subject_token", w.mint(w.signedIn("mint"))) }, "invalid_request", "subject_holder"},
		"an id_token of another client": {func(w *world, f url.Values) {
			f.Set("subject_token", w.sign(w.identityOf("expenses")))
			f.Set("subject_token_type", tokenexchange.TypeID)
		}, "invalid_request", "subject_holder"},
		"for an API of somebody else":  {bent(func(a *token.Access) { a.Client, a.Audience = "expenses", "mint" }), "invalid_request", "subject_holder"},
		"for the API that it asks for": {bent(func(a *token.Access) { a.Audience = "payroll" }), "invalid_target", "loop"},
		"a may_act for another":        {bent(func(a *token.Access) { a.MayAct = "expenses" }), "invalid_request", "may_act"},
		"a client's own token":         {func(w *world, f url.Values) { f.Set("subject_token", w.mint(w.itself("desk"))) }, "invalid_request", "subject_client"},
		"without openid":               {bent(func(a *token.Access) { a.Scopes = []string{"email"} }), "invalid_request", "subject_scope"},
		// Whether it is a token at all.
		"expired":                         {func(w *world, _ url.Values) { w.now = w.now.Add(5 * time.Minute) }, "invalid_request", "subject_expired"},
		"of another era":                  {bent(func(a *token.Access) { a.Era = "before" }), "invalid_request", "subject_invalid"},
		"an id_token for an access token": {func(w *world, f url.Values) { f.Set("subject_token", w.sign(w.identityOf("desk"))) }, "invalid_request", "subject_invalid"},
		"an access token for an id_token": {func(_ *world, f url.Values) { f.Set("subject_token_type", tokenexchange.TypeID) }, "invalid_request", "subject_invalid"},
		"a logout token": {func(w *world, f url.Values) {
			f.Set("subject_token", w.logoutToken())
			f.Set("subject_token_type", tokenexchange.TypeID)
		}, "invalid_request", "subject_invalid"},
		"truncated": {func(_ *world, f url.Values) {
			f.Set("subject_token", strings.TrimSuffix(f.Get("subject_token"), "A")[:200])
		}, "invalid_request", "subject_invalid"},
		"padded": {func(_ *world, f url.Values) { f.Set("subject_token", f.Get("subject_token")+"=") }, "invalid_request", "subject_invalid"},
		// Who acts.
		"an actor's type without an actor": {func(_ *world, f url.Values) { f.Set("actor_token_type", tokenexchange.TypeAccess) }, "invalid_request", "actor_type"},
		"an actor without its type":        {func(w *world, f url.Values) { f.Set("actor_token", w.mint(w.itself("desk"))) }, "invalid_request", "actor_type"},
		"another client as actor":          {actor(func(w *world) string { return w.mint(w.itself("expenses")) }), "invalid_request", "actor_holder"},
		"a person as actor":                {actor(func(w *world) string { return w.mint(w.signedIn("desk")) }), "invalid_request", "actor_person"},
		"an actor of an API": {actor(func(w *world) string {
			a := w.itself("desk")
			a.Audience = "payroll"
			return w.mint(a)
		}), "invalid_request", "actor_audience"},
		"a JWT as actor": {func(w *world, f url.Values) {
			f.Set("actor_token", w.mint(w.itself("desk")))
			f.Set("actor_token_type", tokenexchange.TypeJWT)
		}, "invalid_request", "actor_type"},
		"a foreign token as actor": {actor(func(w *world) string { return w.foreign("alice", nil) }), "invalid_request", "actor_invalid"},
		"an id_token as actor":     {actor(func(w *world) string { return w.sign(w.identityOf("desk")) }), "invalid_request", "actor_invalid"},
		"an actor under impersonation": {func(w *world, f url.Values) {
			actor(func(w *world) string { return w.mint(w.itself("desk")) })(w, f)
			f.Set("audience", "mint")
			f.Set("scope", "mint.read")
		}, "invalid_request", "actor_mode"},
		// What the person may.
		"a person switched off":  {func(w *world, _ url.Values) { w.off = true }, "invalid_request", "person"},
		"barred from the API":    {func(w *world, _ url.Values) { w.barred["app-payroll"] = true }, "invalid_target", "not_entitled_target"},
		"barred from the client": {func(w *world, _ url.Values) { w.barred["app-desk"] = true }, "invalid_request", "not_entitled_client"},
		"barred from the subject's app": {func(w *world, f url.Values) {
			f.Set("subject_token", w.mint(w.signedIn("expenses")))
			w.barred["app-expenses"] = true
		}, "invalid_request", "not_entitled_subject"},
		"the subject's app switched off": {func(w *world, f url.Values) {
			f.Set("subject_token", w.mint(w.signedIn("expenses")))
			w.clients["expenses"].Disabled = true
		}, "invalid_request", "not_entitled_subject"},
	} {
		w := newWorld(t)
		form := url.Values{
			"grant_type": {catalog.GrantExchange}, "subject_token": {w.mint(w.signedIn("desk"))}, "subject_token_type": {tokenexchange.TypeAccess},
			"audience": {"payroll"}, "scope": {"payroll.read"},
		}
		c.change(w, form)
		status, s := w.post(t, "desk", "/token", form)
		if s.Error != c.code || (status == http.StatusOK) != (c.code == "") || (c.code != "" && (s.Access != "" || s.Description == "")) {
			t.Errorf("%s: %d %s: %s", name, status, s.Error, s.Description)
			continue
		}
		last := w.events[len(w.events)-1]
		if want := map[bool]string{true: "token.issued", false: "token.refused"}[c.code == ""]; len(w.events) != 1 || last.Type != want || last.Data["reason"] != c.reason || last.Data["error"] != c.code {
			t.Errorf("%s: the audit log says %s %v", name, last.Type, last.Data)
		}
	}
}

func TestAClientThatMayNotExchangeIsRefusedBeforeAnythingIsLookedAt(t *testing.T) {
	w := newWorld(t)
	status, s := w.exchange(t, "expenses", w.mint(w.signedIn("expenses")), "payroll")
	if status != http.StatusBadRequest || s.Error != "unauthorized_client" {
		t.Errorf("%d %+v", status, s)
	}
	w.clients["expenses"].GrantTypes = []string{catalog.GrantExchange} // the control: then its manifest decides
	if _, s = w.exchange(t, "expenses", w.mint(w.signedIn("expenses")), "payroll"); s.Error != "invalid_target" {
		t.Errorf("%+v", s)
	}
}

func TestALifeIsTheShortestOfAllThatBoundIt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *token.Access, *token.Access)
		want   int64
	}{
		"the broker's own": {func(w *world, s, a *token.Access) { s.Expires, a.Expires = w.now.Add(time.Hour), w.now.Add(time.Hour) }, 300},
		"what is left":     {func(w *world, s, _ *token.Access) { s.Expires = w.now.Add(70 * time.Second) }, 70},
		"the actor's":      {func(w *world, _, a *token.Access) { a.Expires = w.now.Add(50 * time.Second) }, 50},
		"the API's":        {func(w *world, _, _ *token.Access) { w.audiences["payroll"].MaxTTL = 40 * time.Second }, 40},
		"the manifest's":   {func(w *world, _, _ *token.Access) { w.clients["desk"].Exchanges[0].MaxTTL = 30 * time.Second }, 30},
		"a second":         {func(w *world, s, _ *token.Access) { s.Expires = w.now.Add(time.Second) }, 1},
		"less than any use": {func(w *world, s, _ *token.Access) {
			s.Expires = w.now.Add(time.Second)
			w.now = w.now.Add(time.Second / 2)
		}, 0},
	} {
		w := newWorld(t)
		subject, itself := w.signedIn("desk"), w.itself("desk")
		c.change(w, &subject, &itself)
		status, s := w.exchange(t, "desk", w.mint(subject), "payroll", "actor_token", w.mint(itself), "actor_token_type", tokenexchange.TypeAccess)
		if s.Expires != c.want || (status == http.StatusOK) != (c.want > 0) {
			t.Errorf("%s: %d %+v", name, status, s)
			continue
		}
		if c.want == 0 {
			continue
		}
		if claims := w.read(t, s.Access); claims["exp"].(float64)-claims["iat"].(float64) != float64(c.want) {
			t.Errorf("%s: %v", name, claims)
		}
	}
}

func TestDelegationNestsThoseWhoActAndImpersonationDropsNobody(t *testing.T) {
	w := newWorld(t)
	desk := w.mint(w.signedIn("desk"))
	payroll := w.good(t, "desk", desk, "payroll", "scope", "payroll.read")
	ledger := w.good(t, "payroll", payroll.Access, "ledger", "scope", "ledger.read")
	if got := fmt.Sprint(w.read(t, ledger.Access)["act"]); got != "map[act:map[sub:desk] sub:payroll]" {
		t.Error(got)
	}
	_, told := w.post(t, "ledger", "/introspect", url.Values{"token": {ledger.Access}})
	if got := fmt.Sprint(told.Act, told.MayAct); got != "map[act:map[sub:desk] sub:payroll] map[sub:ledger]" {
		t.Error(got)
	}
	alone := w.good(t, "desk", desk, "mint", "scope", "mint.read")
	if act, there := w.read(t, alone.Access)["act"]; there || alone.Expires != 60 {
		t.Errorf("impersonation: %v for %d s", act, alone.Expires)
	}
	w.clients["payroll"].Exchanges[0].Delegation = false
	hidden := w.good(t, "payroll", payroll.Access, "ledger", "scope", "ledger.read")
	if got := fmt.Sprint(w.read(t, hidden.Access)["act"]); got != "map[sub:desk]" {
		t.Errorf("impersonation of what was delegated: %s", got)
	}
}

func TestALineIsExchangedFourTimesAndNeverBack(t *testing.T) {
	w := newWorld(t)
	line := []string{w.mint(w.signedIn("desk"))}
	for i, hop := range [][2]string{{"desk", "payroll"}, {"payroll", "ledger"}, {"ledger", "vault"}, {"vault", "cellar"}} {
		line = append(line, w.good(t, hop[0], line[i], hop[1]).Access)
	}
	for name, c := range map[string]struct{ client, subject, audience, code, reason string }{
		"a fifth time":                      {"cellar", line[4], "attic", "invalid_request", "depth"},
		"back to an API of the line":        {"ledger", line[2], "payroll", "invalid_target", "loop"},
		"by whoever got it":                 {"desk", line[1], "payroll", "invalid_request", "may_act"},
		"by the client that began the line": {"payroll", line[1], "desk", "", ""}, // its API was not in the line yet
	} {
		_, s := w.exchange(t, c.client, c.subject, c.audience)
		last := w.events[len(w.events)-1]
		if s.Error != c.code || last.Data["reason"] != c.reason {
			t.Errorf("%s: %+v %v", name, s, last.Data)
		}
	}
	// And from there the client that began it goes no further: it has acted before.
	back := w.good(t, "payroll", line[1], "desk").Access
	w.clients["desk"].Exchanges = append(w.clients["desk"].Exchanges, delegates("attic"))
	if _, s := w.exchange(t, "desk", back, "attic"); s.Error != "invalid_request" || w.events[len(w.events)-1].Data["reason"] != "loop" {
		t.Errorf("%+v", s)
	}
	w.good(t, "desk", line[0], "attic")
}

// TestUnderImpersonationTooNoClientExchangesTwice comes back to a client that no act
// tells of.
func TestUnderImpersonationTooNoClientExchangesTwice(t *testing.T) {
	w := newWorld(t)
	w.clients["mint"].Exchanges = append(w.clients["mint"].Exchanges, registry.Exchange{Audience: "desk", Scopes: []string{"desk.read"}, MaxTTL: time.Minute})
	w.clients["desk"].Exchanges = append(w.clients["desk"].Exchanges, delegates("attic"))
	desk := w.mint(w.signedIn("desk"))
	back := w.good(t, "mint", w.good(t, "desk", desk, "mint").Access, "desk").Access
	if _, s := w.exchange(t, "desk", back, "attic"); s.Error != "invalid_request" || w.events[len(w.events)-1].Data["reason"] != "loop" {
		t.Errorf("%+v", s)
	}
	w.good(t, "desk", desk, "attic")
}

// TestATokenIsNoNewerThanTheOldestFactInIt has a replica that knows of the subject's
// app what is older than the rest: a revocation since then has to count.
func TestATokenIsNoNewerThanTheOldestFactInIt(t *testing.T) {
	w := newWorld(t)
	subject := w.mint(w.signedIn("expenses"))
	w.behind = map[string]uint64{"expenses": 2}
	if rev := w.read(t, w.good(t, "desk", subject, "payroll").Access)["rev"]; rev != 5.0 {
		t.Errorf("rev %v", rev)
	}
	w.behind = nil
	if rev := w.read(t, w.good(t, "desk", subject, "payroll").Access)["rev"]; rev != 7.0 {
		t.Errorf("control: rev %v", rev)
	}
}

// TestAnExchangedTokenEndsWithEverythingItGrewFrom revokes each thing of a line of
// three: neither is the last token good any more, nor can it be had.
func TestAnExchangedTokenEndsWithEverythingItGrewFrom(t *testing.T) {
	begin := func() (*world, string, string, string) {
		w := newWorld(t)
		subject := w.mint(w.signedIn("expenses"))
		first := w.good(t, "desk", subject, "payroll", "actor_token", w.mint(w.itself("desk")), "actor_token_type", tokenexchange.TypeAccess).Access
		return w, subject, first, w.good(t, "payroll", first, "ledger").Access
	}
	for name, ref := range map[string]func(*world, string) identity.Ref{
		"":                   func(*world, string) identity.Ref { return identity.Person("somebody else") },
		"person":             func(*world, string) identity.Ref { return identity.Person("alice") },
		"session":            func(*world, string) identity.Ref { return identity.Session("session") },
		"connection":         func(*world, string) identity.Ref { return identity.Connection("acme") },
		"app of the subject": func(*world, string) identity.Ref { return identity.App("app-expenses") },
		"its client":         func(*world, string) identity.Ref { return identity.Client("expenses") },
		"its grant":          func(*world, string) identity.Ref { return identity.Grant("grant-expenses") },
		"app of the client":  func(*world, string) identity.Ref { return identity.App("app-desk") },
		"the client":         func(*world, string) identity.Ref { return identity.Client("desk") },
		"the actor's grant":  func(*world, string) identity.Ref { return identity.Grant("grant-itself") },
		"the node":           func(w *world, first string) identity.Ref { return identity.Grant(w.read(t, first)["gnt"].(string)) },
		"app of the last":    func(*world, string) identity.Ref { return identity.App("app-payroll") },
		"the key":            func(w *world, _ string) identity.Ref { return identity.Key(w.kid) },
	} {
		w, subject, first, last := begin()
		w.applied++
		w.revoked[ref(w, first)] = w.applied
		if active := w.active(t, "ledger", last); active != (name == "") {
			t.Errorf("%q: the last token is active: %v", name, active)
		}
		if name == "app of the last" {
			continue // switched off and on again: the token that it got from another is no worse
		}
		_, s := w.exchange(t, "payroll", first, "ledger")
		if want := map[bool]string{true: "", false: "invalid_request"}[name == ""]; s.Error != want && s.Error != "invalid_client" {
			t.Errorf("%q: exchanged on: %+v", name, s)
		}
		if strings.HasPrefix(name, "its") || name == "person" {
			if _, s := w.exchange(t, "desk", subject, "payroll"); s.Error != "invalid_request" || w.events[len(w.events)-1].Data["reason"] != "subject_revoked" {
				t.Errorf("%q: exchanged anew: %+v", name, s)
			}
		}
	}
}

func TestRevokingATokenEndsWhatGrewFromItAndNotWhatItGrewFrom(t *testing.T) {
	w := newWorld(t)
	subject := w.mint(w.signedIn("desk"))
	first := w.good(t, "desk", subject, "payroll").Access
	sibling := w.good(t, "desk", subject, "payroll").Access
	last := w.good(t, "payroll", first, "ledger").Access
	if status, _ := w.post(t, "payroll", "/revoke", url.Values{"token": {first}}); status != http.StatusOK || !w.active(t, "payroll", first) {
		t.Fatal("somebody else's token was revoked")
	}
	w.post(t, "desk", "/revoke", url.Values{"token": {first}})
	if w.active(t, "payroll", first) || w.active(t, "ledger", last) {
		t.Error("the token or what grew from it is good")
	}
	if !w.active(t, "payroll", sibling) || !w.active(t, "desk", subject) {
		t.Error("revoking a token ended more than what grew from it")
	}
	w.post(t, "desk", "/revoke", url.Values{"token": {subject}})
	if w.active(t, "payroll", sibling) || w.active(t, "desk", subject) {
		t.Error("what grew from a revoked token is good")
	}
}

func TestWhatCannotBeToldIsNeitherGrantedNorRefused(t *testing.T) {
	w := newWorld(t)
	subject := w.mint(w.signedIn("desk"))
	w.unknown = true
	if status, s := w.exchange(t, "desk", subject, "payroll"); status != http.StatusServiceUnavailable || s.Access != "" || len(w.events) != 0 {
		t.Errorf("%d %+v %v", status, s, w.events)
	}
	w.unknown, w.deaf = false, fault.Wrap(errors.New("disk full"), fault.Unavailable, "audit_unavailable", "later")
	for _, audience := range []string{"payroll", "ledger"} {
		if status, s := w.exchange(t, "desk", subject, audience); status != http.StatusServiceUnavailable || s.Access != "" {
			t.Errorf("without an audit entry, %s: %d %+v", audience, status, s)
		}
	}
	w.deaf = nil
	w.good(t, "desk", subject, "payroll")
}

func TestTheAuditLogTellsOfEveryExchange(t *testing.T) {
	w := newWorld(t)
	first := w.good(t, "desk", w.mint(w.signedIn("expenses")), "payroll", "scope", "payroll.read").Access
	w.good(t, "payroll", first, "ledger", "scope", "ledger.write")
	e := w.events[1].Data
	got := fmt.Sprint(w.events[1].Type, w.events[1].Actor.ID, e["app"], e["person"], e["audience"], e["scope"], e["mode"], e["acting"], e["life"], e["parent_client"])
	if want := "token.issuedpayrollapp-payrollaliceledgerledger.writedelegationpayroll desk5m0sdesk"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Error(got)
	}
	if claims := w.read(t, first); e["parent"] != claims["jti"] || e["parent_grant"] != claims["gnt"] || e["parent_app"] != "app-desk" || e["api"] != "app-ledger" || e["grant"] == claims["gnt"] {
		t.Errorf("%v %v", e, claims)
	}
}

// bent replaces the subject by one that was changed.
func bent(change func(*token.Access)) func(*world, url.Values) {
	return func(w *world, f url.Values) {
		a := w.signedIn("desk")
		change(&a)
		f.Set("subject_token", w.mint(a))
	}
}

// actor adds an actor_token.
func actor(make func(*world) string) func(*world, url.Values) {
	return func(w *world, f url.Values) {
		f.Set("actor_token", make(w))
		f.Set("actor_token_type", tokenexchange.TypeAccess)
	}
}

func TestNobodyIsRefusedByWhatWasReadAWhileAgo(t *testing.T) {
	w := newWorld(t)
	w.lately = directory.ErrPersonDisabled
	w.good(t, "desk", w.mint(w.signedIn("desk")), "payroll") // who was switched on since
	w.off = true
	if status, got := w.exchange(t, "desk", w.mint(w.signedIn("desk")), "payroll"); status == http.StatusOK {
		t.Errorf("control: who is switched off gets %+v", got)
	}
}

func TestATokenIsAsOldAsWhatIsKnownOfThePerson(t *testing.T) {
	w := newWorld(t)
	subject := w.signedIn("desk")
	w.behind = map[string]uint64{subject.Person: 2}
	got := w.read(t, w.good(t, "desk", w.mint(subject), "payroll").Access)
	if got["rev"] != float64(w.applied-2) {
		t.Errorf("rev is %v, and the person was read at %d", got["rev"], w.applied-2)
	}
}
