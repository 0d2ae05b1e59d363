package groups

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// mappable finds the group that the path names, also one that no sign-in has told of
// yet: it can be given a name ahead.
func (c *Console) mappable(v *kit.Visit) (directory.Group, error) {
	g, err := c.group(v)
	if errors.Is(err, directory.ErrGroupNotFound) {
		ref := identity.GroupRef{Connection: v.PathValue("connection"), ID: v.PathValue("group")}
		_, err = c.o.Connections.Get(v.Context(), ref.Connection)
		return directory.Group{Ref: ref}, err
	}
	return g, err
}

// mapView is the form that gives a group a name.
type mapView struct {
	Group, Connection, Name string
	Action, Back            string
	// Names are those that manifests use.
	Names []string
	Fault ui.Text
	// Preview is what the name would do, once there is one.
	Preview []kit.Hit
	Seen    string
}

// showMap asks for a name, and shows what it would do.
func (c *Console) showMap(v *kit.Visit) (kit.Answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	page := mapView{
		Group: groupName(g), Connection: g.Ref.Connection, Name: g.Name, Back: c.GroupPath(g.Ref), Action: c.GroupPath(g.Ref) + "/map",
	}
	all, err := c.o.Apps.Apps(v.Context())
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, a := range all {
		for _, name := range a.Groups() {
			if !seen[name] {
				seen[name], page.Names = true, append(page.Names, name)
			}
		}
	}
	if name := strings.TrimSpace(v.Query.Get("name")); name != "" {
		page.Name = name
		if page.Preview, err = c.remapping(v.Context(), g, name); err != nil {
			return nil, err
		}
		page.Seen = g.Name + ">" + name
	}
	return kit.View{Title: ui.T("Map %s", groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "map", Data: page}, nil
}

// mapGroup gives the name that was shown with what it does.
func (c *Console) mapGroup(v *kit.Visit) (kit.Answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	name := v.Form.Get("name")
	if v.Seen() != g.Name+">"+name {
		// It was not shown, or the group has another name by now.
		return kit.Redirect{To: strings.TrimPrefix(c.GroupPath(g.Ref), c.Path("")) + "/map", Query: url.Values{"name": {name}}}, nil
	}
	status, _, err := v.Call("mapGroup", map[string]string{"name": name})
	if fault.KindOf(err) == fault.Invalid && err != nil {
		return kit.View{
			Status: http.StatusUnprocessableEntity, Title: ui.T("Map %s", groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "map",
			Data: mapView{Group: groupName(g), Connection: g.Ref.Connection, Name: name, Back: c.GroupPath(g.Ref), Action: c.GroupPath(g.Ref) + "/map", Fault: v.Say(err)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Onward(status, "/groups/{connection}/{group}", "group-mapped"), nil
}

func (c *Console) askUnmap(v *kit.Visit) (kit.Confirmation, error) {
	g, err := c.group(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	if g.Name == "" {
		return kit.Confirmation{}, directory.ErrMappingNotFound
	}
	q := kit.Confirmation{
		Title: ui.T("Unmap %s?", groupName(g)), Button: ui.T("Unmap"), Back: strings.TrimPrefix(c.GroupPath(g.Ref), c.Path("")), State: g.Name,
		Lead: ui.T("The group is “%s” no more: from the next check on it opens no app, and gives no role here.", g.Name),
	}
	q.Hits, err = c.remapping(v.Context(), g, "")
	return q, err
}

// unseenView asks which group is to be mapped ahead of the first sign-in with it.
type unseenView struct {
	Action, Back string
	Connections  []ui.Option
}

// showUnseen asks for a group by its id, and leads to its mapping.
func (c *Console) showUnseen(v *kit.Visit) (kit.Answer, error) {
	connection, id := v.Query.Get("connection"), strings.TrimSpace(v.Query.Get("group"))
	if connection != "" && id != "" {
		return kit.Redirect{To: kit.Fill("/groups/{connection}/{group}/map", connection, id)}, nil
	}
	return kit.View{Title: ui.T("Map a group that was not seen yet"), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "unseen", Data: unseenView{
		Action: c.Path("/map-group"), Back: c.Path("/groups"), Connections: c.ConnectionOptions(v.Context())[1:],
	}}, nil
}
