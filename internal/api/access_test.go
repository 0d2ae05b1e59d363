package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/job"
)

// published is a broker with the app hr-feedback, of the team people-tools, that lets
// all-employees in, and the name of a role of it.
func published(t *testing.T) (b *broker, role string) {
	t.Helper()
	b = start(t)
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml"))); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var app struct {
		Manifest struct {
			Spec struct {
				Entitlements []struct {
					Name   string
					Groups []string
				}
			}
		}
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback", ""); json.Unmarshal([]byte(a.body), &app) != nil || len(app.Manifest.Spec.Entitlements) == 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	first := app.Manifest.Spec.Entitlements[0]
	for group, name := range map[string]string{"g1": "people-tools", "g2": first.Groups[0]} {
		if a := b.ask(t, http.MethodPut, "/mappings/acme/"+group, `{"name":"`+name+`"}`); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	return b, first.Name
}

func (b *broker) explained(t *testing.T, query string, headers ...string) (entitlement.Explanation, asked) {
	t.Helper()
	a := b.ask(t, http.MethodGet, "/explain/access?"+query, "", headers...)
	var e entitlement.Explanation
	if a.status == http.StatusOK {
		if err := json.Unmarshal([]byte(a.body), &e); err != nil {
			t.Fatalf("%v %s", err, a.body)
		}
	}
	return e, a
}

// given assigns a role and returns what was made.
func (b *broker) given(t *testing.T, body string) (made entitlement.Assignment) {
	t.Helper()
	a := b.ask(t, http.MethodPost, "/apps/hr-feedback/assignments", body)
	if err := json.Unmarshal([]byte(a.body), &made); a.status != http.StatusCreated || err != nil {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	return made
}

func TestARoleIsAssignedExplainedAndEnded(t *testing.T) {
	b, role := published(t)
	b.person(t, "ada")
	if e, _ := b.explained(t, "person=ada&app=hr-feedback"); e.Verdict != entitlement.Refused || len(e.Missing) == 0 || e.Owner.Team != "people-tools" {
		t.Errorf("before: %+v", e)
	}
	before := b.clock()
	b.now.Add(int64(time.Minute))
	made := b.given(t, `{"role":"`+role+`","whom":{"person":"ada"},"reason":"a test"}`)
	if a := b.ask(t, http.MethodPost, "/apps/hr-feedback/assignments", `{"role":"`+role+`","whom":{"person":"ada"},"reason":"again"}`); a.status != http.StatusConflict {
		t.Errorf("twice: %d %s", a.status, a.body)
	}
	e, _ := b.explained(t, "person=ada&app=hr-feedback")
	if e.Verdict != entitlement.Allowed || len(e.Reasons) != 1 || e.Reasons[0].Steps[0].ID != made.ID || e.Reasons[0].Steps[0].Detail != "a test" || made.By.ID == "" {
		t.Errorf("while it holds: %+v", e)
	}
	for _, list := range []string{"/apps/hr-feedback/assignments?ended=false", "/people/ada/assignments"} {
		if a := b.ask(t, http.MethodGet, list, ""); !strings.Contains(a.body, made.ID) {
			t.Errorf("%s: %s", list, a.body)
		}
	}
	one := "/apps/hr-feedback/assignments/" + made.ID
	if a := b.ask(t, http.MethodGet, one+"/preview", ""); a.status != http.StatusOK || !strings.Contains(a.body, `"people":1`) {
		t.Errorf("preview: %d %s", a.status, a.body)
	}
	b.now.Add(int64(time.Minute))
	if a := b.ask(t, http.MethodDelete, one, ""); a.status != http.StatusNoContent {
		t.Errorf("end: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, one, ""); a.status != http.StatusConflict {
		t.Errorf("end again: %d %s", a.status, a.body)
	}
	if e, _ := b.explained(t, "person=ada&app=hr-feedback"); e.Verdict != entitlement.Refused {
		t.Errorf("after: %+v", e)
	}
	for at, want := range map[time.Time]entitlement.Verdict{
		before: entitlement.Refused, before.Add(90 * time.Second): entitlement.Allowed, before.AddDate(-1, 0, 0): entitlement.Unknown,
	} {
		if e, a := b.explained(t, "person=ada&app=hr-feedback&at="+url.QueryEscape(at.UTC().Format(time.RFC3339Nano))); e.Verdict != want {
			t.Errorf("at %s: %s, want %s: %s", at, e.Verdict, want, a.body)
		}
	}
	if _, a := b.explained(t, "person=ada&app=hr-feedback&at=2999-01-01T00:00:00Z"); a.status != http.StatusBadRequest || !strings.Contains(a.body, "explain_future") {
		t.Errorf("the future: %d %s", a.status, a.body)
	}
}

func TestABadAssignmentNamesTheFieldAndTheRule(t *testing.T) {
	b, role := published(t)
	b.person(t, "ada")
	for body, want := range map[string]string{
		`{"role":"none","whom":{"person":"ada"},"reason":"r"}`:                                                  "app_role_unknown",
		`{"role":"ROLE","whom":{},"reason":"r"}`:                                                                "assignment_whom",
		`{"role":"ROLE","whom":{"person":"ada","attribute":{"name":"department","values":["a"]}},"reason":"r"}`: "assignment_whom",
		`{"role":"ROLE","whom":{"attribute":{"name":"shoe_size","values":["9"]}},"reason":"r"}`:                 "assignment_attribute",
		`{"role":"ROLE","whom":{"attribute":{"name":"department","values":[]}},"reason":"r"}`:                   "assignment_attribute",
		`{"role":"ROLE","whom":{"group":{"connection":"acme","id":""}},"reason":"r"}`:                           "assignment_group",
		`{"role":"ROLE","whom":{"person":"ada"},"reason":" "}`:                                                  "assignment_reason",
		`{"role":"ROLE","whom":{"person":"ada"},"reason":"r","until":"2001-01-01T00:00:00Z"}`:                   "assignment_until",
		`{"role":"ROLE","whom":{"person":"nobody"},"reason":"r"}`:                                               "person_not_found",
	} {
		a := b.ask(t, http.MethodPost, "/apps/hr-feedback/assignments", strings.Replace(body, "ROLE", role, 1))
		if a.status < 400 || a.status >= 500 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	b.given(t, `{"role":"`+role+`","whom":{"attribute":{"name":"department","values":["Finance"]}},"reason":"r"}`)
	b.given(t, `{"role":"`+role+`","whom":{"group":{"connection":"acme","id":"g9"}},"reason":"r","until":"2999-01-01T00:00:00Z"}`)
}

// Whoever may not read who may use what hears about themselves alone, an app's owner
// about the app alone, and neither learns whether there is another.
func TestWhoHearsWhySomebodyMayUseAnApp(t *testing.T) {
	b, _ := published(t)
	b.person(t, "ada", "g2")
	owner, sam := b.principal(t, b.person(t, "olga", "g1")), b.person(t, "sam", "g2")
	b.assign(t, "sam", admin.Approver)
	tokens := map[string]string{
		"auditor": b.token(t, admin.Auditor), "approver": b.tokenOf(t, b.principal(t, sam), admin.NewToken{Name: "own", Roles: []admin.Role{admin.Approver}, Days: 1}),
		"owner": b.tokenOf(t, owner, admin.NewToken{Name: "own", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"hr-feedback"}, Days: 1}),
	}
	for _, c := range []struct {
		who, query string
		want       int
	}{
		{"auditor", "person=ada&app=hr-feedback", http.StatusOK},
		{"auditor", "person=ada&app=nothing", http.StatusBadRequest},
		{"auditor", "person=nobody&app=hr-feedback", http.StatusBadRequest},
		{"owner", "person=ada&app=hr-feedback", http.StatusOK},
		{"owner", "person=ada&app=crm", http.StatusForbidden},
		{"owner", "person=nobody&app=nothing", http.StatusForbidden},
		{"approver", "person=sam&app=hr-feedback", http.StatusOK},
		{"approver", "app=hr-feedback", http.StatusOK},
		{"approver", "person=ada&app=hr-feedback", http.StatusForbidden},
		{"approver", "person=nobody&app=hr-feedback", http.StatusForbidden},
	} {
		e, a := b.explained(t, c.query, "Authorization", tokens[c.who])
		if a.status != c.want {
			t.Errorf("%s asks %s: %d %s", c.who, c.query, a.status, a.body)
		}
		if a.status == http.StatusOK && (e.Verdict != entitlement.Allowed || strings.Contains(a.body, `"operator"`) == (c.who == "approver")) {
			t.Errorf("%s asks %s: %s", c.who, c.query, a.body)
		}
	}
	if a := b.ask(t, http.MethodGet, "/explain/access?app=hr-feedback&person=ada", "", nobody, "yes"); a.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", a.status)
	}
	if _, a := b.explained(t, "app=hr-feedback"); a.status != http.StatusBadRequest {
		t.Errorf("the operator about no one: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback/assignments", "", "Authorization", tokens["approver"]); a.status != http.StatusForbidden {
		t.Errorf("assignments to an approver: %d", a.status)
	}
}

func TestATimerEndsAnAssignmentOnceItsTimeIsOver(t *testing.T) {
	b, role := published(t)
	b.person(t, "ada")
	until := b.clock().Add(time.Hour).UTC().Format(time.RFC3339)
	made := b.given(t, `{"role":"`+role+`","whom":{"person":"ada"},"reason":"a test","until":"`+until+`"}`)
	if err := b.assignments.Expire(t.Context(), job.Job{Queue: entitlement.EndQueue, Payload: []byte(made.ID)}); err == nil {
		t.Error("a timer that comes early is done")
	}
	if jobs, err := b.db.Jobs().Claim(t.Context(), made.Until.Add(-time.Second), 10, time.Minute); err != nil || len(jobs) != 0 {
		t.Errorf("before its time: %+v %v", jobs, err)
	}
	b.now.Add(int64(time.Hour + time.Second))
	jobs, err := b.db.Jobs().Claim(t.Context(), b.clock(), 10, time.Minute)
	if err != nil || len(jobs) != 1 || jobs[0].Queue != entitlement.EndQueue {
		t.Fatalf("%+v %v", jobs, err)
	}
	if e, _ := b.explained(t, "person=ada&app=hr-feedback"); e.Verdict != entitlement.Refused {
		t.Errorf("before the timer ran, and past the end: %s", e.Verdict)
	}
	for range 2 { // at least once is enough
		if err := b.assignments.Expire(t.Context(), jobs[0]); err != nil {
			t.Error(err)
		}
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback/assignments/"+made.ID, ""); !strings.Contains(a.body, `"timer"`) {
		t.Errorf("%s", a.body)
	}
}

func TestAnAssignmentIsGivenAnotherEndWhileItsOwnIsAhead(t *testing.T) {
	b, role := published(t)
	b.person(t, "ada")
	written := func(after time.Duration) string {
		return b.clock().Add(after).UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	made := b.given(t, `{"role":"`+role+`","whom":{"person":"ada"},"reason":"a test","until":"`+written(time.Hour)+`"}`)
	end := "/apps/hr-feedback/assignments/" + made.ID + "/end"
	for body, code := range map[string]string{
		`{"until":"` + written(-time.Minute) + `"}`:           "assignment_until",
		`{"until":"` + made.Until.Format(time.RFC3339) + `"}`: "assignment_unmoved",
		`{"until":"tomorrow"}`:                                "",
		`{"till":null}`:                                       "",
	} {
		if a := b.ask(t, http.MethodPut, end, body); a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, code) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	later := written(3 * time.Hour)
	var moved entitlement.Assignment
	if a := b.ask(t, http.MethodPut, end, `{"until":"`+later+`"}`); json.Unmarshal([]byte(a.body), &moved) != nil || moved.Until.Format(time.RFC3339) != later || len(moved.Moved) != 1 || !moved.Moved[0].Until.Equal(made.Until) || moved.Timer() == made.Timer() {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The timer of the end that it had comes first, and ends nothing.
	b.now.Add(int64(2 * time.Hour))
	if err := b.assignments.Expire(t.Context(), job.Job{Queue: entitlement.EndQueue, Key: made.Timer(), Payload: []byte(made.ID)}); err != nil {
		t.Error(err)
	}
	for query, want := range map[string]bool{"app=hr-feedback&person=ada&ended=false": true, "person=ada": true, "": true, "person=nobody": false, "connection=acme&group=g1": false, "ended=true": false} {
		if a := b.ask(t, http.MethodGet, "/assignments?"+query, ""); a.status != http.StatusOK || strings.Contains(a.body, made.ID) != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	b.now.Add(int64(2 * time.Hour))
	if a := b.ask(t, http.MethodPut, end, `{}`); a.status != http.StatusConflict || !strings.Contains(a.body, "assignment_ended") {
		t.Errorf("its time is over, and the timer has yet to come: %d %s", a.status, a.body)
	}
	if err := b.assignments.Expire(t.Context(), job.Job{Queue: entitlement.EndQueue, Key: moved.Timer(), Payload: []byte(made.ID)}); err != nil {
		t.Error(err)
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback/assignments/"+made.ID, ""); !strings.Contains(a.body, `"timer"`) {
		t.Error(a.body)
	}
	if a := b.ask(t, http.MethodGet, "/assignments?group=g", ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, "assignment_group_half") {
		t.Errorf("half a group: %d %s", a.status, a.body)
	}
}
