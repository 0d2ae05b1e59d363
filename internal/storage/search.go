package storage

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/cases"

	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// folded is what a person is found and sorted by: name, address and user name in
// folded case. It is never empty, so that an empty one is one to be filled in.
func folded(p *directory.Person) string {
	return cases.Fold().String(strings.Join([]string{p.Profile.Name, p.Profile.Email, p.Profile.Username, " "}, " "))
}

// likeSpecial escapes what LIKE gives a meaning.
var likeSpecial = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Search implements directory.Store.
func (db *DB) Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error) {
	where, args := []string{"TRUE"}, []any{}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	for word := range strings.FieldsSeq(cases.Fold().String(q.Text)) {
		add(`folded LIKE ? ESCAPE '\'`, "%"+likeSpecial.Replace(word)+"%")
	}
	if q.Disabled != nil {
		add(`disabled = ?`, *q.Disabled)
	}
	if q.After != "" {
		key, id, err := parseCursor(q.After)
		if err != nil {
			return nil, "", err
		}
		add(`(folded, id) > (?, ?)`, key, id)
	}
	args = append(args, q.Limit+1)
	page, err = collect(ctx, db.read, scanPeople, `SELECT body, version FROM people WHERE `+strings.Join(where, " AND ")+
		` ORDER BY folded, id LIMIT $`+strconv.Itoa(len(args)), args...)
	if err == nil && len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[q.Limit-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(folded(&last) + "\x00" + last.ID))
	}
	return page, next, err
}

func parseCursor(text string) (key, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", "", directory.ErrCursor
	}
	key, id, ok := strings.Cut(string(raw), "\x00")
	if !ok {
		return "", "", directory.ErrCursor
	}
	return key, id, nil
}

func scanPeople(rows *sql.Rows) (directory.Person, error) {
	var p directory.Person
	var body string
	var version int64
	err := rows.Scan(&body, &version)
	if err == nil {
		err = json.Unmarshal([]byte(body), &p)
	}
	p.Version = version
	return p, err
}

// foldBatch is how many people one run of FoldPeople fills in.
const foldBatch = 1000

// FoldPeople makes people findable whom a broker wrote that did not know how.
func (db *DB) FoldPeople(ctx context.Context) error {
	people, err := collect(ctx, db.read, scanPeople, `SELECT body, version FROM people WHERE folded = '' LIMIT $1`, foldBatch)
	if err != nil {
		return err
	}
	for _, p := range people {
		_, err := db.write.ExecContext(ctx, `UPDATE people SET folded = $2 WHERE id = $1 AND folded = ''`, p.ID, folded(&p))
		if err != nil {
			return fmt.Errorf("fold people: %w", translate(err))
		}
	}
	return nil
}
