package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// custom is an extension with an attribute of every kind.
const custom = `{"id": "urn:acme:2.0:Badge", "name": "Badge", "attributes": [
	{"name": "number", "type": "integer"}, {"name": "since", "type": "dateTime"}, {"name": "weight", "type": "decimal"},
	{"name": "sealed", "type": "string", "mutability": "immutable"}, {"name": "doors", "type": "string", "multiValued": true},
	{"name": "issued", "type": "string", "mutability": "readOnly"}, {"name": "photo", "type": "binary"},
	{"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [{"name": "value", "type": "string"}, {"name": "level", "type": "integer"}, {"name": "primary", "type": "boolean"}]}]}`

func userType(t testing.TB) *resource.Type {
	t.Helper()
	s, err := resource.ParseExtension([]byte(custom))
	if err != nil {
		t.Fatal(err)
	}
	u, err := resource.NewUser(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// object reads JSON as a request's body is read.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func body(operations string) string {
	return `{"schemas": ["` + patch.URN + `"], "Operations": [` + operations + `]}`
}

// change applies operations to an active user, and returns as JSON what it is beside
// that.
func change(t testing.TB, of *resource.Type, before, operations string) (string, error) {
	t.Helper()
	steps, err := patch.Parse(object(t, body(operations)), of)
	if err != nil {
		return "", err
	}
	was := object(t, before)
	was["active"] = true
	is := resource.Copy(was)
	after, err := patch.Apply(of, is, steps, &patch.Looks{})
	if err != nil {
		return "", err
	}
	if !reflect.DeepEqual(was, is) {
		t.Errorf("%s changed the resource that it was applied to", operations)
	}
	delete(after, "active")
	raw, err := json.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), nil
}

func TestOperationsChangeWhatTheySay(t *testing.T) {
	u := userType(t)
	const (
		plain = `{"userName":"a"}`
		two   = `{"emails":[{"type":"work","value":"w"},{"primary":true,"type":"home","value":"h"}],"userName":"a"}`
	)
	for _, c := range []struct{ name, before, operations, after string }{
		{"add sets one value", plain, `{"op":"add","path":"title","value":"t"}`, `{"title":"t","userName":"a"}`},
		{
			"add of a list appends what is new", two, `{"op":"add","path":"emails","value":[{"type":"work","value":"w"},{"type":"other","value":"o"}]}`,
			`{"emails":[{"type":"work","value":"w"},{"primary":true,"type":"home","value":"h"},{"type":"other","value":"o"}],"userName":"a"}`,
		},
		{"a single value stands for a list", plain, `{"op":"add","path":"emails","value":{"value":"w"}}`, `{"emails":[{"value":"w"}],"userName":"a"}`},
		{
			"the primary value that comes last is the only one", two, `{"op":"add","path":"emails","value":[{"type":"other","value":"o","primary":true}]}`,
			`{"emails":[{"type":"work","value":"w"},{"primary":false,"type":"home","value":"h"},{"primary":true,"type":"other","value":"o"}],"userName":"a"}`,
		},
		{
			"primary by a value path", two, `{"op":"replace","path":"emails[type eq \"work\"].primary","value":"True"}`,
			`{"emails":[{"primary":true,"type":"work","value":"w"},{"primary":false,"type":"home","value":"h"}],"userName":"a"}`,
		},
		{"replace of a list takes all", two, `{"op":"replace","path":"emails","value":[{"value":"x"}]}`, `{"emails":[{"value":"x"}],"userName":"a"}`},
		{"replace by an empty list removes", two, `{"op":"replace","path":"emails","value":[]}`, plain},
		{"replace by null removes", `{"title":"t","userName":"a"}`, `{"op":"replace","path":"title","value":null}`, plain},
		{"add of null does nothing", `{"title":"t","userName":"a"}`, `{"op":"add","path":"title","value":null}`, `{"title":"t","userName":"a"}`},
		{"add of an empty list does nothing", two, `{"op":"add","path":"emails","value":[]}`, two},
		{
			"an object is laid over", `{"name":{"familyName":"f","givenName":"g"},"userName":"a"}`, `{"op":"replace","path":"name","value":{"givenName":"x"}}`,
			`{"name":{"familyName":"f","givenName":"x"},"userName":"a"}`,
		},
		{"remove of a sub-attribute", `{"name":{"familyName":"f","givenName":"g"},"userName":"a"}`, `{"op":"remove","path":"name.givenName"}`, `{"name":{"familyName":"f"},"userName":"a"}`},
		{"the last sub-attribute takes the attribute with it", `{"name":{"givenName":"g"},"userName":"a"}`, `{"op":"remove","path":"name.givenName"}`, plain},
		{"remove of an element", two, `{"op":"remove","path":"emails[type eq \"work\"]"}`, `{"emails":[{"primary":true,"type":"home","value":"h"}],"userName":"a"}`},
		{"remove of what is not there", two, `{"op":"remove","path":"emails[type eq \"other\"]"}`, two},
		{"remove of the value of an element takes the element", two, `{"op":"remove","path":"emails[type eq \"home\"].value"}`, `{"emails":[{"type":"work","value":"w"}],"userName":"a"}`},
		{"remove of values", two, `{"op":"Remove","path":"emails","value":[{"value":"w","type":null}]}`, `{"emails":[{"primary":true,"type":"home","value":"h"}],"userName":"a"}`},
		{"remove of no values", two, `{"op":"Remove","path":"emails","value":[]}`, two},
		{"remove of all", two, `{"op":"remove","path":"emails"}`, plain},
		{"remove of some", two, `{"op":"remove","path":"emails[value sw \"h\" or type eq \"work\"]"}`, plain},
		{
			"a value path keeps what it asks for", two, `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x"}}`,
			`{"emails":[{"type":"work","value":"x"},{"primary":true,"type":"home","value":"h"}],"userName":"a"}`,
		},
		{
			"add to an element", two, `{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"W"}}`,
			`{"emails":[{"display":"W","type":"work","value":"w"},{"primary":true,"type":"home","value":"h"}],"userName":"a"}`,
		},
		{
			"a value path makes what is absent", plain, `{"op":"add","path":"emails[type eq \"work\" and primary eq \"true\"].value","value":"x"}`,
			`{"emails":[{"primary":true,"type":"work","value":"x"}],"userName":"a"}`,
		},
		{"a sub-attribute of all elements", two, `{"op":"replace","path":"emails.type","value":"x"}`, `{"emails":[{"type":"x","value":"w"},{"primary":true,"type":"x","value":"h"}],"userName":"a"}`},
		{"a sub-attribute of none makes one", plain, `{"op":"add","path":"emails.value","value":"x"}`, `{"emails":[{"value":"x"}],"userName":"a"}`},
		{
			"path-less with paths as names", plain, `{"op":"replace","value":{"name.givenName":"g","emails[type eq \"work\"].value":"w","schemas":[],"id":"x","meta":{},"groups":[],"password":"p"}}`,
			`{"emails":[{"type":"work","value":"w"}],"name":{"givenName":"g"},"userName":"a"}`,
		},
		{"names in any case", plain, `{"OP":"ADD","Path":"NAME.GIVENNAME","VALUE":"g"}`, `{"name":{"givenName":"g"},"userName":"a"}`},
		{"an extension as a whole", plain, `{"op":"add","path":"urn:acme:2.0:Badge","value":{"number":7,"doors":["a","b"],"unknown.":1}}`, ``},
		{
			"every type of an extension", plain, `{"op":"add","path":"urn:acme:2.0:badge","value":{"number":7,"doors":["a","b"],"since":"2026-01-02T03:04:05Z","weight":1.5,"photo":"aGk=","keys":[{"value":"k","level":3}]}}`,
			`{"urn:acme:2.0:Badge":{"doors":["a","b"],"keys":[{"level":3,"value":"k"}],"number":7,"photo":"aGk=","since":"2026-01-02T03:04:05Z","weight":1.5},"userName":"a"}`,
		},
		{"a simple list grows once", `{"urn:acme:2.0:Badge":{"doors":["a"]},"userName":"a"}`, `{"op":"add","path":"urn:acme:2.0:Badge:doors","value":["a","b"]}`, `{"urn:acme:2.0:Badge":{"doors":["a","b"]},"userName":"a"}`},
		{"a simple list shrinks", `{"urn:acme:2.0:Badge":{"doors":["a","b"]},"userName":"a"}`, `{"op":"remove","path":"urn:acme:2.0:Badge:doors","value":"a"}`, `{"urn:acme:2.0:Badge":{"doors":["b"]},"userName":"a"}`},
		{"an element by a number", `{"urn:acme:2.0:Badge":{"keys":[{"value":"k","level":3}]},"userName":"a"}`, `{"op":"remove","path":"urn:acme:2.0:Badge:keys[level ge 3]"}`, plain},
		{"an extension goes", `{"urn:acme:2.0:Badge":{"number":7},"userName":"a"}`, `{"op":"remove","path":"urn:acme:2.0:Badge"}`, plain},
		{"an extension goes by null", `{"urn:acme:2.0:Badge":{"number":7},"userName":"a"}`, `{"op":"replace","value":{"urn:acme:2.0:Badge":null}}`, plain},
		{"what is set once may be said again", `{"urn:acme:2.0:Badge":{"sealed":"s"},"userName":"a"}`, `{"op":"replace","path":"urn:acme:2.0:Badge:sealed","value":"s"}`, `{"urn:acme:2.0:Badge":{"sealed":"s"},"userName":"a"}`},
		{
			"another manager has no other reference", `{"` + resource.EnterpriseURN + `":{"manager":{"value":"1","$ref":"../Users/1"}},"userName":"a"}`,
			`{"op":"replace","path":"` + resource.EnterpriseURN + `:manager","value":"2"}`, `{"` + resource.EnterpriseURN + `":{"manager":{"value":"2"}},"userName":"a"}`,
		},
		{
			"a manager by its value", `{"` + resource.EnterpriseURN + `":{"manager":{"value":"1","$ref":"../Users/1"}},"userName":"a"}`,
			`{"op":"replace","path":"` + resource.EnterpriseURN + `:manager.value","value":"2"}`, `{"` + resource.EnterpriseURN + `":{"manager":{"value":"2"}},"userName":"a"}`,
		},
		{"one after the other", two, `{"op":"remove","path":"emails"},{"op":"add","path":"emails","value":[{"value":"1"}]},{"op":"add","path":"emails","value":[{"value":"2"}]}`, `{"emails":[{"value":"1"},{"value":"2"}],"userName":"a"}`},
		{"a value path of one value", `{"name":{"givenName":"g"},"userName":"a"}`, `{"op":"replace","path":"name[givenName eq \"g\"].familyName","value":"f"}`, `{"name":{"familyName":"f","givenName":"g"},"userName":"a"}`},
	} {
		after, err := change(t, u, c.before, c.operations)
		if c.after == "" {
			if !errors.Is(err, resource.ErrValue) {
				t.Errorf("%s: %s, %v", c.name, after, err)
			}
			continue
		}
		if err != nil || after != c.after {
			t.Errorf("%s: %s is %s (%v)", c.name, c.operations, after, err)
		}
	}
}

func TestOperationsThatCannotBeAreRefused(t *testing.T) {
	u := userType(t)
	const before = `{"emails":[{"type":"work","value":"w"}],"userName":"a","urn:acme:2.0:Badge":{"sealed":"s"}}`
	for operations, want := range map[string]error{
		`{"op":"move","path":"title","value":"x"}`: resource.ErrSyntax,
		`{"path":"title","value":"x"}`:             resource.ErrSyntax,
		`{"op":5,"path":"title","value":"x"}`:      resource.ErrSyntax,
		`"add"`:                                    resource.ErrSyntax,
		``:                                         resource.ErrSyntax,
		`{"op":"add","Op":"remove","path":"title","value":"x"}`:                                            resource.ErrSyntax,
		`{"op":"add","path":"title"}`:                                                                      resource.ErrValue,
		`{"op":"replace","path":"title"}`:                                                                  resource.ErrValue,
		`{"op":"add","value":"x"}`:                                                                         resource.ErrValue,
		`{"op":"add","value":["x"]}`:                                                                       resource.ErrValue,
		`{"op":"replace","value":{"bogus":"x"}}`:                                                           resource.ErrValue,
		`{"op":"add","path":"title","value":7}`:                                                            resource.ErrValue,
		`{"op":"add","path":"title","value":"a\u0000b"}`:                                                   resource.ErrValue,
		`{"op":"add","path":"active","value":"yes"}`:                                                       resource.ErrValue,
		`{"op":"add","path":"emails","value":["x"]}`:                                                       resource.ErrValue,
		`{"op":"add","path":"emails","value":[{"value":7}]}`:                                               resource.ErrValue,
		`{"op":"add","path":"emails","value":[{"value":"x","VALUE":"y"}]}`:                                 resource.ErrSyntax,
		`{"op":"add","path":"emails","value":[{"value":"1","primary":true},{"value":"2","primary":true}]}`: resource.ErrValue,
		`{"op":"replace","path":"emails[type eq \"work\"]","value":[{"value":"1"},{"value":"2"}]}`:         resource.ErrValue,
		`{"op":"remove","path":"emails","value":null}`:                                                     resource.ErrValue,
		`{"op":"add","path":"urn:acme:2.0:Badge:number","value":1.5}`:                                      resource.ErrValue,
		`{"op":"add","path":"urn:acme:2.0:Badge:since","value":"yesterday"}`:                               resource.ErrValue,
		`{"op":"add","path":"urn:acme:2.0:Badge:weight","value":1e999}`:                                    resource.ErrValue,
		`{"op":"add","path":"urn:acme:2.0:Badge:photo","value":"not base64"}`:                              resource.ErrValue,
		`{"op":"add","path":"urn:acme:2.0:Badge","value":"x"}`:                                             resource.ErrValue,
		`{"op":"remove"}`: patch.ErrTarget,
		`{"op":"replace","path":"emails[type ne \"work\"].value","value":"x"}`:                 patch.ErrTarget,
		`{"op":"replace","path":"emails[type sw \"h\"]","value":{"value":"x"}}`:                patch.ErrTarget,
		`{"op":"replace","path":"name[givenName eq \"g\"].familyName","value":"f"}`:            patch.ErrTarget,
		`{"op":"add","path":"bogus","value":"x"}`:                                              filter.ErrPath,
		`{"op":"add","path":7,"value":"x"}`:                                                    filter.ErrPath,
		`{"op":"add","path":"emails[bogus eq \"x\"].value","value":"x"}`:                       filter.ErrFilter,
		`{"op":"replace","path":"id","value":"x"}`:                                             resource.ErrMutability,
		`{"op":"replace","path":"meta.version","value":"x"}`:                                   resource.ErrMutability,
		`{"op":"add","path":"groups","value":[{"value":"x"}]}`:                                 resource.ErrMutability,
		`{"op":"remove","path":"groups"}`:                                                      resource.ErrMutability,
		`{"op":"add","path":"` + resource.EnterpriseURN + `:manager.displayName","value":"x"}`: resource.ErrMutability,
		`{"op":"add","path":"urn:acme:2.0:Badge:issued","value":"x"}`:                          resource.ErrMutability,
		`{"op":"replace","path":"urn:acme:2.0:Badge:sealed","value":"x"}`:                      resource.ErrMutability,
		`{"op":"remove","path":"urn:acme:2.0:Badge"}`:                                          resource.ErrMutability,
		`{"op":"remove","path":"active"}`:                                                      resource.ErrMutability,
		`{"op":"add","path":"emails","value":[{"bogus":"x"}]}`:                                 resource.ErrValue,
		`{"op":"remove","path":"userName"}`:                                                    resource.ErrMutability,
		`{"op":"replace","path":"userName","value":null}`:                                      resource.ErrMutability,
		`{"op":"replace","path":"userName","value":""}`:                                        resource.ErrValue,
		`{"op":"remove","path":"` + resource.UserURN + `"}`:                                    resource.ErrMutability,
	} {
		if after, err := change(t, u, before, operations); !errors.Is(err, want) {
			t.Errorf("%s: %s, %v, not %v", operations, after, err, want)
		}
	}
	for _, text := range []string{`{}`, `{"schemas":["x"],"Operations":[{"op":"remove","path":"title"}]}`, `{"schemas":["` + patch.URN + `"]}`, `{"schemas":["` + patch.URN + `"],"Operations":{}}`} {
		if _, err := patch.Parse(object(t, text), u); !errors.Is(err, resource.ErrSyntax) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTheNumberOfOperationsIsBounded(t *testing.T) {
	u := userType(t)
	many := func(n int) string {
		return body(strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"title","value":"x"},`, n), ","))
	}
	if _, err := patch.Parse(object(t, many(patch.MaxOperations)), u); err != nil {
		t.Errorf("%d are too many: %v", patch.MaxOperations, err)
	}
	if _, err := patch.Parse(object(t, many(patch.MaxOperations+1)), u); !errors.Is(err, resource.ErrSyntax) {
		t.Errorf("%d are not: %v", patch.MaxOperations+1, err)
	}
}

func TestABodyIsReadAsAResource(t *testing.T) {
	u := userType(t)
	const schemas = `"schemas":["` + resource.UserURN + `","urn:unknown"],`
	for text, want := range map[string]string{
		`{` + schemas + `"userName":"a","bogus":1,"id":"x","meta":{},"groups":[{"value":"g"}],"password":5,"urn:unknown":{"a":1}}`: `{"userName":"a"}`,
		`{` + schemas + `"USERNAME":"a","name.givenName":"g","emails[type eq \"work\"].value":"w"}`:                                `{"name":{"givenName":"g"},"userName":"a"}`,
		`{` + schemas + `"userName":"a","nickName":null,"emails":[],"name":{}}`:                                                    `{"userName":"a"}`,
		`{` + schemas + `"userName":"a","emails":[{"value":"x","primary":"False","bogus":1}]}`:                                     `{"emails":[{"primary":false,"value":"x"}],"userName":"a"}`,
	} {
		steps, err := patch.Body(object(t, text), u)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r, err := patch.Apply(u, map[string]any{"active": true}, steps, &patch.Looks{})
		delete(r, "active")
		raw, _ := json.Marshal(r)
		if err != nil || string(raw) != want {
			t.Errorf("%s is %s (%v)", text, raw, err)
		}
	}
	for text, want := range map[string]error{
		`{"userName":"a"}`: resource.ErrSyntax,
		`{"schemas":["` + resource.GroupURN + `"],"userName":"a"}`:     resource.ErrSyntax,
		`{` + schemas + `"userName":"a","USERNAME":"b"}`:               resource.ErrSyntax,
		`{` + schemas + `"userName":"a","name":"x"}`:                   resource.ErrValue,
		`{` + schemas + `"userName":"a","emails":[{"value":["x"]}]}`:   resource.ErrValue,
		`{` + schemas + `"userName":"a","` + resource.UserURN + `":5}`: resource.ErrValue,
	} {
		if steps, err := patch.Body(object(t, text), u); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v", text, steps, err)
		}
	}
	if _, err := patch.Apply(u, map[string]any{"active": true}, nil, &patch.Looks{}); !errors.Is(err, resource.ErrValue) {
		t.Errorf("a user without a name: %v", err)
	}
}

// TestStepsLookAtSoMuchAndNoMore has each kind of step that looks at every value of an
// attribute come again and again.
func TestStepsLookAtSoMuchAndNoMore(t *testing.T) {
	u := userType(t)
	values := func(n int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = map[string]any{"value": fmt.Sprint(i), "type": "work"}
		}
		return all
	}
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for what, operation := range map[string]string{
		"selects none":     `{"op":"replace","path":"emails[type eq \"home\"].display","value":"h"}`,
		"selects all":      `{"op":"replace","path":"emails[type eq \"work\"].display","value":"h"}`,
		"looks at each":    `{"op":"add","path":"emails.display","value":"h"}`,
		"adds one":         `{"op":"add","path":"emails","value":[{"value":"0","type":"work"}]}`,
		"removes by value": `{"op":"remove","path":"emails","value":` + text(values(200)[100:]) + `}`,
	} {
		for n, want := range map[int]error{5000: patch.ErrLooks, 100: nil} {
			if what == "removes by value" && want == nil {
				n = 10
			}
			steps, err := patch.Parse(object(t, body(strings.Repeat(operation+",", 499)+operation)), u)
			if err != nil {
				t.Fatal(err)
			}
			is := map[string]any{"userName": "a", "active": true, "emails": values(n)}
			if _, err := patch.Apply(u, is, steps, &patch.Looks{}); !errors.Is(err, want) {
				t.Errorf("%s, of %d values, 500 times: %v, want %v", what, n, err, want)
			}
		}
	}
	var looks patch.Looks
	if err := looks.Take(10_000_000); err != nil {
		t.Errorf("what is there cannot be looked at once: %v", err)
	}
	if err := looks.Take(0); !errors.Is(err, patch.ErrLooks) {
		t.Errorf("what was looked at in vain is forgotten: %v", err)
	}
}
