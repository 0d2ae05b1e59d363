package scim

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// endpoint is what one resource type does.
type endpoint interface {
	create(ctx context.Context, c *call, steps []patch.Step) (answer, error)
	get(ctx context.Context, c *call, id string) (answer, error)
	// put replaces; steps are the body as additions to nothing.
	put(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error)
	patch(ctx context.Context, c *call, id string, steps []patch.Step) (answer, error)
	remove(ctx context.Context, c *call, id string) (answer, error)
	// list returns a page of resources as they go out.
	list(ctx context.Context, c *call, s search) (page, error)
}

// endpoint returns the endpoint of a collection, "Users" or "Groups".
func (c *call) endpoint(collection string) (endpoint, *resource.Type) {
	switch collection {
	case "Users":
		return users{}, c.profile.user
	case "Groups":
		return groups{}, c.profile.group
	}
	return nil, nil
}

// dispatch does what the path and the method say.
func (c *call) dispatch(ctx context.Context) (answer, error) {
	first, rest, deep := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	if e, t := c.endpoint(first); e != nil {
		switch {
		case !deep:
			return c.collection(ctx, e, t)
		case rest == ".search":
			return c.searched(ctx, func(s search) (page, error) { return c.listed(ctx, e, t, s) })
		case rest == "" || strings.Contains(rest, "/"):
			return answer{}, errPath
		}
		return c.one(ctx, e, t, rest)
	}
	switch {
	case c.path == "/":
		if c.method != http.MethodGet {
			return answer{}, only("GET")
		}
		return c.answerList(c.query, func(s search) (page, error) { return c.everything(ctx, s) })
	case c.path == "/.search":
		return c.searched(ctx, func(s search) (page, error) { return c.everything(ctx, s) })
	case c.path == "/Bulk":
		if c.method != http.MethodPost {
			return answer{}, only("POST")
		}
		return c.bulk(ctx)
	case first == "Me":
		return answer{}, errMe
	}
	return c.discovery(first, rest, deep)
}

// collection is a request to /Users or /Groups.
func (c *call) collection(ctx context.Context, e endpoint, t *resource.Type) (answer, error) {
	switch c.method {
	case http.MethodGet:
		return c.answerList(c.query, func(s search) (page, error) { return c.listed(ctx, e, t, s) })
	case http.MethodPost:
		steps, err := patch.Body(c.body, t)
		if err != nil {
			return answer{}, err
		}
		return e.create(ctx, c, steps)
	}
	return answer{}, only("GET, POST")
}

// one is a request to a resource.
func (c *call) one(ctx context.Context, e endpoint, t *resource.Type, id string) (answer, error) {
	switch c.method {
	case http.MethodGet:
		return e.get(ctx, c, id)
	case http.MethodDelete:
		return e.remove(ctx, c, id)
	case http.MethodPut:
		steps, err := patch.Body(c.body, t)
		if err != nil {
			return answer{}, err
		}
		return e.put(ctx, c, id, steps)
	case http.MethodPatch:
		steps, err := patch.Parse(c.body, t)
		if err != nil {
			return answer{}, err
		}
		return e.patch(ctx, c, id, steps)
	}
	return answer{}, only("GET, PUT, PATCH, DELETE")
}

// searched answers a POST to a /.search (RFC 7644, section 3.4.3).
func (c *call) searched(_ context.Context, list func(search) (page, error)) (answer, error) {
	if c.method != http.MethodPost {
		return answer{}, only("POST")
	}
	query, err := searchRequest(c.body)
	if err != nil {
		return answer{}, err
	}
	return c.answerList(query, list)
}

// projection is what the query says of attributes, for a resource type.
func (c *call) projection(t *resource.Type) resource.Projection {
	return t.NewProjection(names(c.query.Get("attributes")), names(c.query.Get("excludedAttributes")))
}

// names splits a list with commas.
func names(list string) []string {
	var all []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// stays returns the steps that are about other paths, and whether any is about this one.
func stays(steps []patch.Step, p filter.Path) bool {
	for _, s := range steps {
		if s.Path.Path == p {
			return false
		}
	}
	return true
}
