package client

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often a terminal is told how far something is.
const progressEvery = 200 * time.Millisecond

// Progress counts what is written through it and tells a terminal on the way. With
// a nil Terminal it tells nobody.
type Progress struct {
	To       io.Writer
	Terminal io.Writer
	// What is counted: lines.
	lines int
	told  time.Time
}

// Write implements io.Writer.
func (p *Progress) Write(b []byte) (int, error) {
	for _, c := range b {
		if c == '\n' {
			p.lines++
		}
	}
	if p.Terminal != nil && time.Since(p.told) > progressEvery {
		p.told = time.Now()
		_, _ = fmt.Fprintf(p.Terminal, "\r%d lines", p.lines) // a terminal that is gone needs no news
	}
	return p.To.Write(b)
}

// Done clears the line that the terminal was told.
func (p *Progress) Done() {
	if p.Terminal != nil && !p.told.IsZero() {
		_, _ = fmt.Fprintf(p.Terminal, "\r%d lines\n", p.lines)
	}
}
