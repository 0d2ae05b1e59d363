package api

import (
	"embed"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed docs.html de.yaml
var docs embed.FS

// docsPage returns what shows the API to people.
func docsPage(u *ui.UI) (func(http.ResponseWriter, *http.Request, rest.Description), error) {
	page, err := u.Parse(docs, "docs.html")
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request, d rest.Description) {
		u.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("Management API"), Template: page, Data: d})
	}, nil
}
