package scim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// Request is what of a request its description is made of.
type Request struct {
	Method string
	// Path is below the connection's base, without a query.
	Path string
	// Filter is the filter that it asks with.
	Filter string
	// Agent is the User-Agent.
	Agent string
	// Body is nil without one.
	Body map[string]any
}

// Kind says in a few words what a request does and in whose dialect: "Okta: rename,
// path-less". It is a pure function of the request, for people to read: nothing is
// decided by it. It names attributes, never their values.
func Kind(r Request) string {
	what := r.what()
	return r.vendor() + ": " + what
}

// noun is what the path of a collection stands for, deep of something within it.
func noun(path string) (name string, deep, ok bool) {
	first, rest, deep := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "Users":
		return "user", deep && rest != ".search", true
	case "Groups":
		return "group", deep && rest != ".search", true
	}
	return "", false, false
}

func (r Request) what() string {
	name, deep, ok := noun(r.Path)
	switch {
	case r.Path == "/Bulk":
		return "bulk"
	case !ok && strings.HasSuffix(r.Path, "/.search"), !ok && r.Path == "/":
		return "search"
	case !ok:
		return "discovery"
	case strings.HasSuffix(r.Path, "/.search"), r.Method == http.MethodGet && !deep:
		return r.lookup(name)
	}
	switch r.Method {
	case http.MethodGet:
		return "read a " + name
	case http.MethodPost:
		return "create a " + name
	case http.MethodPut:
		return "replace a " + name
	case http.MethodDelete:
		return "delete a " + name
	case http.MethodPatch:
		return changesIn(r.Body, name).String()
	}
	return "unknown"
}

// lookup describes a list: by the attribute that it is filtered by first.
func (r Request) lookup(name string) string {
	if r.Filter == "" {
		return "list " + name + "s"
	}
	by, _, _ := strings.Cut(r.Filter, " ")
	by, _, _ = strings.Cut(by, "[")
	return "look for a " + name + " by " + shown(by)
}

// shown is the name of an attribute, if it looks like one.
func shown(name string) string {
	name = name[strings.LastIndex(name, ":")+1:]
	const most = 40
	if name == "" || len(name) > most || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$-_.") != "" {
		return "another attribute"
	}
	return name
}

// vendor guesses whose client it is: by its name, or by what only it does.
func (r Request) vendor() string {
	switch agent := strings.ToLower(r.Agent); {
	case strings.Contains(agent, "okta"):
		return "Okta"
	case strings.Contains(agent, "microsoft"), strings.Contains(agent, "azure"), strings.Contains(agent, "entra"):
		return "Entra"
	}
	if list, _ := member(r.Body, "schemas").([]any); slices.ContainsFunc(list, func(s any) bool {
		name, _ := s.(string)
		return strings.Contains(name, "schemas.microsoft.com")
	}) {
		return "Entra"
	}
	if r.Method != http.MethodPatch {
		return "SCIM"
	}
	return changesIn(r.Body, "").dialect()
}

// changes are what a PATCH does, as far as people want to know.
type changes struct {
	acts, names []string
	// What only some clients do.
	capital, pathless, dotted, text, selects bool
}

// changesIn reads the body of a PATCH, whatever is wrong with it.
func changesIn(body map[string]any, noun string) changes {
	var c changes
	list, _, _ := resource.Elements(member(body, "Operations"))
	for raw := range list {
		of, _ := raw.(map[string]any)
		op, _ := member(of, "op").(string)
		c.capital = c.capital || op != strings.ToLower(op)
		path, _ := member(of, "path").(string)
		value := member(of, "value")
		if path != "" {
			c.change(strings.ToLower(op), path, value, noun)
			continue
		}
		object, ok := value.(map[string]any)
		c.pathless = c.pathless || ok
		for _, name := range slices.Sorted(maps.Keys(object)) {
			c.dotted = c.dotted || strings.ContainsAny(name, ".:[")
			c.change(strings.ToLower(op), name, object[name], noun)
		}
	}
	return c
}

// change takes in the change of one attribute.
func (c *changes) change(op, path string, value any, noun string) {
	attribute, _, selects := strings.Cut(path, "[")
	c.selects = c.selects || selects
	if s, ok := value.(string); ok && (strings.EqualFold(s, "true") || strings.EqualFold(s, "false")) {
		c.text = true
	}
	switch attribute = shown(attribute); {
	case strings.EqualFold(attribute, "members"):
		c.acts = append(c.acts, membersAct(op, value, selects))
	case strings.EqualFold(attribute, "active"):
		act := "deactivate"
		if s, ok := value.(string); value == true || ok && strings.EqualFold(s, "true") {
			act = "activate"
		}
		c.acts = append(c.acts, act)
	case strings.EqualFold(attribute, "displayName") && noun == "group":
		c.acts = append(c.acts, "rename")
	case !strings.EqualFold(attribute, "id") && !strings.EqualFold(attribute, "schemas"):
		c.names = append(c.names, attribute)
	}
}

func membersAct(op string, value any, selects bool) string {
	_, n, ok := resource.Elements(value)
	switch {
	case op == "remove" && selects, !ok && value != nil:
		n = 1
	case op == "remove" && value == nil:
		return "remove all members"
	}
	verb := map[string]string{"add": "add", "remove": "remove"}[op]
	if verb == "" {
		verb = "set"
	}
	if n == 1 {
		return verb + " 1 member"
	}
	return fmt.Sprintf("%s %d members", verb, n)
}

// String is the description without the vendor.
func (c changes) String() string {
	const most = 3
	parts := slices.Compact(c.acts)
	if len(parts) > most {
		parts = append(parts[:most:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	if all := slices.Compact(c.names); len(all) > most {
		parts = append(parts, fmt.Sprintf("change %s and %d more", strings.Join(all[:most], ", "), len(all)-most))
	} else if len(all) > 0 {
		parts = append(parts, "change "+strings.Join(all, ", "))
	}
	if len(parts) == 0 {
		parts = []string{"change nothing"}
	}
	s := strings.Join(parts, ", ")
	if c.selects {
		s += ", by value path"
	}
	if c.pathless {
		s += ", path-less"
	}
	if c.text {
		s += " (string boolean)"
	}
	return s
}

// dialect guesses whose client writes like this.
func (c changes) dialect() string {
	switch {
	case c.capital, c.text, c.dotted:
		return "Entra"
	case c.pathless:
		return "Okta"
	}
	return "SCIM"
}
