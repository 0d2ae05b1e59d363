package apps

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// example is what the form for a new app begins with.
const example = `apiVersion: marketplace/v1alpha1
kind: MicroApp
metadata:
  name: my-app
  title: My App
  description: What it is good for, in a sentence.
spec:
  version: 1.0.0
  owner: {team: my-team, primary: me@example.com}
  entitlements:
    - {name: user, description: Use the app, groups: [my-group]}
  identity:
    protocol: oidc
    oidc:
      clientId: microapp-my-app
      redirectUris: [https://my-app.example.com/callback]
      grantTypes: [authorization_code]
      tokenEndpointAuthMethod: client_secret_basic
      scopes: [{name: openid}, {name: profile}, {name: email}]
`

// manifestView is the form that applies a manifest: first the text, then what it
// changes.
type manifestView struct {
	Action, Back string
	Text         string
	// Faults are what is wrong with the text, line by line.
	Faults strictyaml.Faults
	// Refused is why the manifest cannot be applied as it is, At where in it that is.
	Refused ui.Text
	At      string
	// Name is that of the app, once the text is good; Outcome says what applying does,
	// Differences what changes, Missing what still keeps people out.
	Name        string
	Outcome     ui.Text
	Same        bool
	Differences []difference
	Missing     []ui.Notice
	Seen        string
}

func (c *Console) manifestForm(v *kit.Visit) manifestView {
	if name := v.PathValue("name"); name != "" {
		return manifestView{Action: c.Path(kit.Fill("/apps/{name}/manifest", name)), Back: c.Path(kit.Fill("/apps/{name}", name))}
	}
	return manifestView{Action: c.Path("/new-app"), Back: c.Path("/apps")}
}

func (c *Console) manifestPage(v *kit.Visit, status int, page manifestView) kit.Answer {
	p := kit.View{Status: status, Title: ui.T("Add an app"), Crumbs: v.Crumbs(ui.T("Apps"), "/apps"), Template: "manifest", Data: page}
	if name := v.PathValue("name"); name != "" {
		p.Title = ui.T("Change the manifest of %s", name)
		p.Crumbs = append(p.Crumbs, ui.Link{Text: ui.Plain(name), Href: c.Path(kit.Fill("/apps/{name}", name))})
	}
	return p
}

func (c *Console) showManifest(v *kit.Visit) (kit.Answer, error) {
	page := c.manifestForm(v)
	page.Text = example
	if name := v.PathValue("name"); name != "" {
		a, err := c.o.Apps.App(v.Context(), name)
		if err != nil {
			return nil, err
		}
		text, err := json.MarshalIndent(a.Manifest, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write the manifest: %w", err)
		}
		page.Text = string(text)
	}
	return c.manifestPage(v, http.StatusOK, page), nil
}

// takeManifest shows what is wrong with a text or what it changes, and applies the
// one that was shown.
func (c *Console) takeManifest(v *kit.Visit) (kit.Answer, error) {
	page := c.manifestForm(v)
	page.Text = v.Form.Get("manifest")
	if sent := v.File(); sent != "" {
		page.Text = sent
	}
	m, err := catalog.Parse("microapp.yaml", []byte(page.Text))
	if errors.As(err, &page.Faults) {
		return c.manifestPage(v, http.StatusUnprocessableEntity, page), nil
	}
	if err != nil {
		return nil, err
	}
	name := m.Metadata.Name
	if of := v.PathValue("name"); of != "" && name != of {
		page.Refused, page.At = ui.T("This is the manifest of %s, and not of %s.", name, of), "metadata.name"
		return c.manifestPage(v, http.StatusConflict, page), nil
	}
	current, outcome, err := c.o.Apps.Preview(v.Context(), m)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Conflict || kind == fault.Invalid) {
		page.Refused, page.At = v.Say(err), fault.As(err).Pointer
		return c.manifestPage(v, http.StatusConflict, page), nil
	}
	if err != nil {
		return nil, err
	}
	seen, err := preview(&page, current, m, outcome)
	if err != nil {
		return nil, err
	}
	if v.Seen() != seen {
		page.Seen = seen
		return c.manifestPage(v, http.StatusOK, page), nil
	}
	return c.apply(v, name, page.Text)
}

// preview fills in what a manifest would do, and returns what identifies that: the
// digests before and after.
func preview(page *manifestView, current *catalog.App, m catalog.Manifest, outcome catalog.Outcome) (seen string, err error) {
	page.Name, page.Missing = m.Metadata.Name, missing(catalog.App{Manifest: m})
	switch outcome {
	case catalog.Created:
		page.Outcome = ui.T("A new app is added.")
	case catalog.Updated:
		page.Outcome = ui.T("The app is changed.")
	case catalog.Unchanged:
		page.Outcome, page.Same = ui.T("Nothing changes: this is the manifest that is in force."), true
	}
	var before catalog.Manifest
	was := ""
	if current != nil {
		before, was = current.Manifest, current.Digest
	}
	if page.Differences, err = differences(before, m, current != nil); err != nil {
		return "", err
	}
	digest, err := m.Digest()
	return was + ">" + digest, err
}

func (c *Console) apply(v *kit.Visit, name, text string) (kit.Answer, error) {
	_, body, err := v.CallWith("applyApp", map[string]string{"name": name}, kit.YAML(text))
	if err != nil {
		return nil, err
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	to := kit.Fill("/apps/{name}", name)
	if made.Secret == "" {
		return kit.Redirect{To: to, Notice: "app-applied"}, nil
	}
	return kit.View{Title: ui.T("The app is added"), Template: "secret", Data: kit.Secret{
		Lead: ui.T("Give this to the app now: it is not shown again."), Label: ui.T("Client secret"), Secret: made.Secret, Back: c.Path(to),
	}}, nil
}
