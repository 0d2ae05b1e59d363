package upstream_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

const sloPath = "/login/saml/partner/slo"

// exit is what signs people out, with what became of it.
type exit struct {
	*upstream.SAMLEndpoints
	mux     *http.ServeMux
	partner *partner
	ended   []string // "name: indexes"
	broken  error
	refused []string
	// here is the session of the browser, empty for none; apps says that one of its
	// apps has to be led to, back where that leads in the end.
	here string
	apps bool
	back string
}

// Current is the session of the browser until one was ended.
func (e *exit) Current(*http.Request) (session.Session, error) {
	if e.here == "" || len(e.ended) > 0 {
		return session.Session{}, session.ErrNotFound
	}
	return session.Session{ID: e.here}, nil
}

// lead leads to the apps of a session.
func (e *exit) lead(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool {
	if !e.apps || ended.ID != e.here {
		return false
	}
	e.back = back
	http.Redirect(w, r, "https://app.example/slo", http.StatusSeeOther)
	return true
}

// EndUpstream ends nothing and says so.
func (e *exit) EndUpstream(_ context.Context, connection, name string, indexes []string, _ identity.Actor) (int, error) {
	e.ended = append(e.ended, connection+" "+name+": "+strings.Join(indexes, " "))
	return 1, e.broken
}

// Count lets everything through.
func (*exit) Count(context.Context, string) error { return nil }

func newExit(t *testing.T, p *partner) *exit {
	t.Helper()
	pages, err := ui.New(ui.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := &exit{partner: p, mux: http.NewServeMux()}
	c := p.connection()
	e.SAMLEndpoints, err = upstream.NewSAMLEndpoints(upstream.SAMLEndpointOptions{
		Connection: func(_ context.Context, id string) (*upstream.SAML, string, error) {
			if id != "partner" && id != "sister" {
				return nil, "", errors.New("no such connection")
			}
			return c, "Partner Corp", nil
		},
		Sessions: e, Apps: e.lead, Cache: p.seen, Limit: e, UI: pages, Log: slog.New(slog.DiscardHandler),
		Refused: func(_ *http.Request, connection string, why error) {
			e.refused = append(e.refused, connection+" "+fault.As(why).Code)
		},
		Actor: func(_ *http.Request, who identity.Ref) identity.Actor { return identity.Actor{Ref: who} },
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Mount(e.mux)
	return e
}

// send has a browser bring a query, or a form.
func (e *exit) send(t *testing.T, query string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://gate.example.com"+sloPath+"?"+query, nil)
	if form != nil {
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://gate.example.com"+sloPath, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	e.mux.ServeHTTP(w, r)
	return w
}

// signedQuery is a message in a query, signed by the provider.
func (p *partner) signedQuery(kind, message, relay string) string {
	return gatetest.SignQuery(gatetest.Query(kind, gatetest.Unplaced(message), relay), gatetest.RSASHA256, p.lab.RSA)
}

// said reads the answer that a redirect carries: whom it answers, and its status.
func (p *partner) said(target string) (inResponseTo, status string) {
	p.t.Helper()
	_, query, _ := strings.Cut(target, "?")
	p.ours.Certificate.NotBefore = p.now.Add(-time.Hour)
	m, err := xmlgate.VerifyRedirect(query, xmlgate.Want{
		Kind: xmlgate.LogoutResponse, Signed: xmlgate.Envelope, Certificates: []*x509.Certificate{p.ours.Certificate}, Now: p.now,
	})
	if err != nil {
		p.t.Fatalf("%s: %v", target, err)
	}
	return m.Hints.InResponseTo, m.Hints.Status
}

func TestTheProviderSignsPeopleOut(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		form    bool
		ended   string
	}{
		"one session":   {request: gatetest.LogoutRequest(), ended: "partner " + gatetest.NameID + ": _s1"},
		"by a form":     {request: gatetest.LogoutRequest(), form: true, ended: "partner " + gatetest.NameID + ": _s1"},
		"two sessions":  {request: replace("</samlp:SessionIndex>", "</samlp:SessionIndex><samlp:SessionIndex>_s2</samlp:SessionIndex>")(gatetest.LogoutRequest()), ended: "partner " + gatetest.NameID + ": _s1 _s2"},
		"every session": {request: replace("<samlp:SessionIndex>_s1</samlp:SessionIndex>", "")(gatetest.LogoutRequest()), ended: "partner " + gatetest.NameID + ": "},
	} {
		p := newPartner(t)
		e := newExit(t, p)
		var w *httptest.ResponseRecorder
		if c.form {
			signed := p.lab.Signed(c.request, gatetest.RequestID, gatetest.Sig{})
			w = e.send(t, "", url.Values{saml.Request: {base64.StdEncoding.EncodeToString([]byte(signed))}, "RelayState": {"theirs"}})
		} else {
			w = e.send(t, p.signedQuery(saml.Request, c.request, "theirs"), nil)
		}
		target := w.Header().Get("Location")
		if c.form { // a redirect would be stopped by the form's policy
			target = strings.TrimPrefix(w.Header().Get("Refresh"), "0; url=")
		}
		if !slices.Equal(e.ended, []string{c.ended}) || !strings.HasPrefix(target, "https://idp.example.com/slo/done?SAMLResponse=") || !strings.Contains(target, "RelayState=theirs") {
			t.Fatalf("%s: %v, %d to %s", name, e.ended, w.Code, target)
		}
		if to, status := p.said(target); to != gatetest.RequestID || status != saml.Success {
			t.Errorf("%s: answers %s with %s", name, to, status)
		}
	}
}

func TestWhatIsNoLogoutRequestEndsNothing(t *testing.T) {
	change := func(old, fresh string) func(*partner) (string, url.Values) {
		return func(p *partner) (string, url.Values) {
			return p.signedQuery(saml.Request, replace(old, fresh)(gatetest.LogoutRequest()), ""), nil
		}
	}
	for name, c := range map[string]struct {
		send func(*partner) (string, url.Values)
		code string
	}{
		"unsigned": {func(*partner) (string, url.Values) {
			return gatetest.Query(saml.Request, gatetest.Unplaced(gatetest.LogoutRequest()), ""), nil
		}, "saml_unsigned"},
		"unsigned form": {func(*partner) (string, url.Values) {
			return "", url.Values{saml.Request: {base64.StdEncoding.EncodeToString([]byte(gatetest.Unplaced(gatetest.LogoutRequest())))}}
		}, "saml_unsigned"},
		"signed by a stranger": {func(p *partner) (string, url.Values) {
			return gatetest.SignQuery(gatetest.Query(saml.Request, gatetest.Unplaced(gatetest.LogoutRequest()), ""), gatetest.RSASHA256, p.lab.Stranger), nil
		}, "saml_signature_invalid"},
		"relay state swapped": {func(p *partner) (string, url.Values) {
			return strings.Replace(p.signedQuery(saml.Request, gatetest.LogoutRequest(), "a"), "RelayState=a", "RelayState=b", 1), nil
		}, "saml_signature_invalid"},
		"issuer":         {change(gatetest.Issuer, "https://other.example"), "saml_issuer"},
		"destination":    {change("https://gate.example.com/saml/slo", "https://other.example/slo"), "saml_destination"},
		"no destination": {change(` Destination="https://gate.example.com/saml/slo"`, ""), "saml_destination"},
		"too old":        {change("2026-11-26T01:59:59Z", "2026-11-26T01:40:00Z"), "saml_issue_instant"},
		"of the future":  {change("2026-11-26T01:59:59Z", "2026-11-26T02:02:00Z"), "saml_issue_instant"},
		"over":           {change(`IssueInstant=`, `NotOnOrAfter="2026-11-26T01:58:00Z" IssueInstant=`), "saml_not_on_or_after"},
		"about nobody":   {change(gatetest.NameID+"</saml:NameID>", " </saml:NameID>"), "saml_name_id"},
		"no message":     {func(*partner) (string, url.Values) { return "x=y", nil }, "saml_logout"},
		"two messages": {func(p *partner) (string, url.Values) {
			return p.signedQuery(saml.Request, gatetest.LogoutRequest(), "") + "&SAMLResponse=x", nil
		}, "saml_logout"},
		"the sign-in's": {func(p *partner) (string, url.Values) { return "", p.answer("_x") }, "saml_logout"},
		"a long handle": {func(p *partner) (string, url.Values) {
			return p.signedQuery(saml.Request, gatetest.LogoutRequest(), strings.Repeat("a", 1025)), nil
		}, "saml_logout"},
		"repeated": {func(p *partner) (string, url.Values) {
			return p.signedQuery(saml.Request, gatetest.LogoutRequest(), "") + "&SAMLRequest=x", nil
		}, "parameter_repeated"},
		"another encoding": {func(*partner) (string, url.Values) { return "", url.Values{saml.Request: {"%%%"}} }, "saml_malformed"},
	} {
		p := newPartner(t)
		e := newExit(t, p)
		query, form := c.send(p)
		w := e.send(t, query, form)
		if len(e.ended) > 0 || w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), c.code) {
			t.Errorf("%s: %d, ended %v: %s", name, w.Code, e.ended, w.Body)
		}
		if w = e.send(t, p.signedQuery(saml.Request, gatetest.LogoutRequest(), ""), nil); w.Code != http.StatusSeeOther || len(e.ended) != 1 {
			t.Errorf("%s: control: %d", name, w.Code)
		}
		if w = e.send(t, p.signedQuery(saml.Request, gatetest.LogoutRequest(), ""), nil); len(e.ended) != 1 || !strings.Contains(w.Body.String(), "saml_replayed") {
			t.Errorf("%s: replayed: %d", name, w.Code)
		}
		if !slices.Contains(e.refused, "partner saml_replayed") {
			t.Errorf("%s: recorded %v", name, e.refused)
		}
	}
}

func TestSessionsThatCannotBeEndedAreNotSaidToBe(t *testing.T) {
	p := newPartner(t)
	e := newExit(t, p)
	e.broken = errors.New("no database")
	w := e.send(t, p.signedQuery(saml.Request, gatetest.LogoutRequest(), ""), nil)
	if _, status := p.said(w.Header().Get("Location")); status != saml.Responder {
		t.Errorf("told %s", status)
	}
}

// leave signs somebody out here, and returns the answer and what the provider is asked.
func (e *exit) leave(t *testing.T, back string) (request, relay string) {
	t.Helper()
	a := identity.Authentication{Connection: "partner", Upstream: &identity.UpstreamSession{Name: gatetest.NameID, Format: saml.Email, Index: "_s1"}}
	w := httptest.NewRecorder()
	if !e.Leave(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/logout", nil), a, back) {
		t.Fatal("the provider is not asked")
	}
	target := w.Header().Get("Location")
	u, err := url.Parse(target)
	if err != nil || !strings.HasPrefix(target, "https://idp.example.com/slo?SAMLRequest=") {
		t.Fatalf("%d to %s", w.Code, target)
	}
	return e.partner.asked(target).ID, u.Query().Get("RelayState")
}

func TestSigningOutGoesOnAtTheProvider(t *testing.T) {
	p := newPartner(t)
	e := newExit(t, p)
	answer := func(request, relay string, change ...string) *httptest.ResponseRecorder {
		text := strings.ReplaceAll(gatetest.LogoutResponse(), gatetest.RequestID, request)
		for i := 0; i < len(change); i += 2 {
			text = replace(change[i], change[i+1])(text)
		}
		return e.send(t, p.signedQuery(saml.Response, text, relay), nil)
	}
	request, relay := e.leave(t, "https://app.example/bye?state=1")
	if w := answer(request, relay); w.Header().Get("Location") != "https://app.example/bye?state=1" {
		t.Errorf("back to the app: %d %s", w.Code, w.Header().Get("Location"))
	}
	if w := answer(request, relay); w.Code != http.StatusBadRequest {
		t.Errorf("again: %d", w.Code)
	}
	request, relay = e.leave(t, "")
	if w := answer(request, relay); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "here and at Partner Corp") {
		t.Errorf("to a page: %d %s", w.Code, w.Body)
	}
	request, relay = e.leave(t, "https://app.example/bye")
	if w := answer(request, relay, "status:Success", "status:Responder"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "may still be signed in at Partner Corp") {
		t.Errorf("not done there: %d %s", w.Code, w.Body)
	}
	for name, c := range map[string][]string{
		"saml_in_response_to": {"InResponseTo=\"", "InResponseTo=\"x"},
		"saml_issuer":         {gatetest.Issuer, "https://other.example"},
		"saml_destination":    {"https://gate.example.com/saml/slo", "https://other.example/slo"},
	} {
		request, relay = e.leave(t, "https://app.example/bye")
		if w := answer(request, relay, c...); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), name) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := answer(request, "https://evil.example/"); w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
		t.Errorf("relay state of somebody else: %d %s", w.Code, w.Header().Get("Location"))
	}
}

func TestSigningOutIsNotHeldUpByTheProvider(t *testing.T) {
	of := &identity.UpstreamSession{Name: gatetest.NameID}
	for name, c := range map[string]struct {
		a      identity.Authentication
		change func(*partner)
	}{
		"another protocol":  {a: identity.Authentication{Connection: "partner"}},
		"a connection gone": {a: identity.Authentication{Connection: "gone", Upstream: of}},
		"no logout there": {identity.Authentication{Connection: "partner", Upstream: of}, func(p *partner) {
			p.metadata = strings.ReplaceAll(p.metadata, "bindings:HTTP-Redirect\" Location=\"https://idp.example.com/slo\"", "bindings:SOAP\" Location=\"https://idp.example.com/slo\"")
		}},
		"no metadata":          {identity.Authentication{Connection: "partner", Upstream: of}, func(p *partner) { p.metadata = "" }},
		"no short-term memory": {identity.Authentication{Connection: "partner", Upstream: of}, func(p *partner) { p.seen = lost{p.seen} }},
	} {
		p := newPartner(t)
		if c.change != nil {
			c.change(p)
		}
		w := httptest.NewRecorder()
		if newExit(t, p).Leave(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/logout", nil), c.a, "") || w.Body.Len() > 0 {
			t.Errorf("%s: the browser was answered", name)
		}
	}
}

// lost is a memory that keeps nothing.
type lost struct{ cache.Engine }

// Put fails.
func (lost) Put(context.Context, cache.Purpose, string, []byte, time.Duration) error {
	return errors.New("no memory")
}

func TestOurMetadataIsServedPerConnection(t *testing.T) {
	e := newExit(t, newPartner(t))
	for path, want := range map[string]int{"/login/saml/partner/metadata": http.StatusOK, "/login/saml/other/metadata": http.StatusInternalServerError} {
		w := httptest.NewRecorder()
		e.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want || want == http.StatusOK && w.Header().Get("Content-Type") != "application/samlmetadata+xml" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header())
		}
	}
}
