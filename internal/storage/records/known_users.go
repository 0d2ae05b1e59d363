package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// knownUsers are the users that a connection has, by what is unique of them, whose the
// external ids are, and who waits for one of the new.
type knownUsers struct {
	names, externals map[string]string // to the id of a user
	person           map[string]string // by external id
	fresh            map[string]record.User
	waiting          []waiting
}

func (k *knownUsers) add(u record.User) {
	k.names[string(NameKey(u.UserName))], k.fresh[u.ID] = u.ID, u
	if u.ExternalID != "" {
		k.externals[u.ExternalID] = u.ID
	}
}

// look finds what there is of the users to be made.
func (b *batch) look(ctx context.Context, all []record.New) (*knownUsers, error) {
	k := &knownUsers{names: map[string]string{}, externals: map[string]string{}, person: map[string]string{}, fresh: map[string]record.User{}}
	for part := range slices.Chunk(all, b.t.Most()) {
		var names [][]byte
		var externals, named []string
		for _, n := range part {
			names, named = append(names, NameKey(n.User.UserName)), append(named, n.User.ID)
			if n.User.ExternalID != "" {
				externals = append(externals, n.User.ExternalID)
			}
		}
		if err := b.lookFor(ctx, k, names, externals, append(named, externals...)); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// What a row of lookFor is about.
const (
	aboutName = iota
	aboutExternal
	aboutPast
	aboutSubject
	aboutWaiting
)

// lookFor finds users by name and by external id; the people who own an external id as
// a subject, or had a record of it, the last one who had; and groups that wait.
func (b *batch) lookFor(ctx context.Context, k *knownUsers, names [][]byte, externals, named []string) error {
	text, args := b.lookup(names, externals, named)
	_, err := sqldb.Collect(ctx, b.t, func(rows *sql.Rows) (struct{}, error) {
		var about int
		var key []byte
		var value, id, person string
		var deleted int64
		err := rows.Scan(&about, &key, &value, &id, &person, &deleted)
		switch about {
		case aboutName:
			k.names[string(key)] = id
		case aboutExternal:
			k.externals[string(key)] = id
		case aboutPast:
			if k.person[string(key)] == "" {
				k.person[string(key)] = person
			}
		case aboutSubject: // the last, before whom no past counts
			k.person[value] = person
		case aboutWaiting:
			k.waiting = append(k.waiting, waiting{group: id, value: value})
		}
		return struct{}{}, err
	}, text, args...)
	return err
}

// lookup is the query of lookFor: one, since each is a round trip.
func (b *batch) lookup(names [][]byte, externals, named []string) (string, []any) {
	byName, args := sqldb.Among(b.t, `name_key`, []any{b.connection}, names)
	waits, args := sqldb.Among(b.t, `member`, args, named)
	text := `SELECT 0 AS about, name_key AS key, '' AS value, id, '' AS person, CAST(0 AS BIGINT) AS deleted FROM record_users WHERE connection = $1 AND deleted = 0 AND ` + byName + `
		UNION ALL SELECT 4, NULL, member, group_id, '', 0 FROM record_members WHERE connection = $1 AND pending AND until = 0 AND ` + waits
	if len(externals) > 0 {
		byID, more := sqldb.Among(b.t, `external_id`, args, bytesOf(externals))
		bySubject, more := sqldb.Among(b.t, `subject`, more, externals)
		args = more
		text += `
			UNION ALL SELECT 1, external_id, '', id, '', 0 FROM record_users WHERE connection = $1 AND deleted = 0 AND length(external_id) > 0 AND ` + byID + `
			UNION ALL SELECT 2, external_id, '', id, person, deleted FROM record_users WHERE connection = $1 AND deleted <> 0 AND ` + byID + `
			UNION ALL SELECT 3, NULL, subject, '', person, 0 FROM identities WHERE connection = $1 AND ` + bySubject
	}
	return text + ` ORDER BY deleted DESC, about`, args
}

// existing is a user that is there already.
type existing struct {
	user record.User
	same bool
	err  error
}

// there returns the user that has what is unique of u, nil for none.
func (b *batch) there(ctx context.Context, k *knownUsers, u record.User) (*existing, error) {
	at := "userName"
	id, ok := k.names[string(NameKey(u.UserName))]
	if !ok && u.ExternalID != "" {
		id, ok = k.externals[u.ExternalID]
		at = "externalId"
	}
	if !ok {
		return nil, nil
	}
	is, fresh := k.fresh[id]
	if !fresh {
		var err error
		if is, err = ScanUser(b.t.QueryRowContext(ctx, selectUser, id, b.connection).Scan); err != nil {
			return nil, missingUser(err)
		}
	}
	same, err := sameUser(is, u)
	if err != nil {
		return nil, err
	}
	if !same {
		return &existing{err: record.ErrTaken.At(at)}, nil
	}
	return &existing{user: is, same: true}, nil
}

func sameUser(a, b record.User) (bool, error) {
	if a.ExternalID != b.ExternalID || a.UserName != b.UserName || a.Active != b.Active {
		return false, nil
	}
	was, err := json.Marshal(a.Attributes)
	if err != nil {
		return false, fmt.Errorf("encode user: %w", err)
	}
	is, err := json.Marshal(b.Attributes)
	if err != nil {
		return false, fault.Wrap(err, fault.Invalid, "record_attributes", "the attributes have no JSON")
	}
	return string(was) == string(is), nil
}
