package xmlgate

// Verify lets in a document as it came in the POST binding, after base64, or out of
// a metadata file. The error is a *Refusal.
//
// The checks are not in yet: everything is refused.
func Verify(raw []byte, w Want) (Message, error) {
	return Message{}, refuse("saml_gate_closed", "a gate with its checks", "%d bytes of %s", len(raw), w.Kind)
}

// VerifyRedirect lets in a document as it came in the redirect binding (bindings
// section 3.4): rawQuery is the query string untouched. The error is a *Refusal.
//
// The checks are not in yet: everything is refused.
func VerifyRedirect(rawQuery string, w Want) (Message, error) {
	return Message{}, refuse("saml_gate_closed", "a gate with its checks", "%d bytes of %s", len(rawQuery), w.Kind)
}
