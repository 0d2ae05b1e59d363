package connections

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// subjectSettings are the fields of a connection about what apps may bring that its
// provider made.
func subjectSettings(protocol string) []setting {
	age := setting{path: "exchange.max_age", label: ui.T("How old they may be"), help: ui.T("Such as 10m, which is so unless told.")}
	believed := setting{path: "exchange.acr", kind: asWords, label: ui.T("Authentication contexts that are passed on"), help: ui.T("What the provider may say of how somebody signed in; nothing unless told.")}
	if protocol == typeSAML {
		return []setting{
			{path: "exchange.clients", kind: asLists, label: ui.T("Apps that may bring assertions"), help: ui.T("A line each: client id = *. Such an app gets tokens of APIs for whom an assertion is about. Nobody may unless told.")},
			{path: "exchange.audiences", kind: asWords, label: ui.T("Further audiences of assertions"), help: ui.T("Beside our entity id and the token endpoint.")},
			{path: "exchange.recipients", kind: asWords, label: ui.T("Further recipients of assertions"), help: ui.T("Beside the token endpoint. Assertions that were made for a sign-in are taken only if the assertion consumer service stands here.")},
			age, believed,
		}
	}
	return []setting{
		{path: "exchange.clients", kind: asLists, label: ui.T("Apps that may bring tokens"), help: ui.T("A line each: client id = the provider's clients whose tokens it may bring, or * for whichever. Such an app gets tokens of APIs for whom a token is about. Nobody may unless told.")},
		{path: "exchange.audiences", kind: asWords, label: ui.T("Further audiences of tokens"), help: ui.T("Beside the broker's issuer.")},
		{path: "exchange.types", kind: asWords, label: ui.T("Types of tokens"), help: ui.T("at+jwt unless told, or JWT.")},
		age,
		{path: "exchange.once", kind: asTruth, label: ui.T("Take each token once")},
		believed,
		{path: "exchange.amr", kind: asWords, label: ui.T("Authentication methods that are passed on"), help: ui.T("Nothing unless told.")},
	}
}

// subjectFacts are what is decided about what apps may bring; nothing where nobody may.
func subjectFacts(s connection.Settings) []kit.Fact {
	e := s.Exchange
	if e == nil {
		return nil
	}
	label, audiences := ui.T("Apps that may bring tokens"), ui.T("Further audiences of tokens")
	if s.SAML != nil {
		label, audiences = ui.T("Apps that may bring assertions"), ui.T("Further audiences of assertions")
	}
	who := kit.Fact{Label: label}
	for _, client := range slices.Sorted(maps.Keys(e.Clients)) {
		who.Values = append(who.Values, kit.Cell{Text: client + " = " + strings.Join(e.Clients[client], ", "), Code: true})
	}
	facts := []kit.Fact{
		who, kit.Each(audiences, e.Audiences, true), kit.Each(ui.T("Further recipients of assertions"), e.Recipients, true), kit.Each(ui.T("Types of tokens"), e.Types, true),
		kit.Code(ui.T("How old they may be"), e.MaxAge),
	}
	if e.Once {
		facts = append(facts, kit.Says(ui.T("Take each token once"), kit.Cell{Say: ui.T("Yes")}))
	}
	return append(facts, kit.Each(ui.T("Authentication contexts that are passed on"), e.ACR, true), kit.Each(ui.T("Authentication methods that are passed on"), e.AMR, true))
}
