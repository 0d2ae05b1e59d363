package rest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// KeepAnswers is how long the answer to a request with an Idempotency-Key is kept.
const KeepAnswers = 24 * time.Hour

// Answers keeps the first answers to requests with an Idempotency-Key.
type Answers interface {
	// ClaimAnswer takes (scope, key) for a request with this fingerprint, durably
	// and for one caller alone, until it expires. When it is taken already, it
	// returns the fingerprint that took it and the sealed answer, nil while there is none.
	ClaimAnswer(ctx context.Context, scope, key string, fingerprint []byte, now, expires time.Time) (claimed bool, first, sealed []byte, err error)
	// KeepAnswer stores the sealed answer of a claim.
	KeepAnswer(ctx context.Context, scope, key string, sealed []byte) error
	// ReleaseAnswer gives a claim up, of a request that did nothing.
	ReleaseAnswer(ctx context.Context, scope, key string) error
}

// Sealer encrypts what is kept: an answer may show a secret. keys.Vault is one.
type Sealer interface {
	Seal(plain []byte, table, column, id string) ([]byte, error)
	Open(sealed []byte, table, column, id string) ([]byte, error)
}

// The faults of Idempotency-Key.
var (
	errKey     = fault.New(fault.Invalid, "idempotency_key", "an Idempotency-Key is 1 to 255 visible ASCII characters, and comes once").At("Idempotency-Key")
	errUnknown = fault.New(fault.Conflict, "idempotency_key_in_use",
		"a request with this Idempotency-Key is under way, or ended without an answer: see whether it was done before you take another key")
)

// answer is what a request is answered with.
type answer struct {
	Status   int             `json:"status"`
	Body     json.RawMessage `json:"body,omitempty"`
	Location string          `json:"location,omitempty"`
	// Problem is set instead of Body for a refusal.
	Problem *refusal `json:"problem,omitempty"`
	// replayed says that it was kept from before.
	replayed bool
	// tag is the entity tag, empty for that of the body.
	tag string
}

type refusal struct {
	Kind                  fault.Kind `json:"kind"`
	Code, Detail, Pointer string
}

// once does a request with an Idempotency-Key for the first time, or answers with
// what it was answered then. Of a request that was refused as malformed, nothing
// is kept: it did nothing.
func (e *Engine) once(r *http.Request, rt *Route, do func() (answer, error)) (answer, error) {
	lines := r.Header.Values("Idempotency-Key")
	if len(lines) == 0 || rt.Method != http.MethodPost {
		return do()
	}
	key := lines[0]
	if len(lines) > 1 || !visible(key) {
		return answer{}, errKey
	}
	who := CallerOf(r)
	scope, print, now := who.Ref.String(), fingerprint(r, who.body), e.o.Now()
	claimed, first, sealed, err := e.o.Answers.ClaimAnswer(r.Context(), scope, key, print, now, now.Add(KeepAnswers))
	switch {
	case err != nil:
		return answer{}, err
	case !claimed:
		return e.again(scope, key, print, first, sealed)
	}
	given, failed := do()
	// The caller may have left: what was done is kept all the same.
	ctx := context.WithoutCancel(r.Context())
	if fault.KindOf(failed) == fault.Invalid && failed != nil {
		if err := e.o.Answers.ReleaseAnswer(ctx, scope, key); err != nil {
			return answer{}, err
		}
		return given, failed
	}
	return given, e.keep(ctx, scope, key, given, failed)
}

func (e *Engine) again(scope, key string, print, first, sealed []byte) (answer, error) {
	switch {
	case subtle.ConstantTimeCompare(print, first) != 1:
		return answer{}, httpx.ErrKeyReused.At("Idempotency-Key")
	case sealed == nil:
		return answer{}, errUnknown.At("Idempotency-Key")
	}
	plain, err := e.o.Sealer.Open(sealed, "api_answers", "answer", scope+" "+key)
	if err != nil {
		return answer{}, fmt.Errorf("open the kept answer: %w", err)
	}
	a := answer{replayed: true}
	if err := json.Unmarshal(plain, &a); err != nil {
		return answer{}, fmt.Errorf("read the kept answer: %w", err)
	}
	if p := a.Problem; p != nil {
		f := fault.New(p.Kind, p.Code, "%s", p.Detail)
		f.Pointer = p.Pointer
		return a, f
	}
	return a, nil
}

// keep stores an answer, and returns what it failed with.
func (e *Engine) keep(ctx context.Context, scope, key string, given answer, failed error) error {
	if failed != nil {
		f := fault.As(failed)
		given = answer{Status: httpx.Status(failed), Problem: &refusal{f.Kind, f.Code, f.Detail, f.Pointer}}
	}
	plain, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	sealed, err := e.o.Sealer.Seal(plain, "api_answers", "answer", scope+" "+key)
	if err != nil {
		return fmt.Errorf("seal the answer: %w", err)
	}
	if err := e.o.Answers.KeepAnswer(ctx, scope, key, sealed); err != nil {
		return err
	}
	return failed
}

func visible(key string) bool {
	for _, c := range []byte(key) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 255
}

// fingerprint tells requests apart: method, target, precondition, media type, body.
func fingerprint(r *http.Request, body []byte) []byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"), r.Header.Get("Content-Type"), string(body)} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash never fails
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
