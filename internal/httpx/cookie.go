package httpx

import "strings"

// BoundCookie returns the name and path of a cookie that nobody else can set for
// this broker. Over https it has the prefix __Host- (RFC 6265bis, section 4.1.3.2), which
// keeps out every other host, and so the path /; the prefix that the broker is
// served under becomes part of its name, so that two brokers can share a host.
func BoundCookie(base, prefix string, secure bool) (name, path string) {
	if !secure {
		return base, prefix + "/"
	}
	marked := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, prefix)
	return "__Host-" + base + marked, "/"
}
