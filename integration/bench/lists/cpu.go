package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// meter tells how much CPU time this process and PostgreSQL's used: what a list
// costs also while others keep the machine busy.
type meter struct {
	on   *sql.DB // nil for SQLite, which runs in this process
	pids []string
}

func newMeter(ctx context.Context, o storage.Options) (*meter, error) {
	m := &meter{}
	if o.Driver == storage.SQLite {
		return m, nil
	}
	var err error
	m.on, err = open(o)
	return m, err
}

func (m *meter) close() error {
	if m.on == nil {
		return nil
	}
	return m.on.Close()
}

// refresh finds the processes that serve the product's connections.
func (m *meter) refresh(ctx context.Context) error {
	if m.on == nil {
		return nil
	}
	rows, err := m.on.QueryContext(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		return fmt.Errorf("find backends: %w", err)
	}
	defer func() { _ = rows.Close() }()
	m.pids = nil
	for rows.Next() {
		var pid string
		if err := rows.Scan(&pid); err != nil {
			return fmt.Errorf("find backends: %w", err)
		}
		m.pids = append(m.pids, pid)
	}
	return rows.Err()
}

// used returns what was used so far. Processes that cannot be looked at count as idle.
func (m *meter) used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	sum := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	for _, pid := range m.pids {
		body, err := os.ReadFile("/proc/" + pid + "/schedstat") //nolint:gosec // G304: process ids of PostgreSQL; nanoseconds on a CPU, and others
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(body), " ")
		if n, err := strconv.ParseInt(first, 10, 64); err == nil {
			sum += time.Duration(n)
		}
	}
	return sum
}
