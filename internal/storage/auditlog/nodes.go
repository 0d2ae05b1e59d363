package auditlog

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ grant.NodeStore = (*Store)(nil)

// Nodes of the exchange tree are the entries of the audit log that tell of issued
// tokens, which no index of the log has. What they have to do with is kept in
// exchanged, by the seal of the entries, when the seal is counted: a search goes from
// the newest seal backwards and reads the entries of those that can have what it looks
// for. The entries that are not counted yet are few, and are looked through.

const issuedEntries = `type = '` + tokenIssued + `'`

// IssuedToken implements grant.NodeStore.
func (db *Store) IssuedToken(ctx context.Context, id string) (grant.Node, error) {
	if !identity.IsOrderedID(id) {
		return grant.Node{}, grant.ErrNodeNotFound
	}
	at := id[:len(identity.OrderedAt(time.Time{}))]
	found, err := sqldb.Collect(ctx, db.Read, scanNode, `SELECT body FROM audit WHERE `+issuedEntries+` AND subject = $1 AND id >= $2 AND id < $3`,
		identity.Ref{Kind: identity.KindToken, ID: id}.String(), at, at+"~")
	if err == nil && len(found) == 0 {
		err = grant.ErrNodeNotFound
	}
	if err != nil {
		return grant.Node{}, err
	}
	return found[0].Node, nil
}

// foundNode is a node, and the entry that tells of it.
type foundNode struct {
	grant.Node
	entry string
}

func scanNode(rows *sql.Rows) (n foundNode, err error) {
	var body []byte
	if err := rows.Scan(&body); err != nil {
		return n, err
	}
	var e event.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return n, fmt.Errorf("decode audit entry: %w", err)
	}
	return foundNode{grant.NodeOf(e), e.ID}, nil
}

// nodeCursor is where a search goes on: with the entries before id of the seals after
// lo and up to hi, and then with those of the seals up to lo. Without hi they are those
// of all seals after lo, and of none.
type nodeCursor struct {
	lo, hi int64
	id     string
}

func (c nodeCursor) String() string {
	return sqldb.Cursor("exchange", strconv.FormatInt(c.lo, 10), strconv.FormatInt(c.hi, 10), c.id)
}

func parseNodeCursor(text string) (c nodeCursor, err error) {
	parts, ok := sqldb.ParseCursor(text, "exchange", 3)
	if !ok {
		return c, grant.ErrCursor
	}
	lo, errLo := strconv.ParseInt(parts[0], 10, 64)
	hi, errHi := strconv.ParseInt(parts[1], 10, 64)
	if errLo != nil || errHi != nil {
		return c, grant.ErrCursor
	}
	return nodeCursor{lo, hi, parts[2]}, nil
}

// nodeFinder is a search under way.
type nodeFinder struct {
	db       *Store
	all, any []grant.NodeFact
	// from bounds the ids of entries, inclusive, empty for no bound.
	from  string
	limit int
	found []foundNode
	next  string
}

// SearchNodes implements grant.NodeStore.
func (db *Store) SearchNodes(ctx context.Context, q grant.NodeQuery, now time.Time) ([]grant.Node, string, error) {
	f := nodeFinder{db: db, limit: sqldb.Limit(q.Limit)}
	f.all, f.any = q.Facts()
	if q.Live {
		f.from = identity.OrderedAt(now.Add(-grant.NodeLife))
	}
	counted, err := db.CountedSeal(ctx)
	at := nodeCursor{lo: counted, id: "~"}
	if err == nil && q.After != "" {
		at, err = parseNodeCursor(q.After)
	}
	if err == nil {
		err = f.find(ctx, at)
	}
	if err != nil {
		return nil, "", err
	}
	var nodes []grant.Node
	for _, one := range f.found {
		if (!q.Live || one.Live(now)) && (q.Of == nil || q.Of.Has(one.Node)) {
			nodes = append(nodes, one.Node)
		}
	}
	return nodes, f.next, nil
}

// How many seals a search looks at at a time, and at most, and of how many the entries
// are read for one page, a millisecond each; and how much earlier than an entry one may be
// committed that was made after it.
const (
	someSeals  = 200
	mostSeals  = 20_000
	mostOpened = 20
	lateEntry  = time.Minute
)

// find finds a page from a place on.
func (f *nodeFinder) find(ctx context.Context, at nodeCursor) error {
	if at.hi > 0 {
		if err := f.sealed(ctx, at); err != nil {
			return err
		}
	} else if err := f.uncounted(ctx, at); err != nil {
		return err
	}
	for looked, opened := 0, 0; f.next == ""; {
		seals, err := f.seals(ctx, at.lo)
		if err != nil {
			return err
		}
		for _, s := range seals {
			if f.over(s.newest) {
				return nil
			}
			at = nodeCursor{lo: s.number - 1, hi: s.number, id: "~"}
			if !f.mayHave(s.facts) {
				continue
			}
			if err := f.sealed(ctx, at); err != nil || f.next != "" {
				return err
			}
			if opened++; opened >= mostOpened && f.from == "" { // what is live is told of as a whole
				f.next = nodeCursor{lo: at.lo, hi: at.hi}.String() // nothing is left of this seal
				return nil
			}
		}
		if len(seals) < someSeals {
			return nil
		}
		if looked += len(seals); looked >= mostSeals {
			f.next = nodeCursor{lo: at.lo, hi: at.hi}.String() // nothing is left of the last seal
		}
	}
	return nil
}

// uncounted finds what is not counted. What is unsealed is read first: an entry that is
// sealed meanwhile is found twice, and not overlooked.
func (f *nodeFinder) uncounted(ctx context.Context, at nodeCursor) error {
	all, err := f.read(ctx, at, `seal = 0`)
	if err != nil {
		return err
	}
	sealed, err := f.read(ctx, at, `seal > ? AND seal <> 0`, at.lo)
	all = append(all, sealed...)
	slices.SortFunc(all, func(a, b foundNode) int { return strings.Compare(b.entry, a.entry) })
	f.add(at, slices.CompactFunc(all, func(a, b foundNode) bool { return a.entry == b.entry }))
	return err
}

// add adds nodes of one place to the page, and says where to go on once it is full.
func (f *nodeFinder) add(at nodeCursor, some []foundNode) {
	f.found = append(f.found, some...)
	if len(f.found) > f.limit {
		f.found = f.found[:f.limit]
		at.id = f.found[f.limit-1].entry
		f.next = at.String()
	}
}

// over reports whether a seal whose newest entry this is, and all before it, are before
// the bound.
func (f *nodeFinder) over(newest string) bool {
	if f.from == "" {
		return false
	}
	return newest < f.from && identity.OrderedTime(f.from).Sub(identity.OrderedTime(newest)) > lateEntry
}

// sealed finds what a seal has before a place in it.
func (f *nodeFinder) sealed(ctx context.Context, at nodeCursor) error {
	some, err := f.read(ctx, at, `seal = ? AND seal <> 0`, at.hi)
	f.add(at, some)
	return err
}

// read returns what meets the condition and is before the place, newest first: one
// more than the page has room for.
func (f *nodeFinder) read(ctx context.Context, at nodeCursor, condition string, args ...any) ([]foundNode, error) {
	var w sqldb.Where
	w.Add(condition, args...)
	id := `id || ''` // the seal is what finds them: by their ids, it would be all that there are
	if f.from != "" {
		id = `id`
		w.Add(`id >= ?`, f.from)
	}
	w.Add(id+` < ?`, at.id)
	f.bindFacts(&w)
	return sqldb.List(ctx, f.db.DB, scanNode, `SELECT body FROM audit`+w.String()+` ORDER BY `+id+` DESC LIMIT `+strconv.Itoa(f.limit-len(f.found)+1), w.Args...)
}

// exchangedSeal is a seal with the facts of its nodes.
type exchangedSeal struct {
	number int64
	newest string
	facts  []byte
}

// seals returns some seals with nodes up to a number, newest first.
func (f *nodeFinder) seals(ctx context.Context, upTo int64) ([]exchangedSeal, error) {
	return sqldb.Collect(ctx, f.db.Read, func(rows *sql.Rows) (s exchangedSeal, err error) {
		err = rows.Scan(&s.number, &s.newest, &s.facts)
		return s, err
	}, `SELECT seal, newest, facts FROM exchanged WHERE seal <= $1 ORDER BY seal DESC LIMIT $2`, upTo, someSeals)
}

const factSize = 8

// packFacts writes sorted hashes as exchanged has them.
func packFacts(hashes []uint64) []byte {
	packed := make([]byte, 0, factSize*len(hashes))
	for _, h := range hashes {
		packed = binary.BigEndian.AppendUint64(packed, h)
	}
	return packed
}

// mayHave reports whether nodes with these facts can be what is looked for.
func (f *nodeFinder) mayHave(packed []byte) bool {
	has := func(fact grant.NodeFact) bool {
		wanted := fact.Hash()
		at := sort.Search(len(packed)/factSize, func(i int) bool { return binary.BigEndian.Uint64(packed[factSize*i:]) >= wanted })
		return at < len(packed)/factSize && binary.BigEndian.Uint64(packed[factSize*at:]) == wanted
	}
	return slices.ContainsFunc(f.any, has) && !slices.ContainsFunc(f.all, func(fact grant.NodeFact) bool { return !has(fact) })
}

// bindFacts adds what holds for every node. A fact is looked for in the bytes of the
// entry. It is found as a fact only: within a text quotes are escaped.
func (f *nodeFinder) bindFacts(w *sqldb.Where) {
	w.Add(issuedEntries)
	has := func(fact grant.NodeFact) string { return w.Bind(f.db.contains(`body`), needle(fact)) }
	for _, fact := range append([]grant.NodeFact{{}}, f.all...) { // that there is a mode is what makes it a node
		w.Add(has(fact))
	}
	var any []string
	for _, fact := range f.any {
		any = append(any, has(fact))
	}
	w.Add(`(` + strings.Join(any, ` OR `) + `)`)
}

// contains is the condition that a column's bytes have others in them.
func (db *Store) contains(column string) string {
	if db.Postgres() {
		return `position(CAST(? AS BYTEA) IN ` + column + `) > 0`
	}
	return `instr(` + column + `, CAST(? AS BLOB)) > 0`
}

// needle is a fact as it stands in an entry; that of all nodes is their mode.
func needle(f grant.NodeFact) []byte {
	if f.Value == "" {
		return []byte(`"mode":"`)
	}
	value, err := json.Marshal(f.Value)
	if err != nil {
		panic(err) // a string always encodes
	}
	return append([]byte(`"`+f.Name+`":`), value...)
}
