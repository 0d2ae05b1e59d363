package main

import (
	"net/http"
	"net/url"
	"strconv"
)

type idpListCommand struct {
	connected
	listed
}

// Run lists the connections.
func (c *idpListCommand) Run() error {
	return c.list(c.listed, "/connections", "items",
		column{"ID", "id"}, column{"TITLE", "title"}, column{"TYPE", "type"}, column{"ISSUER", "issuer"}, column{"ENABLED", "enabled"})
}

type personSessionsCommand struct {
	connected
	listed
	ID string `arg:"" help:"The person's id, the sub of tokens."`
}

// Run lists where a person is signed in.
func (c *personSessionsCommand) Run() error {
	return c.list(c.listed, "/people/"+url.PathEscape(c.ID)+"/sessions", "items",
		column{"ID", "id"}, column{"CONNECTION", "authentication.connection"}, column{"SINCE", "created"}, column{"LAST USED", "last_seen"},
		column{"ADDRESS", "address"}, column{"BROWSER", "user_agent"})
}

type personSignOutCommand struct {
	connected
	ID string `arg:"" help:"The person's id, the sub of tokens."`
}

// Run ends every session of a person.
func (c *personSignOutCommand) Run() error {
	return c.ask(http.MethodDelete, "/people/"+url.PathEscape(c.ID)+"/sessions", "items", nil)
}

type sessionCommand struct {
	End sessionEndCommand `cmd:"" help:"Sign one browser out, and out of every app that it opened."`
}

type sessionEndCommand struct {
	connected
	ID string `arg:"" help:"The session's id, the sid of tokens."`
}

// Run ends the session.
func (c *sessionEndCommand) Run() error {
	return c.ask(http.MethodDelete, "/sessions/"+url.PathEscape(c.ID), "", nil)
}

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List the signing keys."`
	Rotate keysRotateCommand `cmd:"" help:"Publish the next key, which signs once everybody can know it."`
	Kill   keysKillCommand   `cmd:"" help:"In an emergency: take a key away at once, with every token that it signed."`
}

type keysListCommand struct {
	connected
	listed
}

// Run lists the keys.
func (c *keysListCommand) Run() error {
	return c.list(c.listed, "/keys", "items",
		column{"KID", "id"}, column{"ALGORITHM", "algorithm"}, column{"STAGE", "stage"}, column{"PUBLISHED", "published"},
		column{"SIGNS FROM", "signs_from"}, column{"REMOVED AT", "remove_at"})
}

type keysRotateCommand struct {
	connected
	Algorithm string `arg:"" enum:"ES256,RS256,EdDSA" help:"ES256, RS256 or EdDSA."`
}

// Run rotates.
func (c *keysRotateCommand) Run() error {
	return c.ask(http.MethodPost, "/keys/"+url.PathEscape(c.Algorithm)+"/rotate", "", nil)
}

type keysKillCommand struct {
	connected
	KID string `arg:"" name:"kid" help:"The key's id."`
}

// Run kills the key.
func (c *keysKillCommand) Run() error {
	return c.ask(http.MethodPost, "/keys/"+url.PathEscape(c.KID)+"/kill", "", nil)
}

type auditListCommand struct {
	connected
	listed
	Type    string `help:"Only entries of this type, or of all that begin with it when it ends in a dot."`
	Subject string `help:"Only what happened to this: kind:id."`
	Actor   string `help:"Only what this did: kind:id."`
	From    string `help:"Only from this time on, as in RFC 3339."`
	To      string `help:"Only before this time."`
	After   string `help:"Go on after the page before."`
	Limit   int    `help:"How many entries, at most 1000." default:"50"`
}

// Run searches the audit log of the running broker, newest first.
func (c *auditListCommand) Run() error {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{
		"type": c.Type, "subject": c.Subject, "actor": c.Actor, "from": c.From, "to": c.To, "after": c.After,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return c.list(c.listed, "/audit?"+q.Encode(), "items",
		column{"TIME", "time"}, column{"TYPE", "type"}, column{"SUBJECT", "subject.id"}, column{"BY", "actor.id"}, column{"ADDRESS", "actor.address"})
}
