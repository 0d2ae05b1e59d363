package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Tx is a change under way: the transaction and the events that tell of it.
type Tx struct {
	*sql.Tx
	conn   *sql.Conn       // of PostgreSQL's, nil for SQLite
	ctx    context.Context // the caller's, bounded: every statement runs by it
	db     *DB
	events []event.Event
}

// Tell adds events, which are written at the end of the transaction.
func (t *Tx) Tell(events ...event.Event) { t.events = append(t.events, events...) }

// Told are the events so far, oldest first; they are not for changing.
func (t *Tx) Told() []event.Event { return t.events }

// Now is what the time is by the database's clock.
func (t *Tx) Now() time.Time { return t.db.o.Now() }

// Attempt does a part of the change that may be refused: what it did and told is undone
// then, and the change goes on. Any other error is returned as err.
func (t *Tx) Attempt(ctx context.Context, do func() error, refusals ...error) (refused, err error) {
	if _, err := t.ExecContext(ctx, `SAVEPOINT one`); err != nil {
		return nil, err
	}
	told := len(t.events)
	err = do()
	for _, r := range refusals {
		if errors.Is(err, r) {
			t.events, refused = t.events[:told], err
			_, err = t.ExecContext(ctx, `ROLLBACK TO SAVEPOINT one`)
			break
		}
	}
	if err == nil {
		_, err = t.ExecContext(ctx, `RELEASE SAVEPOINT one`)
	}
	return refused, err
}

// Transact runs do in one transaction and writes the events that it told. An error
// that is wrapped by keep is returned after the commit, any other undoes all.
func (db *DB) Transact(ctx context.Context, do func(*Tx) error) error {
	raised, queued, err := db.commit(ctx, do)
	kept, isKept := errors.AsType[*keptError](err)
	if err != nil && !isKept {
		return Translate(err)
	}
	if queued && db.o.Queued != nil {
		db.o.Queued()
	}
	if raised && db.o.Raised != nil {
		if err := db.o.Raised(ctx); err != nil {
			return fmt.Errorf("the change is made, but this replica has not followed it: %w", err)
		}
	}
	if isKept {
		return kept.err
	}
	return nil
}

// keptError ends a change whose transaction is committed all the same.
type keptError struct{ err error }

func (k *keptError) Error() string { return k.err.Error() }
func (k *keptError) Unwrap() error { return k.err }

// Keep returns an error that a change ends with after its commit.
func Keep(err error) error { return &keptError{err} }

func (db *DB) commit(ctx context.Context, do func(*Tx) error) (raised, queued bool, err error) {
	db.Write.prepareWanted(ctx)
	ctx, cancel := context.WithTimeout(ctx, db.o.AnswerTime)
	defer cancel()
	if err := db.turn.take(ctx); err != nil {
		return false, false, err
	}
	defer db.turn.pass()
	sqlTx, conn, err := db.begin(ctx)
	if err != nil {
		return false, false, err
	}
	defer func() {
		_ = sqlTx.Rollback() // after a commit it does nothing
		if conn != nil {
			_ = conn.Close() // back to the others
		}
	}()
	t := &Tx{Tx: sqlTx, conn: conn, ctx: ctx, db: db}
	ended := do(t)
	if _, isKept := errors.AsType[*keptError](ended); ended != nil && !isKept {
		return false, false, ended
	}
	if raised, queued, err = t.writeEvents(ctx); err != nil {
		return false, false, err
	}
	if err := sqlTx.Commit(); err != nil {
		return false, false, err
	}
	return raised, queued, ended
}

// turn is whose change it is: at one connection database/sql lets anybody of those who
// wait go next, and some wait for many others. Nil is for no order.
type turn chan struct{}

// take waits until all who came before have passed the turn on, or ctx ends.
func (t turn) take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}: // senders go on in the order in which they came
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) pass() {
	if t != nil {
		<-t
	}
}

// begin begins a transaction, on a connection that many statements at once can be sent
// over. One that the database closed while it rested, as when it was started anew, is not
// what it fails with: nothing was done by it yet.
func (db *DB) begin(ctx context.Context) (*sql.Tx, *sql.Conn, error) {
	if !db.Postgres() {
		began, err := db.Write.BeginTx(ctx, nil)
		return began, nil, err
	}
	for try := 0; ; try++ {
		conn, err := db.Write.Conn(ctx)
		if err == nil {
			var began *sql.Tx
			if began, err = conn.BeginTx(ctx, nil); err == nil {
				return began, conn, nil
			}
			_ = conn.Close() // it does not answer
		}
		if _, none := errors.AsType[*pgconn.ConnectError](err); none || try == writers || ctx.Err() != nil {
			return nil, nil, err
		}
	}
}

// Cause is when the change under way is made, and the event that tells of it, if one
// was told yet.
func (t *Tx) Cause() (at time.Time, event string) {
	if len(t.events) == 0 {
		return t.Now().UTC().Truncate(time.Microsecond), ""
	}
	last := t.events[len(t.events)-1]
	return last.Time, last.ID
}
