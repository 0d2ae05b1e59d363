package connections

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// The protocols of connections.
const (
	typeOIDC = "oidc"
	typeSAML = "saml"
)

// kind is how a field of the form is written and read.
type kind int

const (
	asLine   kind = iota // a line of text
	asSecret             // one that is not shown again
	asText               // text of several lines
	asWords              // a list, separated by blanks
	asRules              // a line each: field = expression
	asLists              // a line each: name = value, value
	asTruth              // on or off
	asChoice             // one of several
)

// setting is a field of the form: path is where it stands in a connection.
type setting struct {
	path        string
	kind        kind
	label, help ui.Text
	required    bool
	choices     []ui.Option
}

// general are the fields of every connection, mapping those about people.
func general() []setting {
	return []setting{
		{path: "id", label: ui.T("Id"), help: ui.T("Lower-case letters, digits and hyphens. It is part of the addresses that the identity provider is told, and never changes."), required: true},
		{path: "title", label: ui.T("Title"), help: ui.T("What people choose on the sign-in page.")},
	}
}

func mapping() []setting {
	return []setting{
		{path: "domains", kind: asWords, label: ui.T("Domains"), help: ui.T("The e-mail domains that this provider has proved, separated by blanks: only their addresses count as verified, and they choose the connection.")},
		{path: "claims", kind: asRules, label: ui.T("Claim rules"), help: ui.T("A line each: field = CEL expression, such as department = claims.dept. Other fields take the standard claims.")},
		{path: "groups.claim", label: ui.T("Claim with the groups"), help: ui.T("“groups” unless told.")},
	}
}

func oidcSettings() []setting {
	return []setting{
		{path: "issuer", label: ui.T("Issuer"), help: ui.T("Exactly what the provider's metadata says. It never changes: it says whose people they are."), required: true},
		{path: "client_id", label: ui.T("Client id"), help: ui.T("What the provider knows the broker by."), required: true},
		{path: "client_secret", kind: asSecret, label: ui.T("Client secret"), help: ui.T("Kept encrypted, and never shown.")},
		{path: "scopes", kind: asWords, label: ui.T("Scopes"), help: ui.T("openid, profile and email unless told.")},
		{path: "userinfo", kind: asTruth, label: ui.T("Also ask the userinfo endpoint")},
		{path: "algorithms", kind: asWords, label: ui.T("Algorithms of ID tokens"), help: ui.T("RS256, ES256, EdDSA and PS256 unless told.")},
		{path: "allowed_tenants", kind: asWords, label: ui.T("Tenants"), help: ui.T("Only for an issuer that contains {tenantid}: the tenants whose people may sign in.")},
	}
}

func samlSettings() []setting {
	choice := func(values ...string) (all []ui.Option) {
		for _, v := range values {
			all = append(all, ui.Option{Value: v, Text: ui.Plain(v)})
		}
		return all
	}
	return []setting{
		{path: "issuer", label: ui.T("Entity id of the provider"), help: ui.T("It never changes: it says whose people they are."), required: true},
		{path: "saml.metadata_url", label: ui.T("Address of its metadata"), help: ui.T("It is read again and again, so that new certificates are known. Or give the document itself.")},
		{path: "saml.metadata", kind: asText, label: ui.T("Metadata"), help: ui.T("The XML document. Metadata names certificates and addresses; it never decides on what is checked.")},
		{path: "saml.metadata_certificates", kind: asText, label: ui.T("Certificates that sign the metadata"), help: ui.T("PEM. Without any, https vouches for it.")},
		{path: "saml.signed", kind: asChoice, label: ui.T("What must be signed"), choices: choice("assertion", "response", "both")},
		{path: "saml.encrypted", kind: asTruth, label: ui.T("Refuse assertions that are not encrypted")},
		{path: "saml.binding", kind: asChoice, label: ui.T("How requests are sent"), choices: choice("redirect", "post")},
		{path: "saml.name_id_format", label: ui.T("Format of names"), help: ui.T("persistent, email, transient, unspecified, or the URI of another.")},
		{path: "saml.subject", label: ui.T("Attribute that people are known by"), help: ui.T("Instead of the NameID: one that never changes.")},
		{path: "saml.attributes", kind: asLists, label: ui.T("Attributes"), help: ui.T("A line each: claim = attribute, attribute. Common names need none.")},
		{path: "saml.authn_contexts", kind: asWords, label: ui.T("Authentication contexts"), help: ui.T("Those that are asked for and accepted; any unless told.")},
		{path: "saml.idp_initiated", kind: asTruth, label: ui.T("Let the provider begin sign-ins"), help: ui.T("Whoever has an account there can then sign somebody else's browser in as themselves.")},
		{path: "saml.entity_id", label: ui.T("Our entity id there"), help: ui.T("The address of our metadata unless told.")},
		{path: "saml.refresh", label: ui.T("How often metadata is read"), help: ui.T("Such as 1h.")},
		{path: "saml.max_age", label: ui.T("How long it is used while it cannot be read"), help: ui.T("Such as 7d.")},
		{path: "saml.skew", label: ui.T("How far its clock may be off"), help: ui.T("Such as 1m.")},
	}
}

func settingsOf(protocol string) []setting {
	own := oidcSettings()
	if protocol == typeSAML {
		own = samlSettings()
	}
	return slices.Concat(general(), own, mapping(), subjectSettings(protocol))
}

// formField is a field as the template shows it.
type formField struct {
	Path, Kind, Value string
	Label, Help       ui.Text
	Required, Checked bool
	Choices           []ui.Option
	Fixed             bool
	Faults            []ui.Text
}

// connectionForm is the page that adds or changes a connection.
type connectionForm struct {
	Action, Back, Type string
	Tabs               []ui.Nav
	Fields             []formField
	// Faults are what is wrong with the form as it was sent; Refused is why it cannot
	// be done at all.
	Faults  strictyaml.Faults
	Refused ui.Text
	New     bool
	// Closed says that nobody is to sign in over a new one before it is enabled.
	Closed bool
	// HasSecret says that a client secret is stored, Forget that it is to go.
	HasSecret, Forget bool
}

var kindNames = map[kind]string{
	asLine: "text", asSecret: "password", asText: "area", asWords: "text", asRules: "area", asLists: "area", asTruth: "check", asChoice: "select",
}

func (c *Console) showConnectionForm(v *kit.Visit) (kit.Answer, error) {
	values := map[string]any{}
	protocol, secret := typeOIDC, false
	if id := v.PathValue("id"); id != "" {
		one, err := c.o.Connections.Get(v.Context(), id)
		if err == nil && one.Source == connection.Configured {
			err = connection.ErrConfigured
		}
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(one.Settings)
		if err == nil {
			err = json.Unmarshal(raw, &values)
		}
		if err != nil {
			return nil, fmt.Errorf("read the connection: %w", err)
		}
		protocol, secret = one.Settings.Type, one.HasSecret
	} else if v.Query.Get("type") == typeSAML {
		protocol = typeSAML
	}
	form := c.connectionForm(v, protocol)
	form.Closed, form.HasSecret = true, secret
	for i, s := range settingsOf(protocol) {
		form.Fields[i].Value, form.Fields[i].Checked = written(s, at(values, s.path))
	}
	return c.connectionPage(v, http.StatusOK, form), nil
}

func (c *Console) connectionForm(v *kit.Visit, protocol string) connectionForm {
	id := v.PathValue("id")
	form := connectionForm{Action: c.Path("/new-connection"), Back: c.Path("/connections"), Type: protocol, New: id == ""}
	if id != "" {
		form.Action, form.Back = c.Path(kit.Fill("/connections/{id}/change", id)), c.ConnectionPath(id)
	} else {
		for _, t := range []struct{ value, text string }{{typeOIDC, "OpenID Connect"}, {typeSAML, "SAML"}} {
			form.Tabs = append(form.Tabs, ui.Nav{Text: ui.Plain(t.text), Href: c.Path("/new-connection?type=" + t.value), Current: protocol == t.value})
		}
	}
	for _, s := range settingsOf(protocol) {
		if s.kind == asSecret && id != "" {
			s.help = ui.T("Kept encrypted, and never shown. Left empty, the one of now stays.")
		}
		form.Fields = append(form.Fields, formField{
			Path: s.path, Kind: kindNames[s.kind], Label: s.label, Help: s.help, Required: s.required, Choices: s.choices,
			Fixed: id != "" && (s.path == "id" || s.path == "issuer"),
		})
	}
	return form
}

func (c *Console) connectionPage(v *kit.Visit, status int, form connectionForm) kit.Answer {
	p := kit.View{Status: status, Title: ui.T("Add a connection"), Crumbs: v.Crumbs(ui.T("Connections"), "/connections"), Template: "connection", Data: form}
	if id := v.PathValue("id"); id != "" {
		p.Title = ui.T("Change the connection %s", id)
		p.Crumbs = append(p.Crumbs, ui.Link{Text: ui.Plain(id), Href: c.ConnectionPath(id)})
	}
	return p
}

// takeConnection adds or changes a connection from the form, or shows all that is
// wrong with it.
func (c *Console) takeConnection(v *kit.Visit) (kit.Answer, error) {
	protocol := typeOIDC
	if v.Form.Get("type") == typeSAML {
		protocol = typeSAML
	}
	form := c.connectionForm(v, protocol)
	form.Closed, form.Forget = v.Form.Get("closed") != "", v.Form.Get("forget_secret") != ""
	body := map[string]any{"type": protocol}
	for i, s := range settingsOf(protocol) {
		text := v.Form.Get(s.path)
		if s.path == "saml.metadata" && v.File() != "" {
			text = v.File()
		}
		form.Fields[i].Value, form.Fields[i].Checked = text, text != ""
		if value := read(s.kind, text); value != nil {
			put(body, s.path, value)
		}
	}
	id := v.PathValue("id")
	if id == "" {
		id = strings.TrimSpace(v.Form.Get("id"))
	}
	query := url.Values{}
	if form.New && form.Closed {
		query.Set("disabled", "true")
	}
	if form.Forget {
		query.Set("forget_secret", "true")
	}
	status, _, err := v.CallAt("applyConnection", map[string]string{"id": id}, query.Encode(), body)
	if err != nil {
		return c.refusedConnection(v, form, err)
	}
	if status == http.StatusAccepted {
		return kit.Redirect{To: "/connections", Notice: "waits"}, nil
	}
	return kit.Redirect{To: kit.Fill("/connections/{id}", id), Notice: "connection-applied"}, nil
}

// refusedConnection shows the form again with what is wrong, beside each field and
// all together.
func (c *Console) refusedConnection(v *kit.Visit, form connectionForm, err error) (kit.Answer, error) {
	if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Conflict && kind != fault.NotFound {
		return nil, err
	}
	if id := v.PathValue("id"); id != "" {
		if one, err := c.o.Connections.Get(v.Context(), id); err == nil {
			form.HasSecret = one.HasSecret
		}
	}
	if !errors.As(err, &form.Faults) {
		form.Refused = v.Say(err)
	}
	for i := range form.Fields {
		f := &form.Fields[i]
		if f.Kind == kindNames[asSecret] {
			f.Value = ""
		}
		for _, one := range form.Faults {
			if rest, within := strings.CutPrefix(one.Path, f.Path); within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				f.Faults = append(f.Faults, ui.Rule(one))
			}
		}
	}
	return c.connectionPage(v, http.StatusUnprocessableEntity, form), nil
}

// at finds a value by its path in decoded JSON.
func at(values map[string]any, path string) any {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		return values[path]
	}
	inner, _ := values[first].(map[string]any)
	return inner[rest]
}

// put stores a value at its path.
func put(values map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		values[path] = value
		return
	}
	inner, ok := values[first].(map[string]any)
	if !ok {
		inner = map[string]any{}
		values[first] = inner
	}
	inner[rest] = value
}

// written is a value of a connection as the form has it.
func written(s setting, value any) (text string, checked bool) {
	switch v := value.(type) {
	case string:
		return v, false
	case bool:
		return "", v
	case []any:
		return strings.Join(texts(v), " "), false
	case map[string]any:
		var all []string
		for name, of := range v {
			if list, ok := of.([]any); ok {
				of = strings.Join(texts(list), ", ")
			}
			all = append(all, fmt.Sprintf("%s = %v", name, of))
		}
		slices.Sort(all)
		return strings.Join(all, "\n"), false
	}
	return "", false
}

func texts(list []any) []string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = fmt.Sprint(one)
	}
	return all
}

// read is what the form has as a value of a connection; nil for nothing.
func read(k kind, text string) any {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	switch k {
	case asWords:
		return strings.Fields(strings.ReplaceAll(text, ",", " "))
	case asTruth:
		return true
	case asRules, asLists:
		all := map[string]any{}
		for one := range strings.Lines(text) {
			name, value, _ := strings.Cut(one, "=")
			if name = strings.TrimSpace(name); name == "" && strings.TrimSpace(value) == "" {
				continue
			}
			all[name] = strings.TrimSpace(value)
			if k == asLists {
				var of []string
				for part := range strings.SplitSeq(value, ",") {
					of = append(of, strings.TrimSpace(part))
				}
				all[name] = of
			}
		}
		return all
	case asLine, asSecret, asText, asChoice:
	}
	return strings.TrimSpace(text)
}
