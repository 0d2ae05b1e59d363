// Command broker is Gatehouse: the OpenID broker of a company's micro-apps.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// commands are what the binary does. Those in the first group run by themselves,
// the others ask a running broker.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the broker."`
	Demo    demoCommand    `cmd:"" help:"Run the broker with a demo identity provider and sample apps."`
	Check   checkCommand   `cmd:"" help:"Check the configuration and say everything that is wrong with it."`
	Init    initCommand    `cmd:"" help:"Make a configuration, an encryption key and a data directory."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date."`
	Backup  backupCommand  `cmd:"" help:"Take an encrypted backup of the running broker."`
	Restore restoreCommand `cmd:"" help:"Replace the database by a backup."`

	App        appCommand        `cmd:"" help:"Apps."`
	IDP        idpCommand        `cmd:"" name:"idp" help:"Identity providers."`
	SCIM       scimCommand       `cmd:"" name:"scim" help:"What connections push: people and groups."`
	Trace      traceCommand      `cmd:"" help:"Why sign-ins failed."`
	Person     personCommand     `cmd:"" help:"People."`
	Group      groupCommand      `cmd:"" help:"Upstream groups, and the names that they have here."`
	Directory  directoryCommand  `cmd:"" help:"The directory as a file: export, and import also from Keycloak and Dex."`
	Assignment assignmentCommand `cmd:"" help:"Roles in apps that administrators assigned."`
	Session    sessionCommand    `cmd:"" help:"Browser sessions."`
	Grant      grantCommand      `cmd:"" help:"What apps hold in people's names."`
	Exchange   exchangeCommand   `cmd:"" help:"Tokens that came out of exchanges."`
	Revocation revocationCommand `cmd:"" help:"Show a revocation, and how far its consequences are, or try again what failed."`
	Revoke     revokeCommand     `cmd:"" help:"Revoke every token of a person, connection, app, client, session or grant, or a person's at an app, at once." api:"POST /revocations/{}/{}"`
	Explain    explainCommand    `cmd:"" help:"Why something is granted or refused."`
	Keys       keysCommand       `cmd:"" help:"Signing keys."`
	Audit      auditCommand      `cmd:"" help:"The audit log."`
	Outbox     outboxCommand     `cmd:"" help:"Events whose consequences are not done."`
	Job        jobCommand        `cmd:"" help:"Durable jobs, such as back-channel logout."`
	Signals    signalsCommand    `cmd:"" help:"Streams of shared signals, on which apps and APIs hear of what was revoked."`
	Role       roleCommand       `cmd:"" help:"Roles, and who has them."`
	Token      tokenCommand      `cmd:"" help:"API tokens."`
	Change     changeCommand     `cmd:"" help:"Changes that wait for a second person."`
	Overview   plain             `cmd:"" help:"Say how the broker does, at a glance." api:"GET /overview"`
	Figures    figuresCommand    `cmd:"" help:"Count sign-ins and tokens." api:"GET /figures"`
	WhoAmI     plain             `cmd:"" name:"whoami" help:"Say who asks, with which roles and rights." api:"GET /me"`

	Completion completionCommand `cmd:"" help:"Print the completion script of a shell."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run does what the command line says and returns the exit code.
func run(args []string) int {
	parser, err := newParser(&commands{})
	var k *kong.Context
	if err == nil {
		k, err = parser.Parse(args)
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "broker: %v\n%s --help says what there is.\n", err, commandOf(err)) // there is nobody else to tell
		return client.Usage
	}
	if err := k.Run(k); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "broker: %v\n", err)
		return client.ExitOf(err)
	}
	return client.OK
}

// commandOf is the command that a command line came to before err.
func commandOf(err error) string {
	command := "broker"
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok {
		for _, p := range wrong.Context.Path {
			if p.Command != nil {
				command = "broker " + p.Command.Path()
			}
		}
	}
	return command
}

// newParser reads command lines into c.
func newParser(c *commands) (*kong.Kong, error) {
	return kong.New(c, kong.Name("broker"), kong.Description("The gate of a company's micro-apps.\n\n"+client.ExitCodes),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"thing": "Its id.", "data": cmp.Or(os.Getenv("GATEHOUSE_DATA_DIR"), "gatehouse-data")},
		kong.Groups{"broker": "Which broker", "list": "How much of the list"})
}
