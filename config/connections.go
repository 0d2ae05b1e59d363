package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
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

// taken are the ids and domains of the connections that were looked at.
type taken struct{ ids, domains map[string]bool }

func (k *checker) connections(c *Config) {
	t := taken{map[string]bool{}, map[string]bool{}}
	for i := range c.Connections {
		k.connection(&c.Connections[i], at("connections", i), t)
	}
}

// connection checks one that stands at path, beside those in t, and adds it there.
func (k *checker) connection(n *Connection, path string, t taken) {
	switch {
	case !connectionID.MatchString(n.ID):
		k.fail(join(path, "id"), "must be 1 to 32 lower-case letters, digits and hyphens")
	case t.ids[n.ID]:
		k.fail(join(path, "id"), "is the id of another connection")
	}
	t.ids[n.ID] = true
	if len(n.Title) > 80 || strings.ContainsFunc(n.Title, unprintable) {
		k.fail(join(path, "title"), "must be at most 80 printable characters")
	}
	for _, field := range sortedKeys(n.Claims) {
		if strings.TrimSpace(n.Claims[field]) == "" {
			k.fail(join(path, "claims."+field), "must be a CEL expression")
		}
	}
	switch n.Type {
	case TypeOIDC:
		k.oidc(n, path)
	case TypeSAML:
		k.saml(n, path)
	case TypeSCIM:
		k.pushes(n, path)
	default:
		k.fail(join(path, "type"), "must be oidc, saml or scim")
	}
	k.exchange(n, join(path, "exchange"))
	k.scim(n, join(path, "scim"))
	for j, d := range n.Domains {
		if !domain.MatchString(d) {
			k.fail(at(join(path, "domains"), j), "must be a domain in lower case, such as acme.example")
		} else if t.domains[d] {
			k.fail(at(join(path, "domains"), j), "is claimed twice")
		}
		t.domains[d] = true
	}
}

func (k *checker) oidc(n *Connection, path string) {
	if n.ClientID == "" {
		k.fail(join(path, "client_id"), "is required")
	}
	if !reflect.ValueOf(n.SAML).IsZero() {
		k.fail(join(path, "saml"), "is for type saml")
	}
	multi := strings.Contains(n.Issuer, tenant)
	message := webURL(strings.Replace(n.Issuer, tenant, "tenant", 1))
	switch {
	case n.Issuer == "":
		k.fail(join(path, "issuer"), "is required")
	case message != "":
		k.fail(join(path, "issuer"), "%s", message)
	case multi && len(n.AllowedTenants) == 0:
		k.fail(join(path, "allowed_tenants"), "is required for an issuer of many tenants: list those whose people may sign in")
	case !multi && len(n.AllowedTenants) > 0:
		k.fail(join(path, "allowed_tenants"), "is for an issuer that contains %s", tenant)
	}
	if !slices.Contains(n.Scopes, "openid") {
		k.fail(join(path, "scopes"), "must contain openid")
	}
	k.unique(join(path, "scopes"), n.Scopes)
	if len(n.Algorithms) == 0 {
		k.fail(join(path, "algorithms"), "must not be empty")
	}
	for i, a := range n.Algorithms {
		if !slices.Contains(algorithms, a) {
			k.fail(at(join(path, "algorithms"), i), "must be one of %s", strings.Join(algorithms, ", "))
		}
	}
}

// pushes checks a connection that nobody signs in over.
func (k *checker) pushes(n *Connection, path string) {
	for name, is := range map[string]bool{
		"issuer": n.Issuer != "", "client_id": n.ClientID != "", "client_secret": n.ClientSecret != "" || n.ClientSecretFile != "", "scopes": len(n.Scopes) > 0,
		"algorithms": len(n.Algorithms) > 0, "userinfo": n.UserInfo, "allowed_tenants": len(n.AllowedTenants) > 0, "claims": len(n.Claims) > 0,
		"saml": !reflect.ValueOf(n.SAML).IsZero(), "exchange": !reflect.ValueOf(n.Exchange).IsZero(),
	} {
		if is {
			k.fail(join(path, name), "is for a connection that people sign in over")
		}
	}
}

func (k *checker) scim(n *Connection, path string) {
	s := n.SCIM
	ways := []string{ProvisioningJIT, ProvisioningBoth, ProvisioningSCIM}
	switch {
	case !slices.Contains(ways, s.Provisioning):
		k.fail(join(path, "provisioning"), "must be one of %s", strings.Join(ways, ", "))
	case n.Type == TypeSCIM && s.Provisioning == ProvisioningJIT:
		k.fail(join(path, "provisioning"), "must not be jit: nobody signs in over a connection of type scim")
	}
	if s.Guard.Share < 1 || s.Guard.Share > 100 {
		k.fail(join(path, "guard.share"), "must be 1 to 100 percent")
	}
	if s.Guard.Minimum < 1 {
		k.fail(join(path, "guard.minimum"), "must be at least 1")
	}
	k.between(join(path, "guard.window"), s.Guard.Window, time.Minute, 7*24*time.Hour)
	if s.MaxResults < 1 || s.MaxResults > 1000 {
		k.fail(join(path, "max_results"), "must be 1 to 1000")
	}
	if s.MaxOperations < 1 || s.MaxOperations > 10000 {
		k.fail(join(path, "max_operations"), "must be 1 to 10000")
	}
	for i, e := range s.Extensions {
		k.extension(e, at(join(path, "extensions"), i), s.Extensions[:i])
	}
}

// The values of what a schema says of an attribute.
var (
	attributeTypes = []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference"}
	attributeName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,99}$`)
	schemaURN      = regexp.MustCompile(`^urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9._:~-]{1,200}$`)
)

func (k *checker) extension(e Extension, path string, before []Extension) {
	if e.Resource != "User" && e.Resource != "Group" {
		k.fail(join(path, "resource"), "must be User or Group")
	}
	switch {
	case !schemaURN.MatchString(e.ID), strings.HasSuffix(e.ID, ":"):
		k.fail(join(path, "id"), "must be a URN, such as urn:acme:scim:2.0:Badge")
	case strings.HasPrefix(strings.ToLower(e.ID), "urn:ietf:"):
		k.fail(join(path, "id"), "must be a URN of your own: those below urn:ietf are given out")
	case slices.ContainsFunc(before, func(o Extension) bool { return strings.EqualFold(o.ID, e.ID) }):
		k.fail(join(path, "id"), "is listed twice")
	}
	if len(e.Attributes) == 0 {
		k.fail(join(path, "attributes"), "must have at least one")
	}
	var names []string
	for i, a := range e.Attributes {
		names = k.attribute(a, at(join(path, "attributes"), i), names)
	}
}

// attribute checks one, whose name must not be among those before it, and adds it.
func (k *checker) attribute(a Attribute, path string, before []string) []string {
	names := k.subAttribute(SubAttribute{Name: a.Name, Type: a.Type}, path, before, "complex")
	if a.Mutability != "" && a.Mutability != "readWrite" && a.Mutability != "immutable" {
		k.fail(join(path, "mutability"), "must be readWrite or immutable")
	}
	if a.Returned != "" && a.Returned != "default" && a.Returned != "request" && a.Returned != "never" {
		k.fail(join(path, "returned"), "must be default, request or never")
	}
	if (a.Type == "complex") != (len(a.SubAttributes) > 0) {
		k.fail(join(path, "sub_attributes"), "belong to an attribute of type complex, which has at least one")
	}
	var below []string
	for i, s := range a.SubAttributes {
		below = k.subAttribute(s, at(join(path, "sub_attributes"), i), below)
	}
	return names
}

// subAttribute checks what every attribute has. Types are those named here beside the
// simple ones.
func (k *checker) subAttribute(s SubAttribute, path string, before []string, types ...string) []string {
	if !attributeName.MatchString(s.Name) {
		k.fail(join(path, "name"), "must be letters, digits, - and _, and begin with a letter")
	}
	name := strings.ToLower(s.Name)
	if slices.Contains(before, name) {
		k.fail(join(path, "name"), "is listed twice")
	}
	if all := append(types, attributeTypes...); s.Type != "" && !slices.Contains(all, s.Type) {
		k.fail(join(path, "type"), "must be one of %s", strings.Join(append(attributeTypes, types...), ", "))
	}
	return append(before, name)
}

// ParseConnection reads one connection in YAML or JSON, as it would stand in the
// list of the configuration, fills in the defaults, and checks it by the same rules
// beside the others that there are. The error has all faults; what could be read is
// returned with it. Fields that name files are refused: whoever sends a connection
// has no say in which files this machine reads.
func ParseConnection(data []byte, others []Connection) (Connection, error) {
	var n Connection
	document, faults := strictyaml.Decode(data, &n, strictyaml.Options{File: "connection"})
	n.complete()
	k, t := &checker{}, taken{map[string]bool{}, map[string]bool{}}
	for i := range others {
		t.ids[others[i].ID] = true
		for _, d := range others[i].Domains {
			t.domains[d] = true
		}
	}
	k.noFiles(reflect.ValueOf(n), "")
	k.connection(&n, "", t)
	for _, f := range k.found {
		if placed := document.Fault(f.path, f.format, f.args...); !faults.Covers(placed.File, f.path) {
			faults = append(faults, placed)
		}
	}
	return n, faults.Err()
}

// noFiles refuses every field that names a file.
func (k *checker) noFiles(v reflect.Value, path string) {
	for i := range v.NumField() {
		name := join(path, v.Type().Field(i).Tag.Get("yaml"))
		switch field := v.Field(i); {
		case field.Kind() == reflect.Struct:
			k.noFiles(field, name)
		case field.Kind() == reflect.String && strings.HasSuffix(name, "_file") && field.String() != "":
			k.fail(name, "is for the configuration file alone: give the content itself")
		}
	}
}

func (k *checker) mappings(c *Config) {
	seen := map[Mapping]bool{}
	for i, m := range c.Mappings {
		path := at("mappings", i)
		if !slices.ContainsFunc(c.Connections, func(n Connection) bool { return n.ID == m.Connection }) {
			k.fail(join(path, "connection"), "must be the id of a connection")
		}
		if m.Group == "" || len(m.Group) > 500 {
			k.fail(join(path, "group"), "must be the id of a group, of at most 500 bytes")
		}
		if m.Name == "" || len(m.Name) > 500 || m.Name != strings.TrimSpace(m.Name) || strings.ContainsFunc(m.Name, unprintable) {
			k.fail(join(path, "name"), "must be 1 to 500 printable bytes")
		}
		key := Mapping{Connection: m.Connection, Group: m.Group}
		if seen[key] {
			k.fail(join(path, "group"), "has a name already")
		}
		seen[key] = true
	}
}
