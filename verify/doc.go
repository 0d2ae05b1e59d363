// Package verify checks the access tokens of a Gatehouse broker in an API: offline,
// with the broker's public keys, and yet within a second of a revocation.
//
//	v := &verify.Verifier{
//		Issuer:   "https://login.acme.example",
//		Audience: "payroll-api",
//		Client:   verify.ClientSecretBasic("payroll-api", secret),
//	}
//	go v.Follow(ctx)
//	http.Handle("GET /salaries", v.Handler(verify.Requirement{Scopes: []string{"payroll.read"}}, salaries)) // an http.Handler
//
// # What is checked
//
// A token is an RFC 9068 access token: typ at+jwt; signed with ES256, RS256 or EdDSA by
// the key of the broker that its kid names, where the key alone says which algorithm;
// iss and aud equal to Issuer and Audience byte for byte; iat, nbf and exp; sub,
// client_id, jti. Members that are there twice are refused, and so are tokens that are
// bound to a key (cnf), which nothing here could prove.
//
// # What was revoked
//
// With Client set, Follow keeps asking the broker what was revoked, and a token is
// refused as soon as the broker raised anything that it carries: the person, the
// session, the connection, the app, the client, the grant or the signing key, also of
// the tokens that it was exchanged from. A token of another era, from before a restored
// backup, is refused as well. When the broker has not answered for Staleness, whether a
// token was revoked cannot be told, and every one is refused with ErrUnavailable.
//
// Without Client a token is good until it expires: five minutes at most.
//
// The broker tells an API no ids. It tells digests of them with the name of the API, so
// that only who holds a token with an id can tell that it is meant.
//
// # Failures
//
// Keys are read when they are first needed, kept for as long as the broker says, and
// read again when a token names one that is not known, every ten seconds at most. While
// the broker does not answer, the keys that are known count for KeysStale.
//
// Every error is an *Error that says what an API answers (RFC 6750, RFC 9470), and is
// one of the Err values by errors.Is. The package uses the standard library alone.
package verify
