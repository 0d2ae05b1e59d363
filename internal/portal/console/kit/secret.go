package kit

import "github.com/gatehouse-io/gatehouse/internal/ui"

// Secret is what the template "secret" gets: it shows a secret, this once.
type Secret struct {
	Lead, Label ui.Text
	Secret      string
	Back        string
}
