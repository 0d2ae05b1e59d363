package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

// call sends a request with these Authorization headers through a handler.
func call(h http.Handler, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/salaries?access_token=x", nil)
	for _, one := range authorization {
		r.Header.Add("Authorization", one)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// who answers whom the token is about.
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if c, ok := verify.FromContext(r.Context()); ok {
		_, _ = io.WriteString(w, c.Subject)
	}
})

func TestAHandlerAnswersWhatIsMissing(t *testing.T) {
	i := newIssuer()
	v := i.verifier()
	var log bytes.Buffer
	v.Log = slog.New(slog.NewTextHandler(&log, nil))
	now := time.Now().Unix()
	good := i.token(i.person())
	read := verify.Requirement{Scopes: []string{"payroll.read", "payroll.list"}}
	for name, c := range map[string]struct {
		need          verify.Requirement
		authorization []string
		status        int
		challenge     string
	}{
		"control":                    {read, []string{"Bearer " + good}, 200, ""},
		"the scheme in capitals":     {read, []string{"BEARER " + good}, 200, ""},
		"no token":                   {read, nil, 401, "Bearer"},
		"another scheme":             {read, []string{"Basic eDp5"}, 401, "Bearer"},
		"an empty token":             {read, []string{"Bearer "}, 400, `Bearer error="invalid_request", error_description="the token must come once, as a bearer token in the header Authorization"`},
		"two tokens":                 {read, []string{"Bearer " + good, "Bearer " + good}, 400, `Bearer error="invalid_request", error_description="the token must come once, as a bearer token in the header Authorization"`},
		"a token that is none":       {read, []string{"Bearer x"}, 401, `Bearer error="invalid_token", error_description="the token is not valid"`},
		"an expired one":             {read, []string{"Bearer " + i.token(i.person().with("exp", now-1))}, 401, `Bearer error="invalid_token", error_description="the token has expired"`},
		"no scope":                   {read, []string{"Bearer " + i.token(i.person().with("scope", nil))}, 403, `Bearer error="insufficient_scope", error_description="the token lacks a scope", scope="payroll.read payroll.list"`},
		"one scope of two":           {read, []string{"Bearer " + i.token(i.person().with("scope", "payroll.read"))}, 403, `Bearer error="insufficient_scope", error_description="the token lacks a scope", scope="payroll.read payroll.list"`},
		"a scope that begins so":     {read, []string{"Bearer " + i.token(i.person().with("scope", "payroll.reader payroll.list"))}, 403, `Bearer error="insufficient_scope", error_description="the token lacks a scope", scope="payroll.read payroll.list"`},
		"the class":                  {verify.Requirement{ACRValues: []string{"phr", "mfa"}}, []string{"Bearer " + good}, 200, ""},
		"another class":              {verify.Requirement{ACRValues: []string{"phr", "phrh"}}, []string{"Bearer " + good}, 401, `Bearer error="insufficient_user_authentication", error_description="another authentication is needed", acr_values="phr phrh"`},
		"no class":                   {verify.Requirement{ACRValues: []string{"mfa"}}, []string{"Bearer " + i.token(i.person().with("acr", nil))}, 401, `Bearer error="insufficient_user_authentication", error_description="another authentication is needed", acr_values="mfa"`},
		"lately":                     {verify.Requirement{MaxAge: 5 * time.Minute}, []string{"Bearer " + good}, 200, ""},
		"too long ago":               {verify.Requirement{MaxAge: 5 * time.Minute}, []string{"Bearer " + i.token(i.person().with("auth_time", now-301))}, 401, `Bearer error="insufficient_user_authentication", error_description="another authentication is needed", max_age="300"`},
		"nobody knows when":          {verify.Requirement{MaxAge: 5 * time.Minute}, []string{"Bearer " + i.token(i.person().with("auth_time", nil))}, 401, `Bearer error="insufficient_user_authentication", error_description="another authentication is needed", max_age="300"`},
		"both":                       {verify.Requirement{ACRValues: []string{"phr"}, MaxAge: time.Minute}, []string{"Bearer " + i.token(i.person().with("auth_time", now-300))}, 401, `Bearer error="insufficient_user_authentication", error_description="another authentication is needed", acr_values="phr", max_age="60"`},
		"the scope before the class": {verify.Requirement{Scopes: []string{`odd"\`}, ACRValues: []string{"phr"}}, []string{"Bearer " + good}, 403, `Bearer error="insufficient_scope", error_description="the token lacks a scope", scope="odd\"\\"`},
	} {
		w := call(v.Handler(c.need, who), c.authorization...)
		if w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if fine := c.status == 200; fine != (w.Body.String() == "alice") {
			t.Errorf("%s: %s", name, w.Body)
		}
		var answer map[string]string
		if c.status != 200 && (json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer["error_description"] == "" || w.Header().Get("Cache-Control") != "no-store") {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
	if !strings.Contains(log.String(), "acr is mfa, and none of phr phrh") || strings.Contains(log.String(), good) {
		t.Errorf("the log names the rule, and no token: %s", &log)
	}
	if _, ok := verify.FromContext(t.Context()); ok {
		t.Error("there are claims without a token")
	}
}

func TestABrokerThatCannotBeAskedIs503(t *testing.T) {
	i := newIssuer()
	i.hook["/jwks"] = http.NotFound
	w := call(i.verifier().Handler(verify.Requirement{}, who), "Bearer "+i.token(i.person()))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" || !strings.Contains(w.Body.String(), "temporarily_unavailable") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	verify.Refuse(w, errors.New("a secret"))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAHandlerThatGoesOnLearnsOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.following(t)
		began, lasted := time.Now(), time.Duration(0)
		stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _ := verify.FromContext(r.Context())
			for v.Check(c, verify.Requirement{}) == nil {
				time.Sleep(100 * time.Millisecond)
			}
			lasted = time.Since(began)
		})
		go func() {
			time.Sleep(time.Minute)
			i.raise(blind(audience, "person", "alice"))
		}()
		call(v.Handler(verify.Requirement{}, stream), "Bearer "+i.token(i.person()))
		if lasted < time.Minute || lasted > time.Minute+time.Second {
			t.Errorf("it lasted %s", lasted)
		}
	})
}
