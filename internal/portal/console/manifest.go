package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
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

func (c *Console) manifestForm(v *visit) manifestView {
	if name := v.r.PathValue("name"); name != "" {
		return manifestView{Action: c.path(fill("/apps/{name}/manifest", name)), Back: c.path(fill("/apps/{name}", name))}
	}
	return manifestView{Action: c.path("/new-app"), Back: c.path("/apps")}
}

func (c *Console) manifestPage(v *visit, status int, page manifestView) answer {
	p := view{status: status, title: ui.T("Add an app"), crumbs: v.crumbs(ui.T("Apps"), "/apps"), template: "manifest", data: page}
	if name := v.r.PathValue("name"); name != "" {
		p.title = ui.T("Change the manifest of %s", name)
		p.crumbs = append(p.crumbs, ui.Link{Text: ui.Plain(name), Href: c.path(fill("/apps/{name}", name))})
	}
	return p
}

func (c *Console) showManifest(v *visit) (answer, error) {
	page := c.manifestForm(v)
	page.Text = example
	if name := v.r.PathValue("name"); name != "" {
		a, err := c.o.Apps.App(v.r.Context(), name)
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
func (c *Console) takeManifest(v *visit) (answer, error) {
	page := c.manifestForm(v)
	page.Text = v.form.Get("manifest")
	if sent := v.form.Get(fileField); sent != "" {
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
	if of := v.r.PathValue("name"); of != "" && name != of {
		page.Refused, page.At = ui.T("This is the manifest of %s, and not of %s.", name, of), "metadata.name"
		return c.manifestPage(v, http.StatusConflict, page), nil
	}
	current, outcome, err := c.o.Apps.Preview(v.r.Context(), m)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Conflict || kind == fault.Invalid) {
		page.Refused, page.At = c.o.UI.Say(v.r, err), fault.As(err).Pointer
		return c.manifestPage(v, http.StatusConflict, page), nil
	}
	if err != nil {
		return nil, err
	}
	seen, err := preview(&page, current, m, outcome)
	if err != nil {
		return nil, err
	}
	if v.form.Get(seenField) != seen {
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

func (c *Console) apply(v *visit, name, text string) (answer, error) {
	_, body, err := v.callWith("applyApp", map[string]string{"name": name}, yamlBody(text))
	if err != nil {
		return nil, err
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	to := fill("/apps/{name}", name)
	if made.Secret == "" {
		return redirect{to: to, notice: "app-applied"}, nil
	}
	return view{title: ui.T("The app is added"), template: "secret", data: secretView{
		Lead: ui.T("Give this to the app now: it is not shown again."), Label: ui.T("Client secret"), Secret: made.Secret, Back: c.path(to),
	}}, nil
}
