package signal

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Settings are what a receiver decides about its stream (SSF 1.0, section 8.1.1).
type Settings struct {
	Requested   []string
	Delivery    Delivery
	Description string
}

// Delivery is how a receiver wants to get events. With Poll, Endpoint is ours and left
// out here.
type Delivery struct {
	Method   string
	Endpoint string
	// Authorization is the value of the header Authorization of every push, empty for
	// none.
	Authorization string
}

// errSetting refuses a setting; it points at the member.
func errSetting(at, format string, args ...any) error {
	return fault.New(fault.Invalid, "stream_invalid", format, args...).At(at)
}

// check refuses settings that cannot be kept. Types of events that there are not are
// kept and ignored (SSF 1.0, section 8.1.1).
func (s Settings) check(allowed func(netip.Addr) error) error {
	if len(s.Requested) > mostRequested {
		return errSetting("/events_requested", "at most %d types can be asked for", mostRequested)
	}
	for _, t := range s.Requested {
		if len(t) > mostText || !plainText(t) {
			return errSetting("/events_requested", "a type is a URI of at most %d characters", mostText)
		}
	}
	if !plainText(s.Description) || utf8.RuneCountInString(s.Description) > mostText {
		return errSetting("/description", "a description has at most %d characters, and no control characters", mostText)
	}
	return s.Delivery.check(allowed)
}

func (d Delivery) check(allowed func(netip.Addr) error) error {
	switch {
	case d.Method == Poll && d.Endpoint != "":
		return errSetting("/delivery/endpoint_url", "for polling, the address is ours: leave it out, or send the one that we gave")
	case d.Method == Poll && d.Authorization != "":
		return errSetting("/delivery/authorization_header", "is for pushing only")
	case d.Method == Poll:
		return nil
	case d.Method != Push:
		return errSetting("/delivery/method", "must be %s (push) or %s (poll)", Push, Poll)
	case d.Endpoint == "":
		return errSetting("/delivery/endpoint_url", "is required: where to push to")
	}
	if rule := catalog.URIRule(d.Endpoint); rule != "" {
		return errSetting("/delivery/endpoint_url", "%s", rule)
	}
	// A name is looked up when it is called, by the guarded dialer. What is an address
	// already can be refused now.
	if u, err := url.Parse(d.Endpoint); err == nil {
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && allowed(ip) != nil {
			return errSetting("/delivery/endpoint_url", "this address must not be called from here")
		}
	}
	if len(d.Authorization) > mostHeader || !headerText(d.Authorization) {
		return errSetting("/delivery/authorization_header", "must be at most %d ASCII characters, as a header field has them", mostHeader)
	}
	return nil
}

// plainText reports whether a text can be shown: no control characters, and UTF-8.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func headerText(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// into puts the settings into a stream; sealed is the authorization, encrypted.
func (s Settings) into(of Stream, sealed []byte) Stream {
	of.Requested, of.Description = slices.Clone(s.Requested), s.Description
	if of.Requested == nil {
		of.Requested = []string{}
	}
	of.Method, of.Endpoint, of.Authorization = s.Delivery.Method, s.Delivery.Endpoint, sealed
	return of
}
