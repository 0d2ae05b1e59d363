package telemetry

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are what the broker counts. Labels are bounded: routes, status classes,
// grant types and configured connections, never anything that a request brings.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	limited  *prometheus.CounterVec
	pushed   *prometheus.CounterVec
}

// NewMetrics returns metrics in a registry of their own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_http_request_seconds", Help: "Time to answer a request, by route and class of status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"route", "status"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_sign_ins_total", Help: "Sign-ins by connection and outcome (success, refused, failed).",
		}, []string{"connection", "outcome"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_tokens_issued_total", Help: "Token responses by grant type.",
		}, []string{"grant_type"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_rate_limited_total", Help: "Requests refused because there were too many, by the limit in the configuration.",
		}, []string{"limit"}),
		pushed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_signals_pushed_total", Help: "Pushes of shared signals by outcome (delivered, failed, refused).",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"delivered", "failed", "refused"} {
		m.pushed.WithLabelValues(outcome) // counts from 0, not from the first push on
	}
	m.registry.MustRegister(m.requests, m.signIns, m.tokens, m.limited, m.pushed, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gaugeTimeout bounds the question for one value.
const gaugeTimeout = time.Second

// Gauge adds a value that is asked for when the metrics are read. A value that
// cannot be told is not a number.
func (m *Metrics) Gauge(name, help string, value func(context.Context) (float64, error)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), gaugeTimeout)
		defer cancel()
		n, err := value(ctx)
		if err != nil {
			return math.NaN()
		}
		return n
	}))
}

// SignIn counts the end of a sign-in.
func (m *Metrics) SignIn(connection, outcome string) {
	m.signIns.WithLabelValues(connection, outcome).Inc()
}

// Issued counts a token response.
func (m *Metrics) Issued(grantType string) { m.tokens.WithLabelValues(grantType).Inc() }

// Limited returns what counts the refusals of a limit.
func (m *Metrics) Limited(limit string) func() { return m.limited.WithLabelValues(limit).Inc }

// Pushed counts a push of a shared signal.
func (m *Metrics) Pushed(outcome string) { m.pushed.WithLabelValues(outcome).Inc() }

func (m *Metrics) request(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}

// Handler answers in Prometheus' format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
