package main

type exchangeCommand struct {
	List  exchangeListCommand  `cmd:"" help:"List the tokens that came out of exchanges, newest first." api:"GET /exchanges" columns:"ID=id,STATE=state,PERSON=person,CLIENT=client,AUDIENCE=audience,SCOPES=scopes,EXPIRES=expires,FROM=parent_client,PURPOSE=purpose"`
	Show  one                  `cmd:"" help:"Show an issued token, what it grew from, and what hangs from it." api:"GET /exchanges/{}" columns:"ID=id,STATE=state,CLIENT=client,AUDIENCE=audience,SCOPES=scopes,EXPIRES=expires,FROM=parent_client,PURPOSE=purpose" set:"thing=The token's id (jti)."`
	Prune exchangePruneCommand `cmd:"" help:"End an exchanged token, and all that hangs from it." api:"DELETE /exchanges/{}"`
}

type exchangeListCommand struct {
	listing
	Person     string `help:"Only those that speak of this person, by id." query:"person"`
	App        string `help:"Only those that the app with this name got." query:"app"`
	Audience   string `help:"Only those for this API." query:"audience"`
	Connection string `help:"Only those of people who came over this connection." query:"connection"`
	Live       bool   `help:"Only those that have not expired." query:"live"`
}

type exchangePruneCommand struct {
	connected
	risky
	why
	ID string `arg:"" help:"The token's id (jti)."`
}

// why is what is kept in the audit log.
type why struct {
	Reason string `help:"Why, for the audit log." query:"reason"`
}

type appExchangesCommand struct {
	listing
	App  string `arg:"" help:"The app's name."`
	Live bool   `help:"Only those that have not expired." query:"live"`
}

// appExchange names a token of an app.
type appExchange struct {
	App string `arg:"" help:"The app's name."`
	ID  string `arg:"" help:"The token's id (jti)."`
}

type appExchangeCommand struct {
	plain
	appExchange
}

type appPruneCommand struct {
	connected
	risky
	why
	appExchange
}
