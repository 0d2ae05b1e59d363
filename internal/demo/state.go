package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// state is what a demo remembers under its data directory, so that a restart
// finds the same people, keys, secrets and addresses.
type state struct {
	Ports        map[string]int    `json:"ports"`
	People       []idp.Person      `json:"people"`
	IDPSecret    string            `json:"idp_secret"`
	Encryption   string            `json:"encryption_key"`
	Secrets      map[string]string `json:"client_secrets"`
	AdminToken   apiToken          `json:"admin_token,omitzero"`
	directory    string
	idpKey       *rsa.PrivateKey
	feedbackKey  *ecdsa.PrivateKey
	feedbackFile string
}

// apiToken is an API token with its secret.
type apiToken struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// open reads the state of a data directory, or makes it.
func open(directory string) (*state, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
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
	}
	s.complete()
	if s.idpKey, err = keep(s.file("acme-workforce.pem"), func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }); err != nil {
		return nil, err
	}
	s.feedbackFile = s.file("hr-feedback.pem")
	if s.feedbackKey, err = keep(s.feedbackFile, func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }); err != nil {
		return nil, err
	}
	return s, s.save()
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
	if s.IDPSecret == "" {
		s.IDPSecret = rand.Text()
	}
	if s.Encryption == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // crypto/rand.Read never fails
		s.Encryption = base64.StdEncoding.EncodeToString(key)
	}
	for _, p := range workforce() {
		if !s.knows(p.Username) {
			// Short enough to type from the terminal.
			p.Password = p.Username + "-" + strings.ToLower(rand.Text()[:6])
			p.Subject = "acme-" + strings.ToLower(rand.Text()[:12])
			s.People = append(s.People, p)
		}
	}
}

func (s *state) knows(username string) bool {
	for _, p := range s.People {
		if p.Username == username {
			return true
		}
	}
	return false
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
