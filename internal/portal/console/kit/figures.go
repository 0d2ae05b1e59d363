package kit

import "github.com/gatehouse-io/gatehouse/internal/ui"

// Figures are what a part says of itself on the console's first page, as far as whoever
// visits may know it.
type Figures struct {
	Stats  []ui.Stat
	Alerts []ui.Notice
}

// Add appends the figures of another.
func (f *Figures) Add(other Figures) {
	f.Stats = append(f.Stats, other.Stats...)
	f.Alerts = append(f.Alerts, other.Alerts...)
}
