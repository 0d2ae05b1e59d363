package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// shelf keeps signing keys in memory.
type shelf struct{ records []keys.Record }

func (s *shelf) Keys(context.Context) ([]keys.Record, error) { return slices.Clone(s.records), nil }

func (s *shelf) Rotate(_ context.Context, change keys.Change) (err error) {
	s.records, _, err = change(slices.Clone(s.records))
	return err
}

// answers is what the sequence and the store say, which fail as a test has it.
type answers struct {
	grant.Store
	sequence, store error
}

func (a *answers) Check(uint64, ...identity.Ref) error { return a.sequence }

func (a *answers) Refresh(context.Context, []byte) (grant.RefreshToken, grant.Family, error) {
	if a.store != nil {
		return grant.RefreshToken{}, grant.Family{}, a.store
	}
	return grant.RefreshToken{}, grant.Family{ID: "family", Subject: grant.Subject{Client: "expense"}}, nil
}

// TestWhoseATokenIsIsNotGuessed revokes tokens while the sequence or the store cannot
// tell what they are (RFC 7009, section 2.2.1).
func TestWhoseATokenIsIsNotGuessed(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) }
	vault, err := keys.NewVault(make([]byte, keys.VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(keys.RingOptions{Store: &shelf{}, Vault: vault, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	access, err := token.NewMinter(token.MinterOptions{Issuer: "https://login.example", Ring: ring, Now: now}).Access(keys.ES256, token.Access{
		ID: "jti", Subject: "expense", Client: "expense", Audience: "api", Grant: "grant", Issued: now(), Expires: now().Add(time.Minute), Era: "now",
	})
	if err != nil {
		t.Fatal(err)
	}
	lost := fault.New(fault.Unavailable, "database", "the database does not answer")
	for name, c := range map[string]struct {
		raw             string
		sequence, store error
		want            string
		fails           bool
	}{
		"an access token":                         {access, nil, grant.ErrUnknown, "grant", false},
		"an access token that was revoked":        {access, revoke.ErrRevoked, grant.ErrUnknown, "", false},
		"an access token, which cannot be told":   {access, revoke.ErrStale, grant.ErrUnknown, "", true},
		"a refresh token":                         {"raw", nil, nil, "family", false},
		"a refresh token, while the other is not": {"raw", revoke.ErrStale, nil, "family", false},
		"a refresh token, which cannot be told":   {"raw", nil, lost, "", true},
		"a failure of the store":                  {"raw", nil, errors.New("broken"), "", true},
		"neither":                                 {"raw", nil, grant.ErrUnknown, "", false},
	} {
		a := &answers{sequence: c.sequence, store: c.store}
		p := &Provider{o: Options{Grants: a, Verifier: token.NewVerifier(token.VerifierOptions{
			Issuer: "https://login.example", Era: func() string { return "now" }, Keys: ring, Revocations: a, Now: now,
		})}}
		id, client, err := p.grantOf(httptest.NewRequest(http.MethodPost, "/revoke", nil), c.raw)
		if (err != nil) != c.fails || (err == nil && (id != c.want || (client == "expense") != (c.want != ""))) {
			t.Errorf("%s: %q of %q, %v", name, id, client, err)
		}
	}
}
