package config_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

const (
	oidcHead = "id: acme\nissuer: https://idp.example\nclient_id: gatehouse\n"
	samlHead = "id: acme\ntype: saml\nissuer: https://idp.example\nsaml: {metadata_url: https://idp.example/metadata}\n"
)

func TestNobodyMayBringTokensUnlessTheConnectionSaysSo(t *testing.T) {
	for _, head := range []string{oidcHead, samlHead} {
		n, err := config.ParseConnection([]byte(head), nil)
		if err != nil || n.Exchange.Clients != nil || n.Exchange.MaxAge != 0 || n.Exchange.Types != nil {
			t.Errorf("%+v %v", n.Exchange, err)
		}
	}
	n, err := config.ParseConnection([]byte(oidcHead+"exchange: {clients: {desk: [there]}}"), nil)
	if err != nil || n.Exchange.MaxAge != 10*time.Minute || !slices.Equal(n.Exchange.Types, []string{config.TypeAccessToken}) {
		t.Errorf("%+v %v", n.Exchange, err)
	}
	n, err = config.ParseConnection([]byte(samlHead+`exchange: {clients: {desk: ["*"]}, max_age: 5m}`), nil)
	if err != nil || n.Exchange.MaxAge != 5*time.Minute || n.Exchange.Types != nil {
		t.Errorf("%+v %v", n.Exchange, err)
	}
}

func TestWhatMayBeBroughtIsCheckedFieldByField(t *testing.T) {
	for text, want := range map[string][]string{
		oidcHead + "exchange: {once: true}":                                                                                    {"exchange.clients"},
		oidcHead + "exchange: {clients: {}}":                                                                                   {"exchange.clients"},
		oidcHead + "exchange: {clients: {desk: []}}":                                                                           {"exchange.clients.desk"},
		oidcHead + `exchange: {clients: {desk: ["*", there]}}`:                                                                 {"exchange.clients.desk"},
		oidcHead + `exchange: {clients: {desk: [there, there, ""]}}`:                                                           {"exchange.clients.desk[1]", "exchange.clients.desk[2]"},
		oidcHead + `exchange: {clients: {desk: [there]}, types: [logout+jwt, JWT], recipients: [https://a.example]}`:           {"exchange.recipients", "exchange.types[0]"},
		oidcHead + `exchange: {clients: {desk: [there]}, types: []}`:                                                           {"exchange.types"},
		oidcHead + `exchange: {clients: {desk: [there]}, max_age: 2d}`:                                                         {"exchange.max_age"},
		oidcHead + `exchange: {clients: {desk: [there]}, audiences: ["a b", c, c], acr: [""]}`:                                 {"exchange.acr[0]", "exchange.audiences[0]", "exchange.audiences[2]"},
		oidcHead + `exchange: {clients: {desk: [there]}, algorithms: [HS256]}`:                                                 {"exchange.algorithms"},
		oidcHead + "algorithms: [HS256]\nexchange: {clients: {desk: [there]}}":                                                 {"algorithms[0]"},
		samlHead + `exchange: {clients: {desk: [there]}}`:                                                                      {"exchange.clients.desk"},
		samlHead + `exchange: {clients: {desk: ["*"]}, types: [JWT], once: true, amr: [pwd]}`:                                  {"exchange.amr", "exchange.once", "exchange.types"},
		samlHead + `exchange: {clients: {desk: ["*"]}, recipients: [https://app.example/acs], audiences: [urn:app], acr: [a]}`: nil,
	} {
		_, err := config.ParseConnection([]byte(text), nil)
		var faults strictyaml.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range faults {
			paths = append(paths, f.Path)
		}
		slices.Sort(paths)
		if !slices.Equal(paths, want) {
			t.Errorf("%s\nfaults at %q, want %q", text, paths, want)
		}
	}
}
