// Drives the broker with npm openid-client, an implementation that is not ours:
// node openid-client.mjs FACTS.json
// Prints a line for each thing that held and exits with 1 at the first that did not.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import { importPKCS8 } from 'jose';
import { Browser, forms } from './browser.mjs';

const facts = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const app = (name) => facts.apps.find((a) => a.name === name);
const person = (name) => facts.idps[0].people.find((p) => p.username === name);

async function authentication(a) {
  switch (a.auth) {
    case 'client_secret_basic':
      return client.ClientSecretBasic(a.secret);
    case 'client_secret_post':
      return client.ClientSecretPost(a.secret);
    case 'private_key_jwt':
      return client.PrivateKeyJwt({ key: await importPKCS8(readFileSync(a.private_key, 'utf8'), 'ES256'), kid: a.kid });
    case 'none':
      return client.None();
  }
  throw new Error(`unknown method ${a.auth}`);
}

async function discover(a) {
  return client.discovery(new URL(facts.issuer), a.client_id, { redirect_uris: a.redirect_uris }, await authentication(a), {
    execute: [client.allowInsecureRequests],
  });
}

// Signs the person in to the app; the browser keeps the session for the next app.
async function signIn(config, a, browser, who, extra = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: a.redirect_uris[0], scope: a.scopes.join(' '), state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  });
  const until = a.redirect_uris[0];
  let page = await browser.open(url, { until });
  let asked = 0;
  while (!page.stopped) {
    const form = forms(page)[0];
    if (form?.action.href.startsWith(until)) { // form_post: the answer is a form to the app
      const request = new Request(form.action, { method: 'POST', body: new URLSearchParams(form.fields) });
      return { asked, tokens: await grant(config, request, { verifier, state, nonce }) };
    }
    assert.ok(form && 'username' in form.fields, `expected the sign-in form at ${page.url.href}: ${page.text.slice(0, 600)}`);
    asked++;
    page = await browser.submit(page, { username: who.username, password: who.password }, { until });
  }
  assert.equal(page.stopped.searchParams.get('iss'), facts.issuer, 'RFC 9207: iss in the response');
  return { asked, tokens: await grant(config, page.stopped, { verifier, state, nonce }) };
}

const grant = (config, answer, { verifier, state, nonce }) =>
  client.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });

const held = (what) => console.log(`ok ${what}`);

const [alice, browser] = [person('alice'), new Browser()];

for (const name of ['expense-bot', 'crm-dash', 'field-notes', 'hr-feedback']) {
  const a = app(name);
  const config = await discover(a);
  const { asked, tokens } = await signIn(config, a, browser, alice);
  assert.equal(asked, name === 'expense-bot' ? 1 : 0, `${name}: single sign-on asks for the password once`);
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(info.email, alice.email);
  assert.equal(tokens.claims().email, alice.email);
  held(`${name} (${a.auth}): code with PKCE, id_token, userinfo`);
}

{
  const a = app('crm-dash');
  const config = await discover(a);
  const { tokens } = await signIn(config, a, browser, alice, { response_mode: 'form_post' });
  assert.ok(tokens.access_token);
  held('response_mode form_post');
}

{
  const a = app('expense-bot');
  const config = await discover(a);
  const { tokens } = await signIn(config, a, browser, alice);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' });
  held('refresh rotates; reuse ends the family');
}

{
  const a = app('expense-bot');
  const config = await discover(a);
  const { tokens } = await signIn(config, a, browser, alice);
  await client.tokenRevocation(config, tokens.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  held('revocation of a refresh token');
}

{
  const job = app('nightly-report');
  const api = facts.apis[0];
  const token = await client.clientCredentialsGrant(await discover(job), { scope: api.scopes[0], resource: api.audience });
  const seen = await client.tokenIntrospection(await discover(app('payroll-api')), token.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.client_id, job.client_id);
  held('client_credentials and introspection by the API');
}

{
  const { client: name, subject_client: from, audience, scope, audience_denied: denied } = facts.exchange;
  const { tokens } = await signIn(await discover(app(from)), app(from), browser, alice);
  const config = await discover(app(name));
  const exchange = (extra) => client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: tokens.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', audience, scope, ...extra,
  });
  const got = await exchange();
  assert.equal(got.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
  assert.equal(got.scope, scope);
  assert.equal(got.refresh_token, undefined);
  const seen = await client.tokenIntrospection(await discover(app('payroll-api')), got.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.aud, audience);
  assert.deepEqual(seen.act, { sub: app(name).client_id });
  await assert.rejects(exchange({ audience: denied }), { error: 'invalid_target' });
  held('token exchange');
}

{
  const a = app('hr-feedback');
  const config = await discover(a);
  const { tokens } = await signIn(config, a, browser, alice);
  const out = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: a.post_logout_redirect_uris[0], state: 'goodbye',
  });
  const page = await browser.open(out, { until: a.post_logout_redirect_uris[0] });
  assert.ok(page.stopped, `expected to be sent back to the app: ${page.text?.slice(0, 600)}`);
  assert.equal(page.stopped.searchParams.get('state'), 'goodbye');
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
  held('RP-initiated logout ends the session and its tokens');
}

console.log('all held');
