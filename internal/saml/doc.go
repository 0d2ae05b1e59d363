// Package saml plays the service provider's part of SAML 2.0 (core, bindings,
// profiles and metadata, OASIS 2005), and holds what both parts share.
//
// A document is never looked at before package xmlgate let it in, and then only the
// bytes that it verified are: Inspect, InspectSubject, ReadLogoutRequest,
// ReadLogoutResponse and ParseIDP take its Message.
// Every check of theirs has a fault with a code of its own, saml_ and the name of the
// check, and is noted with what was expected and what came; an envelope that nobody
// signed can only refuse.
//
// What may be believed comes from the configuration: who the identity provider is,
// what must be signed, which authentication is good enough. Metadata gives endpoints
// and certificates, and can weaken no check.
//
// We sign with RSA and SHA-256 alone: enveloped in the POST binding, over the query
// in the redirect binding.
package saml
