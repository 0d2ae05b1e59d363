package idp_test

import (
	"crypto/rsa"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// What an app vouched for among the seeds: requests with these ids, and what came with
// them.
const (
	signedID  = "_signed"
	signedFor = "relay of the app"
	bySeed    = "alice-at-wiki"
)

// way is how fuzzing sends a message, by number: at which service, by which binding,
// and as what its bytes are taken. The last says whether the app signs.
type way struct{ logout, post, whole, signs bool }

func wayOf(choice uint8) way {
	return way{choice&1 != 0, choice&2 != 0, choice&4 != 0, choice&8 != 0}
}

func (w way) number() (n uint8) {
	for i, set := range []bool{w.logout, w.post, w.whole, w.signs} {
		if set {
			n |= 1 << i
		}
	}
	return n
}

// request makes what a browser brings: the bytes are the query or form as a whole, or a
// document in it.
func (w way) request(t *testing.T, raw []byte) *http.Request {
	path, text := "/saml/sso", string(raw)
	if w.logout {
		path = "/saml/slo"
	}
	if !w.whole && w.post {
		text = url.Values{saml.Request: {base64.StdEncoding.EncodeToString(raw)}, "RelayState": {signedFor}}.Encode()
	} else if !w.whole {
		text = saml.Request + "=" + url.QueryEscape(deflated(t, text)) + "&RelayState=" + url.QueryEscape(signedFor)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if w.post {
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(text))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r.URL.RawQuery = text
	}
	return r
}

// seeds are good messages in every way, and some that are not.
func seeds(f *testing.F, k saml.KeyPair) {
	f.Helper()
	documents := map[bool][]string{
		false: {
			authn("_plain", "", ""), authn("28338c8c-39ab-4b94-bcdc-46f68f99d962", ` AssertionConsumerServiceURL="`+second+`"`, ""),
			authn("_passive", ` IsPassive="true" ForceAuthn="1" AssertionConsumerServiceIndex="1"`, `<samlp:NameIDPolicy AllowCreate="true"/>`),
			authn("_context", ` ProtocolBinding="`+saml.Post+`"`, `<samlp:RequestedAuthnContext Comparison="minimum"><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>`),
			authn("_elsewhere", ` AssertionConsumerServiceURL="https://evil.example/acs"`, ""),
		},
		true: {logoutRequest("_plain", bySeed, "_wiki"), logoutRequest("_all", bySeed, ""), logoutRequest("_other", "bob", "_wiki"), logoutResponse(wiki, "_asked", "Success")},
	}
	for logout, all := range documents {
		for _, text := range all {
			for _, post := range []bool{false, true} {
				f.Add(way{logout: logout, post: post}.number(), []byte(text))
				f.Add(way{logout: logout, post: post, signs: true}.number(), []byte(text))
			}
		}
	}
	for logout, text := range map[bool]string{false: authn(signedID, ` AssertionConsumerServiceURL="`+acs+`"`, ""), true: logoutRequest(signedID, bySeed, "_wiki")} {
		to := map[bool]string{false: issuer + "/saml/sso", true: issuer + "/saml/slo"}[logout]
		for _, binding := range []string{saml.Redirect, saml.Post} {
			target, form, err := saml.Deliver(binding, to, saml.Request, element{text}, signedFor, k)
			if err != nil {
				f.Fatal(err)
			}
			whole := form.Encode()
			if form == nil {
				_, whole, _ = strings.Cut(target, "?")
			}
			for _, signs := range []bool{false, true} {
				f.Add(way{logout: logout, post: form != nil, whole: true, signs: signs}.number(), []byte(whole))
			}
			f.Add(way{logout: logout, post: form != nil, whole: true, signs: true}.number(), []byte(strings.Replace(whole, "Signature=", "Signature=A", 1)))
		}
	}
}

var (
	// answers finds whom a response answers, onwards where a page leads.
	answers = regexp.MustCompile(` InResponseTo="([^"]*)"`)
	onwards = regexp.MustCompile(`<a class="button" href="([^"]+)"`)
)

// FuzzRequestsOfApps brings whatever to the single sign-on and the single logout
// service of a broker whose browser is signed in. Assertions go to addresses of the
// manifest alone, an app that signs is answered only what it signed, and a session ends
// only by what was signed.
func FuzzRequestsOfApps(f *testing.F) {
	lab, err := gatetest.Derived("fuzz")
	if err != nil {
		f.Fatal(err)
	}
	k := saml.KeyPair{Key: lab.RSA.Key.(*rsa.PrivateKey), Certificate: lab.RSA.Certificate}
	seeds(f, k)
	var once sync.Once
	var w *world
	f.Fuzz(func(t *testing.T, choice uint8, raw []byte) {
		once.Do(func() { w = newWorld(t) })
		w.forget(t)
		how := wayOf(choice)
		w.add(wiki, func(c *registry.Client) {
			c.SAML.Certificates, c.SAML.RequestsSigned = append(c.SAML.Certificates, k.Certificate), how.signs
		})
		rec := w.do(how.request(t, raw))
		if rec.Code >= http.StatusInternalServerError {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		if !w.session.Ended.IsZero() {
			if m := onwards.FindStringSubmatch(rec.Body.String()); m != nil { // after a form, a page leads on
				rec.Code = http.StatusSeeOther
				rec.Header().Set("Location", html.UnescapeString(m[1]))
			}
			if r, relay := w.toldBack(rec); r.InResponseTo != signedID || relay != signedFor {
				t.Fatalf("a session ended by %+v, %q", r, relay)
			}
		}
		target, form := posted(rec)
		encoded := form.Get(saml.Response)
		if encoded == "" {
			return
		}
		document, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !slices.Contains([]string{acs, second}, target) {
			t.Fatalf("an answer goes to %q: %v", target, err)
		}
		asked := answers.FindSubmatch(document)
		if how.signs && len(w.events) > 0 && (asked == nil || string(asked[1]) != signedID || form.Get("RelayState") != signedFor || target != acs) {
			t.Fatalf("an app that signs is answered what it did not: %s to %s\n%s", asked, target, document)
		}
	})
}

// forget begins anew with the same keys and pages.
func (w *world) forget(t *testing.T) {
	t.Helper()
	w.t, w.onward, w.events = t, nil, nil
	w.session.Ended = time.Time{}
	w.participants = []session.Participant{{Session: "s-1", App: "id-" + wiki, Client: wiki, NameID: bySeed, NameFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", SessionIndex: "_wiki"}}
	memory := cache.NewMemory(w.clock, time.Time{})
	w.memory.Cache, w.seen.Once = memory, memory
}
