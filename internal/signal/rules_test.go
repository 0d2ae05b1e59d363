package signal

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

func TestSettingsThatCannotBeKeptAreRefusedByTheirMember(t *testing.T) {
	push := func(endpoint string) Delivery { return Delivery{Method: Push, Endpoint: endpoint} }
	good := push("https://receiver.example/events")
	for _, c := range []struct {
		settings Settings
		pointer  string
	}{
		{Settings{Delivery: Delivery{Method: Poll}}, ""},
		{Settings{Delivery: good, Requested: []string{SessionRevoked, "urn:unheard:of"}, Description: "für die Löhne"}, ""},
		{Settings{Delivery: push("https://203.0.114.7/events")}, ""},
		{Settings{Delivery: Delivery{Method: Push, Endpoint: good.Endpoint, Authorization: "Bearer x"}}, ""},
		{Settings{}, "/delivery/method"},
		{Settings{Delivery: Delivery{Method: Poll, Endpoint: good.Endpoint}}, "/delivery/endpoint_url"},
		{Settings{Delivery: Delivery{Method: Poll, Authorization: "x"}}, "/delivery/authorization_header"},
		{Settings{Delivery: push("")}, "/delivery/endpoint_url"},
		{Settings{Delivery: push("http://receiver.example/")}, "/delivery/endpoint_url"},
		{Settings{Delivery: push("https://10.1.2.3/")}, "/delivery/endpoint_url"},
		{Settings{Delivery: push("https://[::1]/")}, "/delivery/endpoint_url"},
		{Settings{Delivery: push("http://127.0.0.1/")}, "/delivery/endpoint_url"},
		{Settings{Delivery: Delivery{Method: Push, Endpoint: good.Endpoint, Authorization: "a\nb"}}, "/delivery/authorization_header"},
		{Settings{Delivery: good, Description: "a\nb"}, "/description"},
		{Settings{Delivery: good, Description: strings.Repeat("ü", mostText+1)}, "/description"},
		{Settings{Delivery: good, Requested: make([]string, mostRequested+1)}, "/events_requested"},
		{Settings{Delivery: good, Requested: []string{"a\x00"}}, "/events_requested"},
	} {
		err := c.settings.check(httpx.Guard{}.Check)
		if got := fault.As(err); (err == nil) != (c.pointer == "") || err != nil && (got.Pointer != c.pointer || got.Kind != fault.Invalid) {
			t.Errorf("%+v: %v at %q, want %q", c.settings, err, got.Pointer, c.pointer)
		}
	}
	opened := httpx.Guard{AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if err := (Settings{Delivery: push("http://127.0.0.1:8095/signals")}).check(opened.Check); err != nil {
		t.Errorf("where an operator opened the network: %v", err)
	}
}

func TestAStreamCarriesWhatWasAskedForAndThereIs(t *testing.T) {
	s := Stream{Requested: []string{"urn:unheard:of", AccountDisabled, SessionRevoked, AccountDisabled}, Status: Enabled}
	if got := strings.Join(s.DeliveredTypes(), " "); got != SessionRevoked+" "+AccountDisabled {
		t.Error(got)
	}
	for status, want := range map[Status]bool{Enabled: true, Paused: true, Disabled: false} {
		s.Status = status
		if s.wants(SessionRevoked) != want || s.wants(CredentialChange) || s.wants("urn:unheard:of") != want {
			t.Errorf("%s", status)
		}
	}
}

func TestWhatAReceiverSaysIsKeptShortAndCanBeShown(t *testing.T) {
	for said, want := range map[string]string{
		"invalid_key": "invalid_key", " a\r\nb\x00 ": "a  b", "\xff\xfe": "", strings.Repeat("ü", 300): strings.Repeat("ü", 200) + "…",
	} {
		if got := Short(said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
