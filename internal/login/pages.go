package login

import (
	"embed"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed choose.html refused.html consent.html test.html report.html de.yaml
var files embed.FS

// pages are what a person may see while signing in.
type pages struct{ chooseT, refusedT, consentT, testT, reportT *ui.Template }

func (p *pages) parse(u *ui.UI) (err error) {
	for name, to := range map[string]**ui.Template{"choose.html": &p.chooseT, "refused.html": &p.refusedT, "consent.html": &p.consentT, "test.html": &p.testT, "report.html": &p.reportT} {
		if *to, err = u.Parse(files, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *pages) choose(w http.ResponseWriter, r *http.Request, u *ui.UI, f flow, app string, open []Connection) {
	u.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("Where do you sign in?"), Template: p.chooseT, Self: "/login/flow/" + f.ID, Data: map[string]any{
		"Flow": f.ID, "App": app, "Connections": open,
	}})
}

func (p *pages) refused(w http.ResponseWriter, r *http.Request, u *ui.UI, f flow, email string, c *registry.Client, owner catalog.Owner, missing []string) {
	u.Render(w, r, http.StatusForbidden, ui.Page{Title: ui.T("You may not use %s yet", c.Title), Template: p.refusedT, SignedIn: email, Data: map[string]any{
		"Flow": f.ID, "Email": email, "App": c, "Owner": owner, "Missing": missing,
	}})
}

func (p *pages) consent(w http.ResponseWriter, r *http.Request, u *ui.UI, f flow, email string, c *registry.Client) {
	u.Render(w, r, http.StatusOK, ui.Page{
		Title: ui.T("Let %s know who you are?", c.Title), Template: p.consentT, SignedIn: email, FormTargets: origins(c.RedirectURIs),
		Data: map[string]any{"Flow": f.ID, "Email": email, "App": c, "Learns": learns(c, rights(f.Request))},
	})
}

// learns is what the app learns of a person by scopes.
func learns(c *registry.Client, scopes []string) ui.Learns {
	l := ui.Learns{Scopes: scopes}
	if c.SAML != nil {
		l.NameID = c.SAML.NameIDFormat
	}
	return l
}

// origins are where a form of the page may end by a redirect.
func origins(uris []string) []string {
	var list []string
	for _, raw := range uris {
		if u, err := url.Parse(raw); err == nil {
			list = append(list, u.Scheme+"://"+u.Host)
		}
	}
	return list
}
