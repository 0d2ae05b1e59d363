package ui

// Chart is columns over time: {{template "chart" .}}. Several series stand on each
// other. It is drawn as SVG, and the figures can be had as a table.
type Chart struct {
	Title Text
	// Labels name the columns, in order of time.
	Labels []Text
	Series []Series
}

// Series is one kind of thing that is counted; Values has one for each label.
type Series struct {
	Name   Text
	Tone   Tone
	Values []int
}

// The size of a chart's picture, in its own units.
const (
	chartWidth  = 640
	chartHeight = 160
)

// Bar is a rectangle of a chart.
type Bar struct {
	X, Y, Width, Height float64
	Class               string
}

// Max is the height of the highest column, at least 1.
func (c Chart) Max() int {
	top := 1
	for i := range c.Labels {
		sum := 0
		for _, s := range c.Series {
			sum += s.Values[i]
		}
		top = max(top, sum)
	}
	return top
}

// Last is the label of the last column.
func (c Chart) Last() Text { return c.Labels[len(c.Labels)-1] }

// Bars are the rectangles, drawn from the ground up.
func (c Chart) Bars() []Bar {
	var all []Bar
	step, scale := float64(chartWidth)/float64(max(1, len(c.Labels))), float64(chartHeight)/float64(c.Max())
	for i := range c.Labels {
		ground := float64(chartHeight)
		for _, s := range c.Series {
			height := float64(s.Values[i]) * scale
			ground -= height
			all = append(all, Bar{X: float64(i)*step + step*.14, Y: ground, Width: step * .72, Height: height, Class: "bar " + string(s.Tone)})
		}
	}
	return all
}

// Total is the sum of a series.
func (s Series) Total() int {
	sum := 0
	for _, v := range s.Values {
		sum += v
	}
	return sum
}

// Ranking is a list of things by how many there are of each, the most first:
// {{template "ranking" .}}.
type Ranking struct {
	Title Text
	Tone  Tone
	Rows  []Rank
}

// Rank is a row of a Ranking. Href may be empty.
type Rank struct {
	Text  Text
	Value int
	Href  string
}

// Share is how long the bar of a row is, in percent of the longest.
func (r Ranking) Share(value int) int {
	top := 1
	for _, row := range r.Rows {
		top = max(top, row.Value)
	}
	return value * 100 / top
}
