// Exchanges tokens with npm oauth4webapi, an implementation that is not ours:
// node oauth4webapi.mjs FACTS.json SUBJECTS.json
// SUBJECTS names another issuer (npm oidc-provider), the redirect URI of its apps, and
// holds SAML assertions of Partner Corp. Prints a line for each thing that held and
// exits with 1 at the first that did not.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT, generateKeyPair } from 'jose';
import { Browser, forms } from './browser.mjs';

const [facts, given] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')));
const insecure = { [oauth.allowInsecureRequests]: true };
const type = (name) => `urn:ietf:params:oauth:token-type:${name}`;
const held = (what) => console.log(`ok ${what}`);

const discover = async (issuer) =>
  oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure));
const [gate, elsewhere] = await Promise.all([discover(facts.issuer), discover(given.issuer)]);

async function authentication(a) {
  if (a.auth === 'client_secret_basic') return oauth.ClientSecretBasic(a.secret);
  assert.equal(a.auth, 'private_key_jwt');
  return oauth.PrivateKeyJwt({ key: await importPKCS8(readFileSync(a.private_key, 'utf8'), 'ES256'), kid: a.kid });
}

// Signs somebody in to a client and returns its tokens. fill answers each form on the way.
async function signIn(as, client, auth, redirect, parameters, fill, extra = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, url] = [oauth.generateRandomState(), new URL(as.authorization_endpoint)];
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: redirect, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters,
  });
  const browser = new Browser();
  let page = await browser.open(url, { until: redirect });
  while (!page.stopped) {
    const form = forms(page)[0];
    assert.ok(form, `a form is expected at ${page.url.href}: ${page.text.slice(0, 400)}`);
    page = await browser.submit(page, fill(form.fields), { until: redirect });
  }
  const answer = oauth.validateAuthResponse(as, client, page.stopped, state);
  const response = await oauth.authorizationCodeGrantRequest(as, client, auth, answer, redirect, verifier, { ...insecure, additionalParameters: extra });
  return oauth.processAuthorizationCodeResponse(as, client, response);
}

// Exchanges as an app of the facts, for the payroll unless told.
async function exchange(name, subject, kind, extra = {}) {
  const a = facts.apps.find((one) => one.name === name);
  const client = { client_id: a.client_id };
  const { audience, scope } = facts.exchange;
  const response = await oauth.genericTokenEndpointRequest(gate, client, await authentication(a), 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: subject, subject_token_type: type(kind), audience, scope, ...extra,
  }, insecure);
  return oauth.processGenericTokenEndpointResponse(gate, client, response);
}

const refused = (promise, error) => assert.rejects(promise, (e) => e instanceof oauth.ResponseBodyError && e.error === error);

function good(got) {
  assert.equal(got.issued_token_type, type('access_token'));
  assert.equal(got.refresh_token, undefined);
  assert.equal(got.scope, facts.exchange.scope);
  assert.equal(decodeProtectedHeader(got.access_token).typ, 'at+jwt');
  return decodeJwt(got.access_token);
}

const alice = facts.idps[0].people.find((p) => p.username === 'alice');
const atAcme = (fields) => ('username' in fields ? { username: alice.username, password: alice.password } : {});
for (const name of ['travel-desk', 'hr-feedback']) {
  const a = facts.apps.find((one) => one.name === name);
  const own = await signIn(gate, { client_id: a.client_id }, await authentication(a), a.redirect_uris[0], { scope: 'openid', idp: 'acme' }, atAcme);
  const claims = good(await exchange(name, own.access_token, 'access_token'));
  assert.equal(claims.sub, decodeJwt(own.id_token).sub);
  assert.deepEqual(claims.act, { sub: a.client_id });
  good(await exchange(name, own.id_token, 'id_token', { requested_token_type: type('access_token') }));
  await refused(exchange(name, own.id_token, 'access_token'), 'invalid_request');
  await refused(exchange(name, own.access_token, 'id_token'), 'invalid_request');
  await refused(exchange(name, own.access_token, 'jwt'), 'invalid_request');
  await refused(exchange(name, own.access_token, 'saml2'), 'invalid_request');
  await refused(exchange(name, own.access_token, 'refresh_token'), 'invalid_request');
  await refused(exchange(name, own.access_token, 'access_token', { requested_token_type: type('refresh_token') }), 'invalid_request');
  await refused(exchange(name, own.access_token, 'access_token', { audience: facts.exchange.audience_denied }), 'invalid_target');
  await refused(exchange(name, own.access_token, 'access_token', { scope: facts.exchange.scope_wider }), 'invalid_scope');
  held(`${name} (${a.auth}) exchanges its own tokens`);
}

// grace signs in at the other issuer, to one of its own apps: nobody here hears of it.
const grace = (fields) => ('login' in fields ? { login: 'grace', password: 'any' } : {});
const abroad = (app, resource) =>
  signIn(elsewhere, { client_id: app }, oauth.None(), given.redirect, { scope: 'openid api', resource }, grace, { resource });
const token = (await abroad('travel-web', facts.issuer)).access_token;
assert.equal(decodeProtectedHeader(token).typ, 'at+jwt');
assert.equal(decodeJwt(token).aud, facts.issuer);

await refused(exchange('travel-desk', token, 'access_token'), 'invalid_request');
held('a token about somebody who never signed in here is refused');

const expenses = facts.apps.find((one) => one.name === 'expense-bot');
const known = await signIn(gate, { client_id: expenses.client_id }, await authentication(expenses), expenses.redirect_uris[0], { scope: 'openid', idp: 'own' }, grace);

for (const kind of ['access_token', 'jwt']) {
  const claims = good(await exchange('travel-desk', token, kind));
  assert.equal(claims.sub, decodeJwt(known.id_token).sub);
  assert.equal(claims.sid, undefined);
  assert.equal(claims.acr, undefined);
  assert.ok(claims.exp <= decodeJwt(token).exp);
}
held('a token of npm oidc-provider is a subject, about the person who signed in over that connection');
good(await exchange('hr-feedback', token, 'access_token'));
held('for a client with private_key_jwt, too');

await refused(exchange('travel-desk', token, 'id_token'), 'invalid_request');
await refused(exchange('travel-desk', token, 'saml2'), 'invalid_request');
await refused(exchange('travel-desk', (await abroad('other-web', facts.issuer)).access_token, 'access_token'), 'invalid_request');
await refused(exchange('travel-desk', (await abroad('travel-web', 'https://other.example')).access_token, 'access_token'), 'invalid_request');
await refused(exchange('travel-desk', (await abroad('travel-web', facts.issuer)).id_token, 'id_token'), 'invalid_request');
const [head, body, signature] = token.split('.');
const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')}.${body}.`;
await refused(exchange('travel-desk', unsigned, 'access_token'), 'invalid_request');
await refused(exchange('travel-desk', [head, Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'ada' })).toString('base64url'), signature].join('.'), 'access_token'), 'invalid_request');
const { privateKey } = await generateKeyPair('ES256');
const forged = await new SignJWT(decodeJwt(token)).setProtectedHeader({ ...decodeProtectedHeader(token) }).sign(privateKey);
await refused(exchange('travel-desk', forged, 'access_token'), 'invalid_request');
good(await exchange('travel-desk', token, 'access_token'));
held('of another client, for another audience, by another name, unsigned, changed or forged it is not');

const [assertion, signInAssertion] = given.assertions;
await refused(exchange('hr-feedback', assertion, 'saml2'), 'invalid_request');
await refused(exchange('travel-desk', signInAssertion, 'saml2'), 'invalid_request');
good(await exchange('travel-desk', assertion, 'saml2'));
await refused(exchange('travel-desk', assertion, 'saml2'), 'invalid_request');
held('a SAML assertion of Partner Corp is a subject, once');

console.log('all held');
