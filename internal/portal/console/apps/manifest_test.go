package apps_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestAManifestIsCheckedLineByLineAndShownBeforeItIsApplied(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	bad := s.Upload("/new-app", map[string]string{"manifest": "apiVersion: marketplace/v1alpha1\nkind: MicroApp\nmetadata:\n  name: X\n  title: T\nsurprise: 1\n"})
	for _, text := range []string{"Line 4, column 9", "metadata.name", "Line 6", "surprise", "name: X"} {
		if bad.Status != http.StatusUnprocessableEntity || !strings.Contains(bad.Body, text) {
			t.Errorf("%d, and no %q", bad.Status, text)
		}
	}
	text := consoletest.Manifest("fresh", "Fresh App", "people-tools")
	preview := s.Upload("/new-app", map[string]string{"manifest": "ignored: the file counts", "file": text})
	if preview.Status != http.StatusOK || !strings.Contains(preview.Body, "A new app is added.") || !strings.Contains(preview.Body, "fresh-client") {
		t.Fatalf("%d %s", preview.Status, preview.Body)
	}
	if _, err := s.Apps.App(t.Context(), "fresh"); err == nil {
		t.Fatal("applied before it was seen")
	}
	form := preview.Hidden()
	applied := s.Upload("/new-app", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")})
	secret := regexp.MustCompile(`value="([A-Za-z0-9_-]{43})"`).FindStringSubmatch(applied.Body)
	if applied.Status != http.StatusOK || secret == nil || applied.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", applied.Status, applied.Body)
	}
	a, err := s.Apps.App(t.Context(), "fresh")
	if err != nil || a.Manifest.Metadata.Title != "Fresh App" {
		t.Fatal(err)
	}
	if page := s.Get("/apps/fresh"); strings.Contains(page.Body, secret[1]) {
		t.Error("the secret is shown again")
	}
	changed := strings.Replace(text, "Fresh App", "Other Title", 1)
	preview = s.Upload("/apps/fresh/manifest", map[string]string{"manifest": changed})
	if !strings.Contains(preview.Body, "<del>Fresh App</del>") || !strings.Contains(preview.Body, "<ins>Other Title</ins>") || strings.Contains(preview.Body, "<ins>fresh-client") {
		t.Errorf("%s", preview.Body)
	}
	form = preview.Hidden()
	// Somebody else changes the app: what was seen is not what would happen.
	s.App("fresh", "Third Title", "people-tools")
	again := s.Upload("/apps/fresh/manifest", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")})
	if again.Status != http.StatusOK || !strings.Contains(again.Body, "<del>Third Title</del>") {
		t.Errorf("%d %s", again.Status, again.Body)
	}
	form = again.Hidden()
	if done := s.Upload("/apps/fresh/manifest", map[string]string{"manifest": form.Get("manifest"), "seen": form.Get("seen")}); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	if a, err := s.Apps.App(t.Context(), "fresh"); err != nil || a.Manifest.Metadata.Title != "Other Title" {
		t.Errorf("%v %v", a.Manifest.Metadata, err)
	}
}

func TestAManifestThatCannotBeAppliedSaysWhy(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.App("own", "Own App", "people-tools")
	for name, c := range map[string]struct{ path, text, want string }{
		"a taken client id":  {"/new-app", strings.Replace(consoletest.Manifest("fresh", "Fresh", "team-a"), "fresh-client", "own-client", 1), "The app own has this as its client id"},
		"another app's name": {"/apps/own/manifest", consoletest.Manifest("other", "Other", "team-a"), "This is the manifest of other, and not of own."},
		"an app in use":      {"/apps/own/manifest", strings.Replace(consoletest.Manifest("own", "Own", "team-a"), "owner: {team: team-a, primary: a@acme.example}, ", "", 1), "would leave it without owner"},
	} {
		if a := s.Upload(c.path, map[string]string{"manifest": c.text}); a.Status != http.StatusConflict || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if same := s.Upload("/apps/own/manifest", map[string]string{"manifest": consoletest.Manifest("own", "Own App", "people-tools")}); !strings.Contains(same.Body, "Nothing changes") || strings.Contains(same.Body, "Apply it") {
		t.Errorf("%s", same.Body)
	}
	for name, a := range map[string]consoletest.Asked{
		"no form":  s.Post("/new-app", url.Values{"manifest": {"x"}}, "same-origin"),
		"too much": s.Upload("/new-app", map[string]string{"manifest": strings.Repeat("x", kit.MaxUpload)}),
	} {
		if a.Status != http.StatusUnsupportedMediaType && a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
}

func TestAnOwnerChangesTheAppsOfTheOwnTeam(t *testing.T) {
	s := consoletest.New(t)
	s.Mapped("tools", "people-tools")
	s.App("own", "Own App", "people-tools")
	s.App("other", "Other App", "finance")
	s.Person("olga", "Olga", "tools")
	s.Who = "olga"
	own, other := s.Get("/apps/own"), s.Get("/apps/other")
	if !strings.Contains(own.Body, "/apps/own/disable") || !strings.Contains(own.Body, "/apps/own/manifest") {
		t.Error("an owner is not offered the own app's actions")
	}
	if strings.Contains(other.Body, "/apps/other/disable") || strings.Contains(other.Body, "/apps/other/manifest") {
		t.Error("an owner is offered another app's actions")
	}
	if strings.Contains(own.Body, "/admin/people") {
		t.Error("the navigation shows what an owner may not see")
	}
	if _, done := s.Confirm("/apps/own/disable"); done.Status != http.StatusSeeOther || !s.Disabled("own") {
		t.Errorf("%d", done.Status)
	}
	if actor := s.LastActor("app.disabled"); actor != identity.Person("olga") {
		t.Errorf("%v", actor)
	}
}
