package activity

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The types of event that are counted.
const (
	tokenIssued = "token.issued"
	signedIn    = "person.signed_in"
	failed      = "signin.failed"
	refused     = "signin.refused"
)

// sum adds the facts of a seal up, but for what happened before oldest.
type sum struct {
	oldest  time.Time
	signIns map[SignIns]int64
	tokens  map[Tokens]int64
	issued  map[Issued]struct{}
	// exchanged is what the tokens that came out of exchanges have to do with.
	exchanged Exchanged
}

func newSum(oldest time.Time) *sum {
	return &sum{oldest: oldest, signIns: map[SignIns]int64{}, tokens: map[Tokens]int64{}, issued: map[Issued]struct{}{}}
}

func (s *sum) add(f Fact) {
	if f.Type == tokenIssued {
		s.issued[Issued{f.Actor, identity.Moment(f.ID)}] = struct{}{}
		facts := grant.NodeFacts(f.datum)
		for _, fact := range facts {
			s.exchanged.Facts = append(s.exchanged.Facts, fact.Hash())
		}
		if len(facts) > 0 {
			s.exchanged.Newest = max(s.exchanged.Newest, f.ID)
		}
	}
	hour := f.Time.UTC().Truncate(time.Hour)
	if hour.Before(s.oldest) {
		return
	}
	switch f.Type {
	case tokenIssued:
		client := strings.TrimPrefix(f.Actor, "client:")
		s.tokens[Tokens{Hour: hour, App: f.datum("app"), Client: client, GrantType: f.datum("grant_type")}]++
	case signedIn:
		s.signIns[SignIns{Hour: hour, Connection: f.datum("connection"), Outcome: Success}]++
	case failed:
		connection := strings.TrimPrefix(f.Actor, "connection:")
		s.signIns[SignIns{Hour: hour, Connection: connection, Outcome: Failed, Reason: f.datum("rule")}] += times(f)
	case refused:
		s.signIns[SignIns{Hour: hour, Connection: f.datum("connection"), Outcome: Refused, Reason: f.datum("rule")}] += times(f)
	}
}

// batch returns what was added, as that of a seal.
func (s *sum) batch(seal int64) Batch {
	b := Batch{Seal: seal, Issued: slices.SortedFunc(maps.Keys(s.issued), func(a, b Issued) int {
		return cmp.Or(strings.Compare(a.Actor, b.Actor), strings.Compare(a.Moment, b.Moment))
	}), Exchanged: s.exchanged}
	slices.Sort(b.Exchanged.Facts)
	b.Exchanged.Facts = slices.Compact(b.Exchanged.Facts)
	for kind, n := range s.signIns {
		kind.Count = n
		b.SignIns = append(b.SignIns, kind)
	}
	for kind, n := range s.tokens {
		kind.Count = n
		b.Tokens = append(b.Tokens, kind)
	}
	return b
}

func (f Fact) datum(name string) string { return audit.Datum(f.Body, name) }

// times is how many failures an entry stands for: see package login, which writes
// one entry for many of a kind.
func times(f Fact) int64 {
	if n, err := strconv.ParseInt(f.datum("count"), 10, 64); err == nil && n > 0 {
		return n
	}
	return 1
}
