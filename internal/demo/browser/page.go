package browser

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Form is a form of a page with the values that it would send untouched.
type Form struct {
	Method string
	Action *url.URL
	Values url.Values
}

// ByID returns the text of the element with this id; ok is false without one.
func (p *Page) ByID(id string) (text string, ok bool) {
	n := find(p.root, func(n *html.Node) bool { return attr(n, "id") == id })
	if n == nil {
		return "", false
	}
	return strings.TrimSpace(textOf(n)), true
}

// Value returns what is in the field with this id; ok is false without one.
func (p *Page) Value(id string) (value string, ok bool) {
	n := find(p.root, func(n *html.Node) bool { return attr(n, "id") == id })
	if n == nil {
		return "", false
	}
	return attr(n, "value"), has(n, "value")
}

// Text returns what the page says, in one line.
func (p *Page) Text() string {
	body := find(p.root, func(n *html.Node) bool { return n.Data == "body" })
	if body == nil {
		return ""
	}
	return strings.Join(strings.Fields(textOf(body)), " ")
}

// Link returns the target of the first link whose text contains text.
func (p *Page) Link(text string) (string, bool) {
	n := find(p.root, func(n *html.Node) bool { return n.Data == "a" && strings.Contains(textOf(n), text) })
	if n == nil {
		return "", false
	}
	target, err := p.URL.Parse(attr(n, "href"))
	if err != nil {
		return "", false
	}
	return target.String(), true
}

// Form returns the first form whose action contains action.
func (p *Page) Form(action string) (Form, bool) {
	n := find(p.root, func(n *html.Node) bool { return n.Data == "form" && strings.Contains(attr(n, "action"), action) })
	if n == nil {
		return Form{}, false
	}
	f := Form{Method: strings.ToUpper(attr(n, "method")), Values: url.Values{}}
	if f.Method == "" {
		f.Method = http.MethodGet
	}
	target, err := p.URL.Parse(attr(n, "action"))
	if err != nil {
		return Form{}, false
	}
	f.Action = target
	pressed := false
	walk(n, func(field *html.Node) {
		name, kind := attr(field, "name"), attr(field, "type")
		switch {
		case field.Data == "button" || (field.Data == "input" && kind == "submit"):
			// A person presses one button: the first.
			if name != "" && !pressed {
				f.Values.Add(name, attr(field, "value"))
			}
			pressed = true
		case field.Data != "input" || name == "":
		case kind == "checkbox" || kind == "radio":
			if has(field, "checked") {
				f.Values.Add(name, attr(field, "value"))
			}
		default:
			f.Values.Add(name, attr(field, "value"))
		}
	})
	return f, true
}

func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && match(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, match); found != nil {
			return found
		}
	}
	return nil
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	if n.Data == "script" || n.Data == "style" {
		return ""
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(textOf(c))
	}
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
