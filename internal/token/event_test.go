package token_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

func (h *house) securityEvent() token.SecurityEvent {
	return token.SecurityEvent{
		ID: "jti-1", Audience: "expense-bot", Issued: h.now, Transaction: "txn-1", Subject: json.RawMessage(`{"format":"opaque","id":"s-1"}`),
		Type: "https://schemas.openid.net/secevent/caep/event-type/session-revoked", Claims: json.RawMessage(`{"event_timestamp":1}`),
	}
}

func TestASecurityEventPassesForNoOtherToken(t *testing.T) {
	h := newHouse(t)
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		raw, err := h.SecurityEvent(alg, h.securityEvent())
		if err != nil {
			t.Fatal(err)
		}
		for name, take := range map[string]func(string) error{
			"access token": func(raw string) error { _, err := h.Verifier.Access(t.Context(), raw); return err },
			"id_token":     func(raw string) error { _, err := h.Identity(t.Context(), raw); return err },
			"hint":         func(raw string) error { _, err := h.IDHint(t.Context(), raw); return err },
		} {
			if take(raw) == nil {
				t.Errorf("%s: taken for an %s", alg, name)
			}
		}
		// Another library, with the published keys, reads what it says.
		body, _ := h.ring.JWKS()
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(body, &set); err != nil {
			t.Fatal(err)
		}
		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0].Key, &claims); err != nil {
			t.Fatal(err)
		}
		if parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "secevent+jwt" || len(claims) != 7 || claims["aud"] != "expense-bot" || claims["iat"] != float64(h.now.Unix()) {
			t.Errorf("%v %v", parsed.Headers[0], claims)
		}
		for _, never := range []string{"exp", "sub", "nonce"} {
			if _, has := claims[never]; has {
				t.Errorf("it has a %s", never)
			}
		}
	}
	if _, err := h.Verifier.Access(t.Context(), h.mint(t, keys.ES256, h.access())); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestASecurityEventThatSaysTooLittleOrTooMuchIsNotMinted(t *testing.T) {
	h := newHouse(t)
	for name, spoil := range map[string]func(*token.SecurityEvent){
		"nothing":             func(*token.SecurityEvent) {},
		"no jti":              func(e *token.SecurityEvent) { e.ID = "" },
		"no audience":         func(e *token.SecurityEvent) { e.Audience = "" },
		"no type":             func(e *token.SecurityEvent) { e.Type = "" },
		"no subject":          func(e *token.SecurityEvent) { e.Subject = nil },
		"a subject of text":   func(e *token.SecurityEvent) { e.Subject = json.RawMessage(`"alice"`) },
		"claims that go on":   func(e *token.SecurityEvent) { e.Claims = json.RawMessage(`{},"exp":1,"x":{}`) },
		"claims that are not": func(e *token.SecurityEvent) { e.Claims = json.RawMessage(`{`) },
		"more than fits": func(e *token.SecurityEvent) {
			e.Claims = json.RawMessage(`{"claims":"` + strings.Repeat("a", token.MaxEventSize) + `"}`)
		},
	} {
		e := h.securityEvent()
		spoil(&e)
		if raw, err := h.SecurityEvent(keys.ES256, e); (err == nil) != (name == "nothing") {
			t.Errorf("%s: %q %v", name, raw, err)
		}
	}
	// More than fits into a header field may well be said.
	e := h.securityEvent()
	e.Claims, e.Issued = json.RawMessage(`{"claims":"`+strings.Repeat("a", token.MaxSize)+`"}`), time.Time{}
	if _, err := h.SecurityEvent(keys.ES256, e); err != nil {
		t.Error(err)
	}
	groups := strings.Repeat(`"`+strings.Repeat("g", 128)+`",`, 2000) // as many as a provider may name, each as long as it may be
	e.Claims = json.RawMessage(`{"groups":[` + strings.TrimSuffix(groups, ",") + `]}`)
	if _, err := h.SecurityEvent(keys.ES256, e); err != nil {
		t.Error(err)
	}
}
