package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

// configured is what every command has that reads the configuration.
type configured struct {
	Config string `help:"The configuration file." default:"broker.yaml" env:"GATEHOUSE_CONFIG" type:"path"`
}

// notConfigured are variables of ours that are no part of the configuration.
var notConfigured = []string{"GATEHOUSE_CONFIG", "GATEHOUSE_SERVER", "GATEHOUSE_TOKEN", "GATEHOUSE_TOKEN_FILE"}

// load reads the configuration, with what the environment says of it.
func (c configured) load() (config.Config, error) {
	var environ []string
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); !slices.Contains(notConfigured, name) {
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
	tendHeap(ctx)
	return app.Serve(ctx, cfg)
}

type checkCommand struct{ configured }

// Run prints every fault of the configuration and of the manifests it names.
func (c *checkCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := errors.Join(app.Check(cfg), app.CheckMetadata(cfg, time.Now())); err != nil {
		return err
	}
	if cfg.Apps.Folder == "" {
		fmt.Println("The configuration is fine.")
		if len(cfg.Connections) == 0 {
			fmt.Println("It has no connection yet: nobody can sign in.")
		}
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
