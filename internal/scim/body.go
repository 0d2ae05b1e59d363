package scim

import (
	"net/http"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// readBody reads the text of a request's body.
func readBody(r *http.Request, limits Limits) ([]byte, error) {
	if !httpx.HasType(r, MediaType) && !httpx.HasType(r, "application/json") {
		return nil, fault.New(httpx.ErrMediaType.Kind, httpx.ErrMediaType.Code, "send the body as %s", MediaType)
	}
	return httpx.ReadBody(r, limits.Payload)
}

// member finds a member of a message in any case of letters.
func member(of map[string]any, name string) any {
	if v, ok := of[name]; ok {
		return v
	}
	for k, v := range of {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// speaks checks that a message names its schema (RFC 7644, section 3.1).
func speaks(of map[string]any, urn string) error {
	list, _ := member(of, "schemas").([]any)
	for _, s := range list {
		if name, _ := s.(string); strings.EqualFold(name, urn) {
			return nil
		}
	}
	return resource.Bad(resource.ErrSyntax, "schemas has to name %s", urn)
}
