// Command broker is Gatehouse: the OpenID broker of a company's micro-apps.
package main

import (
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// commands are what the binary does, one file each.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the broker."`
	Demo    demoCommand    `cmd:"" help:"Run the broker with a demo identity provider and sample apps."`
	Check   checkCommand   `cmd:"" help:"Check the configuration and say everything that is wrong with it."`
	Init    initCommand    `cmd:"" help:"Make a configuration, an encryption key and a data directory."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date."`
	Backup  backupCommand  `cmd:"" help:"Take an encrypted backup of the running broker."`
	Restore restoreCommand `cmd:"" help:"Replace the database by a backup."`
	App     appCommand     `cmd:"" help:"Apps of the running broker."`
	Person  personCommand  `cmd:"" help:"People of the running broker."`
	Session sessionCommand `cmd:"" help:"Browser sessions of the running broker."`
	IDP     idpCommand     `cmd:"" name:"idp" help:"Identity providers of the running broker."`
	Group   groupCommand   `cmd:"" help:"Names of upstream groups."`
	Keys    keysCommand    `cmd:"" help:"Signing keys of the running broker."`
	Audit   auditCommand   `cmd:"" help:"The audit log."`
}

// heapGrowth is how far the heap may grow between two collections, in per cent:
// ours is small and most of it garbage of requests, so that Go's 100 would spend a
// tenth of the time on collecting.
const heapGrowth = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	var c commands
	k := kong.Parse(&c, kong.Name("broker"), kong.Description("The gate of a company's micro-apps."), kong.UsageOnError())
	words := strings.Fields(k.Command())
	for len(words) > 1 && strings.HasPrefix(words[len(words)-1], "<") {
		words = words[:len(words)-1]
	}
	k.FatalIfErrorf(k.Run(verb(words[len(words)-1])))
}
