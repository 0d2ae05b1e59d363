package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func batchesMade(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "batch")
	old := p.user("old", "b-old", nil)
	n := func(u record.User) record.New {
		u.ID, u.Active = identity.NewID(), true
		return record.New{Operation: p.op(), User: &u}
	}
	group := record.Group{ID: identity.NewID(), DisplayName: "team"}
	all := []record.New{
		n(record.User{UserName: "one", ExternalID: "b-1"}), n(record.User{UserName: "ONE", ExternalID: "b-2"}), n(record.User{UserName: "old", ExternalID: "b-old"}),
		n(record.User{UserName: "old", ExternalID: "b-new"}),
		{Operation: p.op(), Group: &group, Members: asMembers([]string{"b-1", old.ID, "b-later"})},
		{Operation: p.op(), Group: &record.Group{ID: identity.NewID(), DisplayName: "TEAM"}},
		n(record.User{UserName: "later", ExternalID: "b-later"}),
	}
	made, err := p.Create(t.Context(), "batch", all)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, record.ErrTaken, nil, record.ErrTaken, nil, record.ErrTaken, nil} {
		if !errors.Is(made[i].Err, want) {
			t.Errorf("%d: %v, want %v", i, made[i].Err, want)
		}
	}
	if !made[2].Existed || made[2].User.ID != old.ID || made[0].User.Person == "" || made[0].Existed {
		t.Errorf("%+v", made)
	}
	p.same("of the group", p.members(group.ID), made[0].User.ID, old.ID, made[6].User.ID)
	many := make([]record.New, 300)
	for i := range many {
		many[i] = n(record.User{UserName: fmt.Sprint("many-", i), Attributes: map[string]any{"title": fmt.Sprint(i), "displayName": fmt.Sprint("Batch ", i)}})
	}
	if made, err = p.Create(t.Context(), "batch", many); err != nil {
		t.Fatal(err)
	}
	if page, err := p.Users(t.Context(), "batch", record.Query{Count: 0}); err != nil || page.Total != 303 {
		t.Errorf("%d users, %v", page.Total, err)
	}
	p.allOf("batch", many, made)
}

// allOf checks that the last of many, who were made together, have all that one has who
// was made alone.
func (p *push) allOf(connection string, many []record.New, made []record.Made) {
	p.Helper()
	last := len(many) - 1
	for text, want := range map[string]int{`title eq "` + fmt.Sprint(last) + `"`: 1, `displayName eq "batch ` + fmt.Sprint(last) + `"`: 1, `displayName sw "Batch"`: len(many)} {
		e, err := filter.Parse(text, people())
		if err != nil {
			p.Fatal(err)
		}
		if page, err := p.Users(p.Context(), connection, record.Query{Filter: e, Count: 0}); err != nil || page.Total != want {
			p.Errorf("%s: %d users of %d, %v", text, page.Total, want, err)
		}
	}
	if found, _, err := p.db.Search(p.Context(), directory.Query{Text: fmt.Sprint("batch ", last)}); err != nil || len(found) != 1 || found[0].ID != made[last].User.Person {
		p.Errorf("found by words: %+v, %v", found, err)
	}
	if o, err := p.Outcome(p.Context(), many[last].Operation.ID); err != nil || !o.Changed || o.Resource != "User/"+made[last].User.ID {
		p.Errorf("its operation: %+v, %v", o, err)
	}
	entries, _, err := p.db.Page(p.Context(), audit.Query{Type: "person.provisioned", Subject: identity.Person(made[last].User.Person).String(), Limit: 10})
	if err != nil || len(entries) != 1 {
		p.Errorf("its audit entry: %+v, %v", entries, err)
	}
}
