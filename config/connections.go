package config

import (
	"regexp"
	"slices"
	"strings"
)

// algorithms lists what an upstream may sign with: asymmetric ones only, so that
// a client secret can never be mistaken for a key.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

var (
	connectionID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	domain       = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// tenant is what stands for the tenant's id in the issuer of a multi-tenant
// provider.
const tenant = "{tenantid}"

func (k *checker) connections(c *Config) {
	ids, domains := map[string]bool{}, map[string]bool{}
	for i := range c.Connections {
		n, path := &c.Connections[i], at("connections", i)
		switch {
		case !connectionID.MatchString(n.ID):
			k.fail(path+".id", "must be 1 to 32 lower-case letters, digits and hyphens")
		case ids[n.ID]:
			k.fail(path+".id", "is the id of another connection")
		}
		ids[n.ID] = true
		if n.Type != TypeOIDC {
			k.fail(path+".type", "must be oidc")
		}
		if len(n.Title) > 80 || strings.ContainsFunc(n.Title, unprintable) {
			k.fail(path+".title", "must be at most 80 printable characters")
		}
		if n.ClientID == "" {
			k.fail(path+".client_id", "is required")
		}
		k.upstream(n, path)
		for j, d := range n.Domains {
			if !domain.MatchString(d) {
				k.fail(at(path+".domains", j), "must be a domain in lower case, such as acme.example")
			} else if domains[d] {
				k.fail(at(path+".domains", j), "is claimed twice")
			}
			domains[d] = true
		}
	}
}

func (k *checker) upstream(n *Connection, path string) {
	multi := strings.Contains(n.Issuer, tenant)
	message := webURL(strings.Replace(n.Issuer, tenant, "tenant", 1))
	switch {
	case n.Issuer == "":
		k.fail(path+".issuer", "is required")
	case message != "":
		k.fail(path+".issuer", "%s", message)
	case multi && len(n.AllowedTenants) == 0:
		k.fail(path+".allowed_tenants", "is required for an issuer of many tenants: list those whose people may sign in")
	case !multi && len(n.AllowedTenants) > 0:
		k.fail(path+".allowed_tenants", "is for an issuer that contains %s", tenant)
	}
	if !slices.Contains(n.Scopes, "openid") {
		k.fail(path+".scopes", "must contain openid")
	}
	k.unique(path+".scopes", n.Scopes)
	if len(n.Algorithms) == 0 {
		k.fail(path+".algorithms", "must not be empty")
	}
	for i, a := range n.Algorithms {
		if !slices.Contains(algorithms, a) {
			k.fail(at(path+".algorithms", i), "must be one of %s", strings.Join(algorithms, ", "))
		}
	}
	for _, field := range sortedKeys(n.Claims) {
		if strings.TrimSpace(n.Claims[field]) == "" {
			k.fail(path+".claims."+field, "must be a CEL expression")
		}
	}
}

func (k *checker) mappings(c *Config) {
	seen := map[Mapping]bool{}
	for i, m := range c.Mappings {
		path := at("mappings", i)
		if !slices.ContainsFunc(c.Connections, func(n Connection) bool { return n.ID == m.Connection }) {
			k.fail(path+".connection", "must be the id of a connection")
		}
		if m.Group == "" || len(m.Group) > 500 {
			k.fail(path+".group", "must be the id of a group, of at most 500 bytes")
		}
		if m.Name == "" || len(m.Name) > 500 || m.Name != strings.TrimSpace(m.Name) || strings.ContainsFunc(m.Name, unprintable) {
			k.fail(path+".name", "must be 1 to 500 printable bytes")
		}
		key := Mapping{Connection: m.Connection, Group: m.Group}
		if seen[key] {
			k.fail(path+".group", "has a name already")
		}
		seen[key] = true
	}
}
