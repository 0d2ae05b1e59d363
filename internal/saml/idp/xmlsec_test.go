package idp_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// bench holds the files that xmlsec1 works on.
type bench struct {
	t        *testing.T
	dir      string
	trusted  string
	stranger string
	key      string
}

func newBench(t *testing.T, ours, theirs, stranger saml.KeyPair) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.trusted = b.write("ours.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.Certificate.Raw}))
	b.stranger = b.write("stranger.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: stranger.Certificate.Raw}))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(theirs.Key)
	if err != nil {
		t.Fatal(err)
	}
	b.key = b.write("theirs.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return b
}

func (b *bench) write(name string, body []byte) string {
	b.t.Helper()
	file := filepath.Join(b.dir, name)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// verifies has xmlsec1 verify the signature of an element, which it knows by its name
// and namespace.
func (b *bench) verifies(document []byte, name, by string) error {
	local := name[strings.LastIndexByte(name, ':')+1:]
	_, err := testkit.XMLSec(b.t, "--verify", "--enabled-key-data", "x509,rsa", "--pubkey-cert-pem", by, "--id-attr:ID", name,
		"--node-xpath", "//*[local-name()='"+local+"']/*[local-name()='Signature']", b.write("document.xml", document))
	return err
}

// The elements that are signed.
const (
	ofResponse  = "urn:oasis:names:tc:SAML:2.0:protocol:Response"
	ofAssertion = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
)

func TestXMLSecVerifiesWhatWeSignAndReadsWhatWeEncrypt(t *testing.T) {
	w := newWorld(t)
	theirs := pair(t, "wiki")
	b := newBench(t, w.ours, theirs, pair(t, "stranger"))
	plain := w.answered(w.send(request{text: authn("_1", "", "")}), xmlgate.Want{Signed: xmlgate.Both}).raw
	for _, element := range []string{ofResponse, ofAssertion} {
		if err := b.verifies(plain, element, b.trusted); err != nil {
			t.Errorf("%s: %v\n%s", element, err, plain)
		}
		if b.verifies(plain, element, b.stranger) == nil {
			t.Errorf("%s: verified by a stranger's key", element)
		}
		if b.verifies([]byte(strings.Replace(string(plain), "alice@", "mallory@", 1)), element, b.trusted) == nil {
			t.Errorf("%s: verified although it was changed", element)
		}
	}

	w.apps[wiki].SAML.Encrypt = theirs.Certificate
	sealed := w.answered(w.send(request{text: authn("_2", "", "")}), xmlgate.Want{Signed: xmlgate.Both, Decrypt: decryptors(theirs)}).raw
	if err := b.verifies(sealed, ofResponse, b.trusted); err != nil {
		t.Errorf("around an encrypted assertion: %v", err)
	}
	open, err := testkit.XMLSec(t, "--decrypt", "--privkey-pem", b.key, b.write("sealed.xml", sealed))
	if err != nil || !strings.Contains(open, "alice@acme.example") {
		t.Fatalf("decrypted: %v\n%s", err, open)
	}
	if err := b.verifies([]byte(open), ofAssertion, b.trusted); err != nil {
		t.Errorf("the decrypted assertion: %v\n%s", err, open)
	}

	w.apps[wiki].Scopes = nil
	w.signIn.Failure = nil
	status := w.answered(w.send(request{text: authn("_3", ` ProtocolBinding="urn:x"`, "")}), xmlgate.Want{}).raw
	if err := b.verifies(status, ofResponse, b.trusted); err != nil {
		t.Errorf("a status: %v", err)
	}
}

func TestXMLSecVerifiesHowWeSignOut(t *testing.T) {
	w, _, _ := twoApps(t)
	w.add(wiki, func(c *registry.Client) { c.SAML.SLOPost = true })
	b := newBench(t, w.ours, pair(t, "wiki"), pair(t, "stranger"))
	rec := httptest.NewRecorder()
	if !w.provider.Leave(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), *w.session, "") {
		t.Fatal("nobody is told")
	}
	_, form := posted(rec)
	raw, err := base64.StdEncoding.DecodeString(form.Get(saml.Request))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.verifies(raw, "urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest", b.trusted); err != nil {
		t.Errorf("%v\n%s", err, raw)
	}
}
