// Package keys owns the broker's signing keys and the encryption of what must be
// recoverable.
//
// Ring holds one line of signing keys per algorithm. A key goes through five
// states, by time and not by hand:
//
//	published   in the JWKS, does not sign yet: for Lead, so that every cached
//	            JWKS has it before the first signature
//	signing     the newest published key whose time has come
//	retired     a newer key signs; stays in the JWKS for Overlap, longer than the
//	            last token it signed
//	removed     out of the JWKS; its private half is erased, its public half stays
//	            in the store, where audit seals and id_token_hints may need it
//	killed      an emergency: out of the JWKS at once, private half erased, every
//	            token it signed revoked
//
// Because the records carry times, replicas change state together without
// talking; Advance, run by any one of them, writes the next step down.
//
// SAML keys are a line of their own: each in a self-signed certificate, never in the
// JWKS and never good for a token. Their peers often copy the certificate by hand, so
// they live in a Ring of their own with a Lead of weeks; Rings are several as one.
//
// Signer makes compact JWS (RFC 7515) and VerifySignature checks raw signatures:
// the algorithm always comes from the key, never from the token. ParseJWKS reads
// other people's keys and refuses what is private, symmetric or weak.
//
// Vault seals secrets with AES-256-GCM, bound to the place they are stored at.
package keys
