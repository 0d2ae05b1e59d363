package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// Validate reports everything that is wrong with c, one fault a line. Load has
// called it already; it is for a Config that was made otherwise. Defaults must be
// filled in.
func (c Config) Validate() error {
	var faults strictyaml.Faults
	for _, f := range c.faults() {
		faults = append(faults, strictyaml.Fault{File: "configuration", Path: f.path, Message: f.message()})
	}
	return faults.Err()
}

// complaint is a fault without its place in a file.
type complaint struct {
	path, format string
	args         []any
}

// message is the complaint in words.
func (c complaint) message() string { return fmt.Sprintf(c.format, c.args...) }

// checker collects complaints.
type checker struct{ found []complaint }

func (k *checker) fail(path, message string, args ...any) {
	k.found = append(k.found, complaint{path, message, args})
}

// between checks that a duration is within bounds, which are included.
func (k *checker) between(path string, d, least, most time.Duration) {
	if d < least || d > most {
		k.fail(path, "must be from %s to %s", least, most)
	}
}

// maxLimit is what can be told apart within a minute.
const maxLimit = 10_000_000

func (k *checker) limit(path string, n int64) {
	if n < 0 || n > maxLimit {
		k.fail(path, "must be from 0, which means no limit, to %d", maxLimit)
	}
}

// unique checks that no item of a list stands there twice.
func (k *checker) unique(path string, items []string) {
	for i, item := range items {
		if slices.Contains(items[:i], item) {
			k.fail(at(path, i), "is listed twice")
		}
	}
}

// faults lists everything that is wrong with c.
func (c *Config) faults() []complaint {
	k := &checker{}
	k.server(c)
	k.storage(c)
	k.secrets(c)
	k.networks("trusted_proxies", c.TrustedProxies)
	for i, p := range c.TrustedProxies {
		if p.Bits() == 0 {
			k.fail(at("trusted_proxies", i), "would let everybody say who they are: name the proxies' networks")
		}
	}
	k.operations(c)
	k.lifetimes(c)
	k.unique("policy.third_party", c.Policy.ThirdParty)
	for i, name := range c.Policy.ThirdParty {
		if !label.MatchString(name) {
			k.fail(at("policy.third_party", i), "must be the name of an app")
		}
	}
	k.unique("admin.admins", c.Admin.Admins)
	k.unique("admin.four_eyes", c.Admin.FourEyes)
	k.connections(c)
	k.mappings(c)
	return k.found
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// maxSocketPath is what a Unix socket's path may have on every system.
const maxSocketPath = 100

func (k *checker) server(c *Config) {
	switch message := webURL(c.Issuer); {
	case c.Issuer == "":
		k.fail("issuer", "is required: the public URL of the broker")
	case message != "":
		k.fail("issuer", "%s", message)
	case strings.HasSuffix(c.Issuer, "/") || strings.Contains(c.Issuer, "?"):
		k.fail("issuer", "must have neither a query nor a slash at its end")
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || !validPort(port) {
		k.fail("listen", "must be host:port")
	}
	if c.DataDir == "" {
		k.fail("data_dir", "must not be empty")
	}
	if len(c.Socket) > maxSocketPath {
		k.fail("socket", "must be a path of at most %d bytes, which is what a Unix socket allows: this one has %d", maxSocketPath, len(c.Socket))
	}
	k.product(c.Product)
}

func (k *checker) storage(c *Config) {
	switch {
	case c.Database.Driver != SQLite && c.Database.Driver != Postgres:
		k.fail("database.driver", "must be sqlite or postgres")
	case c.Database.Driver == Postgres && c.Database.DSN == "":
		k.fail("database.dsn", "is required for postgres")
	case c.Database.Driver == SQLite && c.Database.DSN != "":
		k.fail("database.dsn", "is for postgres: SQLite lives in data_dir")
	}
	if c.Redis.URL == "" {
		return
	}
	if u, err := url.Parse(c.Redis.URL.Reveal()); err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		k.fail("redis.url", "must be a redis://, rediss:// or unix:// URL")
	}
}

func (k *checker) secrets(c *Config) {
	if c.EncryptionKey == "" {
		k.fail("encryption_key", "is required: `broker init` makes one")
	} else if _, err := c.EncryptionKey.Key(); err != nil {
		k.fail("encryption_key", "%s", err)
	}
	for i, s := range c.PreviousEncryptionKeys {
		if _, err := s.Key(); err != nil {
			k.fail(at("previous_encryption_keys", i), "%s", err)
		}
	}
}

// networks checks that every prefix says what it means.
func (k *checker) networks(path string, list []netip.Prefix) {
	for i, p := range list {
		if p.IsValid() && p != p.Masked() {
			k.fail(at(path, i), "has bits beyond its length: did you mean %s?", p.Masked())
		}
	}
}

func (k *checker) operations(c *Config) {
	k.networks("outgoing.allow_networks", c.Outgoing.AllowNetworks)
	k.networks("metrics.allow", c.Metrics.Allow)
	if c.Outgoing.MaxBytes < 64<<10 || c.Outgoing.MaxBytes > 64<<20 {
		k.fail("outgoing.max_bytes", "must be from 65536 to 67108864")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		k.fail("log.level", "must be debug, info, warn or error")
	}
	k.file("log.file", c.Log.File)
	k.syslog("log.syslog", c.Log.Syslog)
	k.file("audit.file", c.Audit.File)
	k.syslog("audit.syslog", c.Audit.Syslog)
	if c.Log.File.Path != "" && c.Log.File.Path == c.Audit.File.Path {
		k.fail("audit.file.path", "is the path of the log")
	}
	if c.Tracing.Ratio < 0 || c.Tracing.Ratio > 1 {
		k.fail("tracing.ratio", "must be from 0 to 1")
	}
	if c.Tracing.Endpoint == "" {
		return
	}
	if u, err := url.Parse(c.Tracing.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		k.fail("tracing.endpoint", "must be an http or https URL")
	}
}

func (k *checker) lifetimes(c *Config) {
	const day = 24 * time.Hour
	k.between("outgoing.timeout", c.Outgoing.Timeout, 100*time.Millisecond, 2*time.Minute)
	k.between("session.absolute", c.Session.Absolute, time.Minute, 30*day)
	k.between("session.idle", c.Session.Idle, time.Minute, max(c.Session.Absolute, time.Minute))
	k.limit("limits.client_failures", c.Limits.ClientFailures)
	k.limit("limits.address_failures", c.Limits.AddressFailures)
	k.limit("limits.sign_ins", c.Limits.SignIns)
	k.limit("limits.person", c.Limits.Person)
	k.limit("limits.client", c.Limits.Client)
	k.limit("limits.address", c.Limits.Address)
	k.limit("limits.api_token", c.Limits.APIToken)
	k.limit("limits.scim", c.Limits.SCIM)
	k.limit("limits.follower", c.Limits.Follower)
	k.between("sign_in_traces.keep", c.SignInTraces.Keep, time.Hour, 90*day)
	k.between("revocation.staleness", c.Revocation.Staleness, 500*time.Millisecond, time.Minute)
	k.between("shutdown.delay", c.Shutdown.Delay, 0, time.Minute)
	k.between("audit.window", c.Audit.Window, 0, 100*time.Millisecond)
	k.between("keys.lead", c.Keys.Lead, time.Second, 7*day)
	k.between("keys.overlap", c.Keys.Overlap, 10*time.Minute, 30*day)
	k.between("keys.rotate_every", c.Keys.RotateEvery, max(2*c.Keys.Lead, time.Minute), 730*day)
	k.between("keys.saml_lead", c.Keys.SAMLLead, time.Second, 180*day)
	k.between("keys.saml_rotate_every", c.Keys.SAMLRotateEvery, max(2*c.Keys.SAMLLead, time.Minute), 3650*day)
}

// webURL says what is wrong with an absolute URL that must be https, or http on
// loopback; "" means nothing.
func webURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || strings.ContainsFunc(text, unsafe):
		return "must be an absolute URL"
	case u.User != nil || strings.Contains(text, "#"):
		return "must have neither a user nor a fragment"
	case u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname()):
		return ""
	}
	return "must be https, or http on loopback"
}

// Loopback reports whether host, without a port, is this machine by its name or
// address.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// unsafe reports what no URL has in its literal form.
func unsafe(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '"' || r == '<' || r == '>' }

func unprintable(r rune) bool { return !strconv.IsPrint(r) }

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == text
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
