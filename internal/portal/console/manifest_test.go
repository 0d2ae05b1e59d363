package console

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestAManifestIsCheckedLineByLineAndShownBeforeItIsApplied(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	bad := s.upload("/new-app", map[string]string{"manifest": "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata:\n  name: X\n  title: T\nsurprise: 1\n"})
	for _, text := range []string{"Line 4, column 9", "metadata.name", "Line 6", "surprise", "name: X"} {
		if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, text) {
			t.Errorf("%d, and no %q", bad.status, text)
		}
	}
	text := manifest("fresh", "Fresh App", "people-tools")
	preview := s.upload("/new-app", map[string]string{"manifest": "ignored: the file counts", "file": text})
	if preview.status != http.StatusOK || !strings.Contains(preview.body, "A new app is added.") || !strings.Contains(preview.body, "fresh-client") {
		t.Fatalf("%d %s", preview.status, preview.body)
	}
	if _, err := s.apps.App(t.Context(), "fresh"); err == nil {
		t.Fatal("applied before it was seen")
	}
	form := preview.hidden()
	applied := s.upload("/new-app", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")})
	secret := regexp.MustCompile(`value="([A-Za-z0-9_-]{43})"`).FindStringSubmatch(applied.body)
	if applied.status != http.StatusOK || secret == nil || applied.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", applied.status, applied.body)
	}
	a, err := s.apps.App(t.Context(), "fresh")
	if err != nil || a.Manifest.Metadata.Title != "Fresh App" {
		t.Fatal(err)
	}
	if page := s.get("/apps/fresh"); strings.Contains(page.body, secret[1]) {
		t.Error("the secret is shown again")
	}
	changed := strings.Replace(text, "Fresh App", "Other Title", 1)
	preview = s.upload("/apps/fresh/manifest", map[string]string{"manifest": changed})
	if !strings.Contains(preview.body, "<del>Fresh App</del>") || !strings.Contains(preview.body, "<ins>Other Title</ins>") || strings.Contains(preview.body, "<ins>fresh-client") {
		t.Errorf("%s", preview.body)
	}
	form = preview.hidden()
	// Somebody else changes the app: what was seen is not what would happen.
	s.app("fresh", "Third Title", "people-tools")
	again := s.upload("/apps/fresh/manifest", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")})
	if again.status != http.StatusOK || !strings.Contains(again.body, "<del>Third Title</del>") {
		t.Errorf("%d %s", again.status, again.body)
	}
	form = again.hidden()
	if done := s.upload("/apps/fresh/manifest", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")}); done.status != http.StatusSeeOther {
		t.Errorf("%d %s", done.status, done.body)
	}
	if a, err := s.apps.App(t.Context(), "fresh"); err != nil || a.Manifest.Metadata.Title != "Other Title" {
		t.Errorf("%v %v", a.Manifest.Metadata, err)
	}
}

func TestAManifestThatCannotBeAppliedSaysWhy(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.app("own", "Own App", "people-tools")
	for name, c := range map[string]struct{ path, text, want string }{
		"a taken client id":  {"/new-app", strings.Replace(manifest("fresh", "Fresh", "team-a"), "fresh-client", "own-client", 1), "The app own has this as its client id"},
		"another app's name": {"/apps/own/manifest", manifest("other", "Other", "team-a"), "This is the manifest of other, and not of own."},
		"an app in use":      {"/apps/own/manifest", strings.Replace(manifest("own", "Own", "team-a"), "owner: {team: team-a, primary: a@acme.example}, ", "", 1), "would leave it without owner"},
	} {
		if a := s.upload(c.path, map[string]string{"manifest": c.text}); a.status != http.StatusConflict || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if same := s.upload("/apps/own/manifest", map[string]string{"manifest": manifest("own", "Own App", "people-tools")}); !strings.Contains(same.body, "Nothing changes") || strings.Contains(same.body, "Apply it") {
		t.Errorf("%s", same.body)
	}
	for name, a := range map[string]asked{
		"no form":  s.post("/new-app", url.Values{"manifest": {"x"}}, "same-origin"),
		"too much": s.upload("/new-app", map[string]string{"manifest": strings.Repeat("x", kit.MaxUpload)}),
	} {
		if a.status != http.StatusUnsupportedMediaType && a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestAnOwnerChangesTheAppsOfTheOwnTeam(t *testing.T) {
	s := newStage(t)
	s.mapped("tools", "people-tools")
	s.app("own", "Own App", "people-tools")
	s.app("other", "Other App", "finance")
	s.person("olga", "Olga", "tools")
	s.who = "olga"
	own, other := s.get("/apps/own"), s.get("/apps/other")
	if !strings.Contains(own.body, "/apps/own/disable") || !strings.Contains(own.body, "/apps/own/manifest") {
		t.Error("an owner is not offered the own app's actions")
	}
	if strings.Contains(other.body, "/apps/other/disable") || strings.Contains(other.body, "/apps/other/manifest") {
		t.Error("an owner is offered another app's actions")
	}
	if strings.Contains(own.body, "/admin/people") {
		t.Error("the navigation shows what an owner may not see")
	}
	if _, done := s.confirm("/apps/own/disable"); done.status != http.StatusSeeOther || !s.disabled("own") {
		t.Errorf("%d", done.status)
	}
	if actor := s.lastActor("app.disabled"); actor != identity.Person("olga") {
		t.Errorf("%v", actor)
	}
}

func TestATokenIsShownOnceAndWorksUntilItIsRevoked(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	made := s.post("/tokens/new", url.Values{"name": {"nightly"}, "role-auditor": {"yes"}, "days": {"30"}, "apps": {""}}, "same-origin")
	secret := regexp.MustCompile(`value="(gha_[^"]+)"`).FindStringSubmatch(made.body)
	if made.status != http.StatusOK || secret == nil {
		t.Fatalf("%d %s", made.status, made.body)
	}
	who, err := s.admin.Authenticate(t.Context(), secret[1])
	if err != nil || !who.Has(admin.Auditor) || who.Has(admin.Admin) {
		t.Errorf("%+v %v", who, err)
	}
	list := s.get("/tokens")
	if strings.Contains(list.body, secret[1]) || !strings.Contains(list.body, "nightly") {
		t.Errorf("%s", list.body)
	}
	if _, done := s.confirm("/tokens/" + who.Ref.ID + "/revoke"); done.status != http.StatusSeeOther {
		t.Errorf("%d", done.status)
	}
	if _, err := s.admin.Authenticate(t.Context(), secret[1]); err == nil {
		t.Error("a token that was revoked is good")
	}
	for name, form := range map[string]url.Values{
		"no name": {"name": {""}, "role-auditor": {"yes"}, "days": {"30"}}, "no role": {"name": {"x"}, "days": {"30"}},
		"too long": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"4000"}}, "no days": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"soon"}},
		"apps without an owner": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"30"}, "apps": {"own"}},
	} {
		if a := s.post("/tokens/new", form, "same-origin"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestARoleIsGivenToWhoWasFound(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau")
	if a := s.get("/roles/assign?q=moreau"); !strings.Contains(a.body, "/admin/roles/assign?person=alice") {
		t.Errorf("%s", a.body)
	}
	if a := s.get("/roles/assign?person=alice"); !strings.Contains(a.body, "Alice Moreau") || !strings.Contains(a.body, `value="auditor"`) {
		t.Errorf("%s", a.body)
	}
	if a := s.post("/roles/assign", url.Values{"person": {"alice"}, "role": {"auditor"}}, "same-origin"); a.status != http.StatusSeeOther {
		t.Errorf("%d %s", a.status, a.body)
	}
	for name, form := range map[string]url.Values{
		"an unknown role": {"person": {"alice"}, "role": {"emperor"}}, "nobody": {"person": {"none"}, "role": {"auditor"}}, "no role": {"person": {"alice"}},
	} {
		if a := s.post("/roles/assign", form, "same-origin"); a.status != http.StatusBadRequest && a.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := s.get("/roles"); !strings.Contains(a.body, `/admin/people/ada"`) {
		t.Errorf("control, every role: %s", a.body)
	}
	if a := s.get("/roles?role=auditor"); !strings.Contains(a.body, "Alice Moreau") || strings.Contains(a.body, `/admin/people/ada"`) {
		t.Errorf("%s", a.body)
	}
}
