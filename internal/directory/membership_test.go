package directory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

var errLost = errors.New("no answer")

// pushed are memberships that connections push.
type pushed map[string][]directory.Membership

func (p pushed) MembershipsOf(_ context.Context, person string, _ time.Time) ([]directory.Membership, error) {
	if person == "" {
		return nil, errLost
	}
	return p[person], nil
}

func TestAMembershipSaysWhatItBeganWithAndGoesOn(t *testing.T) {
	h := newHouse()
	first := h.arrive(t, "acme", "00u1", "", "g1", "g2")
	h.now = h.now.Add(time.Hour)
	second := h.arrive(t, "acme", "00u1", "", "g1", "g3")
	was, is, fresh := first.Groups[0], second.Groups[0], second.Groups[1]
	if was.Origin == "" || is.Origin != was.Origin || !is.Since.Equal(was.Since) || !is.ValidUntil.Equal(was.ValidUntil.Add(time.Hour)) {
		t.Errorf("what goes on: %+v, then %+v", was, is)
	}
	if fresh.Group.ID != "g3" || fresh.Origin == is.Origin || !fresh.Since.Equal(h.now) {
		t.Errorf("what is new: %+v", fresh)
	}
	h.now = h.now.Add(13 * time.Hour)
	third := h.arrive(t, "acme", "00u1", "", "g1")
	if again := third.Groups[0]; again.Origin == is.Origin || !again.Since.Equal(h.now) {
		t.Errorf("after a break: %+v", again)
	}
}

func TestWhatConnectionsPushCountsLikeWhatSignInsTell(t *testing.T) {
	h := newHouse()
	p := h.arrive(t, "acme", "00u1", "", "g1")
	for _, m := range []directory.Mapping{{Group: identity.GroupRef{Connection: "acme", ID: "g1"}, Name: "told"}, {Group: identity.GroupRef{Connection: "acme", ID: "g2"}, Name: "pushed"}} {
		if err := h.Map(t.Context(), m, actor); err != nil {
			t.Fatal(err)
		}
	}
	both := directory.NewService(directory.Options{
		People: h.memory, Groups: h.memory, Connections: h.memory, Now: func() time.Time { return h.now },
		Pushed: pushed{p.ID: {{Group: identity.GroupRef{Connection: "acme", ID: "g2"}, Source: directory.SourceSCIM}}},
	})
	if names, err := both.GroupNames(t.Context(), p); err != nil || !slices.Equal(names, []string{"pushed", "told"}) {
		t.Errorf("%v %v", names, err)
	}
	if lately, _, err := both.Recently(t.Context(), p.ID, "acme"); err != nil || len(lately.Groups) != 2 {
		t.Errorf("lately: %+v %v", lately, err)
	} else if names, err := both.GroupNames(t.Context(), lately); err != nil || !slices.Equal(names, []string{"pushed", "told"}) {
		t.Errorf("lately: %v %v", names, err)
	}
	h.now = h.now.Add(24 * time.Hour)
	if names, err := both.GroupNames(t.Context(), p); err != nil || !slices.Equal(names, []string{"pushed"}) {
		t.Errorf("a day later, without a sign-in: %v %v", names, err)
	}
	if names, err := both.GroupNames(t.Context(), directory.Person{}); !errors.Is(err, errLost) || names != nil {
		t.Errorf("when nobody can tell: %v %v", names, err)
	}
}
