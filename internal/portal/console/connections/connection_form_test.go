package connections

import (
	"fmt"
	"testing"
)

func TestTheFormOfSAMLMakesWhatTheConfigurationHas(t *testing.T) {
	body := map[string]any{}
	for path, text := range map[string]string{
		"id": " p ", "saml.metadata_url": "https://idp.example/metadata", "saml.encrypted": "yes", "saml.attributes": "email = mail, urn:oid:1\nname=cn", "domains": "a.example b.example",
		"saml.idp_initiated": "", "claims": "no equals sign",
	} {
		for _, f := range settingsOf(typeSAML) {
			if f.path == path {
				if v := read(f.kind, text); v != nil {
					put(body, path, v)
				}
			}
		}
	}
	if got, want := fmt.Sprint(body), "map[claims:map[no equals sign:] domains:[a.example b.example] id:p saml:map[attributes:map[email:[mail urn:oid:1] name:[cn]] encrypted:true metadata_url:https://idp.example/metadata]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if text, _ := written(setting{kind: asLists}, map[string]any{"name": []any{"cn"}, "email": []any{"mail", "m"}}); text != "email = mail, m\nname = cn" {
		t.Errorf("%q", text)
	}
}
