package api

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// identityProvider is the broker as apps that speak SAML know it.
type identityProvider struct {
	registry.IdentityProvider
	// Certificates are the published ones, the signing one first.
	Certificates []certificate `json:"certificates"`
}

// certificate is one that a peer pins.
type certificate struct {
	SHA256    string    `json:"sha256"` // hexadecimal
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	PEM       string    `json:"pem"`
}

func certificateOf(c *x509.Certificate) certificate {
	sum := sha256.Sum256(c.Raw)
	return certificate{hex.EncodeToString(sum[:]), c.NotBefore.UTC(), c.NotAfter.UTC(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))}
}

func (a *API) identityProvider(*http.Request) (any, error) {
	all, err := a.o.Certified()
	if err != nil {
		return nil, err
	}
	p := identityProvider{IdentityProvider: a.o.SAML}
	for _, c := range all {
		p.Certificates = append(p.Certificates, certificateOf(c.Certificate))
	}
	return p, nil
}
