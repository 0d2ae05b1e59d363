package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// book keeps entries and seals in memory, where a test can change them.
type book struct {
	entries []audit.Entry
	seals   []audit.Seal
	key     ed25519.PrivateKey
}

func newBook(t *testing.T, entries, perSeal int) *book {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{key: key}
	for i := range entries {
		if err := b.Append(t.Context(), []event.Event{happened(i)}); err != nil {
			t.Fatal(err)
		}
		if (i+1)%perSeal == 0 {
			if n, err := b.sealer().Seal(t.Context()); err != nil || n != perSeal {
				t.Fatalf("%d %v", n, err)
			}
		}
	}
	return b
}

func (b *book) sealer() *audit.Sealer { return &audit.Sealer{Store: b, Signer: b, Now: time.Now} }

func (b *book) SignHead(_ context.Context, head []byte) (string, []byte, error) {
	return "key-1", ed25519.Sign(b.key, head), nil
}

func (b *book) check(kid string, head, signature []byte) error {
	if kid != "key-1" || !ed25519.Verify(b.key.Public().(ed25519.PublicKey), head, signature) {
		return errors.New("it does not hold")
	}
	return nil
}

func (b *book) Append(_ context.Context, events []event.Event) error {
	for _, e := range events {
		b.entries = append(b.entries, audit.Entry{Event: e, Digest: audit.Digest(e)})
	}
	slices.SortFunc(b.entries, func(x, y audit.Entry) int { return cmp.Compare(x.ID, y.ID) })
	return nil
}

func (b *book) Leaves(ctx context.Context, n int) ([]audit.Leaf, error) {
	entries, err := b.Unsealed(ctx, "", n)
	leaves := make([]audit.Leaf, len(entries))
	for i, e := range entries {
		leaves[i] = audit.Leaf{ID: e.ID, Digest: e.Digest}
	}
	return leaves, err
}

func (b *book) of(seal int64) (list []audit.Entry) {
	for _, e := range b.entries {
		if e.Seal == seal {
			list = append(list, e)
		}
	}
	return list
}

func (b *book) Unsealed(_ context.Context, after string, n int) ([]audit.Entry, error) {
	list := slices.DeleteFunc(b.of(0), func(e audit.Entry) bool { return e.ID <= after })
	return list[:min(len(list), n)], nil
}

func (b *book) Chain(_ context.Context, s audit.Seal, ids []string) error {
	if len(b.seals) > 0 && s.Number <= b.seals[len(b.seals)-1].Number {
		return fault.New(fault.Conflict, "seal_taken", "another was faster")
	}
	b.seals = append(b.seals, s)
	for i := range b.entries {
		if slices.Contains(ids, b.entries[i].ID) {
			b.entries[i].Seal = s.Number
		}
	}
	return nil
}

func (b *book) LastSeal(context.Context) (s audit.Seal, ok bool, err error) {
	if len(b.seals) == 0 {
		return s, false, nil
	}
	return b.seals[len(b.seals)-1], true, nil
}

func (b *book) Sealed(_ context.Context, n int64) (audit.Seal, []audit.Entry, error) {
	for _, s := range b.seals {
		if s.Number == n {
			return s, b.of(n), nil
		}
	}
	return audit.Seal{}, nil, fault.New(fault.NotFound, "seal_not_found", "there is none")
}

func (b *book) Page(_ context.Context, q audit.Query) ([]audit.Entry, string, error) {
	list := slices.Clone(b.entries)
	slices.Reverse(list)
	list = slices.DeleteFunc(list, func(e audit.Entry) bool { return q.After != "" && e.ID >= q.After })
	if len(list) <= q.Limit {
		return list, "", nil
	}
	return list[:q.Limit], list[q.Limit-1].ID, nil
}

func TestAWholeLogVerifies(t *testing.T) {
	for _, size := range []struct{ entries, perSeal, seals, tail int }{{0, 1, 0, 0}, {3, 5, 0, 3}, {10, 5, 2, 0}, {12, 5, 2, 2}, {2500, 2500, 10, 0}} {
		b := newBook(t, size.entries, size.perSeal)
		r, err := audit.Verify(t.Context(), b, b.check)
		if err != nil || r.Seals != size.seals || r.Unsealed != size.tail || r.Entries+r.Unsealed != size.entries {
			t.Errorf("%+v: %+v %v", size, r, err)
		}
	}
	b := newBook(t, 0, 1)
	for range 3 {
		if err := b.Append(t.Context(), manyEvents(1100)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := audit.Verify(t.Context(), b, b.check); err != nil || r.Unsealed != 3300 {
		t.Errorf("a long tail: %+v %v", r, err)
	}
}

func manyEvents(n int) []event.Event {
	all := make([]event.Event, n)
	for i := range all {
		all[i] = happened(i)
	}
	return all
}

func TestEveryChangeOfTheLogIsFoundAndNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*book)
		want   string
	}{
		"an entry's text":             {func(b *book) { b.entries[3].Type = "token.revoked" }, "does not match its digest"},
		"an entry's time":             {func(b *book) { b.entries[3].Time = b.entries[3].Time.Add(time.Second) }, "does not match its digest"},
		"an unsealed entry's text":    {func(b *book) { b.entries[11].Type = "x" }, "does not match its digest"},
		"text and digest":             {func(b *book) { e := &b.entries[3]; e.Type = "x"; e.Digest = audit.Digest(e.Event) }, "covers other entries"},
		"an entry removed":            {func(b *book) { b.entries = slices.Delete(b.entries, 3, 4) }, "seal 1 covers 5 entries, 4 are there"},
		"an entry added":              {func(b *book) { e := b.entries[11]; e.Seal = 1; b.entries = append(b.entries, e) }, "seal 1 covers 5 entries, 6 are there"},
		"an entry of another seal":    {func(b *book) { b.entries[3].Seal, b.entries[7].Seal = 2, 1 }, "seal 1 covers other entries"},
		"a sealed entry taken out":    {func(b *book) { b.entries[3].Seal = 0 }, "seal 1 covers 5"},
		"a seal removed":              {func(b *book) { b.seals = b.seals[1:] }, "seal 1 is missing"},
		"a seal's time":               {func(b *book) { b.seals[0].Time = b.seals[0].Time.Add(time.Second) }, "seal 1 covers other entries"},
		"a signature":                 {func(b *book) { b.seals[1].Signature[0] ^= 1 }, "the signature of seal 2"},
		"a head signed by a stranger": {func(b *book) { b.seals[0].KeyID = "key-2" }, "the signature of seal 1"},
		"the chain":                   {func(b *book) { b.seals[1].Previous = bytes.Repeat([]byte{1}, 32) }, "seal 2 does not follow"},
	} {
		b := newBook(t, 12, 5)
		if _, err := audit.Verify(t.Context(), b, b.check); err != nil {
			t.Fatalf("control: %v", err)
		}
		c.change(b)
		if _, err := audit.Verify(t.Context(), b, b.check); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestOfTwoSealersOneWins(t *testing.T) {
	b := newBook(t, 3, 5)
	first := b.seals
	if _, err := b.sealer().Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := &audit.Sealer{Store: &behind{book: b, seals: first}, Signer: b, Now: time.Now}
	if err := b.Append(t.Context(), manyEvents(1)); err != nil {
		t.Fatal(err)
	}
	if n, err := late.Seal(t.Context()); err == nil || n != 0 {
		t.Errorf("sealed %d over the other's seal", n)
	}
	if r, err := audit.Verify(t.Context(), b, b.check); err != nil || r.Seals != 1 || r.Unsealed != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// behind has not seen the newest seal.
type behind struct {
	*book
	seals []audit.Seal
}

func (b *behind) LastSeal(context.Context) (s audit.Seal, ok bool, err error) {
	return s, len(b.seals) > 0, nil
}

// TestASealerRestsBetweenSeals: it rests after each seal that others follow, and an
// error ends the sealing, with what is sealed by then.
func TestASealerRestsBetweenSeals(t *testing.T) {
	b := newBook(t, 0, 1)
	if err := b.Append(t.Context(), manyEvents(1100)); err != nil {
		t.Fatal(err)
	}
	rests, enough := 0, errors.New("no more today")
	sealer := b.sealer()
	sealer.Rest = func(context.Context, time.Duration) error {
		if rests++; rests == 2 {
			return enough
		}
		return nil
	}
	if n, err := sealer.Seal(t.Context()); n != 500 || !errors.Is(err, enough) {
		t.Fatalf("sealed %d, %v", n, err)
	}
	if n, err := sealer.Seal(t.Context()); n != 600 || err != nil || rests != 4 {
		t.Fatalf("sealed %d and rested %d times, %v", n, rests, err)
	}
	if r, err := audit.Verify(t.Context(), b, b.check); err != nil || r.Seals != 5 || r.Unsealed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnExportHasEveryEntryOnALine(t *testing.T) {
	b := newBook(t, 12, 5)
	var out bytes.Buffer
	n, err := audit.Export(t.Context(), b, audit.Query{Limit: 5}, &out)
	if err != nil || n != 12 {
		t.Fatalf("%d %v", n, err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || !bytes.Equal(audit.Digest(e.Event), e.Digest) {
			t.Errorf("%v %s", err, line)
		}
		seen[e.ID] = true
	}
	if len(seen) != 12 {
		t.Errorf("%d entries", len(seen))
	}
}
