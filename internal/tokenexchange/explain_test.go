package tokenexchange_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
)

// issue mints a token and writes its entry, as the pipeline does for a sign-in.
func (w *world) issue(a token.Access) string {
	ref := identity.Ref{Kind: identity.KindToken, ID: a.ID}
	w.events = append(w.events, event.New(w.now, "token.issued", identity.Actor{Ref: identity.Client(a.Client)}, ref, "app", a.App, "person", a.Person, "audience", a.Audience,
		"scope", strings.Join(a.Scopes, " "), "grant", a.Grant, "life", a.Expires.Sub(a.Issued).String(), "session", a.Session, "connection", a.Connection,
		"rev", strconv.FormatUint(a.Rev, 10), "key", w.kid))
	return w.mint(a)
}

// Node finds an issued token among the world's events.
func (w *world) Node(_ context.Context, id string) (grant.Node, error) {
	for _, e := range w.events {
		if e.Type == "token.issued" && e.Subject.ID == id {
			return grant.NodeOf(e), nil
		}
	}
	return grant.Node{}, grant.ErrNodeNotFound
}

// Line is what a token grew from.
func (w *world) Line(ctx context.Context, n grant.Node) (line []grant.Node, err error) {
	for n.Parent != "" {
		if n, err = w.Node(ctx, n.Parent); err != nil {
			return nil, err
		}
		line = append(line, n)
	}
	slices.Reverse(line)
	return line, nil
}

// explainer explains the world's exchanges; person finds people.
func (w *world) explainer(person func(context.Context, string) (directory.Person, error)) *tokenexchange.Explainer {
	return tokenexchange.NewExplainer(tokenexchange.ExplainOptions{Exchange: w.grant, Admits: w.provider.Admits, Tokens: w, Person: person, Abroad: w, Now: func() time.Time { return w.now }})
}

// identified is somebody who signed in over two connections, lately over acme.
func (w *world) identified(_ context.Context, id string) (directory.Person, error) {
	return directory.Person{ID: id, Identities: []directory.Identity{{Connection: "other", Subject: id}, {Connection: "acme", Subject: id, LastSignIn: w.now}}}, nil
}

func (w *world) explain(t testing.TB, q policy.Exchange) policy.Explanation {
	t.Helper()
	e, err := w.explainer(w.identified).Explain(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// refusal is the step that refused, and its place.
func refusal(e policy.Explanation) (s policy.Step, at int) {
	at = slices.IndexFunc(e.Steps, func(s policy.Step) bool { return s.Outcome == policy.Refused })
	if at >= 0 {
		s = e.Steps[at]
	}
	return s, at
}

// TestAnExplanationSaysWhatAnExchangeGets compares the two, whatever is wrong.
func TestAnExplanationSaysWhatAnExchangeGets(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		names := []string{"desk", "payroll", "ledger", "vault", "mint", "expenses"}
		type held struct{ raw, id string }
		var all []held
		for _, name := range names {
			a := w.signedIn(name)
			a.ID = identity.NewOrderedID(w.now)
			if rapid.IntRange(0, 15).Draw(rt, "openid") == 0 {
				a.Scopes = nil
			}
			all = append(all, held{w.issue(a), a.ID})
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch some := rapid.SampledFrom(names).Draw(rt, "app"); rapid.IntRange(0, 12).Draw(rt, "spoil") {
			case 0:
				w.barred["app-"+some] = !w.barred["app-"+some]
			case 1:
				w.clients[some].Disabled = !w.clients[some].Disabled
			case 2:
				w.applied++
				w.revoked[identity.Grant(rapid.SampledFrom(all).Draw(rt, "revoked").id)] = w.applied
			case 3:
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "time")) * time.Second)
			case 4:
				w.audiences[some].Scopes = []string{some + ".read"}
			}
			from, client, audience := rapid.SampledFrom(all).Draw(rt, "subject"), rapid.SampledFrom(names[:4]).Draw(rt, "client"), rapid.SampledFrom(names).Draw(rt, "audience")
			if rapid.IntRange(0, 3).Draw(rt, "by rule") > 0 {
				audience = rapid.SampledFrom(w.clients[client].Exchanges).Draw(rt, "rule").Audience
			}
			scope := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{audience + ".read", audience + ".write", audience + ".admin"}), 0, 2).Draw(rt, "scope"), " ")
			e := w.explain(t, policy.Exchange{Client: client, Audience: audience, Scope: scope, Token: from.id})
			status, s := w.exchange(t, client, from.raw, audience, "scope", scope)
			step, _ := refusal(e)
			if e.Granted != (status == http.StatusOK) || step.Error != s.Error || step.Detail != s.Description || e.Granted && (int64(e.Life) != s.Expires || strings.Join(e.Scopes, " ") != s.Scope) {
				rt.Fatalf("explained %+v\nanswered %d %+v", e, status, s)
			}
			if outcomes[step.Rule]++; e.Granted {
				all = append(all, held{s.Access, w.events[len(w.events)-1].Subject.ID})
			} else if said := w.events[len(w.events)-1]; said.Type == "token.refused" && step.Name != "client" && said.Data["reason"] != step.Rule {
				rt.Fatalf("the log says %q, the explanation %q", said.Data["reason"], step.Rule)
			}
		}
	})
	if testing.Short() {
		return // a fifth of the checks need not meet every rule
	}
	for _, rule := range []string{"", "audience_denied", "subject_holder", "scope_denied"} {
		if outcomes[rule] == 0 {
			t.Errorf("nothing came to %q: %v", rule, outcomes)
		}
	}
}

func TestAnExplanationSaysWhoCanChangeWhat(t *testing.T) {
	w := newWorld(t)
	w.clients["desk"].Scopes, w.clients["vault"].Scopes = []string{"openid"}, []string{"openid"}
	alice := policy.Exchange{Client: "desk", Audience: "payroll", Person: "alice"}
	e := w.explain(t, alice)
	if !e.Granted || e.Life != 300 || e.Mode != "delegation" || !slices.Equal(e.Actors, []string{"desk"}) || len(e.Steps) != 11 {
		t.Fatalf("control: %+v", e)
	}
	for name, c := range map[string]struct {
		spoil  func()
		change func(*policy.Exchange)
		step   string
		rule   string
		who    policy.Who
		what   string
		values []string
	}{
		"no rule":       {nil, func(q *policy.Exchange) { q.Audience = "vault" }, "audience", "audience_denied", policy.ClientOwner, "spec.identity.tokenExchange", []string{"vault"}},
		"a scope":       {nil, func(q *policy.Exchange) { q.Scope = "payroll.admin" }, "scope", "scope_denied", policy.ClientOwner, "spec.identity.tokenExchange.scopes", []string{"payroll.admin"}},
		"another's":     {nil, func(q *policy.Exchange) { q.SignedInTo = "vault" }, "holder", "subject_holder", policy.SubjectOwner, "spec.identity.oidc.mayAct", []string{"desk"}},
		"not entitled":  {func() { w.barred["app-payroll"] = true }, nil, "person", "not_entitled_target", policy.APIOwner, "spec.entitlements", nil},
		"switched off":  {func() { w.clients["desk"].Disabled = true }, nil, "client", "invalid_client", policy.ClientOwner, "spec", nil},
		"no such grant": {nil, func(q *policy.Exchange) { q.Client, q.SignedInTo = "attic", "desk" }, "client", "unauthorized_client", policy.ClientOwner, "spec.identity.tokenExchange", []string{"payroll"}},
	} {
		w.barred, w.clients["desk"].Disabled = map[string]bool{}, false
		q := alice
		q.SignedInTo = "desk"
		if c.change != nil {
			c.change(&q)
		}
		if c.spoil != nil {
			c.spoil()
		}
		e := w.explain(t, q)
		s, at := refusal(e)
		if e.Granted || s.Name != c.step || s.Rule != c.rule || len(s.Remedies) == 0 || s.Remedies[0] != c.who.Changes(c.what, c.values...) || s.Asks != policy.Question(c.step) {
			t.Errorf("%s: %+v", name, s)
		}
		for i, s := range e.Steps {
			if want := map[bool]policy.Outcome{true: policy.Passed, false: policy.NotReached}[i < at]; i != at && s.Outcome != want {
				t.Errorf("%s: %s is %s", name, s.Name, s.Outcome)
			}
		}
	}
	if len(w.events) > 0 {
		t.Errorf("an explanation was written down as if it were an exchange: %v", w.events)
	}
}

// TestAnExplanationSaysWhatIsMissing compares what a remedy adds with what would be
// granted, and the text with what is asked for.
func TestAnExplanationSaysWhatIsMissing(t *testing.T) {
	manifest, api, caller := policy.ClientOwner.Changes("spec.identity.tokenExchange.scopes", "x"), policy.APIOwner.Changes("spec.identity.resource.scopes", "x"), policy.Caller.Changes("scope")
	long := "z" + strings.Repeat("y", 100)
	of := func(r policy.Remedy, value string) policy.Remedy { r.Value = value; return r }
	for name, c := range map[string]struct {
		scope    string
		remedies []policy.Remedy
		says     string
	}{
		"the API has it":                      {"payroll.admin", []policy.Remedy{of(manifest, "payroll.admin"), caller}, "scope asks for payroll.admin, which"},
		"nobody has it":                       {"payroll.nope payroll.read", []policy.Remedy{of(manifest, "payroll.nope"), of(api, "payroll.nope"), caller}, "scope asks for payroll.nope, which"},
		"each lacks another":                  {"payroll.nope payroll.admin", []policy.Remedy{of(manifest, "payroll.admin payroll.nope"), of(api, "payroll.nope"), caller}, "scope asks for payroll.admin, payroll.nope, which"},
		"what is no scope is not repeated":    {`pay\"roll`, []policy.Remedy{caller}, "scope is a list of words"},
		"nor is a long one":                   {long + " payroll.nope", []policy.Remedy{of(manifest, "payroll.nope "+long), of(api, "payroll.nope "+long), caller}, "scope asks for payroll.nope and more, which"},
		"a long list is cut":                  {"a b c d e f", []policy.Remedy{of(manifest, "a b c d e f"), of(api, "a b c d e f"), caller}, "scope asks for a, b, c, d, e and more, which"},
		"control: what the manifest names is": {"payroll.write", nil, ""},
	} {
		w := newWorld(t)
		w.clients["desk"].Scopes = []string{"openid"}
		s, _ := refusal(w.explain(t, policy.Exchange{Client: "desk", Audience: "payroll", Scope: c.scope, Person: "alice"}))
		if !slices.Equal(s.Remedies, c.remedies) || !strings.HasPrefix(s.Detail, c.says) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestSomebodyWhoNeverSignedInIsAskedAboutToo is about people whom an identity provider
// pushed: they come over its connection the first time that they sign in.
func TestSomebodyWhoNeverSignedInIsAskedAboutToo(t *testing.T) {
	w := newWorld(t)
	w.clients["desk"].Scopes = []string{"openid"}
	ask := func(records ...directory.Record) policy.Explanation {
		e, err := w.explainer(func(_ context.Context, id string) (directory.Person, error) {
			return directory.Person{ID: id, Records: records}, nil
		}).Explain(t.Context(), policy.Exchange{Client: "desk", Audience: "payroll", Person: "carol"})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := ask(directory.Record{Connection: "other"}, directory.Record{Connection: "acme", Active: true}); !e.Granted {
		t.Errorf("pushed: %+v", e)
	}
	w.off = true
	want := []policy.Remedy{policy.Administrator.Changes("person enable", "carol")}
	if s, _ := refusal(ask(directory.Record{Connection: "acme", Active: true})); s.Rule != "person" || s.Found != "person_disabled" || !slices.Equal(s.Remedies, want) {
		t.Errorf("switched off: %+v", s)
	}
	w.off = false
	if s, _ := refusal(ask(directory.Record{Connection: "acme"})); s.Rule != "person" || s.Found != "connection_removed" {
		t.Errorf("pushed as inactive: %+v", s)
	}
}

// TestAnAPIIsToldToAskAboutTheTokenThatItWasGiven is about whoever serves an API and asks
// why it may not exchange on: nobody signs in there.
func TestAnAPIIsToldToAskAboutTheTokenThatItWasGiven(t *testing.T) {
	w := newWorld(t)
	q := policy.Exchange{Client: "payroll", Audience: "ledger", Person: "alice"}
	s, _ := refusal(w.explain(t, q))
	if s.Rule != "subject_scope" || !strings.Contains(s.Found, "nobody signs in") || !slices.Equal(s.Remedies, []policy.Remedy{policy.Caller.Changes("subject_token")}) {
		t.Errorf("%+v", s)
	}
	w.clients["payroll"].GrantTypes = append(w.clients["payroll"].GrantTypes, "authorization_code")
	if s, _ := refusal(w.explain(t, q)); s.Rule != "subject_scope" || s.Found != "" || !slices.Contains(s.Remedies, policy.SubjectOwner.Changes("spec.identity.oidc.scopes", "openid")) {
		t.Errorf("control: where people sign in: %+v", s)
	}
}

func TestOnlyAWholeQuestionIsExplained(t *testing.T) {
	w := newWorld(t)
	x := w.explainer(func(context.Context, string) (directory.Person, error) {
		return directory.Person{}, directory.ErrPersonNotFound
	})
	for _, q := range []policy.Exchange{
		{}, {Client: "desk", Audience: "payroll"}, {Client: "desk", Person: "p"}, {Audience: "payroll", Person: "p"}, {Client: "desk", Audience: "payroll", Person: "p", Token: "t"},
	} {
		if _, err := x.Explain(t.Context(), q); fault.As(err).Code != policy.ErrQuestion.Code {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, q := range []policy.Exchange{{Client: "desk", Audience: "payroll", Person: "nobody"}, {Client: "desk", Audience: "payroll", Token: "none"}} {
		if _, err := x.Explain(t.Context(), q); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%+v: %v", q, err)
		}
	}
	w.unknown = true
	a := w.signedIn("desk")
	a.ID = identity.NewOrderedID(w.now)
	w.issue(a)
	if _, err := x.Explain(t.Context(), policy.Exchange{Client: "desk", Audience: "payroll", Token: a.ID}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("what cannot be told is not a refusal: %v", err)
	}
}
