package xmlgate

// plainAssertion is the kind of what comes out of an EncryptedAssertion. No caller
// can ask for it.
const plainAssertion Kind = -1

// rootNames says which root elements a kind may have.
var rootNames = map[Kind][]name{
	Response:       {{nsProtocol, "Response"}},
	AuthnRequest:   {{nsProtocol, "AuthnRequest"}},
	LogoutRequest:  {{nsProtocol, "LogoutRequest"}},
	LogoutResponse: {{nsProtocol, "LogoutResponse"}},
	Metadata:       {{nsMetadata, "EntityDescriptor"}, {nsMetadata, "EntitiesDescriptor"}},
	Bare:           {assertionName, encryptedName},
	plainAssertion: {assertionName},
}

var (
	signatureName = name{nsSignature, "Signature"}
	assertionName = name{nsAssertion, "Assertion"}
	encryptedName = name{nsAssertion, "EncryptedAssertion"}
)

// statusSuccess is the one status that grants anything (core section 3.2.2.2).
const statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"

// census is what is found of the elements that attacks move, by local name alone:
// another namespace makes them no better.
type census struct{ assertions, signatures []*node }

// count fills the census from n down.
func (c *census) count(n *node) {
	switch n.local {
	case "Assertion", "EncryptedAssertion":
		c.assertions = append(c.assertions, n)
	case "Signature":
		c.signatures = append(c.signatures, n)
	}
	for _, child := range n.children {
		c.count(child)
	}
}

// shaped checks the form of a parsed document of a kind: its root, where its
// assertions and signatures are, and its content.
func shaped(root *node, kind Kind) error {
	if err := rooted(root, kind); err != nil {
		return err
	}
	var c census
	c.count(root)
	if err := c.placed(root, kind); err != nil {
		return err
	}
	if kind == Metadata {
		return nil
	}
	if root.name != encryptedName { // which has neither
		if err := identified(root); err != nil {
			return err
		}
	}
	if err := conforms(root); err != nil {
		return err
	}
	for _, a := range c.assertions {
		if a.name != assertionName {
			continue
		}
		if err := asserted(a); err != nil {
			return err
		}
	}
	return nil
}

// identified checks the version and the ID of a message or an assertion.
func identified(n *node) error {
	if version, _ := n.attr("Version"); version != "2.0" {
		return refuse("saml_version", "Version 2.0", "%s", quote(version))
	}
	if _, has := n.attr("ID"); !has {
		return refuse("saml_id_missing", "an ID on "+quote(n.local), "none")
	}
	return nil
}

// rooted checks the root element.
func rooted(root *node, kind Kind) error {
	for _, may := range rootNames[kind] {
		if root.name == may {
			return nil
		}
	}
	return refuse("saml_root", kind.String()+" of SAML 2.0", "%s of %s", quote(root.local), quote(root.space))
}

// placed checks that there is one assertion, and at most one signature on each of
// the two elements that may have one, by absolute paths.
func (c *census) placed(root *node, kind Kind) error {
	if kind != Metadata {
		if err := c.one(root, kind); err != nil {
			return err
		}
	}
	for i, s := range c.signatures {
		parent := s.parent
		if s.name != signatureName {
			return refuse("saml_signature_namespace", "a signature of XML Signature", "%s", quote(s.space))
		}
		if parent == nil || parent != root && (parent.parent != root || parent.name != assertionName) {
			return refuse("saml_signature_path", "a signature as a direct child of what it signs", "one elsewhere")
		}
		for _, other := range c.signatures[:i] {
			if other.parent == parent {
				return refuse("saml_signature_count", "one signature on "+quote(parent.local), "another")
			}
		}
		if err := leading(s); err != nil {
			return err
		}
		if err := alone(s); err != nil {
			return err
		}
	}
	return nil
}

// one checks that a response holds the one assertion, or an error status and
// none; that other messages have none.
func (c *census) one(root *node, kind Kind) error {
	want, words := 0, "no assertion in "+kind.String()
	switch status, _ := root.status(); {
	case kind == Response && status != "" && status != statusSuccess:
		words = "no assertion beside an error status"
	case kind == Response, kind == Bare, kind == plainAssertion:
		want, words = 1, "one assertion"
	}
	if len(c.assertions) != want {
		return refuse("saml_assertion_count", words, "%d", len(c.assertions))
	}
	for _, a := range c.assertions {
		if a != root && a.parent != root {
			return refuse("saml_assertion_path", "the assertion as a child of Response", "one elsewhere")
		}
		if a.name != assertionName && a.name != encryptedName {
			return refuse("saml_assertion_namespace", "an assertion of SAML 2.0", "%s", quote(a.space))
		}
	}
	return nil
}

// leading checks that nothing but an Issuer comes before a signature, as the
// schemas have it.
func leading(signature *node) error {
	for _, before := range signature.parent.children {
		if before == signature {
			return nil
		}
		if before.local != "Issuer" {
			return refuse("saml_signature_place", "a signature right after Issuer", "%s before it", quote(before.local))
		}
	}
	return nil
}

// alone checks that a signature signs one thing and carries none: what else it
// must be like, its model and profile say.
func alone(signature *node) error {
	infos, references := 0, 0
	for _, c := range signature.children {
		switch c.local {
		case "Object":
			return refuse("saml_signature_object", "a signature without objects", "one")
		case "SignedInfo":
			infos++
			for _, r := range c.children {
				if r.local == "Reference" {
					references++
				}
			}
		}
	}
	if infos != 1 {
		return refuse("saml_signed_info_count", "one SignedInfo", "%d", infos)
	}
	if references != 1 {
		return refuse("saml_reference_count", "one Reference", "%d", references)
	}
	return nil
}

// asserted checks what an assertion must have for its reader to find everything
// that it will check.
func asserted(a *node) error {
	if err := identified(a); err != nil {
		return err
	}
	confirmations := a.child(saml("Subject")).all(saml("SubjectConfirmation"))
	if len(confirmations) == 0 {
		return refuse("saml_element_missing", "a SubjectConfirmation in the Subject", "none")
	}
	for _, c := range confirmations {
		if c.child(saml("SubjectConfirmationData")) == nil {
			return refuse("saml_element_missing", "SubjectConfirmationData in each SubjectConfirmation", "none")
		}
	}
	if a.child(saml("Conditions")).child(saml("AudienceRestriction")) == nil {
		return refuse("saml_element_missing", "an AudienceRestriction in the Conditions", "none")
	}
	return nil
}

// saml returns a name of SAML's assertions.
func saml(local string) name { return name{nsAssertion, local} }

// attr returns an attribute without a prefix.
func (n *node) attr(key string) (value string, has bool) {
	for _, a := range n.el.Attr {
		if a.Space == "" && a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// all returns the children of a name.
func (n *node) all(want name) []*node {
	var found []*node
	for _, c := range n.children {
		if c.name == want {
			found = append(found, c)
		}
	}
	return found
}

// child returns the first child of a name, or nil.
func (n *node) child(want name) *node {
	for _, c := range n.children {
		if c.name == want {
			return c
		}
	}
	return nil
}

// content returns the text of an element that holds nothing else; "" for nil.
func (n *node) content() string {
	if n == nil {
		return ""
	}
	return n.el.Text()
}
