package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// calling is the manifest of an app that calls APIs: scopes for itself, and exchanges of
// the form audience:scope:mode.
func calling(t testing.TB, name, team string, scopes []string, exchanges ...string) catalog.Manifest {
	t.Helper()
	m := catalog.Manifest{
		APIVersion: catalog.APIVersion, Kind: catalog.Kind, Metadata: catalog.Metadata{Name: name, Title: name, Description: "An app that calls."},
		Spec: catalog.Spec{Owner: catalog.Owner{Team: team, Primary: "ana@acme.example"}, Identity: catalog.Identity{Protocol: "oidc", OIDC: &catalog.OIDC{
			ClientID: "client-" + name, GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: "client_secret_basic",
		}}},
	}
	for _, s := range scopes {
		m.Spec.Identity.OIDC.Scopes = append(m.Spec.Identity.OIDC.Scopes, catalog.Scope{Name: s})
	}
	for _, text := range exchanges {
		part := strings.Split(text, ":")
		m.Spec.Identity.TokenExchange = append(m.Spec.Identity.TokenExchange, catalog.Exchange{Audience: part[0], Scopes: []string{part[1]}, MaxTTL: "2m", Mode: part[2]})
	}
	return m
}

// serving is the manifest of an app that serves an API of its own name.
func serving(t testing.TB, name, team string, scopes ...string) catalog.Manifest {
	t.Helper()
	m := calling(t, name, team, nil)
	m.Spec.Identity.Resource = &catalog.Resource{Audience: name, Scopes: scopes}
	return m
}

// owner is the voice of a team.
func owner(team string) catalog.Voice {
	return catalog.Voice{Actor: identity.Actor{Ref: identity.Person(team)}, SpeaksFor: func(api *catalog.App) bool {
		return api != nil && api.Manifest.Spec.Owner.Team == team
	}}
}

// company is a catalog with a payroll that the finance team owns.
type company struct {
	*catalog.Service
	t     testing.TB
	store *memory
}

func newCompany(t testing.TB) *company {
	s, store := service(t)
	c := &company{s, t, store}
	c.apply(serving(t, "payroll", "finance", "payroll.read", "payroll.write"))
	return c
}

func (c *company) apply(m catalog.Manifest) {
	c.t.Helper()
	if _, _, err := c.Apply(c.t.Context(), m, operator); err != nil {
		c.t.Fatal(err)
	}
}

func (c *company) propose(m catalog.Manifest, v catalog.Voice) catalog.Result {
	c.t.Helper()
	r, err := c.Propose(c.t.Context(), m, v)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// has reports whether the app was agreed a right at the payroll.
func (c *company) has(app, scope string, mode catalog.Mode) bool {
	c.t.Helper()
	a, err := c.App(c.t.Context(), app)
	if err != nil {
		c.t.Fatal(err)
	}
	payroll, err := c.App(c.t.Context(), "payroll")
	if err != nil {
		c.t.Fatal(err)
	}
	return a.Agreements.To(catalog.Right{Audience: "payroll", Scope: scope, Mode: mode}, payroll.ID)
}

func (c *company) last() event.Event { return c.store.events[len(c.store.events)-1] }

// crm is what the sales team owns.
func crm(t testing.TB, scopes []string, exchanges ...string) catalog.Manifest {
	return calling(t, "crm", "sales", scopes, exchanges...)
}

func TestAnOwnerGetsNothingOfAnotherTeamsAPIByAskingForIt(t *testing.T) {
	c := newCompany(t)
	c.apply(crm(t, nil))
	r := c.propose(crm(t, []string{"payroll.write"}, "payroll:payroll.read:delegation"), owner("sales"))
	if len(r.Pending) != 2 || r.Pending[0].Path != "spec.identity.oidc.scopes[0].name" || r.Pending[0].API != "payroll" || r.Pending[0].Team != "finance" ||
		r.Pending[1].Path != "spec.identity.tokenExchange[0].scopes[0]" {
		t.Errorf("%+v", r.Pending)
	}
	if c.has("crm", "payroll.write", catalog.ByItself) || c.has("crm", "payroll.read", catalog.ByDelegation) {
		t.Error("it has what nobody agreed to")
	}
	// The same again, from an administrator too, is no agreement.
	if again := c.propose(crm(t, []string{"payroll.write"}, "payroll:payroll.read:delegation"), catalog.Administrator(operator)); again.Outcome != catalog.Unchanged || len(again.Pending) != 2 {
		t.Errorf("%+v", again)
	}
	if _, err := c.Agree(t.Context(), "payroll", "crm", catalog.Rights{Scopes: []string{"payroll.read"}}, operator); err != nil {
		t.Fatal(err)
	}
	if !c.has("crm", "payroll.read", catalog.ByDelegation) || c.has("crm", "payroll.read", catalog.ByItself) || c.has("crm", "payroll.write", catalog.ByItself) {
		t.Error("control: it has what was agreed to, in that mode, and nothing else")
	}
	// Control: whoever owns both sides agrees by asking, and so does an administrator.
	if r := c.propose(calling(t, "reports", "finance", []string{"payroll.read"}), catalog.Administrator(operator)); len(r.Pending) != 0 || !c.has("reports", "payroll.read", catalog.ByItself) {
		t.Errorf("an administrator: %+v", r)
	}
	if r := c.propose(calling(t, "reports", "finance", []string{"payroll.read", "payroll.write"}), owner("finance")); len(r.Pending) != 0 || !c.has("reports", "payroll.write", catalog.ByItself) {
		t.Errorf("the owner of both: %+v", r)
	}
}

func TestAnAgreementIsToOneScopeInOneModeOfOneAPI(t *testing.T) {
	var c *company
	for name, m := range map[string]catalog.Manifest{
		"by itself":        crm(t, []string{"payroll.read"}, "payroll:payroll.read:delegation"),
		"by impersonation": crm(t, nil, "payroll:payroll.read:impersonation"),
		"another scope":    crm(t, nil, "payroll:payroll.write:delegation"),
	} {
		c = newCompany(t)
		c.apply(crm(t, nil, "payroll:payroll.read:delegation"))
		r := c.propose(m, owner("sales"))
		if len(r.Pending) != 1 || c.has("crm", "payroll.read", catalog.ByItself) || c.has("crm", "payroll.read", catalog.ByImpersonation) || c.has("crm", "payroll.write", catalog.ByDelegation) {
			t.Errorf("%s: %+v", name, r.Pending)
		}
	}
	// What is not asked for any more has to be agreed to again.
	c.propose(crm(t, nil), owner("sales"))
	if r := c.propose(crm(t, nil, "payroll:payroll.read:delegation"), owner("sales")); len(r.Pending) != 1 {
		t.Errorf("%+v", r.Pending)
	}
	// Who serves the API afterwards has agreed to nothing.
	c.apply(crm(t, nil))
	c.apply(crm(t, nil, "payroll:payroll.read:delegation"))
	if !c.has("crm", "payroll.read", catalog.ByDelegation) {
		t.Fatal("control: an administrator agreed")
	}
	if err := c.Remove(t.Context(), "payroll", operator); err != nil {
		t.Fatal(err)
	}
	c.apply(serving(t, "payroll", "finance", "payroll.read", "payroll.write"))
	if c.has("crm", "payroll.read", catalog.ByDelegation) {
		t.Error("an app under the same name inherits an agreement")
	}
}

func TestWhatAnAdministratorAgreesToBeforeTheAPIIsThereCounts(t *testing.T) {
	s, store := service(t)
	c := &company{s, t, store}
	c.apply(crm(t, []string{"payroll.read"}, "payroll:payroll.read:delegation"))
	c.apply(serving(t, "payroll", "finance", "payroll.read"))
	if !c.has("crm", "payroll.read", catalog.ByItself) || !c.has("crm", "payroll.read", catalog.ByDelegation) {
		t.Error("it was agreed to")
	}
	if _, err := c.Withdraw(t.Context(), "payroll", "crm", catalog.Rights{}, operator); err != nil {
		t.Fatal(err)
	}
	if c.has("crm", "payroll.read", catalog.ByItself) || c.has("crm", "payroll.read", catalog.ByDelegation) {
		t.Error("it was withdrawn")
	}
}

func TestWithdrawingRevokesWhatTheCallerGot(t *testing.T) {
	c := newCompany(t)
	c.apply(serving(t, "ledger", "finance", "ledger.read"))
	c.apply(crm(t, []string{"payroll.read", "payroll.write", "ledger.read"}))
	if _, err := c.Withdraw(t.Context(), "payroll", "crm", catalog.Rights{Scopes: []string{"payroll.write"}}, operator); err != nil {
		t.Fatal(err)
	}
	if e := c.last(); e.Type != "app.withdrawn" || !slices.Equal(e.Revokes, []identity.Ref{identity.Call("client-crm", "payroll")}) || e.Data["rights"] != "payroll payroll.write client_credentials" || e.Actor.Ref != operator.Ref {
		t.Errorf("%+v", e)
	}
	if c.has("crm", "payroll.write", catalog.ByItself) || !c.has("crm", "payroll.read", catalog.ByItself) {
		t.Error("the other is left alone")
	}
	if _, err := c.Withdraw(t.Context(), "payroll", "crm", catalog.Rights{Scopes: []string{"payroll.write"}}, operator); !errors.Is(err, catalog.ErrNotAgreed) {
		t.Errorf("again: %v", err)
	}
	// A manifest that changes something else brings nothing back, whoever applies it.
	other := crm(t, []string{"payroll.read", "payroll.write", "ledger.read"})
	other.Metadata.Title = "Another title"
	c.apply(other)
	if c.has("crm", "payroll.write", catalog.ByItself) {
		t.Error("a manifest brought back what was withdrawn")
	}
	if e := c.last(); len(e.Revokes) != 0 || e.Data["pending"] != "payroll payroll.write client_credentials" {
		t.Errorf("%+v", e)
	}
	// One that asks for less ends what it had.
	c.apply(crm(t, []string{"payroll.read"}))
	if e := c.last(); !slices.Equal(e.Revokes, []identity.Ref{identity.Call("client-crm", "ledger")}) {
		t.Errorf("%+v", e)
	}
}

// TestWhoServesAnAudienceNextInheritsNoToken takes an API away that others were agreed to
// get tokens of: whoever serves its audience next would be shown them otherwise.
func TestWhoServesAnAudienceNextInheritsNoToken(t *testing.T) {
	of := func(clients ...string) (refs []identity.Ref) {
		for _, client := range clients {
			refs = append(refs, identity.Call(client, "payroll"))
		}
		return refs
	}
	for name, end := range map[string]func(*company) error{
		"the app is removed": func(c *company) error { return c.Remove(t.Context(), "payroll", operator) },
		"the app serves another API": func(c *company) error {
			m := serving(t, "payroll", "finance", "payroll.read")
			m.Spec.Identity.Resource.Audience = "wages"
			_, _, err := c.Apply(t.Context(), m, operator)
			return err
		},
		"the app serves none": func(c *company) error {
			_, _, err := c.Apply(t.Context(), calling(t, "payroll", "finance", nil), operator)
			return err
		},
	} {
		c := newCompany(t)
		c.apply(serving(t, "ledger", "finance", "ledger.read"))
		c.apply(crm(t, []string{"payroll.read"}))
		c.apply(calling(t, "desk", "sales", nil, "payroll:payroll.read:delegation"))
		c.apply(calling(t, "books", "sales", []string{"ledger.read"}))
		// Controls: what an API offers may change, and what is not agreed to is not there to end.
		c.propose(calling(t, "hopeful", "sales", []string{"payroll.read"}), owner("sales"))
		c.apply(serving(t, "payroll", "finance", "payroll.read", "payroll.audit"))
		if e := c.last(); len(e.Revokes) != 0 {
			t.Errorf("%s: another scope revokes %v", name, e.Revokes)
		}
		if err := end(c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []identity.Ref
		for _, ref := range c.last().Revokes {
			if ref.Kind == identity.KindCall {
				got = append(got, ref)
			}
		}
		slices.SortFunc(got, func(a, b identity.Ref) int { return strings.Compare(a.ID, b.ID) })
		if want := of("client-crm", "client-desk", "client-payroll"); !slices.Equal(got, want) {
			t.Errorf("%s: it revokes %v, want %v", name, got, want)
		}
	}
}

func TestTheScopesOfTheBrokerAreGivenByAnAdministrator(t *testing.T) {
	c := newCompany(t)
	c.apply(crm(t, nil))
	for _, scope := range []string{"ssf.manage", "ssf.read", "scim:acme"} {
		_, err := c.Propose(t.Context(), crm(t, []string{scope}), owner("sales"))
		if !errors.Is(err, catalog.ErrBrokersScope) || !strings.Contains(err.Error(), scope) {
			t.Errorf("%s by an owner: %v", scope, err)
		}
		c.apply(crm(t, []string{scope}))
		right := catalog.Right{Scope: scope, Mode: catalog.ByItself}
		if a, err := c.App(t.Context(), "crm"); err != nil || !a.Agreements.To(right, "") {
			t.Errorf("control: %s by an administrator: %v %v", scope, a.Agreements, err)
		}
		if r := c.propose(calling(t, "crm", "sales", []string{scope}, "payroll:payroll.read:delegation"), owner("sales")); len(r.Pending) != 1 || !r.App.Agreements.To(right, "") {
			t.Errorf("control: an owner leaves %s as it is: %+v", scope, r)
		}
		if _, err := c.Withdraw(t.Context(), catalog.Broker, "crm", catalog.Rights{}, operator); err != nil {
			t.Fatal(err)
		}
		if e := c.last(); !slices.Equal(e.Revokes, []identity.Ref{identity.Client("client-crm")}) {
			t.Errorf("%+v", e)
		}
		c.apply(crm(t, nil))
	}
}

func TestNobodyAgreesToWhatIsNotAskedForOrNotServed(t *testing.T) {
	c := newCompany(t)
	c.apply(crm(t, []string{"payroll.read"}))
	for name, one := range map[string]struct {
		api, caller, scope string
		want               error
	}{
		"a scope that the manifest does not have": {"payroll", "crm", "payroll.write", catalog.ErrNotAsked},
		"an app without an API":                   {"crm", "payroll", "payroll.read", catalog.ErrNoAPI},
		"no such app":                             {"payroll", "nobody", "payroll.read", catalog.ErrAppNotFound},
		"no such API":                             {"nobody", "crm", "payroll.read", catalog.ErrAppNotFound},
		"control":                                 {"payroll", "crm", "payroll.read", nil},
	} {
		if _, err := c.Agree(t.Context(), one.api, one.caller, catalog.Rights{Scopes: []string{one.scope}}, operator); !errors.Is(err, one.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnlyWhatSomebodyMayAgreeToIsAgreedTo has owners and administrators apply, agree and
// withdraw in any order: an app never has what nobody who may had agreed to since it was
// last withdrawn or not asked for.
func TestOnlyWhatSomebodyMayAgreeToIsAgreedTo(t *testing.T) {
	scopes := []string{"payroll.read", "payroll.write"}
	rapid.Check(t, func(rt *rapid.T) {
		c := newCompany(t)
		c.apply(crm(t, nil))
		var asked []string
		agreed := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			some := rapid.SliceOfDistinct(rapid.SampledFrom(scopes), rapid.ID).Draw(rt, "scopes")
			slices.Sort(some)
			switch what := rapid.SampledFrom([]string{"owner", "administrator", "agree", "withdraw"}).Draw(rt, "who"); what {
			case "owner", "administrator":
				for _, s := range scopes {
					now, was := slices.Contains(some, s), slices.Contains(asked, s)
					agreed[s] = now && (agreed[s] || what == "administrator" && !was)
				}
				asked = some
				if what == "owner" {
					c.propose(crm(t, some), owner("sales"))
				} else {
					c.apply(crm(t, some))
				}
			case "agree":
				_, err := c.Agree(t.Context(), "payroll", "crm", catalog.Rights{Scopes: some}, operator)
				covered := !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(asked, s) })
				if (err == nil) != covered {
					rt.Fatalf("agree to %v of %v: %v", some, asked, err)
				}
				for _, s := range some {
					agreed[s] = agreed[s] || covered
				}
			default:
				_, err := c.Withdraw(t.Context(), "payroll", "crm", catalog.Rights{Scopes: some}, operator)
				if err != nil && !errors.Is(err, catalog.ErrNotAgreed) {
					rt.Fatal(err)
				}
				for _, s := range scopes {
					agreed[s] = agreed[s] && len(some) > 0 && !slices.Contains(some, s)
				}
			}
			for _, s := range scopes {
				if c.has("crm", s, catalog.ByItself) != agreed[s] {
					rt.Fatalf("%s: has %v, agreed %v", s, c.has("crm", s, catalog.ByItself), agreed[s])
				}
			}
		}
	})
}
