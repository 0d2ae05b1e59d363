package admins

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func roleTags(roles []admin.Role) []ui.Tag {
	tags := make([]ui.Tag, len(roles))
	for i, r := range roles {
		tags[i] = ui.Tag{Text: names.RoleText(r)}
	}
	return tags
}

func lastUsed(t admin.Token) kit.Cell {
	if t.LastUsed.IsZero() {
		return kit.Cell{Say: ui.T("never")}
	}
	return kit.Cell{Time: t.LastUsed}
}

func (c *Console) tokenList(v *kit.Visit) *kit.List[admin.Token] {
	names := c.Refs(v)
	return &kit.List[admin.Token]{
		Name: "tokens", Path: c.Path("/tokens"), Sorted: "-created",
		Caption: ui.T("API tokens that are good"), Empty: ui.Empty{Icon: "key", Title: ui.T("There is no such token.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Name"), Type: "search"},
			{Name: "role", Label: ui.T("Role"), Options: append([]ui.Option{kit.Anything()}, roleOptions()...)},
		},
		Columns: []kit.Column[admin.Token]{
			{Title: ui.T("Token"), Name: "name", Sort: "name", Cell: func(t admin.Token) kit.Cell { return kit.Cell{Text: t.Name, Also: kit.Joined(t.Apps)} }},
			{Title: ui.T("Roles"), Name: "roles", Cell: func(t admin.Token) kit.Cell { return kit.Cell{Tags: roleTags(t.Roles)} }},
			{Title: ui.T("Made by"), Name: "created_by", Cell: func(t admin.Token) kit.Cell { return names.Cell(t.CreatedBy.Ref) }},
			{Title: ui.T("Created"), Name: "created", Sort: "created", Cell: func(t admin.Token) kit.Cell { return kit.Cell{Time: t.Created} }},
			{Title: ui.T("Last used"), Name: "last_used", Sort: "used", Cell: lastUsed},
			{Title: ui.T("Expires"), Name: "expires", Sort: "expires", Cell: func(t admin.Token) kit.Cell { return kit.Cell{Time: t.Expires} }},
		},
		Offers: func(t admin.Token) []kit.Offer {
			return v.Offers(kit.Way("/tokens/{id}/revoke", ui.T("Revoke"), "danger", t.ID))
		},
		Fetch: kit.Shelf[admin.Token]{
			All: func(ctx context.Context) ([]admin.Token, error) { return c.o.Admin.Tokens(ctx) },
			ID:  func(t admin.Token) string { return t.ID },
			Keep: func(t admin.Token, q kit.Query) bool {
				return kit.Contains(q.Get("q"), t.Name) && (q.Get("role") == "" || slices.Contains(t.Roles, admin.Role(q.Get("role"))))
			},
			Orders: map[string]func(a, b admin.Token) int{
				"name":    func(a, b admin.Token) int { return cmp.Compare(a.Name, b.Name) },
				"created": func(a, b admin.Token) int { return a.Created.Compare(b.Created) },
				"used":    func(a, b admin.Token) int { return a.LastUsed.Compare(b.LastUsed) },
				"expires": func(a, b admin.Token) int { return a.Expires.Compare(b.Expires) },
			},
		}.Fetch,
	}
}

func (c *Console) showTokens(v *kit.Visit) (kit.Answer, error) {
	return c.tokenList(v).Show(v, ui.T("API tokens"), kit.Around{Offers: append(
		v.Offers(kit.Way("/tokens/new", ui.T("New token"), "primary plus")),
		kit.Offer{Text: ui.T("What they can do"), Href: c.Prefix + "/api/v1/"},
	)})
}

func (c *Console) askRevokeToken(v *kit.Visit) (kit.Confirmation, error) {
	all, err := c.o.Admin.Tokens(v.Context())
	if err != nil {
		return kit.Confirmation{}, err
	}
	i := slices.IndexFunc(all, func(t admin.Token) bool { return t.ID == v.PathValue("id") })
	if i < 0 {
		return kit.Confirmation{}, admin.ErrTokenNotFound
	}
	t := all[i]
	return kit.Confirmation{
		Title: ui.T("Revoke the token %s?", t.Name), Button: ui.T("Revoke"), Back: "/tokens", State: t.ID,
		Lead: ui.T("Whatever uses it is refused at once. This cannot be taken back; another token can be made."),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("Roles"), kit.Cell{Tags: roleTags(t.Roles)}),
			kit.Hitting(ui.T("Made by"), c.Refs(v).Cell(t.CreatedBy.Ref)),
			kit.Hitting(ui.T("Last used"), lastUsed(t)),
		},
	}, nil
}

// tokenView is the form that makes a token.
type tokenView struct {
	Action, Back     string
	Name, Apps, Days string
	Roles            []roleChoice
	// Fault is what was wrong with the form as it was sent.
	Fault ui.Text
}

func (c *Console) tokenForm(v *kit.Visit) tokenView {
	page := tokenView{Action: c.Path("/tokens/new"), Back: c.Path("/tokens"), Days: "90", Roles: roleChoices()}
	// Nobody gives a token a role that they do not have: see admin.Service.
	if !v.Who.Has(admin.Admin) {
		page.Roles = slices.DeleteFunc(page.Roles, func(r roleChoice) bool { return !v.Who.Has(admin.Role(r.Value)) })
	}
	return page
}

func (c *Console) showNewToken(v *kit.Visit) (kit.Answer, error) {
	return kit.View{Title: ui.T("New token"), Crumbs: v.Crumbs(ui.T("API tokens"), "/tokens"), Template: "token", Data: c.tokenForm(v)}, nil
}

func (c *Console) newToken(v *kit.Visit) (kit.Answer, error) {
	page := c.tokenForm(v)
	page.Name, page.Apps, page.Days = v.Form.Get("name"), v.Form.Get("apps"), v.Form.Get("days")
	wanted := admin.NewToken{Name: strings.TrimSpace(v.Form.Get("name")), Apps: strings.Fields(v.Form.Get("apps"))}
	for _, r := range admin.Roles() {
		if v.Form.Get("role-"+string(r)) != "" {
			wanted.Roles = append(wanted.Roles, r)
		}
	}
	for i := range page.Roles {
		page.Roles[i].Chosen = slices.Contains(wanted.Roles, admin.Role(page.Roles[i].Value))
	}
	wanted.Days, _ = strconv.Atoi(page.Days) // what is no number is 0
	if wanted.Days == 0 {
		wanted.Days = -1
	}
	_, body, err := v.Call("createToken", wanted)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Denied) {
		page.Fault = v.Say(err)
		return kit.View{
			Status: http.StatusUnprocessableEntity, Title: ui.T("New token"), Crumbs: v.Crumbs(ui.T("API tokens"), "/tokens"), Template: "token", Data: page,
		}, nil
	}
	if err != nil {
		return nil, err
	}
	var made struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return kit.View{Title: ui.T("The new token"), Template: "secret", Data: kit.Secret{
		Lead:  ui.T("Keep it now: it is not shown again. Whoever has it may do what its roles allow."),
		Label: ui.T("API token"), Secret: made.Secret, Back: c.Path("/tokens"),
	}}, nil
}
