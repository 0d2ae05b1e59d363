package app

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/connection"
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
	want, got := names(reflect.TypeFor[config.Connection](), "yaml"), names(reflect.TypeFor[connection.Settings](), "json")
	if !slices.Equal(want, got) {
		t.Errorf("the configuration has %q, what is stored %q", want, got)
	}
}

func TestSettingsComeBackAsTheyWere(t *testing.T) {
	c := config.Connection{
		ID: "x", Title: "X", Type: config.TypeOIDC, Issuer: "https://idp.example/{tenantid}", ClientID: "c", Scopes: []string{"openid"}, Domains: []string{"x.example"},
		Algorithms: []string{"ES256"}, UserInfo: true, AllowedTenants: []string{"t"}, Claims: map[string]string{"name": "claims.n"}, Groups: config.Groups{Claim: "g"},
	}
	back, err := configOf(settingsOf(c))
	if err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("%+v %v", back, err)
	}
}

func TestClaimRulesAreCheckedWithTheRest(t *testing.T) {
	_, _, err := readConnection([]byte(`{"id":"X","issuer":"https://idp.example","client_id":"c","claims":{"name":"claims.","shoe":"1","email":""}}`), nil)
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
