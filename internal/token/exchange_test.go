package token_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// exchanged is a token that was exchanged twice.
func (h *house) exchanged() token.Access {
	a := h.access()
	a.Actors, a.MayAct, a.ActorGrant = []string{"payroll", "desk"}, "ledger", "g-actor"
	a.Via = []token.Link{
		{ID: "jti-0", Audience: issuer, Client: "desk", App: "app-desk", Grant: "g-desk", Key: "k-desk"},
		{Audience: "payroll", Client: "payroll", App: "app-payroll", Grant: "g-payroll", Key: "k-payroll", ActorGrant: "g-earlier"},
	}
	return a
}

func TestAnExchangedTokenSaysWhoActsAndWhatItGrewFrom(t *testing.T) {
	h := newHouse(t)
	want := h.exchanged()
	raw := h.mint(t, keys.ES256, want)
	got, err := h.Verifier.Access(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	want.Issuer, want.Key = issuer, got.Key
	if left, right := string(mustJSON(t, got)), string(mustJSON(t, want)); left != right {
		t.Errorf("read\n%s, minted\n%s", left, right)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	// RFC 8693, sections 4.1 and 4.4.
	if said := `"act":{"sub":"payroll","act":{"sub":"desk"}},"may_act":{"sub":"ledger"}`; err != nil || !strings.Contains(string(payload), said) {
		t.Errorf("%v %s", err, payload)
	}
	for _, ref := range []identity.Ref{
		identity.Grant("g-actor"), identity.App("app-desk"), identity.Client("desk"), identity.Grant("g-desk"), identity.Key("k-desk"),
		identity.App("app-payroll"), identity.Client("payroll"), identity.Grant("g-payroll"), identity.Key("k-payroll"), identity.Grant("g-earlier"),
		identity.Install("alice", got.App), identity.Install("alice", got.Audience), identity.Install("alice", "app-desk"), identity.Install("alice", "app-payroll"), identity.Install("alice", "payroll"),
		identity.Call(got.Client, got.Audience), identity.Call("payroll", "payroll"),
	} {
		h.revoked = map[identity.Ref]uint64{ref: 8}
		if _, err := h.Verifier.Access(t.Context(), raw); fault.KindOf(err) != fault.Denied || !slices.Contains(got.Refs(), ref) {
			t.Errorf("%s, raised after: %v", ref, err)
		}
	}
	h.revoked = map[identity.Ref]uint64{identity.Install("bob", got.App): 8, identity.Install("alice", issuer): 8, identity.Install("alice", "another"): 8, identity.Call("desk", got.Audience): 8, identity.Call("desk", issuer): 8}
	if _, err := h.Verifier.Access(t.Context(), raw); err != nil {
		t.Errorf("somebody else lost the app, and she another: %v", err)
	}
	h.revoked = nil
	for name, change := range map[string]func(*token.Access){
		"exchanged too often":            func(a *token.Access) { a.Via = slices.Repeat(a.Via, 3) },
		"more actors than exchanges":     func(a *token.Access) { a.Actors = []string{"a", "b", "c"} },
		"actors without any exchange":    func(a *token.Access) { a.Via = nil },
		"the most that there can be: ok": func(a *token.Access) { a.Via, a.Actors = slices.Repeat(a.Via, 2), []string{"a", "b", "c", "d"} },
	} {
		a := h.exchanged()
		change(&a)
		if _, err := h.Minter.Access(keys.ES256, a); (err == nil) != strings.HasSuffix(name, ": ok") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnIDTokenIsIdentityAsLongAsAnAccessTokenWouldBeGood(t *testing.T) {
	h := newHouse(t)
	was := h.access()
	id := token.ID{
		Subject: "alice", Audience: "expense-bot", Issued: h.now, Expires: h.now.Add(5 * time.Minute), AuthTime: was.AuthTime, ACR: "mfa", AMR: was.AMR,
		Session: "s-1", Connection: "acme", App: "app-1", Grant: "g-1", Rev: 7, Era: h.era,
	}
	sign := func(id token.ID) string {
		raw, err := h.ID(keys.ES256, id)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	raw := sign(id)
	got, err := h.Identity(t.Context(), raw)
	id.Issuer, id.Key = issuer, got.Key
	if left, right := string(mustJSON(t, got)), string(mustJSON(t, id)); err != nil || left != right {
		t.Fatalf("%v: read\n%s, minted\n%s", err, left, right)
	}
	was.ID, was.Audience, was.Scopes, was.Roles, was.Issuer, was.Key = "", issuer, nil, nil, issuer, got.Key
	if left, right := string(mustJSON(t, got.Access())), string(mustJSON(t, was)); left != right {
		t.Errorf("as access\n%s, want\n%s", left, right)
	}
	for _, ref := range was.Refs() {
		h.revoked = map[identity.Ref]uint64{ref: 8}
		if _, err := h.Identity(t.Context(), raw); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s, raised after: %v", ref, err)
		}
	}
	h.revoked = nil
	for name, change := range map[string]func(*token.ID){
		"another era": func(t *token.ID) { t.Era = "era-0" }, "without a grant": func(t *token.ID) { t.Grant = "" }, "without a connection": func(t *token.ID) { t.Connection = "" },
		"without an app": func(t *token.ID) { t.App = "" }, "from the future": func(t *token.ID) { t.Issued = t.Issued.Add(time.Minute) },
	} {
		bad := id
		change(&bad)
		if _, err := h.Identity(t.Context(), sign(bad)); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Identity(t.Context(), h.mint(t, keys.ES256, h.access())); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an access token: %v", err)
	}
	h.now = id.Expires
	if _, err := h.Identity(t.Context(), raw); !errors.Is(err, token.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := h.IDHint(t.Context(), raw); err != nil {
		t.Errorf("as a hint: %v", err)
	}
}
