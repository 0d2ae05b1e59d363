package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

var inPath = regexp.MustCompile(`\{([a-z_]+)\}`)

// document describes the table in OpenAPI 3.1, its schemas made from the Go types
// that are read and written.
func (a *API) document(table []route) []byte {
	paths, schemas := map[string]map[string]any{}, map[string]any{"Problem": problemSchema()}
	for _, rt := range table {
		if paths[rt.path] == nil {
			paths[rt.path] = map[string]any{}
		}
		paths[rt.path][strings.ToLower(rt.method)] = operation(rt, schemas)
	}
	body, err := json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": a.o.Product + " management API", "version": "1",
			"description": "Everything that a page does. Errors are problem+json (RFC 9457) with a stable code. A GET has an ETag; a change may name one in If-Match.",
		},
		"servers":    []any{map[string]any{"url": a.o.Issuer + prefix}},
		"security":   []any{map[string]any{"token": []string{}}},
		"paths":      paths,
		"components": map[string]any{"schemas": schemas, "securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}}},
	})
	if err != nil {
		panic(fmt.Sprintf("OpenAPI: %v", err)) // maps of strings always marshal
	}
	return body
}

func operation(rt route, schemas map[string]any) map[string]any {
	var parameters []any
	for _, m := range inPath.FindAllStringSubmatch(rt.path, -1) {
		parameters = append(parameters, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string", "minLength": 1}})
	}
	for _, q := range rt.query {
		parameters = append(parameters, map[string]any{"name": q.name, "in": "query", "description": q.about, "schema": q.schema})
	}
	fails := map[string]any{"description": "What is wrong, by a stable code.", "content": map[string]any{
		"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}},
	}}
	op := map[string]any{
		"operationId": operationID(rt), "summary": rt.summary, "x-right": string(rt.right),
		"responses": map[string]any{
			"200":     map[string]any{"description": "Done.", "content": map[string]any{"application/json": map[string]any{"schema": reference(rt.answer, schemas)}}},
			"default": fails,
		},
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	switch {
	case rt.media != "":
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{rt.media: map[string]any{"schema": map[string]any{"type": "string"}}}}
	case rt.body != nil:
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": reference(rt.body, schemas)}}}
	}
	return op
}

// operationID is the method and the words of the path: getAppsName.
func operationID(rt route) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(rt.method))
	for word := range strings.FieldsFuncSeq(rt.path, func(r rune) bool { return r == '/' || r == '{' || r == '}' || r == ':' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// reference adds the schema of v's type and returns a reference to it; lists are
// made of references.
func reference(v any, schemas map[string]any) any {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Slice {
		return map[string]any{"type": "array", "items": reference(reflect.Zero(t.Elem()).Interface(), schemas)}
	}
	name := t.Name()
	if name == "" || strings.Contains(name, "[") {
		return schemaOf(t)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if _, known := schemas[name]; !known {
		schemas[name] = schemaOf(t)
	}
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

// schemaOf makes the JSON Schema of a type, as encoding/json writes it.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{
		IgnoreInvalidTypes: true,
		TypeSchemas: map[reflect.Type]*jsonschema.Schema{
			reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
			reflect.TypeFor[time.Duration]():   {Type: "integer", Description: "in nanoseconds"},
			reflect.TypeFor[[]byte]():          {Type: "string", ContentEncoding: "base64"},
			reflect.TypeFor[json.RawMessage](): {},
		},
	})
	if err != nil {
		panic(fmt.Sprintf("OpenAPI: %s: %v", t, err)) // a type of ours that has no JSON: the first test finds it
	}
	return s
}

// problemSchema is RFC 9457's object with our extensions: see httpx.Problem.
func problemSchema() map[string]any {
	text := map[string]any{"type": "string"}
	kinds := make([]string, 0, 8)
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		kinds = append(kinds, k.String())
	}
	return map[string]any{
		"type": "object", "required": []string{"type", "title", "status", "code"},
		"description": "Kinds of fault: " + strings.Join(kinds, ", ") + ".",
		"properties": map[string]any{
			"type": text, "title": text, "detail": text, "code": text, "request_id": text,
			"status":  map[string]any{"type": "integer", "minimum": http.StatusBadRequest},
			"pointer": map[string]any{"type": "string", "description": "Where in the input the fault is."},
		},
	}
}
