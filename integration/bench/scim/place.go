package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// connection is the one of the demo that people are pushed over.
const connection = "acme"

// place is a broker on one engine, which is filled while it does not run.
type place struct {
	on      *live.Stage
	options storage.Options
	broker  *live.Process
	servers []int // processes of the database
	token   string
}

// open starts what the broker stands on and makes a SCIM token.
func open(on *live.Stage, driver string) (*place, error) {
	p := &place{on: on, options: storage.Options{
		Driver: driver, Now: time.Now, Log: slog.New(slog.DiscardHandler), AnswerTime: time.Minute,
		Raised: func(context.Context) error { return nil },
	}}
	address, err := on.Address()
	if err != nil {
		return nil, err
	}
	env := []string{"GATEHOUSE_LIMITS_SCIM=0"}
	if driver == storage.Postgres {
		pg, redis := testkit.NewPostgres(on), testkit.Redis(on)
		p.options.DSN, p.servers, env = pg.DSN, []int{pg.PID()}, append(env, live.External(pg, redis)...)
	}
	p.broker = on.Process("broker", address, env...)
	p.options.Dir = p.broker.Data
	if err := os.MkdirAll(p.broker.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return p, p.store(func(s *record.Service) (err error) {
		_, p.token, err = s.CreateToken(on.Context(), connection, record.NewToken{Name: "bench"}, identity.System("bench"))
		return err
	})
}

// store opens the database past the broker, which must not run.
func (p *place) store(do func(*record.Service) error) (err error) {
	db, err := storage.Open(p.on.Context(), p.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(record.NewService(record.Options{
		Store: db.Records(), Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil }, Now: time.Now, Log: p.options.Log,
	}))
}

// tend does what PostgreSQL does by itself in its time, so that it does not while
// something is measured.
func (p *place) tend() error {
	if p.options.Driver != storage.Postgres {
		return nil
	}
	on, err := sql.Open("pgx", p.options.DSN)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	_, err = on.ExecContext(p.on.Context(), `VACUUM ANALYZE`)
	return errors.Join(err, on.Close())
}

// serve runs the broker while something is measured.
func (p *place) serve(measure func(context.Context) error) (err error) {
	if _, err := p.broker.Start(p.on.Context()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.broker.Stop()) }()
	return measure(p.on.Context())
}

// base is the address of the connection's SCIM.
func (p *place) base() string { return p.on.Issuer() + "/scim/v2/" + connection }

// used is the CPU time of the broker and of the database, so far.
func (p *place) used() (broker, servers time.Duration, err error) {
	if broker, err = live.CPU(p.broker.PID()); err == nil && len(p.servers) > 0 {
		servers, err = live.CPUOfServers(p.servers)
	}
	return broker, servers, err
}
