package porting

import (
	"slices"
	"strconv"
)

// Count is what becomes of the lines of one kind: before they are applied what would,
// after it what did.
type Count struct {
	Kind      Kind `json:"kind"`
	Created   int  `json:"created"`
	Changed   int  `json:"changed"`
	Unchanged int  `json:"unchanged"`
	Refused   int  `json:"refused"`
}

// refused is how many lines are.
func (i *Import) refused() (n int) {
	for _, c := range i.Counts {
		n += c.Refused
	}
	return n
}

// todo is how many lines are to be applied, or were.
func (i *Import) todo() (n int) {
	for _, c := range i.Counts {
		n += c.Created + c.Changed
	}
	return n
}

// count is that of the lines of a kind.
func (i *Import) count(kind Kind) *Count {
	at := slices.IndexFunc(i.Counts, func(c Count) bool { return c.Kind == kind })
	if at < 0 {
		i.Counts = append(i.Counts, Count{Kind: kind})
		slices.SortFunc(i.Counts, func(a, b Count) int { return slices.Index(Kinds(), a.Kind) - slices.Index(Kinds(), b.Kind) })
		at = slices.IndexFunc(i.Counts, func(c Count) bool { return c.Kind == kind })
	}
	return &i.Counts[at]
}

// tally counts a line that was checked.
func (i *Import) tally(l Staged) {
	c := i.count(l.Kind)
	switch l.Outcome {
	case Create:
		c.Created++
	case Change:
		c.Changed++
	case Unchanged:
		c.Unchanged++
	case LineOut:
		c.Refused++
	case Unlooked, Created, Changed:
	}
}

// retally moves a line that was to be applied, and was refused, in the counts.
func (i *Import) retally(was Outcome, l Staged) {
	if l.Outcome != LineOut {
		return
	}
	c := i.count(l.Kind)
	c.Refused++
	if was == Create {
		c.Created--
	} else {
		c.Changed--
	}
}

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
