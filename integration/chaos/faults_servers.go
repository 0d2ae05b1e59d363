package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// always is a step that cannot fail.
func always(do func()) func() error { return func() error { do(); return nil } }

// redisFaults takes the shared memory away.
func redisFaults(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		redis := testkit.Redis(s)
		f, err := s.behindRelay(o, r, testkit.NewPostgres(s), redis)
		if err != nil {
			return err
		}
		return f.sufferAll(
			fault{name: "Redis killed and started empty", begin: always(redis.Stop), over: always(redis.Start), tokens: true, issuing: true, allowed: refusedProof},
			fault{name: "Redis standing still", begin: always(redis.Pause), over: always(redis.Resume), tokens: true, issuing: true, allowed: refusedProof},
		)
	})
}

// frozen is beyond every time that an answer may take.
const frozen = 20 * time.Second

// postgresFaults takes the database away.
func postgresFaults(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		pg := testkit.NewPostgres(s)
		f, err := s.behindRelay(o, r, pg, testkit.Redis(s))
		if err != nil {
			return err
		}
		return f.sufferAll(
			fault{name: "PostgreSQL stopped and started", begin: always(pg.Stop), over: always(pg.Start)},
			fault{name: "the network to PostgreSQL standing still", begin: always(f.network.Freeze), over: always(f.network.Thaw), lasts: frozen},
			fault{name: "PostgreSQL moved, old connections dead", begin: always(f.network.Freeze), over: always(f.network.Replace)},
		)
	})
}

// behindRelay starts a broker whose connections to PostgreSQL can be frozen.
func (s *stage) behindRelay(o options, r *report, pg *testkit.PostgresServer, redis *testkit.RedisServer) (*faulting, error) {
	dsn, err := url.Parse(pg.DSN)
	if err != nil {
		return nil, err
	}
	network := testkit.NewRelay(s, dsn.Host)
	dsn.Host = network.Address
	address, err := s.Address()
	if err != nil {
		return nil, err
	}
	behind := &testkit.PostgresServer{DSN: dsn.String()}
	f, err := s.begun(o, r, s.Process("broker", address, live.External(behind, redis)...))
	if err == nil {
		f.network = network
	}
	return f, err
}

// diskSize holds the database of some minutes of load.
const diskSize = 96 << 20

// diskFull fills the disk that SQLite and its log are on: a small tmpfs.
func diskFull(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		address, err := s.Address()
		if err != nil {
			return err
		}
		p := s.Process("broker", address)
		if err := os.MkdirAll(p.Data, 0o700); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", p.Data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskSize)); err != nil {
			return fmt.Errorf("mount a small disk, which takes root: %w", err)
		}
		s.Cleanup(func() { _ = syscall.Unmount(p.Data, syscall.MNT_DETACH) })
		f, err := s.begun(o, r, p)
		if err != nil {
			return err
		}
		ballast := filepath.Join(p.Data, "ballast")
		return f.sufferAll(fault{
			name: "disk full", begin: func() error { return fill(ballast) }, over: func() error { return os.Remove(ballast) },
		})
	})
}

// fill writes a file until the disk is full.
func fill(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := file.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	return nil
}
