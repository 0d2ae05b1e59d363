// An app that is not ours, on npm @node-saml/node-saml, as a team might run it: PORT,
// KEY and CERT (PEM files) and BROKER (the issuer) come from the environment. It
// verifies responses and assertions, which are encrypted for it, and takes single
// logout by redirect.
//
//   /login           begins a sign-in; ?binding=post by POST, ?force and ?passive
//   /acs             takes the response, and says who it names
//   /logout          begins a sign-out
//   /slo             takes the broker's sign-outs, and its answers
//   /                says who is signed in

import http from 'node:http';
import { readFileSync } from 'node:fs';
import { SAML } from '@node-saml/node-saml';

const { PORT, KEY, CERT, BROKER } = process.env;
const base = `http://127.0.0.1:${PORT}`;
const metadata = await (await fetch(`${BROKER}/saml/metadata`)).text();
const certificates = [...metadata.matchAll(/<X509Certificate[^>]*>([^<]+)</g)].map((m) => m[1]);
const requests = new Map();
const cache = {
  async saveAsync(key, value) { requests.set(key, value); return { value, createdAt: Date.now() }; },
  async getAsync(key) { return requests.get(key) ?? null; },
  async removeAsync(key) { return requests.delete(key) ? key : null; },
};

const app = (more) => new SAML({
  callbackUrl: `${base}/acs`, entryPoint: `${BROKER}/saml/sso`, issuer: `${base}/metadata`, audience: `${base}/metadata`, idpCert: certificates,
  privateKey: readFileSync(KEY, 'utf8'), publicCert: readFileSync(CERT, 'utf8'), decryptionPvk: readFileSync(KEY, 'utf8'),
  signatureAlgorithm: 'sha256', digestAlgorithm: 'sha256', wantAuthnResponseSigned: true, wantAssertionsSigned: true,
  identifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress', validateInResponseTo: 'always', cacheProvider: cache,
  logoutUrl: `${BROKER}/saml/slo`, logoutCallbackUrl: `${base}/slo`, idpIssuer: `${BROKER}/saml/metadata`, ...more,
});
const usual = app({});
const unasked = app({ validateInResponseTo: 'never' });

let person = null;

const read = async (req) => {
  let body = '';
  for await (const part of req) body += part;
  return Object.fromEntries(new URLSearchParams(body));
};
const say = (res, status, what) => { res.writeHead(status, { 'Content-Type': 'text/html' }); res.end(`<p id="says">${JSON.stringify(what).replaceAll('<', '&lt;')}</p>`); };
const go = (res, to) => { res.writeHead(303, { Location: to }); res.end(); };

const routes = {
  'GET /': async (req, res) => say(res, 200, { person: person?.nameID ?? null }),
  'GET /login': async (req, res, url) => {
    const asks = app({
      forceAuthn: url.searchParams.has('force'), passive: url.searchParams.has('passive'),
      authnRequestBinding: url.searchParams.get('binding') === 'post' ? 'HTTP-POST' : 'HTTP-Redirect',
      skipRequestCompression: url.searchParams.get('binding') === 'post', // the binding has none (bindings, section 3.5.4)
      ...(url.searchParams.has('weak') ? { racComparison: 'exact', authnContext: ['urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI'] } : {}),
    });
    if (url.searchParams.get('binding') === 'post') {
      res.writeHead(200, { 'Content-Type': 'text/html' });
      return res.end(await asks.getAuthorizeFormAsync('deep'));
    }
    return go(res, await asks.getAuthorizeUrlAsync('deep', undefined, {}));
  },
  'POST /acs': async (req, res) => {
    const form = await read(req);
    const raw = Buffer.from(form.SAMLResponse, 'base64').toString();
    const { profile, loggedOut } = await (/ InResponseTo=/.test(raw) ? usual : unasked).validatePostResponseAsync(form);
    person = profile;
    say(res, 200, {
      nameID: profile?.nameID, format: profile?.nameIDFormat, index: profile?.sessionIndex, issuer: profile?.issuer, attributes: profile?.attributes,
      relay: form.RelayState, encrypted: raw.includes('EncryptedAssertion'), loggedOut,
    });
  },
  'GET /logout': async (req, res) => go(res, await usual.getLogoutUrlAsync(person, 'deep', {})),
  'GET /slo': async (req, res, url) => {
    const { profile, loggedOut } = await usual.validateRedirectAsync(Object.fromEntries(url.searchParams), url.search.slice(1));
    if (url.searchParams.has('SAMLResponse')) {
      person = null;
      return say(res, 200, { loggedOut, relay: url.searchParams.get('RelayState') });
    }
    const mine = person && profile.nameID === person.nameID && profile.sessionIndex === person.sessionIndex;
    if (mine) person = null;
    return new Promise((done, fail) => usual.getLogoutResponseUrl(profile, url.searchParams.get('RelayState') ?? '', {}, Boolean(mine), (err, to) => {
      if (err) return fail(err);
      go(res, to);
      return done();
    }));
  },
};

http.createServer(async (req, res) => {
  const url = new URL(req.url, base);
  const route = routes[`${req.method} ${url.pathname}`];
  try {
    if (!route) return say(res, 404, { error: 'nothing here' });
    await route(req, res, url);
  } catch (err) {
    say(res, 400, { error: err.message });
  }
}).listen(Number(PORT), '127.0.0.1');
