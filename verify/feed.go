package verify

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How the revocations are followed.
const (
	// followWait is how long the broker may keep a question that it has nothing to say to.
	followWait = 2 * time.Second
	// followPause is the least time between two questions.
	followPause = 200 * time.Millisecond
	// followTimeout is what an answer may take beyond that: one that was lost is asked for
	// again before what is known is too old.
	followTimeout = 2 * time.Second
	// firstRetry and lastRetry bound the pause after a failure.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 2 * time.Second
	// backlash is how far a clock may be put right backwards without any notice.
	backlash = time.Second
)

var (
	errNoFeed = errors.New("revocations: the broker has no revocation_feed_endpoint")
	errFeed   = errors.New("revocations: the answer does not follow on what is known")
)

// feed is what is known of the revocations.
type feed struct {
	stale time.Duration

	mu          sync.RWMutex
	era         string    // empty before the broker was heard
	current     time.Time // nothing that was revoked before then is missing
	head, floor uint64
	raised      map[string]uint64
	order       []entry // for forgetting
}

// entry is one revocation, as the broker tells an API of it.
type entry struct {
	number uint64
	ref    string
}

// news is an answer of the broker.
type news struct {
	era                string
	after, head, floor uint64
	more               bool
	current            time.Duration // since the question
	entries            []entry
}

// Follow keeps asking the broker what was revoked, until ctx ends, and returns why ctx
// ended. It needs Client; it is to run once, for as long as tokens are verified.
func (v *Verifier) Follow(ctx context.Context) error {
	v.ready()
	failing, retry := false, firstRetry
	for ctx.Err() == nil {
		pause, err := v.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			if !failing {
				v.log.WarnContext(ctx, "the broker does not tell of revocations", slog.Any("error", err))
			}
			pause = retry
			if refused, ok := errors.AsType[*errStatus](err); ok {
				pause = max(pause, min(refused.wait, 5*lastRetry))
			}
			pause += rand.N(pause / 4) // not all at once, after a broker's restart
			retry = min(2*retry, lastRetry)
			v.asks.forget()
		} else {
			if failing {
				v.log.InfoContext(ctx, "the broker tells of revocations again")
			}
			retry = firstRetry
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// follow asks once, and says how long to wait before the next time.
func (v *Verifier) follow(ctx context.Context) (time.Duration, error) {
	if v.Client == nil {
		return 0, errors.New("revocations: the verifier has no Client")
	}
	after, known := v.feed.position()
	wait := followWait
	if !known {
		wait = 0
	}
	asked := v.clock()
	n, err := v.askFeed(ctx, after, wait)
	if err != nil {
		return 0, err
	}
	if err := v.feed.apply(n, after, asked, v.clock()); err != nil {
		return 0, err
	}
	if n.more || !known {
		return 0, nil
	}
	return max(0, followPause-v.clock().Sub(asked)), nil
}

// askFeed sends one question.
func (v *Verifier) askFeed(ctx context.Context, after uint64, wait time.Duration) (n news, err error) {
	ctx, cancel := context.WithTimeout(ctx, followTimeout+wait)
	defer cancel()
	at, err := v.asks.endpoints(ctx)
	if err != nil {
		return n, err
	}
	if at.feed == "" {
		return n, errNoFeed
	}
	form := url.Values{
		"audience": {v.Audience}, "after": {strconv.FormatUint(after, 10)}, "wait": {strconv.Itoa(int(wait / time.Second))},
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if err := v.Client(v.Issuer, form, header); err != nil {
		return n, fmt.Errorf("revocations: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.feed, strings.NewReader(form.Encode()))
	if err != nil {
		return n, fmt.Errorf("revocations: %w", err)
	}
	req.Header = header
	answer, _, err := v.asks.do(req, maxFeed)
	if err != nil {
		return n, fmt.Errorf("revocations: %w", err)
	}
	return readNews(answer)
}

func readNews(answer object) (news, error) {
	m := &members{object: answer}
	n := news{era: m.text("era"), after: m.whole("after"), head: m.whole("head"), floor: m.whole("floor")}
	more, isBool := answer["more"].(bool)
	number, isNumber := answer["current"].(json.Number)
	milliseconds, err := number.Int64()
	list, isList := answer["revoked"].([]any)
	if m.wrong != nil || !isBool || !isNumber || err != nil || !isList || n.era == "" {
		return news{}, errors.New("revocations: the answer has another shape")
	}
	n.more, n.current = more, time.Duration(milliseconds)*time.Millisecond
	for _, one := range list {
		o, _ := one.(object)
		m := &members{object: o}
		e := entry{m.whole("number"), m.text("ref")}
		if m.wrong != nil || e.ref == "" {
			return news{}, errors.New("revocations: an entry has another shape")
		}
		n.entries = append(n.entries, e)
	}
	return n, nil
}

// position returns the number up to which everything is known.
func (f *feed) position() (after uint64, known bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.head, f.era != ""
}

// apply takes an answer over, as a whole or not at all.
func (f *feed) apply(n news, after uint64, asked, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.era != "" && n.era != f.era {
		// A backup was restored: what is known is of another history. It is read anew.
		f.era, f.head, f.floor, f.current, f.raised, f.order = "", 0, 0, time.Time{}, nil, nil
		return errors.New("revocations: the broker is of another era")
	}
	// What was forgotten between after and the floor concerns only tokens that are refused.
	if n.after != max(after, n.floor) || n.head < n.after || after != f.head {
		return errFeed
	}
	last := n.after
	for _, e := range n.entries {
		if e.number <= last || e.number > n.head {
			return errFeed
		}
		last = e.number
	}
	if f.raised == nil {
		f.raised = map[string]uint64{}
	}
	for _, e := range n.entries {
		f.raised[e.ref] = e.number
	}
	f.order = append(f.order, n.entries...)
	f.era, f.head, f.floor = n.era, n.head, max(f.floor, n.floor)
	f.forget()
	if n.more {
		return nil
	}
	// What was known before is known still, unless it was by a clock that was set back.
	// It is kept as the wall has it: a monotonic clock stands still while a machine sleeps,
	// and what was revoked meanwhile is not known.
	if at := asked.Add(min(n.current, now.Sub(asked))).Round(0); at.After(f.current) || f.current.Sub(now) > backlash {
		f.current = at
	}
	return nil
}

// forget drops what concerns only tokens that are refused anyway.
func (f *feed) forget() {
	i := 0
	for ; i < len(f.order) && f.order[i].number <= f.floor; i++ {
		if e := f.order[i]; f.raised[e.ref] == e.number {
			delete(f.raised, e.ref)
		}
	}
	f.order = append(f.order[:0], f.order[i:]...)
}

// fresh fails when the broker's last word is too old to be taken for the present.
func (f *feed) fresh(now time.Time) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.isFresh(now)
}

func (f *feed) isFresh(now time.Time) error {
	age := now.Sub(f.current)
	switch {
	case f.era == "", f.current.IsZero():
		return unavailable("the broker has not told yet what was revoked", nil)
	case age > f.stale, age < -backlash:
		return unavailable("the broker has not told for a while what was revoked", nil)
	}
	return nil
}

// check refuses what was revoked, and everything while that cannot be told.
func (f *feed) check(now time.Time, audience string, c *Claims) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.isFresh(now); err != nil {
		return err
	}
	switch {
	case c.era != f.era:
		return refuse(ErrInvalid, "the token is of another era")
	case c.rev < f.floor:
		return refuse(ErrRevoked, "it is older than what the broker remembers")
	case len(f.raised) == 0:
		return nil
	}
	for _, r := range c.refs {
		if f.raised[r.blind(audience)] > c.rev {
			return refuse(ErrRevoked, r.kind)
		}
	}
	return nil
}

// blindSize is how much of a digest stands for an id, in bytes.
const blindSize = 16

// blind is what the broker tells this API instead of the id.
func (r ref) blind(audience string) string {
	sum := sha256.Sum256([]byte("gatehouse revocation\x00" + audience + "\x00" + r.kind + "\x00" + r.id))
	return base64.RawURLEncoding.EncodeToString(sum[:blindSize])
}
