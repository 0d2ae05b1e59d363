package connections

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

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
