// A receiver of shared signals (RFC 8935) that knows the broker by its metadata alone.
// It prints its address, and then a line for every push: the event's type, whom it is
// about, and what it says; or "refused" and why.
//
//   node signals.mjs ISSUER AUDIENCE
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const [issuer, audience] = process.argv.slice(2)
const metadata = await (await fetch(issuer + '/.well-known/ssf-configuration')).json()
if (metadata.issuer !== issuer || metadata.spec_version !== '1_0') throw new Error('the metadata is another transmitter\'s')
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))

async function check(request) {
  if (request.headers['content-type'] !== 'application/secevent+jwt') throw new Error('the content type is another')
  const parts = []
  for await (const part of request) parts.push(part)
  const { payload } = await jwtVerify(Buffer.concat(parts).toString(), keys, {
    issuer, audience, typ: 'secevent+jwt', algorithms: ['ES256', 'RS256', 'EdDSA'], requiredClaims: ['jti', 'iat', 'txn', 'sub_id', 'events'],
  })
  if ('exp' in payload || 'sub' in payload || 'nonce' in payload) throw new Error('it could be taken for another token')
  const types = Object.keys(payload.events)
  if (types.length !== 1) throw new Error('it has ' + types.length + ' events')
  return [types[0].split('/').pop(), JSON.stringify(payload.sub_id), JSON.stringify(payload.events[types[0]])].join(' ')
}

createServer(async (request, response) => {
  try {
    console.log(await check(request))
    response.writeHead(202).end()
  } catch (error) {
    console.log('refused ' + error.message)
    response.writeHead(400, { 'Content-Type': 'application/json' }).end(JSON.stringify({ err: 'invalid_request', description: error.message }))
  }
}).listen(0, '127.0.0.1', function () {
  console.log('http://127.0.0.1:' + this.address().port + '/events')
})
