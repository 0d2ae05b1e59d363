package registry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

func TestWhatAClientMayExchangeIsDerivedFromItsApp(t *testing.T) {
	trading, plain := app("trading"), app("plain")
	trading.Manifest.Spec.Identity.TokenExchange = []catalog.Exchange{
		{Audience: "payroll", Scopes: []string{"read"}, MaxTTL: "2m", Mode: catalog.ModeDelegation},
		{Audience: "ledger", Scopes: []string{"close"}, MaxTTL: "1s", Mode: catalog.ModeImpersonation},
	}
	plain.Manifest.Spec.Identity.OIDC.MayAct = []string{"client-trading"}
	w := newWorld(trading, plain)
	c, err := w.Client(t.Context(), "client-trading")
	if err != nil {
		t.Fatal(err)
	}
	payroll, _ := c.Exchange("payroll")
	ledger, _ := c.Exchange("ledger")
	if !payroll.Delegation || payroll.MaxTTL != 2*time.Minute || !slices.Equal(payroll.Scopes, []string{"read"}) || ledger.Delegation || ledger.MaxTTL != time.Second {
		t.Errorf("%+v %+v", payroll, ledger)
	}
	if _, ok := c.Exchange("another"); ok || !slices.Contains(c.GrantTypes, catalog.GrantExchange) {
		t.Errorf("another API: %v, grants %v", ok, c.GrantTypes)
	}
	other, err := w.Client(t.Context(), "client-plain")
	if err != nil || slices.Contains(other.GrantTypes, catalog.GrantExchange) || len(other.Exchanges) != 0 || !slices.Equal(other.MayAct, []string{"client-trading"}) {
		t.Errorf("%+v %v", other, err)
	}
	if slices.Contains(trading.Manifest.Spec.Identity.OIDC.GrantTypes, catalog.GrantExchange) {
		t.Error("the manifest was changed")
	}
}

// A name in mayAct means whoever has it, and of one that was given up whoever had it.
func TestAClientTrustsWhoWasMeantByTheClientID(t *testing.T) {
	plain, lapsed := app("plain"), app("lapsed")
	plain.Manifest.Spec.Identity.OIDC.MayAct, lapsed.Manifest.Spec.Identity.OIDC.MayAct = []string{"client-trading"}, []string{"client-trading"}
	lapsed.Lapsed = map[string]string{"client-trading": "id-before"}
	w := newWorld(plain, lapsed)
	for id, want := range map[string]map[string]bool{
		"client-plain":  {"id-before": true, "id-since": true},
		"client-lapsed": {"id-before": true, "id-since": false},
	} {
		c, err := w.Client(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for app, trusts := range want {
			if c.Trusts(&registry.Client{ID: "client-trading", App: app}) != trusts || c.Trusts(&registry.Client{ID: "client-other", App: app}) {
				t.Errorf("%s trusts %s: want %v", id, app, trusts)
			}
		}
	}
}

// TestWhatAClientGetsOfAnAPIWasAgreedTo looks at what is derived, which every grant asks.
func TestWhatAClientGetsOfAnAPIWasAgreedTo(t *testing.T) {
	payroll, crm := app("payroll"), app("crm")
	payroll.Manifest.Spec.Identity.Resource = &catalog.Resource{Audience: "payroll", Scopes: []string{"read", "write"}}
	crm.Manifest.Spec.Identity.OIDC.Scopes = []catalog.Scope{{Name: "openid"}, {Name: "read"}, {Name: "ssf.manage"}, {Name: "scim:acme"}, {Name: "scim:other"}}
	crm.Agreements = catalog.Agreements{
		{Right: catalog.Right{Audience: "payroll", Scope: "read", Mode: catalog.ByItself}, API: payroll.ID},
		{Right: catalog.Right{Scope: "scim:acme", Mode: catalog.ByItself}},
	}
	w := newWorld(payroll, crm)
	api, err := w.Audience(t.Context(), "payroll")
	if err != nil {
		t.Fatal(err)
	}
	of := func(id string) func(*registry.Audience, catalog.Mode) string {
		c, err := w.Client(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return func(a *registry.Audience, m catalog.Mode) string { return strings.Join(c.Agreed(a, m), " ") }
	}
	theirs := of("client-crm")
	another := *api
	another.App = "another"
	for name, got := range map[string]string{
		"read":       theirs(api, catalog.ByItself),
		"":           theirs(api, catalog.BySignIn) + theirs(api, catalog.ByDelegation) + theirs(&another, catalog.ByItself),
		"read write": of("client-payroll")(api, catalog.ByImpersonation), // its own
		"scim:acme":  theirs(&registry.Audience{Name: "scim", Scopes: []string{"scim:acme"}}, catalog.ByItself) + theirs(&registry.Audience{Name: "scim", Scopes: []string{"scim:other"}}, catalog.ByItself),
	} {
		if got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
	if c, err := w.Client(t.Context(), "client-crm"); err != nil || !slices.Equal(c.Scopes, []string{"openid", "read", "scim:acme"}) {
		t.Errorf("%v %v", c.Scopes, err)
	}
}
