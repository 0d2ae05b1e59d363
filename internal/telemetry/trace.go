package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// Bounds of what traces may cost when the collector does not answer.
const (
	traceBatch  = time.Second
	traceExport = 5 * time.Second
	traceFlush  = 3 * time.Second
)

// tracePath is where a collector takes traces (OTLP specification, OTLP/HTTP).
const tracePath = "/v1/traces"

// TraceOptions say where traces go.
type TraceOptions struct {
	// Endpoint is the base URL of an OTLP/HTTP collector, or that of its traces.
	Endpoint string
	// Ratio of requests that are traced, 0 to 1.
	Ratio float64
	Log   *slog.Logger
}

// Tracer makes a span of every request. The nil Tracer makes none.
//
// Every trace begins here: a caller from outside neither decides what is traced
// nor joins our spans to its own.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTracer returns a Tracer that exports in the background. What the collector
// does not take in time is dropped.
func NewTracer(ctx context.Context, o TraceOptions) (*Tracer, error) {
	endpoint := strings.TrimSuffix(strings.TrimSuffix(o.Endpoint, "/"), tracePath) + tracePath
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithTimeout(traceExport),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&tolerant{SpanExporter: exporter, log: o.Log}, sdktrace.WithBatchTimeout(traceBatch), sdktrace.WithExportTimeout(traceExport)),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(o.Ratio)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "gatehouse"))),
	)
	return &Tracer{provider: p, tracer: p.Tracer("gatehouse")}, nil
}

// Close exports what waits, for a few seconds at most.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), traceFlush)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("tracing: %w", err)
	}
	return nil
}

// Requests makes a span of each request: method, route, status and the code of
// what failed. Nothing that a request brings is in it: paths and queries hold ids
// and codes. It stands outside of the function Requests, and inside of httpx.Edge.
func (t *Tracer) Requests(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := t.tracer.Start(r.Context(), "request", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		if !span.IsRecording() {
			next.ServeHTTP(w, r)
			return
		}
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		route := r.Pattern
		if route == "" {
			route = "none"
		}
		span.SetName(route)
		span.SetAttributes(
			attribute.String("http.request.method", method(r.Method)), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", rec.status), attribute.String("gatehouse.request_id", httpx.RequestID(ctx)),
		)
		if err := httpx.Failure(ctx); err != nil {
			span.SetAttributes(attribute.String("error.type", fault.As(err).Code))
		}
		if rec.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

// method is a request's method if it is a known one: anybody can send any word.
func method(m string) string {
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, m) {
		return m
	}
	return "_OTHER"
}

// tolerant tells once of a collector that does not answer, and once when it does.
type tolerant struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter. It never fails: nobody could help.
func (e *tolerant) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch was := e.failing.Swap(err != nil); {
	case err != nil && !was:
		e.log.WarnContext(ctx, "traces cannot be exported", slog.Any("error", err))
	case err == nil && was:
		e.log.InfoContext(ctx, "traces are exported again")
	}
	return nil
}
