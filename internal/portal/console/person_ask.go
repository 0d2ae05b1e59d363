package console

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// aboutPerson begins a question about the person that the path names, with the
// sessions that end.
func (c *Console) aboutPerson(v *visit) (directory.Person, confirmation, error) {
	p, err := c.o.Directory.Person(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return p, confirmation{}, err
	}
	q := confirmation{back: strings.TrimPrefix(c.personPath(p.ID), c.path("")), state: p.ID}
	sessions, err := c.sessionsHit(v.r.Context(), ui.T("Sessions that end"), session.Whose{Person: p.ID})
	q.hits = []hit{sessions}
	return p, q, err
}

func (c *Console) askDisablePerson(v *visit) (confirmation, error) {
	p, q, err := c.aboutPerson(v)
	if err != nil {
		return q, err
	}
	q.title, q.button = ui.T("Disable %s?", nameOf(p)), ui.T("Disable")
	q.lead = ui.T("The person is signed out everywhere at once, every token in their name stops, and they cannot sign in until somebody enables them.")
	access, err := c.accessHit(v.r.Context(), ui.T("Apps that lose access in their name"), grant.Query{Person: p.ID})
	if err != nil {
		return q, err
	}
	q.hits = append(q.hits, access)
	roles, err := c.rolesHit(v, p)
	if roles.Count > 0 {
		q.hits = append(q.hits, roles)
	}
	return q, err
}

func (c *Console) askSignOut(v *visit) (confirmation, error) {
	p, q, err := c.aboutPerson(v)
	q.title, q.button = ui.T("Sign %s out everywhere?", nameOf(p)), ui.T("Sign out")
	q.lead = ui.T("Every session ends, its apps are told, and tokens that live with a session stop. The person may sign in again.")
	return q, err
}
