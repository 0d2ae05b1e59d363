package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// place is a broker beside the demo's: what it stands on, how it is set, and how much it
// holds beside what a row uses. What is "flat" is measured with few and with many.
type place struct {
	suffix       string // of the rows' names
	servers      bool   // PostgreSQL and Redis
	apps, people int
	env          []string
	rows         []string // which; empty is all that exchange
}

func places(manyApps, manyPeople int) []place {
	all := []place{
		{suffix: "_postgres", servers: true, apps: 10, people: 1_000},
		{suffix: "_postgres_many", servers: true, apps: manyApps, people: manyPeople},
	}
	for _, window := range []string{"0s", "1ms", "2ms", "5ms"} {
		all = append(all, place{suffix: "_window_" + window, env: []string{"GATEHOUSE_AUDIT_WINDOW=" + window}, rows: []string{"exchange"}})
	}
	return all
}

// endpoints are the rows of a place.
func (p place) endpoints() []endpoint {
	var all []endpoint
	for _, e := range endpoints() {
		if e.stock > 0 && e.half == "" && (len(p.rows) == 0 || slices.Contains(p.rows, e.name)) {
			e.name += p.suffix
			all = append(all, e)
		}
	}
	return all
}

// elsewhere calls then with the rows of every place that has a wanted one.
func (b *bench) elsewhere(ctx context.Context, wanted func(string) bool, then func([]part) error) error {
	var parts []part
	todo := func() error { return then(parts) }
	for _, p := range b.places {
		rows := p.endpoints()
		if !slices.ContainsFunc(rows, func(e endpoint) bool { return wanted(e.name) }) {
			continue
		}
		next := todo
		todo = func() error {
			return live.Play(ctx, b.binary, func(on *live.Stage) error {
				t, err := p.start(on)
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

// start starts the broker of a place.
func (p place) start(on *live.Stage) (*target, error) {
	ctx := on.Context()
	address, err := on.Address()
	if err != nil {
		return nil, err
	}
	var servers []int
	var dsn string
	env := p.env
	if p.servers {
		pg, redis := testkit.NewPostgres(on), testkit.Redis(on)
		servers, dsn = []int{pg.PID(), redis.PID()}, pg.DSN
		env = append(live.External(pg, redis), env...)
	}
	broker := on.Process("broker", address, env...)
	if _, err := broker.Start(ctx); err != nil {
		return nil, err
	}
	on.Cleanup(func() { _ = broker.Stop() })
	if err := on.Populate(ctx, broker.Socket()); err != nil {
		return nil, err
	}
	t := &target{pid: broker.PID(), servers: servers, facts: on.Facts(), exchangers: &exchangers{}}
	if t.cookie, err = on.SignIn(ctx, "alice"); err != nil {
		return nil, err
	}
	socket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", broker.Socket())
	}}}
	if err := t.exchangers.apply(ctx, socket, "http://broker", ""); err != nil {
		return nil, err
	}
	if p.apps+p.people > 0 {
		err = p.ballast(ctx, dsn)
	}
	if err == nil && p.apps > 0 {
		err = t.knows(ctx, fmt.Sprint("ballast-", p.apps))
	}
	return t, err
}

// knows asks for a token as a client of the ballast, which has the secret of the desk that
// it is a copy of, until the broker has read the client. It gives up after a minute.
func (t *target) knows(ctx context.Context, client string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.facts.Issuer+"/token", strings.NewReader("grant_type=client_credentials"))
		if err != nil {
			return fmt.Errorf("ask as %s: %w", client, err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(client, t.exchangers.secrets[secretDesk])
		if _, err = read(http.DefaultClient, req, http.StatusOK); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the broker does not know %s: %w", client, err)
		case <-again.C:
		}
	}
}

// ballast fills the database with people and apps that no row uses.
func (p place) ballast(ctx context.Context, dsn string) error {
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
		    false, 1, 1, 'ballast ' || i, i FROM generate_series(1, $1::int) i`, p.people},
		{`INSERT INTO identities (connection, subject, person) SELECT 'acme', 'ballast' || i, 'ballast' || i FROM generate_series(1, $1::int) i`, p.people},
		{`INSERT INTO apps (id, name, client_id, body, secrets, version)
		  SELECT 'ballast' || i, 'ballast-' || i, 'ballast-' || i, replace(replace(body, id, 'ballast' || i), name, 'ballast-' || i), secrets, version
		  FROM apps, generate_series(1, $1::int) i WHERE name = '` + secretDesk + `'`, p.apps},
		{`INSERT INTO app_groups (name, app)
		  SELECT g.name, 'ballast' || i FROM app_groups g JOIN apps a ON a.id = g.app, generate_series(1, $1::int) i WHERE a.name = '` + secretDesk + `'`, p.apps},
		{`INSERT INTO app_facts (name, app, version, title, state, disabled, team, owner, member_groups, words, created, updated)
		  SELECT 'ballast-' || i, 'ballast' || i, version, title, state, disabled, team, owner, member_groups, words, created, updated
		  FROM app_facts, generate_series(1, $1::int) i WHERE name = '` + secretDesk + `'`, p.apps},
		{`INSERT INTO app_owners (app, name, primary_owner, orphaned, turned, body)
		  SELECT 'ballast' || i, 'ballast-' || i, primary_owner, orphaned, turned, replace(replace(body, app, 'ballast' || i), name, 'ballast-' || i)
		  FROM app_owners, generate_series(1, $1::int) i WHERE name = '` + secretDesk + `'`, p.apps},
	} {
		if _, err := on.ExecContext(ctx, statement.text, statement.n); err != nil {
			return fmt.Errorf("ballast: %w", err)
		}
	}
	// As a database that was not filled a minute ago: it would be vacuumed beside the rows.
	if _, err := on.ExecContext(ctx, `VACUUM ANALYZE`); err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	if _, err := on.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name IN ('apps', 'apps_derived', 'app_facts', 'app_owners')`); err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	return nil
}
