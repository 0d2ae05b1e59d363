package connections_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

func TestWhyASignInFailedIsFoundByItsCode(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Auditor)
	now := time.Now().UTC()
	failed := trace.Trace{
		ID: "7K3M-Q2XD-9FTB", Time: now, Expires: now.Add(time.Hour), Connection: "acme", Kind: trace.SignIn, Rule: "idp_untrusted", Detail: "the id_token is for another client",
		Checks:   []identity.Check{{Name: "issuer", Passed: true}, {Name: "audience", Expected: "gatehouse", Got: "<script>alert(1)</script>"}},
		Document: `{"name": "<img src=x>"}`, By: identity.Actor{Ref: identity.Connection("acme"), Address: "192.0.2.7", Request: "req-1"},
	}
	if err := s.DB.SaveTrace(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	if a := s.Get("/traces?code=7k3mq2xd9ftb"); a.Status != http.StatusSeeOther || a.Header.Get("Location") != consoletest.Prefix+"/admin/traces/7K3M-Q2XD-9FTB" {
		t.Errorf("%d %s", a.Status, a.Header.Get("Location"))
	}
	page := s.Get("/traces/7K3M-Q2XD-9FTB")
	for _, text := range []string{"audience", "gatehouse", "&lt;script&gt;", "&lt;img src=x&gt;", "compare the client id", "192.0.2.7", "req-1", "idp_untrusted"} {
		if page.Status != http.StatusOK || !strings.Contains(page.Body, text) {
			t.Errorf("%d, and no %q", page.Status, text)
		}
	}
	for path, there := range map[string]bool{"?connection=acme&check=audience": true, "?check=issuer": false, "?kind=test": false, "?passed=false": true} {
		if a := s.Get("/traces" + path); a.Status != http.StatusOK || strings.Contains(a.Body, "7K3M") != there {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := s.Get("/connections/acme"); !strings.Contains(a.Body, "7K3M-Q2XD-9FTB") {
		t.Error("its connection does not show it")
	}
	for _, code := range []string{"none", "0000-0000-0000"} {
		if a := s.Get("/traces/" + code); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", code, a.Status)
		}
	}
}
