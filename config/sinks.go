package config

import (
	"net/url"
	"slices"
)

// facilities are the names of syslog facilities that may be used (RFC 5424, section
// 6.2.1).
var facilities = []string{
	"user", "daemon", "auth", "authpriv", "audit", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// leastFile is the smallest size that a file is put aside at, in bytes.
const leastFile = 64 << 10

func (k *checker) file(path string, f File) {
	if f.MaxBytes != 0 && f.MaxBytes < leastFile {
		k.fail(path+".max_bytes", "must be 0, for any size, or at least %d", leastFile)
	}
	if f.Keep < 0 || f.Keep > 10_000 {
		k.fail(path+".keep", "must be from 0, which keeps all, to 10000")
	}
}

func (k *checker) syslog(path string, s Syslog) {
	if !slices.Contains(facilities, s.Facility) {
		k.fail(path+".facility", "must be user, daemon, auth, authpriv, audit or local0 to local7")
	}
	u, err := url.Parse(s.Address)
	switch {
	case s.Address == "":
		if s.CA != "" {
			k.fail(path+".ca", "is for an address that begins with tls")
		}
		return
	case err != nil || !syslogURL(u):
		k.fail(path+".address", "must be unix:///path, udp://host:port, tcp://host:port or tls://host:port")
	case s.CA != "" && u.Scheme != "tls":
		k.fail(path+".ca", "is for an address that begins with tls")
	}
}

func syslogURL(u *url.URL) bool {
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.Scheme == "unix" {
		return u.Host == "" && len(u.Path) > 1
	}
	return slices.Contains([]string{"udp", "tcp", "tls"}, u.Scheme) && u.Hostname() != "" && validPort(u.Port()) && u.Path == ""
}
