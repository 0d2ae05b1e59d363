package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type groupCommand struct {
	List      groupListCommand    `cmd:"" help:"List the groups that identity providers told of." api:"GET /groups" columns:"CONNECTION=group.connection,GROUP=group.id,CALLED=display_name,NAME=name,MEMBERS=members,LAST SEEN=last_seen"`
	Members   groupMembersCommand `cmd:"" help:"List the members of a group." api:"GET /groups/{}/{}/members" columns:"ID=id,NAME=profile.name,EMAIL=profile.email,DISABLED=disabled"`
	Mappings  mappingListCommand  `cmd:"" help:"List the names that groups have here." api:"GET /mappings" columns:"CONNECTION=group.connection,GROUP=group.id,NAME=name"`
	Map       groupMapCommand     `cmd:"" help:"Give an upstream group the name that manifests use." api:"PUT /mappings/{}/{}"`
	Unmap     groupUnmapCommand   `cmd:"" help:"Take the name away: the group then grants nothing." api:"DELETE /mappings/{}/{}"`
	Protect   groupProtectCommand `cmd:"" help:"Keep a group from being changed by connections that may not touch what is protected." api:"POST /groups/{}/{}/protect"`
	Unprotect groupProtectCommand `cmd:"" help:"Let connections change a group again, unless it makes a role." api:"POST /groups/{}/{}/unprotect"`
}

type groupListCommand struct {
	sorted
	Search     string `arg:"" optional:"" help:"Words that begin a word of the id or a name." query:"q"`
	Connection string `help:"Only groups of this connection." query:"connection"`
	Mapped     *bool  `help:"Only groups that have a name here, or with =false have none." query:"mapped"`
}

type mappingListCommand struct {
	sorted
	Connection string `help:"Only groups of this connection." query:"connection"`
	Name       string `help:"Only groups of this name." query:"name"`
}

// upstreamGroup names a group as its identity provider does.
type upstreamGroup struct {
	Connection string `arg:"" help:"The connection's id."`
	Group      string `arg:"" help:"The group's id at the identity provider."`
}

type groupMembersCommand struct {
	sorted
	upstreamGroup
}

type groupMapCommand struct {
	connected
	upstreamGroup
	Name string `arg:"" help:"The name that manifests use."`
}

// Run adds the mapping.
func (c *groupMapCommand) Run(k *kong.Context) error {
	r := request(k)
	r.Body, r.Media = encode(map[string]string{"name": c.Name}), "application/json"
	return c.ask(r, client.PrintDone)
}

type groupUnmapCommand struct {
	connected
	risky
	upstreamGroup
}

// Run removes the mapping.
func (c *groupUnmapCommand) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }

type groupProtectCommand struct {
	connected
	upstreamGroup
}

// Run switches the protection.
func (c *groupProtectCommand) Run(k *kong.Context) error { return c.asked(request(k)) }

type roleCommand struct {
	List     listing           `cmd:"" help:"List the roles, what they may do, and the groups that give them." api:"GET /roles" columns:"ROLE=name,RIGHTS=rights,GROUPS=groups"`
	Holders  roleHolderCommand `cmd:"" help:"List who has which role, and by what." api:"GET /holders" columns:"ROLE=role,PERSON=person.profile.name,EMAIL=person.profile.email,ID=person.id,BY=source"`
	Assign   roleAssignCommand `cmd:"" help:"Give a person a role." api:"PUT /roles/{}/people/{}"`
	Unassign roleTakeCommand   `cmd:"" help:"Take a role away that was given so." api:"DELETE /roles/{}/people/{}"`
}

type roleHolderCommand struct {
	listing
	Role string `arg:"" optional:"" help:"Only holders of this role." query:"role"`
}

// assignment is a role and a person.
type assignment struct {
	Role   string `arg:"" help:"admin, security-reviewer, approver, app-owner or auditor."`
	Person string `arg:"" help:"The person's id, the sub of tokens."`
}

type roleAssignCommand struct {
	plain
	assignment
}

type roleTakeCommand struct {
	connected
	risky
	assignment
}

// Run takes the role away.
func (c *roleTakeCommand) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }

type tokenCommand struct {
	List   tokenListCommand   `cmd:"" help:"List the API tokens that are good." api:"GET /tokens" columns:"ID=id,NAME=name,ROLES=roles,APPS=apps,OWNER=owner.id,EXPIRES=expires,LAST USED=last_used"`
	Create tokenCreateCommand `cmd:"" help:"Make an API token and show it once."`
	Show   one                `cmd:"" help:"Show an API token, without the token itself." api:"GET /tokens/{}" set:"thing=The token's id."`
	Revoke ending             `cmd:"" help:"Revoke an API token." api:"DELETE /tokens/{}" set:"thing=The token's id."`
}

type tokenListCommand struct{ sorted }

type tokenCreateCommand struct {
	connected
	Name string   `arg:"" help:"What the token is for."`
	Role []string `help:"A role that it has: admin, security-reviewer, approver, app-owner or auditor." required:""`
	App  []string `help:"An app that it may change, with the role app-owner."`
	Days int      `help:"How long it lives, at most 366 days." default:"90"`
}

// Run makes a token.
func (c *tokenCreateCommand) Run() error {
	body := encode(map[string]any{"name": c.Name, "roles": c.Role, "apps": append([]string{}, c.App...), "days": c.Days})
	return c.ask(client.Request{Method: http.MethodPost, Path: "/tokens", Media: "application/json", Body: body}, client.PrintDone)
}

type changeCommand struct {
	List    changeListCommand `cmd:"" help:"List the changes that wait, or waited, for a second person." api:"GET /changes" columns:"ID=id,STATE=state,OPERATION=operation.name,OF=operation.values,BY=requested_by.id,EXPIRES=expires"`
	Show    one               `cmd:"" help:"Show a change." api:"GET /changes/{}" set:"thing=The change's id."`
	Approve one               `cmd:"" help:"Approve a change that somebody else asked for, and make it." api:"POST /changes/{}/approve" set:"thing=The change's id."`
	Reject  one               `cmd:"" help:"Reject a change that waits, or take one's own back." api:"POST /changes/{}/reject" set:"thing=The change's id."`
}

type changeListCommand struct {
	listing
	Waiting bool `help:"Only those that still wait." query:"waiting"`
}

func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // maps of strings always marshal
	}
	return body
}
