package portal

import (
	"context"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// holder is an app that holds something of a person. Title is empty for an app
// that is no longer there.
type holder struct {
	grant.Access
	Title string
}

func (p *Portal) access(ctx context.Context, person string) ([]holder, error) {
	list, err := grant.AccessOf(ctx, p.o.Grants, person, p.o.Now())
	if err != nil {
		return nil, err
	}
	clients, err := p.o.Clients.Clients(ctx)
	if err != nil {
		return nil, err
	}
	titles := map[string]string{}
	for _, c := range clients {
		titles[c.App] = c.Title
	}
	holders := make([]holder, len(list))
	for i, a := range list {
		holders[i] = holder{a, titles[a.App]}
	}
	return holders, nil
}

// withdraw takes from an app what it holds of the person.
func (p *Portal) withdraw(w http.ResponseWriter, r *http.Request, v visitor) {
	err := p.o.Grants.Withdraw(r.Context(), v.Person.ID, r.PathValue("app"), p.o.Actor(r, identity.Person(v.Person.ID)), p.o.Now())
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	http.Redirect(w, r, "../../../account", http.StatusSeeOther)
}
