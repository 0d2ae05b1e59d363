package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// maxDepth is how deep a message may nest.
const maxDepth = 32

// readBody reads the object in a request's body, of so many bytes and values at most.
func readBody(r *http.Request, limits Limits) (map[string]any, error) {
	if !httpx.HasType(r, MediaType) && !httpx.HasType(r, "application/json") {
		return nil, fault.New(httpx.ErrMediaType.Kind, httpx.ErrMediaType.Code, "send the body as %s", MediaType)
	}
	raw, err := httpx.ReadBody(r, limits.Payload)
	if err != nil {
		return nil, err
	}
	return decode(raw, limits.Values)
}

// decode reads one JSON object (RFC 8259), as strictly as two readers have to agree on
// it: no name comes twice, and there is nothing behind its end. Numbers stay as they are
// written. It has most values at most.
func decode(raw []byte, most int) (map[string]any, error) {
	if !utf8.Valid(raw) {
		return nil, resource.Bad(resource.ErrSyntax, "the body is not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(raw)), &most}
	d.UseNumber()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, resource.Bad(resource.ErrSyntax, "there is something after the end of the JSON")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, resource.Bad(resource.ErrSyntax, "the body has to be a JSON object")
	}
	return object, nil
}

type decoder struct {
	*json.Decoder
	left *int // how many values may still come
}

var errJSON = resource.Bad(resource.ErrSyntax, "the body is not well-formed JSON")

func (d decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, resource.Bad(resource.ErrSyntax, "the JSON nests deeper than %d levels", maxDepth)
	}
	if *d.left--; *d.left < 0 {
		return nil, errValues
	}
	token, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch token {
	case json.Delim('{'):
		return d.object(depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, d.end()
	}
	return token, nil
}

func (d decoder) object(depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if _, twice := object[name]; twice {
			return nil, resource.Bad(resource.ErrSyntax, "a name comes twice in one object of the JSON")
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return object, d.end()
}

// end reads the bracket that closes what was read.
func (d decoder) end() error {
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	return nil
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
