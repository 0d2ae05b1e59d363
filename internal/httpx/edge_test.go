package httpx_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// seen is what a handler learns about who asks.
type seen struct{ address, path, pattern, id string }

// through sends a request through an edge and returns what the handler saw.
func through(o httpx.EdgeOptions, r *http.Request, patterns ...string) (seen, *httptest.ResponseRecorder) {
	var s seen
	mux := http.NewServeMux()
	for _, p := range append(patterns, "/") {
		mux.HandleFunc(p, func(_ http.ResponseWriter, r *http.Request) {
			s = seen{httpx.ClientAddress(r), r.URL.Path, r.Pattern, httpx.RequestID(r.Context())}
		})
	}
	w := httptest.NewRecorder()
	httpx.Edge(o, mux).ServeHTTP(w, r)
	return s, w
}

func TestOnlyTrustedProxiesSayWhoAsks(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct{ peer, forwarded, address string }{
		"no proxy":                {"198.51.100.7:1", "", "198.51.100.7"},
		"a stranger says so":      {"198.51.100.7:1", "203.0.113.9", "198.51.100.7"},
		"the proxy says so":       {"10.0.0.1:1", "203.0.113.9", "203.0.113.9"},
		"two proxies":             {"10.0.0.1:1", "203.0.113.9, 10.2.3.4", "203.0.113.9"},
		"made up on the left":     {"10.0.0.1:1", "127.0.0.1, 10.9.9.9, 203.0.113.9, 10.2.3.4", "203.0.113.9"},
		"not an address":          {"10.0.0.1:1", "203.0.113.9, evil", "10.0.0.1"},
		"not an address, further": {"10.0.0.1:1", "evil, 203.0.113.9", "203.0.113.9"},
		"a mapped address":        {"[::ffff:10.0.0.1]:1", "::ffff:203.0.113.9", "203.0.113.9"},
		"IPv6":                    {"[fd00::1]:1", "2001:db8::5", "2001:db8::5"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if s, _ := through(httpx.EdgeOptions{TrustedProxies: trusted}, r); s.address != c.address {
			t.Errorf("%s: %s, want %s", name, s.address, c.address)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "a, b", ",,,", "::1, 10.0.0.1", "fe80::1%eth0", strings.Repeat("10.0.0.1,", 50)} {
		f.Add(seed)
	}
	o := httpx.EdgeOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header["X-Forwarded-For"] = []string{forwarded}
		s, _ := through(o, r)
		if a, err := netip.ParseAddr(s.address); err != nil || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q makes the address %q", forwarded, s.address)
		}
	})
}

func TestAPrefixIsStrippedAndNothingElseIsServed(t *testing.T) {
	o := httpx.EdgeOptions{Prefix: "/auth", Secure: true}
	patterns := []string{"GET /token", "GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server"}
	for target, want := range map[string]string{
		"/auth/token":                                  "GET /token",
		"/auth/.well-known/openid-configuration":       "GET /.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/auth": "GET /.well-known/oauth-authorization-server",
		"/auth/.well-known/oauth-authorization-server": "GET /.well-known/oauth-authorization-server",
		"/token":                                        "",
		"/.well-known/openid-configuration":             "",
		"/.well-known/oauth-authorization-server":       "",
		"/.well-known/oauth-authorization-server/other": "",
	} {
		s, w := through(o, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil), patterns...)
		if s.pattern != want || (want == "") != (w.Code == http.StatusNotFound) {
			t.Errorf("%s: %q %d, want %q", target, s.pattern, w.Code, want)
		}
		if w.Header().Get("Strict-Transport-Security") == "" || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
}

func TestABodyIsAsLargeAsItsPathTakes(t *testing.T) {
	const common, large = 4 << 20, 6 << 20
	o := httpx.EdgeOptions{Prefix: "/gate", Large: map[string]int64{"/large/": large}}
	for path, most := range map[string]int{"/gate/large/one": large, "/gate/large": common, "/gate/other/large/": common} {
		for size, want := range map[int]int{most: most, most + 1: most} {
			var read int
			next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if read = len(body); (err == nil) != (size == want) {
					t.Errorf("%s: %d bytes: %v", path, size, err)
				}
			})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(strings.Repeat("x", size)))
			httpx.Edge(o, next).ServeHTTP(httptest.NewRecorder(), r)
			if read != want {
				t.Errorf("%s: %d bytes of %d were read, want %d", path, read, size, want)
			}
		}
	}
}

func TestAPanicIsAProblemThatTellsNothing(t *testing.T) {
	var told error
	h := httpx.Edge(httpx.EdgeOptions{}, httpx.Recover(func(_ *http.Request, err error, stack []byte) {
		if len(stack) > 0 {
			told = err
		}
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			panic("secret state")
		}
	})))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bad", nil))
	var problem struct {
		Status    int    `json:"status"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != http.StatusInternalServerError || problem.Status != w.Code ||
		problem.Code != "internal" || problem.RequestID != w.Header().Get("X-Request-Id") || strings.Contains(w.Body.String(), "secret") ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v %d %v %s", err, w.Code, w.Header(), w.Body)
	}
	if told == nil || !strings.Contains(told.Error(), "secret state") {
		t.Errorf("the log is told %v", told)
	}
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/good", nil)); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
}

func TestEveryKindOfFaultHasItsStatus(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404, fault.Conflict: 409, fault.TooMany: 429,
		fault.Unavailable: 503, fault.Internal: 500,
	} {
		w := httptest.NewRecorder()
		httpx.Problem(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), fault.Wrap(errors.New("the cause"), kind, "code", "the detail"))
		retry := w.Header().Get("Retry-After") != ""
		if w.Code != want || retry != (want == 429 || want == 503) || strings.Contains(w.Body.String(), "the cause") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v %s", kind, w.Code, w.Header(), w.Body)
		}
	}
	w := httptest.NewRecorder()
	httpx.Problem(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), errors.New("no fault at all"))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "no fault") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
