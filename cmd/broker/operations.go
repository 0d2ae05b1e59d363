package main

import (
	"context"
	"os"

	"github.com/gatehouse-io/gatehouse/internal/app"
)

type idpCommand struct {
	Add     idpAddCommand  `cmd:"" help:"Add an identity provider from a file, or change the one of its id." api:"PUT /connections/{}"`
	Test    idpTestCommand `cmd:"" help:"Print a link that tests an identity provider by a sign-in, and the report once it is there." api:"POST /connections/{}/test"`
	Remove  ending         `cmd:"" help:"Remove an identity provider that was added, and sign out everybody who came over it." api:"DELETE /connections/{}" set:"thing=The connection's id."`
	List    idpListCommand `cmd:"" help:"List the identity providers." api:"GET /connections" columns:"ID=id,TITLE=title,TYPE=type,ISSUER=issuer,SOURCE=source,ENABLED=enabled,DISCOVERED=discovered,FAILURE=failure"`
	Show    one            `cmd:"" help:"Show an identity provider." api:"GET /connections/{}" set:"thing=The connection's id."`
	Disable ending         `cmd:"" help:"Sign out everybody who came over it and let nobody in over it." api:"POST /connections/{}/disable" set:"thing=The connection's id."`
	Enable  one            `cmd:"" help:"Let people sign in over it again." api:"POST /connections/{}/enable" set:"thing=The connection's id."`
}

type idpListCommand struct {
	sorted
	Enabled *bool  `help:"Only those that are enabled, or with =false are not." query:"enabled"`
	Source  string `help:"Only those of the configuration, or stored ones." query:"source"`
}

type traceCommand struct {
	List traceListCommand `cmd:"" help:"List sign-ins that failed, and tests, newest first." api:"GET /traces" columns:"CODE=id,TIME=time,CONNECTION=connection,KIND=kind,PASSED=passed,RULE=rule,DETAIL=detail"`
	Show traceShowCommand `cmd:"" help:"Show why a sign-in failed: every check, what was expected and what came." api:"GET /traces/{}"`
}

type traceListCommand struct {
	listing
	Connection string `arg:"" optional:"" help:"Only those over this connection, by id." query:"connection"`
	Kind       string `help:"Only sign-in, sign-out or test." query:"kind"`
	Rule       string `help:"Only what failed with this code." query:"rule"`
	Check      string `help:"Only those whose first check that failed is this." query:"check"`
	Passed     *bool  `help:"Only tests that passed, or with =false what failed." query:"passed"`
	From       string `help:"Only from this time on, as in RFC 3339." query:"from"`
	To         string `help:"Only before this time." query:"to"`
}

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List the signing keys." api:"GET /keys" columns:"KID=id,ALGORITHM=algorithm,STAGE=stage,PUBLISHED=published,SIGNS FROM=signs_from,REMOVED AT=remove_at"`
	Show   one               `cmd:"" help:"Show a signing key." api:"GET /keys/{}" set:"thing=The key's id (kid)."`
	Rotate keysRotateCommand `cmd:"" help:"Publish the next key, which signs once everybody can know it." api:"POST /keys/{}/rotate"`
	Kill   ending            `cmd:"" help:"In an emergency: take a key away at once, with every token that it signed." api:"POST /keys/{}/kill" set:"thing=The key's id (kid)."`
}

type keysListCommand struct {
	sorted
	Algorithm string `help:"Only keys of this algorithm." query:"algorithm"`
	Stage     string `help:"Only keys at this point of their lives." query:"stage"`
}

type keysRotateCommand struct {
	plain
	Algorithm string `arg:"" enum:"ES256,RS256,EdDSA,SAML" help:"ES256, RS256, EdDSA or SAML."`
}

type auditCommand struct {
	List   auditListCommand   `cmd:"" help:"Search the log, newest first; --export writes all of it." api:"GET /audit" columns:"TIME=time,TYPE=type,SUBJECT=subject.id,BY=actor.id,ADDRESS=actor.address,REASON=data.rule|data.reason|data.error,REQUEST=actor.request,DETAIL=data.detail"`
	Show   one                `cmd:"" help:"Show an entry." api:"GET /audit/entries/{}" set:"thing=The entry's id."`
	State  plain              `cmd:"" help:"Say how far the log is sealed and verified." api:"GET /audit/state"`
	Verify auditVerifyCommand `cmd:"" help:"Check the whole log in the database: that no entry was changed, removed or added."`
	Export auditExportCommand `cmd:"" help:"Write the log in the database as JSON lines, without a running broker."`
}

type auditListCommand struct {
	listing
	Search  string `arg:"" optional:"" help:"Words, each a type or the beginning of one ending in a dot, or an id." query:"q"`
	Type    string `help:"Only entries of this type, or of all that begin with it when it ends in a dot." query:"type"`
	Subject string `help:"Only what happened to this: kind:id." query:"subject"`
	Actor   string `help:"Only what this did: kind:id." query:"actor"`
	From    string `help:"Only from this time on, as in RFC 3339." query:"from"`
	To      string `help:"Only before this time." query:"to"`
}

type auditVerifyCommand struct{ configured }

// Run verifies the whole log.
func (c *auditVerifyCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.VerifyAudit(context.Background(), cfg, os.Stdout)
}

type auditExportCommand struct {
	configured
	Type string `help:"Only entries of this type, or of all that begin with it when it ends in a dot."`
}

// Run exports the log.
func (c *auditExportCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.ExportAudit(context.Background(), cfg, c.Type, os.Stdout)
}

type outboxCommand struct {
	List    queueListCommand `cmd:"" help:"List the events whose consequences are not done, oldest first." api:"GET /outbox" columns:"ID=event.id,TYPE=event.type,SUBJECT=event.subject.id,STATE=state,ATTEMPTS=attempts,DUE=due,REASON=reason"`
	Show    one              `cmd:"" help:"Show an event." api:"GET /outbox/{}" set:"thing=The event's id."`
	Retry   one              `cmd:"" help:"Try an event again at once." api:"POST /outbox/{}/retry" set:"thing=The event's id."`
	Discard ending           `cmd:"" help:"Give an event up: its consequences do not happen." api:"POST /outbox/{}/discard" set:"thing=The event's id."`
}

type queueListCommand struct {
	listing
	State string `help:"Only waiting, retrying, buried, done or discarded; what is not settled unless told." query:"state"`
}

type jobCommand struct {
	List    jobListCommand `cmd:"" help:"List the jobs that are not done, oldest first." api:"GET /jobs" columns:"ID=id,QUEUE=queue,STATE=state,ATTEMPTS=attempts,DUE=due,REASON=reason"`
	Show    one            `cmd:"" help:"Show a job." api:"GET /jobs/{}" set:"thing=The job's id."`
	Retry   one            `cmd:"" help:"Try a job again at once, and for an hour at least." api:"POST /jobs/{}/retry" set:"thing=The job's id."`
	Discard ending         `cmd:"" help:"Give a job up: it is not tried again." api:"POST /jobs/{}/discard" set:"thing=The job's id."`
}

type jobListCommand struct {
	queueListCommand
	Queue      string `help:"Only jobs of this queue." query:"queue"`
	Client     string `help:"Only what the client with this client_id was to be told." query:"client"`
	Stream     string `help:"Only signals that the receiver of this stream refused." query:"stream"`
	Revocation string `help:"Only what this revocation led to." query:"revocation"`
}

type figuresCommand struct {
	plain
	From string `help:"From the hour of this time on, as in RFC 3339; a day ago unless told." query:"from"`
	To   string `help:"Until the hour of this time." query:"to"`
}
