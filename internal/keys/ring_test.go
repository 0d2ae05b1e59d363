package keys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// shelf keeps records as a database would, for several rings.
type shelf struct {
	mu      sync.Mutex
	records []keys.Record
	events  []event.Event
}

func (s *shelf) Keys(context.Context) ([]keys.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records), nil
}

func (s *shelf) Rotate(_ context.Context, change keys.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, events, err := change(slices.Clone(s.records))
	if err != nil {
		return err
	}
	s.records, s.events = next, append(s.events, events...)
	return nil
}

func (s *shelf) told(typ string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// moved is a clock that tests move.
type moved struct {
	mu sync.Mutex
	at time.Time
}

func newMoved() *moved { return &moved{at: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)} }

func (m *moved) now() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.at }

func (m *moved) pass(d time.Duration) { m.mu.Lock(); defer m.mu.Unlock(); m.at = m.at.Add(d) }

func vaultOf(t *testing.T, key byte, previous ...byte) *keys.Vault {
	t.Helper()
	older := make([][]byte, len(previous))
	for i, p := range previous {
		older[i] = bytes.Repeat([]byte{p}, keys.VaultKeySize)
	}
	v, err := keys.NewVault(bytes.Repeat([]byte{key}, keys.VaultKeySize), older...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newRing(t *testing.T, s *shelf, clock *moved, v *keys.Vault, algorithms ...keys.Algorithm) *keys.Ring {
	t.Helper()
	r := keys.NewRing(keys.RingOptions{
		Store: s, Vault: v, Now: clock.now, Log: slog.New(slog.DiscardHandler), Algorithms: algorithms,
		Lead: time.Hour, Overlap: 2 * time.Hour, Rotate: 24 * time.Hour,
	})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// published parses the JWKS as an API would.
func published(t *testing.T, r *keys.Ring) jose.JSONWebKeySet {
	t.Helper()
	body, etag := r.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil || etag == "" {
		t.Fatalf("%v %q", err, etag)
	}
	return set
}

func signed(t *testing.T, r *keys.Ring, alg keys.Algorithm) string {
	t.Helper()
	signer, err := r.Signer(alg)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Sign("test+jwt", []byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// accepts verifies a token by a JWK set, with another library.
func accepts(set jose.JSONWebKeySet, text string) bool {
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA})
	if err != nil {
		return false
	}
	for _, key := range set.Key(parsed.Signatures[0].Header.KeyID) {
		if _, err := parsed.Verify(key); err == nil {
			return true
		}
	}
	return false
}

func TestEveryAlgorithmSignsWhatOthersVerify(t *testing.T) {
	r := newRing(t, &shelf{}, newMoved(), vaultOf(t, 1))
	set := published(t, r)
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		if text := signed(t, r, alg); !accepts(set, text) {
			t.Errorf("%s: %s", alg, text)
		}
	}
	if len(set.Keys) != 3 {
		t.Errorf("%d keys are published", len(set.Keys))
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.Use != "sig" || k.Algorithm == "" || k.KeyID == "" {
			t.Errorf("%+v", k)
		}
	}
	body, _ := r.JWKS()
	for _, private := range []string{`"d"`, `"p"`, `"q"`, `"k"`, `"dp"`} {
		if strings.Contains(string(body), private+":") {
			t.Errorf("the JWKS has %s", private)
		}
	}
	if _, err := r.Signer("HS256"); !errors.Is(err, keys.ErrNoSigner) {
		t.Errorf("an algorithm that is not ours: %v", err)
	}
}

// TestRotationRefusesNoToken passes three rotations minute by minute. At every
// one, a token is signed and verified by an API whose copy of the JWKS is 50
// minutes old, and again by our own ring an hour later.
func TestRotationRefusesNoToken(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	v := vaultOf(t, 1)
	one, two := newRing(t, s, clock, v, keys.ES256), newRing(t, s, clock, v, keys.ES256)
	type copied struct {
		at  time.Time
		set jose.JSONWebKeySet
	}
	copies := []copied{{clock.now(), published(t, one)}}
	type token struct {
		at   time.Time
		text string
	}
	var alive []token
	seen := map[string]bool{}
	for range 3 * 24 * 60 {
		clock.pass(time.Minute)
		now := clock.now()
		if err := one.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now.Minute()%5 == 0 { // the other replica reads less often
			if err := two.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		copies = append(copies, copied{now, published(t, two)})
		for len(copies) > 1 && now.Sub(copies[1].at) >= 50*time.Minute {
			copies = copies[1:]
		}
		for _, r := range []*keys.Ring{one, two} {
			text := signed(t, r, keys.ES256)
			if !accepts(copies[0].set, text) {
				t.Fatalf("%s: a token is refused by a JWKS of %s", now, copies[0].at)
			}
			alive = append(alive, token{now, text})
		}
		current := published(t, two)
		for len(alive) > 0 && now.Sub(alive[0].at) >= time.Hour {
			if !accepts(current, alive[0].text) {
				t.Fatalf("%s: a token of %s is refused", now, alive[0].at)
			}
			alive = alive[1:]
		}
		for _, k := range current.Keys {
			seen[k.KeyID] = true
		}
	}
	if len(seen) < 4 || len(published(t, one).Keys) > 2 || s.told("key.removed") < 2 || s.told("key.retired") < 2 {
		t.Errorf("%d keys were published, %d are, %d were removed", len(seen), len(published(t, one).Keys), s.told("key.removed"))
	}
}

func TestAKilledKeyIsGoneAtOnceAndAnotherSigns(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	v := vaultOf(t, 1)
	one, two := newRing(t, s, clock, v, keys.ES256), newRing(t, s, clock, v, keys.ES256)
	before, text := published(t, one), signed(t, one, keys.ES256)
	kid := before.Keys[0].KeyID
	if !accepts(before, text) {
		t.Fatal("control")
	}
	if err := one.Kill(t.Context(), "unknown", identity.System("test")); !errors.Is(err, keys.ErrKeyNotFound) {
		t.Errorf("an unknown key: %v", err)
	}
	if err := one.Kill(t.Context(), kid, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	two.Revoked(identity.Key(kid)) // what the revocation sequence tells the other
	for name, r := range map[string]*keys.Ring{"here": one, "there": two} {
		if set := published(t, r); accepts(set, text) {
			t.Errorf("%s: the killed key is published", name)
		}
		if _, ok := r.Public(kid); ok {
			t.Errorf("%s: the killed key verifies", name)
		}
		if _, ok := r.Former(kid); ok {
			t.Errorf("%s: the killed key is a former one", name)
		}
		if fresh := signed(t, r, keys.ES256); !accepts(published(t, one), fresh) {
			t.Errorf("%s: no other key signs", name)
		}
	}
	revoked := false
	for _, e := range s.events {
		revoked = revoked || e.Type == "key.killed" && slices.Contains(e.Revokes, identity.Key(kid))
	}
	for _, rec := range s.records {
		if rec.ID == kid && len(rec.Private) != 0 {
			t.Error("the private half of a killed key is kept")
		}
	}
	if !revoked {
		t.Error("nothing was revoked")
	}
}

func TestTheEncryptionKeyIsRotatedUnderTheKeys(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	before := signed(t, newRing(t, s, clock, vaultOf(t, 1), keys.ES256), keys.ES256)
	for _, rec := range s.records {
		if bytes.Contains(rec.Private, []byte("PRIVATE")) || len(rec.Private) < 60 {
			t.Error("a private half is not sealed")
		}
	}
	newRing(t, s, clock, vaultOf(t, 2, 1), keys.ES256) // seals anew
	after := newRing(t, s, clock, vaultOf(t, 2), keys.ES256)
	if !accepts(published(t, after), before) || !accepts(published(t, after), signed(t, after, keys.ES256)) {
		t.Error("the keys did not survive")
	}
	stranger := keys.NewRing(keys.RingOptions{
		Store: s, Vault: vaultOf(t, 3), Now: clock.now, Log: slog.New(slog.DiscardHandler), Algorithms: []keys.Algorithm{keys.ES256},
	})
	if err := stranger.Load(t.Context()); !errors.Is(err, keys.ErrUnreadable) {
		t.Errorf("another encryption key: %v", err)
	}
}

func TestASealedValueOpensAtItsOwnPlaceAlone(t *testing.T) {
	v := vaultOf(t, 1)
	sealed, err := v.Seal([]byte("plain"), "table", "column", "id")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := v.Open(sealed, "table", "column", "id"); err != nil || string(plain) != "plain" {
		t.Fatalf("control: %q %v", plain, err)
	}
	for _, place := range [][3]string{{"other", "column", "id"}, {"table", "other", "id"}, {"table", "column", "other"}, {"tablecolumn", "", "id"}, {"table", "columnid", ""}} {
		if _, err := v.Open(sealed, place[0], place[1], place[2]); !errors.Is(err, keys.ErrUnreadable) {
			t.Errorf("%v: %v", place, err)
		}
	}
	for i := range sealed {
		bent := bytes.Clone(sealed)
		bent[i] ^= 1
		if _, err := v.Open(bent, "table", "column", "id"); !errors.Is(err, keys.ErrUnreadable) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := v.Open(sealed[:i], "table", "column", "id"); !errors.Is(err, keys.ErrUnreadable) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	good := bytes.Repeat([]byte{1}, keys.VaultKeySize)
	for name, all := range map[string][][]byte{"short": {good[:31]}, "long": {append(good, 1)}, "none": {nil}, "twice": {good, good}, "short previous": {good, good[:16]}} {
		if _, err := keys.NewVault(all[0], all[1:]...); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALateRotationIsToldByTheTimeThatItIsLate(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	r := newRing(t, s, clock, vaultOf(t, 1), keys.ES256, keys.EdDSA)
	if due := r.Due(); due != 24*time.Hour {
		t.Errorf("a new key is due in %s", due)
	}
	clock.pass(25 * time.Hour) // and nobody ran Advance
	if due := r.Due(); due != -time.Hour {
		t.Errorf("a key of 25 hours is due in %s", due)
	}
	for range 2 { // publishes, then signs with what it published
		if err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.pass(time.Hour)
	}
	if due := r.Due(); due != 23*time.Hour {
		t.Errorf("an hour after a rotation, the next is due in %s", due)
	}
}

// One replica rotates, an API reads the key set of another and keeps it for as long
// as it may: it knows the key of every token.
func TestAKeySetThatIsKeptForMaxAgeKnowsEveryKeyThatSigns(t *testing.T) {
	for _, lead := range []time.Duration{time.Second, 35 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{}
			ctx, cancel := context.WithCancel(t.Context())
			replica := func() *keys.Ring {
				r := keys.NewRing(keys.RingOptions{
					Store: s, Vault: vaultOf(t, 1), Now: time.Now, Log: slog.New(slog.DiscardHandler), Algorithms: []keys.Algorithm{keys.ES256}, Lead: lead,
				})
				if err := r.Load(ctx); err != nil {
					t.Fatal(err)
				}
				go func() { _ = r.Run(ctx) }() // ends with ctx
				return r
			}
			one, other := replica(), replica()
			set, read, turns := published(t, other), time.Now(), 0
			for step := range 120 {
				if step%40 == 1 {
					if err := one.Rotate(ctx, keys.ES256, identity.System("test")); err != nil {
						t.Fatal(err)
					}
					turns++
				}
				if time.Since(read) > other.MaxAge() {
					set, read = published(t, other), time.Now()
				}
				if !accepts(set, signed(t, one, keys.ES256)) {
					t.Errorf("lead %s, turn %d: a key set of %s ago does not know the key", lead, turns, time.Since(read))
				}
				time.Sleep(lead / 37)
			}
			cancel()
			synctest.Wait()
		})
	}
}
