package claims

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func assertion(attributes map[string]any) identity.Assertion {
	return identity.Assertion{Authentication: identity.Authentication{Connection: "acme"}, Attributes: attributes}
}

func TestStandardClaimsNeedNoRule(t *testing.T) {
	r, err := Compile(Options{GroupsClaim: "groups", Domains: []string{"acme.example"}})
	if err != nil {
		t.Fatal(err)
	}
	p, groups, err := r.Map(assertion(map[string]any{
		"name": "Alice", "email": "alice@acme.example", "email_verified": true, "groups": []any{"g1", "g2"},
	}))
	if err != nil || p.Name != "Alice" || !p.EmailVerified || !slices.Equal(groups, []string{"g1", "g2"}) {
		t.Errorf("got %+v %v %v", p, groups, err)
	}
}

func TestAnAddressIsVerifiedOnlyInAProvedDomain(t *testing.T) {
	r, err := Compile(Options{Domains: []string{"corp.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"a@corp.com": true, "A@CORP.com": true,
		"a@evil.com": false, "a@evil.com@corp.com": false, "a@corp.com.evil.com": false, "@corp.com": false, "a@c\u043erp.com": false,
	} {
		p, _, err := r.Map(assertion(map[string]any{"email": address, "email_verified": true}))
		if err != nil || p.EmailVerified != want {
			t.Errorf("%s: verified is %v, %v", address, p.EmailVerified, err)
		}
	}
}

// Who may edit an address at the provider must not come by that of somebody else
// through what is taken out of it here.
func TestAnAddressThatIsMadeToFitIsNotVerified(t *testing.T) {
	r, err := Compile(Options{Domains: []string{"corp.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"alice@corp.com": true, "ali\u202ece@corp.com": false, "ali\u0085ce@corp.com": false, " alice@corp.com": false, "alice@corp.com\n": false, "\u00a0alice@corp.com": false,
	} {
		a := assertion(map[string]any{"email": address, "email_verified": true})
		p, _, err := r.Map(a)
		if err != nil || p.EmailVerified != want || p.Email != "alice@corp.com" {
			t.Errorf("%q: %q, verified is %v, %v", address, p.Email, p.EmailVerified, err)
		}
		for _, e := range r.Explain(a) {
			if e.Field == "email_verified" && e.Value != written(want) {
				t.Errorf("%q: it is explained as %s", address, e.Value)
			}
		}
	}
}

func TestRulesMapAndNameThemselvesWhenTheyFail(t *testing.T) {
	r, err := Compile(Options{Expressions: map[string]string{
		"name":   `claims.first + " " + claims.last`,
		"groups": `claims.memberOf.filter(g, g.startsWith("app-"))`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p, groups, err := r.Map(assertion(map[string]any{"first": "Al", "last": "Ice", "memberOf": []any{"app-x", "other"}}))
	if err != nil || p.Name != "Al Ice" || !slices.Equal(groups, []string{"app-x"}) {
		t.Errorf("got %+v %v %v", p, groups, err)
	}
	if _, _, err := r.Map(assertion(map[string]any{"first": "Al"})); !errors.Is(err, ErrRule) {
		t.Errorf("a missing claim: %v", err)
	}
	for field, text := range map[string]string{"name": "claims.", "shoe_size": "1"} {
		if _, err := Compile(Options{Expressions: map[string]string{field: text}}); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestWhatBecameOfEachFieldIsTold(t *testing.T) {
	r, err := Compile(Options{Expressions: map[string]string{"name": "claims.first", "department": "claims.dept"}, GroupsClaim: "groups", Domains: []string{"acme.example"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Explained{}
	for _, e := range r.Explain(assertion(map[string]any{"first": "Al", "email": "al@acme.example", "email_verified": true, "groups": []any{"g1"}})) {
		got[e.Field] = e
	}
	if e := got["name"]; e.From != "claims.first" || e.Value != "Al" || e.Why() != "" {
		t.Errorf("%+v", e)
	}
	if e := got["email_verified"]; e.From != "email_verified" || e.Value != "true" {
		t.Errorf("%+v", e)
	}
	if e := got["groups"]; e.Value != `["g1"]` || e.From != "groups" {
		t.Errorf("%+v", e)
	}
	if e := got["department"]; !errors.Is(e.Failed, ErrRule) || !strings.Contains(e.Why(), "no such key: dept") {
		t.Errorf("%+v %q", e, e.Why())
	}
}

func TestHostileTextIsCutToWhatMayBeShown(t *testing.T) {
	r, err := Compile(Options{GroupsClaim: "groups"})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := r.Map(assertion(map[string]any{"name": "a\x00b\u202ec\n" + strings.Repeat("é", 500)}))
	if err != nil || !strings.HasPrefix(p.Name, "abcé") || len(p.Name) > directory.MaxText {
		t.Errorf("got %q, %v", p.Name, err)
	}
	for _, bad := range []any{[]any{1}, []any{""}, []any{"a\nb"}, 7} {
		if _, _, err := r.Map(assertion(map[string]any{"groups": bad})); !errors.Is(err, ErrRule) {
			t.Errorf("groups %v: %v", bad, err)
		}
	}
}

func FuzzDomain(f *testing.F) {
	f.Add("a@corp.com")
	f.Fuzz(func(t *testing.T, address string) {
		if d := Domain(address); d != "" && (strings.Count(address, "@") != 1 || !strings.HasSuffix(strings.ToLower(address), "@"+d)) {
			t.Errorf("%q has domain %q", address, d)
		}
	})
}
