package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// intro is what the document says first.
const intro = `Everything that the product's pages do.

Errors are problem+json (RFC 9457) with a stable code and a pointer at the fault. Every GET has an ETag and takes If-None-Match;
a change takes If-Match with the ETag of what it changes and is refused with 412 if that is no longer so. A POST takes an
Idempotency-Key: the same request again within 24 hours gets the first answer, also one that shows a secret, which is kept
encrypted; another request with the key is refused with 422. Lists come in pages with a cursor, or whole as CSV or JSON lines.
Parameters, members and media types that an operation does not know are refused. An operation that the configuration marks
waits for a second person: it is answered with 202 and a change, which somebody else approves.`

// describe writes the table in OpenAPI 3.1, its schemas made from the Go types
// that are read and written.
func (e *Engine) describe() []byte {
	c := &components{known: map[string]any{"Problem": problemSchema()}, types: map[string]reflect.Type{}, words: e.o.Schemas}
	paths, areas := map[string]object{}, []any{}
	for i := range e.table {
		rt := &e.table[i]
		if paths[rt.Path] == nil {
			paths[rt.Path] = object{}
		}
		paths[rt.Path][strings.ToLower(rt.Method)] = e.operationObject(rt, c)
		if tag := (object{"name": rt.Area}); !slices.ContainsFunc(areas, func(a any) bool { return a.(object)["name"] == rt.Area }) {
			areas = append(areas, tag)
		}
	}
	body, err := json.Marshal(object{
		"openapi": "3.1.0",
		"info":    object{"title": e.o.Product + " management API", "version": "1.0.0", "description": intro, "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers": []any{object{"url": e.o.Issuer + Prefix}}, "tags": areas, "paths": paths,
		"security": []any{object{"token": []string{}}},
		"components": object{
			"schemas": c.known, "responses": failures(), "headers": headers(),
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "An API token. On the broker's Unix socket none is needed."}},
		},
	})
	if err != nil {
		panic(fmt.Sprintf("OpenAPI: %v", err)) // maps of strings always marshal
	}
	return body
}

func (e *Engine) operationObject(rt *Route, c *components) object {
	op := object{
		"operationId": rt.ID, "summary": rt.Summary, "tags": []string{rt.Area}, "responses": e.responses(rt, c),
		"x-right": string(rt.Right), "x-roles": rolesOf(rt), "x-four-eyes": rt.MayWait(),
	}
	if rt.About != "" {
		op["description"] = rt.About
	}
	if parameters := e.parameterObjects(rt); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if rt.takesBody() {
		media, content := rt.Media, object{}
		if media == "" {
			media = "application/json"
			content["schema"], content["example"] = c.reference(rt.Body, true), rt.Body
		} else {
			content["schema"], content["example"] = object{"type": "string"}, rt.Body
		}
		bodies := object{media: content}
		if rt.Also != "" {
			bodies[rt.Also] = object{"schema": object{"type": "string"}, "example": example(rt.Body)} // JSON is YAML
		}
		op["requestBody"] = object{"required": true, "content": bodies}
	}
	return op
}

// rolesOf lists the roles that may do it; an owner of the app comes with "own".
func rolesOf(rt *Route) []string {
	roles := []string{}
	for _, r := range admin.Roles() {
		switch p := (admin.Principal{Roles: []admin.Role{r}, Apps: []string{"own"}}); {
		case rt.Right == Anybody || p.May(rt.Right):
			roles = append(roles, string(r))
		case rt.Owned && p.MayApp(rt.Right, "own", ""):
			roles = append(roles, string(r)+" (own apps)")
		}
	}
	return roles
}

// Value says what a parameter of paths means.
type Value struct{ About, Example string }

func (e *Engine) parameterObjects(rt *Route) (all []any) {
	for _, name := range rt.values() {
		v := e.o.Values[name]
		all = append(all, object{
			"name": name, "in": "path", "required": true, "description": v.About, "example": v.Example,
			"schema": object{"type": "string", "minLength": 1, "maxLength": longestValue},
		})
	}
	for _, p := range rt.Query {
		all = append(all, object{"name": p.Name, "in": "query", "description": p.About, "schema": p.schema()})
	}
	header := func(name, about, pattern string) {
		schema := object{"type": "string"}
		if pattern != "" {
			schema["pattern"] = pattern
		}
		all = append(all, object{"name": name, "in": "header", "description": about, "schema": schema})
	}
	if rt.Method == http.MethodGet {
		header("If-None-Match", "The ETag of an answer before: 304 if it would be the same.", "")
	}
	if e.tagged(rt) {
		header("If-Match", "The ETag of GET "+rt.of()+": 412 if that has changed; * for whatever there is.", tags.String())
	}
	if rt.Method == http.MethodPost && !rt.Receives {
		header("Idempotency-Key", "1 to 255 visible characters, such as a UUID: the same request again gets the first answer.", "^[!-~]{1,255}$")
	}
	return all
}

// tagged reports whether a change can name an entity tag.
func (e *Engine) tagged(rt *Route) bool {
	get := e.find(http.MethodGet, rt.of())
	return rt.changes() && get != nil && get.Do != nil
}

func (p Param) schema() object {
	switch p.kind {
	case number:
		return object{"type": "integer", "minimum": 1, "maximum": p.most}
	case truth:
		return object{"type": "boolean"}
	case instant:
		return object{"type": "string", "format": "date-time"}
	case choice:
		return object{"type": "string", "enum": p.choices}
	case text:
	}
	return object{"type": "string", "maxLength": p.most}
}

func (e *Engine) responses(rt *Route, c *components) object {
	success := object{"description": "Done.", "headers": object{"X-Request-Id": object{"$ref": "#/components/headers/RequestID"}}}
	switch {
	case rt.List != nil:
		item := c.reference(rt.List.item, false)
		success["description"] = "A page, or the whole list."
		success["content"] = object{
			"application/json": object{
				"schema": object{
					"type": "object", "required": []string{"items"},
					"properties": object{"items": object{"type": "array", "items": item}, "next": object{"type": "string", "description": "Goes on as parameter after; absent at the end."}},
				},
				"example": paged{Items: []any{rt.List.item}},
			},
			"text/csv":          object{"schema": object{"type": "string"}, "example": strings.Join(rt.List.columns, ",") + "\n"},
			"application/jsonl": object{"schema": object{"type": "string", "description": "One item a line."}},
		}
	case rt.Streams != "":
		success["description"] = "As it is made: a connection that is cut says that it is not whole."
		success["content"] = object{rt.Streams: object{"schema": object{"type": "string"}, "example": rt.Answer}}
	case rt.Answer != nil:
		success["content"] = object{"application/json": object{"schema": c.reference(rt.Answer, false), "example": rt.Answer}}
	}
	if rt.Method == http.MethodGet && rt.Send == nil {
		success["headers"].(object)["ETag"] = object{"$ref": "#/components/headers/ETag"}
	}
	all := object{strconv.Itoa(rt.status()): success}
	if rt.MayWait() {
		all["202"] = object{
			"description": "Marked for four eyes: it waits for a second person.",
			"content":     object{"application/json": object{"schema": c.reference(admin.Change{}, false)}},
		}
	}
	for _, status := range e.failing(rt) {
		all[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + failureName(status)}
	}
	return all
}

// failing lists the statuses that the operation may be refused with.
func (e *Engine) failing(rt *Route) []int {
	all := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	add := func(when bool, statuses ...int) {
		if when {
			all = append(all, statuses...)
		}
	}
	add(rt.Right != Anybody || len(rt.Query) > 0, http.StatusForbidden) // what a parameter names may be nobody else's business
	add(len(rt.values()) > 0 || rt.Finds, http.StatusNotFound)
	add(rt.Method == http.MethodGet, http.StatusNotModified)
	add(rt.changes() || strings.HasSuffix(rt.Path, "/preview"), http.StatusConflict)
	add(e.tagged(rt), http.StatusPreconditionFailed)
	add(rt.takesBody(), http.StatusUnsupportedMediaType)
	add(rt.Method == http.MethodPost, http.StatusUnprocessableEntity)
	return all
}

func failureName(status int) string {
	return strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(status))
}

// failures are the answers that every operation shares.
func failures() object {
	problem := object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}
	retry := object{"Retry-After": object{"description": "When to try again, in seconds.", "schema": object{"type": "integer"}}}
	all := object{"NotModified": object{"description": "What If-None-Match names is what there is."}}
	for status, about := range map[int]string{
		http.StatusBadRequest:            "A parameter, a member or a header is malformed, unknown or against a rule; pointer says which.",
		http.StatusForbidden:             "Whoever asks may not do that.",
		http.StatusNotFound:              "There is no such thing.",
		http.StatusConflict:              "The state does not allow it, such as the last admin; or the Idempotency-Key is in use.",
		http.StatusPreconditionFailed:    "What If-Match names is not what there is any more.",
		http.StatusRequestEntityTooLarge: "The body or the query is too large.",
		http.StatusUnsupportedMediaType:  "The body has another Content-Type than the operation takes.",
		http.StatusUnprocessableEntity:   "The Idempotency-Key was used for another request.",
		http.StatusInternalServerError:   "A failure of ours; request_id finds it in the log.",
	} {
		all[failureName(status)] = object{"description": about, "content": problem}
	}
	all["Unauthorized"] = object{
		"description": "No token, or one that is not good.", "content": problem,
		"headers": object{"WWW-Authenticate": object{"schema": object{"type": "string"}}},
	}
	all["TooManyRequests"] = object{"description": "Asked too often.", "content": problem, "headers": retry}
	all["ServiceUnavailable"] = object{"description": "Something that is needed does not answer.", "content": problem, "headers": retry}
	return all
}

func headers() object {
	return object{
		"ETag":      object{"description": "The entity tag, for If-Match and If-None-Match.", "schema": object{"type": "string"}},
		"RequestID": object{"description": "Finds the request in the log and the audit log.", "schema": object{"type": "string"}},
	}
}

// problemSchema is RFC 9457's object with our extensions: see httpx.Problem.
func problemSchema() object {
	text := object{"type": "string"}
	kinds := make([]string, 0, 8)
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		kinds = append(kinds, k.String())
	}
	return object{
		"type": "object", "required": []string{"type", "title", "status", "code"},
		"description": "Kinds of fault: " + strings.Join(kinds, ", ") + ".",
		"properties": object{
			"type": text, "title": text, "detail": text, "request_id": text,
			"code":    object{"type": "string", "description": "Stable: safe to test for."},
			"status":  object{"type": "integer", "minimum": http.StatusBadRequest},
			"pointer": object{"type": "string", "description": "Where the fault is: a JSON pointer into the body, a parameter's or a header's name, or file:line:column."},
			"faults": object{
				"type": "array", "description": "Everything that is wrong with a document, where there may be several things.",
				"items": object{"type": "object", "required": []string{"file", "message"}, "properties": object{
					"file": text, "path": text, "message": text, "line": object{"type": "integer"}, "column": object{"type": "integer"},
				}},
			},
		},
	}
}
