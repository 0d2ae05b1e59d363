package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
)

// ErrNotEmpty refuses to replace a database that is in use as such.
var ErrNotEmpty = fault.New(fault.Conflict, "database_not_empty", "there is a database already: --force replaces it, and keeps the old one beside it")

// CheckBackup reads a backup to its end and says what it has.
func CheckBackup(cfg config.Config, in io.Reader, out io.Writer) error {
	vault, err := newVault(cfg)
	if err != nil {
		return err
	}
	r, err := openBackup(in, vault)
	if err != nil {
		return err
	}
	counts, err := r.Each(nothing{})
	if err != nil {
		return err
	}
	return describe(out, r.Header(), counts)
}

// nothing takes what a backup has and does nothing with it.
type nothing struct{}

// Table implements backup.Visitor.
func (nothing) Table(backup.Table) error { return nil }

// Row implements backup.Visitor.
func (nothing) Row([]any) error { return nil }

func openBackup(in io.Reader, vault backup.Vault) (*backup.Reader, error) {
	plain, err := backup.Open(in, vault)
	if err != nil {
		return nil, err
	}
	return backup.NewReader(plain)
}

func describe(out io.Writer, h backup.Header, counts backup.Counts) error {
	_, err := fmt.Fprintf(out, "A backup of %s from %s, schema level %d, %d rows.\n", h.Engine, h.Taken.Format(time.RFC3339), h.Migration, total(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if err == nil && counts[name] > 0 {
			_, err = fmt.Fprintf(out, "  %-20s %d\n", name, counts[name])
		}
	}
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// site is where a database is to be restored: nobody else uses it meanwhile.
type site struct {
	cfg     config.Config
	options storage.Options
	vault   *keys.Vault
	marks   marks
	closers []func() error
}

// takeSite locks the data directory and the database.
func takeSite(ctx context.Context, cfg config.Config) (*site, error) {
	s := &site{cfg: cfg, options: stored(cfg)}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) open(ctx context.Context) error {
	lock, err := lockDataDir(s.cfg.DataDir)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, lock.Close)
	presence, err := backups.Occupy(ctx, s.options, true)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, presence.Close)
	var shared cache.Engine
	if s.cfg.Redis.URL != "" {
		p := parts{cfg: s.cfg, now: time.Now, log: s.options.Log}
		if shared, err = p.openMemory(ctx, time.Now()); err != nil {
			return err
		}
		s.closers = append(s.closers, shared.Close)
	}
	s.marks = newMarks(s.cfg, shared)
	s.vault, err = newVault(s.cfg)
	return err
}

func (s *site) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// generation is one that no place has seen yet.
func (s *site) generation(ctx context.Context, marks ...backups.Mark) (int64, error) {
	known, err := s.marks.read(ctx)
	if err != nil {
		return 0, err
	}
	var highest int64
	for _, m := range slices.Concat(marks, slices.Collect(maps.Values(known))) {
		highest = max(highest, m.Generation)
	}
	return highest + 1, nil
}

// Restore replaces the database by a backup. Nothing is touched before the whole
// backup was read and found to be whole. The new database has a new era and new
// signing keys: no session and no token of before counts, revoked ones least of all.
func Restore(ctx context.Context, cfg config.Config, in io.Reader, force bool, out io.Writer) (err error) {
	s, err := takeSite(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	there, err := backups.ReadMark(ctx, s.options)
	if !force && (err != nil || there.Era != "") {
		return errors.Join(ErrNotEmpty, err)
	}
	r, err := openBackup(in, s.vault)
	if err != nil {
		return err
	}
	generation, err := s.generation(ctx, there, backups.Mark{Generation: r.Header().Generation})
	if err != nil {
		return err
	}
	restored, err := backups.BeginRestore(ctx, s.options, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restored.Abandon(context.WithoutCancel(ctx))) }()
	ended, mark, err := s.renew(ctx, storage.Of(restored.DB), generation, restored.Header.Taken)
	if err != nil {
		return err
	}
	kept, err := restored.Finish(ctx)
	if err != nil {
		return err
	}
	if err := s.marks.write(ctx, mark); err != nil {
		return err
	}
	return errors.Join(describe(out, restored.Header, restored.Rows), conclude(out, ended, kept))
}

// Adopt takes over a database that was put back by other means than Restore, such
// as a copy of a disk, and renews it as Restore does.
func Adopt(ctx context.Context, cfg config.Config, out io.Writer) (err error) {
	s, err := takeSite(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	there, err := backups.ReadMark(ctx, s.options)
	if err != nil {
		return err
	}
	generation, err := s.generation(ctx, there)
	if err != nil {
		return err
	}
	db, err := storage.Open(ctx, s.options)
	if err != nil {
		return err
	}
	ended, mark, err := s.renew(ctx, db, generation, time.Now())
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := s.marks.write(ctx, mark); err != nil {
		return err
	}
	return conclude(out, ended, "")
}

// renew begins a new era and replaces every signing key: one that was killed since
// the backup would sign and verify again.
func (s *site) renew(ctx context.Context, db *storage.DB, generation int64, taken time.Time) (backups.Ended, backups.Mark, error) {
	actor := identity.System("restore")
	ended, err := db.BeginEra(ctx, generation, taken, actor)
	if err != nil {
		return ended, backups.Mark{}, err
	}
	tokens := keys.RingOptions{
		Store: db, Vault: s.vault, Now: time.Now, Log: s.options.Log,
		Lead: s.cfg.Keys.Lead, Overlap: s.cfg.Keys.Overlap, Rotate: s.cfg.Keys.RotateEvery,
	}
	for _, o := range []keys.RingOptions{tokens, samlRing(s.cfg, db.SAMLKeys(), s.vault, time.Now, s.options.Log)} {
		if err := replaceKeys(ctx, o, actor); err != nil {
			return ended, backups.Mark{}, err
		}
	}
	mark, err := db.Mark(ctx)
	return ended, mark, err
}

// replaceKeys kills every key of a ring, which makes others in their place.
func replaceKeys(ctx context.Context, o keys.RingOptions, actor identity.Actor) error {
	records, err := o.Store.Keys(ctx)
	if err != nil {
		return err
	}
	ring := keys.NewRing(o)
	if err := ring.Load(ctx); err != nil {
		return err
	}
	for _, k := range records {
		if k.Killed {
			continue
		}
		if err := ring.Kill(ctx, k.ID, actor); err != nil && !errors.Is(err, keys.ErrKeyNotFound) {
			return err
		}
	}
	return nil
}

func conclude(out io.Writer, ended backups.Ended, kept string) error {
	text := fmt.Sprintf("Ended: %d sessions, %d refresh families, %d API tokens, every signing key. Everybody signs in again.\n", ended.Sessions, ended.Families, ended.Tokens)
	if kept != "" {
		text += "The database that was there is kept as " + kept + ": remove it when you need it no more.\n"
	}
	text += "What was changed after the backup is not in it: people, apps and connections that were switched off since are on again,\nand client secrets that were replaced are the old ones. The exported audit log says which.\n"
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
