package scim

import (
	"net/http"
	"strings"

	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// The schemas of discovery (RFC 7643, section 8).
const (
	configURN       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	resourceTypeURN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
)

// discovery is what the server says of itself (RFC 7644, section 4).
func (c *call) discovery(first, rest string, deep bool) (answer, error) {
	if c.query.Has("filter") {
		return answer{}, errSearch
	}
	var all []map[string]any
	switch first {
	case "ServiceProviderConfig":
		return answer{status: http.StatusOK, body: c.config()}, nil
	case "Schemas":
		all = c.schemas()
	case "ResourceTypes":
		all = []map[string]any{c.resourceType(c.profile.user), c.resourceType(c.profile.group)}
	}
	if !deep {
		return answer{status: http.StatusOK, body: map[string]any{
			"schemas": []string{listURN}, "totalResults": len(all), "itemsPerPage": len(all), "startIndex": 1, "Resources": all,
		}}, nil
	}
	for _, one := range all {
		if id, _ := one["id"].(string); strings.EqualFold(id, rest) {
			return answer{status: http.StatusOK, body: one}, nil
		}
	}
	return answer{}, errMissing
}

// schemas are the schemas of the connection's resources, those of discovery included.
func (c *call) schemas() []map[string]any {
	types := []*resource.Type{c.profile.user, c.profile.group}
	all := make([]schema.Schema, 0, len(types))
	for _, t := range types {
		all = append(append(all, t.Core), t.Extensions...)
	}
	all = append(all, schema.ServiceProviderConfigSchema(), schema.ResourceTypeSchema(), schema.Definition())
	out := make([]map[string]any, len(all))
	for i, s := range all {
		out[i] = s.ToMap()
		out[i]["meta"] = c.self("Schema", "/Schemas/"+s.ID)
	}
	return out
}

func (c *call) resourceType(t *resource.Type) map[string]any {
	extensions := []any{}
	for _, e := range t.Extensions {
		extensions = append(extensions, map[string]any{"schema": e.ID, "required": false})
	}
	return map[string]any{
		"schemas": []string{resourceTypeURN}, "id": t.Name, "name": t.Name, "description": t.Description, "endpoint": t.Endpoint,
		"schema": t.Core.ID, "schemaExtensions": extensions, "meta": c.self("ResourceType", "/ResourceTypes/"+t.Name),
	}
}

func (c *call) self(kind, path string) map[string]any {
	return map[string]any{"resourceType": kind, "location": c.base() + path}
}

// config says what the server can do (RFC 7643, section 5, and RFC 9865, section 4).
func (c *call) config() map[string]any {
	yes, no := map[string]any{"supported": true}, map[string]any{"supported": false}
	limits := c.profile.limits
	of := map[string]any{
		"schemas":        []string{configURN},
		"patch":          yes,
		"bulk":           map[string]any{"supported": true, "maxOperations": limits.Operations, "maxPayloadSize": limits.Payload},
		"filter":         map[string]any{"supported": true, "maxResults": limits.Results},
		"changePassword": no,
		"sort":           yes,
		"etag":           yes,
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": min(record.DefaultCount, limits.Results), "maxPageSize": limits.Results,
		},
		"authenticationSchemes": []any{
			map[string]any{
				"type": "oauthbearertoken", "name": "Bearer token", "primary": true, "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
				"description": "A token that an administrator makes for this connection, in the header Authorization.",
			},
			map[string]any{
				"type": "oauth2", "name": "OAuth 2.0 client credentials", "primary": false, "specUri": "https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
				"description": "An access token of this broker with the scope of this connection, in the header Authorization.",
			},
		},
		"meta": c.self("ServiceProviderConfig", "/ServiceProviderConfig"),
	}
	if c.o.Documentation != "" {
		of["documentationUri"] = c.o.Documentation
	}
	return of
}
