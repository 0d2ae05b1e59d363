package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/telemetry"
)

// clock returns a clock that a test may share between goroutines: it stands.
func clock() func() time.Time {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	return func() time.Time { return at }
}

// Secrets as they look: a compact JWS and 256 bits in base64url.
const (
	plantedJWS    = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	plantedSecret = "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDDEEE"
)

func TestSecretsAreRedactedWhoeverLogsThem(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, telemetry.LogOptions{Level: slog.LevelDebug})
	log.Info("got " + plantedJWS)
	log.With("client_secret", "planted-1").Info("with")
	log.WithGroup("request").Info("group", "authorization", "planted-2", "body", plantedSecret)
	log.Info("nested", slog.Group("a", slog.Group("b", slog.String("refresh_token", "planted-3"), slog.String("note", "x "+plantedSecret+" y"))))
	log.Error("failed", "error", fmt.Errorf("token %s: %w", plantedJWS, errors.New("cause "+plantedSecret)))
	log.Info("names", "password", "planted-4", "cookie", "planted-5", "code_verifier", "planted-6", "private_key", []byte("planted-7"), "dsn", "planted-8")
	log.Info("kept", "person", "alice", "count", 7)
	text := out.String()
	for _, secret := range []string{plantedJWS, plantedSecret, "planted-"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log tells %s:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, `"person":"alice","count":7`) || strings.Count(text, "redacted") < 12 {
		t.Errorf("%s", text)
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestALineSaysWhichRequestItBelongsTo(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, telemetry.LogOptions{Level: slog.LevelInfo})
	metrics := telemetry.NewMetrics()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /good/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /bad", func(w http.ResponseWriter, r *http.Request) {
		httpx.Problem(w, r, fault.New(fault.Denied, "rule_name", "you may not"))
	})
	h := httpx.Edge(httpx.EdgeOptions{}, telemetry.Requests(log, metrics, clock(), mux))
	ask := func(target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		return w
	}
	ask("/good/planted?code=planted")
	if out.Len() != 0 {
		t.Errorf("what was served well is a line: %s", out.String())
	}
	id := ask("/bad?code=planted").Header().Get("X-Request-Id")
	if text := out.String(); id == "" || !strings.Contains(text, id) || !strings.Contains(text, "you may not") || !strings.Contains(text, `"route":"GET /bad"`) || strings.Contains(text, "planted") {
		t.Errorf("%s", text)
	}
	for i := range 5 {
		ask(fmt.Sprintf("/nowhere-%d", i))
	}
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`gatehouse_http_request_seconds_count{route="GET /good/{id}",status="2xx"} 1`,
		`gatehouse_http_request_seconds_count{route="GET /bad",status="4xx"} 1`,
		`gatehouse_http_request_seconds_count{route="none",status="4xx"} 5`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "nowhere") || strings.Contains(text, "planted") {
		t.Error("labels are not bounded")
	}
}
