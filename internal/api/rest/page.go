package rest

import (
	"encoding/json"
	"strings"
)

// Description is the API for a page that people read.
type Description struct {
	Intro []string
	Areas []DescribedArea
}

// DescribedArea is a group of operations.
type DescribedArea struct {
	Name       string
	Operations []Described
}

// Described is one operation.
type Described struct {
	ID, Method, Path, Summary, About string
	Roles                            []string
	Parameters                       []DescribedParam
	// Body and Answer are examples as indented JSON, or the text itself.
	Body, Answer string
	FourEyes     bool
	List         bool
}

// DescribedParam is one parameter of a path or query.
type DescribedParam struct{ Name, In, About, Type string }

func (e *Engine) summarize() Description {
	d := Description{Intro: strings.Split(strings.ReplaceAll(intro, "\n\n", "\x00"), "\x00")}
	at := map[string]int{}
	for i := range e.table {
		rt := &e.table[i]
		if _, known := at[rt.Area]; !known {
			at[rt.Area] = len(d.Areas)
			d.Areas = append(d.Areas, DescribedArea{Name: rt.Area})
		}
		area := &d.Areas[at[rt.Area]]
		area.Operations = append(area.Operations, e.summary(rt))
	}
	return d
}

func (e *Engine) summary(rt *Route) Described {
	s := Described{
		ID: rt.ID, Method: rt.Method, Path: rt.Path, Summary: rt.Summary, About: rt.About, Roles: rolesOf(rt), FourEyes: rt.MayWait(), List: rt.List != nil,
		Body: example(rt.Body), Answer: example(rt.Answer),
	}
	if rt.List != nil {
		s.Answer = example(paged{Items: []any{rt.List.item}})
	}
	for _, name := range rt.values() {
		s.Parameters = append(s.Parameters, DescribedParam{name, "path", e.o.Values[name].About, "string"})
	}
	for _, p := range rt.Query {
		s.Parameters = append(s.Parameters, DescribedParam{p.Name, "query", p.About, p.words()})
	}
	return s
}

// words says in words what a parameter may be.
func (p Param) words() string {
	switch p.kind {
	case number:
		return "whole number"
	case truth:
		return "true or false"
	case instant:
		return "time"
	case choice:
		return strings.Join(p.choices, ", ")
	case text:
	}
	return "text"
}

func example(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	raw, _ := json.MarshalIndent(v, "", "  ") // the document has it too
	return string(raw)
}
