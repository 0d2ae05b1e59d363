package people

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// What people are searched by, and which groups they are members of, is derived
// from their row into others, in the transaction that changes it. people.derived is
// the version that this was done for: where it is not people.version, a broker
// wrote the row that does not know of it, and DerivePeople makes up for it.

// Seen is what becomes of a group: how its members change, and when a sign-in told
// of it, zero for none that did.
type Seen struct {
	members int64
	at      time.Time
}

// Derivation gathers what is derived in a transaction, to be written with few
// statements.
type Derivation struct {
	Words, memberships [][]any // rows to insert
	Groups             map[identity.GroupRef]Seen
}

// derive writes what differs between two versions of a person.
func derive(ctx context.Context, t *sqldb.Tx, old, p *directory.Person) error {
	d := Derivation{Groups: map[identity.GroupRef]Seen{}}
	if err := deriveWords(ctx, t, &d, p.ID, WordsOf(old), WordsOf(p)); err != nil {
		return err
	}
	if err := deriveMemberships(ctx, t, &d, p, refsOf(old)); err != nil {
		return err
	}
	if !old.Updated.Truncate(time.Hour).Equal(p.Updated.Truncate(time.Hour)) {
		told(old, p, d.Groups)
	}
	return SaveDerived(ctx, t, &d)
}

// Rows are the words and memberships that were gathered.
func (d *Derivation) Rows() []sqldb.Rows {
	return []sqldb.Rows{
		{Insert: `INSERT INTO person_words (word, person) VALUES `, Rows: d.Words},
		{Insert: `INSERT INTO memberships (person, connection, group_id) VALUES `, Rows: d.memberships},
	}
}

// SaveDerived writes what was gathered.
func SaveDerived(ctx context.Context, t *sqldb.Tx, d *Derivation) error {
	if err := t.InsertAll(ctx, d.Rows()...); err != nil {
		return err
	}
	return SaveGroups(ctx, t, d)
}

// SaveGroups writes what was gathered of groups, after Rows.
func SaveGroups(ctx context.Context, t *sqldb.Tx, d *Derivation) error {
	return saveGroups(ctx, t, d.Groups)
}

// told notes the groups that a sign-in told of again: their membership holds longer.
func told(old, p *directory.Person, groups map[identity.GroupRef]Seen) {
	until := map[identity.GroupRef]time.Time{}
	for _, m := range old.Groups {
		until[m.Group] = m.ValidUntil
	}
	for _, m := range p.Groups {
		if was, ok := until[m.Group]; ok && m.ValidUntil.After(was) {
			groups[m.Group] = Seen{at: p.Updated}
		}
	}
}

// deriveAnew writes everything that is derived from a person, whatever is there.
func deriveAnew(ctx context.Context, t *sqldb.Tx, p *directory.Person) error {
	d := Derivation{Groups: map[identity.GroupRef]Seen{}}
	if err := deriveInto(ctx, t, &d, p); err != nil {
		return err
	}
	return SaveDerived(ctx, t, &d)
}

func deriveInto(ctx context.Context, t *sqldb.Tx, d *Derivation, p *directory.Person) error {
	words, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (string, error) {
		var word []byte
		err := rows.Scan(&word)
		return string(word), err
	}, `SELECT word FROM person_words WHERE person = $1 ORDER BY word`, p.ID)
	if err != nil {
		return err
	}
	if err := deriveWords(ctx, t, d, p.ID, words, WordsOf(p)); err != nil {
		return err
	}
	refs, err := sqldb.Collect(ctx, t, access.ScanGroupRef, `SELECT connection, group_id FROM memberships WHERE person = $1`, p.ID)
	if err != nil {
		return err
	}
	return deriveMemberships(ctx, t, d, p, refs)
}

func deriveWords(ctx context.Context, t *sqldb.Tx, d *Derivation, person string, old, words []string) error {
	for _, w := range old {
		if !slices.Contains(words, w) {
			if _, err := t.ExecContext(ctx, `DELETE FROM person_words WHERE word = $1 AND person = $2`, []byte(w), person); err != nil {
				return err
			}
		}
	}
	for _, w := range words {
		if !slices.Contains(old, w) {
			d.Words = append(d.Words, []any{[]byte(w), person})
		}
	}
	return nil
}

// refsOf returns the person's groups, each once.
func refsOf(p *directory.Person) []identity.GroupRef {
	refs := make([]identity.GroupRef, len(p.Groups))
	for i, m := range p.Groups {
		refs[i] = m.Group
	}
	slices.SortFunc(refs, compareRefs)
	return slices.Compact(refs)
}

func compareRefs(a, b identity.GroupRef) int {
	if c := strings.Compare(a.Connection, b.Connection); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// deriveMemberships changes the person's memberships and adds what that means for
// each group.
func deriveMemberships(ctx context.Context, t *sqldb.Tx, d *Derivation, p *directory.Person, old []identity.GroupRef) error {
	refs := refsOf(p)
	have := map[identity.GroupRef]bool{}
	for _, g := range old {
		have[g] = true
	}
	for _, g := range refs {
		if have[g] {
			delete(have, g)
			continue
		}
		d.memberships = append(d.memberships, []any{p.ID, g.Connection, g.ID})
		d.Groups[g] = Seen{members: d.Groups[g].members + 1, at: later(d.Groups[g].at, p.Updated)}
	}
	for g := range have {
		_, err := t.ExecContext(ctx, `DELETE FROM memberships WHERE person = $1 AND connection = $2 AND group_id = $3`, p.ID, g.Connection, g.ID)
		if err != nil {
			return err
		}
		d.Groups[g] = Seen{members: d.Groups[g].members - 1, at: d.Groups[g].at}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// saveGroups changes the groups' rows, always in one order, so that no two
// transactions wait for each other. Who joins or leaves a group waits for who does
// the same; a sign-in that changes nothing locks each group once an hour at most.
func saveGroups(ctx context.Context, t *sqldb.Tx, groups map[identity.GroupRef]Seen) error {
	refs := make([]identity.GroupRef, 0, len(groups))
	for g := range groups {
		refs = append(refs, g)
	}
	slices.SortFunc(refs, compareRefs)
	for _, g := range refs {
		s := groups[g]
		hour := sqldb.Micros(s.at.Truncate(time.Hour))
		var err error
		if s.members == 0 {
			_, err = t.ExecContext(ctx, `UPDATE upstream_groups SET last_seen = $3 WHERE connection = $1 AND group_id = $2 AND last_seen < $3`, g.Connection, g.ID, hour)
		} else {
			_, err = t.ExecContext(ctx, `INSERT INTO upstream_groups (connection, group_id, folded, words, members, first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $6)
				ON CONFLICT (connection, group_id) DO UPDATE SET members = upstream_groups.members + excluded.members,
				first_seen = CASE WHEN upstream_groups.first_seen = 0 THEN excluded.first_seen ELSE upstream_groups.first_seen END,
				last_seen = CASE WHEN upstream_groups.last_seen < excluded.last_seen THEN excluded.last_seen ELSE upstream_groups.last_seen END`,
				g.Connection, g.ID, sqldb.Cut(sqldb.Fold(g.ID), sqldb.MaxFolded), GroupWords(g.ID), s.members, hour)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// The pace of DerivePeople: how many people one transaction makes up for, so that
// no sign-in waits long, and how many one run.
const (
	deriveBatch = 100
	deriveRun   = 20_000
)

// DerivePeople makes people findable, and their groups known, whom a broker wrote
// that did not know how; and the groups that are mapped and were never seen.
func (db *Store) DerivePeople(ctx context.Context) error {
	for done := 0; done < deriveRun; done += deriveBatch {
		n, err := db.deriveSome(ctx)
		if err != nil {
			return fmt.Errorf("derive people: %w", err)
		}
		if n < deriveBatch {
			break
		}
	}
	missing, err := sqldb.Collect(ctx, db.Read, access.ScanGroupRef, `SELECT connection, group_id FROM group_mappings g WHERE NOT EXISTS (
		SELECT 1 FROM upstream_groups u WHERE u.connection = g.connection AND u.group_id = g.group_id)`)
	for i := 0; err == nil && i < len(missing); i++ {
		err = db.Transact(ctx, func(t *sqldb.Tx) error { return knowGroup(ctx, t, missing[i]) })
	}
	if err != nil {
		return fmt.Errorf("derive groups: %w", err)
	}
	return nil
}

// knowGroup makes a row of a group that nobody was seen in.
func knowGroup(ctx context.Context, t *sqldb.Tx, g identity.GroupRef) error {
	_, err := t.ExecContext(ctx, `INSERT INTO upstream_groups (connection, group_id, folded, words) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		g.Connection, g.ID, sqldb.Cut(sqldb.Fold(g.ID), sqldb.MaxFolded), GroupWords(g.ID))
	return err
}

func (db *Store) deriveSome(ctx context.Context) (n int, err error) {
	skip := ``
	if db.Postgres() {
		skip = ` FOR UPDATE SKIP LOCKED` // who is changed at this moment is derived by that
	}
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		var fresh []bool // nothing was ever derived from the person
		people, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (directory.Person, error) {
			var derived int64
			p, err := access.ScanPeople(rows, &derived)
			fresh = append(fresh, derived == 0)
			return p, err
		}, `SELECT body, version, derived FROM people WHERE derived <> version ORDER BY id LIMIT $1`+skip, deriveBatch)
		if err != nil {
			return err
		}
		n = len(people)
		d := Derivation{Groups: map[identity.GroupRef]Seen{}}
		for i := range people {
			if err := deriveOne(ctx, t, &d, &people[i], fresh[i]); err != nil {
				return err
			}
		}
		return SaveDerived(ctx, t, &d)
	})
	return n, err
}

func deriveOne(ctx context.Context, t *sqldb.Tx, d *Derivation, p *directory.Person, fresh bool) error {
	if err := access.Reassign(ctx, t, p); err != nil {
		return err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode person: %w", err)
	}
	_, err = t.ExecContext(ctx, `UPDATE people SET body = $2, folded = $3, updated = $4, derived = version WHERE id = $1`, p.ID, string(body), Folded(p), sqldb.Micros(p.Updated))
	if err != nil {
		return err
	}
	if !fresh {
		return deriveInto(ctx, t, d, p)
	}
	if err := deriveWords(ctx, t, d, p.ID, nil, WordsOf(p)); err != nil {
		return err
	}
	return deriveMemberships(ctx, t, d, p, nil)
}

// Folded is what a person is sorted by: name, address and user name in folded case.
func Folded(p *directory.Person) string {
	return sqldb.Cut(sqldb.Fold(strings.Join([]string{p.Profile.Name, p.Profile.Email, p.Profile.Username, " "}, " ")), sqldb.MaxFolded)
}

// WordsOf returns the words that a person is found by, sorted.
func WordsOf(p *directory.Person) []string {
	f := p.Profile
	return sqldb.Words(f.Name, f.Email, f.Username, f.GivenName, f.FamilyName)
}

// GroupWords returns the words of a group's id in one text, each after a space.
func GroupWords(id string) string { return " " + strings.Join(sqldb.Words(id), " ") }
