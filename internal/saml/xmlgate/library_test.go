package xmlgate_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// library is what crewjam/saml makes of a response, as its own service provider.
func library(t *testing.T, l *gatetest.Lab, raw string) (verdict string) {
	t.Helper()
	now, clock := samllib.TimeNow, samllib.Clock
	defer func() { samllib.TimeNow, samllib.Clock = now, clock }()
	samllib.TimeNow, samllib.Clock = func() time.Time { return l.Now }, dsig.NewFakeClockAt(l.Now)
	acs, err := url.Parse(gatetest.ACS)
	if err != nil {
		t.Fatal(err)
	}
	keys := []samllib.KeyDescriptor{{Use: "signing", KeyInfo: samllib.KeyInfo{X509Data: samllib.X509Data{
		X509Certificates: []samllib.X509Certificate{{Data: base64.StdEncoding.EncodeToString(l.RSA.Certificate.Raw)}},
	}}}}
	sp := samllib.ServiceProvider{Key: l.Ours, EntityID: gatetest.Audience, AcsURL: *acs, IDPMetadata: &samllib.EntityDescriptor{
		EntityID:          gatetest.Issuer,
		IDPSSODescriptors: []samllib.IDPSSODescriptor{{SSODescriptor: samllib.SSODescriptor{RoleDescriptor: samllib.RoleDescriptor{KeyDescriptors: keys}}}},
	}}
	defer func() {
		if p := recover(); p != nil {
			verdict = fmt.Sprintf("panics: %v", p)
		}
	}()
	if _, err := sp.ParseXMLResponse([]byte(raw), []string{gatetest.RequestID}, *acs); err != nil {
		return "refuses"
	}
	return "lets in"
}

// What the library lets in, or falls over, is why the gate stands before it. When
// a later version refuses one of these, its row goes. XSW3 is let in with the signed
// assertion, and without a word on the other one.
func TestTheGateRefusesWhatTheLibraryLetsInOrFallsOver(t *testing.T) {
	l := labOf(t)
	byName := map[string]gatetest.Attack{}
	for _, a := range l.Attacks() {
		byName[a.Name] = a
	}
	for name, verdict := range map[string]string{
		"content: no Subject":                                               "panics",
		"content: no Conditions":                                            "panics",
		"content: no SubjectConfirmationData":                               "panics",
		"cipher: GCM relabelled as CBC":                                     "panics",
		"content: no SubjectConfirmation":                                   "lets in",
		"content: no AudienceRestriction":                                   "lets in",
		"content: two Subjects":                                             "lets in",
		"content: two NameIDs":                                              "lets in",
		"content: two Conditions":                                           "lets in",
		"content: an EncryptedID":                                           "lets in",
		"content: a condition that nobody knows":                            "lets in",
		"content: version 1.1 of an assertion":                              "lets in",
		"wrapping: XSW3, a forged assertion before the signed one":          "lets in",
		"wrapping: ten assertions":                                          "lets in",
		"encryption: an encrypted assertion injected before the signed one": "lets in",
		"hiding: an Object in the signature":                                "lets in",
		"naming: the response has the ID of the assertion":                  "lets in",
		"naming: an entity-encoded ID":                                      "lets in",
		"reference: two references, the first one to a forged assertion":    "lets in",
		"reference: a reference to the whole document":                      "lets in",
		"transform: with comments":                                          "lets in",
		"algorithm: RSA with SHA-1":                                         "lets in",
		"algorithm: a digest with SHA-1":                                    "lets in",
		"tampering: both wanted, the response unsigned":                     "lets in",
		"tampering: both signed, the inner signature by a stranger":         "lets in",
		"markup: a comment in NameID":                                       "lets in",
		"markup: CDATA in NameID":                                           "lets in",
		"entity: an external DTD":                                           "lets in",
		"malformed: text behind":                                            "lets in",
		"malformed: an attribute twice":                                     "lets in",
		"limit: 6,000 elements":                                             "lets in",
	} {
		a, found := byName[name]
		if !found {
			t.Errorf("no attack is called %q", name)
			continue
		}
		if got := library(t, l, a.Good.Raw); got != "lets in" && a.Good.Want.Decrypt == nil {
			t.Errorf("%s: the library %s the good document", name, got)
		}
		if got := library(t, l, a.Bad.Raw); !strings.HasPrefix(got, verdict) {
			t.Errorf("%s: the library %s it, and not %s", name, got, verdict)
		}
		if _, err := a.Bad.Pass(); err == nil {
			t.Errorf("%s: the gate lets it in", name)
		}
	}
}

// forced are the least versions of the libraries under the gate: those before have
// a known way round a signature (CVE-2026-33487).
var forced = map[string]string{"github.com/russellhaering/goxmldsig": "v1.6.1", "github.com/beevik/etree": "v1.8.1"}

func TestTheBuildForcesVersionsThatNobodyGetsRound(t *testing.T) {
	for module, least := range forced {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if got := strings.TrimSpace(string(out)); semver(t, got) < semver(t, least) {
			t.Errorf("%s %s is older than %s", module, got, least)
		}
	}
}

// semver makes a version comparable: v1.6.1 is 1006001.
func semver(t *testing.T, version string) int {
	t.Helper()
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "v%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatalf("%q is no version: %v", version, err)
	}
	return (major*1000+minor)*1000 + patch
}
