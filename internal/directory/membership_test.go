package directory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

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
	p.Groups = append(p.Groups, directory.Membership{Group: identity.GroupRef{Connection: "acme", ID: "g2"}, Source: directory.SourceSCIM})
	if got := h.names(t, p); !slices.Equal(got, []string{"pushed", "told"}) {
		t.Errorf("%v", got)
	}
	h.now = h.now.Add(24 * time.Hour)
	if got := h.names(t, p); !slices.Equal(got, []string{"pushed"}) {
		t.Errorf("a day later, without a sign-in: %v", got)
	}
}
