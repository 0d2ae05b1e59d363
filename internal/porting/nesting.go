package porting

import (
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// nesting is which groups a file has within which: from a group to those above it, and
// to those below.
type nesting struct{ up, down map[string][]string }

// add notes that a group is within another, and reports whether that is no loop and not
// too deep.
func (n *nesting) add(m Membership) bool {
	if m.Subgroup == "" {
		return true
	}
	above, below := m.Connection+"\x00"+m.Group, m.Connection+"\x00"+m.Subgroup
	high, loop := reach(n.up, above, below)
	low, _ := reach(n.down, below, above)
	if loop || high+low > record.MaxDepth {
		return false
	}
	if n.up == nil {
		n.up, n.down = map[string][]string{}, map[string][]string{}
	}
	n.up[below] = append(n.up[below], above)
	n.down[above] = append(n.down[above], below)
	return true
}

// reach is how many groups the longest way from one has, itself included, and whether
// another is on a way.
func reach(by map[string][]string, from, to string) (longest int, met bool) {
	level := map[string]bool{from: true}
	for ; len(level) > 0 && longest <= record.MaxDepth; longest++ {
		next := map[string]bool{}
		for g := range level {
			met = met || g == to
			for _, n := range by[g] {
				next[n] = true
			}
		}
		level = next
	}
	return longest, met
}

func identityAt(i int) string { return "/identities/" + strconv.Itoa(i) }

// figures are the counts as an audit entry has them.
func (i *Import) figures() []string {
	var all []string
	for _, c := range i.Counts {
		for name, n := range map[string]int{"created": c.Created, "changed": c.Changed, "refused": c.Refused} {
			if n > 0 {
				all = append(all, string(c.Kind)+"_"+name, strconv.Itoa(n))
			}
		}
	}
	return all
}
