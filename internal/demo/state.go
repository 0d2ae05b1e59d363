package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
	"github.com/gatehouse-io/gatehouse/internal/demo/staff"
)

// state is what a demo remembers under its data directory, so that a restart
// finds the same people, keys, secrets and addresses.
type state struct {
	Ports      map[string]int      `json:"ports"`
	People     []idp.Person        `json:"people"`
	Partners   []idp.Person        `json:"partners"`
	IDPSecret  string              `json:"idp_secret"`
	Encryption string              `json:"encryption_key"`
	Secrets    map[string]string   `json:"client_secrets"`
	AdminToken apiToken            `json:"admin_token,omitzero"`
	SCIMTokens map[string]apiToken `json:"scim_tokens,omitempty"` // by connection
	Expired    expired             `json:"expired_token,omitzero"`
	// Named are the records of groups that were given their name, by that name.
	Named        map[string]string `json:"named_groups,omitempty"`
	mu           sync.Mutex        // of People and of what save writes: people are hired and fired at any time
	directory    string
	used         bool // by a demo before this one
	idpKey       *rsa.PrivateKey
	feedbackKey  *ecdsa.PrivateKey
	feedbackFile string
	// partner is Partner Corp's, wiki the SAML app's.
	partner, wiki credential
}

// credential is a key and its certificate, in files.
type credential struct {
	key               *rsa.PrivateKey
	certificate       *x509.Certificate
	keyFile, certFile string
}

// apiToken is an API token with its secret.
type apiToken struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// open reads the state of a data directory, or makes it as of now.
func open(directory string, now time.Time) (*state, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	directory, err := filepath.Abs(directory) // the facts tell paths to programs elsewhere
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	s := &state{directory: directory}
	body, err := os.ReadFile(s.file("demo.json"))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the demo's state: %w", err)
	default:
		if err := json.Unmarshal(body, s); err != nil {
			return nil, fmt.Errorf("%s is not a demo's state, remove it to begin anew: %w", s.file("demo.json"), err)
		}
		s.used = true
	}
	s.complete()
	if s.idpKey, err = keep(s.file("acme-workforce.pem"), func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }); err != nil {
		return nil, err
	}
	s.feedbackFile = s.file("hr-feedback.pem")
	if s.feedbackKey, err = keep(s.feedbackFile, func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }); err != nil {
		return nil, err
	}
	if s.partner, err = s.credential("partner-corp", now); err == nil {
		s.wiki, err = s.credential("team-wiki", now)
	}
	if err != nil {
		return nil, err
	}
	return s, s.save()
}

// credential reads a key and its certificate, or makes them.
func (s *state) credential(name string, now time.Time) (c credential, err error) {
	c.keyFile, c.certFile = s.file(name+".pem"), s.file(name+".cert.pem")
	if c.key, err = keep(c.keyFile, func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }); err != nil {
		return c, err
	}
	body, err := os.ReadFile(c.certFile)
	if errors.Is(err, os.ErrNotExist) {
		body, err = certify(name, c.key, now)
		if err == nil {
			err = replaceFile(c.certFile, body)
		}
	}
	if err != nil {
		return c, fmt.Errorf("certificate of %s: %w", name, err)
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return c, fmt.Errorf("%s holds no PEM block", c.certFile)
	}
	if c.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		return c, fmt.Errorf("certificate of %s: %w", name, err)
	}
	return c, nil
}

// certify makes a certificate for a key, good for ten years from now, in PEM.
func certify(name string, key *rsa.PrivateKey, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func (s *state) file(name string) string { return filepath.Join(s.directory, name) }

// running reports whether a broker answers on the directory's socket.
func (s *state) running() bool {
	c, err := net.Dial("unix", s.file("broker.sock"))
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent
	return true
}

func (s *state) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write()
}

// keepPeople keeps who works at Acme.
func (s *state) keepPeople(all []idp.Person) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.People = all
	return s.write()
}

func (s *state) write() error {
	body, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("demo state: %w", err)
	}
	return replaceFile(s.file("demo.json"), body)
}

// complete fills in what is not there yet.
func (s *state) complete() {
	if s.Ports == nil {
		s.Ports = map[string]int{}
	}
	if s.Secrets == nil {
		s.Secrets = map[string]string{}
	}
	if s.SCIMTokens == nil {
		s.SCIMTokens = map[string]apiToken{}
	}
	if s.Named == nil {
		s.Named = map[string]string{}
	}
	if s.IDPSecret == "" {
		s.IDPSecret = rand.Text()
	}
	if s.Encryption == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // crypto/rand.Read never fails
		s.Encryption = base64.StdEncoding.EncodeToString(key)
	}
	s.People = hired(s.People, workforce(), "acme-")
	s.Partners = hired(s.Partners, partnership(), "partner-")
}

// hired adds whoever is not there yet, with a password and a subject.
func hired(there, all []idp.Person, prefix string) []idp.Person {
	for _, p := range all {
		if !slices.ContainsFunc(there, func(known idp.Person) bool { return known.Username == p.Username }) {
			p.Password, p.Subject = staff.NewPassword(p.Username), staff.NewSubject(prefix)
			there = append(there, p)
		}
	}
	return there
}

// listen opens a loopback listener for the named party: on the wanted port, else
// on the one it had before, else on any that is free. Port 0 wants none.
func (s *state) listen(party, host string, wanted int) (net.Listener, error) {
	var last error
	ports := []int{wanted, s.Ports[party], 0}
	if wanted == 0 {
		ports = ports[1:]
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			s.Ports[party] = l.Addr().(*net.TCPAddr).Port
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("listen for %s: %w", party, last)
}

// keep reads a PKCS #8 key from a PEM file, or makes one and writes it.
func keep[K any](file string, generate func() (K, error)) (K, error) {
	var none K
	body, err := os.ReadFile(file) //nolint:gosec // G304: a fixed name below the data directory
	if errors.Is(err, os.ErrNotExist) {
		return create(file, generate)
	}
	if err != nil {
		return none, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return none, fmt.Errorf("%s holds no PEM block", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return none, fmt.Errorf("read %s: %w", file, err)
	}
	key, ok := parsed.(K)
	if !ok {
		return none, fmt.Errorf("%s holds a key of another kind", file)
	}
	return key, nil
}

func create[K any](file string, generate func() (K, error)) (K, error) {
	key, err := generate()
	if err != nil {
		return key, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return key, fmt.Errorf("write key: %w", err)
	}
	return key, replaceFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
