package verify_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

// blind is what the broker tells of an id, as internal/revoke computes it.
func blind(api, kind, id string) string {
	sum := sha256.Sum256([]byte("gatehouse revocation\x00" + api + "\x00" + kind + "\x00" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// The value is that of internal/revoke's own test.
func TestAnIDIsBlindedAsTheBrokerDoesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.following(t)
		raw := i.token(i.person())
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatalf("control: %v", err)
		}
		i.raise("DZuY8Et6SiVysywaInE95g")
		time.Sleep(time.Second)
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, verify.ErrRevoked) {
			t.Error(err)
		}
	})
}

// TestATokenIsRefusedWithinASecondForAnythingThatItCarries raises one thing after the
// other.
func TestATokenIsRefusedWithinASecondForAnythingThatItCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.following(t)
		for kind, ids := range map[string][]string{
			"person": {"alice"}, "session": {"s1"}, "connection": {"acme"}, "app": {"a-travel", "a-expense"}, "client": {"travel", "expense"},
			"grant": {"g-travel", "g-expense", "g-actor", "g-earlier"}, "key": {"k1", "k0"}, "install": {"alice/a-travel", "alice/a-expense", "alice/" + audience, "alice/" + issuerURL},
			"call": {"travel/" + audience, "expense/" + issuerURL},
		} {
			for _, id := range ids {
				before := i.person().with("rev", len(i.raised))
				c, err := v.Verify(t.Context(), i.token(before))
				if err != nil {
					t.Fatalf("before %s %s: %v", kind, id, err)
				}
				i.raise(blind(audience, kind, id))
				time.Sleep(time.Second)
				if _, err := v.Verify(t.Context(), i.token(before)); !errors.Is(err, verify.ErrRevoked) || !errors.Is(err, verify.ErrInvalid) {
					t.Errorf("after %s %s: %v", kind, id, err)
				}
				if err := v.Check(c, verify.Requirement{}); !errors.Is(err, verify.ErrRevoked) {
					t.Errorf("what was verified before %s %s: %v", kind, id, err)
				}
				if _, err := v.Verify(t.Context(), i.token(before.with("rev", len(i.raised)))); err != nil {
					t.Errorf("a token that was made since: %v", err)
				}
			}
		}
		token := i.token(i.person().with("rev", len(i.raised)))
		for _, other := range []string{
			blind("ledger-api", "person", "alice"), blind(audience, "person", "bob"), blind(audience, "session", "alice"), blind(audience, "client", "alice"), "alice", "",
		} {
			if other != "" {
				i.raise(other)
			}
		}
		time.Sleep(time.Second)
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("what concerns others: %v", err)
		}
	})
}

func TestAnAPIThatFollowsAsksSeldomWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.following(t)
		before := i.count("/revocations")
		time.Sleep(time.Minute)
		if n := i.count("/revocations") - before; n > 31 {
			t.Errorf("%d questions in a minute", n)
		}
		before = i.count("/revocations")
		for range 600 {
			i.raise(blind(audience, "person", "bob"))
			time.Sleep(100 * time.Millisecond)
		}
		if n := i.count("/revocations") - before; n > 301 {
			t.Errorf("%d questions in a minute with ten revocations a second", n)
		}
		i.set(func() {
			i.hook["/revocations"] = func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, map[string]any{"era": era, "after": 600, "head": 600, "floor": 0, "more": false, "current": 0, "revoked": []any{}})
			}
		})
		before = i.count("/revocations")
		time.Sleep(time.Minute)
		if n := i.count("/revocations") - before; n > 301 {
			t.Errorf("%d questions in a minute to a broker that lets nobody wait", n)
		}
	})
}

func TestABrokerThatDoesNotTellEndsAllVerificationAtTheBound(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"silence":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, issuerURL+"/revocations", http.StatusTemporaryRedirect)
		},
		"not its API":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"an old answer": func(w http.ResponseWriter, _ *http.Request) { answer(w, "current", -60000) },
		"a lower head":  func(w http.ResponseWriter, _ *http.Request) { answer(w, "head", 0) },
		"a gap":         func(w http.ResponseWriter, _ *http.Request) { answer(w, "after", 2, "head", 3) },
		"another shape": func(w http.ResponseWriter, _ *http.Request) { answer(w, "more", "no") },
		"no era":        func(w http.ResponseWriter, _ *http.Request) { answer(w, "era", "") },
		"entries above the head": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, "revoked", []any{map[string]any{"number": 9, "ref": "x"}})
		},
		"entries out of order": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, "revoked", []any{map[string]any{"number": 1, "ref": "x"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				i.raise("x")
				v := i.following(t)
				check := func() error {
					_, err := v.Verify(t.Context(), i.token(i.person()))
					return err
				}
				if err := check(); err != nil {
					t.Fatal(err)
				}
				i.set(func() { i.hook["/revocations"] = fail })
				time.Sleep(4 * time.Second)
				if err := check(); err != nil {
					t.Errorf("within the bound: %v", err)
				}
				for range 10 {
					time.Sleep(4 * time.Second)
					if err := check(); !errors.Is(err, verify.ErrUnavailable) {
						t.Fatalf("past the bound: %v", err)
					}
				}
				i.set(func() { delete(i.hook, "/revocations") })
				time.Sleep(10 * time.Second)
				if err := check(); err != nil {
					t.Errorf("it tells again: %v", err)
				}
			})
		})
	}
}

// answer is a good one to who knows of one entry, but for some members: pairs alternate
// names and values.
func answer(w http.ResponseWriter, pairs ...any) {
	a := map[string]any{"era": era, "after": 1, "head": 1, "floor": 0, "more": false, "current": 0, "revoked": []any{}}
	for i := 0; i < len(pairs); i += 2 {
		a[pairs[i].(string)] = pairs[i+1]
	}
	writeJSON(w, a)
}

func TestNothingIsAcceptedBeforeTheBrokerWasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier()
		v.Client = verify.ClientSecretBasic("payroll", "secret")
		if _, err := v.Verify(t.Context(), i.token(i.person())); !errors.Is(err, verify.ErrUnavailable) {
			t.Errorf("nobody follows: %v", err)
		}
		if err := v.Ready(t.Context()); !errors.Is(err, verify.ErrUnavailable) {
			t.Errorf("ready: %v", err)
		}
		i.set(func() { i.page = 1 })
		for n := range 5 {
			i.raise(fmt.Sprint(n))
		}
		i.raise(blind(audience, "person", "alice"))
		var accepted int
		i.set(func() {
			i.feed = func(map[string]any) {
				if v.Ready(t.Context()) == nil {
					accepted++
				}
			}
		})
		go func() { _ = v.Follow(t.Context()) }() // ends with the test
		time.Sleep(time.Second)
		if _, err := v.Verify(t.Context(), i.token(i.person())); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("raised long ago, on the last page: %v", err)
		}
		if _, err := v.Verify(t.Context(), i.token(i.person().with("rev", 6))); err != nil {
			t.Errorf("control: %v", err)
		}
		if accepted > 1 { // the last answer may be to a question that waits already
			t.Errorf("ready %d times before the last page was there", accepted)
		}
	})
}

func TestATokenOfAnotherEraOrFromBeforeMemoryIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		for range 5 {
			i.raise("x")
		}
		i.raise(blind(audience, "session", "s1"))
		v := i.following(t)
		check := func(era string, rev int) error {
			_, err := v.Verify(t.Context(), i.token(i.person().with("rev", rev).with("era", era)))
			return err
		}
		if err := check(era, 6); err != nil {
			t.Fatalf("control: %v", err)
		}
		if err := check("era-0", 6); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("another era: %v", err)
		}
		if err := check("", 6); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("no era: %v", err)
		}
		i.set(func() { i.floor = 4 })
		time.Sleep(4 * time.Second)
		if err := check(era, 3); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("from before memory: %v", err)
		}
		if err := check(era, 5); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("of a session that was revoked: %v", err)
		}
		if err := check(era, 6); err != nil {
			t.Errorf("made since: %v", err)
		}
		// All is forgotten, and the numbers go on.
		i.set(func() { i.floor = 6 })
		time.Sleep(4 * time.Second)
		if err := check(era, 6); err != nil {
			t.Errorf("nothing is remembered: %v", err)
		}
		if err := check(era, 5); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("from before memory: %v", err)
		}
		// A backup is restored: another era, and numbers from before.
		i.set(func() { i.era, i.raised, i.floor = "era-2", []string{"y"}, 0 })
		time.Sleep(4 * time.Second)
		if err := check(era, 6); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("from before the restore: %v", err)
		}
		if err := check("era-2", 0); err != nil {
			t.Errorf("from after it: %v", err)
		}
		i.raise(blind(audience, "person", "alice"))
		time.Sleep(time.Second)
		if err := check("era-2", 1); !errors.Is(err, verify.ErrRevoked) {
			t.Errorf("revoked after it: %v", err)
		}
	})
}

func TestAClockThatIsSetBackMakesNoWordYounger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		var offset atomic.Int64
		v := i.verifier()
		v.Client, v.Now = verify.ClientSecretBasic("payroll", "secret"), func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		go func() { _ = v.Follow(t.Context()) }() // ends with the test
		time.Sleep(time.Second)
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		i.set(func() {
			i.hook["/revocations"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		})
		time.Sleep(3 * time.Second) // the question that was under way is answered
		offset.Store(int64(-time.Hour))
		if err := v.Ready(t.Context()); !errors.Is(err, verify.ErrUnavailable) {
			t.Error(err)
		}
	})
}

func TestFollowNeedsAFeedAndAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.hook["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, map[string]any{"issuer": issuerURL, "jwks_uri": issuerURL + "/jwks"})
		}
		v := i.verifier()
		v.Client = verify.ClientSecretBasic("payroll", "secret")
		go func() { _ = v.Follow(t.Context()) }() // ends with the test
		time.Sleep(time.Minute)
		if _, err := v.Verify(t.Context(), i.token(i.person())); !errors.Is(err, verify.ErrUnavailable) {
			t.Errorf("a broker without a feed: %v", err)
		}
		if _, err := i.verifier().Verify(t.Context(), i.token(i.person())); err != nil {
			t.Errorf("an API that follows nothing: %v", err)
		}
	})
}
