package api

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

const exampleID = "k2qj7wz4m5xk3n6t2b7h4c5d6e"

const exampleManifest = `apiVersion: marketplace/v1alpha1
kind: MicroApp
metadata:
  name: expense-bot
  title: Expense Bot
spec:
  version: 1.0.0
  owner: {team: finance, primary: alice@acme.example, contacts: {chat: "#expense-bot"}}
  entitlements:
    - {name: user, groups: [all-employees], default: true}
  identity:
    protocol: oidc
    oidc:
      clientId: microapp-expense-bot
      redirectUris: [https://expenses.acme.example/callback]
      grantTypes: [authorization_code]
      tokenEndpointAuthMethod: client_secret_basic
      scopes: [{name: openid, justification: sign-in}]
`

// The examples of the document: what each operation reads and answers, as values of
// the very types, so that they cannot become wrong.
var (
	exampleTime  = time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)
	exampleActor = identity.Actor{Ref: identity.Person(exampleID), Address: "192.0.2.7", Request: "r5t6y7u8i2o3p4a5s6d7f2g3h4"}
	exampleGroup = identity.GroupRef{Connection: "acme", ID: "00g1emaKYZTWRYYRRTSK"}
	exampleBatch = batch{Files: []catalog.File{{Name: "expense-bot/microapp.yaml", Data: []byte(exampleManifest)}}, Folder: true}

	exampleApp = catalog.App{
		ID: "q2w3e4r5t6y7u2i3o4p5a6s7d2", Name: "expense-bot", Digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Created: exampleTime, Updated: exampleTime, Version: 1,
		Manifest: catalog.Manifest{
			APIVersion: "marketplace/v1alpha1", Kind: "MicroApp", Metadata: catalog.Metadata{Name: "expense-bot", Title: "Expense Bot"},
			Spec: catalog.Spec{
				Version: "1.0.0", Owner: catalog.Owner{Team: "finance", Primary: "alice@acme.example", Contacts: map[string]string{"chat": "#expense-bot"}},
				Entitlements: []catalog.Entitlement{{Name: "user", Groups: []string{"all-employees"}, Default: true}},
				Identity: catalog.Identity{Protocol: "oidc", OIDC: &catalog.OIDC{
					ClientID: "microapp-expense-bot", RedirectURIs: []string{"https://expenses.acme.example/callback"}, GrantTypes: []string{"authorization_code"},
					TokenEndpointAuthMethod: "client_secret_basic", Scopes: []catalog.Scope{{Name: "openid", Justification: "sign-in"}},
				}},
			},
		},
	}
	exampleShown   = shown{App: exampleApp, Missing: []string{"keys"}, Pending: []catalog.Ask{examplePending}, Ownership: exampleOwnership}
	exampleApplied = applied{App: exampleApp, Outcome: catalog.Created, Secret: "…"}

	exampleProvider = identityProvider{
		registry.IdentityProvider{
			EntityID: "https://gate.acme.example/saml/metadata", MetadataURL: "https://gate.acme.example/saml/metadata",
			SSOURL: "https://gate.acme.example/saml/sso", SLOURL: "https://gate.acme.example/saml/slo",
		},
		[]certificate{{SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", NotBefore: exampleTime, NotAfter: exampleTime.AddDate(2, 0, 0), PEM: "-----BEGIN CERTIFICATE-----…"}},
	}

	examplePerson = directory.Person{
		ID: exampleID, Identities: []directory.Identity{{Connection: "acme", Subject: "00u1ero7vZFVEIYLWPBN", LastSignIn: exampleTime}},
		Profile: directory.Profile{Username: "alice", Name: "Alice Moreau", Email: "alice@acme.example", EmailVerified: true},
		Groups:  []directory.Membership{exampleMembership.Membership}, Created: exampleTime, Updated: exampleTime, Version: 3,
	}
	exampleMembership = membership{
		Membership: directory.Membership{Group: exampleGroup, Source: directory.SourceSignIn, Since: exampleTime, ValidUntil: exampleTime.Add(12 * time.Hour), Origin: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3"}, Name: "all-employees",
	}
	exampleMapping = directory.Mapping{Group: exampleGroup, Name: "all-employees"}
	exampleSession = session.Session{
		ID: "s3d4f5g6h7j2k3l4z5x6c7v2b3", Person: exampleID, Created: exampleTime, LastSeen: exampleTime, IdleAfter: 8 * time.Hour, Expires: exampleTime.Add(24 * time.Hour),
		Authentication: identity.Authentication{Connection: "acme", Subject: "00u1ero7vZFVEIYLWPBN", AMR: []string{"pwd", "otp"}, Time: exampleTime},
		Rev:            42, Era: "m4n5b6v7c2x3z4l5k6j7h2g3f4", UserAgent: "Mozilla/5.0", Address: "192.0.2.7", Version: 1,
	}
	exampleAccess     = grant.Access{App: exampleApp.ID, Scopes: []string{"email", "openid"}, Since: exampleTime, LastUse: exampleTime}
	exampleConnection = Connection{ID: "acme", Title: "Acme Workforce", Type: "oidc", Issuer: "https://acme.okta.com", Domains: []string{"acme.example"}, Enabled: true, Discovered: exampleTime, Connection: connection.Connection{
		Settings: exampleSettings, Source: connection.Stored, HasSecret: true, Created: exampleTime, Updated: exampleTime,
	}}
	exampleSettings = connection.Settings{
		ID: "acme", Title: "Acme Workforce", Type: "oidc", Issuer: "https://acme.okta.com", ClientID: "0oa1gatehouse", Scopes: []string{"openid", "profile", "email", "groups"},
		Domains: []string{"acme.example"}, Algorithms: []string{"RS256"}, Claims: map[string]string{"department": "claims.dept"}, Groups: &connection.Groups{Claim: "groups"},
		Exchange: &connection.Exchange{Clients: map[string][]string{"microapp-travel-desk": {"0oa2travel"}}, Types: []string{"at+jwt"}, MaxAge: "10m"},
	}
	exampleTrace = trace.Trace{
		ID: "7K3M-Q2XD-9FTB", Time: exampleTime, Expires: exampleTime.Add(7 * 24 * time.Hour), Connection: "acme", Kind: trace.Test, Rule: "idp_untrusted",
		Detail: "the identity provider's answer could not be trusted: the id_token is for another client", By: exampleActor,
		Checks:   []identity.Check{{Name: "issuer", Passed: true, Expected: "https://acme.okta.com", Got: "https://acme.okta.com"}, {Name: "audience", Expected: "0oa1gatehouse", Got: "0oa2other"}},
		Document: `{"id_token": {"aud": "0oa2other"}}`, Attributes: map[string]any{"email": "alice@acme.example"},
		Mapping: []trace.Mapped{{Field: "email", From: "email", Value: "alice@acme.example"}}, Groups: []string{"all-employees"},
	}
	exampleSCIM = record.State{
		Connection: "acme", Halted: exampleTime, By: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3", Began: exampleTime.Add(-20 * time.Minute), People: 840, Members: 3120, PeopleGone: 168, MembersGone: 12,
	}
	exampleOutcome = record.Outcome{
		Operation: record.Operation{
			ID: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3", Connection: "acme", Kind: "Okta: deactivate, path-less", Method: "PATCH", Path: "/Users/2819c223aa4c4f2b", Actor: exampleActor, Time: exampleTime,
		},
		Status: 200, Resource: "User/2819c223aa4c4f2b", Changed: true,
	}
	exampleSCIMToken = record.Token{
		ID: "t2y3u4i5o6p7a2s3d4f5g6h7j2", Connection: "acme", Name: "Okta", Addresses: []string{"192.0.2.0/24"},
		CreatedBy: exampleActor, Created: exampleTime, Expires: exampleTime.AddDate(1, 0, 0), LastUsed: exampleTime.AddDate(0, 0, 1),
	}
	exampleNewSCIMToken  = record.NewToken{Name: "Okta", Addresses: exampleSCIMToken.Addresses, Days: 365}
	exampleNewConnection = newConnection{exampleSettings, "…"}

	exampleKey   = keys.Info{ID: "h2j3k4l5z6x7c2v3b4n5m6q7w2", Algorithm: keys.ES256, Stage: keys.Signing, Published: exampleTime, SignsFrom: exampleTime.Add(time.Hour)}
	exampleEntry = audit.Entry{
		Event: event.Event{
			ID: "01jdhk3m2n4p" + "a2b3c4d5e6f7g2h3", Type: "app.disabled", Time: exampleTime, Actor: exampleActor, Subject: identity.App(exampleApp.ID),
			Revokes: []identity.Ref{identity.App(exampleApp.ID)}, Data: map[string]string{"name": "expense-bot"},
		},
		Digest: []byte("thirty-two bytes of SHA-256 hash"), Seal: 17,
	}
	exampleToken = admin.Token{
		ID: "t2y3u4i5o6p7a2s3d4f5g6h7j2", Name: "nightly import", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"expense-bot"},
		CreatedBy: exampleActor, Owner: identity.Person(exampleID), Created: exampleTime, Expires: exampleTime.AddDate(0, 0, 90), LastUsed: exampleTime.AddDate(0, 0, 1),
	}
	exampleNewToken = admin.NewToken{Name: "nightly import", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"expense-bot"}, Days: 90}
	exampleHolder   = admin.Holder{Person: examplePerson, Role: admin.Auditor, Source: "internal-audit", Group: exampleGroup}
	exampleRole     = role{Name: admin.Approver, Rights: admin.Approver.Rights(), Groups: []string{"budget-owners"}}
	exampleSelf     = self{Ref: identity.Person(exampleID), Owner: identity.Person(exampleID), Roles: []admin.Role{admin.Approver}, Rights: admin.Approver.Rights()}
	exampleChange   = admin.Change{
		ID: "01jdhk3m2n4p" + "q2w3e4r5t6y7u2i3", Operation: admin.Operation{Name: "killKey", Values: map[string]string{"kid": exampleKey.ID}},
		RequestedBy: exampleActor, Owner: identity.Person(exampleID), Created: exampleTime, Expires: exampleTime.Add(admin.ChangeLife), State: admin.Waiting,
	}
	exampleFound    = session.Found{Session: exampleSession, Name: "Alice Moreau", Apps: []string{exampleApp.ID}}
	exampleHeld     = grant.Held{Access: exampleAccess, Person: exampleID, Name: "Alice Moreau"}
	exampleUpstream = directory.Group{Ref: exampleGroup, DisplayName: "Everyone", Name: "all-employees", Members: 4711, FirstSeen: exampleTime, LastSeen: exampleTime}
	exampleQueued   = event.Queued{Event: exampleEntry.Event, State: event.Retrying, Attempts: 3, Reason: "connection refused", Due: exampleTime.Add(time.Minute), Created: exampleTime}
	exampleJob      = job.Queued{
		ID: "j2k3l4z5x6c7v2b3n4m5q6w7e2", Queue: "backchannel-logout", Key: "k", State: event.Buried, Attempts: 20, Reason: "status 500", Deadline: exampleTime, Created: exampleTime,
	}
	exampleState = audit.State{
		Seals: 17, SealedAt: exampleTime, Unsealed: 2, Check: audit.Check{Through: 17, Entries: 1042, Head: []byte("thirty-two bytes of SHA-256 hash"), At: exampleTime},
	}
	exampleOverview = overview{People: 4711, Sessions: 312, Apps: 42, Connections: 2, Outbox: event.Backlog{Waiting: 1, Oldest: exampleTime}, Audit: exampleState}
	exampleFigures  = figures{
		From: exampleTime.Add(-24 * time.Hour), To: exampleTime, SignIns: []activity.SignIns{{Connection: "acme", Outcome: activity.Success, Count: 1203}},
		Tokens:      []activity.Tokens{{App: exampleApp.ID, Client: "microapp-expense-bot", GrantType: "authorization_code", Count: 871}},
		SignInHours: []activity.SignIns{{Hour: exampleTime.Truncate(time.Hour), Outcome: activity.Success, Count: 77}}, TokenHours: []activity.Tokens{},
	}
)
