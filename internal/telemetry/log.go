// Package telemetry writes logs, metrics and, over OTLP, traces of requests.
//
// Log lines are JSON. A value whose key names a secret, and every text that looks
// like one of our tokens, is replaced before it is written, whoever logged it.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

const redacted = "[redacted]"

// secretKeys are parts of a key's name that make its value a secret.
var secretKeys = []string{"password", "secret", "token", "authorization", "cookie", "assertion", "verifier", "code_", "private", "credential", "dsn"}

// secretText is a compact JWS, or 256 bits in base64url.
var secretText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|\b[A-Za-z0-9_-]{43}\b`)

// LogOptions tune a logger.
type LogOptions struct{ Level slog.Level }

// NewLogger returns a logger that writes redacted JSON lines to w, with the id of
// the request that a line belongs to.
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	return slog.New(&handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: redact})})
}

// handler adds the request id and redacts messages.
type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	r.Message = secretText.ReplaceAllString(r.Message, redacted)
	if id := httpx.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.Handler.WithGroup(name)} }

func redact(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, s := range secretKeys {
		if strings.Contains(key, s) {
			return slog.String(a.Key, redacted)
		}
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(secretText.ReplaceAllString(a.Value.String(), redacted))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(secretText.ReplaceAllString(err.Error(), redacted))
		}
	default:
	}
	return a
}

// Requests writes one line per request and counts it. No query is logged: it may
// hold a code. What was served well is logged at debug level only.
func Requests(log *slog.Logger, m *Metrics, now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		took := now().Sub(began)
		m.request(r.Pattern, rec.status, took)
		level, failure := slog.LevelDebug, httpx.Failure(r.Context())
		if failure != nil {
			level = slog.LevelInfo
		}
		if !log.Enabled(r.Context(), level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("method", r.Method), slog.String("route", r.Pattern), slog.Int("status", rec.status),
			slog.Duration("took", took), slog.String("client_address", httpx.ClientAddress(r)),
		}
		if failure != nil {
			attrs = append(attrs, slog.Any("failure", failure))
		}
		log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
