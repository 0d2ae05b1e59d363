package apps

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// appHits are what keeping people out of an app touches.
func (c *Console) appHits(v *kit.Visit, a catalog.App) ([]kit.Hit, error) {
	access, err := c.AccessHit(v.Context(), ui.T("People whose access ends, with every token"), grant.Query{App: a.ID})
	if err != nil {
		return nil, err
	}
	hits := []kit.Hit{access}
	if id := a.ClientID(); id != "" {
		hits = append(hits, kit.Hitting(ui.T("Client that gets nothing any more"), kit.Cell{Text: id, Code: true}))
	}
	var groups []kit.Cell
	for _, g := range a.Groups() {
		groups = append(groups, kit.Cell{Text: g})
	}
	hits = append(hits, kit.Naming(ui.T("Groups that get in no more"), groups))
	if r := a.Manifest.Spec.Identity.Resource; r != nil {
		hits = append(hits, kit.Hitting(ui.T("API that nobody gets tokens for"), kit.Cell{Text: r.Audience, Code: true}))
	}
	return hits, nil
}

// aboutApp begins a question about the app that the path names.
func (c *Console) aboutApp(v *kit.Visit) (catalog.App, kit.Confirmation, error) {
	a, err := c.o.Apps.App(v.Context(), v.PathValue("name"))
	if err != nil {
		return a, kit.Confirmation{}, err
	}
	return a, kit.Confirmation{Back: "/apps/" + a.Name, State: a.ID + "." + strconv.FormatInt(a.Version, 10)}, nil
}

func (c *Console) askDisableApp(v *kit.Visit) (kit.Confirmation, error) {
	a, q, err := c.aboutApp(v)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("Switch off %s?", a.Title()), ui.T("Switch off")
	q.Lead = ui.T("At once nobody gets in, and everything that the app holds is revoked. Its manifest stays, so that it can be switched on again; people then sign in anew.")
	q.Hits, err = c.appHits(v, a)
	return q, err
}

func (c *Console) askRemoveApp(v *kit.Visit) (kit.Confirmation, error) {
	a, q, err := c.aboutApp(v)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("Remove %s?", a.Title()), ui.T("Remove for good")
	q.Lead = ui.T("The app goes, with its manifest, client, secrets and everything that it holds. An app that is added under this name later inherits nothing.")
	q.Hits, err = c.appHits(v, a)
	return q, err
}

func (c *Console) askSecret(v *kit.Visit) (kit.Confirmation, error) {
	a, q, err := c.aboutApp(v)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("New client secret for %s?", a.Title()), ui.T("Make the secret")
	q.Lead = ui.T("The newest secret so far stays good until the next one is made, so that the app can change over. An older one stops at once. The new secret is shown once.")
	for i, s := range a.Secrets {
		label := ui.T("Stays good until the next one is made")
		if i > 0 {
			label = ui.T("Stops at once")
		}
		q.Hits = append(q.Hits, kit.Hitting(label, kit.Cell{Say: ui.T("Secret made"), Time: s.Created}))
	}
	return q, nil
}

func (c *Console) newSecret(v *kit.Visit) (kit.Answer, error) {
	_, body, err := v.Call("rotateAppSecret", nil)
	if err != nil {
		return nil, err
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return kit.View{Title: ui.T("The new client secret"), Template: "secret", Data: kit.Secret{
		Lead:  ui.T("Give it to the app now: it is not shown again. The one before stays good until the next one is made."),
		Label: ui.T("Client secret"), Secret: made.Secret, Back: c.Path("/apps/" + v.PathValue("name")),
	}}, nil
}
