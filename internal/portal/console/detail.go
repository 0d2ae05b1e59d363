package console

import "github.com/gatehouse-io/gatehouse/internal/ui"

// detail is what is known of one thing: facts, tables, and what may be done.
type detail struct {
	// Lead is a sentence below the title.
	Lead   ui.Text
	Tags   []ui.Tag
	Facts  []fact
	Offers []offer
	Blocks []block
	// Notices are what needs to be read before anything else.
	Notices []ui.Notice
}

// fact is one line of what is known: a label and one or more values.
type fact struct {
	Label  ui.Text
	Values []cell
}

// block is a table below the facts.
type block struct {
	// ID is its anchor on the page.
	ID          string
	Title, Note ui.Text
	Heads       []ui.Text
	Rows        []row
	Empty       ui.Text
	More        *ui.Link
	Offers      []offer
}

// row is a line of a block, with what may be done to it.
type row struct {
	Cells  []cell
	Offers []offer
}

// is makes a fact of a name; one that is empty is left out by known.
func is(label ui.Text, text string) fact { return fact{label, []cell{{Text: text}}} }

// code makes a fact of an identifier.
func code(label ui.Text, text string) fact { return fact{label, []cell{{Text: text, Code: true}}} }

// each makes a fact of several names.
func each(label ui.Text, texts []string, code bool) fact {
	f := fact{Label: label}
	for _, t := range texts {
		f.Values = append(f.Values, cell{Text: t, Code: code})
	}
	return f
}

// known leaves out the facts that say nothing.
func known(all ...fact) []fact {
	var some []fact
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
func (b block) Actions() bool {
	for _, r := range b.Rows {
		if len(r.Offers) > 0 {
			return true
		}
	}
	return false
}
