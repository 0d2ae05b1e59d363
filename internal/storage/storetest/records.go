package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func recordsPaged(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "pages")
	for i := range 7 {
		attributes := map[string]any{}
		if i%2 == 0 {
			attributes["displayName"] = fmt.Sprint("d", 9-i)
		}
		p.user(fmt.Sprint("user-", i), "", attributes)
	}
	for what, c := range map[string]struct {
		q    record.Query
		want string
	}{
		"as they came":              {record.Query{}, "0 1 2 3 4 5 6"},
		"by user name":              {record.Query{SortBy: filter.Path{Attribute: "userName"}, Descending: true}, "6 5 4 3 2 1 0"},
		"by a value that some lack": {record.Query{SortBy: filter.Path{Attribute: "displayName"}}, "6 4 2 0"},
		"the last change first":     {record.Query{SortBy: filter.Path{Attribute: "meta", Sub: "lastModified"}, Descending: true}, "6 5 4 3 2 1 0"},
	} {
		var byCursor, byIndex []string
		c.q.Count = 2
		for {
			page, err := p.Users(t.Context(), "pages", c.q)
			if err != nil || page.Total != 7 {
				t.Fatalf("%s: %d in all, %v", what, page.Total, err)
			}
			for _, u := range page.Items {
				byCursor = append(byCursor, strings.TrimPrefix(u.UserName, "user-"))
			}
			if c.q.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		c.q.Cursor = ""
		for c.q.Start = 1; c.q.Start < 9; c.q.Start += 2 {
			page, err := p.Users(t.Context(), "pages", c.q)
			if err != nil || page.Total != 7 {
				t.Fatalf("%s from %d: %d in all, %v", what, c.q.Start, page.Total, err)
			}
			for _, u := range page.Items {
				byIndex = append(byIndex, strings.TrimPrefix(u.UserName, "user-"))
			}
		}
		if got := strings.Join(byCursor, " "); !strings.HasPrefix(got, c.want) || len(byCursor) != 7 || got != strings.Join(byIndex, " ") {
			t.Errorf("%s: %s by cursor, %v by index", what, got, byIndex)
		}
	}
	none, err := p.Users(t.Context(), "pages", record.Query{Count: 0})
	if err != nil || none.Total != 7 || len(none.Items) != 0 {
		t.Errorf("only how many: %+v, %v", none, err)
	}
	_, err = p.Users(t.Context(), "pages", record.Query{Count: 1, Cursor: "bad"})
	p.refused("a cursor that nobody gave", err, directory.ErrCursor)
}

func scimTokens(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "tokens")
	token := func(id string, expires time.Time) record.Token {
		return record.Token{ID: id, Connection: "tokens", Name: id, Created: now, Expires: expires, Hash: []byte("hash of " + id)}
	}
	for _, n := range []record.Token{token("over", now), token("one", now.Add(time.Hour)), token("two", now.Add(time.Hour))} {
		if err := p.CreateToken(t.Context(), n, now, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.refused("a third", p.CreateToken(t.Context(), token("three", now.Add(time.Hour)), now, nil), record.ErrTokenLimit)
	if err := p.TouchToken(t.Context(), "one", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Token(t.Context(), []byte("hash of one")); err != nil || got.ID != "one" || !got.LastUsed.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	p.refused("another connection's", p.RevokeToken(t.Context(), "tokens-other", "one", nil), record.ErrTokenNotFound)
	if err := p.RevokeToken(t.Context(), "tokens", "one", nil); err != nil {
		t.Fatal(err)
	}
	_, err := p.Token(t.Context(), []byte("hash of one"))
	p.refused("one that is revoked", err, record.ErrTokenNotFound)
	if all, err := p.Tokens(t.Context(), "tokens"); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}

func operationsListed(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "operations")
	u := p.user("o", "", nil)
	failed := record.Outcome{Operation: p.op(), Status: 409, Code: "uniqueness", Detail: "taken"}
	if err := p.SaveOutcomes(t.Context(), []record.Outcome{failed}); err != nil {
		t.Fatal(err)
	}
	all, err := p.Outcomes(t.Context(), "operations", "", 10)
	if err != nil || len(all) != 2 || all[0].Code != "uniqueness" || all[1].Resource != "User/"+u.ID || !all[1].Changed || all[1].Kind != "test" {
		t.Errorf("%+v, %v", all, err)
	}
	if rest, err := p.Outcomes(t.Context(), "operations", all[0].ID, 10); err != nil || len(rest) != 1 || rest[0].ID != all[1].ID {
		t.Errorf("the page behind: %+v, %v", rest, err)
	}
	if one, err := p.Outcome(t.Context(), failed.ID); err != nil || one.Detail != "taken" {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = p.Outcome(t.Context(), "none")
	p.refused("one that is not kept", err, record.ErrNoOperation)
	if err := db.Prune(t.Context(), now.Add(8*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if kept, err := p.Outcomes(t.Context(), "operations", "", 10); err != nil || len(kept) != 1 || !kept[0].Changed {
		t.Errorf("after a week: %+v, %v", kept, err)
	}
}
