package idp_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

func deflated(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	f, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestAnAssertionSaysWhoWhereFromAndForWhom(t *testing.T) {
	w := newWorld(t)
	a := w.answered(w.send(request{text: authn("_1", "", ""), relay: "deep/link?x=1"}), xmlgate.Want{Signed: xmlgate.Both})
	s := a.assertion
	switch data := s.Subject.SubjectConfirmations[0].SubjectConfirmationData; {
	case a.target != acs || a.relay != "deep/link?x=1" || a.response.Destination != acs || a.response.InResponseTo != "_1":
		t.Errorf("sent to %s with %q, for %s, in response to %s", a.target, a.relay, a.response.Destination, a.response.InResponseTo)
	case s.Issuer.Value != idp.EntityID(issuer) || a.response.Issuer.Value != s.Issuer.Value:
		t.Errorf("issuer %s", s.Issuer.Value)
	case data.Recipient != acs || data.InResponseTo != "_1" || !data.NotOnOrAfter.Equal(w.now.Add(5*time.Minute)) || s.Subject.SubjectConfirmations[0].Method != "urn:oasis:names:tc:SAML:2.0:cm:bearer":
		t.Errorf("confirmed by %+v", s.Subject.SubjectConfirmations)
	case s.Conditions.AudienceRestrictions[0].Audience.Value != wiki || !s.Conditions.NotOnOrAfter.Equal(w.now.Add(5*time.Minute)) || s.Conditions.NotBefore.After(w.now):
		t.Errorf("conditions %+v", s.Conditions)
	case s.AuthnStatements[0].AuthnContext.AuthnContextClassRef.Value != identity.ACRPasswordProtected || !s.AuthnStatements[0].AuthnInstant.Equal(w.now.Add(-time.Minute)) ||
		!s.AuthnStatements[0].SessionNotOnOrAfter.Equal(w.session.Expires):
		t.Errorf("signed in %+v", s.AuthnStatements[0])
	case !slices.Equal(a.values("name"), []string{"Alice <Moreau>"}) || !slices.Equal(a.values("groups"), w.decision.Groups) || !slices.Equal(a.values("email_verified"), []string{"true"}):
		t.Errorf("attributes %+v", s.AttributeStatements)
	}
	if len(w.participants) != 1 || w.participants[0].SessionIndex != s.AuthnStatements[0].SessionIndex || w.participants[0].NameID != s.Subject.NameID.Value {
		t.Errorf("takes part as %+v", w.participants)
	}
	if len(w.events) != 1 || w.events[0].Type != "assertion.issued" || w.events[0].Subject.ID != s.ID || w.events[0].Data["person"] != "p-alice" {
		t.Errorf("audited as %+v", w.events)
	}
}

func TestPeopleAreNamedAsTheManifestSays(t *testing.T) {
	w := newWorld(t)
	name := func(format, id string) string {
		w.apps[wiki].SAML.NameIDFormat = format
		a := w.answered(w.send(request{text: authn(id, "", "")}), xmlgate.Want{Signed: xmlgate.Both})
		if got := a.assertion.Subject.NameID.Format; got != format {
			t.Errorf("format %s instead of %s", got, format)
		}
		return a.assertion.Subject.NameID.Value
	}
	lasting := name(catalog.NameIDPersistent, "_1")
	if again := name(catalog.NameIDPersistent, "_2"); again != lasting || strings.Contains(lasting, "alice") || len(lasting) < 26 {
		t.Errorf("persistent: %s, then %s", lasting, again)
	}
	if one, two := name(catalog.NameIDTransient, "_3"), name(catalog.NameIDTransient, "_4"); one == two {
		t.Errorf("transient twice: %s", one)
	}
	if email := name(catalog.NameIDEmail, "_5"); email != "alice@acme.example" {
		t.Errorf("e-mail: %s", email)
	}
	if sub := name(catalog.NameIDUnspecified, "_6"); sub != "p-alice" {
		t.Errorf("unspecified: %s", sub)
	}
	w.add("https://other.example", func(c *registry.Client) { c.SAML.ACS = []string{"https://other.example/acs"} })
	elsewhere := w.answered(w.send(request{text: strings.Replace(authn("_7", "", ""), wiki, "https://other.example", 1)}), xmlgate.Want{Signed: xmlgate.Both})
	if got := elsewhere.assertion.Subject.NameID; got.Value == lasting || got.SPNameQualifier != "https://other.example" || got.NameQualifier != idp.EntityID(issuer) {
		t.Errorf("another app calls the person %+v as well", got)
	}
}

func TestWhatIsSignedAndEncryptedIsWhatTheManifestSays(t *testing.T) {
	w := newWorld(t)
	theirs := pair(t, "wiki")
	for name, c := range map[string]struct {
		change func(*registry.ServiceProvider)
		want   xmlgate.Want
	}{
		"assertion alone": {func(p *registry.ServiceProvider) { p.SignResponse = false }, xmlgate.Want{Signed: xmlgate.Assertion}},
		"response alone":  {func(p *registry.ServiceProvider) { p.SignAssertion = false }, xmlgate.Want{Signed: xmlgate.Envelope}},
		"both, encrypted": {func(p *registry.ServiceProvider) { p.Encrypt = theirs.Certificate }, xmlgate.Want{Signed: xmlgate.Both}},
		"response alone, encrypted": {
			func(p *registry.ServiceProvider) { p.SignAssertion, p.Encrypt = false, theirs.Certificate }, xmlgate.Want{Signed: xmlgate.Envelope},
		},
		"assertion alone, encrypted": {
			func(p *registry.ServiceProvider) { p.SignResponse, p.Encrypt = false, theirs.Certificate }, xmlgate.Want{Signed: xmlgate.Assertion},
		},
	} {
		app := *w.apps[wiki].SAML
		was := app
		c.change(&app)
		w.apps[wiki].SAML = &app
		c.want.Decrypt = append(c.want.Decrypt, theirs.Key)
		a := w.answered(w.send(request{text: authn(saml.NewID(), "", "")}), c.want)
		if got := strings.Contains(string(a.raw), "EncryptedAssertion"); got != (app.Encrypt != nil) || strings.Contains(string(a.raw), "Moreau") == got {
			t.Errorf("%s: encrypted is %v", name, got)
		}
		if !slices.Equal(a.values("email"), []string{"alice@acme.example"}) {
			t.Errorf("%s: %+v", name, a.assertion.AttributeStatements)
		}
		w.apps[wiki].SAML = &was
	}
}

func TestAttributesHaveTheNamesThatTheAppWants(t *testing.T) {
	w := newWorld(t)
	w.apps[wiki].SAML.Attributes = map[string]string{"email": "urn:oid:0.9.2342.19200300.100.1.3", "groups": "memberOf"}
	w.apps[wiki].Scopes = []string{"email", "groups"}
	a := w.answered(w.send(request{text: authn("_1", "", "")}), xmlgate.Want{Signed: xmlgate.Both})
	if !slices.Equal(a.values("urn:oid:0.9.2342.19200300.100.1.3"), []string{"alice@acme.example"}) || len(a.values("memberOf")) != 2 || a.values("email") != nil {
		t.Errorf("%+v", a.assertion.AttributeStatements)
	}
	if a.values("name") != nil {
		t.Error("the app learns what its manifest does not ask for")
	}
}

func TestTheAnswerGoesToAnAddressOfTheManifestAlone(t *testing.T) {
	w := newWorld(t)
	for attributes, want := range map[string]string{
		"": acs,
		` AssertionConsumerServiceURL="` + acs + `"`:                                      acs,
		` AssertionConsumerServiceURL="` + second + `"`:                                   second,
		` AssertionConsumerServiceIndex="0"`:                                              acs,
		` AssertionConsumerServiceIndex="1"`:                                              second,
		` AssertionConsumerServiceURL="https://evil.example/acs"`:                         "",
		` AssertionConsumerServiceURL="` + acs + `/"`:                                     "",
		` AssertionConsumerServiceURL="` + acs + `?x"`:                                    "",
		` AssertionConsumerServiceURL="` + acs + `#x"`:                                    "",
		` AssertionConsumerServiceURL="https://WIKI.example/acs"`:                         "",
		` AssertionConsumerServiceURL="https://wiki.example@evil.example/acs"`:            "",
		` AssertionConsumerServiceURL="https://wiki.example:443/acs"`:                     "",
		` AssertionConsumerServiceURL=" ` + acs + `"`:                                     "",
		` AssertionConsumerServiceIndex="2"`:                                              "",
		` AssertionConsumerServiceIndex="-1"`:                                             "",
		` AssertionConsumerServiceIndex="00000000000000000000000001"`:                     second,
		` AssertionConsumerServiceIndex="1.0"`:                                            "",
		` AssertionConsumerServiceIndex="0" AssertionConsumerServiceURL="` + second + `"`: "",
	} {
		rec := w.send(request{text: authn(saml.NewID(), attributes, "")})
		if want == "" {
			w.refused(attributes, rec, idp.ErrACS)
			// Nor does a status go there, which needs no sign-in.
			w.refused(attributes+", to be refused", w.send(request{text: authn(saml.NewID(), attributes+` ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS"`, "")}), idp.ErrACS)
		} else if a := w.answered(rec, xmlgate.Want{Signed: xmlgate.Both}); a.target != want || a.assertion.Subject.SubjectConfirmations[0].SubjectConfirmationData.Recipient != want {
			t.Errorf("%s: sent to %s", attributes, a.target)
		}
	}
}

func TestARequestThatProvesNothingIsToldToThePersonAlone(t *testing.T) {
	w := newWorld(t)
	good := func() string { return authn(saml.NewID(), "", "") }
	w.answered(w.send(request{text: good()}), xmlgate.Want{Signed: xmlgate.Both}) // the control
	// No name of the schema, and yet what some apps send.
	w.answered(w.send(request{text: authn("28338c8c-39ab-4b94-bcdc-46f68f99d962", "", "")}), xmlgate.Want{Signed: xmlgate.Both})
	for name, c := range map[string]struct {
		q    request
		want []string
	}{
		"an app that nobody knows":      {request{text: strings.Replace(good(), wiki, "https://evil.example", 1)}, []string{"saml_app_unknown"}},
		"an app in another case":        {request{text: strings.Replace(good(), wiki, strings.ToUpper(wiki), 1)}, []string{"saml_app_unknown"}},
		"a request from before":         {request{text: strings.Replace(good(), now, "2026-11-26T08:51:59Z", 1)}, []string{"saml_app_expired"}},
		"a request from tomorrow":       {request{text: strings.Replace(good(), now, "2026-11-26T09:03:01Z", 1)}, []string{"saml_app_expired"}},
		"a request without a time":      {request{text: strings.Replace(good(), ` IssueInstant="`+now+`"`, "", 1)}, []string{"saml_app_expired", "saml_message"}},
		"a request for another broker":  {request{text: strings.Replace(good(), issuer+"/saml/sso", "https://other.example/saml/sso", 1)}, []string{"saml_app_destination"}},
		"a request for another service": {request{text: strings.Replace(good(), "/saml/sso", "/saml/slo", 1)}, []string{"saml_app_destination"}},
		"a relay state without end":     {request{text: good(), relay: strings.Repeat("x", 1025)}, []string{"saml_relay_state"}},
		"an id that is markup":          {request{text: authn("&lt;b&gt;", "", "")}, []string{"saml_id"}},
		"an id without end":             {request{text: authn("_"+strings.Repeat("x", 300), "", "")}, []string{"saml_id"}},
		"SAML 1.1":                      {request{text: strings.Replace(good(), `"2.0"`, `"1.1"`, 1)}, []string{"saml_version"}},
		"a response":                    {request{text: strings.ReplaceAll(good(), "AuthnRequest", "Response")}, []string{"saml_root"}},
		"a logout request":              {request{text: strings.ReplaceAll(good(), "AuthnRequest", "LogoutRequest")}, []string{"saml_root"}},
		"a document type":               {request{text: `<!DOCTYPE x [<!ENTITY e "x">]>` + good(), post: true}, []string{"saml_doctype"}},
		"two issuers": {
			request{text: strings.Replace(good(), `<saml:Issuer>`, `<saml:Issuer>https://evil.example</saml:Issuer><saml:Issuer>`, 1)}, []string{"saml_element_twice"},
		},
		"a comment in the issuer": {request{text: strings.Replace(good(), `/saml</saml:Issuer>`, `/saml<!-- -->.evil.example</saml:Issuer>`, 1)}, []string{"saml_comment"}},
		"what is no XML":          {request{text: "hello"}, []string{"saml_xml", "saml_root"}},
	} {
		w.refused(name, w.send(c.q), nil, c.want...)
	}
	if rec := w.get("/saml/sso?SAMLRequest=%21"); rec.Code != http.StatusBadRequest {
		t.Errorf("no base64: %d", rec.Code)
	}
	w.refused("a bomb", w.get("/saml/sso?SAMLRequest="+url.QueryEscape(deflated(t, strings.Repeat(" ", 8<<20)))), nil, "saml_size")
	w.refused("a query that is polluted", w.get("/saml/sso?SAMLRequest="+url.QueryEscape(deflated(t, good()))+"&SAMLRequest=x"), nil, "saml_query")
	w.refused("a query in another order", w.get("/saml/sso?RelayState=x&SAMLRequest="+url.QueryEscape(deflated(t, good()))), nil, "saml_query")
	w.refused("a posted query", w.post("/saml/sso?SAMLRequest="+url.QueryEscape(deflated(t, good())), url.Values{}), nil, "saml_empty")
}

func TestAnAppThatGaveACertificateSignsItsRequests(t *testing.T) {
	w := newWorld(t)
	theirs, next, stranger := pair(t, "wiki"), pair(t, "wiki next"), pair(t, "stranger")
	w.apps[wiki].SAML.Certificates, w.apps[wiki].SAML.RequestsSigned = append(w.apps[wiki].SAML.Certificates, theirs.Certificate, next.Certificate), true
	w.add("https://other.example", func(c *registry.Client) {
		c.SAML.ACS, c.SAML.Certificates, c.SAML.RequestsSigned = []string{"https://other.example/acs"}, append(c.SAML.Certificates, stranger.Certificate), true
	})
	for _, k := range []saml.KeyPair{theirs, next} {
		for _, post := range []bool{false, true} {
			w.answered(w.send(request{text: authn(saml.NewID(), "", ""), signed: &k, post: post, relay: "x"}), xmlgate.Want{Signed: xmlgate.Both})
		}
	}
	good := func() string { return authn(saml.NewID(), "", "") }
	w.refused("unsigned, by redirect", w.send(request{text: good()}), nil, "saml_unsigned")
	w.refused("unsigned, by POST", w.send(request{text: good(), post: true}), nil, "saml_unsigned")
	w.refused("signed by another app", w.send(request{text: good(), signed: &stranger}), nil, "saml_signature_invalid")
	w.refused("signed by another app, by POST", w.send(request{text: good(), signed: &stranger, post: true}), nil, "saml_signature_invalid")
	w.refused("without a destination", w.send(request{text: strings.Replace(good(), ` Destination="`+issuer+`/saml/sso"`, "", 1), signed: &theirs}), idp.ErrDestination)

	target, _, err := saml.Deliver(saml.Redirect, issuer+"/saml/sso", saml.Request, element{good()}, "mine", theirs)
	if err != nil {
		t.Fatal(err)
	}
	w.refused("another relay state", w.get(strings.Replace(target, "RelayState=mine", "RelayState=yours", 1)), nil, "saml_signature_invalid")
	w.refused("the signature cut off", w.get(target[:strings.Index(target, "&SigAlg")]), nil, "saml_unsigned")
	w.refused("SHA-1", w.get(strings.Replace(target, "2001%2F04%2Fxmldsig-more%23rsa-sha256", "2000%2F09%2Fxmldsig%23rsa-sha1", 1)), nil, "saml_signature_algorithm")

	_, form, err := saml.Deliver(saml.Post, issuer+"/saml/sso", saml.Request, element{good()}, "", theirs)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(form.Get(saml.Request))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(raw), "/saml/sso", "/saml/ssp", 1)
	w.refused("changed after it was signed", w.post("/saml/sso", url.Values{saml.Request: {base64.StdEncoding.EncodeToString([]byte(changed))}}), nil, "saml_digest_mismatch")
	// XSW: the signed request hides inside of another, which is unsigned.
	wrapped := strings.Replace(authn("_evil", ` AssertionConsumerServiceURL="`+second+`"`, `<samlp:Extensions>`+string(raw)+`</samlp:Extensions>`), "?tenant", "?tenant", 1)
	w.refused("wrapped", w.post("/saml/sso", url.Values{saml.Request: {base64.StdEncoding.EncodeToString([]byte(wrapped))}}), nil,
		"saml_element_hidden", "saml_signature_path", "saml_signature_count", "saml_signature_place", "saml_unsigned")
}

func TestAnAppMayHaveACertificateForEncryptionAlone(t *testing.T) {
	w := newWorld(t)
	theirs, stranger := pair(t, "wiki"), pair(t, "stranger")
	app := w.apps[wiki].SAML
	app.Certificates, app.Encrypt = append(app.Certificates, theirs.Certificate), theirs.Certificate
	w.answered(w.send(request{text: authn("_1", "", "")}), xmlgate.Want{Signed: xmlgate.Both, Decrypt: decryptors(theirs)})
	w.refused("a bad signature", w.send(request{text: authn("_2", "", ""), signed: &stranger}), nil, "saml_signature_invalid")
}

func TestARequestGetsOneAnswer(t *testing.T) {
	w := newWorld(t)
	first := request{text: authn("_1", "", "")}
	w.answered(w.send(first), xmlgate.Want{Signed: xmlgate.Both})
	state := w.asked.State
	w.asked = identity.SignInRequest{}
	w.refused("again", w.send(first), idp.ErrAnswered)
	if w.asked.State != nil {
		t.Error("a request that was answered has somebody sign in")
	}
	// Two browsers were on their way when it was answered.
	late := httptest.NewRecorder()
	w.provider.Resume(late, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), state, w.signIn)
	w.refused("by another browser, later", late, idp.ErrAnswered)
	w.refused("again, by POST", w.send(request{text: first.text, post: true}), idp.ErrAnswered)
	w.answered(w.send(request{text: authn("_2", "", "")}), xmlgate.Want{Signed: xmlgate.Both})
	w.signIn.Failure = &identity.Failure{Code: "login_required", Detail: "x"}
	passive := request{text: authn("_3", ` IsPassive="true"`, "")}
	w.answered(w.send(passive), xmlgate.Want{})
	w.refused("a refusal again", w.send(passive), idp.ErrAnswered)
}

func TestAPostFromTheAppComesBackWithTheBrowsersCookies(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/saml/sso", strings.NewReader(url.Values{
		saml.Request: {base64.StdEncoding.EncodeToString([]byte(authn("_1", "", "")))}, "RelayState": {"kept"},
	}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	again := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(again, "/saml/sso/") || w.asked.App != "" {
		t.Fatalf("%d %s", rec.Code, again)
	}
	if a := w.answered(w.get(again), xmlgate.Want{Signed: xmlgate.Both}); a.relay != "kept" || a.response.InResponseTo != "_1" {
		t.Errorf("%+v", a.response)
	}
	w.refused("the handle again", w.get(again), idp.ErrHandle)
}

func TestWhatTheAppAsksOfTheSignInIsPassedOnOrRefusedByStatus(t *testing.T) {
	ppt, mfa := identity.ACRPasswordProtected, "https://refeds.org/profile/mfa"
	context := func(comparison string, classes ...string) string {
		text := `<samlp:RequestedAuthnContext` + comparison + `>`
		for _, c := range classes {
			text += `<saml:AuthnContextClassRef>` + c + `</saml:AuthnContextClassRef>`
		}
		return text + `</samlp:RequestedAuthnContext>`
	}
	policy := func(format string) string { return `<samlp:NameIDPolicy AllowCreate="true" Format="` + format + `"/>` }
	for name, c := range map[string]struct {
		attributes, content string
		login, none         bool
		acr                 []string
		sub                 string
	}{
		"nothing":                        {},
		"ForceAuthn":                     {attributes: ` ForceAuthn="true"`, login: true},
		"ForceAuthn as a digit":          {attributes: ` ForceAuthn="1"`, login: true},
		"IsPassive":                      {attributes: ` IsPassive="true"`, none: true},
		"neither":                        {attributes: ` ForceAuthn="false" IsPassive="0"`},
		"a password":                     {content: context("", ppt), acr: []string{ppt}},
		"one of two":                     {content: context(` Comparison="exact"`, mfa, ppt), acr: []string{mfa, ppt}},
		"at least a password":            {content: context(` Comparison="minimum"`, identity.ACRPassword), acr: []string{ppt}},
		"at most a password":             {content: context(` Comparison="maximum"`, ppt), acr: []string{ppt, identity.ACRUnspecified}},
		"a second factor":                {content: context("", mfa), acr: []string{mfa}, sub: "NoAuthnContext"},
		"better than a password":         {content: context(` Comparison="better"`, ppt), acr: []string{mfa}, sub: "NoAuthnContext"},
		"better than the best":           {content: context(` Comparison="better"`, mfa), sub: "NoAuthnContext"},
		"at least what nobody knows":     {content: context(` Comparison="minimum"`, "urn:what"), sub: "NoAuthnContext"},
		"a comparison that nobody knows": {content: context(` Comparison="like"`, ppt), sub: "NoAuthnContext"},
		"no class":                       {content: context(""), sub: "NoAuthnContext"},
		"the POST binding":               {attributes: ` ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"`},
		"another binding":                {attributes: ` ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"`, sub: "UnsupportedBinding"},
		"the manifest's format":          {content: policy(catalog.NameIDPersistent)},
		"any format":                     {content: policy(catalog.NameIDUnspecified)},
		"another format":                 {content: policy(catalog.NameIDEmail), sub: "InvalidNameIDPolicy"},
		"an encrypted name":              {content: policy("urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"), sub: "InvalidNameIDPolicy"},
		"another app's name":             {content: `<samlp:NameIDPolicy SPNameQualifier="https://other.example"/>`, sub: "InvalidNameIDPolicy"},
		"somebody else":                  {content: `<saml:Subject><saml:NameID>somebody</saml:NameID></saml:Subject>`, sub: "UnknownPrincipal"},
		"nobody":                         {content: `<saml:Subject></saml:Subject>`, sub: "RequestUnsupported"},
	} {
		w := newWorld(t)
		a := w.answered(w.send(request{text: authn(saml.NewID(), c.attributes, c.content)}), xmlgate.Want{Signed: xmlgate.Both})
		code, sub := a.statuses()
		if sub != c.sub || (code == "Success") != (c.sub == "") {
			t.Errorf("%s: status %s %s", name, code, sub)
		}
		if c.sub == "" || len(c.acr) > 0 {
			missing := slices.ContainsFunc(c.acr, func(acr string) bool { return !slices.Contains(w.asked.ACR, acr) })
			if w.asked.Prompt.Login != c.login || w.asked.Prompt.None != c.none || missing || len(c.acr) == 0 && len(w.asked.ACR) > 0 {
				t.Errorf("%s: asked %+v", name, w.asked)
			}
		}
		if c.sub != "" && len(w.participants) > 0 {
			t.Errorf("%s: the app takes part", name)
		}
	}
}

func TestAFailedSignInIsAStatus(t *testing.T) {
	for failure, want := range map[string]string{
		"login_required": "NoPassive", "consent_required": "NoPassive", "access_denied": "RequestDenied", "server_error": "AuthnFailed",
		"unmet_authentication_requirements": "NoAuthnContext", "temporarily_unavailable": "AuthnFailed",
	} {
		w := newWorld(t)
		w.signIn.Failure = &identity.Failure{Code: failure, Detail: "so it is"}
		a := w.answered(w.send(request{text: authn("_1", "", ""), relay: "r"}), xmlgate.Want{})
		if _, sub := a.statuses(); sub != want || a.response.InResponseTo != "_1" || a.relay != "r" || a.response.Status.StatusMessage.Value != "so it is" || len(w.events) > 0 {
			t.Errorf("%s: %+v", failure, a.response.Status)
		}
		if !strings.Contains(string(a.raw), "SignatureValue") {
			t.Errorf("%s: the status is not signed", failure)
		}
	}
}

func TestNobodyGetsInOnWhatIsNoLongerSo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		status string
		page   string
	}{
		"control":                  {change: func(*world) {}},
		"no role any more":         {change: func(w *world) { w.decision.Allowed = false }, status: "RequestDenied"},
		"disabled":                 {change: func(w *world) { w.usable = directoryDisabled }, page: directoryDisabled.Code},
		"revoked meanwhile":        {change: func(w *world) { w.revoked = revokedNow }, page: revokedNow.Code},
		"the session ended":        {change: func(w *world) { w.session.Ended = w.now }, page: "session_not_found"},
		"an app that is off":       {change: func(w *world) { w.apps[wiki].Disabled = true }, page: "app_disabled"},
		"an app that lacks owners": {change: func(w *world) { w.apps[wiki].Missing = []string{"owner"} }, page: "app_disabled"},
		"an address that nobody proved": {change: func(w *world) {
			w.apps[wiki].SAML.NameIDFormat, w.person.Profile.EmailVerified = catalog.NameIDEmail, false
		}, status: "InvalidNameIDPolicy"},
		"no address": {change: func(w *world) {
			w.apps[wiki].SAML.NameIDFormat, w.person.Profile.Email = catalog.NameIDEmail, ""
		}, status: "InvalidNameIDPolicy"},
	} {
		w := newWorld(t)
		c.change(w)
		rec := w.send(request{text: authn("_1", "", "")})
		if c.page != "" {
			w.refused(name, rec, nil, c.page)
		} else if _, sub := w.answered(rec, xmlgate.Want{Signed: xmlgate.Both}).statuses(); sub != c.status {
			t.Errorf("%s: status %s", name, sub)
		}
		if (c.page != "" || c.status != "") && (len(w.participants) > 0 || len(w.events) > 0) {
			t.Errorf("%s: asserted all the same", name)
		}
	}
}

func TestAnAppThatChangedDuringTheSignInGetsNothingAtItsOldAddress(t *testing.T) {
	w := newWorld(t)
	w.send(request{text: authn("_1", "", "")})
	state := w.asked.State
	resume := func() *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.provider.Resume(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), state, w.signIn)
		return rec
	}
	w.apps[wiki].SAML.ACS = []string{second}
	w.refused("another address", resume(), idp.ErrACS)
	w.apps[wiki].ID = "https://renamed.example"
	w.refused("another entity", resume(), idp.ErrIssuer)
	delete(w.apps, wiki)
	w.refused("no app", resume(), idp.ErrIssuer)
}

func TestALaunchIsAResponseThatNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	c := w.apps[wiki]
	c.Name, c.SAML.RelayState = "wiki", "start"
	a := w.answered(w.get("/saml/launch/wiki?RelayState=https://evil.example"), xmlgate.Want{Signed: xmlgate.Both})
	if data := a.assertion.Subject.SubjectConfirmations[0].SubjectConfirmationData; a.response.InResponseTo != "" || data.InResponseTo != "" || a.relay != "start" || a.target != acs {
		t.Errorf("%+v with %q to %s", data, a.relay, a.target)
	}
	w.refused("no such app", w.get("/saml/launch/other"), idp.ErrNoLaunch)
	c.SAML.Unsolicited = false
	w.refused("an app that wants none", w.get("/saml/launch/wiki"), idp.ErrNoLaunch)
	rec := httptest.NewRecorder()
	w.provider.Resume(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), w.asked.State, w.signIn)
	w.refused("an app that wants none any more", rec, idp.ErrShut)
	w.add("https://oidc.example", func(c *registry.Client) { c.Name, c.SAML = "oidc", nil })
	w.refused("an app of another protocol", w.get("/saml/launch/oidc"), idp.ErrNoLaunch)
}

func TestMetadataSaysWhatIsTrue(t *testing.T) {
	w := newWorld(t)
	rec := w.get("/saml/metadata")
	var entity samllib.EntityDescriptor
	if err := xml.Unmarshal(rec.Body.Bytes(), &entity); err != nil || rec.Header().Get("Content-Type") != "application/samlmetadata+xml" {
		t.Fatal(err, rec.Header())
	}
	role := entity.IDPSSODescriptors[0]
	if entity.EntityID != issuer+"/saml/metadata" || len(role.KeyDescriptors) != 1 || !entity.ValidUntil.IsZero() || len(role.SingleSignOnServices) != 2 || len(role.SingleLogoutServices) != 2 {
		t.Errorf("%s", rec.Body)
	}
	if _, err := xmlgate.Verify(rec.Body.Bytes(), xmlgate.Want{Kind: xmlgate.Metadata, Signed: xmlgate.None, Now: w.now}); err != nil {
		t.Errorf("our own gate refuses it: %v", err)
	}
}
