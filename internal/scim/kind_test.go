package scim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/scim"
)

func TestOperationsAreToldInWords(t *testing.T) {
	for _, c := range []struct{ method, path, filter, agent, body, want string }{
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"replace","value":{"id":"x","displayName":"Tools"}}`), "Okta: rename, path-less"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"replace","value":{"active":false}}`), "Okta: deactivate, path-less"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"Replace","path":"active","value":"False"}`), "Entra: deactivate (string boolean)"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"Replace","path":"active","value":"True"}`), "Entra: activate (string boolean)"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"replace","path":"active","value":true}`), "SCIM: activate"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"replace","value":{"name.givenName":"x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"y"}}`), "Entra: change name.givenName, department, path-less"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"Add","path":"emails[type eq \"work\"].value","value":"x"}`), "Entra: change emails, by value path"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"replace","value":{"a":1,"b":1,"c":1,"d":1}}`), "Okta: change a, b, c and 1 more, path-less"},
		{"PATCH", "/Users/x", "", "", patches(`{"op":"replace","path":"<script>","value":1}`), "SCIM: change another attribute"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"add","path":"members","value":[{"value":"a"},{"value":"b"}]}`), "SCIM: add 2 members"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"remove","path":"members[value eq \"a\"]"}`), "SCIM: remove 1 member, by value path"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"Remove","path":"members","value":[{"value":"a"}]}`), "Entra: remove 1 member"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"remove","path":"members"}`), "SCIM: remove all members"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"replace","value":{"members":[{"value":"a"}]}}`), "Okta: set 1 member, path-less"},
		{"PATCH", "/Groups/x", "", "", patches(`{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"b"}]}`), "SCIM: remove 1 member, add 1 member, by value path"},
		{"PATCH", "/Groups/x", "", "", `{}`, "SCIM: change nothing"},
		{"PATCH", "/Groups/x", "", "", `{"Operations":[5,{"op":7,"path":8}]}`, "SCIM: change nothing"},
		{"GET", "/Users", `userName eq "x"`, "Okta SCIM Client 1.0.0", ``, "Okta: look for a user by userName"},
		{"GET", "/Users", `emails[type eq "work"].value eq "x"`, "", ``, "SCIM: look for a user by emails"},
		{"POST", "/Users/.search", ``, "", `{"filter":"externalId eq \"x\""}`, "SCIM: look for a user by externalId"},
		{"GET", "/Groups", ``, "", ``, "SCIM: list groups"},
		{"GET", "/Groups/x", ``, "", ``, "SCIM: read a group"},
		{"POST", "/Groups", "", "", `{"schemas":["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]}`, "Entra: create a group"},
		{"PUT", "/Users/x", "", "Okta SCIM Client 1.0.0", `{}`, "Okta: replace a user"},
		{"DELETE", "/Users/x", "", "", ``, "SCIM: delete a user"},
		{"GET", "/Schemas", "", "", ``, "SCIM: discovery"},
		{"POST", "/.search", "", "", ``, "SCIM: search"},
		{"POST", "/Bulk", "", "", ``, "SCIM: bulk"},
	} {
		r := scim.Request{Method: c.method, Path: c.path, Filter: c.filter, Agent: c.agent}
		if c.body != "" {
			if err := json.Unmarshal([]byte(c.body), &r.Body); err != nil {
				t.Fatal(err)
			}
			if f, ok := r.Body["filter"].(string); ok {
				r.Filter = f
			}
		}
		if got := scim.Kind(r); got != c.want {
			t.Errorf("%s %s %s is %q, not %q", c.method, c.path, c.body, got, c.want)
		}
	}
}

func TestTheWordsOfAnOperationHoldNoValues(t *testing.T) {
	const secret = "hunter2"
	for _, operation := range []string{
		`{"op":"replace","path":"title","value":"` + secret + `"}`, `{"op":"replace","value":{"password":"` + secret + `"}}`,
		`{"op":"replace","path":"emails[value eq \"` + secret + `\"].type","value":"x"}`, `{"op":"replace","path":"` + strings.Repeat(secret, 9) + `","value":"x"}`,
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(patches(operation)), &body); err != nil {
			t.Fatal(err)
		}
		if got := scim.Kind(scim.Request{Method: "PATCH", Path: "/Users/x", Body: body}); strings.Contains(got, secret) {
			t.Errorf("%s is %q", operation, got)
		}
	}
}
