// Package storage keeps every noun's rows in SQLite or PostgreSQL. Nobody but it and
// its parts knows SQL: one text for both engines. A part is a package that keeps the
// rows of a noun; sqldb is the database that all of them stand on. Here they are put
// together, so that a DB is the Store of every noun.
package storage

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/admins"
	"github.com/gatehouse-io/gatehouse/internal/storage/answers"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/apps"
	"github.com/gatehouse-io/gatehouse/internal/storage/assignments"
	"github.com/gatehouse-io/gatehouse/internal/storage/auditlog"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
	"github.com/gatehouse-io/gatehouse/internal/storage/connections"
	"github.com/gatehouse-io/gatehouse/internal/storage/facts"
	"github.com/gatehouse-io/gatehouse/internal/storage/grants"
	"github.com/gatehouse-io/gatehouse/internal/storage/imports"
	"github.com/gatehouse-io/gatehouse/internal/storage/keystore"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/queues"
	"github.com/gatehouse-io/gatehouse/internal/storage/records"
	"github.com/gatehouse-io/gatehouse/internal/storage/revocations"
	"github.com/gatehouse-io/gatehouse/internal/storage/sessions"
	"github.com/gatehouse-io/gatehouse/internal/storage/signals"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
	"github.com/gatehouse-io/gatehouse/internal/storage/traces"
)

// Options say where the rows are.
type Options = sqldb.Options

// The values of Options.Driver.
const (
	SQLite   = sqldb.SQLite
	Postgres = sqldb.Postgres
)

// The parts, under names that tell them apart.
type (
	accessStore     = access.Store
	adminStore      = admins.Store
	answerStore     = answers.Store
	apiTokenStore   = apitokens.Store
	appStore        = apps.Store
	assignmentStore = assignments.Store
	auditStore      = auditlog.Store
	backupStore     = backups.Store
	connectionStore = connections.Store
	factStore       = facts.Store
	grantStore      = grants.Store
	keyStore        = keystore.Store
	peopleStore     = people.Store
	queueStore      = queues.Store
	revocationStore = revocations.Store
	sessionStore    = sessions.Store
	signalStore     = signals.Store
	traceStore      = traces.Store
)

// DB is an open database of the newest schema, as the Store of every noun. SQL and
// transactions are its parts' own: nobody else gets at them.
type DB struct {
	db *sqldb.DB
	accessStore
	adminStore
	answerStore
	apiTokenStore
	appStore
	assignmentStore
	auditStore
	backupStore
	connectionStore
	factStore
	grantStore
	keyStore
	peopleStore
	queueStore
	revocationStore
	sessionStore
	signalStore
	traceStore
	records records.Store
}

// These are of several parts each.
var (
	_ admin.Store   = (*DB)(nil)
	_ signal.People = (*DB)(nil)
)

// Open connects, migrates under a lock and returns the database.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return Of(db), nil
}

// Inspect connects to a database that is there and up to date, and changes nothing: see
// sqldb.Inspect.
func Inspect(ctx context.Context, o Options) (*DB, error) {
	db, err := sqldb.Inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	return Of(db), nil
}

// Of is a database that is open already.
func Of(db *sqldb.DB) *DB {
	return &DB{
		db: db, records: records.New(db),
		accessStore:     accessStore{DB: db},
		adminStore:      adminStore{DB: db},
		answerStore:     answerStore{DB: db},
		apiTokenStore:   apiTokenStore{DB: db},
		appStore:        appStore{DB: db},
		assignmentStore: assignmentStore{DB: db},
		auditStore:      auditStore{DB: db},
		backupStore:     backupStore{DB: db},
		connectionStore: connectionStore{DB: db},
		factStore:       factStore{DB: db},
		grantStore:      grantStore{DB: db},
		keyStore:        keyStore{DB: db},
		peopleStore:     peopleStore{DB: db},
		queueStore:      queueStore{DB: db},
		revocationStore: revocationStore{DB: db},
		sessionStore:    sessionStore{DB: db},
		signalStore:     signalStore{DB: db},
		traceStore:      traceStore{DB: db},
	}
}

// Close closes all connections.
func (db *DB) Close() error { return db.db.Close() }

// Ping fails unless the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.db.Ping(ctx) }

// Era is the database's random name, which a restore changes: what was issued in another
// one is refused.
func (db *DB) Era() string { return db.db.Era() }

// Records are what SCIM connections keep.
func (db *DB) Records() record.Store { return db.records }

// Imports are what imports and exports of the directory stand on.
func (db *DB) Imports() porting.Storage { return &imports.Store{DB: db.db} }
