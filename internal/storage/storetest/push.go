package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// push is one connection's SCIM client.
type push struct {
	*testing.T
	record.Store

	db *storage.DB

	connection string
	policy     record.Policy
	n          int
}

func pusher(t *testing.T, db *storage.DB, connection string) *push {
	return &push{T: t, Store: db.Records(), db: db, connection: connection, policy: record.Policy{
		Domains: []string{"acme.example"}, Guard: record.Guard{Share: 1, Minimum: 1000, Window: time.Hour},
	}}
}

// op is the next operation, a moment after the last.
func (p *push) op() record.Operation {
	p.n++
	at := now.Add(time.Duration(p.n) * time.Millisecond)
	return record.Operation{
		ID: identity.NewOrderedID(at), Connection: p.connection, Kind: "test", Method: "POST", Path: "/Users", Actor: actor, Time: at, Policy: p.policy,
	}
}

func (p *push) user(name, external string, attributes map[string]any) record.User {
	p.Helper()
	u, existed, err := p.CreateUser(p.Context(), p.op(), record.User{
		ID: identity.NewID(), ExternalID: external, UserName: name, Active: true, Attributes: attributes,
	})
	if err != nil || existed {
		p.Fatalf("user %s: existed %v, %v", name, existed, err)
	}
	return u
}

func (p *push) group(name, external string, members ...string) record.Group {
	p.Helper()
	g, existed, err := p.CreateGroup(p.Context(), p.op(), record.Group{ID: identity.NewID(), ExternalID: external, DisplayName: name}, asMembers(members))
	if err != nil || existed {
		p.Fatalf("group %s: existed %v, %v", name, existed, err)
	}
	return g
}

func asMembers(values []string) []record.Member {
	all := make([]record.Member, len(values))
	for i, v := range values {
		all[i].Value = v
	}
	return all
}

func (p *push) patch(group string, change record.Members) error {
	_, err := p.UpdateGroup(p.Context(), p.op(), p.connection, group, 0, record.GroupChange{Members: change})
	return err
}

func (p *push) members(group string) (values []string) {
	p.Helper()
	all, err := p.Members(p.Context(), p.connection, group)
	if err != nil {
		p.Fatal(err)
	}
	for _, m := range all[group] {
		v := m.Value
		if m.Pending {
			v = "?" + v
		}
		values = append(values, v)
	}
	return values
}

func (p *push) same(what string, got []string, want ...string) {
	p.Helper()
	got = slices.Clone(got)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (p *push) refused(what string, err, want error) {
	p.Helper()
	if !errors.Is(err, want) {
		p.Errorf("%s: %v, want %v", what, err, want)
	}
}
