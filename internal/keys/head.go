package keys

import (
	"context"
	"fmt"
)

// headContext begins what is signed of an audit head, so that the signature can
// never be read as that of a token: a JWS input has no NUL.
const headContext = "gatehouse audit head\x00"

// SignHead signs the head of the audit chain with the key that signs now with
// the first algorithm, and tells which key that is. It implements audit.Signer.
func (r *Ring) SignHead(_ context.Context, head []byte) (kid string, signature []byte, err error) {
	signer, err := r.Signer(r.o.Algorithms[0])
	if err != nil {
		return "", nil, err
	}
	if signature, err = signer.sign(append([]byte(headContext), head...)); err != nil {
		return "", nil, fmt.Errorf("sign the audit head: %w", err)
	}
	return signer.id, signature, nil
}

// Verifiers checks audit heads. It needs no Vault: `broker audit verify` reads
// the keys while no broker runs.
type Verifiers struct{ keys map[string]PublicKey }

// LoadVerifiers reads every key that ever signed, removed and killed ones too.
func LoadVerifiers(ctx context.Context, store Store) (*Verifiers, error) {
	records, err := store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	v := &Verifiers{keys: make(map[string]PublicKey, len(records))}
	for _, rec := range records {
		if v.keys[rec.ID], err = rec.public(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// VerifyHead fails with ErrKeyNotFound or ErrSignature unless the key signed
// head. It is the Verify of an audit.Checker.
func (v *Verifiers) VerifyHead(kid string, head, signature []byte) error {
	key, ok := v.keys[kid]
	if !ok {
		return ErrKeyNotFound
	}
	return key.Verify(append([]byte(headContext), head...), signature)
}
