package catalog

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxURI is the longest URI of a manifest, in bytes.
const maxURI = 2000

// host is a DNS name or an IPv4 address.
var host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

// uri checks an address that people or the broker are sent to.
func (c *checker) uri(path, uri string) {
	if message := badURI(uri); message != "" {
		c.fail(path, "%s", message)
	}
}

// URIRule says why a URI that an app hands in cannot be registered, as a rule that
// follows its name; "" means that it can. See the manifest's URIs.
func URIRule(uri string) string { return badURI(uri) }

// badURI says why a URI cannot be registered; "" means that it can. A registered
// URI is compared byte by byte (RFC 9700, section 4.1), so it must have one
// reading only: nothing that a browser and a server could take differently.
func badURI(uri string) string {
	switch {
	case len(uri) > maxURI:
		return "must have at most 2000 characters"
	case strings.Contains(uri, "*"):
		return "must be exact: no wildcard"
	case strings.ContainsFunc(uri, ambiguous):
		return `must be ASCII without spaces, control characters, quotes, brackets or backslashes`
	case strings.Contains(uri, "#"):
		return "must not have a fragment"
	case !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "http://"):
		return "must be https, or http on loopback"
	}
	u, err := url.Parse(uri)
	if err != nil {
		return "must be an absolute URL"
	}
	if message := badAuthority(u); message != "" {
		return message
	}
	return badPath(u)
}

// ambiguous reports characters that have no place in a URI (RFC 3986, section
// 2), and that some readers drop or rewrite. Square brackets are for IPv6.
func ambiguous(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }

func badAuthority(u *url.URL) string {
	name := u.Hostname()
	_, port, hasPort := strings.Cut(strings.TrimPrefix(u.Host, "["+name+"]"), ":")
	n, err := strconv.ParseUint(port, 10, 16)
	switch ip, notIP := netip.ParseAddr(name); {
	case u.User != nil:
		return "must not have a user before the host"
	case !host.MatchString(name) && (notIP != nil || ip.Zone() != ""):
		return "must have a host name in ASCII"
	case hasPort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port):
		return "must have a port from 1 to 65535, or none"
	case u.Scheme == "http" && name != "localhost" && (notIP != nil || !ip.IsLoopback()):
		return "must be https, or http on loopback"
	}
	return ""
}

func badPath(u *url.URL) string {
	escaped := strings.NewReplacer("%2e", ".", "%2f", "/", "%5c", "\\", "%3b", ";").Replace(strings.ToLower(u.EscapedPath()))
	for segment := range strings.SplitSeq(escaped, "/") {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." || strings.Contains(segment, "\\") {
			return "must not have dot segments in its path"
		}
	}
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil || strings.ContainsFunc(u.Path+query, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "must not have escaped control characters"
	}
	return ""
}
