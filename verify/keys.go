package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How often keys are read.
const (
	keysLife   = 5 * time.Minute // unless the broker says otherwise
	minKeyLife = time.Minute
	maxKeyLife = time.Hour
	// retryKeys is how long a failure, or a kid that nobody knows, keeps them from being
	// read again.
	retryKeys = 10 * time.Second
	// firstKeys is the same while there are none at all.
	firstKeys = time.Second
	// maxKeyCount bounds a key set.
	maxKeyCount = 64
)

// keySet are the broker's public keys.
type keySet struct {
	asks  *broker
	now   func() time.Time
	log   *slog.Logger
	stale time.Duration

	mu     sync.Mutex
	known  map[string]key
	etag   string
	heard  time.Time     // when they were read last
	until  time.Time     // when they are to be read again
	tried  time.Time     // when a try was over last
	failed error         // what came of it
	flight chan struct{} // closed when the reading under way is over; nil for none
}

// find returns the key of a kid. One that is not known has the keys read again, if that
// was not tried just now.
func (s *keySet) find(ctx context.Context, kid string) (key, error) {
	if k, ok, fresh := s.look(kid); ok {
		if !fresh {
			s.begin(ctx, retryKeys) // others wait for nothing
		}
		return k, nil
	}
	if err := s.read(ctx); err != nil {
		return key{}, err
	}
	if k, ok, _ := s.look(kid); ok {
		return k, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil { // it may be a new one
		return key{}, unavailable("the key is not known, and the broker's keys could not be read", s.failed)
	}
	return key{}, refuse(ErrInvalid, "the key is not known")
}

// have fails while there are no keys.
func (s *keySet) have(ctx context.Context) error {
	if s.usable() {
		return nil
	}
	return s.read(ctx)
}

func (s *keySet) usable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known) > 0 && s.now().Sub(s.heard) <= s.stale
}

// look finds a key among those that still count.
func (s *keySet) look(kid string) (k key, ok, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.heard) > s.stale {
		return key{}, false, false
	}
	k, ok = s.known[kid]
	return k, ok, now.Before(s.until)
}

// read waits until the keys were read, unless that was tried just now. It fails when
// there are none that count.
func (s *keySet) read(ctx context.Context) error {
	pause := retryKeys
	if !s.usable() {
		pause = firstKeys
	}
	if flight := s.begin(ctx, pause); flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return unavailable("the broker's keys are being read", ctx.Err())
		}
	}
	if s.usable() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return unavailable("the broker's keys could not be read", s.failed)
}

// begin has the keys read beside, once at a time. It returns what is closed when that is
// over; nil when it was tried within the last pause.
func (s *keySet) begin(ctx context.Context, pause time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	if since := s.now().Sub(s.tried); since >= 0 && since < pause {
		return nil
	}
	flight := make(chan struct{})
	s.flight = flight
	go func() {
		// Who began it may leave: others need the keys as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		s.fetch(ctx)
		close(flight)
	}()
	return flight
}

// fetch reads the keys and takes them over.
func (s *keySet) fetch(ctx context.Context) {
	asked := s.now()
	s.mu.Lock()
	etag := s.etag
	s.mu.Unlock()
	known, header, err := s.ask(ctx, etag)
	if err != nil {
		s.asks.forget()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight, s.tried = nil, s.now()
	if (err == nil) != (s.failed == nil) {
		s.log.InfoContext(ctx, "reading the broker's keys", slog.Bool("ok", err == nil), slog.Any("error", err))
	}
	if s.failed = err; err != nil {
		return
	}
	if known != nil {
		s.known, s.etag = known, header.Get("ETag")
	}
	s.heard, s.until = asked, asked.Add(keyLife(header.Get("Cache-Control")))
}

// ask returns nil keys when they are those that the ETag stands for.
func (s *keySet) ask(ctx context.Context, etag string) (map[string]key, http.Header, error) {
	at, err := s.asks.endpoints(ctx)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.keys, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: %w", err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	answer, header, err := s.asks.do(req, maxKeys)
	if unchanged, ok := errors.AsType[*errStatus](err); ok && unchanged.status == http.StatusNotModified && etag != "" {
		return nil, http.Header{}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("keys: %w", err)
	}
	known, err := parseKeys(answer)
	return known, header, err
}

// parseKeys reads a JWK set (RFC 7517, section 5). A kid that two keys have is nobody's.
func parseKeys(set object) (map[string]key, error) {
	list, ok := set["keys"].([]any)
	if !ok || len(list) > maxKeyCount {
		return nil, fmt.Errorf("keys: there is no list of at most %d keys", maxKeyCount)
	}
	known, twice := map[string]key{}, map[string]bool{}
	for _, one := range list {
		o, ok := one.(object)
		if !ok {
			return nil, errors.New("keys: a key is not an object")
		}
		kid, k, good := parseKey(o)
		if twice[kid] {
			delete(known, kid)
		} else if good {
			known[kid] = k
		}
		twice[kid] = true
	}
	if len(known) == 0 {
		return nil, errors.New("keys: there is none that could verify a token")
	}
	return known, nil
}

// keyLife reads max-age (RFC 9111, section 5.2.2.1), within bounds.
func keyLife(cacheControl string) time.Duration {
	for directive := range strings.SplitSeq(cacheControl, ",") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(directive)), "max-age="); ok {
			return min(max(seconds(text), minKeyLife), maxKeyLife)
		}
	}
	return keysLife
}
