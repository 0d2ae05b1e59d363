package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

func TestAConnectionIsAddedChangedTestedAndRemovedByPages(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	bad := s.upload("/new-connection", map[string]string{"type": "oidc", "id": "partner", "title": "<b>Partner", "client_secret": "planted-secret"})
	for _, text := range []string{"2 faults", "<code>client_id</code>", `value="&lt;b&gt;Partner"`, `aria-invalid="true" aria-describedby="w-issuer"`} {
		if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, text) {
			t.Errorf("%d, and no %q", bad.status, text)
		}
	}
	if strings.Contains(bad.body, "planted-secret") {
		t.Error("the secret is shown")
	}
	form := map[string]string{
		"type": "oidc", "id": "partner", "title": "Partner", "issuer": "https://partner.example", "client_id": "gatehouse", "client_secret": "planted-secret", "closed": "yes",
		"scopes": "openid, email", "claims": "department = claims.dept == 'a=b' ? 'x' : 'y'\n\n", "groups.claim": "roles", "userinfo": "yes",
		"exchange.clients": "microapp-desk = travel-web, travel-app\nmicroapp-job = *", "exchange.once": "yes", "exchange.max_age": "10m", "exchange.audiences": "urn:a", "exchange.types": "at+jwt JWT", "exchange.amr": "otp",
	}
	if made := s.upload("/new-connection", form); made.status != http.StatusSeeOther || !strings.Contains(made.header.Get("Location"), "/connections/partner?notice=connection-applied") {
		t.Fatalf("%d %s", made.status, made.body)
	}
	page := s.get("/connections/partner")
	for _, text := range []string{
		"Disabled", "https://partner.example", "claims.dept == &#39;a=b&#39;", "Kept encrypted", "Added here", "https://login.example/auth/login/callback/partner", "/partner/test", "/partner/remove",
		"microapp-desk = travel-web, travel-app", "microapp-job = *", "Take each token once", "<code>urn:a</code>", "<code>10m</code>", "<code>JWT</code>", "<code>otp</code>",
	} {
		if !strings.Contains(page.body, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if strings.Contains(page.body, "planted-secret") {
		t.Error("the secret is shown")
	}
	change := s.get("/connections/partner/change")
	for _, text := range []string{
		`value="openid email"`, `name="userinfo" value="yes" checked`, `name="issuer" type="text" value="https://partner.example"`, "readonly", `value="roles"`,
		"microapp-desk = travel-web, travel-app\nmicroapp-job = *", `name="exchange.once" value="yes" checked`, `value="at&#43;jwt JWT"`,
	} {
		if !strings.Contains(change.body, text) {
			t.Errorf("the form does not have %q", text)
		}
	}
	form["title"], form["client_secret"] = "Partner Ltd", ""
	if done := s.upload("/connections/partner/change", form); done.status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.status, done.body)
	}
	if add := s.get("/new-connection").body; strings.Contains(add, "the one of now stays") || strings.Contains(add, "forget_secret") {
		t.Error("the form that adds a connection speaks of a secret of now")
	}
	if !strings.Contains(change.body, "the one of now stays") || !strings.Contains(change.body, "forget_secret") {
		t.Error("the form that changes it does not say what becomes of the secret")
	}
	form["forget_secret"], form["client_secret"] = "yes", "another-planted-secret"
	if both := s.upload("/connections/partner/change", form); both.status != http.StatusUnprocessableEntity || !strings.Contains(both.body, `name="forget_secret" value="yes" checked`) || strings.Contains(both.body, "planted") {
		t.Errorf("a new secret, and none: %d", both.status)
	}
	form["client_secret"] = ""
	if done := s.upload("/connections/partner/change", form); done.status != http.StatusSeeOther || strings.Contains(s.get("/connections/partner").body, "Kept encrypted") {
		t.Errorf("the secret is not forgotten: %d %s", done.status, done.body)
	}
	if strings.Contains(s.get("/connections/partner/change").body, "forget_secret") {
		t.Error("a secret that is not there can be forgotten")
	}
	delete(form, "forget_secret")
	form["issuer"] = "https://evil.example"
	if done := s.upload("/connections/partner/change", form); done.status != http.StatusUnprocessableEntity || !strings.Contains(done.body, "never changes") {
		t.Errorf("%d %s", done.status, done.body)
	}
	if test := s.post("/connections/partner/test", nil, "same-origin"); test.status != http.StatusSeeOther || test.header.Get("Location") != "https://login.example/login/test/partner" {
		t.Errorf("%d %s", test.status, test.header.Get("Location"))
	}
	if test := s.post("/connections/partner/test", nil, "cross-site"); test.status != http.StatusForbidden {
		t.Errorf("another site begins a test: %d", test.status)
	}
	question, gone := s.confirm("/connections/partner/remove")
	if gone.status != http.StatusSeeOther || !strings.Contains(question.body, "Sessions that end") {
		t.Errorf("%d %s", gone.status, question.body)
	}
	if page := s.get("/connections/partner"); page.status != http.StatusNotFound {
		t.Errorf("%d", page.status)
	}
	for _, path := range []string{"/connections/acme/change", "/connections/acme/remove"} {
		if a := s.get(path); a.status != http.StatusConflict {
			t.Errorf("%s of one of the configuration: %d", path, a.status)
		}
	}
	if page := s.get("/connections/acme"); strings.Contains(page.body, "/acme/change") || strings.Contains(page.body, "/acme/remove") || !strings.Contains(page.body, "The configuration") {
		t.Error("one of the configuration is offered to be changed")
	}
}

func TestWhyASignInFailedIsFoundByItsCode(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Auditor)
	now := time.Now().UTC()
	failed := trace.Trace{
		ID: "7K3M-Q2XD-9FTB", Time: now, Expires: now.Add(time.Hour), Connection: "acme", Kind: trace.SignIn, Rule: "idp_untrusted", Detail: "the id_token is for another client",
		Checks:   []identity.Check{{Name: "issuer", Passed: true}, {Name: "audience", Expected: "gatehouse", Got: "<script>alert(1)</script>"}},
		Document: `{"name": "<img src=x>"}`, By: identity.Actor{Ref: identity.Connection("acme"), Address: "192.0.2.7", Request: "req-1"},
	}
	if err := s.db.SaveTrace(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/traces?code=7k3mq2xd9ftb"); a.status != http.StatusSeeOther || a.header.Get("Location") != prefix+"/admin/traces/7K3M-Q2XD-9FTB" {
		t.Errorf("%d %s", a.status, a.header.Get("Location"))
	}
	page := s.get("/traces/7K3M-Q2XD-9FTB")
	for _, text := range []string{"audience", "gatehouse", "&lt;script&gt;", "&lt;img src=x&gt;", "compare the client id", "192.0.2.7", "req-1", "idp_untrusted"} {
		if page.status != http.StatusOK || !strings.Contains(page.body, text) {
			t.Errorf("%d, and no %q", page.status, text)
		}
	}
	for path, there := range map[string]bool{"?connection=acme&check=audience": true, "?check=issuer": false, "?kind=test": false, "?passed=false": true} {
		if a := s.get("/traces" + path); a.status != http.StatusOK || strings.Contains(a.body, "7K3M") != there {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := s.get("/connections/acme"); !strings.Contains(a.body, "7K3M-Q2XD-9FTB") {
		t.Error("its connection does not show it")
	}
	for _, code := range []string{"none", "0000-0000-0000"} {
		if a := s.get("/traces/" + code); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", code, a.status)
		}
	}
}

func TestCertificatesThatRunOutAreSaidOnTheFirstPage(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	for name, c := range map[string]struct {
		left time.Duration
		want string
	}{
		"nobody knows": {0, ""},
		"far away":     {31 * kit.Day, ""},
		"soon":         {10*kit.Day + time.Hour, "run out in"},
		"over":         {-time.Hour, "have run out"},
	} {
		s.ends = map[string]time.Time{}
		if c.left != 0 {
			s.ends["acme"] = time.Now().Add(c.left)
		}
		page := s.get("")
		if page.status != http.StatusOK || strings.Contains(page.body, "The certificates of") != (c.want != "") || !strings.Contains(page.body, c.want) {
			t.Errorf("%s: %d %s", name, page.status, page.body)
		}
	}
	s.as("olga") // who may see none of it
	if page := s.get(""); strings.Contains(page.body, "The certificates of") {
		t.Error("everybody is told")
	}
}
