package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// Somebody in hundreds of groups signs in like anybody else.
func TestGroupsThatDoNotFitIntoAnIDTokenAreLeftToUserinfo(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) }
	vault, err := keys.NewVault(make([]byte, keys.VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(keys.RingOptions{Store: &shelf{}, Vault: vault, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &Provider{o: Options{Minter: token.NewMinter(token.MinterOptions{Issuer: "https://login.example", Ring: ring, Now: now})}}
	named := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("department-of-things-%04d", i))
		}
		return names
	}
	for what, c := range map[string]struct {
		groups, roles int
		email         string
		want          string
	}{
		"control: few":       {10, 2, "alice", "email groups roles"},
		"very many groups":   {2000, 2, "alice", "email roles"},
		"very many of both":  {2000, 300, "alice", "email"},
		"an endless address": {10, 2, strings.Repeat("a", token.MaxSize), ""},
	} {
		raw, err := p.mintID(keys.ES256, token.ID{
			Subject: "alice", Audience: "expense", Expires: now().Add(time.Minute),
			Extra: map[string]any{"email": c.email, "groups": named(c.groups), "roles": named(c.roles)},
		})
		if c.want == "" {
			if !errors.Is(err, token.ErrTooLong) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]any
		if err := json.Unmarshal(payload, &said); err != nil {
			t.Fatal(err)
		}
		var has []string
		for _, name := range []string{"email", "groups", "roles"} {
			if said[name] != nil {
				has = append(has, name)
			}
		}
		if got := strings.Join(has, " "); got != c.want {
			t.Errorf("%s: it has %q", what, got)
		}
	}
}
