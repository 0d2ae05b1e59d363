package imports

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// ofAlias begins the names of the fields that say what a connection is called in the file.
const ofAlias = "alias."

// importForm is the page that takes a file.
type importForm struct {
	Action, Back    string
	Format          ui.Field
	Aliases         []ui.Field
	Subjects, Group ui.Field
	// Most is how many MiB a file has.
	Most int
	// Refused is why the form could not be taken.
	Refused ui.Text
}

// form is the form with the values that it was sent with.
func (c *Console) form(v *kit.Visit) (importForm, error) {
	all, err := c.o.Connections.All(v.Context())
	if err != nil {
		return importForm{}, err
	}
	page := importForm{
		Action: c.Path(newPath), Back: c.Path(allPath), Most: porting.MaxBytes >> 20, Format: ui.Field{Name: "format", Label: ui.T("What the file is"), Value: v.Form.Get("format")},
	}
	for _, f := range porting.Formats() {
		page.Format.Options = append(page.Format.Options, ui.Option{Value: string(f), Text: formatText(f)})
	}
	options := []ui.Option{{Text: ui.T("No connection")}}
	for _, one := range all {
		id := one.Settings.ID
		options = append(options, ui.Option{Value: id, Text: ui.Plain(one.Title())})
		page.Aliases = append(page.Aliases, ui.Field{Name: ofAlias + id, Label: ui.Plain(one.Title()), Value: v.Form.Get(ofAlias + id), Type: "text"})
	}
	page.Subjects = ui.Field{
		Name: "subjects", Label: ui.T("Keycloak's own ids are subjects of"), Value: v.Form.Get("subjects"), Options: options,
		Hint: ui.T("The connection over which people sign in with this Keycloak itself, as long as it has their passwords."),
	}
	page.Group = ui.Field{
		Name: "groups", Label: ui.T("Groups are kept by"), Value: v.Form.Get("groups"), Options: options,
		Hint: ui.T("It has to take SCIM. Without one, Keycloak's groups are left out."),
	}
	return page, nil
}

func (c *Console) showForm(v *kit.Visit) (kit.Answer, error) {
	page, err := c.form(v)
	return c.formPage(v, http.StatusOK, page), err
}

func (c *Console) formPage(v *kit.Visit, status int, page importForm) kit.Answer {
	return kit.View{Status: status, Title: ui.T("Import a file"), Crumbs: v.Crumbs(ui.T("Import and export"), allPath), Template: "importform", Data: page}
}

// take has the file read as it comes, and shows what would become of it.
func (c *Console) take(v *kit.Visit) (kit.Answer, error) {
	file := v.Incoming()
	if file == nil {
		page, err := c.form(v)
		page.Refused = ui.T("Choose a file.")
		return c.formPage(v, http.StatusUnprocessableEntity, page), err
	}
	_, body, err := v.Send("importDirectory", parameters(v.Form).Encode(), media(v.Form.Get("format")), file)
	// A browser shows no answer before it has sent all: what nobody wants is let pass.
	_, _ = io.Copy(io.Discard, io.LimitReader(file, porting.MaxBytes))
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Conflict) {
		page, broken := c.form(v)
		page.Refused = v.Say(err)
		return c.formPage(v, http.StatusUnprocessableEntity, page), broken
	}
	if err != nil {
		return nil, err
	}
	var i porting.Import
	if err := kit.Read(body, &i); err != nil {
		return nil, err
	}
	return kit.Redirect{To: kit.Fill(onePath, i.ID)}, nil
}

// media is the type of a file of the format.
func media(format string) string {
	if format == string(porting.Keycloak) || format == string(porting.Dex) {
		return "application/json"
	}
	return "application/jsonl"
}

// parameters are those of the operation. A connection may be called several names in the
// file, with commas between them.
func parameters(form url.Values) url.Values {
	query := url.Values{}
	var pairs []string
	for _, field := range slices.Sorted(maps.Keys(form)) {
		id, ok := strings.CutPrefix(field, ofAlias)
		if !ok {
			continue
		}
		for alias := range strings.SplitSeq(form.Get(field), ",") {
			if alias = strings.TrimSpace(alias); alias != "" {
				pairs = append(pairs, alias+"="+id)
			}
		}
	}
	for name, value := range map[string]string{
		"connections": strings.Join(pairs, ","), "format": form.Get("format"), "subjects": form.Get("subjects"), "groups": form.Get("groups"),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}
