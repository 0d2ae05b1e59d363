package exchanges_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestExchangedTokensAreShownAsTheyHangAndPruned(t *testing.T) {
	s := consoletest.New(t)
	own, other := s.App("own", "Own App", "people-tools"), s.App("other", "Other App", "finance")
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	first := s.Exchanged("alice", own.ID, "payroll-api", "", "desk", `book <b>a</b> "trip"`)
	second := s.Exchanged("alice", other.ID, "ledger-api", first, "own-client", "")
	for path, want := range map[string][]string{
		"/exchanges":                         {"Own App", "Other App", "Alice Moreau", "book &lt;b&gt;a&lt;/b&gt;"},
		"/exchanges?person=alice&live=true":  {"Own App", "payroll-api"},
		"/exchanges?app=" + own.ID:           {"Own App"},
		"/exchanges/" + first:                {"What hangs from it", "↳ Other App", "End it and what hangs from it", "From nothing that is shown here."},
		"/exchanges/" + second:               {"What it grew from", "payroll-api"},
		"/exchanges/" + first + "/prune":     {"End the token of Own App for payroll-api?", "Alice Moreau", "Other App", ">2</strong>"},
		"/people/alice":                      {"Exchanged tokens", "Own App"},
		"/apps/own/exchanges":                {"Exchanged tokens of Own App", "payroll-api"},
		"/exchanges?audience=none&person=no": {"No token was exchanged like that."},
	} {
		a := s.Get(path)
		for _, text := range want {
			if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
				t.Errorf("%s (%d) does not say %q", path, a.Status, text)
			}
		}
	}
	if a := s.Get("/exchanges"); strings.Contains(a.Body, "<th scope=\"col\">Scopes") || !strings.Contains(a.Body, `<span class="also">read<`) {
		t.Error("a token's scopes stand beside its API, and not in a column of their own")
	}
	if a := s.Get("/exchanges?format=csv"); !strings.Contains(a.Body, ",audience,scopes,") || !strings.Contains(a.Body, ",payroll-api,read,") {
		t.Errorf("in a file they have one: %s", a.Body)
	}
	if a := s.Get("/exchanges?app=" + own.ID); strings.Contains(a.Body, "ledger-api") {
		t.Error("a filter selects everything")
	}
	if _, done := s.Confirm("/exchanges/" + first + "/prune"); done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), "/exchanges?notice=exchange-pruned") {
		t.Errorf("%d %v", done.Status, done.Header)
	}
	if a := s.Get("/exchanges/" + second); !strings.Contains(a.Body, "Ended early") || strings.Contains(a.Body, "End it and what hangs from it") || !strings.Contains(a.Body, "What it grew from was ended") {
		t.Errorf("what hung from it: %s", a.Body)
	}
	if a := s.Get("/exchanges/" + first); !strings.Contains(a.Body, "The token itself was ended") {
		t.Errorf("what was ended: %s", a.Body)
	}
}

func TestAnAppsOwnerSeesNoOtherAppsTokensOnPages(t *testing.T) {
	s := consoletest.New(t)
	own, other := s.App("own", "Own App", "people-tools"), s.App("other", "Other App", "finance")
	s.Mapped("tools", "people-tools")
	s.Person("olga", "Olga", "tools")
	s.Person("alice", "Alice Moreau")
	mine := s.Exchanged("alice", own.ID, "payroll-api", "", "desk", "")
	below := s.Exchanged("alice", other.ID, "ledger-api", mine, "payroll-client", "")
	s.Who = "olga"
	for path, want := range map[string]int{
		"/exchanges": http.StatusForbidden, "/exchanges/" + mine: http.StatusForbidden, "/apps/other/exchanges": http.StatusForbidden,
		"/apps/own/exchanges/" + below: http.StatusNotFound, "/apps/own/exchanges/" + below + "/prune": http.StatusNotFound,
		"/apps/own/exchanges": http.StatusOK, "/apps/own/exchanges/" + mine: http.StatusOK, "/apps/own/exchanges/" + mine + "/prune": http.StatusOK,
	} {
		a := s.Get(path)
		if a.Status != want || strings.Contains(a.Body, "ledger-api") || strings.Contains(a.Body, "Other App") {
			t.Errorf("%s: %d, want %d: %s", path, a.Status, want, a.Body)
		}
	}
	if a := s.Get("/apps/own/exchanges/" + mine); !strings.Contains(a.Body, "One token of the line is another app") {
		t.Errorf("what is not shown is not told of: %s", a.Body)
	}
	if a := s.Post("/apps/own/exchanges/"+mine+"/prune", s.Get("/apps/own/exchanges/"+mine+"/prune").Hidden(), "cross-site"); a.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.Status)
	}
	if _, done := s.Confirm("/apps/own/exchanges/" + mine + "/prune"); done.Status != http.StatusSeeOther {
		t.Errorf("control: %d %s", done.Status, done.Body)
	}
}

func TestARevocationIsAskedAboutWithItsReason(t *testing.T) {
	s := consoletest.New(t)
	own := s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.Session("alice")
	node := s.Exchanged("alice", own.ID, "payroll-api", "", "desk", "")
	if a := s.Get("/revoke"); a.Status != http.StatusOK || !strings.Contains(a.Body, `name="kind"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.Get("/revoke?kind=person&id=alice%40acme.example"); a.Status != http.StatusSeeOther || !strings.HasSuffix(a.Header.Get("Location"), "/revoke/person/alice") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if a := s.Get("/revoke/person/none"); a.Status != http.StatusNotFound {
		t.Errorf("nobody: %d", a.Status)
	}
	if a := s.Get("/revoke/key/k"); a.Status != http.StatusNotFound {
		t.Errorf("what cannot be revoked: %d", a.Status)
	}
	const path = "/revoke/person/alice"
	a := s.Get(path)
	for _, text := range []string{"Alice Moreau", "Sessions that end", "Exchanged tokens that stop", `name="reason"`, "Nobody is switched off"} {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the question does not say %q: %s", text, a.Body)
		}
	}
	form := a.Hidden()
	if a := s.Post(path, url.Values{"reason": {"lost laptop"}}, "same-origin"); a.Status != http.StatusConflict {
		t.Errorf("without a question: %d", a.Status)
	}
	if a := s.Post(path, form, "same-origin"); a.Status != http.StatusBadRequest {
		t.Errorf("without a reason: %d", a.Status)
	}
	if live := s.Get("/exchanges/" + node); strings.Contains(live.Body, "Ended early") {
		t.Fatal("it was done all the same")
	}
	form.Set("reason", "lost laptop")
	done := s.Post(path, form, "same-origin")
	if done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), "?notice=revoked") {
		t.Fatalf("%d %v %s", done.Status, done.Header, done.Body)
	}
	at := strings.TrimPrefix(done.Header.Get("Location"), consoletest.Prefix+kit.Base)
	for _, text := range []string{"lost laptop", "Alice Moreau", "Sessions that ended", "Every token of the person was revoked", "Revoked: whatever carries it"} {
		if a := s.Get(at); a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
			t.Errorf("%s does not say %q: %s", at, text, a.Body)
		}
	}
	if a := s.Get("/exchanges/" + node); !strings.Contains(a.Body, "Ended early") {
		t.Errorf("still good: %s", a.Body)
	}
}

func TestAnExchangeIsExplainedInWords(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.App("own", "Own App", "people-tools")
	if a := s.Get("/explain-exchange"); a.Status != http.StatusOK || strings.Contains(a.Body, "<table") {
		t.Errorf("nothing asked: %d %s", a.Status, a.Body)
	}
	a := s.Get("/explain-exchange?client=own&audience=closed&person=alice%40acme.example")
	for _, text := range []string{"It would be refused.", "audience_denied", "The manifest of the app does not name this API.", "The owner of own", "spec.identity.tokenExchange", "Not reached", "Passed"} {
		if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
			t.Errorf("%d does not say %q: %s", a.Status, text, a.Body)
		}
	}
	a = s.Get("/explain-exchange?client=own&audience=open&person=alice&connection=closed")
	for _, text := range []string{"subject_not_allowed", "The connection does not let this client bring what its provider makes.", "expected a client that is named; came own-client", "An administrator", "exchange.clients"} {
		if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
			t.Errorf("%d does not say %q: %s", a.Status, text, a.Body)
		}
	}
	if a := s.Get("/explain-exchange?client=own&audience=open&person=alice&connection=acme&subject_type=jwt"); !strings.Contains(a.Body, "It would be granted.") || !strings.Contains(a.Body, `value="acme" selected`) {
		t.Errorf("control, over a connection: %s", a.Body)
	}
	if a := s.Get("/explain-exchange?client=own-client&audience=open&person=alice"); !strings.Contains(a.Body, "It would be granted.") || !strings.Contains(a.Body, "payroll.read") {
		t.Errorf("control: %s", a.Body)
	}
}

func TestWhatIsWrongInTheQuestionIsSaidAtItsField(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	s.Person("alicia", "Alice Moreau")
	s.App("own", "Own App", "people-tools")
	for query, want := range map[string]string{
		"client=nobody&audience=open&person=alice":                               `id="filter-client-wrong"`,
		"client=own&audience=open&person=nobody":                                 `id="filter-person-wrong"`,
		"client=own&audience=open&person=Moreau":                                 `id="filter-person-wrong"`,
		"client=own&audience=open&signed_in_to=nowhere&person=alice":             `id="filter-signed_in_to-wrong"`,
		"client=own&audience=open&signed_in_to=own&person=alice&connection=acme": `id="filter-connection-wrong"`,
		"client=own&audience=open&person=alice&subject_type=jwt":                 `id="filter-subject_type-wrong"`,
	} {
		if a := s.Get("/explain-exchange?" + query); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, want) || strings.Contains(a.Body, "It would be") {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
	if a := s.Get("/explain-exchange?client=own&audience=open&person=Moreau"); strings.Count(a.Body, "person=alic") != 2 {
		t.Errorf("both can be chosen: %s", a.Body)
	}
	for _, app := range []string{"own", "own-client", "Own+App", "own+a"} {
		if a := s.Get("/explain-exchange?client=" + app + "&audience=open&person=alice"); a.Status != http.StatusOK || !strings.Contains(a.Body, "It would be granted.") {
			t.Errorf("%s: %d %s", app, a.Status, a.Body)
		}
	}
}
