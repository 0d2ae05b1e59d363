package access

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// moving is the form of another end.
func (c *Console) moving(v *kit.Visit, sent url.Values, status int, refused error) (kit.Answer, error) {
	app, a, err := c.one(v)
	if err == nil && !a.Ended.IsZero() {
		err = entitlement.ErrAssignmentEnded
	}
	if err != nil {
		return nil, err
	}
	t, err := c.teller(v)
	if err != nil {
		return nil, err
	}
	path := c.Path(kit.Fill("/apps/{name}/assignments/{id}", app.Name, a.ID))
	field := ui.Field{Name: "until", Label: ui.T("Until (UTC)"), Type: "datetime-local", Value: sent.Get("until"), Hint: ui.T("Empty for no end")}
	page := kit.Form{Action: path + "/move", Back: path, Button: ui.T("Move the end"), Lead: ui.T("Nobody gains or loses the role now: only when it ends changes.")}
	asked := sent.Has("until")
	if !asked && !a.Until.IsZero() {
		field.Value = a.Until.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05")
	}
	at, wrong := why.Parse(field.Value)
	if asked && wrong == nil {
		wrong = errors.Join(refused, c.o.Assignments.CheckMove(a, at))
	}
	switch {
	case asked && wrong != nil:
		field.Wrong, status = v.Say(wrong), max(status, http.StatusBadRequest)
	case asked:
		if page.Preview, err = t.hits(a); err != nil {
			return nil, err
		}
		after := a
		after.Until = at
		page.Preview = append(page.Preview, kit.Hitting(ui.T("Ends so far"), until(a)), kit.Hitting(ui.T("Ends then"), until(after)))
		page.Values, page.Seen = map[string]string{"until": field.Value}, a.Until.String()+">"+at.String()
	}
	page.Fields = []ui.Field{field}
	return kit.View{Status: status, Title: ui.T("Move the end of %s in %s", a.Role, app.Title()), Crumbs: c.crumbs(app), Template: "form", Data: page}, nil
}

func (c *Console) showMove(v *kit.Visit) (kit.Answer, error) {
	return c.moving(v, v.Query, http.StatusOK, nil)
}

// move gives the end that was shown.
func (c *Console) move(v *kit.Visit) (kit.Answer, error) {
	_, a, err := c.one(v)
	if err != nil {
		return nil, err
	}
	at, err := why.Parse(v.Form.Get("until"))
	if err != nil || v.Seen() != a.Until.String()+">"+at.String() {
		return c.moving(v, v.Form, http.StatusConflict, err)
	}
	body := map[string]any{}
	if !at.IsZero() {
		body["until"] = at
	}
	status, _, err := v.Call("moveAssignment", body)
	if err != nil {
		return c.moving(v, v.Form, http.StatusConflict, err)
	}
	return v.Onward(status, "/apps/{name}/assignments/{id}", "assignment-moved"), nil
}
