package connections_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestAConnectionIsAddedChangedTestedAndRemovedByPages(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	bad := s.Upload("/new-connection", map[string]string{"type": "oidc", "id": "partner", "title": "<b>Partner", "client_secret": "planted-secret"})
	for _, text := range []string{"2 faults", "<code>client_id</code>", `value="&lt;b&gt;Partner"`, `aria-invalid="true" aria-describedby="w-issuer"`} {
		if bad.Status != http.StatusUnprocessableEntity || !strings.Contains(bad.Body, text) {
			t.Errorf("%d, and no %q", bad.Status, text)
		}
	}
	if strings.Contains(bad.Body, "planted-secret") {
		t.Error("the secret is shown")
	}
	form := map[string]string{
		"type": "oidc", "id": "partner", "title": "Partner", "issuer": "https://partner.example", "client_id": "gatehouse", "client_secret": "planted-secret", "closed": "yes",
		"scopes": "openid, email", "claims": "department = claims.dept == 'a=b' ? 'x' : 'y'\n\n", "groups.claim": "roles", "userinfo": "yes",
		"exchange.clients": "microapp-desk = travel-web, travel-app\nmicroapp-job = *", "exchange.once": "yes", "exchange.max_age": "10m", "exchange.audiences": "urn:a", "exchange.types": "at+jwt JWT", "exchange.amr": "otp",
	}
	if made := s.Upload("/new-connection", form); made.Status != http.StatusSeeOther || !strings.Contains(made.Header.Get("Location"), "/connections/partner?notice=connection-applied") {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	page := s.Get("/connections/partner")
	for _, text := range []string{
		"Disabled", "https://partner.example", "claims.dept == &#39;a=b&#39;", "Kept encrypted", "Added here", "https://login.example/auth/login/callback/partner", "/partner/test", "/partner/remove",
		"microapp-desk = travel-web, travel-app", "microapp-job = *", "Take each token once", "<code>urn:a</code>", "<code>10m</code>", "<code>JWT</code>", "<code>otp</code>",
	} {
		if !strings.Contains(page.Body, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if strings.Contains(page.Body, "planted-secret") {
		t.Error("the secret is shown")
	}
	change := s.Get("/connections/partner/change")
	for _, text := range []string{
		`value="openid email"`, `name="userinfo" value="yes" checked`, `name="issuer" type="text" value="https://partner.example"`, "readonly", `value="roles"`,
		"microapp-desk = travel-web, travel-app\nmicroapp-job = *", `name="exchange.once" value="yes" checked`, `value="at&#43;jwt JWT"`,
	} {
		if !strings.Contains(change.Body, text) {
			t.Errorf("the form does not have %q", text)
		}
	}
	form["title"], form["client_secret"] = "Partner Ltd", ""
	if done := s.Upload("/connections/partner/change", form); done.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.Status, done.Body)
	}
	if add := s.Get("/new-connection").Body; strings.Contains(add, "the one of now stays") || strings.Contains(add, "forget_secret") {
		t.Error("the form that adds a connection speaks of a secret of now")
	}
	if !strings.Contains(change.Body, "the one of now stays") || !strings.Contains(change.Body, "forget_secret") {
		t.Error("the form that changes it does not say what becomes of the secret")
	}
	form["forget_secret"], form["client_secret"] = "yes", "another-planted-secret"
	if both := s.Upload("/connections/partner/change", form); both.Status != http.StatusUnprocessableEntity || !strings.Contains(both.Body, `name="forget_secret" value="yes" checked`) || strings.Contains(both.Body, "planted") {
		t.Errorf("a new secret, and none: %d", both.Status)
	}
	form["client_secret"] = ""
	if done := s.Upload("/connections/partner/change", form); done.Status != http.StatusSeeOther || strings.Contains(s.Get("/connections/partner").Body, "Kept encrypted") {
		t.Errorf("the secret is not forgotten: %d %s", done.Status, done.Body)
	}
	if strings.Contains(s.Get("/connections/partner/change").Body, "forget_secret") {
		t.Error("a secret that is not there can be forgotten")
	}
	delete(form, "forget_secret")
	form["issuer"] = "https://evil.example"
	if done := s.Upload("/connections/partner/change", form); done.Status != http.StatusUnprocessableEntity || !strings.Contains(done.Body, "never changes") {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	if test := s.Post("/connections/partner/test", nil, "same-origin"); test.Status != http.StatusSeeOther || test.Header.Get("Location") != "https://login.example/login/test/partner" {
		t.Errorf("%d %s", test.Status, test.Header.Get("Location"))
	}
	if test := s.Post("/connections/partner/test", nil, "cross-site"); test.Status != http.StatusForbidden {
		t.Errorf("another site begins a test: %d", test.Status)
	}
	question, gone := s.Confirm("/connections/partner/remove")
	if gone.Status != http.StatusSeeOther || !strings.Contains(question.Body, "Sessions that end") {
		t.Errorf("%d %s", gone.Status, question.Body)
	}
	if page := s.Get("/connections/partner"); page.Status != http.StatusNotFound {
		t.Errorf("%d", page.Status)
	}
	for _, path := range []string{"/connections/acme/change", "/connections/acme/remove"} {
		if a := s.Get(path); a.Status != http.StatusConflict {
			t.Errorf("%s of one of the configuration: %d", path, a.Status)
		}
	}
	if page := s.Get("/connections/acme"); strings.Contains(page.Body, "/acme/change") || strings.Contains(page.Body, "/acme/remove") || !strings.Contains(page.Body, "The configuration") {
		t.Error("one of the configuration is offered to be changed")
	}
}

func TestCertificatesThatRunOutAreSaidOnTheFirstPage(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	for name, c := range map[string]struct {
		left time.Duration
		want string
	}{
		"nobody knows": {0, ""},
		"far away":     {31 * kit.Day, ""},
		"soon":         {10*kit.Day + time.Hour, "run out in"},
		"over":         {-time.Hour, "have run out"},
	} {
		s.Ends = map[string]time.Time{}
		if c.left != 0 {
			s.Ends["acme"] = time.Now().Add(c.left)
		}
		page := s.Get("")
		if page.Status != http.StatusOK || strings.Contains(page.Body, "The certificates of") != (c.want != "") || !strings.Contains(page.Body, c.want) {
			t.Errorf("%s: %d %s", name, page.Status, page.Body)
		}
	}
	s.As("olga") // who may see none of it
	if page := s.Get(""); strings.Contains(page.Body, "The certificates of") {
		t.Error("everybody is told")
	}
}
