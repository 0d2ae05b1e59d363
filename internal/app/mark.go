package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
)

// The refusals of a database that is not the one which was there.
var (
	ErrOlder = fault.New(fault.Conflict, "database_older",
		"the database is older than what this broker has seen, or another one: put the right one back, or take it over with `broker restore --adopt`, which signs everybody out")
	ErrReplaced = fault.New(fault.Conflict, "database_replaced", "the database was replaced while this broker ran: start it again")
)

// markEvery is how often the mark follows the database: what was committed since is
// what an older database that is put back may lack without being noticed.
const markEvery = time.Second

// Where replicas share the mark, and for how long without a broker.
const (
	markPurpose cache.Purpose = "high-water"
	markKey                   = "database"
	markLife                  = 10 * 365 * 24 * time.Hour
)

// marks are the places outside of the database that know how far it came: a file in
// the data directory, and the memory that replicas share.
type marks struct {
	file   string
	shared cache.Cache // nil for one replica
}

func newMarks(cfg config.Config, memory cache.Engine) marks {
	m := marks{file: filepath.Join(cfg.DataDir, "high-water.json")}
	if cfg.Redis.URL != "" {
		m.shared = memory
	}
	return m
}

// read returns what each place knows.
func (m marks) read(ctx context.Context) (map[string]backups.Mark, error) {
	known := map[string]backups.Mark{}
	text, err := os.ReadFile(m.file)
	switch {
	case err == nil:
		if err := note(known, m.file, text); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	if m.shared == nil {
		return known, nil
	}
	text, ok, err := m.shared.Get(ctx, markPurpose, markKey)
	if err != nil {
		return nil, fmt.Errorf("high-water mark: %w", err)
	}
	if ok {
		return known, note(known, "redis", text)
	}
	return known, nil
}

func note(known map[string]backups.Mark, place string, text []byte) error {
	var m backups.Mark
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("high-water mark in %s cannot be read: %w", place, err)
	}
	known[place] = m
	return nil
}

// check fails with ErrOlder if any place has seen the database further than now.
func (m marks) check(ctx context.Context, now backups.Mark) error {
	known, err := m.read(ctx)
	if err != nil {
		return err
	}
	for place, seen := range known {
		if now.Behind(seen) {
			return fault.Wrap(fmt.Errorf("the database is at revocation %d and seal %d of generation %d, %s knows of revocation %d and seal %d of generation %d",
				now.Revocation, now.Seal, now.Generation, place, seen.Revocation, seen.Seal, seen.Generation), ErrOlder.Kind, ErrOlder.Code, "%s", ErrOlder.Detail)
		}
	}
	return nil
}

// write moves every mark to where the database is.
func (m marks) write(ctx context.Context, now backups.Mark) error {
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("high-water mark: %w", err)
	}
	if err := replaceFile(m.file, append(text, '\n')); err != nil {
		return fmt.Errorf("high-water mark: %w", err)
	}
	if m.shared == nil {
		return nil
	}
	return m.shared.Put(ctx, markPurpose, markKey, text, markLife)
}

// replaceFile writes a whole file or leaves the old one, also when power fails.
func replaceFile(name string, text []byte) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // G304: beside a file of the data directory
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// keepMark moves the marks with the database until ctx ends. It fails when the
// database is not any more the one that was opened: nothing that this replica
// remembers would be true.
func (p *parts) keepMark(ctx context.Context) error {
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	var last backups.Mark
	failing := false
	for {
		now, err := p.look(ctx, last)
		if fault.KindOf(err) == fault.Conflict {
			return err
		}
		if err == nil && now != last {
			err = p.marks.write(ctx, now)
		}
		if err != nil && ctx.Err() == nil && !failing {
			p.log.WarnContext(ctx, "the high-water mark does not move", slog.Any("error", err))
		}
		if failing = err != nil; !failing {
			last = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look reads how far the database is, and whether it still is the same.
func (p *parts) look(ctx context.Context, last backups.Mark) (backups.Mark, error) {
	if err := p.presence.Hold(ctx); err != nil {
		return backups.Mark{}, err
	}
	now, err := p.db.Mark(ctx)
	if err == nil && (now.Era != p.db.Era() || now.Behind(last)) {
		err = ErrReplaced
	}
	return now, err
}

// lastMark moves the marks once more when the broker ends.
func (p *parts) lastMark() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*markEvery)
	defer cancel()
	now, err := p.look(ctx, backups.Mark{})
	if err == nil {
		err = p.marks.write(ctx, now)
	}
	if err != nil {
		p.log.WarnContext(ctx, "the high-water mark is not the last one", slog.Any("error", err))
	}
}
