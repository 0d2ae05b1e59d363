package tokenexchange_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// An app's owner writes what it asks for. What it gets, the side of the API agreed to.
func TestNobodyGetsAScopeThatTheSideOfTheAPIDidNotAgreeTo(t *testing.T) {
	write := catalog.Right{Audience: "payroll", Scope: "payroll.write", Mode: catalog.ByDelegation}
	read := catalog.Right{Audience: "payroll", Scope: "payroll.read", Mode: catalog.ByDelegation}
	for name, c := range map[string]struct {
		withdrawn []catalog.Right
		scope     string
		change    func(*world)
		want      string // the scopes, empty for a refusal
	}{
		"control: both were agreed to":            {nil, "payroll.read payroll.write", nil, "payroll.read payroll.write"},
		"one was not and is asked for":            {[]catalog.Right{write}, "payroll.write", nil, ""},
		"one was not, asked for beside the other": {[]catalog.Right{write}, "payroll.read payroll.write", nil, ""},
		"control: the other":                      {[]catalog.Right{write}, "payroll.read", nil, "payroll.read"},
		"nothing is asked for by name":            {[]catalog.Right{write}, "", nil, "payroll.read"},
		"nothing was agreed to":                   {[]catalog.Right{read, write}, "", nil, ""},
		"in another mode": {[]catalog.Right{
			{Audience: "payroll", Scope: "payroll.read", Mode: catalog.ByImpersonation}, {Audience: "payroll", Scope: "payroll.write", Mode: catalog.ByImpersonation},
		}, "payroll.read", func(w *world) { w.clients["desk"].Exchanges[0].Delegation = false }, ""},
		"another app serves the API now": {nil, "payroll.read", func(w *world) {
			another := *w.audiences["payroll"]
			another.App = "app-another"
			w.audiences["payroll"] = &another
		}, ""},
	} {
		w := newWorld(t)
		w.withdrawn = c.withdrawn
		if c.change != nil {
			c.change(w)
		}
		status, s := w.exchange(t, "desk", w.mint(w.signedIn("desk")), "payroll", "scope", c.scope)
		if c.want != "" {
			if status != http.StatusOK || s.Scope != c.want {
				t.Errorf("%s: %d %+v", name, status, s)
			}
			continue
		}
		last := w.events[len(w.events)-1]
		if status != http.StatusBadRequest || s.Error != "invalid_scope" || s.Access != "" || last.Data["reason"] != "scope_not_agreed" {
			t.Errorf("%s: %d %+v %v", name, status, s, last.Data)
		}
	}
}

// What a token would not hold is asked for in parts, and is no failure of ours.
func TestMoreScopesThanATokenHoldsAreRefusedByName(t *testing.T) {
	w := newWorld(t)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("payroll.department-of-things-%04d.read", i))
	}
	w.clients["desk"].Exchanges[0].Scopes, w.audiences["payroll"].Scopes = many, many
	subject := w.mint(w.signedIn("desk"))
	if status, s := w.exchange(t, "desk", subject, "payroll", "scope", strings.Join(many[:50], " ")); status != http.StatusOK {
		t.Errorf("control: fifty: %d %+v", status, s)
	}
	status, s := w.exchange(t, "desk", subject, "payroll", "scope", strings.Join(many, " "))
	last := w.events[len(w.events)-1]
	if status != http.StatusBadRequest || s.Error != "invalid_scope" || last.Type != "token.refused" || last.Data["reason"] != "too_long" {
		t.Errorf("all: %d %+v %v", status, s, last.Data)
	}
}

func TestWhyIsAnsweredByWhoCanAgree(t *testing.T) {
	w := newWorld(t)
	w.clients["desk"].Scopes = []string{"openid"}
	w.withdrawn = []catalog.Right{{Audience: "payroll", Scope: "payroll.read", Mode: catalog.ByDelegation}}
	e := w.explain(t, policy.Exchange{Client: "desk", Audience: "payroll", Scope: "payroll.read", Person: "alice"})
	for _, s := range e.Steps {
		if s.Outcome == policy.Refused && (s.Rule != "scope_not_agreed" || len(s.Remedies) != 2 || s.Remedies[0] != policy.APIOwner.Changes("app agree", "payroll desk payroll.read") || s.Remedies[1].Who != policy.Administrator) {
			t.Errorf("%+v", s)
		}
	}
	if e.Granted {
		t.Error("granted")
	}
}
