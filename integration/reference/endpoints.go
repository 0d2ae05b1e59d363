package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// standards names the specification of each endpoint of the discovery document.
var standards = map[string]string{ //nolint:gosec // G101: names of specifications
	"authorization_endpoint":   "OpenID Connect Core 3.1.2, RFC 7636, RFC 8707, RFC 9207",
	"token_endpoint":           "RFC 6749, RFC 7523, RFC 9068",
	"userinfo_endpoint":        "OpenID Connect Core 5.3",
	"jwks_uri":                 "RFC 7517",
	"introspection_endpoint":   "RFC 7662",
	"revocation_endpoint":      "RFC 7009",
	"end_session_endpoint":     "OpenID Connect RP-Initiated Logout",
	"revocation_feed_endpoint": "our own: [protect an API](../guide/protect-an-api.md#what-was-revoked-for-programs-in-other-languages)",
}

// operation is what the page tells of an operation of the management API.
type operation struct {
	Summary string `json:"summary"`
	Right   string `json:"x-right"`
}

// endpoints lists what the broker serves to apps and to administrators.
func endpoints(ctx context.Context, b *broker) (string, error) {
	var discovery map[string]any
	if err := b.document(ctx, "/.well-known/openid-configuration", false, &discovery); err != nil {
		return "", err
	}
	var api struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := b.document(ctx, "/api/v1/openapi.json", true, &api); err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("# Endpoints\n\n" + generated + "Below the issuer. Apps find the first ones in `/.well-known/openid-configuration` (also, as RFC 8414 has it, in\n" +
		"`/.well-known/oauth-authorization-server`) and need no other setting than the issuer.\n\n| in the metadata | path | specification |\n|---|---|---|\n")
	issuer := b.demo.Facts().Issuer
	for _, name := range slices.Sorted(maps.Keys(discovery)) {
		if address, ok := discovery[name].(string); ok && name != "issuer" && strings.HasPrefix(address, issuer) {
			fmt.Fprintf(&out, "| `%s` | `%s` | %s |\n", name, strings.TrimPrefix(address, issuer), standards[name])
		}
	}
	out.WriteString("\nFor identity providers: `/login/callback/{connection}` (redirect URI of OpenID Connect); for those that speak SAML, below\n" +
		"`/login/saml/{connection}`: `/metadata` (ours for that provider), `/acs` (assertion consumer service, POST) and `/slo` (single\n" +
		"logout, redirect and POST). They push people and groups to `/scim/v2/{connection}` ([RFC 7644](../guide/scim.md)).\n\nFor apps that speak SAML: `/saml/metadata`, from which they have `/saml/sso` and `/saml/slo` (single sign-on and single logout,\n" +
		"redirect and POST). `/saml/launch/{name}` opens such an app.\n")
	if err := signals(ctx, b, &out); err != nil {
		return "", err
	}
	out.WriteString("\nFor people: `/` (my apps), `/apps/{name}`, `/account`, `/admin` for administrators. For operators: `/healthz` (the process\n" +
		"lives), `/readyz` (what works, by name), `/metrics` (for the networks of `metrics.allow`).\n\n## Management API\n\n" +
		"Below `/api/v1`: on the network with an API token (`Authorization: Bearer …`), on the Unix socket as the operator. The OpenAPI 3.1\n" +
		"document is `/api/v1/openapi.json`. An app's owner also has the rights to change and switch the apps of their own team.\n\n" +
		"| operation | what it does | right |\n|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			op := api.Paths[path][method]
			fmt.Fprintf(&out, "| `%s %s` | %s | `%s` |\n", strings.ToUpper(method), path, op.Summary, op.Right)
		}
	}
	return out.String(), nil
}

// signals lists what receivers of shared signals are served.
func signals(ctx context.Context, b *broker, out *strings.Builder) error {
	var metadata map[string]any
	if err := b.document(ctx, "/.well-known/ssf-configuration", false, &metadata); err != nil {
		return err
	}
	out.WriteString("\nFor receivers of [shared signals](../guide/signals.md), from `/.well-known/ssf-configuration` (OpenID Shared Signals Framework 1.0), with a token\n" +
		"of the scope `ssf.manage` or `ssf.read`:")
	issuer, separator := b.demo.Facts().Issuer, " "
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		if address, ok := metadata[name].(string); ok && strings.HasSuffix(name, "_endpoint") {
			fmt.Fprintf(out, "%s`%s` (`%s`)", separator, strings.TrimPrefix(address, issuer), name)
			separator = ", "
		}
	}
	out.WriteString(", and `/ssf/poll/{id}` (RFC 8936).\n")
	return nil
}
