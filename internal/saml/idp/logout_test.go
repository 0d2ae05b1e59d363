package idp_test

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

const mail = "https://mail.example/saml"

// twoApps is a world with a person in two apps that sign what they send.
func twoApps(t *testing.T) (*world, saml.KeyPair, saml.KeyPair) {
	t.Helper()
	w := newWorld(t)
	ofWiki, ofMail := pair(t, "wiki"), pair(t, "mail")
	app := w.apps[wiki].SAML
	app.Certificates, app.RequestsSigned = append(app.Certificates, ofWiki.Certificate), true
	w.add(mail, func(c *registry.Client) {
		c.SAML.SLO, c.SAML.SLOPost, c.SAML.RequestsSigned = "https://mail.example/slo?x=1", true, true
		c.SAML.Certificates = append(c.SAML.Certificates, ofMail.Certificate)
	})
	w.participants = []session.Participant{
		{Session: "s-1", App: "id-" + mail, Client: mail, NameID: "alice-at-mail", NameFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", SessionIndex: "_mail"},
		{Session: "s-1", App: "id-" + wiki, Client: wiki, NameID: "alice-at-wiki", NameFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", SessionIndex: "_wiki"},
		{Session: "s-1", App: "id-oidc", Client: "microapp-oidc"},
	}
	return w, ofWiki, ofMail
}

// logoutRequest is what the app wiki sends.
func logoutRequest(id, name, index string) string {
	text := `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id +
		`" Version="2.0" IssueInstant="` + now + `" Destination="` + issuer + `/saml/slo"><saml:Issuer>` + wiki + `</saml:Issuer><saml:NameID>` + name + `</saml:NameID>`
	if index != "" {
		text += `<samlp:SessionIndex>` + index + `</samlp:SessionIndex>`
	}
	return text + `</samlp:LogoutRequest>`
}

func logoutResponse(from, to, status string) string {
	return `<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + saml.NewID() +
		`" Version="2.0" IssueInstant="` + now + `" Destination="` + issuer + `/saml/slo" InResponseTo="` + to + `"><saml:Issuer>` + from +
		`</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:` + status + `"/></samlp:Status></samlp:LogoutResponse>`
}

// told reads the LogoutRequest that a page has the browser post to an app.
func (w *world) told(rec *httptest.ResponseRecorder, at string) samllib.LogoutRequest {
	w.t.Helper()
	target, form := posted(rec)
	raw, err := base64.StdEncoding.DecodeString(form.Get(saml.Request))
	if rec.Code != http.StatusOK || err != nil || target != at {
		w.t.Fatalf("%d to %s: %s", rec.Code, target, rec.Body)
	}
	m, err := xmlgate.Verify(raw, w.by(xmlgate.LogoutRequest))
	if err != nil {
		w.t.Fatal(err)
	}
	var req samllib.LogoutRequest
	if err := xml.Unmarshal(m.Envelope, &req); err != nil {
		w.t.Fatal(err)
	}
	return req
}

// by is a document that we signed.
func (w *world) by(kind xmlgate.Kind) xmlgate.Want {
	return xmlgate.Want{Kind: kind, Signed: xmlgate.Envelope, Certificates: append(xmlgate.Want{}.Certificates, w.ours.Certificate), Now: w.now}
}

// toldBack reads the LogoutResponse that the browser is sent to the app wiki with.
func (w *world) toldBack(rec *httptest.ResponseRecorder) (r samllib.LogoutResponse, relay string) {
	w.t.Helper()
	to, query, _ := strings.Cut(rec.Header().Get("Location"), "?")
	if rec.Code != http.StatusSeeOther || to != slo {
		w.t.Fatalf("%d %s %s", rec.Code, to, rec.Body)
	}
	m, err := xmlgate.VerifyRedirect(query, w.by(xmlgate.LogoutResponse))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := xml.Unmarshal(m.Envelope, &r); err != nil {
		w.t.Fatal(err)
	}
	return r, m.RelayState
}

// partial reports whether a response says that not every app was signed out of.
func partial(r samllib.LogoutResponse) bool {
	return r.Status.StatusCode.Value == samllib.StatusSuccess && r.Status.StatusCode.StatusCode != nil && r.Status.StatusCode.StatusCode.Value == samllib.StatusPartialLogout
}

func TestAnAppSignsOutOfEverything(t *testing.T) {
	w, ofWiki, ofMail := twoApps(t)
	rec := w.send(request{text: logoutRequest("_1", "alice-at-wiki", "_wiki"), signed: &ofWiki, to: issuer + "/saml/slo", relay: "mine"})
	if w.session.Ended.IsZero() {
		t.Fatal("the session goes on")
	}
	asked := w.told(rec, "https://mail.example/slo?x=1")
	if asked.NameID.Value != "alice-at-mail" || asked.SessionIndex.Value != "_mail" || asked.NameID.SPNameQualifier != mail {
		t.Errorf("the other app is told of %+v", asked)
	}
	rec = w.send(request{text: logoutResponse(mail, asked.ID, "Success"), signed: &ofMail, to: issuer + "/saml/slo"})
	if r, relay := w.toldBack(rec); r.InResponseTo != "_1" || relay != "mine" || r.Status.StatusCode.Value != samllib.StatusSuccess || partial(r) {
		t.Errorf("answered %+v", r)
	}
	if len(w.onward) != 1 || !strings.HasPrefix(w.onward[0], "acme "+issuer+"/saml/slo/back/") {
		t.Errorf("the identity provider hears %v", w.onward)
	}
	rec = w.send(request{text: logoutResponse(mail, asked.ID, "Success"), signed: &ofMail, to: issuer + "/saml/slo"})
	w.refused("the answer again", rec, idp.ErrHandle)
}

// Whoever keeps a signed request cannot sign the person out with it once more.
func TestASignedSignOutIsGoodOnce(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	text := logoutRequest("_1", "alice-at-wiki", "")
	w.send(request{text: text, signed: &ofWiki, to: issuer + "/saml/slo"})
	if w.session.Ended.IsZero() {
		t.Fatal("control: the session goes on")
	}
	signedInAgain := func() { w.session.Ended = time.Time{} }
	signedInAgain()
	w.refused("by redirect", w.send(request{text: text, signed: &ofWiki, to: issuer + "/saml/slo"}), idp.ErrAnswered)
	w.refused("by a form", w.send(request{text: text, signed: &ofWiki, to: issuer + "/saml/slo", post: true}), idp.ErrAnswered)
	if !w.session.Ended.IsZero() {
		t.Error("the session was ended again")
	}
	w.send(request{text: logoutRequest("_2", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo"})
	if w.session.Ended.IsZero() {
		t.Error("control: another request ends nothing")
	}
}

// What was seen is forgotten when the memory is lost: then a signature proves nothing
// about what was made before, and the person is asked.
func TestASignOutFromBeforeTheMemoryAsksThePerson(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	w.seen.Once = cache.NewMemory(w.clock, w.now)
	rec := w.send(request{text: logoutRequest("_1", "alice-at-wiki", "_wiki"), signed: &ofWiki, to: issuer + "/saml/slo"})
	if !w.session.Ended.IsZero() || rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "Sign out?") {
		t.Errorf("%d, and the session ended at %v", rec.Code, w.session.Ended)
	}
}

func TestASignOutGoesOnWhateverAnAppAnswers(t *testing.T) {
	for name, answer := range map[string]func(id string, ofMail, stranger *saml.KeyPair) request{
		"a refusal": func(id string, k, _ *saml.KeyPair) request {
			return request{text: logoutResponse(mail, id, "Responder"), signed: k}
		},
		"no signature": func(id string, _, _ *saml.KeyPair) request { return request{text: logoutResponse(mail, id, "Success")} },
		"a stranger's signature": func(id string, _, s *saml.KeyPair) request {
			return request{text: logoutResponse(mail, id, "Success"), signed: s}
		},
		"another app's answer": func(id string, _, _ *saml.KeyPair) request {
			return request{text: logoutResponse("https://plain.example", id, "Success")}
		},
		"an answer for another address": func(id string, k, _ *saml.KeyPair) request {
			return request{text: strings.Replace(logoutResponse(mail, id, "Success"), issuer, "https://other.example", 1), signed: k}
		},
	} {
		w, ofWiki, ofMail := twoApps(t)
		stranger := pair(t, "stranger")
		w.add("https://plain.example", func(*registry.Client) {})
		asked := w.told(w.send(request{text: logoutRequest("_1", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo"}), "https://mail.example/slo?x=1")
		q := answer(asked.ID, &ofMail, &stranger)
		q.to = issuer + "/saml/slo"
		if r, _ := w.toldBack(w.send(q)); !partial(r) {
			t.Errorf("%s: answered %+v", name, r.Status)
		}
	}
}

func TestAnAppThatHasNoPlaceForItEndsByItsOwnTime(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	w.apps[mail].SAML.SLO = ""
	if r, _ := w.toldBack(w.send(request{text: logoutRequest("_1", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo"})); !partial(r) {
		t.Errorf("answered %+v", r.Status)
	}
	w, ofWiki, _ = twoApps(t)
	delete(w.apps, mail)
	if r, _ := w.toldBack(w.send(request{text: logoutRequest("_1", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo"})); !partial(r) {
		t.Errorf("answered %+v", r.Status)
	}
}

func TestWhoDoesNotProveWhomTheyMeanHasThePersonAsked(t *testing.T) {
	for name, change := range map[string]func(w *world, q *request){
		"no certificate": func(w *world, q *request) {
			w.apps[wiki].SAML.Certificates, w.apps[wiki].SAML.RequestsSigned, q.signed = nil, false, nil
		},
		"another person":       func(_ *world, q *request) { q.text = logoutRequest("_1", "bob-at-wiki", "") },
		"another session":      func(_ *world, q *request) { q.text = logoutRequest("_1", "alice-at-wiki", "_other") },
		"another app's name":   func(_ *world, q *request) { q.text = logoutRequest("_1", "alice-at-mail", "_mail") },
		"an app not signed in": func(w *world, _ *request) { w.participants = w.participants[:1] },
	} {
		w, ofWiki, _ := twoApps(t)
		q := request{text: logoutRequest("_1", "alice-at-wiki", "_wiki"), signed: &ofWiki, to: issuer + "/saml/slo"}
		change(w, &q)
		rec := w.send(q)
		target, form := posted(rec)
		if !w.session.Ended.IsZero() || target != "/saml/slo/confirm" || form.Get("handle") == "" {
			t.Fatalf("%s: ended at %v, %s", name, w.session.Ended, rec.Body)
		}
		w.participants = w.participants[len(w.participants)-1:] // no app to lead through
		forged := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
		forged.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		forged.Header.Set("Sec-Fetch-Site", "cross-site")
		if rec := w.do(forged); rec.Code != http.StatusForbidden || !w.session.Ended.IsZero() {
			t.Errorf("%s: another site says yes: %d", name, rec.Code)
		}
		yes := w.post(issuer+target, form)
		if w.session.Ended.IsZero() {
			t.Errorf("%s: the yes does not count: %s", name, yes.Body)
		}
		w.refused(name+": the yes again", w.post(issuer+target, form), idp.ErrHandle)
	}
}

func TestASignOutThatIsNotMeantForUsIsRefused(t *testing.T) {
	w, ofWiki, ofMail := twoApps(t)
	good := logoutRequest("_1", "alice-at-wiki", "")
	for name, c := range map[string]struct {
		q    request
		code string
	}{
		"unsigned":           {request{text: good}, "saml_unsigned"},
		"unsigned, by POST":  {request{text: good, post: true}, "saml_unsigned"},
		"another app's key":  {request{text: good, signed: &ofMail}, "saml_signature_invalid"},
		"an unknown app":     {request{text: strings.Replace(good, wiki, "https://evil.example", 1), signed: &ofWiki}, "saml_app_unknown"},
		"from before":        {request{text: strings.Replace(good, now, "2026-11-26T08:00:00Z", 1), signed: &ofWiki}, "saml_app_expired"},
		"over":               {request{text: strings.Replace(good, ` Version`, ` NotOnOrAfter="2026-11-26T08:57:00Z" Version`, 1), signed: &ofWiki}, "saml_app_expired"},
		"for another broker": {request{text: strings.Replace(good, issuer, "https://other.example", 1), signed: &ofWiki}, "saml_app_destination"},
		"for sign-on":        {request{text: strings.Replace(good, "/saml/slo", "/saml/sso", 1), signed: &ofWiki}, "saml_app_destination"},
		"about nobody":       {request{text: logoutRequest("_1", "", ""), signed: &ofWiki}, "saml_logout_name"},
		"an AuthnRequest":    {request{text: authn("_1", "", ""), signed: &ofWiki}, "saml_root"},
	} {
		c.q.to = issuer + "/saml/slo"
		w.refused(name, w.send(c.q), nil, c.code)
	}
	if !w.session.Ended.IsZero() {
		t.Error("the session ended")
	}
	w.send(request{text: good, signed: &ofWiki, to: issuer + "/saml/slo"}) // the control
	if w.session.Ended.IsZero() {
		t.Error("the session goes on")
	}
}

func TestAPostedSignOutComesBackWithTheBrowsersCookies(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	w.participants = w.participants[1:]
	target, form, err := saml.Deliver(saml.Post, issuer+"/saml/slo", saml.Request, element{logoutRequest("_1", "alice-at-wiki", "_wiki")}, "mine", ofWiki)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimPrefix(target, issuer), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	again := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(again, "/saml/slo/") || !w.session.Ended.IsZero() {
		t.Fatalf("%d %s", rec.Code, again)
	}
	if r, relay := w.toldBack(w.get(again)); r.InResponseTo != "_1" || relay != "mine" || w.session.Ended.IsZero() {
		t.Errorf("answered %+v, ended at %v", r, w.session.Ended)
	}
}

func TestWhereNobodyIsSignedInTheAppHearsSo(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	w.session = nil
	if r, _ := w.toldBack(w.send(request{text: logoutRequest("_1", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo"})); r.Status.StatusCode.Value != samllib.StatusSuccess || partial(r) {
		t.Errorf("answered %+v", r.Status)
	}
}

func TestASignOutOfOursLeadsThroughTheAppsAndOn(t *testing.T) {
	w, ofWiki, ofMail := twoApps(t)
	s := *w.session
	s.Authentication.Upstream = &identity.UpstreamSession{Name: "alice"}
	leave := func(method string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		if !w.provider.Leave(rec, httptest.NewRequestWithContext(t.Context(), method, "/", nil), s, "https://app.example/bye") {
			t.Fatal("it does not lead anywhere")
		}
		return rec
	}
	asked := w.told(leave(http.MethodPost), "https://mail.example/slo?x=1")
	rec := w.send(request{text: logoutResponse(mail, asked.ID, "Success"), signed: &ofMail, to: issuer + "/saml/slo", post: true})
	// A posted answer is followed by a page, as a redirect would count as where the form leads.
	if refresh := rec.Header().Get("Refresh"); rec.Code != http.StatusOK || !strings.HasPrefix(refresh, "0; url="+slo+"?SAMLRequest=") {
		t.Fatalf("%d %s", rec.Code, refresh)
	}
	_, query, _ := strings.Cut(strings.TrimPrefix(rec.Header().Get("Refresh"), "0; url="), "?")
	m, err := xmlgate.VerifyRedirect(query, w.by(xmlgate.LogoutRequest))
	if err != nil {
		t.Fatal(err)
	}
	rec = w.send(request{text: logoutResponse(wiki, m.Hints.ID, "Success"), signed: &ofWiki, to: issuer + "/saml/slo"})
	if to := rec.Header().Get("Location"); !strings.HasPrefix(to, "https://idp.example/slo?back="+url.QueryEscape("https://app.example/bye")) {
		t.Errorf("to %s", to)
	}
}

func TestASignOutWithoutSuchAppsGoesToTheIdentityProviderAtOnce(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	if w.provider.Leave(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), *w.session, "https://app.example/bye") {
		t.Errorf("answered %d", rec.Code)
	}
	if len(w.onward) != 1 || w.onward[0] != "acme https://app.example/bye" {
		t.Errorf("%v", w.onward)
	}
}

func TestASignOutThatAnAppBeganComesBackToItFromTheIdentityProvider(t *testing.T) {
	w, ofWiki, _ := twoApps(t)
	w.participants = w.participants[1:]
	w.session.Authentication.Upstream = &identity.UpstreamSession{Name: "alice"}
	rec := w.send(request{text: logoutRequest("_1", "alice-at-wiki", ""), signed: &ofWiki, to: issuer + "/saml/slo", relay: "mine"})
	_, back, _ := strings.Cut(rec.Header().Get("Location"), "?back=")
	back, err := url.QueryUnescape(back)
	if err != nil || rec.Code != http.StatusSeeOther {
		t.Fatal(rec.Code, back, err)
	}
	if r, relay := w.toldBack(w.get(back)); r.InResponseTo != "_1" || relay != "mine" {
		t.Errorf("answered %+v", r)
	}
	w.refused("once more", w.get(back), idp.ErrHandle)
}
