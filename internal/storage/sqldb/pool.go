package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Bounds of what a pool keeps prepared: texts are constants of this package, but
// for a few with as many marks as there are values.
const (
	maxStatements = 256
	maxStatement  = 4 << 10
)

// Row is a sql.Row whose time is bounded until it is scanned.
type Row struct {
	*sql.Row
	done context.CancelFunc
}

// Scan is sql.Row.Scan.
func (r Row) Scan(to ...any) error {
	defer r.done()
	return r.Row.Scan(to...)
}

// Pool is a sql.DB that keeps its statements prepared, since SQLite's driver
// parses a text anew each time. PostgreSQL's does it by itself.
type Pool struct {
	*sql.DB
	keeps bool
	limit time.Duration // of one statement

	mu         sync.RWMutex
	statements map[string]*sql.Stmt // nil while only wanted
	wanted     []string
}

func newPool(db *sql.DB, connections int, o Options) *Pool {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return &Pool{DB: db, keeps: o.Driver == SQLite, limit: o.AnswerTime, statements: map[string]*sql.Stmt{}}
}

// bounded is what limits the time of a statement and of the reading of its rows. A
// backup and a restore, which take as long as they take, are not.
type bounded interface {
	bound(ctx context.Context) (context.Context, context.CancelFunc)
}

// bound limits one statement and the reading of its rows.
func (p *Pool) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.limit)
}

// known returns the prepared statement, or notes that it is wanted and returns nil.
func (p *Pool) known(query string) *sql.Stmt {
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
func (p *Pool) prepareWanted(ctx context.Context) {
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
func (p *Pool) statement(ctx context.Context, query string) *sql.Stmt {
	s := p.known(query)
	if s == nil {
		p.prepareWanted(ctx)
		s = p.known(query)
	}
	return s
}

// QueryContext is sql.DB.QueryContext with a prepared statement.
func (p *Pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// unprepared is a pool for texts that are not worth keeping.
type unprepared struct{ *Pool }

// QueryContext is sql.DB.QueryContext.
func (u unprepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is sql.DB.QueryRowContext with a prepared statement.
func (p *Pool) QueryRowContext(ctx context.Context, query string, args ...any) Row {
	ctx, cancel := p.bound(ctx)
	if s := p.statement(ctx, query); s != nil {
		return Row{s.QueryRowContext(ctx, args...), cancel}
	}
	return Row{p.DB.QueryRowContext(ctx, query, args...), cancel}
}

// ExecContext is sql.DB.ExecContext with a prepared statement.
func (p *Pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, cancel := p.bound(ctx)
	defer cancel()
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

// Close closes the statements and the connections.
func (p *Pool) Close() error {
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

// bound is the transaction's own limit.
func (t *Tx) bound(context.Context) (context.Context, context.CancelFunc) { return t.ctx, func() {} }

// QueryContext is sql.Tx.QueryContext, by the time of the transaction, with a prepared statement, if there is one.
func (t *Tx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := t.db.Write.known(query); s != nil {
		return t.StmtContext(t.ctx, s).QueryContext(t.ctx, args...)
	}
	return t.Tx.QueryContext(t.ctx, query, args...)
}

// QueryRowContext is sql.Tx.QueryRowContext with a prepared statement, if there
// is one.
func (t *Tx) QueryRowContext(_ context.Context, query string, args ...any) Row {
	if s := t.db.Write.known(query); s != nil {
		return Row{t.StmtContext(t.ctx, s).QueryRowContext(t.ctx, args...), func() {}}
	}
	return Row{t.Tx.QueryRowContext(t.ctx, query, args...), func() {}}
}

// ExecContext is sql.Tx.ExecContext with a prepared statement, if there is one.
func (t *Tx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	if s := t.db.Write.known(query); s != nil {
		return t.StmtContext(t.ctx, s).ExecContext(t.ctx, args...)
	}
	return t.Tx.ExecContext(t.ctx, query, args...)
}
