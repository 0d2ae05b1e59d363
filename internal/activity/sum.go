package activity

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
)

// The types of event that are counted.
const (
	tokenIssued = "token.issued"
	signedIn    = "person.signed_in"
	failed      = "signin.failed"
	refused     = "signin.refused"
)

// Types lists the types of event that are counted.
func Types() []string { return []string{tokenIssued, signedIn, failed, refused} }

// Sum adds the facts of a seal up, but for what happened before oldest.
func Sum(seal int64, facts []Fact, oldest time.Time) Batch {
	signIns, tokens := map[SignIns]int64{}, map[Tokens]int64{}
	b := Batch{Seal: seal}
	for _, f := range facts {
		if f.Type == tokenIssued {
			b.Issued = append(b.Issued, Issued{f.Actor, f.ID})
		}
		hour := f.Time.UTC().Truncate(time.Hour)
		if hour.Before(oldest) {
			continue
		}
		switch f.Type {
		case tokenIssued:
			client := strings.TrimPrefix(f.Actor, "client:")
			tokens[Tokens{Hour: hour, App: f.datum("app"), Client: client, GrantType: f.datum("grant_type")}]++
		case signedIn:
			signIns[SignIns{Hour: hour, Connection: f.datum("connection"), Outcome: Success}]++
		case failed:
			connection := strings.TrimPrefix(f.Actor, "connection:")
			signIns[SignIns{Hour: hour, Connection: connection, Outcome: Failed, Reason: f.datum("rule")}] += times(f)
		case refused:
			signIns[SignIns{Hour: hour, Connection: f.datum("connection"), Outcome: Refused, Reason: f.datum("rule")}] += times(f)
		}
	}
	slices.SortFunc(b.Issued, func(a, b Issued) int {
		return cmp.Or(strings.Compare(a.Actor, b.Actor), strings.Compare(a.Entry, b.Entry))
	})
	for s, n := range signIns {
		s.Count = n
		b.SignIns = append(b.SignIns, s)
	}
	for t, n := range tokens {
		t.Count = n
		b.Tokens = append(b.Tokens, t)
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
