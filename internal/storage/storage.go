// Package storage keeps every noun's rows in SQLite or PostgreSQL. Nobody else knows
// SQL: one text for both engines. sqldb is the database itself.
package storage

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Options say where the rows are.
type Options = sqldb.Options

// The values of Options.Driver.
const (
	SQLite   = sqldb.SQLite
	Postgres = sqldb.Postgres
)

// DB is an open database of the newest schema, as every noun's Store.
type DB struct {
	*sqldb.DB
	pushed growth
}

// Open connects, migrates under a lock and returns the database.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return Of(db), nil
}

// Inspect is sqldb.Inspect.
func Inspect(ctx context.Context, o Options) (*DB, error) {
	db, err := sqldb.Inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	return Of(db), nil
}

// Of is what an open database keeps.
func Of(db *sqldb.DB) *DB { return &DB{DB: db} }
