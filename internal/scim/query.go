package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// The schemas of messages about lists (RFC 7644, section 8.2).
const (
	listURN   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// search is a query as a client asks it.
type search struct {
	filter string
	sortBy string
	// attributes and excluded are the names that the projection is made of.
	attributes, excluded []string
	// cursors says that the client asked for pages by cursor (RFC 9865): with an empty
	// one for the first.
	cursors bool
	// query is what the store is asked. Its Filter and SortBy are set once the resource
	// type is known, and so is the projection.
	query      record.Query
	projection resource.Projection
}

// page is what a list answers with.
type page struct {
	items []any
	total int
	next  string
}

// searchRequest reads the message of a /.search as the query that it stands for.
func searchRequest(body map[string]any) (url.Values, error) {
	if err := speaks(body, searchURN); err != nil {
		return nil, err
	}
	q := url.Values{}
	for _, name := range []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"} {
		switch v := member(body, name).(type) {
		case nil:
		case string:
			q.Set(name, v)
		case json.Number:
			q.Set(name, v.String())
		case []any:
			list := make([]string, len(v))
			for i, e := range v {
				s, ok := e.(string)
				if !ok {
					return nil, resource.Bad(resource.ErrValue, "%s takes names", name)
				}
				list[i] = s
			}
			q.Set(name, strings.Join(list, ","))
		default:
			return nil, resource.Bad(resource.ErrValue, "%s takes another kind of value", name)
		}
	}
	return q, nil
}

// read makes a search of a query (RFC 7644, sections 3.4.2.3 and 3.4.2.4, and RFC 9865).
func (c *call) read(q url.Values) (search, error) {
	s := search{
		filter: strings.TrimSpace(q.Get("filter")), sortBy: strings.TrimSpace(q.Get("sortBy")),
		attributes: names(q.Get("attributes")), excluded: names(q.Get("excludedAttributes")), cursors: q.Has("cursor"),
	}
	if q.Has("filter") && s.filter == "" {
		return s, resource.Bad(filter.ErrFilter, "the filter is empty")
	}
	switch order := q.Get("sortOrder"); {
	case strings.EqualFold(order, "descending"):
		s.query.Descending = true
	case order != "" && !strings.EqualFold(order, "ascending"):
		return s, resource.Bad(resource.ErrValue, "sortOrder is ascending or descending")
	}
	start, err := number(q, "startIndex", 1)
	if err != nil {
		return s, err
	}
	count, err := number(q, "count", record.DefaultCount)
	if err != nil {
		return s, err
	}
	if s.cursors && q.Has("startIndex") {
		return s, resource.Bad(resource.ErrValue, "startIndex and cursor are not sent together")
	}
	s.query.Start, s.query.Count, s.query.Cursor = max(start, 1), min(max(count, 0), c.profile.limits.Results), q.Get("cursor")
	return s, nil
}

// number reads a whole number that a query may have.
func number(q url.Values, name string, otherwise int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(q.Get(name), 10, 32)
	if err != nil {
		return 0, resource.Bad(resource.ErrValue, "%s is a whole number", name)
	}
	return int(n), nil
}

// answerList answers with a page (RFC 7644, section 3.4.2).
func (c *call) answerList(q url.Values, list func(search) (page, error)) (answer, error) {
	s, err := c.read(q)
	if err != nil {
		return answer{}, err
	}
	found, err := list(s)
	if err != nil {
		return answer{}, err
	}
	if found.items == nil {
		found.items = []any{}
	}
	body := map[string]any{"schemas": []string{listURN}, "totalResults": found.total, "itemsPerPage": len(found.items), "Resources": found.items}
	if s.cursors {
		if found.next != "" {
			body["nextCursor"] = found.next
		}
	} else {
		body["startIndex"] = s.query.Start
	}
	return answer{status: http.StatusOK, body: body}, nil
}

// listed returns a page of one resource type.
func (c *call) listed(ctx context.Context, e endpoint, t *resource.Type, s search) (page, error) {
	s.projection = t.NewProjection(s.attributes, s.excluded)
	if s.sortBy != "" {
		by, of, err := c.order(t, s.sortBy)
		if err != nil {
			return page{}, err
		}
		s.query.SortBy, s.query.SortOf = by, of
	}
	if s.filter == "" {
		return e.list(ctx, c, s)
	}
	x, err := filter.Parse(s.filter, t.Filters)
	if err != nil {
		return page{}, err
	}
	x, is := narrower{t}.narrow(x)
	if is == never {
		return page{}, nil
	}
	s.query.Filter = x
	return e.list(ctx, c, s)
}

// order reads sortBy: an attribute with sub-attributes is ordered by its value.
func (c *call) order(t *resource.Type, name string) (filter.Path, filter.Attribute, error) {
	by, of, err := filter.ParseAttribute(name, t.Filters)
	if err == nil && of.Type == filter.Complex && by.Sub == "" {
		by.Sub = "value"
		var ok bool
		if by, of, ok = t.Filters.Resolve(by); !ok {
			err = resource.Bad(filter.ErrPath, "sortBy takes one of the sub-attributes of %s", name)
		}
	}
	if err != nil {
		return filter.Path{}, filter.Attribute{}, fault.Wrap(err, fault.Invalid, filter.ErrPath.Code, "sortBy: %s", fault.As(err).Detail)
	}
	return by, of, nil
}

// filterText is the filter of the call, for its description.
func (c *call) filterText() string {
	if f := c.query.Get("filter"); f != "" {
		return f
	}
	f, _ := member(c.body, "filter").(string)
	return f
}
