package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// answers are the two forms of a good answer, by the names of their rows: where the
// signature is, and what is asked for.
var answers = []struct {
	name, signed string
	want         xmlgate.Signed
}{
	{"saml_assertion", "./Assertion", xmlgate.Assertion},
	{"saml_response", ".", xmlgate.Envelope},
}

// step is an operation with the rows that it is measured against.
type step struct {
	name, floor string
	op          func() bool
	alloc       bool // how much memory it takes is of interest
}

// saml measures what an answer of a SAML identity provider costs, beside what it
// cannot do without and beside the library's own way, and what a bomb costs.
func (b *bench) saml(wanted func(string) bool) (part, error) {
	if !wanted("saml") {
		return func() error { return nil }, nil
	}
	lab, err := gatetest.New()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var steps []step
	for _, a := range answers {
		raw := lab.SignedAssertion(gatetest.Sig{})
		if a.want == xmlgate.Envelope {
			raw = lab.SignedResponse(gatetest.Sig{})
		}
		of, err := answer(lab, a.name, []byte(raw), a.signed, a.want)
		if err != nil {
			return nil, err
		}
		steps = append(steps, of...)
	}
	thrown, err := throw(lab)
	if err != nil {
		return nil, err
	}
	return func() error {
		for _, s := range append(steps, thrown...) {
			if err := b.primitive(s.name, s.op); err != nil {
				return err
			}
			row := &b.rows[len(b.rows)-1]
			if row.FloorOf = s.floor; s.alloc {
				row.Alloc = allocated(s.op)
			}
		}
		return nil
	}, nil
}

// answer is one answer: what must be (an RSA verification, goxmldsig's validation,
// two parses), what we do, and what the library does.
func answer(lab *gatetest.Lab, name string, raw []byte, signed string, must xmlgate.Signed) ([]step, error) {
	want := xmlgate.Want{Kind: xmlgate.Response, Signed: must, Certificates: []*x509.Certificate{lab.RSA.Certificate}, Now: lab.Now}
	document := etree.NewDocument()
	if err := document.ReadFromBytes(raw); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	element := document.Root().FindElement(signed)
	context := dsig.ValidationContext{
		CertificateStore: &dsig.MemoryX509CertificateStore{Roots: want.Certificates}, IdAttribute: "ID", Clock: dsig.NewFakeClockAt(lab.Now),
	}
	library, acs, err := librarySP(lab)
	if err != nil {
		return nil, err
	}
	validate := func() bool { _, err := context.Validate(element); return err == nil }
	parse := func() bool { return etree.NewDocument().ReadFromBytes(raw) == nil }
	byLibrary := func() bool {
		_, err := library.ParseXMLResponse(raw, []string{gatetest.RequestID}, *acs)
		return err == nil
	}
	ours := func() bool {
		message, err := xmlgate.Verify(raw, want)
		var assertion samllib.Assertion
		return err == nil && xml.Unmarshal(message.Assertion, &assertion) == nil
	}
	floor := strings.Join([]string{"rsa_2048_verify", name + "_validate", name + "_parse", name + "_parse"}, " + ")
	return []step{
		{name: name + "_validate", op: validate, floor: name + "_validate"},
		{name: name + "_parse", op: parse, floor: name + "_parse"},
		{name: name + "_library", op: byLibrary, floor: name + "_library", alloc: true},
		{name: name + "_acs", op: ours, floor: floor, alloc: true},
		{name: name + "_acs_beside_library", op: ours, floor: name + "_library"},
	}, nil
}

// librarySP is the service provider that the library makes.
func librarySP(lab *gatetest.Lab) (*samllib.ServiceProvider, *url.URL, error) {
	samllib.TimeNow = func() time.Time { return lab.Now }
	samllib.Clock = dsig.NewFakeClockAt(lab.Now)
	acs, err := url.Parse(gatetest.ACS)
	if err != nil {
		return nil, nil, fmt.Errorf("address: %w", err)
	}
	keys := []samllib.KeyDescriptor{{Use: "signing", KeyInfo: samllib.KeyInfo{X509Data: samllib.X509Data{
		X509Certificates: []samllib.X509Certificate{{Data: base64.StdEncoding.EncodeToString(lab.RSA.Certificate.Raw)}},
	}}}}
	return &samllib.ServiceProvider{EntityID: gatetest.Audience, AcsURL: *acs, IDPMetadata: &samllib.EntityDescriptor{
		EntityID:          gatetest.Issuer,
		IDPSSODescriptors: []samllib.IDPSSODescriptor{{SSODescriptor: samllib.SSODescriptor{RoleDescriptor: samllib.RoleDescriptor{KeyDescriptors: keys}}}},
	}}, acs, nil
}

// bombs are what is measured of the attacks that cost something, by what is in
// their names.
var bombs = map[string]string{
	"saml_bomb_10mb":           "limit: 10 MB",
	"saml_bomb_nested":         "limit: 10,000 nested elements",
	"saml_bomb_elements":       "limit: 6,000 elements",
	"saml_bomb_namespaces":     "limit: 90 namespaces in force",
	"saml_bomb_100_signatures": "tampering: a hundred signatures",
	"saml_bomb_laughs":         "entity: a billion laughs",
	"saml_bomb_deflate":        "deflate: a bomb of 30 MB",
	"saml_bomb_metadata":       "metadata: 60,000 elements",
}

// throw is every bomb. The floor of a bomb is a good answer: it should be no bargain
// for who throws it.
func throw(lab *gatetest.Lab) ([]step, error) {
	attacks := map[string]gatetest.Attack{}
	for _, a := range lab.Attacks() {
		attacks[a.Name] = a
	}
	var steps []step
	for _, name := range slices.Sorted(maps.Keys(bombs)) {
		a, found := attacks[bombs[name]]
		if !found {
			return nil, fmt.Errorf("no attack is called %q", bombs[name])
		}
		raw := []byte(a.Bad.Raw)
		refused := func() bool {
			var err error
			if a.Bad.Query != "" {
				_, err = xmlgate.VerifyRedirect(a.Bad.Query, a.Bad.Want)
			} else {
				_, err = xmlgate.Verify(raw, a.Bad.Want)
			}
			return err != nil && strings.HasPrefix(err.Error(), a.Refused)
		}
		steps = append(steps, step{name: name, op: refused, floor: "saml_assertion_acs", alloc: true})
	}
	return steps, nil
}

// allocated is how many KB one operation allocates.
func allocated(op func() bool) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	op()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / 1024
}
