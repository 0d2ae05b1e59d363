package audit

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Canonical returns the bytes that an entry's digest covers: the event as JSON,
// members in the order of the type, Data sorted by name.
func Canonical(e event.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // an Event holds only strings and a time: it always encodes
	}
	return b
}

// Digest returns SHA-256 over Canonical.
func Digest(e event.Event) []byte {
	sum := sha256.Sum256(Canonical(e))
	return sum[:]
}
