package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// Claim rules decide what of the provider's word counts.
func TestClaimRulesMapWhatAProviderSays(t *testing.T) {
	for name, c := range map[string]struct {
		rules  map[string]string
		status int
		says   string
	}{
		"none":              {nil, http.StatusOK, "Alice Moreau"},
		"a name":            {map[string]string{"name": `claims.name + " of " + connection`}, http.StatusOK, "Alice Moreau of acme"},
		"fewer groups":      {map[string]string{"groups": `claims.groups.filter(g, !g.endsWith("all-employees"))`}, http.StatusForbidden, "all-employees"},
		"a rule that fails": {map[string]string{"department": `claims.nothing.of.this`}, http.StatusForbidden, "The claim rule for department failed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &attacker{t: t, client: &http.Client{}, stage: startUnpushed(t, time.Now, func(cfg *config.Config) { cfg.Connections[0].Claims = c.rules })}
			who, b := a.Facts().Person("alice"), browser.New()
			page, err := b.Get(t.Context(), a.Facts().App("expense-bot").URL+"login")
			if err == nil {
				page, err = b.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
			}
			if err != nil || page.Status != c.status || !strings.Contains(page.Text(), c.says) {
				t.Errorf("%v: %d %s", err, page.Status, page.Text())
			}
		})
	}
}
