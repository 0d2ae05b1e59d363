package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

func stored(cfg config.Config) storage.Options {
	return storage.Options{
		Driver: cfg.Database.Driver, Dir: cfg.DataDir, DSN: cfg.Database.DSN.Reveal(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// Check says everything that is wrong with a configuration beyond its form: claim
// rules that do not compile.
func Check(cfg config.Config) error {
	var faults []error
	for i, c := range cfg.Connections {
		if _, err := claims.Compile(claims.Options{Expressions: c.Claims, GroupsClaim: c.Groups.Claim, Domains: c.Domains}); err != nil {
			faults = append(faults, fmt.Errorf("connections[%d].claims: %w", i, err))
		}
	}
	return errors.Join(append(faults, fourEyes(cfg.Admin.FourEyes))...)
}

// fourEyes refuses operations that there are not, or that cannot wait.
func fourEyes(operations []string) error {
	for i, name := range operations {
		if !slices.Contains(api.FourEyes(), name) {
			return fmt.Errorf("admin.four_eyes[%d]: %q is no operation that can wait for a second person: those are %s", i, name, strings.Join(api.FourEyes(), ", "))
		}
	}
	return nil
}

// Migrate brings the schema up to date, or only names the migrations that would run.
func Migrate(ctx context.Context, cfg config.Config, dryRun bool, out io.Writer) error {
	pending, err := sqldb.DryRun(ctx, stored(cfg))
	if err != nil {
		return err
	}
	if !dryRun && len(pending) > 0 {
		db, err := storage.Open(ctx, stored(cfg))
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	for _, name := range pending {
		if _, err := fmt.Fprintln(out, name); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	_, err = fmt.Fprintf(out, "%d migrations\n", len(pending))
	return err
}

// VerifyAudit checks the audit log and prints what it found. It fails when the
// log is not what was sealed.
func VerifyAudit(ctx context.Context, cfg config.Config, out io.Writer) error {
	db, err := storage.Inspect(ctx, stored(cfg))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read from
	verifiers, err := keys.LoadVerifiers(ctx, db)
	if err != nil {
		return err
	}
	report, err := audit.Verify(ctx, db, verifiers.VerifyHead)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "The audit log is whole: %d entries under %d seals, %d not sealed yet.\n", report.Entries, report.Seals, report.Unsealed)
	return err
}

// ExportAudit writes the audit log as JSON lines; typ is as in audit.Query.
func ExportAudit(ctx context.Context, cfg config.Config, typ string, out io.Writer) error {
	db, err := storage.Inspect(ctx, stored(cfg))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // only read from
	_, err = audit.Export(ctx, db, audit.Query{Type: typ, Limit: 1000}, out)
	return err
}

// ManifestName returns the name of the app that a file is the manifest of, or "" for a
// file that is none.
func ManifestName(file string, data []byte) string {
	m, err := catalog.Parse(file, data)
	if err != nil {
		return ""
	}
	return m.Metadata.Name
}
