package telemetry_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/telemetry"
)

// collectorServer takes traces over OTLP/HTTP.
type collectorServer struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
}

func newCollector(t *testing.T) *collectorServer {
	t.Helper()
	c := &collectorServer{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &req)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range req.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(c.Close)
	return c
}

// attributes are the span's, as text.
func attributes(s *otlp.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = strings.Trim(strings.SplitN(a.GetValue().String(), ":", 2)[1], `"`)
	}
	return all
}

func served(t *testing.T, tracer *telemetry.Tracer) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /people/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		httpx.Problem(w, r, fault.New(fault.Unavailable, "store_unavailable", "no database"))
	})
	log, now := slog.New(slog.DiscardHandler), clock()
	return httpx.Edge(httpx.EdgeOptions{}, tracer.Requests(telemetry.Requests(log, telemetry.NewMetrics(), now, mux)))
}

func TestACollectorReceivesASpanOfEveryRequest(t *testing.T) {
	c := newCollector(t)
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TraceOptions{Endpoint: c.URL, Ratio: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := served(t, tracer)
	for _, r := range []struct{ method, target string }{{"GET", "/people/planted-person?code=planted-code"}, {"POST", "/token"}, {"EVIL", "/nowhere"}} {
		req := httptest.NewRequestWithContext(t.Context(), r.method, r.target, nil)
		req.Header.Set("Authorization", "Bearer planted-token")
		req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 3 {
		t.Fatalf("%d spans", len(c.spans))
	}
	for i, want := range []struct{ name, method, status, failed string }{
		{"GET /people/{id}", "GET", "418", ""}, {"POST /token", "POST", "503", "store_unavailable"}, {"none", "_OTHER", "404", ""},
	} {
		s := c.spans[i]
		a := attributes(s)
		if s.GetName() != want.name || a["http.request.method"] != want.method || a["http.response.status_code"] != want.status || a["error.type"] != want.failed {
			t.Errorf("%s %v, want %+v", s.GetName(), a, want)
		}
		if a["gatehouse.request_id"] == "" || len(s.GetParentSpanId()) != 0 {
			t.Errorf("%v, parent %x", a, s.GetParentSpanId())
		}
		if strings.Contains(s.String(), "planted") {
			t.Errorf("the span tells what the request brought: %s", s)
		}
	}
}

func TestNoCollectorIsTroubleForNobody(t *testing.T) {
	c := newCollector(t)
	c.Close()
	var log bytes.Buffer
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TraceOptions{Endpoint: c.URL, Ratio: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	served(t, tracer).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/people/x", nil))
	if err := tracer.Close(); w.Code != http.StatusTeapot || err != nil || !strings.Contains(log.String(), "cannot be exported") {
		t.Errorf("%d %v %s", w.Code, err, log.String())
	}
	var none *telemetry.Tracer
	w = httptest.NewRecorder()
	served(t, none).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/people/x", nil))
	if err := none.Close(); w.Code != http.StatusTeapot || err != nil {
		t.Errorf("without traces: %d %v", w.Code, err)
	}
}
