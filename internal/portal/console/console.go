// Package console serves the pages of those who look after the broker, under
// /admin: what is going on, apps, connections, people, groups, sessions, keys, the
// audit log, operations, and who may do all that.
//
// It puts the parts together: each noun has its pages in a package below this one, kit
// is what all of them stand on, and names is how they speak of each other. One table has
// every page and action with the right that it takes, so that none without a rule can
// exist. A page calls the services that the management API calls, and decides on nothing
// itself. Whoever has no role finds nothing here.
//
// What cannot be taken back is asked about first: GET of an action shows what it
// hits, POST does it. A POST that was not shown, or whose object changed since, is
// answered with the question. Everything works without scripts; forms of other
// sites are refused. How a page is added is told in package kit.
package console

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/access"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/admins"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/apps"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/connections"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/exchanges"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/groups"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/imports"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/keyring"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/operations"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/overview"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/people"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/provisioning"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
)

// Options are what the parts of a Console need. All are required; what the parts need of
// each other is filled in by New.
type Options struct {
	Kit         kit.Options
	Names       names.Options
	Overview    overview.Options
	Apps        apps.Options
	Connections connections.Options
	Pushing     provisioning.Options
	People      people.Options
	Groups      groups.Options
	Imports     imports.Options
	Exchanges   exchanges.Options
	Keyring     keyring.Options
	Operations  operations.Options
	Admins      admins.Options
	Access      access.Options
}

// Console serves the pages.
type Console struct {
	parts  []kit.Part
	server *kit.Server
}

// New returns a Console.
func New(o Options) (*Console, error) {
	o.Names.Site = o.Kit.Site
	n := names.New(o.Names)
	ofAccess := access.New(n, o.Access)
	o.People.Entitled, o.People.Assigned, o.Groups.Access = ofAccess.EntitledBlock, ofAccess.PersonBlock, ofAccess.GroupBlock
	ofPushing := provisioning.New(n, o.Pushing)
	o.Connections.Pushed, o.Groups.Pushed = ofPushing.Of, ofPushing.GroupBlock
	var (
		ofApps, ofConnections, ofGroups = apps.New(n, o.Apps), connections.New(n, o.Connections), groups.New(n, o.Groups)
		ofExchanges, ofKeys             = exchanges.New(n, o.Exchanges), keyring.New(n, o.Keyring)
		ofOperations, ofAdmins          = operations.New(n, o.Operations), admins.New(n, o.Admins)
	)
	o.People.Roles, o.People.Exchanges, o.People.Pushed = ofAdmins, ofExchanges.PersonBlock, ofPushing.PersonBlock
	o.People.Revocations = ofExchanges.RevocationsBlock
	ofPeople := people.New(n, o.People)
	o.Overview.Figures = []func(*kit.Visit) (kit.Figures, error){ofApps.Figures, ofPeople.Figures, ofKeys.Figures, ofConnections.Figures, ofPushing.Figures, ofOperations.Figures}
	c := &Console{}
	for _, part := range []interface{ Part() kit.Part }{
		n, overview.New(n, o.Overview), ofApps, ofConnections, ofPushing, ofPeople, ofGroups, ofExchanges, ofKeys, ofOperations, ofAdmins, ofAccess, imports.New(n, o.Imports),
	} {
		c.parts = append(c.parts, part.Part())
	}
	c.parts = append(c.parts, kit.Part{Files: why.Files()})
	var err error
	c.server, err = kit.New(o.Kit, side(), c.parts...)
	return c, err
}

// Mount adds the pages and actions.
func (c *Console) Mount(mux *http.ServeMux) { c.server.Mount(mux) }
