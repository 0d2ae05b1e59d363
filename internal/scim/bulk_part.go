package scim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// reference is what stands before a bulkId where an id would.
const reference = "bulkId:"

// part is one operation of a bulk request.
type part struct {
	call
	bulkID string
	// needs are the bulkIds that it refers to.
	needs []string
	err   error
	done  bool
	a     answer
}

// part reads one operation. What is wrong with it is its own error.
func (c *call) part(raw any) *part {
	p := &part{call: *c}
	p.match, p.noneMatch, p.query, p.body = "", "", url.Values{}, nil
	of, ok := raw.(map[string]any)
	if !ok {
		p.err = resource.Bad(resource.ErrSyntax, "an operation has to be an object")
		return p
	}
	method, _ := member(of, "method").(string)
	p.method = strings.ToUpper(method)
	p.path, _ = member(of, "path").(string)
	p.bulkID, _ = member(of, "bulkId").(string)
	p.match, _ = member(of, "version").(string)
	p.body, _ = member(of, "data").(map[string]any)
	p.err = p.sound()
	if _, id, ok := strings.Cut(p.path, "/"+reference); ok {
		p.needs = append(p.needs, id)
	}
	p.needs = references(p.needs, p.body)
	return p
}

// sound checks an operation as far as it can be without doing it.
func (p *part) sound() error {
	collection, id, deep := strings.Cut(strings.TrimPrefix(p.path, "/"), "/")
	if e, _ := p.endpoint(collection); e == nil || !strings.HasPrefix(p.path, "/") || deep && (id == "" || id == ".search" || strings.Contains(id, "/")) {
		return resource.Bad(resource.ErrValue, "path is /Users or /Groups, and what follows")
	}
	if deep == (p.method == http.MethodPost) {
		return resource.Bad(resource.ErrValue, "POST takes the path of a collection, and PUT, PATCH and DELETE that of a resource")
	}
	switch p.method {
	case http.MethodPost:
		if p.bulkID == "" {
			return resource.Bad(resource.ErrValue, "POST takes a bulkId")
		}
	case http.MethodPut, http.MethodPatch:
	case http.MethodDelete:
		return nil
	default:
		return resource.Bad(resource.ErrValue, "method is POST, PUT, PATCH or DELETE")
	}
	if p.body == nil {
		return resource.Bad(resource.ErrSyntax, "data has to be an object")
	}
	return nil
}

// references adds the bulkIds that a value refers to.
func references(to []string, v any) []string {
	switch v := v.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, reference); ok {
			to = append(to, id)
		}
	case map[string]any:
		for _, e := range v {
			to = references(to, e)
		}
	default:
		list, _, _ := resource.Elements(v)
		for e := range list {
			to = references(to, e)
		}
	}
	return to
}

// failed reports whether the operation came to nothing.
func (p *part) failed() bool { return p.err != nil }

// creation is what an operation makes.
func (p *part) creation() (record.New, error) {
	p.begin()
	n := record.New{Operation: p.op}
	_, t := p.endpoint(strings.TrimPrefix(p.path, "/"))
	steps, err := patch.Body(p.body, t)
	if p.body = nil; err != nil {
		return n, err
	}
	if t == p.profile.user {
		u, err := newUser(&p.call, steps)
		n.User = &u
		return n, err
	}
	g, has, err := newGroup(&p.call, steps)
	n.Group, n.Members = &g, has
	return n, err
}

// made takes what became of a creation.
func (p *part) made(m record.Made) {
	id, external, t, n, name := m.User.ID, m.User.ExternalID, p.profile.user, m.User.Version, userName
	if _, of := p.endpoint(strings.TrimPrefix(p.path, "/")); of == p.profile.group {
		id, external, t, n, name = m.Group.ID, m.Group.ExternalID, p.profile.group, m.Group.Version, displayName
	}
	switch {
	case m.Err != nil:
		p.err = m.Err
	case m.Existed && external == "":
		p.err = record.ErrTaken.At(name)
	default:
		p.a = answer{status: http.StatusCreated, version: version(n), location: p.location(t, id), resource: t.Name + "/" + id, changed: !m.Existed}
	}
}

// result is what the answer says of an operation.
func (p *part) result() map[string]any {
	of := map[string]any{"method": p.method}
	if p.bulkID != "" {
		of["bulkId"] = p.bulkID
	}
	if p.err != nil {
		e := scimError(p.err)
		of["status"], of["response"] = strconv.Itoa(e.Status), e
		if p.method != http.MethodPost {
			of["location"] = p.base() + p.path
		}
		return of
	}
	of["status"] = strconv.Itoa(p.a.status)
	if of["location"] = p.a.location; p.a.location == "" {
		of["location"] = p.base() + p.path
	}
	if p.a.version != "" {
		of["version"] = p.a.version
	}
	return of
}
