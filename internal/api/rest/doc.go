// Package rest is what every request of the management API goes through, and what
// describes it. It has no route of its own: package api lists them.
//
// The pipeline of a request, in this order:
//
//  1. who asks (401), may they (403), for an app's owner: is the app theirs
//  2. parameters of the query: known, once, of their type (400)
//  3. body: media type (415), size (413)
//  4. Idempotency-Key of a POST: the same request again gets the first answer, another
//     one is refused (422), one under way too (409)
//  5. If-Match: the entity tag of the resource's GET (412)
//  6. four eyes: what is marked waits for a second person (202)
//  7. the operation; a list in pages, or streamed whole as CSV or JSON lines
//
// Every failure is problem+json (RFC 9457). Answers to GET have an ETag and can be
// asked for again with If-None-Match.
package rest
