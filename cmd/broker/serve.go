package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

// configured is what every command has that reads the configuration.
type configured struct {
	Config string `help:"The configuration file." default:"broker.yaml" env:"GATEHOUSE_CONFIG" type:"path"`
}

// load reads the configuration. The variable that names the file is not part of it.
func (c configured) load() (config.Config, error) {
	var environ []string
	for _, e := range os.Environ() {
		if len(e) < 17 || e[:17] != "GATEHOUSE_CONFIG=" {
			environ = append(environ, e)
		}
	}
	return config.Load(c.Config, environ)
}

type serveCommand struct{ configured }

// Run serves until it is interrupted.
func (c *serveCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return app.Serve(ctx, cfg)
}

type checkCommand struct{ configured }

// Run prints every fault of the configuration and of the manifests it names.
func (c *checkCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := app.Check(cfg); err != nil {
		return err
	}
	if cfg.Apps.Folder == "" {
		fmt.Println("The configuration is fine.")
		return nil
	}
	n, err := api.CheckFolder(os.DirFS(cfg.Apps.Folder))
	if err != nil {
		return err
	}
	fmt.Printf("The configuration and %d manifests are fine.\n", n)
	return nil
}

type migrateCommand struct {
	configured
	DryRun bool `help:"Only name the migrations that would run."`
}

// Run migrates the database or says what would be done.
func (c *migrateCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return app.Migrate(context.Background(), cfg, c.DryRun, os.Stdout)
}

type auditCommand struct {
	List   auditListCommand   `cmd:"" help:"Search the running broker's log, newest first."`
	Verify auditVerifyCommand `cmd:"" help:"Check that no entry was changed, removed or added."`
	Export auditExportCommand `cmd:"" help:"Write the entries as JSON lines."`
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
