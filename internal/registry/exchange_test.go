package registry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
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
