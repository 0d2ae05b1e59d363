package scim

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
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

// methods lists what can be done at a path, by its first part and whether something
// follows; empty for a path that leads nowhere.
func methods(path string) string {
	first, rest, deep := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "Users", "Groups":
		switch {
		case !deep:
			return "GET, POST"
		case rest == ".search":
			return "POST"
		case rest != "" && !strings.Contains(rest, "/"):
			return "GET, PUT, PATCH, DELETE"
		}
	case "ServiceProviderConfig":
		if !deep {
			return "GET"
		}
	case "Schemas", "ResourceTypes":
		return "GET"
	case "":
		if !deep {
			return "GET"
		}
	case ".search", "Bulk":
		if !deep {
			return "POST"
		}
	}
	return ""
}

// known refuses a path or a method that there is not.
func (c *call) known() error {
	if first, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/"), "/"); first == "Me" {
		return errMe
	}
	all := methods(c.path)
	if all == "" {
		return errPath
	}
	for m := range strings.SplitSeq(all, ", ") {
		if m == c.method {
			return nil
		}
	}
	return fault.Wrap(methodError(all), httpx.ErrMethod.Kind, httpx.ErrMethod.Code, "%s", httpx.ErrMethod.Detail)
}

// dispatch does what the path and the method say.
func (c *call) dispatch(ctx context.Context) (answer, error) {
	first, rest, deep := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	e, t := c.endpoint(first)
	switch {
	case e != nil && !deep:
		return c.collection(ctx, e, t)
	case e != nil && rest == ".search":
		return c.searched(func(s search) (page, error) { return c.listed(ctx, e, t, s) })
	case e != nil:
		return c.one(ctx, e, t, rest)
	case c.path == "/":
		return c.answerList(c.query, func(s search) (page, error) { return c.everything(ctx, s) })
	case c.path == "/.search":
		return c.searched(func(s search) (page, error) { return c.everything(ctx, s) })
	case c.path == "/Bulk":
		return c.bulk(ctx)
	}
	return c.discovery(first, rest, deep)
}

// collection is a request to /Users or /Groups.
func (c *call) collection(ctx context.Context, e endpoint, t *resource.Type) (answer, error) {
	if c.method == http.MethodGet {
		return c.answerList(c.query, func(s search) (page, error) { return c.listed(ctx, e, t, s) })
	}
	steps, err := patch.Body(c.body, t)
	if err != nil {
		return answer{}, err
	}
	return e.create(ctx, c, steps)
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
	}
	steps, err := patch.Parse(c.body, t)
	if err != nil {
		return answer{}, err
	}
	return e.patch(ctx, c, id, steps)
}

// searched answers a POST to a /.search (RFC 7644, section 3.4.3).
func (c *call) searched(list func(search) (page, error)) (answer, error) {
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
