package index

import (
	"bytes"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// A filter becomes conditions on the rows of one connection, of the table that is
// called r. Paths and values are bound, never written into the text. Everything that
// it looks at is there or is not, so that no condition is ever unknown, as package
// filter wants it.

// The cost of the parts of a filter: one that an index answers, one that reads a column
// of every record, one that reads the values of every record; and of all together.
const (
	costIndexed = 1
	costColumn  = 2
	costScan    = 8
	mostCost    = 64
)

// compiler turns a filter into conditions.
type compiler struct {
	*sqldb.Where
	db         *sqldb.DB
	kind       Kind
	connection string
	cost       int
	fault      error
}

// filter adds a filter to the conditions of a query.
func (c *compiler) filter(e filter.Expr) error {
	if e == nil {
		return nil
	}
	text := c.expr(e, "")
	if c.fault == nil && c.cost > mostCost {
		c.fault = record.ErrCost.At("filter")
	}
	c.Add(text)
	return c.fault
}

// expr returns a condition. element is the alias of the row whose element it is about,
// empty for none.
func (c *compiler) expr(e filter.Expr, element string) string {
	switch e := e.(type) {
	case filter.And:
		return `(` + c.expr(e.L, element) + ` AND ` + c.expr(e.R, element) + `)`
	case filter.Or:
		return `(` + c.expr(e.L, element) + ` OR ` + c.expr(e.R, element) + `)`
	case filter.Not:
		return `NOT ` + c.expr(e.X, element)
	case filter.Present:
		return c.present(e.Path, element)
	case filter.Compare:
		return c.compare(e, element)
	case filter.Within:
		if element == "" {
			return c.within(e)
		}
	}
	return c.refuse()
}

// refuse notes that a part of the filter cannot be evaluated.
func (c *compiler) refuse() string {
	c.fault = record.ErrFilter
	return `1 = 0`
}

func (c *compiler) present(p filter.Path, element string) string {
	if col, ok := c.kind.column(p); ok {
		switch col.as {
		case exactColumn:
			c.cost += costColumn
			return `length(` + col.name + `) > 0`
		case foldedColumn, textColumn, flagColumn, timeColumn:
			return `1 = 1`
		}
	}
	switch {
	case p.Attribute == "meta" && p.URN == "" && p.Sub == "", p.Attribute == "schemas" && p.URN == "":
		return `1 = 1`
	case c.isMembers(p):
		c.cost += costScan
		return `r.id IN (SELECT ` + c.kind.own + ` FROM record_members WHERE ` + c.Bind(`connection = ?`, c.connection) + ` AND until = 0)`
	case p.URN == "" && reserved[p.Attribute]:
		return c.refuse()
	}
	return c.value(p.String(), ``, costScan, element)
}

// isMembers reports whether a path is that of who is in what.
func (c *compiler) isMembers(p filter.Path) bool {
	return p.URN == "" && p.Attribute == c.kind.members && (p.Sub == "" || p.Sub == "value")
}

func (c *compiler) compare(e filter.Compare, element string) string {
	switch {
	case e.Op == filter.Ne:
		e.Op = filter.Eq
		return `NOT ` + c.compare(e, element)
	case e.Value.Kind == filter.Null:
		return `NOT ` + c.present(e.Path, element)
	}
	if col, ok := c.kind.column(e.Path); ok {
		return c.compareColumn(col, e)
	}
	if c.isMembers(e.Path) {
		if e.Op != filter.Eq || e.Value.Kind != filter.Text {
			return c.refuse()
		}
		c.cost += costIndexed
		return `r.id IN (SELECT ` + c.kind.own + ` FROM record_members WHERE ` + c.Bind(`connection = ? AND `+c.kind.other+` = ?`, c.connection, e.Value.Text) + ` AND until = 0)`
	}
	if e.Path == (filter.Path{Attribute: "meta", Sub: "resourceType"}) && e.Op == filter.Eq {
		return constant(e.Value.Text == c.kind.name)
	}
	if e.Path.URN == "" && reserved[e.Path.Attribute] {
		return c.refuse()
	}
	path, cost := e.Path.String(), costScan
	if e.Value.Kind == filter.Time {
		path += timePath
	}
	if e.Op == filter.Eq || e.Op == filter.Sw && e.Value.Text != "" {
		cost = costIndexed
	}
	return c.value(path, ` AND `+c.key(e, "v"), cost, element)
}

func constant(holds bool) string {
	if holds {
		return `1 = 1`
	}
	return `1 = 0`
}

// value is that a value at the path meets a condition on the row v.
func (c *compiler) value(path, condition string, cost int, element string) string {
	c.cost += cost
	if element != "" {
		return `EXISTS (SELECT 1 FROM record_values v WHERE v.record = ` + element + `.record AND v.element = ` + element + `.element AND ` +
			c.Bind(`v.path = ?`, c.kind.prefix+path) + condition + `)`
	}
	return `r.id IN (SELECT v.record FROM record_values v WHERE ` + c.Bind(`v.connection = ? AND v.path = ?`, c.connection, c.kind.prefix+path) + condition + `)`
}

// within is that one element meets all. The rows to begin with are those that an index
// finds by one of the conditions that all must meet, or else all elements.
func (c *compiler) within(e filter.Within) string {
	if c.isMembers(e.Path) {
		x, ok := e.X.(filter.Compare)
		if !ok || x.Op == filter.Ne {
			return c.refuse()
		}
		return c.compare(x, "")
	}
	if e.Path.URN == "" && reserved[e.Path.Attribute] {
		return c.refuse()
	}
	first, path, rest := -1, e.Path.String(), conjuncts(e.X)
	condition := ``
	for i, x := range rest {
		if is, ok := x.(filter.Compare); ok && is.Op == filter.Eq && is.Value.Kind == filter.Text && is.Path.Sub != "type" {
			first, path, condition = i, is.Path.String(), ` AND `+c.key(is, "e")
		}
	}
	if first < 0 {
		c.cost += costScan
	} else {
		c.cost += costIndexed
	}
	text := `r.id IN (SELECT e.record FROM record_values e WHERE ` + c.Bind(`e.connection = ? AND e.path = ?`, c.connection, c.kind.prefix+path) + condition
	cost := c.cost
	for i, x := range rest {
		if i != first {
			text += ` AND ` + c.expr(x, "e")
		}
	}
	c.cost = cost + len(rest)*costIndexed // looked up for each element that was found
	return text + `)`
}

// conjuncts are the expressions that all must hold.
func conjuncts(e filter.Expr) []filter.Expr {
	if and, ok := e.(filter.And); ok {
		return append(conjuncts(and.L), conjuncts(and.R)...)
	}
	return []filter.Expr{e}
}

// key is a condition on the key of a row of values.
func (c *compiler) key(e filter.Compare, alias string) string {
	key, index := alias+`.key`, `substr(`+alias+`.key, 1, `+strconv.Itoa(indexed)+`)`
	switch e.Value.Kind {
	case filter.Text:
		folded := []byte(filter.Fold(e.Value.Text))
		if !e.Of.CaseExact {
			return c.text(e.Op, key, index, folded)
		}
		exact := `coalesce(` + alias + `.exact, ` + key + `)`
		condition := c.text(e.Op, exact, exact, []byte(e.Value.Text))
		if e.Op == filter.Eq || e.Op == filter.Sw {
			condition = c.text(e.Op, key, index, folded) + ` AND ` + condition
		}
		return condition
	case filter.Bool:
		return c.order(e.Op, key, []byte(strconv.FormatBool(e.Value.Bool)))
	case filter.Number:
		return c.order(e.Op, key, numberKey(e.Value.Number))
	case filter.Time:
		return c.order(e.Op, key, timeKey(e.Value.Time))
	case filter.Null:
	}
	return c.refuse()
}

// text compares texts: key as a whole, or index, what an index has of it.
func (c *compiler) text(op filter.Op, key, index string, with []byte) string {
	length := strconv.Itoa(len(with))
	switch op {
	case filter.Eq:
		if len(with) < indexed || key == index {
			return c.Bind(index+` = ?`, with)
		}
		return c.Bind(index+` = ? AND `+key+` = ?`, with[:indexed], with)
	case filter.Sw:
		if len(with) == 0 {
			return `1 = 1`
		}
		begins := with[:min(len(with), indexed)]
		condition := c.Bind(index+` >= ?`, begins)
		if after, ok := behind(begins); ok {
			condition += c.Bind(` AND `+index+` < ?`, after)
		}
		return condition + c.Bind(` AND substr(`+key+`, 1, `+length+`) = ?`, with)
	case filter.Ew:
		return c.Bind(`length(`+key+`) >= `+length+` AND substr(`+key+`, length(`+key+`) - `+length+` + 1) = ?`, with)
	case filter.Co:
		if c.db.Postgres() {
			return c.Bind(`position(? IN `+key+`) > 0`, with)
		}
		return c.Bind(`instr(`+key+`, ?) > 0`, with)
	case filter.Gt, filter.Ge, filter.Lt, filter.Le:
		return c.order(op, key, with)
	case filter.Ne:
	}
	return c.refuse()
}

// behind is the first of the bytes that begin with no more what b is.
func behind(b []byte) ([]byte, bool) {
	b = bytes.TrimRight(b, "\xff")
	if len(b) == 0 {
		return nil, false
	}
	b = bytes.Clone(b)
	b[len(b)-1]++
	return b, true
}

var orders = map[filter.Op]string{filter.Eq: ` = ?`, filter.Gt: ` > ?`, filter.Ge: ` >= ?`, filter.Lt: ` < ?`, filter.Le: ` <= ?`}

// order compares what sorts as it is.
func (c *compiler) order(op filter.Op, key string, with any) string {
	sign, ok := orders[op]
	if !ok {
		return c.refuse()
	}
	return c.Bind(key+sign, with)
}

func (c *compiler) compareColumn(col column, e filter.Compare) string {
	c.cost += costIndexed
	if e.Op != filter.Eq {
		c.cost += costColumn
	}
	switch {
	case col.as == foldedColumn && e.Value.Kind == filter.Text:
		return c.text(e.Op, col.name, col.name, []byte(filter.Fold(e.Value.Text)))
	case col.as == exactColumn && e.Value.Kind == filter.Text:
		return `(length(` + col.name + `) > 0 AND ` + c.text(e.Op, col.name, col.name, []byte(e.Value.Text)) + `)`
	case col.as == textColumn && e.Value.Kind == filter.Text && e.Op == filter.Eq:
		return c.Bind(col.name+` = ?`, e.Value.Text)
	case col.as == flagColumn && e.Value.Kind == filter.Bool && e.Op == filter.Eq:
		return c.Bind(col.name+` = ?`, e.Value.Bool)
	case col.as == timeColumn && e.Value.Kind == filter.Time:
		return c.order(e.Op, col.name, sqldb.Micros(e.Value.Time))
	}
	return c.refuse()
}
