// An app that says who signed in, through Gatehouse.

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import * as client from 'openid-client';

const { PORT = '9002', ISSUER = 'http://127.0.0.1:8080', CLIENT_ID = 'microapp-hello-node', CLIENT_SECRET } = process.env;
const home = `http://127.0.0.1:${PORT}/`;

// Plain http is for loopback alone: leave the last argument out when ISSUER is https.
const config = await client.discovery(
  new URL(ISSUER), CLIENT_ID, {}, client.ClientSecretBasic(CLIENT_SECRET),
  ISSUER.startsWith('http://') ? { execute: [client.allowInsecureRequests] } : undefined,
);

// What the app keeps of each browser, by a cookie.
const visits = new Map();
const keyOf = (req) => /(?:^|; )hello_node=([^;]+)/.exec(req.headers.cookie ?? '')?.[1];
function keep(req, res, visit) { // under a new key, so that nobody can have set it before
  visits.delete(keyOf(req));
  const key = randomUUID();
  visits.set(key, visit);
  res.setHeader('Set-Cookie', `hello_node=${key}; Path=/; HttpOnly; SameSite=Lax`);
}

const escape = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const redirect = (res, to) => res.writeHead(302, { Location: String(to) }).end();

const routes = {
  async '/'(req, res) {
    const name = visits.get(keyOf(req))?.name;
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(name
      ? `<h1>Hello, <span id="name">${escape(name)}</span></h1><a href="/logout">Sign out</a>`
      : '<h1>Hello</h1><a href="/login">Sign in</a>');
  },

  async '/login'(req, res) {
    const visit = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() };
    keep(req, res, visit);
    redirect(res, client.buildAuthorizationUrl(config, {
      redirect_uri: `${home}callback`, scope: 'openid profile email groups', state: visit.state, nonce: visit.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(visit.verifier), code_challenge_method: 'S256',
    }));
  },

  async '/callback'(req, res) {
    const visit = visits.get(keyOf(req)) ?? {};
    const tokens = await client.authorizationCodeGrant(config, new URL(req.url, home), {
      expectedState: visit.state ?? '', expectedNonce: visit.nonce, pkceCodeVerifier: visit.verifier, idTokenExpected: true,
    });
    const { name, email } = tokens.claims();
    keep(req, res, { name: `${name} (${email})`, idToken: tokens.id_token });
    redirect(res, '/');
  },

  async '/logout'(req, res) {
    const visit = visits.get(keyOf(req));
    visits.delete(keyOf(req));
    if (!visit?.idToken) return redirect(res, home); // nobody is signed in here
    redirect(res, client.buildEndSessionUrl(config, { id_token_hint: visit.idToken, post_logout_redirect_uri: home }));
  },
};

createServer(async (req, res) => {
  const route = routes[new URL(req.url, home).pathname];
  if (!route) return res.writeHead(404).end('there is nothing here');
  try {
    await route(req, res);
  } catch (e) {
    res.writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${e.error ?? e.name}: ${e.error_description ?? e.message}`);
  }
}).listen(Number(PORT), '127.0.0.1', () => console.log('hello at', home));
