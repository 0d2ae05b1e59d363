package tokenexchange_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
)

// held is a token that a sequence has come to, and where from.
type held struct {
	raw    string
	claims map[string]any
	parent *held
	client string // whose it is
	// abroad is a token of another issuer: a and b may bring it, and it ends with nothing
	// of ours but what it grew into.
	abroad bool
}

// reached are the scopes that the line of a token has had at every audience.
func (h *held) reached() map[string][]string {
	all := map[string][]string{}
	for ; h.parent != nil; h = h.parent {
		all[h.claims["aud"].(string)] = strings.Fields(h.claims["scope"].(string))
	}
	return all
}

// TestNoSequenceOfExchangesLeadsToMore lets apps with manifests of any kind exchange
// what they hold, and what others hold, as they like: tokens of ours, and tokens and
// assertions of another issuer.
func TestNoSequenceOfExchangesLeadsToMore(t *testing.T) {
	granted, fromAbroad := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		names := []string{"a", "b", "c", "d", "e", "f"}
		for _, name := range names {
			var rules []registry.Exchange
			for _, to := range names {
				if to != name && rapid.Bool().Draw(rt, name+" may "+to) {
					rules = append(rules, registry.Exchange{
						Audience: to, Scopes: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{to + ".read", to + ".write", to + ".admin"}), 1, 3, rapid.ID[string]).Draw(rt, "scopes"),
						MaxTTL:     time.Duration(rapid.IntRange(1, 400).Draw(rt, "life")) * time.Second,
						Delegation: rapid.Bool().Draw(rt, "delegation"),
					})
				}
			}
			w.add(name, rules...)
		}
		var all []*held
		for _, name := range names[:2] {
			a := w.signedIn(name)
			a.ACR = rapid.SampledFrom([]string{"pwd", "mfa", "phr"}).Draw(rt, "acr")
			raw := w.mint(a)
			all = append(all, &held{raw: raw, claims: w.read(t, raw), client: name})
		}
		for range rapid.IntRange(0, 2).Draw(rt, "abroad") {
			all = append(all, w.drawn(rt))
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.IntRange(0, 3).Draw(rt, "passes") == 0 {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "time")) * time.Second)
			}
			from := rapid.SampledFrom(all).Draw(rt, "subject")
			client, audience := rapid.SampledFrom(names).Draw(rt, "client"), rapid.SampledFrom(names).Draw(rt, "audience")
			scope := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{audience + ".read", audience + ".write", audience + ".admin"}), 0, 2).Draw(rt, "scope"), " ")
			kind := tokenexchange.TypeAccess
			if from.abroad {
				kind = rapid.SampledFrom([]string{tokenexchange.TypeAccess, tokenexchange.TypeID, tokenexchange.TypeJWT, tokenexchange.TypeSAML}).Draw(rt, "kind")
			}
			status, s := w.exchange(t, client, from.raw, audience, "scope", scope, "subject_token_type", kind)
			if status != http.StatusOK {
				continue
			}
			if granted++; from.abroad {
				fromAbroad++
			}
			next := &held{raw: s.Access, claims: w.read(t, s.Access), parent: from, client: client}
			if err := wider(w, next); err != nil {
				rt.Fatal(err)
			}
			all = append(all, next)
		}
		outlived(rt, w, all)
	})
	if granted == 0 || fromAbroad == 0 {
		t.Errorf("%d exchanges were granted, %d of them for tokens of another issuer", granted, fromAbroad)
	}
}

// drawn is a token of another issuer about somebody.
func (w *world) drawn(rt *rapid.T) *held {
	var made identity.SubjectToken
	raw := w.foreign("alice", func(t *identity.SubjectToken) {
		t.Authentication.ACR = rapid.SampledFrom([]string{"", "mfa"}).Draw(rt, "acr there")
		t.Expires = w.now.Add(time.Duration(rapid.IntRange(1, 900).Draw(rt, "life there")) * time.Second)
		made = *t
	})
	claims := map[string]any{
		"sub": "alice", "cnx": "acme", "exp": float64(made.Expires.Unix()), "auth_time": float64(made.Authentication.Time.Unix()), "aud": issuer,
	}
	if made.Authentication.ACR != "" {
		claims["acr"] = made.Authentication.ACR
	}
	return &held{raw: raw, claims: claims, abroad: true}
}

// wider says what a token has more than the one that it was exchanged for.
func wider(w *world, h *held) error {
	was, is := h.parent.claims, h.claims
	audience, scopes := is["aud"].(string), strings.Fields(is["scope"].(string))
	rule, ok := w.clients[h.client].Exchange(audience)
	owner := was["client_id"] == h.client && h.parent.parent == nil
	if h.parent.abroad {
		owner = h.client == "a" || h.client == "b"
	}
	if mayAct, _ := was["may_act"].(map[string]any); h.parent.parent != nil {
		owner = mayAct["sub"] == h.client && was["aud"] == h.client
	}
	_, again := h.parent.reached()[audience]
	depth := 0
	for p := h; p.parent != nil; p = p.parent {
		depth++
	}
	switch {
	case !ok, again, slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(rule.Scopes, s) }):
		return fmt.Errorf("%s got %v at %s, reached before: %v", h.client, scopes, audience, again)
	case !owner:
		return fmt.Errorf("%s exchanged what was not its own: %v", h.client, was)
	case is["exp"].(float64) > was["exp"].(float64), is["exp"].(float64) > float64(w.now.Add(rule.MaxTTL).Unix()):
		return fmt.Errorf("it lives longer: %v after %v", is, was)
	case is["acr"] != was["acr"], is["auth_time"] != was["auth_time"], is["sub"] != was["sub"], is["sid"] != was["sid"], is["cnx"] != was["cnx"], is["gnt"] == was["gnt"]:
		return fmt.Errorf("it speaks of another sign-in: %v after %v", is, was)
	case depth > token.MaxVia:
		return fmt.Errorf("%d exchanges in a row", depth)
	}
	return nil
}

// outlived revokes the grant of one token: whatever grew from it is good nowhere,
// whether at an API or as a subject, and everything else is as good as before.
func outlived(rt *rapid.T, w *world, all []*held) {
	root := rapid.SampledFrom(slices.DeleteFunc(slices.Clone(all), func(h *held) bool { return h.abroad })).Draw(rt, "pruned")
	before := make([]bool, len(all))
	for i, h := range all {
		before[i] = w.active(w.t, h.client, h.raw)
	}
	w.applied++
	w.revoked[identity.Grant(root.claims["gnt"].(string))] = w.applied
	for i, h := range all {
		below := false
		for p := h; p != nil; p = p.parent {
			below = below || p == root
		}
		if now := w.active(w.t, h.client, h.raw); now != (before[i] && !below) {
			rt.Fatalf("below: %v, good before: %v, now: %v", below, before[i], now)
		}
		if !below {
			continue
		}
		for _, client := range []string{"a", "b", "c"} {
			for _, rule := range w.clients[client].Exchanges {
				if _, s := w.exchange(w.t, client, h.raw, rule.Audience, "subject_token_type", tokenexchange.TypeAccess); s.Access != "" {
					rt.Fatalf("%s exchanged a pruned token for %s", client, rule.Audience)
				}
			}
		}
	}
}
