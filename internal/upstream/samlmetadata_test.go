package upstream_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// publisher serves a provider's metadata, or what a test wants instead. As a transport
// it needs no connection, whose goroutines would be awaited with ours.
type publisher struct {
	text  atomic.Pointer[string]
	reads atomic.Int64
}

func publish(p *partner) *publisher {
	s := &publisher{}
	s.say(p.metadata)
	p.options = func(o *upstream.SAMLOptions) {
		o.Metadata.URL, o.Metadata.Document, o.HTTP = "https://idp.example.com/metadata", "", &http.Client{Transport: s}
	}
	return s
}

func (s *publisher) say(text string) { s.text.Store(&text) }

// ServeHTTP implements http.Handler.
func (s *publisher) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.reads.Add(1)
	if text := *s.text.Load(); text != "" {
		_, _ = w.Write([]byte(text))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
}

// RoundTrip implements http.RoundTripper.
func (s *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

func TestMetadataIsReadAgainAndUsedWhileItCannotBe(t *testing.T) {
	synctest.Test(t, metadataIsReadAgainAndUsedWhileItCannotBe)
}

func metadataIsReadAgainAndUsedWhileItCannotBe(t *testing.T) {
	p := newPartner(t)
	s := publish(p)
	c := p.connection()
	works := func(want bool, when string) {
		t.Helper()
		if _, err := c.Begin(t.Context(), identity.Challenge{}); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	works(true, "at first")
	works(true, "from memory")
	if n := s.reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
	s.say("")
	p.now = p.now.Add(2 * time.Hour)
	works(true, "while it cannot be read")
	synctest.Wait() // for the refresh that runs beside the request
	if _, failed := c.Health(); failed == nil {
		t.Error("nobody is told that it cannot be read")
	}
	p.now = p.now.Add(21 * time.Hour)
	works(true, "just before it is too old")
	synctest.Wait() // for the refresh that runs beside the request
	p.now = p.now.Add(2 * time.Hour)
	works(false, "too old")
	if _, err := c.Begin(t.Context(), identity.Challenge{}); fault.As(err).Code != saml.ErrMetadataStale.Code {
		t.Errorf("too old: %v", err)
	}
	s.say(p.metadata)
	p.now = p.now.Add(time.Minute)
	works(true, "there again")
}

func TestARefreshWeakensNothing(t *testing.T) {
	synctest.Test(t, aRefreshWeakensNothing)
}

func aRefreshWeakensNothing(t *testing.T) {
	weak := func(p *partner) string { return samlMetadata(p.lab.Weak.Certificate) }
	for name, text := range map[string]func(*partner) string{
		"of another entity": func(p *partner) string {
			return strings.ReplaceAll(p.metadata, gatetest.Issuer+`"`, `https://evil.example"`)
		},
		"without certificates": func(*partner) string { return samlMetadata() },
		"with a weak key":      weak,
		"for encryption alone": func(p *partner) string { return strings.ReplaceAll(p.metadata, `use="signing"`, `use="encryption"`) },
		"without TLS":          func(p *partner) string { return strings.ReplaceAll(p.metadata, "https://idp", "http://idp") },
		"with a script": func(p *partner) string {
			return strings.ReplaceAll(p.metadata, `Location="https://idp.example.com/sso`, `Location="javascript:alert(1)//`)
		},
		"with a user": func(p *partner) string { return strings.ReplaceAll(p.metadata, "https://idp", "https://u:p@idp") },
		"of an older protocol": func(p *partner) string {
			return strings.ReplaceAll(p.metadata, "SAML:2.0:protocol", "SAML:1.1:protocol")
		},
		"over already": func(p *partner) string {
			return strings.Replace(p.metadata, "entityID", `validUntil="2026-11-25T00:00:00Z" entityID`, 1)
		},
		"that is no XML":       func(*partner) string { return "<html>" },
		"with a document type": func(p *partner) string { return `<!DOCTYPE x [<!ENTITY e "x">]>` + p.metadata },
		"too large":            func(p *partner) string { return p.metadata + strings.Repeat(" ", 5<<20) },
		"of the entity, but twice": func(p *partner) string {
			return `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">` + p.metadata + p.metadata + `</md:EntitiesDescriptor>`
		},
		"of a service provider too": func(*partner) string { return strings.ReplaceAll(samlMetadata(), "IDPSSO", "SPSSO") },
	} {
		p := newPartner(t)
		s := publish(p)
		c := p.connection()
		if _, err := p.signIn(c, identity.Challenge{}); err != nil {
			t.Fatalf("%s: control: %v", name, err)
		}
		s.say(text(p))
		before := c.Certificates()
		p.now = p.now.Add(61 * time.Minute)
		if _, err := c.Begin(t.Context(), identity.Challenge{}); err != nil {
			t.Errorf("%s: the old does not hold: %v", name, err)
		}
		synctest.Wait() // for the refresh that runs beside the request
		if _, failed := c.Health(); failed == nil || len(c.Certificates()) != len(before) || c.Certificates()[0] != before[0] {
			t.Errorf("%s: it was taken: %v", name, failed)
		}
	}
}

func TestACertificateIsReplacedWithAnOverlap(t *testing.T) {
	synctest.Test(t, aCertificateIsReplacedWithAnOverlap)
}

func aCertificateIsReplacedWithAnOverlap(t *testing.T) {
	p := newPartner(t)
	s := publish(p)
	var told []*x509.Certificate
	var changes []bool
	options := p.options
	p.options = func(o *upstream.SAMLOptions) {
		options(o)
		o.Learned = func(_ context.Context, _ string, all []*x509.Certificate, changed bool) {
			told, changes = all, append(changes, changed)
		}
	}
	c := p.connection()
	if _, err := c.Begin(t.Context(), identity.Challenge{}); err != nil {
		t.Fatal(err)
	}
	s.say(samlMetadata(p.lab.RSA.Certificate, p.lab.EC.Certificate))
	p.now = p.now.Add(61 * time.Minute)
	if _, err := c.Begin(t.Context(), identity.Challenge{}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // for the refresh that runs beside the request
	known := c.Certificates()
	if len(told) != 2 || len(known) != 2 || !slices.Equal(changes, []bool{false, true}) {
		t.Errorf("told of %d, changed %v, has %d", len(told), changes, len(known))
	}
}

func TestMetadataComesFromAFileAndMayHaveToBeSigned(t *testing.T) {
	p := newPartner(t)
	file := filepath.Join(t.TempDir(), "idp.xml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	canonical := strings.ReplaceAll(strings.Replace(p.metadata, "<md:EntityDescriptor", "<md:EntityDescriptor", 1), "/>", "></md:SingleSignOnService>")
	canonical = strings.Replace(canonical, `ResponseLocation="https://idp.example.com/slo/done"></md:SingleSignOnService>`, `ResponseLocation="https://idp.example.com/slo/done"></md:SingleLogoutService>`, 1)
	canonical = strings.Replace(canonical, ` entityID="`+gatetest.Issuer+`">`, ` ID="`+gatetest.MetadataID+`" entityID="`+gatetest.Issuer+`">`+gatetest.Place(gatetest.MetadataID), 1)
	trusted := []*x509.Certificate{p.lab.Next.Certificate}
	p.options = func(o *upstream.SAMLOptions) {
		o.Metadata.File, o.Metadata.Document = file, ""
		o.Metadata.Trusted = func() ([]*x509.Certificate, error) { return trusted, nil }
	}
	begin := func() error { _, err := p.connection().Begin(t.Context(), identity.Challenge{}); return err }
	if err := begin(); fault.As(err).Code != upstream.ErrUnreachable.Code {
		t.Errorf("no file: %v", err)
	}
	write(gatetest.Unplaced(canonical))
	if err := begin(); fault.As(err).Code != "saml_unsigned" {
		t.Errorf("unsigned metadata: %v", err)
	}
	write(p.lab.Signed(canonical, gatetest.MetadataID, gatetest.Sig{By: p.lab.Stranger}))
	if err := begin(); err == nil {
		t.Error("metadata that a stranger signed is believed")
	}
	write(p.lab.Signed(canonical, gatetest.MetadataID, gatetest.Sig{By: p.lab.Next}))
	if err := begin(); err != nil {
		t.Errorf("control: %v", err)
	}
	trusted = nil
	write(gatetest.Unplaced(canonical))
	if err := begin(); err != nil {
		t.Errorf("no signature wanted: %v", err)
	}
}

func TestOurMetadataSaysWhatIsTrue(t *testing.T) {
	for signed, wants := range map[xmlgate.Signed]string{
		xmlgate.Assertion: `WantAssertionsSigned="true"`, xmlgate.Both: `WantAssertionsSigned="true"`, xmlgate.Envelope: `WantAssertionsSigned="false"`,
	} {
		p := newPartner(t)
		p.signed = signed
		text, err := p.connection().SPMetadata()
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{wants, `AuthnRequestsSigned="true"`, gatetest.ACS, "aes256-gcm", "rsa-oaep", "xmlenc#sha256", `entityID="` + gatetest.Audience + `"`} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: it lacks %s", signed, part)
			}
		}
		for _, part := range []string{"cbc", "sha1", "rsa-1_5", "PRIVATE"} {
			if strings.Contains(string(text), part) {
				t.Errorf("%s: it has %s", signed, part)
			}
		}
		if _, err := xmlgate.Verify(text, xmlgate.Want{Kind: xmlgate.Metadata, Signed: xmlgate.None, Now: p.now}); err != nil {
			t.Errorf("%s: %v", signed, err)
		}
	}
}
