package xmlgate

// Verify lets in a document as it came in the POST binding, after base64, or out of
// a metadata file. The error is a *Refusal; beside it the Message holds Hints alone.
func Verify(raw []byte, w Want) (m Message, err error) {
	defer caught(&m, &err)
	if err := w.sensible(); err != nil {
		return Message{}, err
	}
	root, ids, err := parse(raw, w.Kind, w.Limits.within(w.Kind), nil)
	if err != nil {
		return Message{}, err
	}
	m = Message{Hints: hints(root)}
	if err := shaped(root, w.Kind); err != nil {
		return Message{Hints: m.Hints}, err
	}
	switch w.Kind {
	case Response:
		err = w.response(root, ids, &m)
	case Bare:
		err = w.bare(root, ids, &m)
	case AuthnRequest, LogoutRequest, LogoutResponse, Metadata, plainAssertion:
		err = w.single(root, &m)
	}
	if err != nil {
		return Message{Hints: m.Hints}, err
	}
	return m, nil
}

// Peek reads what a document says of itself, within the limits and by the shape of its
// kind. Nobody vouches for it: it may choose who is asked to verify the document, and
// nothing else. The error is a *Refusal.
func Peek(raw []byte, kind Kind) (Hints, error) {
	if rootNames[kind] == nil || kind == plainAssertion {
		return Hints{}, refuse("saml_want", "a kind of document", "%d", kind)
	}
	root, _, err := parse(raw, kind, Limits{}.within(kind), nil)
	if err == nil {
		err = shaped(root, kind)
	}
	if err != nil {
		return Hints{}, err
	}
	return hints(root), nil
}

// sensible refuses a want that could let in what nobody meant.
func (w Want) sensible() error {
	switch {
	case rootNames[w.Kind] == nil || w.Kind == plainAssertion:
		return refuse("saml_want", "a kind of document", "%d", w.Kind)
	case w.Now.IsZero():
		return refuse("saml_want", "the time", "none")
	case w.Signed < Both || w.Signed > None:
		return refuse("saml_want", "what must be signed", "%d", w.Signed)
	case w.Kind == Response && w.Signed == None:
		return refuse("saml_want", "a response that must be signed", "none that must")
	case w.Kind == Bare && w.Signed != Assertion:
		return refuse("saml_want", "an assertion that must be signed", "%s", w.Signed)
	case w.Kind != Response && w.Kind != Bare && w.Signed == Assertion:
		return refuse("saml_want", "a kind with assertions", "%s", w.Kind)
	}
	return nil
}

// single verifies a document that is not a response.
func (w Want) single(root *node, m *Message) (err error) {
	if w.Signed != None || len(w.Certificates) > 0 {
		if m.Envelope, m.EnvelopeSignature, err = w.verify(root); err != nil || m.EnvelopeSignature != nil {
			return err
		}
	}
	if w.Signed != None {
		return refuse("saml_unsigned", "a signed "+root.local, "one without a signature")
	}
	if s := signatureOf(root); s != nil {
		root.el.RemoveChild(s.el)
	}
	m.Unsigned, err = canonicalForm(root.el, "")
	return err
}

// response verifies a response and its assertion. Once the envelope is verified,
// the assertion is looked for in the verified bytes alone.
func (w Want) response(root *node, ids map[string]struct{}, m *Message) (err error) {
	if status, sub := root.status(); status != statusSuccess {
		return refuse("saml_status", "the status Success", "%s %s", quote(status), quote(sub))
	}
	if m.Envelope, m.EnvelopeSignature, err = w.verify(root); err != nil {
		return err
	}
	switch {
	case m.EnvelopeSignature != nil:
		if root, ids, err = again(m.Envelope, Response, w.Limits, nil); err != nil {
			return err
		}
	case w.Signed == Both || w.Signed == Envelope:
		return refuse("saml_unsigned", "a signed Response", "one without a signature")
	}
	assertion := root.child(assertionName)
	if assertion == nil {
		if assertion, m.Encrypted, err = w.decrypted(root.child(encryptedName), ids); err != nil {
			return err
		}
	}
	if m.Assertion, m.AssertionSignature, err = w.verify(assertion); err != nil || m.AssertionSignature != nil {
		return err
	}
	switch {
	case w.Signed == Both || w.Signed == Assertion:
		return refuse("saml_assertion_unsigned", "a signed assertion", "one without a signature of its own")
	case m.EnvelopeSignature == nil:
		return refuse("saml_unsigned", "a signed Response or a signed assertion", "neither signed")
	}
	inherit(assertion)
	m.Assertion, err = canonicalForm(assertion.el, "")
	return err
}

// bare verifies an assertion that came without a response: its own signature is all
// that can vouch for it.
func (w Want) bare(root *node, ids map[string]struct{}, m *Message) (err error) {
	if root.name == encryptedName {
		if root, m.Encrypted, err = w.decrypted(root, ids); err != nil {
			return err
		}
	}
	if m.Assertion, m.AssertionSignature, err = w.verify(root); err == nil && m.AssertionSignature == nil {
		err = refuse("saml_assertion_unsigned", "a signed assertion", "one without a signature of its own")
	}
	return err
}

// again parses what was verified or decrypted, with all checks of its form. ids are
// those that it may not use.
func again(raw []byte, kind Kind, l Limits, ids map[string]struct{}) (*node, map[string]struct{}, error) {
	root, ids, err := parse(raw, kind, l.within(kind), ids)
	if err != nil {
		return nil, nil, err
	}
	return root, ids, shaped(root, kind)
}

// caught turns a panic of a library into a refusal. The checks come first so that
// there is none; fuzzing looks for this refusal.
func caught(m *Message, err *error) {
	if recover() != nil {
		*m, *err = Message{}, refuse("saml_panic", "a document that every library can read", "another")
	}
}
