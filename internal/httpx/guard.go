package httpx

import (
	"fmt"
	"net/netip"
)

// Guard decides which addresses may be called. The zero value permits public
// unicast addresses only.
type Guard struct {
	// AllowLoopback and AllowedNetworks are as in OutgoingOptions.
	AllowLoopback   bool
	AllowedNetworks []netip.Prefix
}

// closed are networks that are not on the public internet, or that reach another
// one in disguise (IANA special-purpose address registries, RFC 6890). IPv6
// outside of 2000::/3 is refused as a whole.
var closed = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // carrier-grade NAT, RFC 6598
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
	"2001::/23",       // protocol assignments, Teredo
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: an IPv4 address in disguise
	"3fff::/20",       // documentation
)

// metadata are the addresses of cloud metadata services. They hand out
// credentials to whoever asks from this machine and are never opened.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"),
	netip.MustParseAddr("169.254.170.2"),   // container credentials
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure, a public address
	netip.MustParseAddr("fd00:ec2::254"),
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// translated are the NAT64 prefixes, whose last four bytes are an IPv4 address.
	translated = prefixes("64:ff9b::/96", "64:ff9b:1::/48")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Check fails with ErrForbiddenAddress for an address that must not be called.
func (g Guard) Check(a netip.Addr) error {
	a = plain(a)
	switch {
	case !a.IsValid(), isMetadata(a):
	case g.opened(a), isPublic(a):
		return nil
	}
	return fmt.Errorf("%w: %s", ErrForbiddenAddress, a)
}

// opened reports whether configuration names the address.
func (g Guard) opened(a netip.Addr) bool {
	a = plain(a)
	return g.AllowLoopback && a.IsLoopback() || within(a, g.AllowedNetworks)
}

// plain takes an IPv4 address out of an IPv4-mapped one and the zone off.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func isPublic(a netip.Addr) bool {
	if within(a, closed) {
		return false
	}
	return a.Is4() || globalUnicast.Contains(a)
}

// isMetadata also looks inside NAT64 addresses: an operator who opens such a
// prefix does not open what must stay closed.
func isMetadata(a netip.Addr) bool {
	if within(a, translated) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, m := range metadata {
		if a == m {
			return true
		}
	}
	return false
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
