package config_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

func TestOneConnectionIsReadByTheRulesOfTheFile(t *testing.T) {
	others := []config.Connection{{ID: "acme", Domains: []string{"acme.example"}}}
	n, err := config.ParseConnection([]byte(`{"id":"partner","issuer":"https://idp.partner.example","client_id":"gatehouse","domains":["partner.example"]}`), others)
	if err != nil || n.Type != config.TypeOIDC || n.Title != "partner" || len(n.Scopes) != 3 || len(n.Algorithms) == 0 || n.Groups.Claim != "groups" {
		t.Fatalf("%+v %v", n, err)
	}
	_, err = config.ParseConnection([]byte(`
id: acme
issuer: http://idp.partner.example
client_secret_file: /etc/passwd
scopes: [profile]
algorithms: [HS256, none]
domains: [acme.example, Partner.example]
claims: {name: " "}
shoe_size: 42
title: 7
`), others)
	var faults strictyaml.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	want := []string{
		"algorithms[0]", "algorithms[1]", "claims.name", "client_id", "client_secret_file", "domains[0]", "domains[1]", "id", "issuer", "scopes", "shoe_size", "title",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("faults at %q, want %q", paths, want)
	}
}

func TestWhatAConnectionPushesIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"p","type":"scim"}`: "",
		`{"id":"p","type":"scim","scim":{"provisioning":"scim","guard":{"share":50,"minimum":3,"window":"2h"}}}`:                                                                                                                                    "",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`: "",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]},{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`: "scim.extensions[1].id",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"Device","id":"urn:acme:2.0:Badge","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`:                                                                                                                                                                                        "scim.extensions[0].resource",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"badge","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`:                                                                                                                                                                                                       "scim.extensions[0].id",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:ietf:params:scim:schemas:core:2.0:User","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`:                                                                                                                                                                  "scim.extensions[0].id",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:","attributes":[{"name":"number","type":"integer"},{"name":"keys","type":"complex","multi_valued":true,"sub_attributes":[{"name":"value"}]}]}]}}`:                                                                                                                                                                                                   "scim.extensions[0].id",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge"}]}}`:                                                                                               "scim.extensions[0].attributes",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a b"}]}]}}`:                                                                 "scim.extensions[0].attributes[0].name",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a"},{"name":"A"}]}]}}`:                                                      "scim.extensions[0].attributes[1].name",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","type":"text"}]}]}}`:                                                     "scim.extensions[0].attributes[0].type",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","type":"complex"}]}]}}`:                                                  "scim.extensions[0].attributes[0].sub_attributes",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","sub_attributes":[{"name":"b"}]}]}]}}`:                                   "scim.extensions[0].attributes[0].sub_attributes",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","type":"complex","sub_attributes":[{"name":"b","type":"complex"}]}]}]}}`: "scim.extensions[0].attributes[0].sub_attributes[0].type",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","mutability":"readOnly"}]}]}}`:                                           "scim.extensions[0].attributes[0].mutability",
		`{"id":"p","type":"scim","scim":{"extensions":[{"resource":"User","id":"urn:acme:2.0:Badge","attributes":[{"name":"a","returned":"always"}]}]}}`:                                               "scim.extensions[0].attributes[0].returned",
		`{"id":"p","type":"scim","scim":{"max_results":1001}}`:         "scim.max_results",
		`{"id":"p","type":"scim","scim":{"max_operations":-1}}`:        "scim.max_operations",
		`{"id":"p","type":"scim","client_id":"c"}`:                     "client_id",
		`{"id":"p","type":"scim","issuer":"https://idp.example"}`:      "issuer",
		`{"id":"p","type":"scim","scim":{"provisioning":"jit"}}`:       "scim.provisioning",
		`{"id":"p","type":"scim","scim":{"provisioning":"sometimes"}}`: "scim.provisioning",
		`{"id":"p","type":"scim","scim":{"guard":{"share":101}}}`:      "scim.guard.share",
		`{"id":"p","type":"scim","scim":{"guard":{"minimum":-1}}}`:     "scim.guard.minimum",
		`{"id":"p","type":"scim","scim":{"guard":{"window":"1s"}}}`:    "scim.guard.window",
		`{"id":"p","type":"scim","scim":{"guard":{"window":"30d"}}}`:   "scim.guard.window",
	} {
		c, err := config.ParseConnection([]byte(text), nil)
		var faults strictyaml.Faults
		switch errors.As(err, &faults); {
		case want == "" && (err != nil || c.SCIM.Guard.Window == 0):
			t.Errorf("%s: %+v %v", text, c, err)
		case want != "" && (len(faults) == 0 || faults[0].Path != want):
			t.Errorf("%s: %v, want a fault at %s", text, err, want)
		}
	}
}
