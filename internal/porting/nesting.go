package porting

import "github.com/gatehouse-io/gatehouse/internal/directory/record"

// nesting is which groups a file has within which: from a group to those above it, and
// to those below.
type nesting struct {
	up, down map[string][]string
	// looks is how many groups may still be looked at: a file whose groups are each within
	// very many others would take longer than anybody waits.
	looks int
}

// What looks begins with, and what each line adds to it.
const (
	firstLooks = 5_000_000
	moreLooks  = 100
)

// add notes that a group is within another, and reports whether that is no loop, not too
// deep, and could be looked at.
func (n *nesting) add(m Membership) bool {
	if m.Subgroup == "" {
		return true
	}
	above, below := m.Connection+"\x00"+m.Group, m.Connection+"\x00"+m.Subgroup
	if n.up == nil {
		n.up, n.down, n.looks = map[string][]string{}, map[string][]string{}, firstLooks
	}
	n.looks += moreLooks
	high, loop := n.reach(n.up, above, below)
	low, _ := n.reach(n.down, below, above)
	if loop || high+low > record.MaxDepth || n.looks < 0 {
		return false
	}
	n.up[below] = append(n.up[below], above)
	n.down[above] = append(n.down[above], below)
	return true
}

// reach is how many groups the longest way from one has, itself included, and whether
// another is on a way.
func (n *nesting) reach(by map[string][]string, from, to string) (longest int, met bool) {
	level := map[string]bool{from: true}
	for ; len(level) > 0 && longest <= record.MaxDepth && n.looks >= 0; longest++ {
		next := map[string]bool{}
		for g := range level {
			met = met || g == to
			n.looks -= 1 + len(by[g])
			for _, one := range by[g] {
				next[one] = true
			}
		}
		level = next
	}
	return longest, met
}
