package login

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

func TestTheConnectionIsTakenWhereThereIsNoChoice(t *testing.T) {
	acme := Connection{ID: "acme", Domains: []string{"acme.example"}}
	partner := Connection{ID: "partner", Domains: []string{"partner.example"}}
	both := []Connection{acme, partner}
	for name, c := range map[string]struct {
		open []Connection
		req  identity.SignInRequest
		want string // empty: the person chooses, or there is none
	}{
		"the only one":                      {both[:1], identity.SignInRequest{}, "acme"},
		"one of two":                        {both, identity.SignInRequest{}, ""},
		"named":                             {both, identity.SignInRequest{Connection: "partner"}, "partner"},
		"named, and a hint of another":      {both, identity.SignInRequest{Connection: "partner", LoginHint: "a@acme.example"}, "partner"},
		"named, and there is no such":       {both, identity.SignInRequest{Connection: "nobody"}, ""},
		"named, and only another is open":   {both[:1], identity.SignInRequest{Connection: "partner"}, ""},
		"named in another case":             {both, identity.SignInRequest{Connection: "Partner"}, ""},
		"by domain":                         {both, identity.SignInRequest{LoginHint: "a@partner.example"}, "partner"},
		"by domain in another case":         {both, identity.SignInRequest{LoginHint: "a@PARTNER.example"}, "partner"},
		"by an address with two domains":    {both, identity.SignInRequest{LoginHint: "a@evil.example@partner.example"}, ""},
		"by a domain below":                 {both, identity.SignInRequest{LoginHint: "a@x.partner.example"}, ""},
		"by a user name":                    {both, identity.SignInRequest{LoginHint: "partner.example"}, ""},
		"by a domain of one that is closed": {both[:1], identity.SignInRequest{LoginHint: "a@partner.example"}, "acme"},
		"none is open":                      {nil, identity.SignInRequest{}, ""},
	} {
		got, ok := wanted(c.open, c.req)
		if got.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v, want %q", name, got.ID, ok, c.want)
		}
	}
}

func TestASessionFitsWhatItProves(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	l := &Login{o: Options{Now: func() time.Time { return now }}}
	s := session.Session{Person: "p", Authentication: identity.Authentication{Connection: "acme", ACR: "mfa", Time: now.Add(-time.Hour)}}
	age := func(d time.Duration) *time.Duration { return &d }
	for name, c := range map[string]struct {
		req  identity.SignInRequest
		want bool
	}{
		"nothing asked":      {identity.SignInRequest{}, true},
		"login":              {identity.SignInRequest{Prompt: identity.Prompt{Login: true}}, false},
		"select_account":     {identity.SignInRequest{Prompt: identity.Prompt{SelectAccount: true}}, false},
		"consent":            {identity.SignInRequest{Prompt: identity.Prompt{Consent: true}}, true},
		"young enough":       {identity.SignInRequest{MaxAge: age(time.Hour)}, true},
		"too old":            {identity.SignInRequest{MaxAge: age(time.Hour - time.Second)}, false},
		"its class":          {identity.SignInRequest{ACR: []string{"other", "mfa"}}, true},
		"another class":      {identity.SignInRequest{ACR: []string{"other"}}, false},
		"its connection":     {identity.SignInRequest{Connection: "acme"}, true},
		"another connection": {identity.SignInRequest{Connection: "partner"}, false},
		"its person":         {identity.SignInRequest{Subject: "p"}, true},
		"another person":     {identity.SignInRequest{Subject: "q"}, false},
	} {
		if got := l.fits(s, c.req); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAFailureWithoutAPageHasTheCodeOfItsKind(t *testing.T) {
	got := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		got[k.String()+" "+silent(k)] = k
	}
	want := map[string]fault.Kind{
		"internal server_error": fault.Internal, "invalid server_error": fault.Invalid, "not_found server_error": fault.NotFound, "conflict server_error": fault.Conflict,
		"denied access_denied": fault.Denied, "unauthenticated access_denied": fault.Unauthenticated,
		"too_many temporarily_unavailable": fault.TooMany, "unavailable temporarily_unavailable": fault.Unavailable,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestTheCookieOfASignInIsAsStrictAsTheAddressAllows(t *testing.T) {
	for name, c := range map[string]struct {
		secure             bool
		prefix, want, path string
	}{
		"plain loopback":        {false, "", "gatehouse-flow", "/"},
		"https":                 {true, "", "__Host-gatehouse-flow", "/"},
		"a path below loopback": {false, "/gate", "gatehouse-flow", "/gate/"},
		"below a path":          {true, "/gate", "__Host-gatehouse-flow-gate", "/"},
	} {
		l := &Login{o: Options{Secure: c.secure, Prefix: c.prefix}}
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		hash := l.browser(w, r)
		set := w.Result().Cookies()
		if len(set) != 1 {
			t.Fatalf("%s: %v", name, set)
		}
		cookie := set[0]
		if cookie.Name != c.want || cookie.Secure != c.secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != c.path || cookie.Domain != "" || cookie.MaxAge != 0 {
			t.Errorf("%s: %+v", name, cookie)
		}
		// The same browser is known again, and a value of another shape is replaced.
		for value, known := range map[string]bool{cookie.Value: true, "x": false, "": false} {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: c.want, Value: value})
			if again := l.browser(w, r); bytes.Equal(again, hash) != known || (len(w.Result().Cookies()) == 0) != known {
				t.Errorf("%s: %q is known: %v", name, value, bytes.Equal(again, hash))
			}
		}
	}
}
