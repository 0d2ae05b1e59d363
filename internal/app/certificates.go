package app

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

const (
	// metadataEvery is how often it is looked after the metadata of identity providers
	// that nobody signs in with.
	metadataEvery = time.Hour
	// certificateNotice is how long before an identity provider's last certificate runs
	// out it is told of.
	certificateNotice = 30 * 24 * time.Hour
	// noticeEvery is how often.
	noticeEvery = 24 * time.Hour
)

// certificatePurpose types what was told of certificates.
const certificatePurpose cache.Purpose = "saml-certificates"

// readMetadata reads the metadata of identity providers as often as each connection
// wants, until ctx ends: so that it is there, and certificates are watched, although
// nobody signs in.
func (p *parts) readMetadata(ctx context.Context) error {
	tick := time.NewTicker(metadataEvery)
	defer tick.Stop()
	for {
		all, err := p.faces.connectors.all(ctx)
		if err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "connections not read", slog.Any("error", err))
		}
		for _, c := range all {
			if s, ok := c.Connector.(*upstream.SAML); ok {
				_ = s.Refresh(ctx) // it logs why it failed, and Health tells
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// certificatesRead tells what metadata said of a provider's certificates: that they
// are others than before, or that they soon run out. Of many replicas one tells.
func (p *parts) certificatesRead(ctx context.Context, id string, certificates []*x509.Certificate, changed bool) {
	ends := lastEnd(certificates)
	if changed {
		p.tellOnce(ctx, "changed", id, event.New(p.now(), "connection.certificates_changed", identity.System("metadata"), identity.Connection(id), "certificates", prints(certificates)))
	}
	if left := ends.Sub(p.now()); left < certificateNotice {
		p.log.WarnContext(ctx, "an identity provider's certificates run out: ask for its next one, or sign-ins will fail",
			slog.String("connection", id), slog.Time("ends", ends))
		p.tellOnce(ctx, "expiring", id, event.New(p.now(), "connection.certificates_expiring", identity.System("metadata"), identity.Connection(id),
			"ends", ends.UTC().Format(time.RFC3339), "certificates", prints(certificates)))
	}
}

// tellOnce records an event, unless it was recorded within noticeEvery.
func (p *parts) tellOnce(ctx context.Context, what, id string, e event.Event) {
	key := what + " " + id + " " + e.Data["certificates"]
	_, told, err := p.memory.Get(ctx, certificatePurpose, key)
	if err == nil && told {
		return
	}
	if err == nil {
		err = p.trail.Record(ctx, e)
	}
	if err == nil {
		err = p.memory.Put(ctx, certificatePurpose, key, []byte{1}, noticeEvery)
	}
	if err != nil {
		p.log.WarnContext(ctx, "certificates not told of", slog.String("connection", id), slog.Any("error", err))
	}
}

// prints are the SHA-256 of the certificates, in hexadecimal.
func prints(certificates []*x509.Certificate) string {
	all := make([]string, len(certificates))
	for i, c := range certificates {
		sum := sha256.Sum256(c.Raw)
		all[i] = hex.EncodeToString(sum[:])
	}
	return strings.Join(all, " ")
}

// lastEnd is when the last of the certificates runs out.
func lastEnd(certificates []*x509.Certificate) (ends time.Time) {
	for _, c := range certificates {
		if c.NotAfter.After(ends) {
			ends = c.NotAfter
		}
	}
	return ends
}

// certificatesEnd is how long until the certificates of the first identity provider
// have all run out, in seconds: as far as this replica knows, and +Inf without any.
func (p *parts) certificatesEnd(ctx context.Context) (float64, error) {
	all, err := p.faces.connectors.all(ctx)
	left := math.Inf(1)
	for _, c := range all {
		if s, ok := c.Connector.(*upstream.SAML); ok && len(s.Certificates()) > 0 {
			left = min(left, lastEnd(s.Certificates()).Sub(p.now()).Seconds())
		}
	}
	return left, err
}
