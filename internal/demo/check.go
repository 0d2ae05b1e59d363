package demo

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/demo/check"
)

// Check walks the whole story against the running demo and prints each step.
//
// What was done on Acme's staff page is brought back first, and said so. Where other things
// were changed that the story needs, it fails with ErrUsed before its first step.
func (d *Demo) Check(ctx context.Context, out io.Writer) error {
	if err := d.restage(ctx, out); err != nil {
		return err
	}
	err := check.Run(ctx, d.story(out))
	if err != nil && d.state.used {
		return fmt.Errorf("%w; %s was used before: if something was changed there, begin anew with --data and an empty folder", err, d.o.Data)
	}
	return err
}

// story is what the check needs to know.
func (d *Demo) story(out io.Writer) check.Options {
	who := func(name string) check.Person {
		p := d.facts.Person(name)
		return check.Person{Username: p.Username, Password: p.Password, Email: p.Email}
	}
	at := func(name string) check.App {
		a := d.facts.App(name)
		app := check.App{URL: a.URL, ClientID: a.ClientID, Secret: a.Secret}
		if len(a.RedirectURIs) > 0 {
			app.RedirectURI = a.RedirectURIs[0]
		}
		return app
	}
	o := check.Options{
		Issuer: d.issuer, Account: d.facts.Account, Allowed: who("alice"), Denied: who("carol"), Missing: everybody,
		Refreshing: at("expense-bot"), Post: at("crm-dash"), Public: at("field-notes"), KeyJWT: at("hr-feedback"),
		Job: at("nightly-report"), Calling: at(exchanging), Listening: at(payrollAudience), IDP: "acme", Now: d.o.Now, Out: out,
	}
	if i := slices.IndexFunc(d.facts.SCIM, func(s FactSCIM) bool { return s.Connection == "acme" }); i >= 0 && !d.o.Unpushed {
		o.Staff = &check.Staff{
			URL: d.facts.IDPs[0].Staff, HR: who(administrator), Group: everybody, Without: contractors,
			BaseURL: d.facts.SCIM[i].BaseURL, Token: d.facts.SCIM[i].Token, Subject: d.facts.Person("alice").Subject,
		}
	}
	if d.o.SAML {
		app := d.facts.SAMLApps[0]
		o.SAML = &check.SAML{Partner: who("dora"), IDP: "partner", App: app.URL, Launch: d.issuer + "/saml/launch/" + app.Name}
	}
	return o
}
