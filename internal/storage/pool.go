package storage

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// Bounds of what a pool keeps prepared: texts are constants of this package, but
// for a few with as many marks as there are values.
const (
	maxStatements = 256
	maxStatement  = 4 << 10
)

// pool is a sql.DB that keeps its statements prepared, since SQLite's driver
// parses a text anew each time. PostgreSQL's does it by itself.
type pool struct {
	*sql.DB
	keeps bool

	mu         sync.RWMutex
	statements map[string]*sql.Stmt // nil while only wanted
	wanted     []string
}

func newPool(driver, dsn string, connections int) (*pool, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &pool{DB: db, keeps: driver == "sqlite", statements: map[string]*sql.Stmt{}}, nil
}

// known returns the prepared statement, or notes that it is wanted and returns nil.
func (p *pool) known(query string) *sql.Stmt {
	if !p.keeps {
		return nil
	}
	p.mu.RLock()
	s, noted := p.statements[query]
	p.mu.RUnlock()
	if noted || len(query) > maxStatement {
		return s
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, noted := p.statements[query]; !noted && len(p.statements) < maxStatements {
		p.statements[query] = nil
		p.wanted = append(p.wanted, query)
	}
	return nil
}

// prepareWanted prepares what known missed. It is not for use within a
// transaction, which holds the connection that it needs. A text that cannot be
// prepared is run as it is, and tells its fault then.
func (p *pool) prepareWanted(ctx context.Context) {
	p.mu.RLock()
	none := len(p.wanted) == 0
	p.mu.RUnlock()
	if none {
		return
	}
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, query := range wanted {
		s, err := p.PrepareContext(context.WithoutCancel(ctx), query)
		if err != nil {
			continue
		}
		p.mu.Lock()
		p.statements[query] = s
		p.mu.Unlock()
	}
}

// statement returns the prepared statement, nil for a text that is not kept.
func (p *pool) statement(ctx context.Context, query string) *sql.Stmt {
	s := p.known(query)
	if s == nil {
		p.prepareWanted(ctx)
		s = p.known(query)
	}
	return s
}

// QueryContext is sql.DB.QueryContext with a prepared statement.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is sql.DB.QueryRowContext with a prepared statement.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// ExecContext is sql.DB.ExecContext with a prepared statement.
func (p *pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

// Close closes the statements and the connections.
func (p *pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.statements {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, p.DB.Close())...)
}

// QueryContext is sql.Tx.QueryContext with a prepared statement, if there is one.
func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := t.db.write.known(query); s != nil {
		return t.StmtContext(ctx, s).QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

// QueryRowContext is sql.Tx.QueryRowContext with a prepared statement, if there
// is one.
func (t *tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := t.db.write.known(query); s != nil {
		return t.StmtContext(ctx, s).QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// ExecContext is sql.Tx.ExecContext with a prepared statement, if there is one.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := t.db.write.known(query); s != nil {
		return t.StmtContext(ctx, s).ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}
