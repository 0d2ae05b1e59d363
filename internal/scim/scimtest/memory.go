// Package scimtest helps to test SCIM: a store in memory that keeps to the rules of
// package record as far as a protocol sees them, and a runner of golden files, which
// every store has to pass.
package scimtest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// Memory is a store of users and groups. The zero value with Now is empty.
type Memory struct {
	Now func() time.Time

	mu     sync.Mutex
	users  []record.User
	groups []record.Group
	// members are those of a group as the client named them, in order.
	members map[string][]record.Member
	// Notes are the outcomes of operations, in order.
	Notes []record.Outcome
}

// Note implements scim.Recorder.
func (m *Memory) Note(_ context.Context, o record.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Notes = append(m.Notes, o)
}

func (m *Memory) user(connection, id string) int {
	return slices.IndexFunc(m.users, func(u record.User) bool { return u.Connection == connection && u.ID == id })
}

func (m *Memory) group(connection, id string) int {
	return slices.IndexFunc(m.groups, func(g record.Group) bool { return g.Connection == connection && g.ID == id })
}

// twin finds another user with the user name or external id of u, and says which.
func (m *Memory) twin(u record.User) (at int, taken error) {
	for i, o := range m.users {
		switch {
		case o.Connection != u.Connection || o.ID == u.ID:
		case filter.Fold(o.UserName) == filter.Fold(u.UserName):
			return i, record.ErrTaken.At("userName")
		case u.ExternalID != "" && o.ExternalID == u.ExternalID:
			return i, record.ErrTaken.At("externalId")
		}
	}
	return -1, nil
}

// groupTwin finds another group with the external id or name of g, and says which.
func (m *Memory) groupTwin(g record.Group) (at int, taken error) {
	for i, o := range m.groups {
		switch {
		case o.Connection != g.Connection || o.ID == g.ID:
		case g.ExternalID != "" && o.ExternalID == g.ExternalID:
			return i, record.ErrTaken.At("externalId")
		case filter.Fold(o.DisplayName) == filter.Fold(g.DisplayName):
			return i, record.ErrTaken.At("displayName")
		}
	}
	return -1, nil
}

// CreateUser implements record.UserStore.
func (m *Memory) CreateUser(_ context.Context, op record.Operation, u record.User) (record.User, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.createUser(op, u)
}

func (m *Memory) createUser(op record.Operation, u record.User) (record.User, bool, error) {
	if i, taken := m.twin(u); taken != nil {
		is := m.users[i]
		if is.ExternalID == u.ExternalID && is.UserName == u.UserName && is.Active == u.Active && equal(is.Attributes, u.Attributes) {
			return is, true, nil
		}
		return u, false, taken
	}
	u.ID, u.Created, u.Updated, u.Version = identity.NewID(), op.Time, op.Time, 1
	m.users = append(m.users, u)
	return u, false, nil
}

// User implements record.UserStore.
func (m *Memory) User(_ context.Context, connection, id string) (record.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.user(connection, id); i >= 0 {
		return m.users[i], nil
	}
	return record.User{}, record.ErrUserNotFound
}

// UpdateUser implements record.UserStore.
func (m *Memory) UpdateUser(_ context.Context, op record.Operation, connection, id string, want record.Match, change func(record.User) (record.User, error)) (record.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.user(connection, id)
	if i < 0 {
		return record.User{}, record.ErrUserNotFound
	}
	was := m.users[i]
	if want != 0 && int64(want) != was.Version {
		return record.User{}, record.ErrVersion
	}
	u, err := change(was)
	if err != nil {
		return record.User{}, err
	}
	if _, taken := m.twin(u); taken != nil {
		return record.User{}, taken
	}
	if u.UserName == was.UserName && u.ExternalID == was.ExternalID && u.Active == was.Active && equal(u.Attributes, was.Attributes) {
		return was, nil
	}
	u.Updated, u.Version = op.Time, was.Version+1
	m.users[i] = u
	return u, nil
}

// DeleteUser implements record.UserStore.
func (m *Memory) DeleteUser(_ context.Context, _ record.Operation, connection, id string, want record.Match) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.user(connection, id)
	switch {
	case i < 0:
		return record.ErrUserNotFound
	case want != 0 && int64(want) != m.users[i].Version:
		return record.ErrVersion
	}
	m.leave(connection, id, m.users[i].ExternalID)
	m.users = slices.Delete(m.users, i, i+1)
	return nil
}

// leave takes what is deleted out of every group.
func (m *Memory) leave(connection, id, external string) {
	for _, g := range m.groups {
		if g.Connection == connection {
			m.members[g.ID] = slices.DeleteFunc(m.members[g.ID], func(o record.Member) bool {
				return o.Value == id || external != "" && o.Value == external
			})
		}
	}
}

// Users implements record.UserStore.
func (m *Memory) Users(_ context.Context, connection string, q record.Query) (record.Page[record.User], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return list(m.users, q, func(u record.User) (map[string]any, bool) {
		r := whole(u.Attributes, u.ID, u.ExternalID, u.Created, u.Updated)
		r["userName"], r["active"] = u.UserName, u.Active
		var in []any
		for _, g := range m.groupsOf(connection, u.ID) {
			in = append(in, map[string]any{"value": g.ID, "display": g.Display})
		}
		r["groups"] = in
		return r, u.Connection == connection
	})
}

// whole is a resource with what every one has.
func whole(attributes map[string]any, id, external string, created, updated time.Time) map[string]any {
	r := maps.Clone(attributes)
	if r == nil {
		r = map[string]any{}
	}
	r["id"] = id
	if external != "" {
		r["externalId"] = external
	}
	r["meta"] = map[string]any{"created": filter.FormatTime(created), "lastModified": filter.FormatTime(updated)}
	return r
}

// list selects, sorts and cuts a page.
func list[T any](all []T, q record.Query, resource func(T) (map[string]any, bool)) (record.Page[T], error) {
	type row struct {
		of T
		r  map[string]any
	}
	var rows []row
	for _, one := range all {
		if r, mine := resource(one); mine && (q.Filter == nil || filter.Match(q.Filter, r)) {
			rows = append(rows, row{one, r})
		}
	}
	if !q.SortBy.IsZero() {
		slices.SortStableFunc(rows, func(a, b row) int {
			n := order(a.r, b.r, q)
			if q.Descending {
				return -n
			}
			return n
		})
	}
	start := max(q.Start, 1) - 1
	if q.Cursor != "" {
		n, err := strconv.Atoi(q.Cursor)
		if err != nil || n < 1 {
			return record.Page[T]{}, directory.ErrCursor
		}
		start = n
	}
	p := record.Page[T]{Total: len(rows)}
	end := min(len(rows), start+q.Count)
	for i := start; i < end; i++ {
		p.Items = append(p.Items, rows[i].of)
	}
	if end < len(rows) && q.Count > 0 {
		p.Next = strconv.Itoa(end)
	}
	return p, nil
}

// order compares two resources by the attribute that a query sorts by. What has no value
// is last.
func order(a, b map[string]any, q record.Query) int {
	x, y := key(a, q), key(b, q)
	switch {
	case x == y:
		return 0
	case x == "":
		return 1
	case y == "":
		return -1
	}
	return strings.Compare(x, y)
}

func key(r map[string]any, q record.Query) string {
	of := r
	if q.SortBy.URN != "" {
		of, _ = r[q.SortBy.URN].(map[string]any)
	}
	v := of[q.SortBy.Attribute]
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	if q.SortBy.Sub != "" {
		object, _ := v.(map[string]any)
		v = object[q.SortBy.Sub]
	}
	s, _ := v.(string)
	if q.SortOf.CaseExact {
		return s
	}
	return filter.Fold(s)
}

// Create implements record.Batcher.
func (m *Memory) Create(_ context.Context, _ string, all []record.New) ([]record.Made, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := make([]record.Made, len(all))
	for i, n := range all {
		if n.User != nil {
			made[i].User, made[i].Existed, made[i].Err = m.createUser(n.Operation, *n.User)
		} else {
			made[i].Group, made[i].Existed, made[i].Err = m.createGroup(n.Operation, *n.Group, n.Members)
		}
	}
	return made, nil
}
