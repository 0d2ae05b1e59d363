package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// model is a user as somebody who has not read the code would keep it: names and values.
// An element of a list is a name, too, since every type is there once.
type model map[string]string

// attributes are what the model knows: by the name that it has there, the paths that
// clients write for it.
var attributes = map[string][]string{
	"title":          {"title", "TITLE", resource.UserURN + ":title"},
	"name.givenName": {"name.givenName", "NAME.givenname"},
	"employeeNumber": {resource.EnterpriseURN + ":employeeNumber", strings.ToLower(resource.EnterpriseURN) + ":employeenumber"},
	"work":           {`emails[type eq "work"].value`, `Emails[Type Eq "WORK"].Value`},
	"home":           {`emails[type eq "home"].value`, `emails[type eq "home" and type eq "home"].value`},
}

// of is the model of a resource.
func of(t *rapid.T, r map[string]any) model {
	m := model{}
	put := func(name string, v any) {
		if v != nil {
			m[name] = fmt.Sprint(v)
		}
	}
	put("title", r["title"])
	name, _ := r["name"].(map[string]any)
	put("name.givenName", name["givenName"])
	enterprise, _ := r[resource.EnterpriseURN].(map[string]any)
	put("employeeNumber", enterprise["employeeNumber"])
	list, _ := r["emails"].([]any)
	for _, e := range list {
		element, _ := e.(map[string]any)
		kind := strings.ToLower(fmt.Sprint(element["type"]))
		if _, twice := m[kind]; twice {
			t.Fatalf("there are two e-mail addresses of one type: %v", list)
		}
		put(kind, element["value"])
	}
	return m
}

// draw is one operation as some client would write it, and what it does to the model.
func draw(t *rapid.T, m model) string {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(attributes))).Draw(t, "attribute")
	path := rapid.SampledFrom(attributes[name]).Draw(t, "path")
	value := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value")
	quoted, _ := json.Marshal(path)
	cased := func(op string) string {
		return rapid.SampledFrom([]string{op, strings.ToUpper(op), strings.ToUpper(op[:1]) + op[1:]}).Draw(t, "case")
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		delete(m, name)
		return fmt.Sprintf(`{"op":%q,"path":%s}`, cased("remove"), quoted)
	case 1:
		m[name] = value
		return fmt.Sprintf(`{"op":%q,"value":{%s:%q,"id":"x"}}`, cased("replace"), quoted, value)
	case 2:
		m[name] = value
		return fmt.Sprintf(`{"op":%q,"path":%s,"value":%q}`, cased("add"), quoted, value)
	}
	m[name] = value
	return fmt.Sprintf(`{"op":%q,"path":%s,"value":%q}`, cased("replace"), quoted, value)
}

func TestAnyOperationsInAnyDialectEndAsTheModelDoes(t *testing.T) {
	u := userType(t)
	rapid.Check(t, func(t *rapid.T) {
		m, r := model{}, map[string]any{"userName": "a", "active": true}
		for range rapid.IntRange(1, 5).Draw(t, "requests") {
			var operations []string
			for range rapid.IntRange(1, 6).Draw(t, "operations") {
				operations = append(operations, draw(t, m))
			}
			var request map[string]any
			if err := json.Unmarshal([]byte(body(strings.Join(operations, ","))), &request); err != nil {
				t.Fatal(err)
			}
			steps, err := patch.Parse(request, u)
			if err != nil {
				t.Fatalf("%v: %v", operations, err)
			}
			if r, err = patch.Apply(u, r, steps, &patch.Looks{}); err != nil {
				t.Fatalf("%v: %v", operations, err)
			}
			if got := of(t, r); !reflect.DeepEqual(got, m) {
				t.Fatalf("after %v there is %v (%v), not %v", operations, got, r, m)
			}
		}
		if r["userName"] != "a" || r["active"] != true || r["id"] != nil {
			t.Fatalf("something else changed: %v", r)
		}
	})
}

// FuzzPatch holds that whatever is sent is refused as the client's fault or leads to a
// resource that stands by itself: sent again as a whole, it is the same.
func FuzzPatch(f *testing.F) {
	for _, operations := range []string{
		`{"op":"add","path":"emails[type eq \"work\"].primary","value":"True"}`, `{"op":"Remove","path":"emails","value":[{"value":"w"}]}`,
		`{"op":"replace","value":{"active":false,"name.givenName":"g","urn:acme:2.0:Badge":{"number":7,"keys":[{"level":1}]}}}`,
		`{"op":"replace","path":"urn:acme:2.0:Badge:keys[level gt 1]","value":{"value":"x"}}`, `{"op":"add","path":"urn:acme:2.0:Badge:doors","value":["a"]}`,
	} {
		f.Add(body(operations))
	}
	u := userType(f)
	f.Fuzz(func(t *testing.T, text string) {
		var request map[string]any
		if json.Unmarshal([]byte(text), &request) != nil {
			return
		}
		steps, err := patch.Parse(request, u)
		if err != nil {
			blame(t, err)
			return
		}
		before := map[string]any{"userName": "a", "active": true, "emails": []any{map[string]any{"type": "work", "value": "w"}}}
		after, err := patch.Apply(u, before, steps, &patch.Looks{})
		if err != nil {
			blame(t, err)
			return
		}
		whole := resource.Copy(after)
		whole["schemas"] = []any{resource.UserURN}
		again, err := patch.Body(whole, u)
		if err != nil {
			t.Fatalf("%s leads to %v, which is refused: %v", text, after, err)
		}
		same, err := patch.Apply(u, map[string]any{}, again, &patch.Looks{})
		if a, b := written(t, same), written(t, after); err != nil || a != b {
			t.Fatalf("%s leads to %s, which would be %s (%v)", text, b, a, err)
		}
	})
}

// blame holds that an error is the client's, by a fault that says so.
func blame(t *testing.T, err error) {
	t.Helper()
	var known *fault.Error
	if !errors.As(err, &known) || known.Kind != fault.Invalid {
		t.Fatalf("it is our fault: %v", err)
	}
}

func written(t *testing.T, r map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
