package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

const bulkSchemas = `"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]`

func bulk(operations ...string) string {
	return `{` + bulkSchemas + `,"Operations":[` + strings.Join(operations, ",") + `]}`
}

// makes is an operation that makes a user or a group.
func makes(id, userName string) string {
	return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"schemas":[%q],"userName":%q}}`, id, resource.UserURN, userName)
}

func groups(id, name string, members ...string) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = fmt.Sprintf(`{"value":%q}`, m)
	}
	return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"schemas":[%q],"displayName":%q,"members":[%s]}}`, id, resource.GroupURN, name, strings.Join(list, ","))
}

// statuses are those of the operations of a bulk answer, in order.
func (s said) statuses() string {
	list, _ := s.body["Operations"].([]any)
	var all []string
	for _, o := range list {
		of, _ := o.(map[string]any)
		all = append(all, fmt.Sprint(of["status"]))
	}
	return strings.Join(all, " ")
}

func TestBulkDoesEachOperation(t *testing.T) {
	s := open(t)
	id, gone := s.user(t, "there"), s.user(t, "gone")
	tag := s.ask(t, "GET", "/Users/"+id, "").header.Get("ETag")
	a := s.ask(t, "POST", "/Bulk", bulk(
		makes("1", "alice"),
		groups("2", "Tools", "bulkId:1", id),
		fmt.Sprintf(`{"method":"PUT","path":"/Users/%s","version":%q,"data":{"schemas":[%q],"userName":"there","title":"t"}}`, id, tag, resource.UserURN),
		fmt.Sprintf(`{"method":"patch","path":"/Users/%s","version":%q,"data":%s}`, id, tag, patches(`{"op":"replace","path":"title","value":"u"}`)),
		fmt.Sprintf(`{"method":"DELETE","path":"/Users/%s"}`, gone),
		fmt.Sprintf(`{"method":"PATCH","path":"/Groups/bulkId:2","data":%s}`, patches(`{"op":"add","path":"members","value":[{"value":"bulkId:3"}]}`)),
		makes("3", "bob"),
		makes("4", "ALICE"),
	))
	if got := a.statuses(); a.status != http.StatusOK || got != "201 201 200 412 204 204 201 409" {
		t.Fatalf("%d: %s in %s", a.status, got, a.raw)
	}
	a.holds(t, "the answer", http.StatusOK, "Operations.0.bulkId", "1", "Operations.0.method", "POST", "Operations.3.response.status", "412", "Operations.7.response.scimType", "uniqueness", "Operations.2.location", s.at.Base+"/Users/"+id)
	if v, _ := a.at("Operations.0.version").(string); !strings.HasPrefix(v, `W/"`) {
		t.Errorf("the version is %q", v)
	}
	location, _ := a.at("Operations.1.location").(string)
	g := s.ask(t, "GET", strings.TrimPrefix(location, s.at.Base), "")
	if list, _ := g.body["members"].([]any); g.status != http.StatusOK || len(list) != 3 {
		t.Errorf("the group is %s", g)
	}
	kinds := map[string]bool{}
	for _, n := range s.Notes {
		kinds[n.Kind] = true
	}
	for _, want := range []string{"SCIM: create a user", "SCIM: create a group", "SCIM: replace a user", "SCIM: change title", "SCIM: delete a user", "SCIM: add 1 member"} {
		if !kinds[want] {
			t.Errorf("%q is not noted: %v", want, kinds)
		}
	}
}

func TestBulkIdsThatCannotBeResolvedAreRefused(t *testing.T) {
	s := open(t)
	s.user(t, "c4")
	for what, c := range map[string]struct {
		operations []string
		statuses   string
	}{
		"forward":          {[]string{groups("a", "A", "bulkId:b"), makes("b", "b1")}, "201 201"},
		"a chain":          {[]string{groups("a", "A", "bulkId:b"), groups("b", "B", "bulkId:c"), makes("c", "c1")}, "201 201 201"},
		"a circle":         {[]string{groups("a", "A", "bulkId:b"), groups("b", "B", "bulkId:a"), makes("c", "c2")}, "409 409 201"},
		"itself":           {[]string{groups("a", "A", "bulkId:a"), makes("c", "c3")}, "409 201"},
		"nobody":           {[]string{groups("a", "A", "bulkId:z"), makes("c", "c5")}, "409 201"},
		"what failed":      {[]string{makes("a", "c4"), groups("b", "B", "bulkId:a"), groups("c", "C", "bulkId:b")}, "409 409 409"},
		"path of a circle": {[]string{`{"method":"DELETE","path":"/Groups/bulkId:a"}`, groups("a", "A", "bulkId:b"), groups("b", "B", "bulkId:a")}, "409 409 409"},
	} {
		for i, o := range c.operations { // a name is there once
			c.operations[i] = strings.Replace(o, `"displayName":"`, `"displayName":"`+what+" ", 1)
		}
		a := s.ask(t, "POST", "/Bulk", bulk(c.operations...))
		if got := a.statuses(); got != c.statuses {
			t.Errorf("%s: %s, not %s: %s", what, got, c.statuses, a.raw)
		}
	}
}

func TestBulkStopsAfterTheErrorsThatAClientTakes(t *testing.T) {
	s := open(t)
	s.user(t, "there")
	operations := []string{makes("1", "a"), makes("2", "there"), makes("3", "b"), makes("4", "there"), makes("5", "c")}
	a := s.ask(t, "POST", "/Bulk", strings.Replace(bulk(operations...), `{`, `{"failOnErrors":2,`, 1))
	if got := a.statuses(); got != "201 409 201 409" {
		t.Errorf("it does %s: %s", got, a.raw)
	}
	s.ask(t, "GET", `/Users?filter=userName eq "c"`, "").holds(t, "what comes after", http.StatusOK, "totalResults", 0)
	s.ask(t, "POST", "/Bulk", strings.Replace(bulk(operations[4]), `{`, `{"failOnErrors":0,`, 1)).holds(t, "none", http.StatusBadRequest, "scimType", "invalidValue")
	if got := s.ask(t, "POST", "/Bulk", bulk(operations...)).statuses(); got != "409 409 409 409 201" {
		t.Errorf("without a bound it does %s", got)
	}
}

func TestBulkIsBounded(t *testing.T) {
	limits := scim.DefaultLimits()
	limits.Operations, limits.Payload = 2, 2048
	p, err := scim.NewProfile(limits)
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, p)
	s.ask(t, "POST", "/Bulk", bulk(makes("1", "a"), makes("2", "b"))).holds(t, "as many as may be", http.StatusOK)
	s.ask(t, "POST", "/Bulk", bulk(makes("1", "c"), makes("2", "d"), makes("3", "e"))).holds(t, "one more", http.StatusRequestEntityTooLarge, "status", "413")
	s.ask(t, "POST", "/Bulk", bulk(makes("1", strings.Repeat("x", 2048)))).holds(t, "too large", http.StatusRequestEntityTooLarge, "status", "413")
	s.ask(t, "GET", `/Users`, "").holds(t, "what was made", http.StatusOK, "totalResults", 2)
	s.ask(t, "GET", `/Bulk`, "").holds(t, "a GET", http.StatusMethodNotAllowed)
	s.ask(t, "POST", "/Bulk", `{"Operations":[`+makes("1", "x")+`]}`).holds(t, "without a schema", http.StatusBadRequest, "scimType", "invalidSyntax")
	s.ask(t, "POST", "/Bulk", `{`+bulkSchemas+`,"Operations":[]}`).holds(t, "without operations", http.StatusBadRequest, "scimType", "invalidSyntax")
	s.ask(t, "POST", "/Bulk", bulk(makes("1", "x"), makes("1", "y"))).holds(t, "one bulkId twice", http.StatusBadRequest, "scimType", "invalidValue")
}

func TestAnOperationOfBulkThatIsMalformedFailsAlone(t *testing.T) {
	s := open(t)
	id := s.user(t, "there")
	for _, operation := range []string{
		`5`, `{}`, `{"method":"GET","path":"/Users/` + id + `"}`, `{"method":"POST","path":"/Users","data":{}}`, `{"method":"POST","path":"/Users/` + id + `","bulkId":"x","data":{}}`,
		`{"method":"PATCH","path":"/Users","data":{}}`, `{"method":"PUT","path":"/Users/` + id + `"}`, `{"method":"POST","path":"/Users","bulkId":"x","data":[]}`,
		`{"method":"POST","path":"/Bulk","bulkId":"x","data":{}}`, `{"method":"POST","path":"/Users/.search","bulkId":"x","data":{}}`, `{"method":"POST","path":"Users","bulkId":"x","data":{}}`,
		`{"method":"DELETE","path":"/Users/` + id + `/x"}`, `{"method":"DELETE","path":"/Users/.search"}`, `{"method":"POST","path":"/Users","bulkId":"x","data":{"userName":"x"}}`,
		`{"method":"PATCH","path":"/Users/` + id + `","version":"7","data":` + patches(`{"op":"replace","path":"title","value":"t"}`) + `}`,
	} {
		a := s.ask(t, "POST", "/Bulk", bulk(operation, makes("ok", "after")))
		if got := a.statuses(); got != "400 201" {
			t.Errorf("%s: %s in %s", operation, got, a.raw)
		}
		location, _ := a.at("Operations.1.location").(string)
		s.ask(t, "DELETE", strings.TrimPrefix(location, s.at.Base), "").holds(t, "cleaning up", http.StatusNoContent)
	}
}

// FuzzBulk holds that a bulk request is answered with an error of its own or with one
// answer for each operation, and never with a fault of ours.
func FuzzBulk(f *testing.F) {
	f.Add(bulk(makes("1", "a"), groups("2", "g", "bulkId:1")))
	f.Add(bulk(groups("1", "a", "bulkId:2"), groups("2", "g", "bulkId:1")))
	f.Add(`{"failOnErrors":1,` + bulkSchemas + `,"Operations":[5,{"method":"DELETE","path":"/Users/x"},{"method":"PATCH","path":"/Groups/bulkId:x","data":{}}]}`)
	s := open(f)
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			return
		}
		a := s.ask(t, "POST", "/Bulk", body)
		if a.status >= http.StatusInternalServerError || strings.Contains(a.statuses(), "50") {
			t.Fatalf("%s: %s", body, a)
		}
		var of struct {
			FailOnErrors any   `json:"failOnErrors"`
			Operations   []any `json:"Operations"` //nolint:tagliatelle // RFC 7644, section 3.7
		}
		if a.status == http.StatusOK && json.Unmarshal([]byte(body), &of) == nil && of.FailOnErrors == nil {
			if n := len(strings.Fields(a.statuses())); n != len(of.Operations) {
				t.Fatalf("%s: %d answers to %d operations", body, n, len(of.Operations))
			}
		}
	})
}
