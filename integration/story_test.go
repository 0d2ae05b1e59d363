package integration

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo"
)

func TestTheDemosCheckPassesAndAgainAfterARestart(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	var first, second demo.Facts
	t.Run("first start", func(t *testing.T) {
		s := startDemo(t, dir, nil)
		first = s.Facts()
		runCheck(t, s)
	})
	t.Run("second start", func(t *testing.T) {
		s := startDemo(t, dir, nil)
		second = s.Facts()
		runCheck(t, s)
	})
	if a, b := first.App("expense-bot"), second.App("expense-bot"); a.Secret == "" || a.Secret != b.Secret || a.URL != b.URL {
		t.Errorf("a restart changed expense-bot: %v, then %v", a.URL, b.URL)
	}
	if first.Person("alice").Subject != second.Person("alice").Subject {
		t.Error("a restart changed alice's subject")
	}
}

func runCheck(t *testing.T, s *stage) {
	t.Helper()
	var out bytes.Buffer
	if err := s.Check(t.Context(), &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestTheCheckFailsWhenTheBrokerIsSabotaged shows that the check would notice: a
// handler in front of the broker breaks one promise at a time.
func TestTheCheckFailsWhenTheBrokerIsSabotaged(t *testing.T) {
	t.Parallel()
	for name, sabotage := range map[string]struct {
		wrap func(http.Handler) http.Handler
		says string
	}{
		"PKCE is not enforced":             {ignorePKCE, "with another verifier"},
		"the nonce is lost":                {loseNonce, "signs in to the first app"},
		"everybody is entitled":            {entitleEverybody, "without the group"},
		"a used refresh token is answered": {repeatRefresh, "used refresh token"},
		"sign-out does nothing":            {ignoreSignOut, "signing out everywhere"},
		"an app without PKCE gets a code":  {addChallenge, "without PKCE"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startDemo(t, tempDir(t), sabotage.wrap)
			err := s.Check(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), sabotage.says) {
				t.Errorf("the check says %v; it should fail at %q", err, sabotage.says)
			}
		})
	}
}

// rewrite changes the query of GETs to path.
func rewrite(next http.Handler, path string, change func(url.Values)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			q := r.URL.Query()
			change(q)
			r.URL.RawQuery = q.Encode()
		}
		next.ServeHTTP(w, r)
	})
}

// rewriteForm changes the body of POSTs to path.
func rewriteForm(next http.Handler, path string, change func(url.Values)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == path && r.ParseForm() == nil {
			form := r.PostForm
			change(form)
			body := form.Encode()
			r = r.Clone(r.Context())
			r.Form, r.PostForm = nil, nil
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		next.ServeHTTP(w, r)
	})
}

// ignorePKCE makes the broker accept any verifier.
func ignorePKCE(next http.Handler) http.Handler {
	verifier := oauth2.GenerateVerifier()
	swapped := rewriteForm(next, "/token", func(form url.Values) {
		if form.Has("code_verifier") {
			form.Set("code_verifier", verifier)
		}
	})
	return rewrite(swapped, "/authorize", func(q url.Values) {
		if q.Has("code_challenge") {
			q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier))
		}
	})
}

// addChallenge gives requests without PKCE a challenge.
func addChallenge(next http.Handler) http.Handler {
	return rewrite(next, "/authorize", func(q url.Values) {
		if !q.Has("code_challenge") {
			q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier()))
			q.Set("code_challenge_method", "S256")
		}
	})
}

func loseNonce(next http.Handler) http.Handler {
	return rewrite(next, "/authorize", func(q url.Values) { q.Set("nonce", "another") })
}

// entitleEverybody turns every refusal page into a success.
func entitleEverybody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Code == http.StatusForbidden {
			rec.Code = http.StatusOK
		}
		replay(w, rec)
	})
}

// repeatRefresh answers a refresh token that was used with what it got first.
func repeatRefresh(next http.Handler) http.Handler {
	var mu sync.Mutex
	answers := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		mu.Lock()
		defer mu.Unlock()
		key := form.Get("refresh_token")
		if old := answers[key]; key != "" && old != nil {
			replay(w, old)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if key != "" && rec.Code == http.StatusOK {
			answers[key] = rec
		}
		replay(w, rec)
	})
}

func ignoreSignOut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "everywhere") {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func replay(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}
