package xmlgate

import "strings"

// hintLength is how much of a text a hint keeps, in bytes.
const hintLength = 256

// status returns the status codes of a response, as far as they are there.
func (n *node) status() (code, sub string) {
	s := n.child(name{nsProtocol, "Status"})
	if s == nil {
		return "", ""
	}
	outer := s.child(name{nsProtocol, "StatusCode"})
	if outer == nil {
		return "", ""
	}
	code, _ = outer.attr("Value")
	if inner := outer.child(name{nsProtocol, "StatusCode"}); inner != nil {
		sub, _ = inner.attr("Value")
	}
	return code, sub
}

// hints reads what an envelope says of itself.
func hints(root *node) Hints {
	var h Hints
	h.ID, _ = root.attr("ID")
	h.InResponseTo, _ = root.attr("InResponseTo")
	h.Destination, _ = root.attr("Destination")
	h.IssueInstant, _ = root.attr("IssueInstant")
	h.Issuer = root.child(name{nsAssertion, "Issuer"}).content()
	h.Status, h.SubStatus = root.status()
	if s := root.child(name{nsProtocol, "Status"}); s != nil {
		h.StatusMessage = s.child(name{nsProtocol, "StatusMessage"}).content()
	}
	for _, field := range []*string{
		&h.ID, &h.InResponseTo, &h.Destination, &h.IssueInstant, &h.Issuer, &h.Status, &h.SubStatus, &h.StatusMessage,
	} {
		if len(*field) > hintLength {
			*field = strings.ToValidUTF8((*field)[:hintLength], "")
		}
	}
	return h
}
