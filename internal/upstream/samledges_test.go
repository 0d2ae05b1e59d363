package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

func TestASignedResponseSaysWhereItIsMeantToGo(t *testing.T) {
	for signed, code := range map[xmlgate.Signed]string{xmlgate.Envelope: "saml_destination", xmlgate.Both: "saml_destination", xmlgate.Assertion: ""} {
		p := newPartner(t)
		p.signed = signed
		p.response = replace(` Destination="`+gatetest.ACS+`"`, "")
		a, err := p.signIn(p.connection(), identity.Challenge{})
		if code != "" {
			refusedFor(t, signed.String(), a, err, code)
		} else if err != nil {
			t.Errorf("%s: %v", signed, err)
		}
	}
}

func TestASignInThatTheProviderBeginsIsAsStrong(t *testing.T) {
	const mfa = "https://refeds.org/profile/mfa"
	for name, c := range map[string]struct{ class, code string }{
		"with the class": {class: mfa}, "with a password": {class: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", code: "saml_authn_context"},
	} {
		p := newPartner(t)
		p.options = func(o *upstream.SAMLOptions) { o.Unsolicited, o.Contexts = true, []string{mfa} }
		unasked := func(s string) string { return inResponseTo.ReplaceAllString(s, "") }
		p.response = unasked
		p.assertion = func(s string) string {
			return replace("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", c.class)(unasked(s))
		}
		a, err := p.connection().Unsolicited(t.Context(), p.answer(""))
		if c.code != "" {
			refusedFor(t, name, a, err, c.code)
		} else if err != nil {
			t.Errorf("control: %v", err)
		}
	}
}

func TestAClockThatIsAheadMakesNoSignInOfTheFuture(t *testing.T) {
	p := newPartner(t)
	p.assertion = replace(`AuthnInstant="2026-11-26T01:59:50Z"`, `AuthnInstant="2026-11-26T02:00:30Z"`)
	a, err := p.signIn(p.connection(), identity.Challenge{})
	if err != nil || !a.Authentication.Time.Equal(p.now) {
		t.Errorf("%v %v", a.Authentication.Time, err)
	}
}

// One provider cannot use up the assertions of another by giving them the same ids.
func TestAnIDCountsWithinItsConnection(t *testing.T) {
	p := newPartner(t)
	for _, id := range []string{"one", "two"} {
		p.options = func(o *upstream.SAMLOptions) { o.ID = id }
		if _, err := p.signIn(p.connection(), identity.Challenge{}); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	a, err := p.signIn(p.connection(), identity.Challenge{})
	refusedFor(t, "control", a, err, "saml_replayed")
}

func TestMetadataThatRedirectsToAnotherHostIsNotTaken(t *testing.T) {
	p := newPartner(t)
	elsewhere := httptest.NewServer(publish(p))
	t.Cleanup(elsewhere.Close)
	there := ""
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			_, _ = w.Write([]byte(p.metadata))
			return
		}
		http.Redirect(w, r, there, http.StatusFound)
	}))
	t.Cleanup(from.Close)
	p.options = func(o *upstream.SAMLOptions) {
		o.Metadata.URL, o.Metadata.Document, o.HTTP = from.URL, "", from.Client()
	}
	for to, code := range map[string]string{elsewhere.URL: upstream.ErrUntrusted.Code, "/moved": ""} {
		there = to
		_, err := p.connection().Begin(t.Context(), identity.Challenge{})
		if code == "" && err != nil || code != "" && (err == nil || fault.As(err).Code != code) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// "It does not work" is explained by what was asked, and what came of it.
func TestMetadataThatIsNotThereIsExplained(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	for from, got := range map[string]string{closed.URL: "nobody listens there", missing.URL: "404"} {
		p := newPartner(t)
		p.options = func(o *upstream.SAMLOptions) {
			o.Metadata.URL, o.Metadata.Document, o.HTTP = from, "", http.DefaultClient
		}
		_, err := p.connection().Begin(t.Context(), identity.Challenge{})
		var f identity.Findings
		f.Refused(err, "other")
		if c := f.Checks[0]; fault.As(err).Code != upstream.ErrUnreachable.Code || c.Name != "metadata" || !strings.HasPrefix(c.Expected, from) || c.Got != got {
			t.Errorf("%v: %+v", err, c)
		}
	}
}

func TestMetadataEndsWhenItSays(t *testing.T) {
	p := newPartner(t)
	p.metadata = strings.Replace(p.metadata, "entityID", `validUntil="2026-11-26T02:30:00Z" entityID`, 1)
	s := publish(p)
	c := p.connection()
	for after, works := range map[time.Duration]bool{29 * time.Minute: true, 30 * time.Minute: false} {
		p.now = p.lab.Now
		if _, err := c.Begin(t.Context(), identity.Challenge{}); err != nil {
			t.Fatalf("control: %v", err)
		}
		s.say("")
		p.now = p.lab.Now.Add(after)
		if _, err := c.Begin(t.Context(), identity.Challenge{}); (err == nil) != works {
			t.Errorf("after %v: %v", after, err)
		}
		s.say(p.metadata)
		c = p.connection()
	}
}

func TestALogoutRequestNamesFewSessions(t *testing.T) {
	for more, code := range map[int]int{99: http.StatusSeeOther, 100: http.StatusForbidden} {
		p := newPartner(t)
		e := newExit(t, p)
		one := "<samlp:SessionIndex>_s1</samlp:SessionIndex>"
		if w := e.send(t, p.signedQuery(saml.Request, replace(one, one+strings.Repeat(one, more))(gatetest.LogoutRequest()), ""), nil); w.Code != code || (len(e.ended) == 1) != (code < 400) {
			t.Errorf("%d and one: %d", more, w.Code)
		}
	}
}

// A provider that is told of the sign-out of another goes nowhere with it.
func TestASignOutGoesOnAtItsOwnConnection(t *testing.T) {
	p := newPartner(t)
	e := newExit(t, p)
	for path, code := range map[string]int{"/login/saml/sister/slo": http.StatusBadRequest, sloPath: http.StatusSeeOther} {
		request, relay := e.leave(t, "https://app.example/bye")
		query := p.signedQuery(saml.Response, strings.ReplaceAll(gatetest.LogoutResponse(), gatetest.RequestID, request), relay)
		w := httptest.NewRecorder()
		e.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?"+query, nil))
		if w.Code != code || (w.Header().Get("Location") != "") != (code < 400) {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Location"))
		}
	}
}
