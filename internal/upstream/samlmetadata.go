package upstream

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
)

// MetadataSource is where an identity provider's metadata comes from: an address, a
// file, or a document, the first that is set.
type MetadataSource struct {
	URL, File, Document string
	// Trusted returns the certificates one of which must have signed it; where there
	// are none, the way it comes vouches for it.
	Trusted func() ([]*x509.Certificate, error)
	// Refresh is how often it is read again, MaxAge how long it is used while that
	// fails.
	Refresh, MaxAge time.Duration
}

const (
	// maxMetadata bounds a metadata document in bytes.
	maxMetadata = 4 << 20
	// retryEvery is how often a refresh that fails is tried again while there is
	// metadata that may still be used.
	retryEvery = time.Minute
)

// samlMetadata is the metadata of one identity provider as it was read last. What
// cannot be read or does not pass leaves the old in force, until that is too old.
type samlMetadata struct {
	o *SAMLOptions

	mu     sync.Mutex
	idp    *saml.IDP
	read   time.Time // when idp was read
	tried  time.Time // when it was tried last
	failed error     // how that went
	busy   bool      // it is being tried
	last   atomic.Pointer[discovery]
}

func (m *samlMetadata) health() (asked time.Time, failed error) {
	if d := m.last.Load(); d != nil {
		return d.at, d.failed
	}
	return time.Time{}, nil
}

// current returns the metadata. It is read again beside the request that finds it old,
// and within one only when there is none that may be used.
func (m *samlMetadata) current(ctx context.Context) (*saml.IDP, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, s := m.o.Now(), m.o.Metadata
	usable := m.usable(now)
	switch {
	case usable && (now.Before(m.read.Add(s.Refresh)) || m.busy || now.Before(m.tried.Add(retryEvery))):
	case usable:
		m.busy = true
		go m.again(context.WithoutCancel(ctx), now)
	case m.failed != nil && now.Before(m.tried.Add(failureLife)):
		return nil, m.failed
	default:
		idp, err := m.fetch(ctx, now)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		m.learn(ctx, idp, err, now)
		if err != nil {
			return nil, m.failed
		}
	}
	return m.idp, nil
}

// usable reports whether the metadata may be used.
func (m *samlMetadata) usable(now time.Time) bool {
	return m.idp != nil && now.Before(m.read.Add(m.o.Metadata.MaxAge)) && (m.idp.ValidUntil.IsZero() || now.Before(m.idp.ValidUntil))
}

// again reads the metadata once more.
func (m *samlMetadata) again(ctx context.Context, now time.Time) {
	idp, err := m.fetch(ctx, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy = false
	m.learn(ctx, idp, err, now)
}

// learn takes what was read in place of what was known.
func (m *samlMetadata) learn(ctx context.Context, idp saml.IDP, err error, now time.Time) {
	m.tried = now
	m.last.Store(&discovery{now, err})
	if err != nil {
		m.o.Log.WarnContext(ctx, "metadata not read", slog.String("connection", m.o.ID), slog.Any("error", err))
		if m.failed = err; m.idp != nil && !m.usable(now) {
			m.failed = fault.Wrap(err, saml.ErrMetadataStale.Kind, saml.ErrMetadataStale.Code, "%s", saml.ErrMetadataStale.Detail)
		}
		return
	}
	changed := m.idp != nil && !slices.EqualFunc(m.idp.Certificates, idp.Certificates, (*x509.Certificate).Equal)
	m.idp, m.read, m.failed = &idp, now, nil
	if m.o.Learned != nil {
		m.o.Learned(ctx, m.o.ID, idp.Certificates, changed)
	}
}

func (m *samlMetadata) fetch(ctx context.Context, now time.Time) (saml.IDP, error) {
	raw, err := m.raw(ctx)
	if err != nil {
		return saml.IDP{}, err
	}
	trusted, err := m.o.Metadata.Trusted()
	if err != nil {
		return saml.IDP{}, fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "the certificates that the metadata must be signed by cannot be read")
	}
	return saml.ParseIDP(raw, saml.Source{EntityID: m.o.Issuer, Certificates: trusted, Now: now})
}

func (m *samlMetadata) raw(ctx context.Context) ([]byte, error) {
	s := m.o.Metadata
	switch {
	case s.URL != "":
		return m.get(ctx, s.URL)
	case s.File != "":
		raw, err := os.ReadFile(s.File)
		if err != nil {
			return nil, fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "the file with the identity provider's metadata cannot be read")
		}
		return raw, nil
	}
	return []byte(s.Document), nil
}

// get reads the metadata over HTTP.
func (m *samlMetadata) get(ctx context.Context, from string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	req.Header.Set("Accept", "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8")
	res, err := m.o.HTTP.Do(req)
	if err != nil {
		return nil, identity.Refuse(fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "%s", ErrUnreachable.Detail), "metadata", from+" answers", unreached(err))
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.Request.URL.Host != req.URL.Host:
		// A redirect may move a document on its host; another host vouches for nothing.
		return nil, identity.Refuse(untrusted("it redirects to another host"), "metadata", from, "a redirect to another host")
	case res.StatusCode != http.StatusOK:
		return nil, identity.Refuse(ErrUnreachable, "metadata", from+" answers 200", fmt.Sprint(res.StatusCode))
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxMetadata+1))
	if err != nil {
		return nil, identity.Refuse(fault.Wrap(err, ErrUnreachable.Kind, ErrUnreachable.Code, "%s", ErrUnreachable.Detail), "metadata", from+" answers", unreached(err))
	}
	return raw, nil
}

// Certificates are those that the provider signs with, as far as they were read. It
// asks nobody; Refresh does.
func (s *SAML) Certificates() []*x509.Certificate {
	s.meta.mu.Lock()
	defer s.meta.mu.Unlock()
	if s.meta.idp == nil {
		return nil
	}
	return s.meta.idp.Certificates
}

// Refresh reads the metadata if it is time.
func (s *SAML) Refresh(ctx context.Context) error {
	_, err := s.meta.current(ctx)
	return err
}
