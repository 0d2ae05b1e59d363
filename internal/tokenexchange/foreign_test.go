package tokenexchange_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
)

func TestATokenOfAnotherIssuerIsExchangedForOneOfTheAPI(t *testing.T) {
	for _, kind := range []string{tokenexchange.TypeAccess, tokenexchange.TypeID, tokenexchange.TypeJWT, tokenexchange.TypeSAML} {
		w := newWorld(t)
		s := w.good(t, "desk", w.foreign("alice", nil), "payroll", "scope", "payroll.read", "subject_token_type", kind)
		c := w.read(t, s.Access)
		got := fmt.Sprint(c["sub"], c["aud"], c["scope"], c["client_id"], c["acr"], c["amr"], c["act"], c["may_act"], c["cnx"], c["sid"], c["auth_time"].(float64) == float64(w.now.Add(-time.Minute).Unix()))
		if want := "alicepayrollpayroll.readdeskmfa[otp]map[sub:desk]map[sub:payroll]acme<nil>true"; strings.ReplaceAll(got, " ", "") != want {
			t.Errorf("%s: %s", kind, got)
		}
		if s.IssuedType != tokenexchange.TypeAccess || s.Refresh != "" || s.ID != "" || s.Expires != 300 || !w.active(t, "payroll", s.Access) {
			t.Errorf("%s: %+v", kind, s)
		}
		e := w.events[0]
		if e.Type != "token.issued" || e.Data["subject_type"] != kind || e.Data["connection"] != "acme" || e.Data["subject_issuer"] != abroadIssuer || e.Data["subject_id"] != "foreign-0" ||
			e.Data["person"] != "alice" || e.Data["parent"] != "" || e.Data["parent_grant"] != "" || e.Data["parent_client"] != "" {
			t.Errorf("%s: %v", kind, e.Data)
		}
		if n := grant.NodeOf(e); !n.Exchanged() || n.Parent != "" || n.SubjectType != kind || n.SubjectIssuer != abroadIssuer || n.SubjectID != "foreign-0" || n.Connection != "acme" || n.Session != "" {
			t.Errorf("%s: the node says %+v", kind, n)
		}
	}
}

// TestAForeignSubjectIsRefusedByName changes one thing of a request that is good.
func TestAForeignSubjectIsRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		client string
		change func(*world, url.Values, *identity.SubjectToken)
		code   string
		reason string
	}{
		"nothing is changed": {"desk", func(*world, url.Values, *identity.SubjectToken) {}, "", ""},
		"no subject_token":   {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Del("subject_token") }, "invalid_request", "subject_missing"},
		"an empty one":       {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Set("subject_token", "") }, "invalid_request", "subject_missing"},
		"not verified": {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) {
			f.Set("subject_token", f.Get("subject_token")+"A")
		}, "invalid_request", "subject_signature"},
		"another client":  {"payroll", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Set("audience", "ledger") }, "invalid_request", "subject_not_allowed"},
		"of nobody known": {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { delete(w.known, "acme/alice") }, "invalid_request", "subject_unknown"},
		"of the same name, known over another connection": {"desk", func(_ *world, _ url.Values, s *identity.SubjectToken) { s.Authentication.Connection = "partner" }, "invalid_request", "subject_unknown"},
		"of a person switched off":                        {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.off = true }, "invalid_request", "person"},
		"of one barred from the API":                      {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.barred["app-payroll"] = true }, "invalid_target", "not_entitled_target"},
		"of one barred from the app":                      {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.barred["app-desk"] = true }, "invalid_request", "not_entitled_client"},
		"for an API that is not named":                    {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Set("audience", "ledger") }, "invalid_target", "audience_denied"},
		"for the broker itself":                           {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Set("audience", issuer) }, "invalid_target", "audience_denied"},
		"for a wider scope":                               {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) { f.Set("scope", "payroll.read payroll.admin") }, "invalid_scope", "scope_denied"},
		"about to expire":                                 {"desk", func(w *world, _ url.Values, s *identity.SubjectToken) { s.Expires = w.now.Add(time.Second / 2) }, "invalid_request", "token_expired"},
		"with a refresh token wanted": {"desk", func(_ *world, f url.Values, _ *identity.SubjectToken) {
			f.Set("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")
		}, "invalid_request", "requested_type"},
		"older than the person's revocation": {"desk", func(w *world, _ url.Values, s *identity.SubjectToken) {
			s.Issued = w.now.Add(-5 * time.Minute)
			w.raised[identity.Person("alice")] = w.now.Add(-time.Minute)
		}, "invalid_request", "subject_revoked"},
		"older than the connection's":  {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.raised[identity.Connection("acme")] = w.now }, "invalid_request", "subject_revoked"},
		"older than the app's":         {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.raised[identity.App("app-desk")] = w.now }, "invalid_request", "subject_revoked"},
		"older than a restored backup": {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.raised[identity.Database()] = w.now }, "invalid_request", "subject_revoked"},
		"older than the client's":      {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.raised[identity.Client("desk")] = w.now }, "invalid_request", "subject_revoked"},
		"of less than a clock's difference later": {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) {
			w.raised[identity.Person("alice")] = w.now.Add(-59 * time.Second)
		}, "invalid_request", "subject_revoked"},
		"made after the revocation": {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) {
			w.raised[identity.Person("alice")] = w.now.Add(-61 * time.Second)
		}, "", ""},
		"after a revocation of somebody else": {"desk", func(w *world, _ url.Values, _ *identity.SubjectToken) { w.raised[identity.Person("bob")] = w.now }, "", ""},
		"used before": {"desk", func(_ *world, _ url.Values, s *identity.SubjectToken) {
			s.Use = func(context.Context) error { return fault.New(fault.Denied, "token_replayed", "it was used before") }
		}, "invalid_request", "subject_replayed"},
		"perhaps used before": {"desk", func(_ *world, _ url.Values, s *identity.SubjectToken) {
			s.Use = func(context.Context) error { return fault.New(fault.Unauthenticated, "replay_unknown", "nobody knows") }
		}, "invalid_request", "subject_replay_unknown"},
	} {
		w := newWorld(t)
		form := url.Values{"grant_type": {catalog.GrantExchange}, "subject_token_type": {tokenexchange.TypeJWT}, "audience": {"payroll"}, "scope": {"payroll.read"}}
		if c.client == "payroll" {
			form.Del("scope")
		}
		raw := w.foreign("alice", nil)
		form.Set("subject_token", raw)
		changed := w.abroad[raw]
		c.change(w, form, &changed)
		w.abroad[raw] = changed
		status, s := w.post(t, c.client, "/token", form)
		if s.Error != c.code || (status == http.StatusOK) != (c.code == "") || c.code != "" && (s.Access != "" || s.Description == "") {
			t.Errorf("%s: %d %s: %s", name, status, s.Error, s.Description)
			continue
		}
		if last := w.events[len(w.events)-1].Data; len(w.events) != 1 || last["reason"] != c.reason || c.reason != "" && c.reason != "subject_missing" && c.reason != "requested_type" && last["subject_type"] != tokenexchange.TypeJWT {
			t.Errorf("%s: the audit log says %v", name, last)
		}
	}
}

func TestTheAuditLogSaysWhatAForeignTokenHasWrong(t *testing.T) {
	w := newWorld(t)
	w.exchange(t, "desk", "a.b.c", "payroll", "subject_token_type", tokenexchange.TypeJWT)
	if e := w.events[0].Data; e["reason"] != "subject_signature" || e["detail"] != "expected a good one; came another" {
		t.Errorf("%v", e)
	}
}

// What is neither ours nor says whose it is, is refused as not ours; and what says that
// it is ours is never anybody else's.
func TestOnlyWhatSaysThatItIsOfAnotherIssuerIsTakenForThat(t *testing.T) {
	w := newWorld(t)
	ours := w.mint(w.signedIn("desk"))
	w.abroad[ours] = w.abroad[w.foreign("alice", nil)]
	w.abroad["opaque"], w.abroad["a.b.c"] = w.abroad[ours], w.abroad[ours]
	w.kidless(t)
	for name, c := range map[string]struct{ raw, reason string }{
		"a token of ours, revoked": {ours, "subject_revoked"}, "an opaque one": {"opaque", "subject_invalid"}, "one that is broken": {"a.b.c", "subject_invalid"},
	} {
		_, s := w.exchange(t, "desk", c.raw, "payroll")
		if last := w.events[len(w.events)-1].Data; s.Error != "invalid_request" || last["reason"] != c.reason {
			t.Errorf("%s: %+v %v", name, s, last)
		}
	}
}

// kidless revokes whatever a token of ours carries.
func (w *world) kidless(t testing.TB) {
	t.Helper()
	w.applied++
	w.revoked[identity.Grant("grant-desk")] = w.applied
}

func TestASubjectThatCountsOnceIsTakenWhenAllElseIsGood(t *testing.T) {
	w := newWorld(t)
	used := 0
	raw := w.foreign("alice", func(s *identity.SubjectToken) {
		s.Use = func(context.Context) error {
			if used++; used > 1 {
				return fault.New(fault.Denied, "token_replayed", "it was used before")
			}
			return nil
		}
	})
	if _, s := w.exchange(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT, "scope", "payroll.admin"); s.Error != "invalid_scope" || used != 0 {
		t.Errorf("%+v, taken %d times", s, used)
	}
	w.good(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT)
	if _, s := w.exchange(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT); s.Error != "invalid_request" {
		t.Errorf("again: %+v", s)
	}
}

func TestAForeignTokenBoundsTheLifeOfWhatGrowsFromIt(t *testing.T) {
	w := newWorld(t)
	raw := w.foreign("alice", func(s *identity.SubjectToken) { s.Expires = w.now.Add(40 * time.Second) })
	first := w.good(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT)
	if second := w.good(t, "payroll", first.Access, "ledger"); first.Expires != 40 || second.Expires != 40 {
		t.Errorf("%d and %d s", first.Expires, second.Expires)
	}
}

// A foreign token begins a line like a token of a sign-in: MaxVia exchanges, never back.
func TestALineThatBeginsAbroadIsAsLongAsAnother(t *testing.T) {
	w := newWorld(t)
	line := []string{w.good(t, "desk", w.foreign("alice", nil), "payroll", "subject_token_type", tokenexchange.TypeJWT).Access}
	for i, hop := range [][2]string{{"payroll", "ledger"}, {"ledger", "vault"}, {"vault", "cellar"}} {
		line = append(line, w.good(t, hop[0], line[i], hop[1]).Access)
	}
	if len(line) != token.MaxVia {
		t.Fatal(len(line))
	}
	if _, s := w.exchange(t, "cellar", line[3], "attic"); s.Error != "invalid_request" {
		t.Errorf("once more: %+v", s)
	}
	if _, s := w.exchange(t, "ledger", line[1], "payroll"); s.Error != "invalid_target" {
		t.Errorf("back: %+v", s)
	}
}

func TestWhatGrewFromAForeignTokenEndsWithWhatItCarries(t *testing.T) {
	for name, c := range map[string]struct {
		ref  func(map[string]any) identity.Ref
		ends bool
	}{
		"person":          {func(map[string]any) identity.Ref { return identity.Person("alice") }, true},
		"connection":      {func(map[string]any) identity.Ref { return identity.Connection("acme") }, true},
		"app":             {func(map[string]any) identity.Ref { return identity.App("app-desk") }, true},
		"client":          {func(map[string]any) identity.Ref { return identity.Client("desk") }, true},
		"grant":           {func(c map[string]any) identity.Ref { return identity.Grant(c["gnt"].(string)) }, true},
		"install":         {func(map[string]any) identity.Ref { return identity.Install("alice", "app-desk") }, true},
		"another session": {func(map[string]any) identity.Ref { return identity.Session("session") }, false},
	} {
		w := newWorld(t)
		first := w.good(t, "desk", w.foreign("alice", nil), "payroll", "subject_token_type", tokenexchange.TypeJWT).Access
		last := w.good(t, "payroll", first, "ledger").Access
		w.applied++
		w.revoked[c.ref(w.read(t, first))] = w.applied
		if w.active(t, "payroll", first) == c.ends || w.active(t, "ledger", last) == c.ends {
			t.Errorf("%s: %v %v", name, w.active(t, "payroll", first), w.active(t, "ledger", last))
		}
	}
}

func TestWhatCannotBeToldOfAForeignTokenIsNeitherGrantedNorRefused(t *testing.T) {
	w := newWorld(t)
	raw := w.foreign("alice", nil)
	for name, lose := range map[string]func(lost bool){
		"the provider": func(lost bool) {
			w.astray = map[bool]error{true: fault.New(fault.Unavailable, "idp_unreachable", "it does not answer")}[lost]
		},
		"the database": func(lost bool) { w.unknown = lost },
		"the memory": func(lost bool) {
			s := w.abroad[raw]
			s.Use = func(context.Context) error {
				if !lost {
					return nil
				}
				return fault.Wrap(errors.New("redis"), fault.Unavailable, "cache_unavailable", "later")
			}
			w.abroad[raw] = s
		},
	} {
		lose(true)
		if status, s := w.exchange(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT); status != http.StatusServiceUnavailable || s.Access != "" {
			t.Errorf("%s is lost: %d %+v", name, status, s)
		}
		lose(false)
		w.good(t, "desk", raw, "payroll", "subject_token_type", tokenexchange.TypeJWT)
	}
}
