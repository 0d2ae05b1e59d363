package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestASAMLConnectionIsAddedTestedAndExplained uses npm samlify, which the
// configuration knows nothing of.
func TestASAMLConnectionIsAddedTestedAndExplained(t *testing.T) {
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	a := newAttacker(t)
	port := testkit.FreePort(t)
	base := "http://127.0.0.1:" + port
	settings := func(more string) []byte {
		return fmt.Appendf(nil, `{"id":"own","title":"Elsewhere","type":"saml","issuer":"%[1]s/metadata","domains":["elsewhere.example"],"saml":{"metadata_url":"%[1]s/metadata","name_id_format":"persistent"%[2]s}}`, base, more)
	}
	a.manage(t, http.MethodPut, "/connections/own?disabled=true", settings(""))
	a.manage(t, http.MethodPut, "/mappings/own/g-42", []byte(`{"name":"all-employees"}`))
	startSamlify(t, port, a.Issuer())

	var made struct{ Trace, URL string }
	if err := json.Unmarshal(a.manage(t, http.MethodPost, "/connections/own/test", nil), &made); err != nil {
		t.Fatal(err)
	}
	b := browser.New()
	page, err := b.Get(t.Context(), made.URL)
	if err != nil {
		t.Fatal(err)
	}
	begin, _ := page.Link("Begin the test")
	if page, err = b.Get(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	page = submit(t, b, submit(t, b, page, map[string][]string{"username": {"grace"}}), nil)
	if page.URL.String() != made.URL || !strings.Contains(page.Text(), "grace@elsewhere.example") || !strings.Contains(page.Text(), "all-employees") {
		t.Fatalf("%s %s", page.URL, page.Text())
	}
	if _, in := a.account(t, b); in {
		t.Error("the test signed somebody in")
	}
	found := a.trace(made.Trace)
	if !found.Passed || len(found.Checks) < 10 || len(found.Attributes) == 0 {
		t.Errorf("%+v", found)
	}
	a.manage(t, http.MethodPost, "/connections/own/enable", nil)
	a.known(t)
	if page := a.samlSignIn(t, b, "grace"); !strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").URL) {
		t.Fatalf("%s %s", page.URL, page.Text())
	}

	// The provider knows us by another name than the connection now has.
	a.manage(t, http.MethodPut, "/connections/own", settings(`,"entity_id":"https://other.example/sp"`))
	a.known(t)
	page = a.samlSignIn(t, browser.New(), "grace")
	code := codeOnPage.FindString(page.Text())
	if code == "" {
		t.Fatalf("%s %s", page.URL, page.Text())
	}
	found = a.trace(code)
	wrong := false
	for _, c := range found.Checks {
		wrong = wrong || c.Name == "audience" && !c.Passed && c.Expected == "https://other.example/sp" && strings.Contains(c.Got, "/login/saml/own/metadata")
	}
	if !wrong || found.Rule != "saml_audience" || found.Document == "" {
		t.Errorf("%+v", found)
	}
	for _, secret := range []string{"grace@elsewhere.example", "SignatureValue>M", "grace of Elsewhere"} {
		if strings.Contains(found.Document, secret) {
			t.Errorf("the document has %s: %s", secret, found.Document)
		}
	}
	a.manage(t, http.MethodDelete, "/connections/own", nil)
	if _, in := a.account(t, b); in {
		t.Error("signed in after the connection is gone")
	}
}
