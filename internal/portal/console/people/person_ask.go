package people

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// aboutPerson begins a question about the person that the path names, with the
// sessions that end.
func (c *Console) aboutPerson(v *kit.Visit) (directory.Person, kit.Confirmation, error) {
	p, err := c.o.Directory.Person(v.Context(), v.PathValue("id"))
	if err != nil {
		return p, kit.Confirmation{}, err
	}
	q := kit.Confirmation{Back: strings.TrimPrefix(c.PersonPath(p.ID), c.Path("")), State: p.ID}
	sessions, err := c.SessionsHit(v.Context(), ui.T("Sessions that end"), session.Whose{Person: p.ID})
	q.Hits = []kit.Hit{sessions}
	return p, q, err
}

func (c *Console) askDisablePerson(v *kit.Visit) (kit.Confirmation, error) {
	p, q, err := c.aboutPerson(v)
	if err != nil {
		return q, err
	}
	q.Title, q.Button = ui.T("Disable %s?", kit.NameOf(p)), ui.T("Disable")
	q.Lead = ui.T("The person is signed out everywhere at once, every token in their name stops, and they cannot sign in until somebody enables them.")
	access, err := c.AccessHit(v.Context(), ui.T("Apps that lose access in their name"), grant.Query{Person: p.ID})
	if err != nil {
		return q, err
	}
	q.Hits = append(q.Hits, access)
	roles, err := c.o.Roles.PersonHit(v, p)
	if roles.Count > 0 {
		q.Hits = append(q.Hits, roles)
	}
	return q, err
}

func (c *Console) askSignOut(v *kit.Visit) (kit.Confirmation, error) {
	p, q, err := c.aboutPerson(v)
	q.Title, q.Button = ui.T("Sign %s out everywhere?", kit.NameOf(p)), ui.T("Sign out")
	q.Lead = ui.T("Every session ends, its apps are told, and tokens that live with a session stop. The person may sign in again.")
	return q, err
}
