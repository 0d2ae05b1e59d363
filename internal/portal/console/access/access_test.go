package access_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

// world has two apps, and two people of one name of whom one is in a group that opens one.
func world(t *testing.T) *consoletest.Stage {
	t.Helper()
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau", "00g1")
	s.Person("alicia", "Alice Moreau")
	s.App("own", "Own App", "people-tools")
	s.App("other", "Another App", "others")
	s.Mapped("00g1", "staff")
	return s
}

// says fails the test unless the page says all of them.
func says(t *testing.T, a consoletest.Asked, status int, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if a.Status != status || !strings.Contains(a.Body, text) {
			t.Errorf("%d does not say %q: %s", a.Status, text, a.Body)
			return
		}
	}
}

// assigned assigns a role and returns the path of its page.
func assigned(t *testing.T, s *consoletest.Stage, app string, n entitlement.New) string {
	t.Helper()
	a, err := s.Assignments.Assign(t.Context(), app, n, identity.Actor{Ref: identity.Person("ada")})
	if err != nil {
		t.Fatal(err)
	}
	return "/apps/" + app + "/assignments/" + a.ID
}

func TestAccessIsExplainedOfAnyPersonAndAppAtAnyTime(t *testing.T) {
	s := world(t)
	assigned(t, s, "own", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: "alice"}, Reason: "Stands in for Grace"})
	says(t, s.Get("/explain-access?person=alice%40acme.example&app=Own+App"), http.StatusOK,
		"Alice Moreau can use Own App.", "2 ways lead to this role", "00g1", "/admin/groups/acme/00g1", "staff", "Stands in for Grace", "/admin/people/ada", "/admin/audit/", "Role in Own App")
	says(t, s.Get("/explain-access?person=alicia&app=other"), http.StatusOK, "Alice Moreau cannot use Another App.", "What is missing", "staff", "Whoever looks after groups at Acme Workforce can put them in.", "others")
	says(t, s.Get("/explain-access?person=alice&app=own&at=2001-01-01T00:00"), http.StatusOK, "history does not go back that far")
	says(t, s.Get("/explain-access?person=alice"), http.StatusOK, `value="alice"`)
	for _, from := range []string{"/people/alice", "/apps/own", "/groups/acme/00g1", "/assignments"} {
		if a := s.Get(from); !strings.Contains(a.Body, "/explain") {
			t.Errorf("%s does not lead there", from)
		}
	}
}

func TestWhatIsWrongInAQuestionAboutAccessIsSaidAtItsField(t *testing.T) {
	s := world(t)
	for query, field := range map[string]string{
		"person=nobody&app=own": "person", "person=Moreau&app=own": "person", "person=&app=own": "person", "person=alice&app=nothing": "app", "person=alice&app=": "app", "person=alice&app=app": "app",
		"person=alice&app=own&at=tomorrow": "at", "person=alice&app=own&at=2999-01-01T00:00": "at",
	} {
		a := s.Get("/explain-access?" + query)
		says(t, a, http.StatusBadRequest, `id="filter-`+field+`-wrong"`, `aria-invalid="true"`)
		if strings.Contains(a.Body, "can use") || strings.Count(a.Body, `aria-invalid="true"`) != 1 {
			t.Errorf("%s: %s", query, a.Body)
		}
	}
	says(t, s.Get("/explain-access?person=Moreau&app=own"), http.StatusBadRequest, `person=alice"`, "person=alicia", "alicia@acme.example")
}

func TestAnAppThatWasRemovedIsExplainedAsItWas(t *testing.T) {
	s := world(t)
	then := time.Now().UTC()
	if err := s.Apps.Remove(t.Context(), "own", identity.System("test")); err != nil {
		t.Fatal(err)
	}
	says(t, s.Get("/explain-access?person=alice&app=own&at="+url.QueryEscape(then.Format("2006-01-02T15:04:05.999999"))), http.StatusOK, "Alice Moreau could use Own App.")
	says(t, s.Get("/explain-access?person=alice&app=own"), http.StatusOK, "The app was not there.")
}

func TestAnOwnerAsksAboutTheirAppAlone(t *testing.T) {
	s := world(t)
	s.Person("olga", "Olga", "00g2")
	s.Mapped("00g2", "people-tools")
	if err := s.Admin.Assign(t.Context(), "olga", admin.AppOwner, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	s.Who = "olga"
	says(t, s.Get("/apps/own/explain?person=alice"), http.StatusOK, "Alice Moreau can use Own App.")
	a := s.Get("/apps/own/explain?person=Moreau")
	says(t, a, http.StatusBadRequest, "Nobody is like that.")
	if strings.Contains(a.Body, "alicia") {
		t.Error("who may not look at people is shown who might be meant")
	}
	for _, path := range []string{"/apps/other/explain?person=alice", "/explain-access?person=alice&app=own", "/assign", "/assignments"} {
		if a := s.Get(path); a.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	says(t, s.Get("/apps/own/assignments"), http.StatusOK, "No role is assigned like that.")
}

func TestARoleIsAssignedOnceItWasShownWhatThatDoes(t *testing.T) {
	s := world(t)
	form := url.Values{"app": {"Another"}, "role": {"user"}, "for": {"person"}, "person": {"alicia"}, "until": {"2099-02-28T18:00"}, "reason": {"Stands in for Grace"}}
	shown := s.Get("/assign?" + form.Encode())
	says(t, shown, http.StatusOK, "What it does", "Another App", "Alice Moreau", "Nothing: they have no role in it", "28 February 2099", "Assign the role")
	blind := s.Post("/assign", form, "same-origin")
	says(t, blind, http.StatusConflict, "What it does")
	changed := shown.Hidden()
	changed.Set("until", "")
	says(t, s.Post("/assign", changed, "same-origin"), http.StatusConflict, "No end")
	open := false
	if all, _, err := s.Assignments.Search(t.Context(), entitlement.Query{Ended: &open}); err != nil || len(all) != 0 {
		t.Fatalf("assigned without being shown: %v %v", all, err)
	}
	done := s.Post("/assign", shown.Hidden(), "same-origin")
	to := strings.TrimPrefix(done.Header.Get("Location"), consoletest.Prefix+"/admin")
	if done.Status != http.StatusSeeOther || !strings.HasPrefix(to, "/apps/other/assignments/") {
		t.Fatalf("%d %v", done.Status, done.Header)
	}
	says(t, s.Get(to), http.StatusOK, "The role is assigned.", "Stands in for Grace", "28 February 2099")
	says(t, s.Get("/people/alicia"), http.StatusOK, "Roles assigned by name", "an assigned role", "Stands in for Grace")
	says(t, s.Get("/assign?"+form.Encode()), http.StatusBadRequest, `id="filter-person-wrong"`)
}

func TestAFormOfAnAssignmentSaysWhatIsWrongAtTheField(t *testing.T) {
	s := world(t)
	good := url.Values{"app": {"own"}, "role": {"user"}, "for": {"group"}, "connection": {"acme"}, "group": {"00g9"}, "reason": {"A pilot"}}
	says(t, s.Get("/assign?"+good.Encode()), http.StatusOK, "Nobody was seen in this group yet", "At once")
	for _, c := range []struct{ name, value, field string }{
		{"app", "nothing", "app"},
		{"app", "", "app"},
		{"role", "root", "role"},
		{"group", "", "group"},
		{"reason", " ", "reason"},
		{"until", "2001-01-01T00:00", "until"},
		{"until", "soon", "until"},
		{"from", "soon", "from"},
		{"for", "person", "person"},
		{"for", "attribute", "attribute"},
	} {
		form := url.Values{}
		for name := range good {
			form.Set(name, good.Get(name))
		}
		form.Set(c.name, c.value)
		a := s.Get("/assign?" + form.Encode())
		says(t, a, http.StatusBadRequest, `id="filter-`+c.field+`-wrong"`)
		if strings.Contains(a.Body, "What it does</h2>") {
			t.Errorf("%s=%s can be done", c.name, c.value)
		}
	}
	good.Set("for", "attribute")
	good.Set("attribute", "department")
	good.Set("values", "Finance, Treasury")
	shown := s.Get("/assign?" + good.Encode())
	says(t, shown, http.StatusOK, "department = Finance, Treasury", "Everybody whose profile says so")
	if done := s.Post("/assign", shown.Hidden(), "same-origin"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
}

func TestAnAssignmentIsEndedOnceItWasShownWhoLosesWhat(t *testing.T) {
	s := world(t)
	path := assigned(t, s, "own", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: "alice"}, Reason: "A test"})
	question, done := s.Confirm(path + "/end")
	says(t, question, http.StatusOK, "End this assignment of user in Own App?", "Alice Moreau", "What they may do there then", "user")
	if done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	says(t, s.Get(path), http.StatusOK, "Over", "Ended by")
	if a := s.Get(path + "/end"); a.Status != http.StatusConflict {
		t.Errorf("again: %d", a.Status)
	}
	if a := s.Get(path + "/move"); a.Status != http.StatusConflict {
		t.Errorf("to move what has ended: %d", a.Status)
	}
}

func TestTheEndOfAnAssignmentIsMovedOnceItWasShown(t *testing.T) {
	s := world(t)
	path := assigned(t, s, "own", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: "alice"}, Until: time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC), Reason: "A test"})
	says(t, s.Get(path+"/move"), http.StatusOK, `value="2098-01-01T00:00:00"`)
	for _, wrong := range []string{"2001-01-01T00:00", "2098-01-01T00:00", "soon"} {
		says(t, s.Get(path+"/move?until="+url.QueryEscape(wrong)), http.StatusBadRequest, `id="filter-until-wrong"`)
	}
	shown := s.Get(path + "/move?until=2099-01-01T00:00")
	says(t, shown, http.StatusOK, "1 January 2098", "1 January 2099", "Ends then")
	says(t, s.Post(path+"/move", url.Values{"until": {"2099-01-01T00:00"}}, "same-origin"), http.StatusConflict, "Ends then")
	if done := s.Post(path+"/move", shown.Hidden(), "same-origin"); done.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.Status, done.Body)
	}
	says(t, s.Get(path), http.StatusOK, "1 January 2099", "Ends that it had before", "1 January 2098")
	says(t, s.Post(path+"/move", shown.Hidden(), "same-origin"), http.StatusConflict, `id="filter-until-wrong"`)
	never := s.Get(path + "/move?until=")
	says(t, never, http.StatusOK, "No end")
	if done := s.Post(path+"/move", never.Hidden(), "same-origin"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
}

func TestAssignmentsAreListedFilteredSortedAndExported(t *testing.T) {
	s := world(t)
	one := assigned(t, s, "own", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: "alice"}, Reason: "The first reason"})
	assigned(t, s, "other", entitlement.New{Role: "user", Whom: entitlement.Whom{Group: identity.GroupRef{Connection: "acme", ID: "00g1"}}, From: time.Now().Add(time.Hour), Reason: "The second reason"})
	app, err := s.Apps.App(t.Context(), "own")
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][2]bool{
		"": {true, true}, "?app=" + app.ID: {true, false}, "?person=alice": {true, false}, "?person=alicia": {false, false}, "?ended=false": {true, true}, "?ended=true": {false, false},
	} {
		a := s.Get("/assignments" + query)
		if got := [2]bool{strings.Contains(a.Body, "The first reason"), strings.Contains(a.Body, "The second reason")}; a.Status != http.StatusOK || got != want {
			t.Errorf("%q: %d %v", query, a.Status, got)
		}
	}
	newest, oldest := s.Get("/assignments").Body, s.Get("/assignments?sort=created").Body
	if strings.Index(newest, "The first reason") < strings.Index(newest, "The second") || strings.Index(oldest, "The first reason") > strings.Index(oldest, "The second") {
		t.Error("the order is another")
	}
	says(t, s.Get("/assignments"), http.StatusOK, "Yet to begin", "Holds", one+"/end", one+"/move")
	says(t, s.Get("/assignments?format=csv"), http.StatusOK, "The first reason", "acme/00g1")
	says(t, s.Get("/apps/other/assignments"), http.StatusOK, "The second reason")
	says(t, s.Get("/groups/acme/00g1"), http.StatusOK, "Roles assigned to the group", "The second reason")
	if a := s.Get("/assignments?wrong=1"); a.Status != http.StatusBadRequest {
		t.Errorf("an unknown filter: %d", a.Status)
	}
}

func TestTheOperationThatLedToAFactIsALinkForWhoMayLookAtIt(t *testing.T) {
	s := world(t)
	s.Person("olga", "Olga", "00g2")
	s.Mapped("00g2", "people-tools")
	if err := s.Admin.Assign(t.Context(), "olga", admin.AppOwner, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	op := func(kind string) record.Operation {
		return record.Operation{Connection: "acme", Kind: kind, Method: http.MethodPost, Path: "/x", Actor: identity.Actor{Ref: identity.Ref{Kind: identity.KindToken, ID: "client"}}}
	}
	zoe, _, err := s.Records.CreateUser(t.Context(), op("Okta: create a user"), record.User{UserName: "zoe", ExternalID: "e-zoe", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	staff, _, err := s.Records.CreateGroup(t.Context(), op("Okta: create a group"), record.Group{DisplayName: "Staff"}, []record.Member{{Value: zoe.ID}})
	if err != nil {
		t.Fatal(err)
	}
	s.Mapped(staff.ID, "staff")
	for i, by := range []string{"Okta: create a group", "Okta: deactivate"} {
		if i > 0 {
			if _, err := s.Records.UpdateUser(t.Context(), op(by), "acme", zoe.ID, 0, func(u record.User) (record.User, error) {
				u.Active = false
				return u, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		s.Who = "ada"
		a := s.Get("/explain-access?app=own&person=" + zoe.Person)
		link := regexp.MustCompile(`href="[^"]*/admin(/connections/acme/scim/operations/\w+)">` + by + `</a>`).FindStringSubmatch(a.Body)
		if a.Status != http.StatusOK || link == nil {
			t.Fatalf("%d leads to no operation %q: %s", a.Status, by, a.Body)
		}
		says(t, s.Get(link[1]), http.StatusOK, by)
		s.Who = "olga" // answers for the app, and looks at no connections
		a = s.Get("/apps/own/explain?person=zoe")
		says(t, a, http.StatusOK, by)
		if strings.Contains(a.Body, "/scim/operations/") {
			t.Errorf("who may not look at operations is led to one: %s", a.Body)
		}
	}
}
