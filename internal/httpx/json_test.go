package httpx_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

func TestJSONIsReadStrictly(t *testing.T) {
	type nested struct {
		Name string `json:"name"`
	}
	type body struct {
		Name  string            `json:"name"`
		Count int               `json:"count,omitempty"`
		List  []nested          `json:"list,omitempty"`
		Data  []byte            `json:"data,omitempty"`
		Words map[string]string `json:"words,omitempty"`
		At    time.Time         `json:"at,omitzero"`
		Any   any               `json:"any,omitempty"`
		On    *bool             `json:"on,omitempty"`
	}
	var good body
	text := ` {"name":"x","count":2,"list":[{"name":"y"}],"data":"eA==","words":{"a/b":"c"},"at":"2026-01-02T03:04:05Z","any":{"z":[null,1.5]},"on":true} `
	err := decode(post(t, "/", "application/json", text), &good)
	if err != nil || good.Name != "x" || good.Count != 2 || good.List[0].Name != "y" || string(good.Data) != "x" || !*good.On {
		t.Errorf("%+v %v", good, err)
	}
	for name, c := range map[string]struct{ contentType, text, want, at string }{
		"a form":            {formType, `{}`, "content type", ""},
		"unknown member":    {"application/json", `{"nme":"x"}`, "no such member", "/nme"},
		"another case":      {"application/json", `{"Name":"x"}`, "no such member", "/Name"},
		"another type":      {"application/json", `{"count":"planted"}`, "a whole number", "/count"},
		"a fraction":        {"application/json", `{"count":1.5}`, "a whole number", "/count"},
		"a list":            {"application/json", `[]`, "an object", ""},
		"null":              {"application/json", `{"name":null}`, "not null", "/name"},
		"twice":             {"application/json", `{"name":"x","name":"planted"}`, "comes twice", "/name"},
		"deeper":            {"application/json", `{"list":[{"name":"y"},{"nme":"planted"}]}`, "no such member", "/list/1/nme"},
		"escaped":           {"application/json", `{"words":{"a/b":7}}`, "a string", "/words/ab"},
		"no base64":         {"application/json", `{"data":"planted!"}`, "base64", "/data"},
		"NUL":               {"application/json", `{"name":"\u0000planted"}`, "NUL", "/name"},
		"a missing member":  {"application/json", `{"list":[{}],"name":"x"}`, "missing", "/list/0/name"},
		"no time":           {"application/json", `{"at":"planted","name":"x"}`, "not the JSON", ""},
		"trailing":          {"application/json", `{"name":"x"} {}`, "after its end", ""},
		"broken":            {"application/json", `{"name":planted}`, "not well-formed", "/name"},
		"cut off":           {"application/json", `{"name":`, "ends early", "/name"},
		"empty":             {"application/json", ``, "ends early", ""},
		"too large":         {"application/json", `{"name":"` + strings.Repeat("a", httpx.MaxJSON) + `"}`, "too large", ""},
		"too deep":          {"application/json", `{"any":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "too deep", "/any" + strings.Repeat("/0", 64)},
		"not for two types": {"application/json", `{"on":"planted"}`, "true or false", "/on"},
	} {
		var v body
		err := decode(post(t, "/", c.contentType, c.text), &v)
		if err == nil || !strings.Contains(fault.As(err).Detail, c.want) || strings.Contains(fault.As(err).Detail, "planted") || fault.As(err).Pointer != c.at {
			t.Errorf("%s: %v, want %q at %q", name, err, c.want, c.at)
		}
	}
}

// decode reads a body in application/json into target.
func decode(r *http.Request, target any) error {
	if !httpx.HasType(r, "application/json") {
		return httpx.ErrMediaType
	}
	raw, err := httpx.ReadBody(r, httpx.MaxJSON)
	if err != nil {
		return err
	}
	return httpx.UnmarshalJSON(raw, target)
}
