package kit

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Detail is what the template "detail" gets: what is known of one thing: facts, tables, and what may be done.
type Detail struct {
	// Lead is a sentence below the title.
	Lead   ui.Text
	Tags   []ui.Tag
	Facts  []Fact
	Offers []Offer
	Blocks []Block
	// Notices are what needs to be read before anything else.
	Notices []ui.Notice
	// Live is of what can go on by itself, Progress how far it then is; nil for what does not.
	Live     bool
	Progress *Progress
}

// Progress is how far something is that goes on by itself. Where there are scripts its page
// asks for itself every two seconds; without them its reader does.
type Progress struct {
	Done, All int
	Text      ui.Text
	// Here is the page's own address, with the prefix.
	Here string
}

// Fact is one line of what is known: a label and one or more values.
type Fact struct {
	Label  ui.Text
	Values []Cell
}

// Block is a table below the facts.
type Block struct {
	// ID is its anchor on the page.
	ID          string
	Title, Note ui.Text
	Heads       []ui.Text
	Rows        []Row
	Empty       ui.Text
	More        *ui.Link
	Offers      []Offer
}

// Row is a line of a block, with what may be done to it.
type Row struct {
	Cells  []Cell
	Offers []Offer
}

// Table returns b with columns, and a row of each of all, with what offers of it; nil
// offers nothing.
func Table[T any](b Block, columns []Column[T], all []T, offers func(T) []Offer) Block {
	for _, col := range columns {
		b.Heads = append(b.Heads, col.Title)
	}
	for _, one := range all {
		var row Row
		for _, col := range columns {
			row.Cells = append(row.Cells, col.Cell(one))
		}
		if offers != nil {
			row.Offers = offers(one)
		}
		b.Rows = append(b.Rows, row)
	}
	return b
}

// Is makes a fact of a name; one that is empty is left out by Known.
func Is(label ui.Text, text string) Fact { return Says(label, Cell{Text: text}) }

// Code makes a fact of an identifier.
func Code(label ui.Text, text string) Fact { return Says(label, Cell{Text: text, Code: true}) }

// Each makes a fact of several names.
func Each(label ui.Text, texts []string, code bool) Fact {
	f := Fact{Label: label}
	for _, t := range texts {
		f.Values = append(f.Values, Cell{Text: t, Code: code})
	}
	return f
}

// Known leaves out the facts that say nothing.
func Known(all ...Fact) []Fact {
	var some []Fact
	for _, f := range all {
		said := false
		for _, v := range f.Values {
			said = said || v.Text != "" || !v.Say.Empty() || !v.Time.IsZero() || len(v.Tags) > 0
		}
		if said {
			some = append(some, f)
		}
	}
	return some
}

// Actions reports whether any row of the block offers something.
func (b Block) Actions() bool {
	for _, r := range b.Rows {
		if len(r.Offers) > 0 {
			return true
		}
	}
	return false
}

// Says makes a fact of cells.
func Says(label ui.Text, values ...Cell) Fact { return Fact{Label: label, Values: values} }

// When makes a fact of a time.
func When(label ui.Text, at time.Time) Fact { return Says(label, Cell{Time: at}) }

// Blocks are those that makers make about a subject, in their order. One without a title
// is left out: a maker answers that to whoever may not see its block.
func Blocks[T any](v *Visit, subject T, makers ...func(*Visit, T) (Block, error)) ([]Block, error) {
	var all []Block
	for _, make := range makers {
		b, err := make(v, subject)
		if err != nil {
			return nil, err
		}
		if !b.Title.Empty() {
			all = append(all, b)
		}
	}
	return all, nil
}
