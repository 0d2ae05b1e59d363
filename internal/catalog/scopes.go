package catalog

// Scopes lists what the app's tokens, or assertions, may say of a person at most.
func (a App) Scopes() []string {
	var asked []Scope
	switch id := a.Manifest.Spec.Identity; {
	case id.OIDC != nil:
		asked = id.OIDC.Scopes
	case id.SAML != nil:
		asked = id.SAML.Scopes
		if len(asked) == 0 {
			return []string{"profile", "email"}
		}
	}
	names := make([]string, 0, len(asked))
	for _, s := range asked {
		names = append(names, s.Name)
	}
	return names
}
