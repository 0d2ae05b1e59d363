package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// size is how much a broker holds beside what a row uses: what is "flat" is measured
// at both.
type size struct {
	name         string
	apps, people int
}

var few = size{"", 10, 1_000}

// clustered are the rows of a broker on PostgreSQL and Redis.
func clustered(s size) []endpoint {
	var all []endpoint
	for _, e := range endpoints() {
		if e.stock > 0 && e.half == "" {
			e.name += "_postgres" + s.name
			all = append(all, e)
		}
	}
	return all
}

// onCluster calls then with a broker on PostgreSQL and Redis, for each size with a
// wanted row.
func (b *bench) onCluster(ctx context.Context, wanted func(string) bool, then func([]part) error) error {
	var parts []part
	todo := func() error { return then(parts) }
	for _, s := range []size{few, b.many} {
		rows := clustered(s)
		if !anyWanted(rows, wanted) {
			continue
		}
		next := todo
		todo = func() error {
			return live.Play(ctx, b.binary, func(on *live.Stage) error {
				t, err := newCluster(on, s)
				if err != nil {
					return err
				}
				parts = append(parts, b.endpoints(t, rows, wanted))
				return next()
			})
		}
	}
	return todo()
}

func anyWanted(rows []endpoint, wanted func(string) bool) bool {
	for _, e := range rows {
		if wanted(e.name) {
			return true
		}
	}
	return false
}

// newCluster starts a broker of that size.
func newCluster(on *live.Stage, s size) (*target, error) {
	ctx := on.Context()
	pg, redis := testkit.NewPostgres(on), testkit.Redis(on)
	address, err := on.Address()
	if err != nil {
		return nil, err
	}
	p := on.Process("broker", address, live.External(pg, redis)...)
	if _, err := p.Start(ctx); err != nil {
		return nil, err
	}
	on.Cleanup(func() { _ = p.Stop() })
	if err := on.Populate(ctx, p.Socket()); err != nil {
		return nil, err
	}
	t := &target{pid: p.PID(), servers: []int{pg.PID(), redis.PID()}, facts: on.Facts(), exchangers: &exchangers{}}
	if t.cookie, err = on.SignIn(ctx, "alice"); err != nil {
		return nil, err
	}
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Socket())
	}}}
	if err := t.exchangers.apply(ctx, socket, "http://broker", ""); err != nil {
		return nil, err
	}
	return t, ballast(ctx, pg.DSN, s)
}

// ballast fills the database with people and apps that no row uses.
func ballast(ctx context.Context, dsn string, s size) error {
	on, err := sql.Open("pgx", dsn)
	if err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	defer func() { _ = on.Close() }()
	// Derived rows as they are stored, so that no job has to make up for anything.
	for _, statement := range []struct {
		text string
		n    int
	}{
		{`INSERT INTO people (id, body, disabled, version, derived, folded, updated)
		  SELECT 'ballast' || i, json_build_object('id', 'ballast' || i, 'identities', json_build_array(json_build_object('connection', 'acme', 'subject', 'ballast' || i)),
		    'profile', json_build_object('name', 'Ballast ' || i, 'username', 'ballast' || i), 'created', '2026-01-01T00:00:00Z', 'updated', '2026-01-01T00:00:00Z', 'version', 1)::text,
		    false, 1, 1, 'ballast ' || i, i FROM generate_series(1, $1::int) i`, s.people},
		{`INSERT INTO identities (connection, subject, person) SELECT 'acme', 'ballast' || i, 'ballast' || i FROM generate_series(1, $1::int) i`, s.people},
		{`INSERT INTO apps (id, name, client_id, body, secrets, version)
		  SELECT 'ballast' || i, 'ballast-' || i, 'ballast-' || i, replace(replace(body, id, 'ballast' || i), name, 'ballast-' || i), secrets, version
		  FROM apps, generate_series(1, $1::int) i WHERE name = '` + secretDesk + `'`, s.apps},
	} {
		if _, err := on.ExecContext(ctx, statement.text, statement.n); err != nil {
			return fmt.Errorf("ballast: %w", err)
		}
	}
	if _, err := on.ExecContext(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	if _, err := on.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name = 'apps'`); err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	time.Sleep(time.Second + time.Duration(s.apps)*100*time.Microsecond) // until the broker has read them
	return nil
}

// cpuOfServers returns the CPU time of processes and their children.
func cpuOfServers(pids []int) (sum time.Duration, err error) {
	ours := map[int]bool{}
	for _, pid := range pids {
		ours[pid] = true
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("processes: %w", err)
	}
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if ours[pid] || ours[parent(file)] {
			if used, err := cpuIn(pid, 11, 15); err == nil {
				sum += used
			}
		}
	}
	return sum, nil
}

// parent reads the id of a process's parent, 0 for a process that has ended.
func parent(stat string) int {
	body, err := os.ReadFile(stat) //nolint:gosec // G304: below /proc
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(body), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(fields[1])
	return pid
}
