package token

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// How many verified tokens are remembered, at about a kilobyte each, and how many that
// came once are told apart from those that come again.
const (
	maxKnown = 8192
	maxOnce  = 1 << 13
)

// known remembers access tokens whose signature was found good and what they say, by
// their SHA-256, until they expire, are revoked, or there are too many. A token that
// comes once is not worth remembering: it is when it comes again. Everything that can
// change is asked of a token that is known as of any other.
type known struct {
	mu     sync.RWMutex
	tokens map[[sha256.Size]byte]knownAccess
	once   [maxOnce]atomic.Uint64
}

// knownAccess is what a token says.
type knownAccess struct {
	claims accessClaims
	kid    string
}

func (k *known) find(id [sha256.Size]byte) (knownAccess, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	a, ok := k.tokens[id]
	return a, ok
}

// add remembers a token that is good at time now, if it came before.
func (k *known) add(id [sha256.Size]byte, a knownAccess, now time.Time) {
	mark := binary.LittleEndian.Uint64(id[:8])
	if k.once[mark%maxOnce].Swap(mark) != mark {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens == nil {
		k.tokens = map[[sha256.Size]byte]knownAccess{}
	}
	if len(k.tokens) >= maxKnown {
		k.makeRoom(now)
	}
	k.tokens[id] = a
}

// makeRoom forgets those that have expired, or else any.
func (k *known) makeRoom(now time.Time) {
	for id, a := range k.tokens {
		if a.claims.Expires <= now.Unix() {
			delete(k.tokens, id)
		}
	}
	for id := range k.tokens {
		if len(k.tokens) < maxKnown*3/4 {
			return
		}
		delete(k.tokens, id)
	}
}

func (k *known) forget(id [sha256.Size]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tokens, id)
}
