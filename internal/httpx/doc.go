// Package httpx is the ground that every HTTP face stands on.
//
// Inbound: Edge finds out who really asks (RFC 7239 and X-Forwarded-For, from
// trusted proxies only), gives the request an id, strips the path prefix, bounds
// the body and sets the security headers; Recover turns a panic into a problem;
// Form and Query parse parameters strictly; Problem answers with RFC 9457;
// Server listens and drains; Health answers /healthz and /readyz.
//
// Outbound: NewClient is the only way to call an address that a manifest, a
// connection or a peer chose. It refuses private, link-local, loopback and
// metadata addresses after name resolution, at every redirect (so DNS rebinding
// gains nothing), and bounds time and size.
//
// Middleware order, outermost first: Edge, telemetry.Requests, Recover, the mux.
// Nothing between telemetry.Requests and the mux may copy the request, or the
// route's pattern is lost to metrics.
package httpx
