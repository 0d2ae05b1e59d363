package provisioning

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// rightToRead is what whoever looks at pushing must have.
const rightToRead = admin.ReadConnections

func lastUsed(t record.Token) kit.Cell {
	if t.LastUsed.IsZero() {
		return kit.Cell{Say: ui.T("never")}
	}
	return kit.Cell{Time: t.LastUsed}
}

func fromCell(t record.Token) kit.Cell {
	if len(t.Addresses) == 0 {
		return kit.Cell{Say: ui.T("anywhere")}
	}
	return kit.Cell{Text: kit.Joined(t.Addresses), Code: true}
}

func (c *Console) tokensBlock(v *kit.Visit, p pushing) (kit.Block, error) {
	b := kit.Block{
		ID: "tokens", Title: ui.T("Tokens"), Note: ui.T("Each opens this connection and nothing else. Two may be good at once, so that one can be changed without a gap."),
		Heads: []ui.Text{ui.T("Token"), ui.T("Good from"), ui.T("Made by"), ui.T("Last used"), ui.T("Ends")}, Empty: ui.T("There is none: nobody can push."),
	}
	all, err := c.o.Records.Tokens(v.Context(), p.id)
	if err != nil {
		return b, err
	}
	refs := c.Refs(v)
	for _, t := range all {
		b.Rows = append(b.Rows, kit.Row{
			Cells:  []kit.Cell{{Text: t.Name}, fromCell(t), refs.Cell(t.CreatedBy.Ref), lastUsed(t), {Time: t.Expires}},
			Offers: v.Offers(kit.Way(revokePath, ui.T("Revoke"), "danger", p.id, t.ID)),
		})
	}
	if len(all) < record.MaxTokens {
		b.Offers = v.Offers(kit.Way(newTokenPath, ui.T("New token"), "primary plus", p.id))
	}
	return b, nil
}

func (c *Console) askRevoke(v *kit.Visit) (kit.Confirmation, error) {
	p, err := c.pushing(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	all, err := c.o.Records.Tokens(v.Context(), p.id)
	if err != nil {
		return kit.Confirmation{}, err
	}
	i := slices.IndexFunc(all, func(t record.Token) bool { return t.ID == v.PathValue("token") })
	if i < 0 {
		return kit.Confirmation{}, record.ErrTokenNotFound
	}
	return kit.Confirmation{
		Title: ui.T("Revoke the token %s?", all[i].Name), Button: ui.T("Revoke"), Back: kit.Fill(onePath, p.id), State: all[i].ID,
		Lead: ui.T("Whatever uses it is refused at once. This cannot be taken back; another token can be made."),
		Hits: []kit.Hit{kit.Hitting(ui.T("Made by"), c.Refs(v).Cell(all[i].CreatedBy.Ref)), kit.Hitting(ui.T("Last used"), lastUsed(all[i]))},
	}, nil
}

// tokenView is the form that makes a token.
type tokenView struct {
	Action, Back          string
	Name, Addresses, Days string
	// Fault is what was wrong with the form as it was sent.
	Fault ui.Text
}

func (c *Console) tokenForm(p pushing) tokenView {
	return tokenView{Action: c.Path(kit.Fill(newTokenPath, p.id)), Back: c.Path(kit.Fill(onePath, p.id)), Days: strconv.Itoa(record.DefaultTokenDays)}
}

func (c *Console) showNewToken(v *kit.Visit) (kit.Answer, error) {
	p, err := c.pushing(v)
	if err != nil {
		return nil, err
	}
	return c.askToken(v, p, http.StatusOK, c.tokenForm(p)), nil
}

func (c *Console) askToken(v *kit.Visit, p pushing, status int, page tokenView) kit.View {
	return kit.View{Status: status, Title: ui.T("New token for %s", p.Title()), Crumbs: c.below(v, p), Template: "scimtoken", Data: page}
}

func (c *Console) newToken(v *kit.Visit) (kit.Answer, error) {
	p, err := c.pushing(v)
	if err != nil {
		return nil, err
	}
	page := c.tokenForm(p)
	page.Name, page.Addresses, page.Days = v.Form.Get("name"), v.Form.Get("addresses"), v.Form.Get("days")
	wanted := record.NewToken{Name: strings.TrimSpace(page.Name), Addresses: strings.Fields(page.Addresses)}
	wanted.Days, _ = strconv.Atoi(page.Days) // what is no number is 0
	if wanted.Days == 0 {
		wanted.Days = -1
	}
	status, body, err := v.Call("createScimToken", wanted)
	if kind := fault.KindOf(err); err != nil && (kind == fault.Invalid || kind == fault.Conflict) {
		page.Fault = v.Say(err)
		return c.askToken(v, p, http.StatusUnprocessableEntity, page), nil
	}
	if err != nil {
		return nil, err
	}
	if status == http.StatusAccepted {
		return v.Onward(status, onePath, ""), nil
	}
	var made struct {
		Secret string `json:"secret"`
	}
	if err := kit.Read(body, &made); err != nil {
		return nil, err
	}
	return kit.View{Title: ui.T("The new token"), Template: "secret", Data: kit.Secret{
		Lead:  ui.T("Keep it now: it is not shown again. Whoever has it may push people and groups over %s.", p.Title()),
		Label: ui.T("SCIM token"), Secret: made.Secret, Back: page.Back,
	}}, nil
}
