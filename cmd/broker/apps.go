package main

import (
	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type appCommand struct {
	Apply   appApplyCommand `cmd:"" help:"Add or update an app from its manifest, or all of a folder."`
	List    appListCommand  `cmd:"" help:"List the apps." api:"GET /apps" columns:"NAME=name,TITLE=manifest.metadata.title,TEAM=manifest.spec.owner.team,OWNER=ownership.primary,OWNERSHIP=ownership.state,CLIENT=manifest.spec.identity.oidc.clientId|manifest.spec.identity.saml.entityId,DISABLED=disabled,LACKS=missing,UPDATED=updated"`
	Show    one             `cmd:"" help:"Show an app." api:"GET /apps/{}" set:"thing=The app's name."`
	Remove  ending          `cmd:"" help:"Remove an app and everything derived from it." api:"DELETE /apps/{}" set:"thing=The app's name."`
	Disable ending          `cmd:"" help:"Let nobody in, and revoke what was issued to the app." api:"POST /apps/{}/disable" set:"thing=The app's name."`
	Enable  one             `cmd:"" help:"Let people in again." api:"POST /apps/{}/enable" set:"thing=The app's name."`
	SAML    plain           `cmd:"" name:"saml" help:"Show what an app that speaks SAML has to know of the broker." api:"GET /saml"`
	Secret  ending          `cmd:"" help:"Make another client secret and show it once. The one before stays good until the next." api:"POST /apps/{}/secret" set:"thing=The app's name."`

	Callers  appCallersCommand  `cmd:"" help:"List the apps that ask for scopes of an app's API, and what was agreed to." api:"GET /apps/{}/callers" columns:"APP=app,CLIENT=client,SCOPE=scopes.scope,MODE=scopes.mode,AGREED=scopes.agreed"`
	Caller   appCallerCommand   `cmd:"" help:"Show what an app asks of an API, and what was agreed to." api:"GET /apps/{}/callers/{}"`
	Agree    appAgreeCommand    `cmd:"" help:"Agree that an app gets scopes of an API." api:"POST /apps/{}/callers/{}"`
	Withdraw appWithdrawCommand `cmd:"" help:"Agree no longer that an app gets scopes of an API, and revoke what it got." api:"DELETE /apps/{}/callers/{}"`

	Owner     one                 `cmd:"" help:"Show who answers for an app: its owners, and whether they are there." api:"GET /apps/{}/owner" set:"thing=The app's name."`
	NameOwner appOwnerCommand     `cmd:"" name:"name-owner" help:"Name who answers for an app; its manifest stays as it is." api:"PUT /apps/{}/owner"`
	Retry     one                 `cmd:"" help:"Try again what an app could not be told: logouts that were given up, and signals that its streams refused." api:"POST /apps/{}/deliveries/retry" set:"thing=The app's name."`
	Exchanges appExchangesCommand `cmd:"" help:"List the exchanged tokens that an app has a part in, newest first." api:"GET /apps/{}/exchanges" columns:"ID=id,STATE=state,PERSON=person,CLIENT=client,AUDIENCE=audience,SCOPES=scopes,EXPIRES=expires,FROM=parent_client,PURPOSE=purpose"`
	Exchange  appExchangeCommand  `cmd:"" help:"Show an exchanged token that an app has a part in." api:"GET /apps/{}/exchanges/{}" columns:"ID=id,STATE=state,CLIENT=client,AUDIENCE=audience,SCOPES=scopes,EXPIRES=expires,FROM=parent_client,PURPOSE=purpose"`
	Prune     appPruneCommand     `cmd:"" help:"End an exchanged token that an app has a part in, and all that hangs from it." api:"DELETE /apps/{}/exchanges/{}"`
}

type appListCommand struct {
	sorted
	Search    string `arg:"" optional:"" help:"Words in the name, title, description, client id or entity id." query:"q"`
	Team      string `help:"Only apps of this team." query:"team"`
	Owner     string `help:"Only apps whose team or primary owner has this in it." query:"owner"`
	Ownership string `help:"orphaned: only apps whose owners have left." query:"ownership"`
	Group     string `help:"Only apps that name a group with this in it." query:"group"`
	State     string `help:"Only apps that people get into (on), that are switched off (off), or whose manifest lacks something (incomplete)." query:"state"`
	Disabled  *bool  `help:"Only apps that are disabled, or with =false are not." query:"disabled"`
}

type appOwnerCommand struct {
	one
	Primary   string `arg:"" help:"The e-mail address of the primary owner."`
	Secondary string `arg:"" optional:"" help:"That of who follows when the primary owner leaves."`
	Reason    string `help:"Why: it stays in the audit log."`
}

// Run names the owners.
func (c *appOwnerCommand) Run(k *kong.Context) error {
	r := request(k)
	r.Body, r.Media = encode(map[string]string{"primary": c.Primary, "secondary": c.Secondary, "reason": c.Reason}), "application/json"
	return c.ask(r, client.PrintDone)
}
