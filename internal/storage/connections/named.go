package connections

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// named are the client ids that a stored connection lets bring its provider's tokens.
func named(r connection.Record) []string {
	if e := r.Settings.Exchange; e != nil && r.Removed.IsZero() {
		return slices.Sorted(maps.Keys(e.Clients))
	}
	return nil
}

// NameClients keeps which client ids the connections of the configuration, by id, and those
// that are stored let bring their provider's tokens. Of one that is named still, it stays
// known whom it meant.
func (db *Store) NameClients(ctx context.Context, configured map[string][]string) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		all, err := sqldb.Collect(ctx, t, scanConnection, selectConnections)
		if err != nil {
			return err
		}
		clients := maps.Clone(configured)
		for _, r := range all {
			if _, taken := clients[r.Settings.ID]; !taken {
				clients[r.Settings.ID] = named(r)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(clients)) {
			if err := name(ctx, t, id, clients[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

// name keeps what one connection names.
func name(ctx context.Context, t *sqldb.Tx, connection string, clients []string) error {
	known, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT client_id FROM named_clients WHERE connection = $1`, connection)
	if err != nil {
		return err
	}
	for _, client := range known {
		if slices.Contains(clients, client) {
			continue
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM named_clients WHERE connection = $1 AND client_id = $2`, connection, client); err != nil {
			return err
		}
	}
	var rows [][]any
	for _, client := range clients {
		rows = append(rows, []any{connection, client})
	}
	return t.InsertRows(ctx, `INSERT INTO named_clients (connection, client_id) VALUES `, ` ON CONFLICT DO NOTHING`, rows)
}

// GiveUp notes whom the connections meant by a client_id that the app gives up.
func GiveUp(ctx context.Context, t *sqldb.Tx, client, app string) error {
	_, err := t.ExecContext(ctx, `UPDATE named_clients SET app = $2 WHERE client_id = $1 AND app = ''`, client, app)
	return err
}

// LapsedClient returns the internal id of the app that a connection meant by a client_id
// which that app gave up since, empty while none did.
func (db *Store) LapsedClient(ctx context.Context, connection, client string) (app string, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT app FROM named_clients WHERE connection = $1 AND client_id = $2`, connection, client).Scan(&app)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return app, sqldb.Translate(err)
}
