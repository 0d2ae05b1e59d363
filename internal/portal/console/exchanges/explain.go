package exchanges

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// explainView is what the template that explains an exchange gets.
type explainView struct {
	Filters ui.Filters
	// Asked says that there is an answer.
	Asked   bool
	Result  ui.Notice
	Granted []kit.Fact
	Steps   []explainedStep
}

// explainedStep is a step in words.
type explainedStep struct {
	Title ui.Text
	Tag   ui.Tag
	// Rule, Found, Says and Remedies are set for the one that refused.
	Rule     string
	Found    string
	Says     ui.Text
	Remedies []explainedRemedy
}

// explainedRemedy is what could be changed, and by whom.
type explainedRemedy struct {
	Who         ui.Text
	What, Value string
}

func (c *Console) explainFields(v *kit.Visit) []ui.Field {
	connections := c.ConnectionOptions(v.Context())
	connections[0].Text = ui.T("No, here")
	types := []ui.Option{{Text: ui.T("As usual")}}
	for _, name := range policy.SubjectTypes() {
		types = append(types, ui.Option{Value: name, Text: ui.Plain(name)})
	}
	fields := []ui.Field{
		{Name: "client", Label: ui.T("App that exchanges"), Type: "text"},
		{Name: "audience", Label: ui.T("API"), Type: "text"},
		{Name: "scope", Label: ui.T("Scopes"), Type: "text"},
		{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"},
		{Name: "signed_in_to", Label: ui.T("Signed in to the app"), Type: "text"},
		{Name: "connection", Label: ui.T("Or at the identity provider"), Options: connections},
		{Name: "subject_type", Label: ui.T("Token type"), Options: types},
		{Name: "token", Label: ui.T("Or the id of a token (jti)"), Type: "text"},
	}
	for i := range fields {
		fields[i].Value = strings.TrimSpace(v.Query.Get(fields[i].Name))
	}
	return fields
}

func (c *Console) showExplanation(v *kit.Visit) (kit.Answer, error) {
	data := explainView{Filters: ui.Filters{Action: c.Path("/explain-exchange"), Fields: c.explainFields(v), Still: true, Button: ui.T("Explain"), Clear: ui.T("Ask anew")}}
	page := kit.View{Title: ui.T("Explain an exchange"), Crumbs: v.Crumbs(ui.T("Exchanged tokens"), "/exchanges"), Template: "explain"}
	if !data.Filters.Set() {
		page.Data = data
		return page, nil
	}
	asked, err := c.askedExchange(v, data.Filters.Fields)
	if err != nil {
		return nil, err
	}
	var e policy.Explanation
	wrong := func() bool {
		return slices.ContainsFunc(data.Filters.Fields, func(f ui.Field) bool { return !f.Wrong.Empty() })
	}
	if !wrong() {
		_, body, err := v.CallAt("explainExchange", nil, asked.Encode(), nil)
		if err == nil {
			err = kit.Read(body, &e)
		}
		if err != nil && !says(v, data.Filters.Fields, err) {
			return nil, err
		}
	}
	if wrong() {
		page.Status = http.StatusBadRequest
	} else {
		data.tell(e, asked.Get("connection") != "")
	}
	page.Data = data
	return page, nil
}

// askedExchange is what is asked, with the person's id and the client ids of the apps that
// the fields name. It says at the fields what is wrong; what is no app's may be a client's
// that is gone, of which the rules speak.
func (c *Console) askedExchange(v *kit.Visit, fields []ui.Field) (url.Values, error) {
	asked := url.Values{}
	for i := range fields {
		f := &fields[i]
		value := f.Value
		switch {
		case value == "":
			continue
		case f.Name == "person":
			p, err := c.Person(v, f, false)
			if err != nil {
				return nil, err
			}
			value = p.ID
		case f.Name == "client" || f.Name == "signed_in_to":
			client, err := c.Client(v, f)
			if err != nil {
				return nil, err
			}
			if client != nil {
				value = client.ID
			}
		}
		asked.Set(f.Name, value)
	}
	return asked, nil
}

// says puts a refusal at the field that it is about.
func says(v *kit.Visit, fields []ui.Field, err error) bool {
	name := map[string]string{
		directory.ErrPersonNotFound.Code: "person", grant.ErrNodeNotFound.Code: "token", policy.ErrQuestion.Code: lacking(fields),
		policy.ErrConnection.Code: "connection", policy.ErrSubjectType.Code: "subject_type",
	}[fault.As(err).Code]
	i := slices.IndexFunc(fields, func(f ui.Field) bool { return f.Name == name })
	if i < 0 {
		return false
	}
	fields[i].Wrong = v.Say(err)
	return true
}

// lacking is the field that a question needs first, or the token where that is one too
// many.
func lacking(fields []ui.Field) string {
	for _, name := range []string{"client", "audience", "person"} {
		if slices.ContainsFunc(fields, func(f ui.Field) bool { return f.Name == name && f.Value == "" }) {
			return name
		}
	}
	return "token"
}

// tell puts an explanation into words; abroad says that it is about what another issuer
// made.
func (d *explainView) tell(e policy.Explanation, abroad bool) {
	d.Asked, d.Result = true, ui.Notice{Text: ui.T("It would be refused."), Tone: ui.Warn}
	if e.Granted {
		d.Result = ui.Notice{Text: ui.T("It would be granted."), Tone: ui.Good}
		d.Granted = kit.Known(kit.Each(ui.T("Scopes"), e.Scopes, true), kit.Is(ui.T("Mode"), e.Mode), kit.Each(ui.T("Acts for the person"), e.Actors, true),
			kit.Says(ui.T("Lives for"), kit.Cell{Say: ui.T("%d s", e.Life)}))
	}
	for _, s := range e.Steps {
		step := explainedStep{Title: stepText(s.Name)}
		switch s.Outcome {
		case policy.Passed:
			step.Tag = ui.Tag{Text: ui.T("Passed"), Tone: ui.Good}
		case policy.Refused:
			step.Tag, step.Rule, step.Found, step.Says = ui.Tag{Text: ui.T("Refused"), Tone: ui.Bad}, s.Rule, s.Found, ruleText(s.Rule)
			if text := abroadText(s.Rule); abroad && !text.Empty() {
				step.Says = text
			}
		case policy.NotReached:
			step.Tag = ui.Tag{Text: ui.T("Not reached")}
		}
		for _, r := range s.Remedies {
			step.Remedies = append(step.Remedies, explainedRemedy{whoText(r.Who, e), r.What, r.Value})
		}
		d.Steps = append(d.Steps, step)
	}
}

// whoText says who can change something.
func whoText(who policy.Who, e policy.Explanation) ui.Text {
	of := func(app string) ui.Text {
		if app == "" {
			return ui.T("The owner of the app")
		}
		return ui.T("The owner of %s", app)
	}
	switch who {
	case policy.ClientOwner:
		return of(e.Client)
	case policy.SubjectOwner:
		return of(e.Subject)
	case policy.APIOwner:
		return of(e.API)
	case policy.Administrator:
		return ui.T("An administrator")
	case policy.ThePerson:
		return ui.T("The person")
	case policy.Caller:
	}
	return ui.T("Whoever sends the request")
}

// stepText says what is asked at a step.
func stepText(step string) ui.Text {
	switch step {
	case "client":
		return ui.T("May the client exchange tokens at all?")
	case "request":
		return ui.T("Is the request whole?")
	case "subject":
		return ui.T("Is the token good, and does it speak of a person?")
	case "audience":
		return ui.T("Does the client's manifest name the API?")
	case "holder":
		return ui.T("Is the token the client's to exchange?")
	case "line":
		return ui.T("Is the line short enough, and leads nowhere back?")
	case "actor":
		return ui.T("May the client act for the person?")
	case "scope":
		return ui.T("Do the manifest and the API name the scopes, and did the API's side agree?")
	case "person":
		return ui.T("May the person use all three apps now?")
	case "once":
		return ui.T("Was a token that counts once not used yet?")
	case "life":
		return ui.T("Is there time left to live?")
	}
	return ui.Plain(step)
}

// ruleText says what the rule that refused is.
func ruleText(rule string) ui.Text {
	switch rule {
	case "unauthorized_client":
		return ui.T("The manifest of the app names no token exchange.")
	case "invalid_client":
		return ui.T("The app is switched off, not complete, or was revoked.")
	case "client_not_found":
		return ui.T("There is no such client.")
	case "subject_expired", "token_expired":
		return ui.T("The token has expired, or is about to.")
	case "subject_revoked":
		return ui.T("The token was revoked, or something that it grew from.")
	case "subject_client":
		return ui.T("The token speaks of a client, and only a person can be acted for.")
	case "subject_scope":
		return ui.T("The token lacks the scope openid, and so does not say who the person is.")
	case "audience_denied":
		return ui.T("The manifest of the app does not name this API.")
	case "audience_unknown":
		return ui.T("No app serves this API.")
	case "subject_holder":
		return ui.T("The token is another client's, whose app does not name this one.")
	case "may_act":
		return ui.T("The token says that only another client may exchange it.")
	case "depth":
		return ui.T("The token was exchanged as often as is allowed.")
	case "loop":
		return ui.T("The line has been at this API or client before.")
	case "scope_malformed":
		return ui.T("What is asked for is no list of scopes: words with spaces between them.")
	case "scope_denied":
		return ui.T("The manifest of the app does not name one of the scopes.")
	case "scope_unknown":
		return ui.T("The API does not name one of the scopes.")
	case "scope_not_agreed":
		return ui.T("The API's side has not agreed that this app gets one of the scopes.")
	case "person":
		return ui.T("The person is switched off, or cannot sign in any more.")
	case "subject_app":
		return ui.T("The app that the token was made for is gone.")
	case "not_entitled_subject":
		return ui.T("The person may no longer use the app that the token was made for.")
	case "not_entitled_client":
		return ui.T("The person may not use the app that exchanges.")
	case "not_entitled_target":
		return ui.T("The person may not use the app that serves the API.")
	}
	return ui.Text{}
}

// abroadText says what the rule that refused another issuer's token is; nothing for one
// that means the same of ours.
func abroadText(rule string) ui.Text {
	switch rule {
	case "subject_revoked":
		return ui.T("The person, the connection, the app or its client was revoked, or the database restored, less than a minute ago: of another issuer, only what is made later counts.")
	case "subject_connection_not_found":
		return ui.T("There is no such connection that people sign in over.")
	case "subject_connection_disabled":
		return ui.T("The connection is switched off.")
	case "subject_not_allowed":
		return ui.T("The connection does not let this client bring what its provider makes.")
	case "subject_connection":
		return ui.T("Two connections have this issuer, and both let the client bring its tokens: whose people are meant cannot be told.")
	case "subject_typ":
		return ui.T("The connection takes no token of this type.")
	case "subject_unknown":
		return ui.T("The person never signed in over this connection.")
	}
	return ui.Text{}
}
