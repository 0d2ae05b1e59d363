package main

type personCommand struct {
	List        personListCommand        `cmd:"" help:"Search people." api:"GET /people" columns:"ID=id,NAME=profile.name,EMAIL=profile.email,DISABLED=disabled,UPDATED=updated"`
	Show        one                      `cmd:"" help:"Show a person." api:"GET /people/{}" set:"thing=The person's id, the sub of tokens."`
	Disable     ending                   `cmd:"" help:"Sign the person out everywhere and let them in no more." api:"POST /people/{}/disable" set:"thing=The person's id, the sub of tokens."`
	Enable      one                      `cmd:"" help:"Let the person sign in again." api:"POST /people/{}/enable" set:"thing=The person's id, the sub of tokens."`
	Protect     one                      `cmd:"" help:"Keep the person from being changed by connections that may not touch what is protected." api:"POST /people/{}/protect" set:"thing=The person's id, the sub of tokens."`
	Unprotect   one                      `cmd:"" help:"Let connections change the person again, unless a role protects them." api:"POST /people/{}/unprotect" set:"thing=The person's id, the sub of tokens."`
	Groups      personOfCommand          `cmd:"" help:"List the groups that a person is in." api:"GET /people/{}/groups" columns:"CONNECTION=group.connection,GROUP=group.id,NAME=name,UNTIL=valid_until"`
	Roles       personOfCommand          `cmd:"" help:"List the roles that a person has, and what gives them." api:"GET /people/{}/roles" columns:"ROLE=role,BY=source"`
	Sessions    personOfCommand          `cmd:"" help:"List where the person is signed in." api:"GET /people/{}/sessions" columns:"ID=id,CONNECTION=authentication.connection,SINCE=created,LAST USED=last_seen,ADDRESS=address,BROWSER=user_agent"`
	Grants      personOfCommand          `cmd:"" help:"List what apps hold in the person's name." api:"GET /people/{}/grants" columns:"APP=app,SCOPES=scopes,OFFLINE=offline,SINCE=since,LAST USED=last_use"`
	Assignments personAssignmentsCommand `cmd:"" help:"List the roles in apps that a person was assigned by name." api:"GET /people/{}/assignments" columns:"ID=id,APP ID=app,ROLE=role,FROM=from,UNTIL=until,ENDED=ended,REASON=reason"`
	Revocations personOfCommand          `cmd:"" help:"List what revoked everything of a person, newest first: who left, what ended with it and who was told." api:"GET /people/{}/revocations" columns:"ID=id,TYPE=type,TIME=time,BY=by.id,SESSIONS=progress.sessions,APPS TOLD=progress.told,TO TELL=progress.waiting,GIVEN UP=progress.failed,CANNOT BE TOLD=progress.untold"`
	SignOut     ending                   `cmd:"" help:"Sign the person out everywhere; they may sign in again." api:"DELETE /people/{}/sessions" set:"thing=The person's id, the sub of tokens."`
}

type personListCommand struct {
	sorted
	Search     string `arg:"" optional:"" help:"Words that begin a word of the name, user name or e-mail address." query:"q"`
	Disabled   *bool  `help:"Only people who are disabled, or with =false are not." query:"disabled"`
	Connection string `help:"Only people with an account at this connection." query:"connection"`
	Group      string `help:"Only members of the groups that have this name." query:"group"`
}

type personOfCommand struct {
	listing
	ID string `arg:"" help:"The person's id, the sub of tokens."`
}

type sessionCommand struct {
	List sessionListCommand `cmd:"" help:"List the browsers that are signed in." api:"GET /sessions" columns:"ID=id,PERSON=name,CONNECTION=authentication.connection,SINCE=created,LAST USED=last_seen,ADDRESS=address"`
	Show one                `cmd:"" help:"Show a session." api:"GET /sessions/{}" set:"thing=The session's id, the sid of tokens."`
	End  ending             `cmd:"" help:"Sign one browser out, and out of every app that it opened." api:"DELETE /sessions/{}" set:"thing=The session's id, the sid of tokens."`
}

type sessionListCommand struct {
	listing
	Person     string `help:"Only this person's, by id." query:"person"`
	Connection string `help:"Only those that came over this connection." query:"connection"`
	App        string `help:"Only those in which the app with this name got tokens." query:"app"`
}

type grantCommand struct {
	List     grantListCommand     `cmd:"" help:"List what apps hold in people's names." api:"GET /grants" columns:"PERSON=name,PERSON ID=person,APP ID=app,SCOPES=scopes,OFFLINE=offline,LAST USED=last_use"`
	Withdraw grantWithdrawCommand `cmd:"" help:"Take from an app what it holds in a person's name." api:"DELETE /people/{}/grants/{}"`
}

type grantListCommand struct {
	listing
	Person string `help:"Only what is held of this person, by id." query:"person"`
	App    string `help:"Only what the app with this name holds." query:"app"`
}

type grantWithdrawCommand struct {
	ending
	App string `arg:"" help:"The app's internal id, as grant list shows it."`
}
