// Package idp plays the identity provider's part of SAML 2.0 for apps whose manifest
// says identity.protocol: saml (core, bindings, profiles and metadata, OASIS 2005).
//
//	GET  /saml/metadata       who we are, and the certificates of now and of next
//	GET  /saml/sso            an AuthnRequest by redirect
//	POST /saml/sso            an AuthnRequest by POST
//	GET  /saml/sso/{handle}   the same request again, with the browser's cookies
//	GET  /saml/launch/{app}   a sign-in that the portal begins
//	GET  /saml/slo            a LogoutRequest, or a LogoutResponse, by redirect
//	POST /saml/slo            the same by POST
//	GET  /saml/slo/{handle}   the same LogoutRequest again, with the browser's cookies
//	POST /saml/slo/confirm    the person's yes to it
//	GET  /saml/slo/back/{handle}  from the identity provider, which was told, too
//
// A message is looked at only after package xmlgate let it in. What it says of its
// issuer chooses the app, and with it the certificates that count: an app that gave
// one signs its requests, and a signature that is there is good or refuses.
//
// A response goes by POST to an assertion consumer service that the manifest lists,
// compared byte by byte, and to no other address. Whatever is wrong before that
// address and the request's issuer hold is told to the person; after, to the app, as
// a status. A request is good for five minutes and gets one answer.
//
// What is asserted is read when it is asserted: person, connection, session,
// entitlement and revocations, and the app takes part in the session by then. The
// names of people are those of the format in the manifest; an e-mail address names
// somebody only while it is verified.
//
// Sign-out is front channel: the browser is led from app to app. It begins with an
// app's LogoutRequest, or with Leave, and goes on whatever an app answers.
package idp
