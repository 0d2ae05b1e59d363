package tokenexchange_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
)

// abroad asks about a token of alice's identity provider.
func abroad(client, audience string) policy.Exchange {
	return policy.Exchange{Client: client, Audience: audience, Person: "alice", Connection: "acme"}
}

// TestAnExplanationSaysWhatATokenOfAnotherIssuerGets compares the two, whatever is wrong:
// the token that is brought is made at the moment that is asked about.
func TestAnExplanationSaysWhatATokenOfAnotherIssuerGets(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		refs := []identity.Ref{identity.Person("alice"), identity.Person("bob"), identity.Connection("acme"), identity.App("app-desk"), identity.Client("desk"), identity.Database()}
		for range rapid.IntRange(0, 2).Draw(rt, "spoiled") {
			switch rapid.IntRange(0, 7).Draw(rt, "how") {
			case 0:
				w.barred["app-"+rapid.SampledFrom([]string{"desk", "payroll"}).Draw(rt, "barred")] = true
			case 1:
				w.clients["desk"].Disabled = true
			case 2:
				w.raised[rapid.SampledFrom(refs).Draw(rt, "raised")] = w.now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(rt, "ago")) * time.Second)
			case 3:
				w.astray = directory.ErrConnectionDisabled
			case 4:
				delete(w.known, "acme/alice")
			case 5:
				w.off = true
			case 6:
				w.audiences["payroll"].Scopes = []string{"payroll.read"}
			case 7:
				w.audiences["payroll"].MaxTTL = 30 * time.Second
			}
		}
		client, audience := rapid.SampledFrom([]string{"desk", "desk", "desk", "payroll"}).Draw(rt, "client"), rapid.SampledFrom([]string{"payroll", "payroll", "payroll", "ledger"}).Draw(rt, "audience")
		kind := rapid.SampledFrom([]string{"", "access_token", "id_token", "jwt"}).Draw(rt, "kind")
		q := abroad(client, audience)
		q.Scope, q.SubjectType = strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{audience + ".read", audience + ".write", audience + ".admin"}), 0, 2).Draw(rt, "scope"), " "), kind
		e := w.explain(t, q)
		if len(w.events) > 0 {
			rt.Fatalf("an explanation is written down: %v", w.events)
		}
		typ := tokenexchange.TypeJWT
		if kind != "" {
			typ = "urn:ietf:params:oauth:token-type:" + kind
		}
		status, s := w.exchange(t, client, w.foreign("alice", nil), audience, "subject_token_type", typ, "scope", q.Scope)
		step, _ := refusal(e)
		if e.Granted != (status == http.StatusOK) || step.Error != s.Error || step.Detail != s.Description || e.Granted && (int64(e.Life) != s.Expires || strings.Join(e.Scopes, " ") != s.Scope) {
			rt.Fatalf("explained %+v\nanswered %d %+v", e, status, s)
		}
		if !e.Granted && step.Name != "client" { // who is no client of ours leaves no entry
			if said := w.events[len(w.events)-1].Data; said["reason"] != step.Rule || said["detail"] != step.Found {
				rt.Fatalf("the log says %v, the explanation %+v", said, step)
			}
		}
		outcomes[step.Rule]++
	})
	if testing.Short() {
		return // a fifth of the checks need not meet every rule
	}
	for _, rule := range []string{"", "audience_denied", "subject_not_allowed", "subject_connection_disabled", "subject_unknown"} {
		if outcomes[rule] == 0 {
			t.Errorf("nothing came to %q: %v", rule, outcomes)
		}
	}
}

func TestAnExplanationSaysWhatIsWrongAbroad(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*world)
		change func(*policy.Exchange)
		rule   string
		remedy policy.Remedy
	}{
		"nothing":                           {nil, nil, "", policy.Remedy{}},
		"no such connection":                {nil, func(q *policy.Exchange) { q.Connection = "gone" }, "subject_connection_not_found", policy.Administrator.Changes("idp add")},
		"switched off":                      {func(w *world) { w.astray = directory.ErrConnectionDisabled }, nil, "subject_connection_disabled", policy.Administrator.Changes("idp enable", "acme")},
		"not for this client":               {nil, func(q *policy.Exchange) { q.Client, q.Audience = "payroll", "ledger" }, "subject_not_allowed", policy.Administrator.Changes("exchange.clients", "payroll")},
		"never signed in there":             {nil, func(q *policy.Exchange) { q.Connection = "partner" }, "subject_unknown", policy.ThePerson.Changes("sign-in")},
		"known by another subject":          {func(w *world) { w.known = map[string]string{"acme/other": "alice"} }, nil, "subject_unknown", policy.ThePerson.Changes("sign-in")},
		"person revoked a moment ago":       {func(w *world) { w.raised[identity.Person("alice")] = w.now.Add(-59 * time.Second) }, nil, "subject_revoked", policy.Caller.Changes("subject_token")},
		"person revoked long enough ago":    {func(w *world) { w.raised[identity.Person("alice")] = w.now.Add(-61 * time.Second) }, nil, "", policy.Remedy{}},
		"connection revoked a moment ago":   {func(w *world) { w.raised[identity.Connection("acme")] = w.now }, nil, "subject_revoked", policy.Caller.Changes("subject_token")},
		"app revoked a moment ago":          {func(w *world) { w.raised[identity.App("app-desk")] = w.now }, nil, "subject_revoked", policy.Caller.Changes("subject_token")},
		"database restored a moment ago":    {func(w *world) { w.raised[identity.Database()] = w.now }, nil, "subject_revoked", policy.Caller.Changes("subject_token")},
		"somebody else revoked just now":    {func(w *world) { w.raised[identity.Person("bob")] = w.now }, nil, "", policy.Remedy{}},
		"as an access token":                {nil, func(q *policy.Exchange) { q.SubjectType = "access_token" }, "", policy.Remedy{}},
		"called an id_token, where none is": {func(w *world) { w.astray = fault.New(fault.Denied, "token_typ", "another typ") }, func(q *policy.Exchange) { q.SubjectType = "id_token" }, "subject_typ", policy.Administrator.Changes("exchange.types")},
	} {
		w, q := newWorld(t), abroad("desk", "payroll")
		if c.spoil != nil {
			c.spoil(w)
		}
		if c.change != nil {
			c.change(&q)
		}
		e := w.explain(t, q)
		s, at := refusal(e)
		if c.rule == "" {
			if !e.Granted || e.Person != "alice" || e.Life != 300 || e.Subject != "" || !slices.Equal(e.Actors, []string{"desk"}) {
				t.Errorf("%s: %+v", name, e)
			}
			continue
		}
		if e.Granted || s.Name != "subject" || s.Rule != c.rule || s.Error != "invalid_request" || s.Detail == "" || len(s.Remedies) == 0 || s.Remedies[0] != c.remedy || e.Steps[at+1].Outcome != policy.NotReached {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestAQuestionAboutAnotherIssuerIsAboutThatAlone(t *testing.T) {
	w := newWorld(t)
	x := w.explainer(w.identified)
	for name, c := range map[string]struct {
		change func(*policy.Exchange)
		want   string
	}{
		"with a token":               {func(q *policy.Exchange) { q.Person, q.Token = "", "jti" }, policy.ErrConnection.Code},
		"with a sign-in here":        {func(q *policy.Exchange) { q.SignedInTo = "desk" }, policy.ErrConnection.Code},
		"without anybody":            {func(q *policy.Exchange) { q.Person = "" }, policy.ErrQuestion.Code},
		"a type without connection":  {func(q *policy.Exchange) { q.Connection, q.SubjectType = "", "jwt" }, policy.ErrSubjectType.Code},
		"a type that there is not":   {func(q *policy.Exchange) { q.SubjectType = "refresh_token" }, policy.ErrSubjectType.Code},
		"what the provider does not": {func(q *policy.Exchange) { q.SubjectType = "saml2" }, policy.ErrSubjectType.Code},
	} {
		q := abroad("desk", "payroll")
		c.change(&q)
		if _, err := x.Explain(t.Context(), q); err == nil || fault.As(err).Code != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	nobody := w.explainer(func(context.Context, string) (directory.Person, error) {
		return directory.Person{}, directory.ErrPersonNotFound
	})
	if _, err := nobody.Explain(t.Context(), abroad("desk", "payroll")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("about nobody: %v", err)
	}
	w.unknown = true
	if _, err := x.Explain(t.Context(), abroad("desk", "payroll")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("what cannot be told is not a refusal: %v", err)
	}
}
