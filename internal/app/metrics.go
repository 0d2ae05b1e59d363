package app

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// gauges are what is asked for when the metrics are read.
func (p *parts) gauges() {
	backlog := func(pick func(waiting int, oldest time.Duration) float64) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			waiting, oldest, err := p.db.OutboxBacklog(ctx, p.now())
			return pick(waiting, oldest), err
		}
	}
	p.metrics.Gauge("gatehouse_outbox_waiting", "Events that wait for their consequences.",
		backlog(func(waiting int, _ time.Duration) float64 { return float64(waiting) }))
	p.metrics.Gauge("gatehouse_outbox_oldest_seconds", "How long the oldest of them has waited.",
		backlog(func(_ int, oldest time.Duration) float64 { return oldest.Seconds() }))
	p.metrics.Gauge("gatehouse_apps_orphaned", "Apps whose owners have left.", func(ctx context.Context) (float64, error) {
		n, err := p.owners.CountOrphaned(ctx)
		return float64(n), err
	})
	p.metrics.Gauge("gatehouse_signals_waiting", "Shared signals that wait for their receivers, in all streams.", func(ctx context.Context) (float64, error) {
		waiting, _, err := p.db.SignalBacklog(ctx)
		return float64(waiting), err
	})
	p.metrics.Gauge("gatehouse_signals_failing_streams", "Streams of shared signals whose last push failed.", func(ctx context.Context) (float64, error) {
		_, failing, err := p.db.SignalBacklog(ctx)
		return float64(failing), err
	})
	p.metrics.Gauge("gatehouse_audit_unsealed", "Audit entries that no seal covers yet.", func(ctx context.Context) (float64, error) {
		n, err := p.db.CountUnsealed(ctx)
		return float64(n), err
	})
	p.metrics.Gauge("gatehouse_audit_unsealed_oldest_seconds", "How long the oldest of them has waited for a seal.", func(ctx context.Context) (float64, error) {
		oldest, err := p.db.OldestUnsealed(ctx)
		if err != nil || oldest.IsZero() {
			return 0, err
		}
		return max(0, p.now().Sub(oldest).Seconds()), nil
	})
	p.metrics.Gauge("gatehouse_revocations_age_seconds", "How long ago the database told this replica of revocations last.", func(context.Context) (float64, error) {
		return p.revocations.Age().Seconds(), nil
	})
	p.metrics.Gauge("gatehouse_signing_key_due_seconds", "How long until the next signing key is due for rotation; below zero, it is late.", func(context.Context) (float64, error) {
		return p.rings().Due().Seconds(), nil
	})
	p.metrics.Gauge("gatehouse_idp_certificate_expiry_seconds",
		"How long until the SAML certificates of the first identity provider have all run out, as far as this replica read them; +Inf without any.", p.certificatesEnd)
	p.metrics.Gauge("gatehouse_clock_ahead_seconds", "How far the broker's time is ahead of the machine's clock, which was set back.", func(context.Context) (float64, error) {
		return p.clock.ahead().Seconds(), nil
	})
	p.metrics.Gauge("gatehouse_revocations_applied", "The highest revocation number that this replica has applied.", func(context.Context) (float64, error) {
		return float64(p.revocations.Applied()), nil
	})
}

// forScrapers lets the configured networks read the metrics.
func (p *parts) forScrapers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := netip.ParseAddr(httpx.ClientAddress(r))
		if err == nil {
			for _, n := range p.cfg.Metrics.Allow {
				if n.Contains(a) {
					next.ServeHTTP(w, r)
					return
				}
			}
		}
		http.NotFound(w, r)
	})
}
