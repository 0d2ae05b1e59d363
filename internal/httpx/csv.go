package httpx

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// CSV writes comma-separated values (RFC 4180) that a spreadsheet shows as they
// are: what it would take for a formula gets an apostrophe in front, since the names
// in our lists come from strangers.
type CSV struct{ w *csv.Writer }

// NewCSV returns a CSV on w. Call Flush at the end.
func NewCSV(w io.Writer) *CSV { return &CSV{csv.NewWriter(w)} }

// Write adds a row.
func (c *CSV) Write(cells ...string) error {
	safe := make([]string, len(cells))
	for i, text := range cells {
		safe[i] = text
		if startsFormula(text) {
			safe[i] = "'" + text
		}
	}
	if err := c.w.Write(safe); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// startsFormula reports whether a spreadsheet may take text for a formula: some
// pass over white space and quotes first.
func startsFormula(text string) bool {
	trimmed := strings.TrimLeft(text, " \t\r\n\"'\u00a0\ufeff")
	return trimmed != "" && strings.ContainsRune("=+-@|\uff1d\uff0b\uff0d\uff20", []rune(trimmed)[0]) ||
		text != "" && strings.ContainsRune("\t\r", rune(text[0]))
}

// Flush writes what is buffered and returns what failed.
func (c *CSV) Flush() error {
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}
