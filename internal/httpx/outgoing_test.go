package httpx_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

func TestAddressesThatAreCalledAndThoseThatNeverAre(t *testing.T) {
	open := httpx.Guard{AllowLoopback: true, AllowedNetworks: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("fd00::/8"),
	}}
	for address, want := range map[string]struct{ strict, open bool }{
		"93.184.216.34":            {true, true},
		"2606:2800:220:1::1":       {true, true},
		"127.0.0.1":                {false, true},
		"::1":                      {false, true},
		"::ffff:127.0.0.1":         {false, true},
		"10.1.2.3":                 {false, true},
		"10.2.2.3":                 {false, false},
		"::ffff:10.2.2.3":          {false, false},
		"172.16.0.1":               {false, false},
		"192.168.1.1":              {false, false},
		"100.64.0.1":               {false, false},
		"169.254.1.1":              {false, true},
		"169.254.169.254":          {false, false}, // metadata, although its network was opened
		"::ffff:169.254.169.254":   {false, false},
		"64:ff9b::a9fe:a9fe":       {false, false}, // the same in NAT64
		"64:ff9b::5db8:d822":       {false, true},
		"168.63.129.16":            {false, false},
		"fd00:ec2::254":            {false, false},
		"fd00::1":                  {false, true},
		"fe80::1":                  {false, false},
		"fe80::1%eth0":             {false, false},
		"0.0.0.0":                  {false, false},
		"::":                       {false, false},
		"255.255.255.255":          {false, false},
		"224.0.0.1":                {false, false},
		"ff02::1":                  {false, false},
		"2002:7f00:1::":            {false, false}, // 6to4 of 127.0.0.1
		"2001:0:7f00:1::":          {false, false}, // Teredo
		"2001:db8::1":              {false, false},
		"198.51.100.1":             {false, false},
		"::127.0.0.1":              {false, false},
		"::ffff:0:127.0.0.1":       {false, false},
		"3fff::1":                  {false, false},
		"2a00:1450:4001:81b::200e": {true, true},
	} {
		a := netip.MustParseAddr(address)
		for who, g := range map[string]struct {
			guard httpx.Guard
			want  bool
		}{"strict": {httpx.Guard{}, want.strict}, "open": {open, want.open}} {
			if err := g.guard.Check(a); (err == nil) != g.want || (err != nil && !errors.Is(err, httpx.ErrForbiddenAddress)) {
				t.Errorf("%s guard, %s: %v", who, address, err)
			}
		}
	}
}

func ask(t *testing.T, c *http.Client, method, target string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestTheGuardSeesTheAddressThatIsDialled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("inside")) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	strict, open := httpx.NewClient(httpx.OutgoingOptions{}), httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true})
	// A name is judged by what it resolves to, however it is written.
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		target := "http://" + net.JoinHostPort(strings.Trim(host, "[]"), port)
		if _, err := ask(t, strict, http.MethodGet, target); !errors.Is(err, httpx.ErrForbiddenAddress) {
			t.Errorf("%s: %v", target, err)
		}
		if body, err := ask(t, open, http.MethodGet, target); err != nil || body != "inside" {
			t.Errorf("%s, opened: %q %v", target, body, err)
		}
	}
	for _, target := range []string{"file:///etc/passwd", "ftp://127.0.0.1/", "http://user:secret@127.0.0.1:" + port, "gopher://127.0.0.1:" + port} {
		if _, err := ask(t, open, http.MethodGet, target); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", target, err)
		}
	}
	if _, err := ask(t, strict, http.MethodGet, "http://93.184.216.34/"); !errors.Is(err, httpx.ErrForbiddenAddress) {
		t.Errorf("plain http to the internet: %v", err)
	}
}

func TestRedirectsAreFollowedWithinBounds(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/end", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("end")) })
	mux.Handle("/once", http.RedirectHandler("/end", http.StatusFound))
	mux.Handle("/ever", http.RedirectHandler("/ever", http.StatusTemporaryRedirect))
	mux.Handle("/metadata", http.RedirectHandler("http://169.254.169.254/latest/meta-data/", http.StatusFound))
	mux.Handle("/private", http.RedirectHandler("http://10.0.0.1/", http.StatusFound))
	c := httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true})
	if body, err := ask(t, c, http.MethodGet, server.URL+"/once"); err != nil || body != "end" {
		t.Errorf("%q %v", body, err)
	}
	for path, want := range map[string]error{
		"/ever": httpx.ErrForbiddenRedirect, "/metadata": httpx.ErrForbiddenAddress, "/private": httpx.ErrForbiddenAddress,
	} {
		if _, err := ask(t, c, http.MethodGet, server.URL+path); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := ask(t, c, http.MethodPost, server.URL+"/once"); !errors.Is(err, httpx.ErrForbiddenRedirect) {
		t.Errorf("a POST that is redirected: %v", err)
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(server.URL+"/end", http.StatusFound))
	t.Cleanup(secure.Close)
	roots := httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true, RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	if _, err := ask(t, roots, http.MethodGet, secure.URL); !errors.Is(err, httpx.ErrForbiddenRedirect) {
		t.Errorf("out of https: %v", err)
	}
	if _, err := ask(t, c, http.MethodGet, secure.URL); err == nil {
		t.Error("a certificate that nobody vouches for")
	}
}

func TestAnswersAreBoundedInSizeAndTime(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) }) // before the server waits for its handlers
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) })
	mux.HandleFunc("/told", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1001)) })
	mux.HandleFunc("/streamed", func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			_, _ = w.Write(make([]byte, 100))
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-release })
	c := httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true, MaxBytes: 1000})
	if body, err := ask(t, c, http.MethodGet, server.URL+"/exact"); err != nil || len(body) != 1000 {
		t.Errorf("%d %v", len(body), err)
	}
	for _, path := range []string{"/told", "/streamed"} {
		if body, err := ask(t, c, http.MethodGet, server.URL+path); !errors.Is(err, httpx.ErrResponseTooLarge) || len(body) > 1000 {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	hasty := httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true, Timeout: 50 * time.Millisecond})
	if _, err := ask(t, hasty, http.MethodGet, server.URL+"/silent"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who never answers: %v", err)
	}
}
