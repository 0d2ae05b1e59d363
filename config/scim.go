package config

import "time"

// SCIM is what a connection may do that pushes people and groups.
type SCIM struct {
	// Provisioning is jit: whoever signs in has an account, and nothing is pushed;
	// jit+scim (default): the same, and where somebody was pushed, that decides; or scim:
	// only who was pushed and is active signs in.
	Provisioning string `yaml:"provisioning"`
	// Admins lets it change people who have a role here, and those and the groups that
	// are protected.
	Admins bool  `yaml:"admins"`
	Guard  Guard `yaml:"guard"`
	// MaxResults is the most resources on a page, up to 1000. Default 1000.
	MaxResults int `yaml:"max_results"`
	// MaxOperations is the most operations of a bulk request, up to 10000. Default 1000.
	MaxOperations int `yaml:"max_operations"`
	// Extensions are schema extensions of the connection's own, beside the enterprise
	// extension of users.
	Extensions []Extension `yaml:"extensions"`
}

// Extension is a schema extension of SCIM (RFC 7643, section 3.3).
type Extension struct {
	// Resource is User or Group.
	Resource string `yaml:"resource"`
	// ID is its URN, which paths and bodies name it by.
	ID string `yaml:"id"`
	// Name is what people call it.
	Name string `yaml:"name"`
	// Attributes are what it has.
	Attributes []Attribute `yaml:"attributes"`
}

// Attribute is one of an extension (RFC 7643, section 2.2), and SubAttribute one of a
// complex attribute.
type Attribute struct {
	// Name is letters, digits, - and _, and begins with a letter.
	Name string `yaml:"name"`
	// Description is for people.
	Description string `yaml:"description"`
	// Type is string (default), boolean, decimal, integer, dateTime, binary, reference or
	// complex.
	Type string `yaml:"type"`
	// MultiValued says that it has several values.
	MultiValued bool `yaml:"multi_valued"`
	// CaseExact says that case matters where it is compared.
	CaseExact bool `yaml:"case_exact"`
	// Mutability is readWrite (default) or immutable: set once.
	Mutability string `yaml:"mutability"`
	// Returned is default, request (only when asked for) or never.
	Returned string `yaml:"returned"`
	// SubAttributes are those of a complex attribute.
	SubAttributes []SubAttribute `yaml:"sub_attributes"`
}

// SubAttribute is one of a complex attribute: see Attribute.
type SubAttribute struct {
	// Name is as that of an attribute.
	Name string `yaml:"name"`
	// Description is for people.
	Description string `yaml:"description"`
	// Type is that of an attribute, and not complex.
	Type string `yaml:"type"`
	// MultiValued says that it has several values.
	MultiValued bool `yaml:"multi_valued"`
	// CaseExact says that case matters where it is compared.
	CaseExact bool `yaml:"case_exact"`
}

// The values of SCIM.Provisioning.
const (
	ProvisioningJIT  = "jit"
	ProvisioningBoth = "jit+scim"
	ProvisioningSCIM = "scim"
)

// Guard halts a connection that takes away too much at once: an administrator looks at
// it and resumes it or undoes what was done.
type Guard struct {
	// Share is how many percent of the people, and of the memberships, may go within a
	// window. Default 20; 100 never halts.
	Share int `yaml:"share"`
	// Minimum is how many may always go. Default 20.
	Minimum int `yaml:"minimum"`
	// Window is how long what goes is added up. Default 1h.
	Window time.Duration `yaml:"window"`
}
