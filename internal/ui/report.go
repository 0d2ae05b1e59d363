package ui

import "github.com/gatehouse-io/gatehouse/internal/identity"

// Report is how a sign-in was looked at: {{template "report" .}}.
type Report struct {
	Checks  []identity.Check
	Mapping []ReportField
	// Named are the names here of the person's groups.
	Named      []string
	Attributes []ReportValue
	// Document is what was sent, as text.
	Document string
}

// ReportField is what one field got, and from where.
type ReportField struct{ Field, From, Value, Failure string }

// ReportValue is one attribute.
type ReportValue struct{ Name, Value string }
