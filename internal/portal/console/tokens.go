package console

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
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func roleTags(roles []admin.Role) []ui.Tag {
	tags := make([]ui.Tag, len(roles))
	for i, r := range roles {
		tags[i] = ui.Tag{Text: roleText(r)}
	}
	return tags
}

func lastUsed(t admin.Token) cell {
	if t.LastUsed.IsZero() {
		return cell{Say: ui.T("never")}
	}
	return cell{Time: t.LastUsed}
}

func (c *Console) tokenList(v *visit) *list[admin.Token] {
	names := v.refs()
	return &list[admin.Token]{
		name: "tokens", path: c.path("/tokens"), sorted: "-created",
		caption: ui.T("API tokens that are good"), empty: ui.Empty{Icon: "key", Title: ui.T("There is no such token.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Name"), Type: "search"},
			{Name: "role", Label: ui.T("Role"), Options: append([]ui.Option{anything()}, roleOptions()...)},
		},
		columns: []column[admin.Token]{
			{title: ui.T("Token"), name: "name", sort: "name", cell: func(t admin.Token) cell { return cell{Text: t.Name, Also: joined(t.Apps)} }},
			{title: ui.T("Roles"), name: "roles", cell: func(t admin.Token) cell { return cell{Tags: roleTags(t.Roles)} }},
			{title: ui.T("Made by"), name: "created_by", cell: func(t admin.Token) cell { return names.cell(t.CreatedBy.Ref) }},
			{title: ui.T("Created"), name: "created", sort: "created", cell: func(t admin.Token) cell { return cell{Time: t.Created} }},
			{title: ui.T("Last used"), name: "last_used", sort: "used", cell: lastUsed},
			{title: ui.T("Expires"), name: "expires", sort: "expires", cell: func(t admin.Token) cell { return cell{Time: t.Expires} }},
		},
		offers: func(t admin.Token) []offer {
			return v.offers(way("/tokens/{id}/revoke", ui.T("Revoke"), "danger", t.ID))
		},
		fetch: shelf[admin.Token]{
			all: func(ctx context.Context) ([]admin.Token, error) { return c.o.Admin.Tokens(ctx) },
			id:  func(t admin.Token) string { return t.ID },
			keep: func(t admin.Token, q listQuery) bool {
				return contains(q.Get("q"), t.Name) && (q.Get("role") == "" || slices.Contains(t.Roles, admin.Role(q.Get("role"))))
			},
			orders: map[string]func(a, b admin.Token) int{
				"name":    func(a, b admin.Token) int { return cmp.Compare(a.Name, b.Name) },
				"created": func(a, b admin.Token) int { return a.Created.Compare(b.Created) },
				"used":    func(a, b admin.Token) int { return a.LastUsed.Compare(b.LastUsed) },
				"expires": func(a, b admin.Token) int { return a.Expires.Compare(b.Expires) },
			},
		}.fetch,
	}
}

func (c *Console) showTokens(v *visit) (answer, error) {
	return c.tokenList(v).show(v, ui.T("API tokens"), listView{Offers: append(
		v.offers(way("/tokens/new", ui.T("New token"), "primary plus")),
		offer{Text: ui.T("What they can do"), Href: c.o.Prefix + "/api/v1/"},
	)})
}

func (c *Console) askRevokeToken(v *visit) (confirmation, error) {
	all, err := c.o.Admin.Tokens(v.r.Context())
	if err != nil {
		return confirmation{}, err
	}
	i := slices.IndexFunc(all, func(t admin.Token) bool { return t.ID == v.r.PathValue("id") })
	if i < 0 {
		return confirmation{}, admin.ErrTokenNotFound
	}
	t := all[i]
	return confirmation{
		title: ui.T("Revoke the token %s?", t.Name), button: ui.T("Revoke"), back: "/tokens", state: t.ID,
		lead: ui.T("Whatever uses it is refused at once. This cannot be taken back; another token can be made."),
		hits: []hit{
			hitting(ui.T("Roles"), cell{Tags: roleTags(t.Roles)}),
			hitting(ui.T("Made by"), v.refs().cell(t.CreatedBy.Ref)),
			hitting(ui.T("Last used"), lastUsed(t)),
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

func (c *Console) tokenForm(v *visit) tokenView {
	page := tokenView{Action: c.path("/tokens/new"), Back: c.path("/tokens"), Days: "90", Roles: roleChoices()}
	// Nobody gives a token a role that they do not have: see admin.Service.
	if !v.who.Has(admin.Admin) {
		page.Roles = slices.DeleteFunc(page.Roles, func(r roleChoice) bool { return !v.who.Has(admin.Role(r.Value)) })
	}
	return page
}

func (c *Console) showNewToken(v *visit) (answer, error) {
	return view{title: ui.T("New token"), crumbs: v.crumbs(ui.T("API tokens"), "/tokens"), template: "token", data: c.tokenForm(v)}, nil
}

func (c *Console) newToken(v *visit) (answer, error) {
	page := c.tokenForm(v)
	page.Name, page.Apps, page.Days = v.form.Get("name"), v.form.Get("apps"), v.form.Get("days")
	wanted := admin.NewToken{Name: strings.TrimSpace(v.form.Get("name")), Apps: strings.Fields(v.form.Get("apps"))}
	for _, r := range admin.Roles() {
		if v.form.Get("role-"+string(r)) != "" {
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
	_, body, err := v.call("createToken", wanted)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Denied) {
		page.Fault = c.o.UI.Say(v.r, err)
		return view{
			status: http.StatusUnprocessableEntity, title: ui.T("New token"), crumbs: v.crumbs(ui.T("API tokens"), "/tokens"), template: "token", data: page,
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
	return view{title: ui.T("The new token"), template: "secret", data: secretView{
		Lead:  ui.T("Keep it now: it is not shown again. Whoever has it may do what its roles allow."),
		Label: ui.T("API token"), Secret: made.Secret, Back: c.path("/tokens"),
	}}, nil
}
