package integration

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// withSamlify starts a demo and npm samlify as a further identity provider, called
// own, and returns its address. environ has it behave otherwise.
func withSamlify(t *testing.T, change func(*config.Connection), environ ...string) (*stage, string) {
	t.Helper()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	base := "http://127.0.0.1:" + port
	s := startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) { addSamlify(c, base, change) })
	startSamlify(t, port, s.Issuer(), environ...)
	s.known(t)
	return s, base
}

// known waits until the broker, which began to ask for it too early, has the
// provider's metadata.
func (s *stage) known(t *testing.T) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	eventually(t, "the metadata is read", func() bool {
		res, err := client.Get(s.request(url.Values{"idp": {"own"}}))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode < http.StatusBadRequest
	})
}

// startSamlify starts it as an identity provider of the broker with this issuer.
func startSamlify(t *testing.T, port, issuer string, environ ...string) {
	t.Helper()
	key, certificate := certified(t)
	startProgram(t, "node", []string{"node", "saml-idp.mjs"}, port,
		append(environ, "KEY="+key, "CERT="+certificate, "SP_METADATA="+issuer+"/login/saml/own/metadata")...)
}

// addSamlify adds the connection to it.
func addSamlify(c *config.Config, base string, change func(*config.Connection)) {
	own := config.Connection{
		ID: "own", Title: "Elsewhere", Type: config.TypeSAML, Issuer: base + "/metadata", Domains: []string{"elsewhere.example"}, Groups: config.Groups{Claim: "groups"},
		SAML: config.SAML{
			MetadataURL: base + "/metadata", Refresh: time.Hour, MaxAge: 24 * time.Hour, Signed: config.SignedAssertion, Binding: config.BindingRedirect,
			NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Skew: time.Minute,
		},
	}
	if change != nil {
		change(&own)
	}
	c.Connections = append(c.Connections, own)
	c.Mappings = append(c.Mappings, config.Mapping{Connection: "own", Group: "g-42", Name: "all-employees"})
}

// certified makes a key and a certificate for it, as files.
func certified(t *testing.T) (key, certificate string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, certificate = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	for file, block := range map[string]*pem.Block{
		key: {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}, certificate: {Type: "CERTIFICATE", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key, certificate
}

// samlSignIn signs somebody in over samlify.
func (s *stage) samlSignIn(t *testing.T, b *browser.Browser, who string) *browser.Page {
	t.Helper()
	return submit(t, b, s.samlAnswer(t, b, who), nil)
}

// samlAnswer is the page of samlify with the form that signs somebody in.
func (s *stage) samlAnswer(t *testing.T, b *browser.Browser, who string) *browser.Page {
	t.Helper()
	page, err := b.Get(t.Context(), s.request(url.Values{"scope": {"openid profile email groups"}, "idp": {"own"}}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(page.URL.String(), s.Issuer()) { // the POST binding
		page = submit(t, b, page, nil)
	}
	return submit(t, b, page, url.Values{"username": {who}})
}

func submit(t *testing.T, b *browser.Browser, page *browser.Page, fill url.Values) *browser.Page {
	t.Helper()
	next, err := b.Submit(t.Context(), page, "", fill)
	if err != nil {
		t.Fatalf("%v: %s %s", err, page.URL, page.Text())
	}
	return next
}

// TestAPartnersSAMLProviderSignsPeopleInAndOut uses npm samlify: another implementation.
func TestAPartnersSAMLProviderSignsPeopleInAndOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*config.Connection)
		environ []string
	}{
		"signed assertions, redirect": {},
		"encrypted assertions, both signed, POST": {func(c *config.Connection) {
			c.SAML.Signed, c.SAML.Encrypted, c.SAML.Binding = config.SignedAssertion, true, config.BindingPost
		}, []string{"ENCRYPT=1"}},
		"both signed":     {func(c *config.Connection) { c.SAML.Signed = config.SignedBoth }, []string{"SIGN=both"}},
		"response signed": {func(c *config.Connection) { c.SAML.Signed = config.SignedResponse }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, base := withSamlify(t, c.change, c.environ...)
			b := browser.New()
			page := s.samlSignIn(t, b, "grace")
			if !strings.HasPrefix(page.URL.String(), s.Facts().App("expense-bot").URL) {
				t.Fatalf("the browser is at %s: %s", page.URL, page.Text())
			}
			text, in := s.account(t, b)
			if !in || !strings.Contains(text, "grace@elsewhere.example") || !strings.Contains(text, "grace of Elsewhere") {
				t.Fatalf("the account says: %s", text)
			}
			// Signed out here, and there.
			page, err := b.Get(t.Context(), s.Issuer()+"/account")
			if err != nil {
				t.Fatal(err)
			}
			if page, err = b.Submit(t.Context(), page, "sign-out", nil); err != nil {
				t.Fatal(err)
			}
			link, ok := page.Link("Continue")
			if !ok || !strings.HasPrefix(page.Header.Get("Refresh"), "0; url="+base+"/slo") {
				t.Fatalf("%s %s", page.Header, page.Text())
			}
			if page, err = b.Get(t.Context(), link); err != nil || page.Status != http.StatusOK || !strings.Contains(page.Text(), "here and at Elsewhere") {
				t.Errorf("%v: %s %s", err, page.URL, page.Text())
			}
			if page, err = b.Get(t.Context(), base+"/sessions"); err != nil || strings.Contains(page.Text(), "grace") {
				t.Errorf("still signed in there: %v %s", err, page.Text())
			}
			// Signed out there, and here; somebody else stays.
			other := browser.New()
			s.samlSignIn(t, other, "henry")
			s.samlSignIn(t, b, "grace")
			if page, err = b.Get(t.Context(), base+"/sign-out?username=grace"); err != nil || !strings.Contains(page.Text(), "Signed out everywhere, with relay state ours") {
				t.Errorf("%v: %s %s", err, page.URL, page.Text())
			}
			if _, in := s.account(t, b); in {
				t.Error("still signed in here")
			}
			if _, in := s.account(t, other); !in {
				t.Error("somebody else was signed out")
			}
		})
	}
}

// The certificate of samlify is good for a day.
func TestCertificatesThatRunOutAreToldOf(t *testing.T) {
	t.Parallel()
	s, _ := withSamlify(t, nil)
	var page struct {
		Items []struct {
			Subject struct {
				ID string `json:"id"`
			} `json:"subject"`
			Data map[string]string `json:"data"`
		} `json:"items"`
	}
	if err := json.Unmarshal(s.manage(t, http.MethodGet, "/audit?type=connection.certificates_expiring", nil), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 1 || page.Items[0].Subject.ID != "own" || page.Items[0].Data["ends"] == "" || len(page.Items[0].Data["certificates"]) != 64 {
		t.Errorf("%+v", page)
	}
	res, err := http.Get(s.Facts().Metrics)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\ngatehouse_idp_certificate_expiry_seconds ")
	line, _, _ := strings.Cut(rest, "\n")
	if left, err := strconv.ParseFloat(line, 64); err != nil || left < 23*3600 || left > 24*3600 {
		t.Errorf("%q seconds are left: %v", line, err)
	}
}
