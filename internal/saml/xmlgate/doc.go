// Package xmlgate lets SAML documents in: bytes go in, verified bytes come out.
//
// It stands in front of everything that reads SAML (core, bindings, profiles and
// metadata, OASIS 2005). Nothing of ours or of a library looks at a document
// before it has passed, and what passes is not the document that came but the
// bytes that a signature was found to cover, in canonical form, to be parsed again:
//
//	parse once, within limits   no DTD, processing instruction, CDATA or comment
//	                            inside of text; plain names; unique, plain IDs
//	→ shape                     absolute paths and a content model: one Assertion,
//	                            one Signature as a direct child of what it signs
//	→ signature profile         one Reference, to that parent; enveloped, then
//	                            exclusive c14n without comments; SHA-256 or better
//	→ signature                 over SignedInfo as goxmldsig canonicalizes it, by a key
//	                            from the configuration; KeyInfo is not read
//	→ digest                    of the parent as goxmldsig canonicalizes it: the bytes
//	                            that were digested are the bytes that are handed on
//
// An encrypted assertion is decrypted (RSA-OAEP and AES-GCM alone) and goes through
// all of it once more. The redirect binding is verified over the query as it came.
//
// What callers hold on to:
//
//   - Message.Envelope and Message.Assertion are covered by a signature of one of
//     Want.Certificates. Only they may grant anything.
//   - Message.Hints may be unsigned: it can refuse, and explain, and nothing else.
//     It is filled as far as the document was read, also beside a refusal.
//   - Message.Unsigned is there only when Want.Signed is None and no signature covers
//     the document: safe to parse, and nobody vouches for it.
//   - Want.Now is required: a certificate counts within its validity only.
//   - Every signature that is there and can be judged must be good, wanted or not;
//     one that cannot be judged (no Certificates, Signed None) counts as absent.
//   - A Response whose status is not Success is refused as saml_status; Hints tells
//     which status it was.
//
// Recipient, Destination, Audience, InResponseTo, Issuer and times are the caller's:
// the gate vouches for bytes, not for what they say. It guarantees that what the
// caller looks for is there once: Issuer, Subject, Conditions with an
// AudienceRestriction, a SubjectConfirmation, an ID.
//
// goxmldsig's own Validate is not on the path: it finds the signature by searching,
// takes the key by KeyInfo, copies the tree three times and hands on another one. It
// must agree on every document that the tests and fuzzing let in.
//
// ECDSA signature values are r and s side by side (RFC 6931 section 2.3.6, XML
// Signature 1.1 section 6.4.3), as everybody but goxmldsig writes them: its ASN.1
// form is refused.
//
// Every refusal is a *Refusal: the check, what it expected, what came; and a fault
// with the check's code. It never contains the content of an assertion.
package xmlgate
