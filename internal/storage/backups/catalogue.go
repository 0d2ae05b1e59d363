package backups

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// What the engines say of their own tables. Every query has one text per engine.
var (
	listColumns = map[string]string{
		sqldb.SQLite: `SELECT t.name, c.name, c.type FROM pragma_table_list t, pragma_table_xinfo(t.name) c
			WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden = 0 ORDER BY t.name, c.cid`,
		sqldb.Postgres: `SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
			JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
			WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' ORDER BY c.table_name, c.ordinal_position`,
	}
	listReferences = map[string]string{
		sqldb.SQLite: `SELECT t.name, f."table" FROM pragma_table_list t, pragma_foreign_key_list(t.name) f WHERE t.schema = 'main'`,
		sqldb.Postgres: `SELECT c.relname, r.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
			WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace`,
	}
)

// kinds are the types that migrations use, as either engine calls them.
var kinds = map[string]backup.Kind{
	"text": backup.Text, "bigint": backup.Integer, "boolean": backup.Boolean, "bytea": backup.Bytes,
}

// passing tables are not backed up: goose's own, and leases, which are over before
// anybody restores.
var passing = map[string]bool{"goose_db_version": true, "leases": true}

// tables returns the columns of every table by its name.
func tables(ctx context.Context, db *sqldb.DB) (map[string][]backup.Column, error) {
	all := map[string][]backup.Column{}
	_, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (struct{}, error) {
		var table, typ string
		var c backup.Column
		err := rows.Scan(&table, &c.Name, &typ)
		c.Kind = kinds[strings.ToLower(typ)]
		all[table] = append(all[table], c)
		return struct{}{}, err
	}, listColumns[db.Driver()])
	return all, err
}

// Contents returns the tables that a backup has: each after those that it refers to.
func Contents(ctx context.Context, db *sqldb.DB) ([]backup.Table, error) {
	columns, err := tables(ctx, db)
	if err != nil {
		return nil, err
	}
	refers := map[string][]string{}
	_, err = sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (struct{}, error) {
		var from, to string
		err := rows.Scan(&from, &to)
		refers[from] = append(refers[from], to)
		return struct{}{}, err
	}, listReferences[db.Driver()])
	if err != nil {
		return nil, err
	}
	var all []backup.Table
	placed := map[string]bool{}
	var place func(name string) error
	place = func(name string) error {
		if placed[name] || passing[name] {
			return nil
		}
		placed[name] = true
		for _, to := range refers[name] {
			if err := place(to); err != nil {
				return err
			}
		}
		for _, c := range columns[name] {
			if c.Kind == "" {
				return fmt.Errorf("column %s.%s has a type that a backup does not know", name, c.Name)
			}
		}
		all = append(all, backup.Table{Name: name, Columns: columns[name]})
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if err := place(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// names lists columns for SQL. Table and column names come from the catalogue, or
// were looked up there.
func names(columns []backup.Column) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = quoted(c.Name)
	}
	return strings.Join(all, ", ")
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
