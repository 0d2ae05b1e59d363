package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// SelectPerson reads the person $1, for ScanPerson and ScanDerived.
const SelectPerson = `SELECT body, version, derived FROM people WHERE id = $1`

// ScanPerson reads a person. It fails with directory.ErrPersonNotFound.
func ScanPerson(row sqldb.Row) (directory.Person, error) {
	p, _, err := ScanDerived(row)
	return p, err
}

// ScanDerived also tells whether what is derived from the row is that of its version.
func ScanDerived(row sqldb.Row) (p directory.Person, current bool, err error) {
	var derived int64
	p, err = scanOne(row, &derived)
	return p, derived == p.Version, err
}

func scanOne(row sqldb.Row, derived *int64) (directory.Person, error) {
	var p directory.Person
	var body string
	var version int64
	if err := row.Scan(&body, &version, derived); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return p, directory.ErrPersonNotFound
		}
		return p, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return p, fmt.Errorf("decode person: %w", err)
	}
	p.Version = version
	return p, nil
}

// ScanPeople scans a person and what else the query selects.
func ScanPeople(rows *sql.Rows, also ...any) (directory.Person, error) {
	var p directory.Person
	var body string
	var version int64
	err := rows.Scan(append([]any{&body, &version}, also...)...)
	if err == nil {
		err = json.Unmarshal([]byte(body), &p)
	}
	p.Version = version
	return p, err
}

// SelectMappings reads what groups are called here, for ScanMapping.
const SelectMappings = `SELECT connection, group_id, name FROM group_mappings ORDER BY connection, group_id`

// ScanMapping reads what a group is called here.
func ScanMapping(rows *sql.Rows) (m directory.Mapping, err error) {
	err = rows.Scan(&m.Group.Connection, &m.Group.ID, &m.Name)
	return m, err
}

// NameOf returns the name that a group has here, empty for none; lock is what stands
// behind the query.
func NameOf(ctx context.Context, t *sqldb.Tx, g identity.GroupRef, lock string) (name string, err error) {
	err = t.QueryRowContext(ctx, `SELECT name FROM group_mappings WHERE connection = $1 AND group_id = $2`+lock, g.Connection, g.ID).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// ScanGroupRef reads which group it is: its connection and its id there.
func ScanGroupRef(rows *sql.Rows) (g identity.GroupRef, err error) {
	err = rows.Scan(&g.Connection, &g.ID)
	return g, err
}

// ScanApp reads the body, the secrets and the version of an app. It fails with
// catalog.ErrAppNotFound.
func ScanApp(scan func(...any) error) (catalog.App, error) {
	var a catalog.App
	var body, secrets, agreements string
	var version int64
	if err := scan(&body, &secrets, &agreements, &version); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return a, catalog.ErrAppNotFound
		}
		return a, sqldb.Translate(err)
	}
	if err := errors.Join(json.Unmarshal([]byte(body), &a), json.Unmarshal([]byte(secrets), &a.Secrets), json.Unmarshal([]byte(agreements), &a.Agreements)); err != nil {
		return a, fmt.Errorf("decode app: %w", err)
	}
	a.Version = version
	return a, nil
}

// AppsDerived reports whether app_groups is that of the apps.
func AppsDerived(ctx context.Context, on sqldb.Querier) (current bool, err error) {
	counts, err := sqldb.Collect(ctx, on, sqldb.ScanCount, `SELECT number FROM counters WHERE name IN ('apps', 'apps_derived')`)
	return len(counts) == 2 && counts[0] == counts[1], err
}

// SelectAssignment reads the assignments that meet what stands behind it.
const SelectAssignment = `SELECT body FROM assignments WHERE `

// ScanAssignment reads an assignment of several.
func ScanAssignment(rows *sql.Rows) (entitlement.Assignment, error) { return ReadAssignment(rows.Scan) }

// ReadAssignment reads an assignment with the scan of its row.
func ReadAssignment(scan func(...any) error) (a entitlement.Assignment, err error) {
	var body string
	if err := scan(&body); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return a, fmt.Errorf("decode assignment: %w", err)
	}
	return a, nil
}

// Reassign makes the person's row have their assignments again.
func Reassign(ctx context.Context, t *sqldb.Tx, p *directory.Person) error {
	all, err := sqldb.Collect(ctx, t, ScanAssignment, SelectAssignment+`person <> '' AND person = $1 AND ended = 0 ORDER BY id`, p.ID)
	p.Assigned = nil
	for i := range all {
		p.Assigned = append(p.Assigned, all[i].Assigned())
	}
	return err
}
