package demo

import "github.com/gatehouse-io/gatehouse/internal/demo/idp"

// The groups that Acme's identity provider knows. Each has a mapping of the same
// name, but for contractors: nobody gave them a name, so they grant nothing.
const (
	everybody   = "all-employees"
	contractors = "contractors"
)

// The group that Partner Corp's identity provider knows, and the name that its
// members are known by here.
const (
	partnerStaff = "partner-staff"
	partners     = "partners"
)

// partnership lists who works at Partner Corp: they may use Expense Bot, Travel
// Desk with the APIs behind it, and the wiki.
func partnership() []idp.Person {
	return []idp.Person{
		{Username: "dora", Name: "Dora Stein", Email: "dora@partner.example", Groups: []string{partnerStaff}},
		{Username: "emil", Name: "Emil Novak", Email: "emil@partner.example", Groups: []string{partnerStaff}},
	}
}

// pushed are the connections that take SCIM: the one over which Acme's people sign in, a
// directory that is empty at first, and another to see that neither knows of the other.
func pushed() []string { return []string{"acme", "sandbox", "other"} }

// administrator is who has the role admin, by her group, and does human resources at Acme.
const administrator = "ada"

// workforce lists who works at Acme. alice and bob may use every sample app,
// carol may use none, and ada runs the marketplace.
func workforce() []idp.Person {
	return []idp.Person{
		{
			Username: "alice", Name: "Alice Moreau", Email: "alice@acme.example", Groups: []string{everybody, "people-tools", "sales", "finance"},
			Title: "Head of Finance", Department: "Finance", Manager: administrator,
		},
		{
			Username: "bob", Name: "Bob Okafor", Email: "bob@acme.example", Groups: []string{everybody, "people-tools", "sales", "finance"},
			Title: "Account Manager", Department: "Sales", Manager: "alice",
		},
		{
			Username: "carol", Name: "Carol Lindqvist", Email: "carol@acme.example", Groups: []string{contractors},
			Title: "Decorator", Department: "Facilities", Manager: "bob",
		},
		{
			Username: administrator, Name: "Ada Winter", Email: "ada@acme.example", Groups: []string{everybody, "marketplace-admins"},
			Title: "Head of Operations", Department: "Operations",
		},
	}
}

// mapped are the groups that an administrator gave a name.
func mapped() []string {
	return []string{everybody, "people-tools", "sales", "finance", "marketplace-admins"}
}

// acmeGroups are all groups that Acme has.
func acmeGroups() []string { return append(mapped(), contractors) }

// kind says what a sample app is made of.
type kind int

const (
	signIn kind = iota // people sign in to it
	report             // a job with a token of its own
	api                // a resource server
	wiki               // people sign in to it over SAML
)

// part is one sample app.
type part struct {
	kind                     kind
	name, title, description string
	client, auth             string
	group, owner, contact    string
	partners                 bool // may use it, too
	grants, scopes           []string
	port                     int
	// mayAct is the client that may exchange the tokens of its people.
	mayAct string
	// calls is the API that it exchanges tokens for, calling the scope, and purpose what for.
	calls, calling, purpose string
	// offers are the scopes of the API that it serves under its own name, and life how
	// long their tokens live, empty for as long as any.
	offers []string
	life   string
}

// signalsScope lets an app listen to the broker's signals.
const signalsScope = "ssf.manage"

// The APIs of the demo. Anybody with the scope may read the payroll, which reads the
// ledger in the name of whoever calls it; the third API is named by no app, and its tokens
// live for a second.
const (
	payrollAudience   = "payroll-api"
	payrollScope      = "payroll.read"
	payrollScopeWider = "payroll.write"
	ledgerAudience    = "ledger-api"
	ledgerScope       = "ledger.read"
	deniedAudience    = "ledger-admin"
	deniedLife        = "1s"
)

// The app that exchanges tokens, and those that it is told apart from.
const (
	exchanging    = "travel-desk"
	notExchanging = "crm-dash"
	exchangedFrom = "expense-bot"
)

// parts lists the sample apps. Ports are where they are found when free.
func parts() []part {
	code, refresh, credentials := "authorization_code", "refresh_token", "client_credentials"
	exchange := "urn:ietf:params:oauth:grant-type:token-exchange"
	openid := []string{"openid", "profile", "email", "groups"}
	return []part{
		{
			name: "expense-bot", title: "Expense Bot", description: "Files expenses and reminds of missing receipts.",
			client: "microapp-expense-bot", auth: "client_secret_basic", group: everybody, owner: "finance", contact: "#expense-bot",
			grants: []string{code, refresh}, scopes: append([]string{"offline_access"}, openid...), port: 8090, partners: true,
			mayAct: "microapp-travel-desk",
		},
		{
			name: "crm-dash", title: "CRM Dashboard", description: "The sales pipeline at a glance.",
			client: "microapp-crm-dash", auth: "client_secret_post", group: everybody, owner: "sales", contact: "#crm-dash",
			grants: []string{code}, scopes: openid, port: 8091,
		},
		{
			name: "field-notes", title: "Field Notes", description: "Notes from customer visits, on any phone.",
			client: "microapp-field-notes", auth: "none", group: everybody, owner: "sales", contact: "#field-notes",
			grants: []string{code, refresh}, scopes: openid, port: 8092,
		},
		{
			name: "hr-feedback", title: "HR Feedback", description: "Collects pulse-survey feedback and files follow-ups.",
			client: "microapp-hr-feedback", auth: "private_key_jwt", group: everybody, owner: "people-tools", contact: "#people-tools",
			grants: []string{code}, scopes: openid, port: 8093,
		},
		{
			kind: report, name: "nightly-report", title: "Nightly Report", description: "Sums up the payroll every night, without a person.",
			client: "microapp-nightly-report", auth: "client_secret_basic", group: "finance", owner: "finance", contact: "#finance-tools",
			grants: []string{credentials}, scopes: []string{payrollScope}, port: 8094,
		},
		{
			kind: api, name: "payroll-api", title: "Payroll API", description: "An API that knows within a second what was revoked.",
			client: "payroll-api", auth: "client_secret_basic", group: "finance", owner: "finance", contact: "#finance-tools",
			grants: []string{credentials, exchange}, scopes: []string{signalsScope}, port: 8095, offers: []string{payrollScope, payrollScopeWider}, calls: ledgerAudience, calling: ledgerScope, purpose: "look up what was booked", partners: true,
		},
		{
			name: exchanging, title: "Travel Desk", description: "Books journeys, and asks the payroll where to send the bill.",
			client: "microapp-travel-desk", auth: "client_secret_basic", group: everybody, owner: "sales", contact: "#travel-desk",
			grants: []string{code, credentials, exchange}, scopes: openid, port: 8097, calls: payrollAudience, calling: payrollScope, purpose: "book a journey",
			partners: true,
		},
		{
			kind: api, name: deniedAudience, title: "Ledger Admin", description: "Closes the books. No app may call it in anybody's name.",
			client: "ledger-admin", auth: "client_secret_basic", group: "finance", owner: "finance", contact: "#finance-tools",
			grants: []string{credentials}, port: 8098, offers: []string{"ledger.close"}, life: deniedLife,
		},
		{
			kind: api, name: ledgerAudience, title: "Ledger API", description: "What was booked. The payroll asks it in the name of whoever asks the payroll.",
			client: "ledger-api", auth: "client_secret_basic", group: "finance", owner: "finance", contact: "#finance-tools",
			grants: []string{credentials}, port: 8099, offers: []string{ledgerScope}, partners: true,
		},
		{
			kind: wiki, name: "team-wiki", title: "Team Wiki", description: "Pages that teams write together, in an app that speaks SAML.",
			group: everybody, owner: "people-tools", contact: "#people-tools", scopes: []string{"profile", "email", "groups"}, port: 8096, partners: true,
		},
	}
}

// groups are those whose members may use the app.
func (p part) groups() []string {
	if p.partners {
		return []string{p.group, partners}
	}
	return []string{p.group}
}
