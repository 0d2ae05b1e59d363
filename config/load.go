package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// Load reads the configuration file and lays environ, which has the form of
// os.Environ, over it. An empty file name means that everything comes from the
// environment. The error has all faults, one a line.
//
// Relative paths in the file start at the file's folder; those in the
// environment start where the process runs.
func Load(file string, environ []string) (Config, error) {
	var data []byte
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil { //nolint:gosec // the operator names the file
			return Config{}, fmt.Errorf("read the configuration: %w", err)
		}
	}
	return Parse(file, data, environ)
}

// Parse is Load for a file whose content is data; nil means that there is none.
func Parse(file string, data []byte, environ []string) (Config, error) {
	c := defaults()
	r := &reader{config: &c}
	if data != nil {
		r.document, r.faults = strictyaml.Decode(data, &c, strictyaml.Options{File: file})
	}
	c.anchor(filepath.Dir(file))
	r.overlay(environ)
	r.readSecrets()
	c.complete()
	for _, f := range c.faults() {
		if !slices.Contains(r.unread, f.path) {
			r.complain(f.path, f.message())
		}
	}
	return c, r.faults.Err()
}

// reader collects the faults of one configuration.
type reader struct {
	config   *Config
	document *strictyaml.Document // nil without a file
	faults   strictyaml.Faults
	// variables are the names of those that set a path.
	variables map[string]string
	// unread are the paths of secrets whose file could not be read.
	unread []string
}

// complain adds a fault at path, placed where its value came from. A path that
// has a fault already, or lies within one that has, gets no second one.
func (r *reader) complain(path, message string) {
	f := strictyaml.Fault{File: environment, Path: path, Message: message}
	list, _, _ := strings.Cut(path, "[") // a variable sets a whole list of scalars
	switch variable := cmp.Or(r.variables[path], r.variables[list]); {
	case variable != "":
		f.Path = variable
	case r.document != nil:
		f = r.document.Fault(path, "%s", message)
	}
	if !r.faults.Covers(f.File, f.Path) {
		r.faults = append(r.faults, f)
	}
}

func defaults() Config {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return Config{
		Listen:       "127.0.0.1:8080",
		DataDir:      "gatehouse-data",
		Database:     Database{Driver: SQLite},
		Redis:        Redis{Prefix: "gatehouse:"},
		Outgoing:     Outgoing{Timeout: 10 * time.Second, MaxBytes: 1 << 20},
		Log:          Log{Level: "info", File: File{MaxBytes: 100 << 20, Keep: 10}, Syslog: Syslog{Facility: "local0"}},
		Metrics:      Metrics{Allow: loopback},
		Tracing:      Tracing{Ratio: 1},
		Session:      Session{Idle: 8 * time.Hour, Absolute: 24 * time.Hour},
		Limits:       Limits{ClientFailures: 200, AddressFailures: 1000, SignIns: 3000, Person: 300, APIToken: 30000, SCIM: 120000, Follower: 6000},
		SignInTraces: SignInTraces{Keep: 7 * 24 * time.Hour},
		Revocation:   Revocation{Staleness: 5 * time.Second},
		Audit:        Audit{Window: 5 * time.Millisecond, File: File{MaxBytes: 100 << 20}, Syslog: Syslog{Facility: "audit"}},
		Keys:         Keys{RotateEvery: 90 * 24 * time.Hour, Lead: time.Hour, Overlap: 2 * time.Hour, SAMLRotateEvery: 730 * 24 * time.Hour, SAMLLead: 30 * 24 * time.Hour},
		Product:      Product{Name: "Gatehouse"},
	}
}

// complete fills in the defaults that depend on other values.
func (c *Config) complete() {
	if c.Socket == "" {
		c.Socket = filepath.Join(c.DataDir, "broker.sock")
	}
	for i := range c.Connections {
		c.Connections[i].complete()
	}
}

// complete fills in the defaults of a connection.
func (n *Connection) complete() {
	if n.Type == "" {
		n.Type = TypeOIDC
	}
	if n.Title == "" {
		n.Title = n.ID
	}
	if n.Groups.Claim == "" {
		n.Groups.Claim = "groups"
	}
	n.Exchange.complete(n.Type)
	n.SCIM.complete()
	switch n.Type {
	case TypeSAML:
		n.SAML.complete()
		return
	case TypeSCIM:
		return
	}
	if n.Scopes == nil {
		n.Scopes = []string{"openid", "profile", "email"}
	}
	if n.Algorithms == nil {
		n.Algorithms = []string{"RS256", "ES256", "EdDSA", "PS256"}
	}
}

// complete fills in the defaults of what a connection may push.
func (s *SCIM) complete() {
	if s.Provisioning == "" {
		s.Provisioning = ProvisioningBoth
	}
	if s.Guard.Share == 0 {
		s.Guard.Share = 20
	}
	if s.Guard.Minimum == 0 {
		s.Guard.Minimum = 20
	}
	if s.Guard.Window == 0 {
		s.Guard.Window = time.Hour
	}
	if s.MaxResults == 0 {
		s.MaxResults = 1000
	}
	if s.MaxOperations == 0 {
		s.MaxOperations = 1000
	}
}

// anchor makes the relative paths of the file start at base.
func (c *Config) anchor(base string) {
	paths := []*string{
		&c.DataDir, &c.Socket, &c.Apps.Folder, &c.Product.Logo, &c.EncryptionKeyFile, &c.PreviousEncryptionKeysFile,
		&c.Database.DSNFile, &c.Redis.URLFile,
		&c.Log.File.Path, &c.Log.Syslog.CA, &c.Audit.File.Path, &c.Audit.Syslog.CA,
	}
	for i := range c.Connections {
		n := &c.Connections[i]
		paths = append(paths, &n.ClientSecretFile, &n.SAML.MetadataFile, &n.SAML.MetadataCertificatesFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
}
