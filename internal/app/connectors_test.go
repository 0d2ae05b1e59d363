package app

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// The fields of a connection are the configuration's, but for secrets and files.
func TestAStoredConnectionHasEveryFieldOfTheConfiguration(t *testing.T) {
	names := func(of reflect.Type, tag string) (all []string) {
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get(tag), ",")
			if name != "client_secret" && !strings.HasSuffix(name, "_file") {
				all = append(all, name)
			}
		}
		slices.Sort(all)
		return all
	}
	for configured, stored := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[config.Connection](): reflect.TypeFor[connection.Settings](), reflect.TypeFor[config.SAML](): reflect.TypeFor[connection.SAML](),
		reflect.TypeFor[config.Groups](): reflect.TypeFor[connection.Groups](), reflect.TypeFor[config.Exchange](): reflect.TypeFor[connection.Exchange](),
		reflect.TypeFor[config.SCIM](): reflect.TypeFor[connection.SCIM](), reflect.TypeFor[config.Guard](): reflect.TypeFor[connection.Guard](), reflect.TypeFor[config.Extension](): reflect.TypeFor[connection.Extension](),
		reflect.TypeFor[config.Attribute](): reflect.TypeFor[connection.Attribute](), reflect.TypeFor[config.SubAttribute](): reflect.TypeFor[connection.SubAttribute](),
	} {
		if want, got := names(configured, "yaml"), names(stored, "json"); !slices.Equal(want, got) {
			t.Errorf("the configuration has %q, what is stored %q", want, got)
		}
	}
}

func TestSettingsComeBackAsTheyWere(t *testing.T) {
	pushes := config.SCIM{Provisioning: config.ProvisioningSCIM, Admins: true, Guard: config.Guard{Share: 30, Minimum: 5, Window: 2 * time.Hour}, MaxResults: 7, MaxOperations: 8, Extensions: []config.Extension{{
		Resource: "User", ID: "urn:acme:2.0:Badge", Name: "Badge", Attributes: []config.Attribute{
			{Name: "number", Type: "integer", Description: "d", Mutability: "immutable", Returned: "request"},
			{Name: "keys", Type: "complex", MultiValued: true, SubAttributes: []config.SubAttribute{{Name: "value", Description: "d", Type: "string", MultiValued: true, CaseExact: true}}},
			{Name: "pin", CaseExact: true},
		},
	}}}
	partner := config.Connection{
		SCIM: pushes,
		ID:   "p", Title: "P", Type: config.TypeSAML, Issuer: "urn:partner", Domains: []string{"p.example"}, Groups: config.Groups{Claim: "g"},
		Exchange: config.Exchange{Clients: map[string][]string{"desk": {"*"}}, Audiences: []string{"urn:a"}, Recipients: []string{"https://a.example/acs"}, MaxAge: 5 * time.Minute, ACR: []string{"urn:mfa"}},
		SAML: config.SAML{
			EntityID: "urn:us", MetadataURL: "https://p.example/metadata", Refresh: 2 * time.Hour, MaxAge: 48 * time.Hour, Signed: config.SignedBoth, Encrypted: true,
			Binding: config.BindingPost, NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Subject: "number", IDPInitiated: true, Skew: 90 * time.Second,
			Attributes: map[string][]string{"email": {"mail"}}, AuthnContexts: []string{"urn:mfa"},
		},
	}
	if back, err := configOf(settingsOf(partner)); err != nil || !reflect.DeepEqual(back, partner) {
		t.Errorf("%+v %v", back, err)
	}
	c := config.Connection{
		SCIM: pushes,
		ID:   "x", Title: "X", Type: config.TypeOIDC, Issuer: "https://idp.example/{tenantid}", ClientID: "c", Scopes: []string{"openid"}, Domains: []string{"x.example"},
		Algorithms: []string{"ES256"}, UserInfo: true, AllowedTenants: []string{"t"}, Claims: map[string]string{"name": "claims.n"}, Groups: config.Groups{Claim: "g"},
		Exchange: config.Exchange{
			Clients: map[string][]string{"desk": {"there", "elsewhere"}, "job": {"*"}}, Audiences: []string{"a"}, Types: []string{"at+jwt", "JWT"}, MaxAge: 90 * time.Second, Once: true,
			ACR: []string{"mfa"}, AMR: []string{"otp"},
		},
	}
	only := config.Connection{ID: "s", Title: "S", Type: config.TypeSCIM, Domains: []string{"s.example"}, Groups: config.Groups{Claim: "groups"}, SCIM: pushes}
	if back, err := configOf(settingsOf(only)); err != nil || !reflect.DeepEqual(back, only) {
		t.Errorf("%+v %v", back, err)
	}
	back, err := configOf(settingsOf(c))
	if err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("%+v %v", back, err)
	}
}

func TestClaimRulesAreCheckedWithTheRest(t *testing.T) {
	_, _, err := readConnection([]byte(`{"id":"X","issuer":"https://idp.example","client_id":"c","claims":{"name":"claims.","shoe":"1","email":""}}`), nil, time.Now())
	var faults strictyaml.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	if want := []string{"claims.email", "claims.name", "claims.shoe", "id"}; !slices.Equal(paths, want) {
		t.Errorf("%q", paths)
	}
}

func TestMetadataThatAConnectionBringsIsChecked(t *testing.T) {
	for name, c := range map[string]struct{ metadata, want string }{
		"no metadata":       {"<a/>", "saml_"},
		"of another entity": {`<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"urn:other\"/>`, "saml_"},
	} {
		_, _, err := readConnection([]byte(`{"id":"p","type":"saml","issuer":"urn:partner","saml":{"metadata":"`+c.metadata+`"}}`), nil, time.Now())
		var faults strictyaml.Faults
		if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Path != "saml.metadata" || !strings.Contains(faults[0].Message, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := config.Config{Connections: []config.Connection{{}, {Type: config.TypeSAML, Issuer: "urn:partner", SAML: config.SAML{MetadataFile: "nowhere.xml"}}}}
	if err := CheckMetadata(cfg, time.Now()); err == nil || !strings.HasPrefix(err.Error(), "connections[1].saml: metadata_file: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// What cannot be used fails by name, and takes nobody else with it.
func TestAConnectionThatCannotBeMadeFailsByName(t *testing.T) {
	stored := connection.Connection{Source: connection.Stored, Settings: connection.Settings{ID: "bad", Issuer: "https://idp.example", ClientID: "c", Algorithms: []string{"none"}}}
	c := &connectors{log: slog.New(slog.DiscardHandler)}
	made := c.make(t.Context(), stored)
	_, err := made.login.Connector.Begin(t.Context(), identity.Challenge{})
	var refused *identity.Refusal
	if fault.As(err).Code != "connection_unusable" || !errors.As(err, &refused) || refused.Check.Name != "settings" || !strings.Contains(refused.Check.Got, "algorithms[0]") {
		t.Errorf("%v", err)
	}
}
