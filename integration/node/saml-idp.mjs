// An identity provider that is not ours, on npm samlify, as a partner might run it:
// PORT, KEY and CERT (PEM files) and SP_METADATA (the address of the broker's own)
// come from the environment; HOST is the name it goes by, ENCRYPT has it encrypt assertions, SIGN is what it signs.
// Its people sign in with any user name, of which their attributes are made.

import http from 'node:http';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import samlify from 'samlify';

const { PORT, HOST = '127.0.0.1', KEY, CERT, SP_METADATA, ENCRYPT, SIGN } = process.env;
const base = `http://${HOST}:${PORT}`;
const { IdentityProvider, ServiceProvider, SamlLib, Constants } = samlify;

// There is no schema here: signatures are what this provider is asked to check.
samlify.setSchemaValidator({ validate: async () => 'not validated' });

const template = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{ID}" Version="2.0" IssueInstant="{IssueInstant}" Destination="{ACS}" InResponseTo="{InResponseTo}"><saml:Issuer>{Issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="{AssertionID}" Version="2.0" IssueInstant="{IssueInstant}"><saml:Issuer>{Issuer}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{NameID}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{Until}" Recipient="{ACS}" InResponseTo="{InResponseTo}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{IssueInstant}" NotOnOrAfter="{Until}"><saml:AudienceRestriction><saml:Audience>{Audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{IssueInstant}" SessionIndex="{SessionIndex}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail"><saml:AttributeValue xsi:type="xs:string">{Mail}</saml:AttributeValue></saml:Attribute><saml:Attribute Name="displayName"><saml:AttributeValue xsi:type="xs:string">{Name}</saml:AttributeValue></saml:Attribute><saml:Attribute Name="memberOf"><saml:AttributeValue xsi:type="xs:string">g-42</saml:AttributeValue><saml:AttributeValue xsi:type="xs:string">g-43</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>`;

const idp = IdentityProvider({
  entityID: `${base}/metadata`,
  privateKey: readFileSync(KEY, 'utf8'),
  signingCert: readFileSync(CERT, 'utf8'),
  requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  dataEncryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes128-gcm',
  keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
  isAssertionEncrypted: Boolean(ENCRYPT),
  wantAuthnRequestsSigned: true,
  wantLogoutRequestSigned: true,
  wantLogoutResponseSigned: true,
  nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
  singleSignOnService: [
    { Binding: Constants.namespace.binding.redirect, Location: `${base}/sso` },
    { Binding: Constants.namespace.binding.post, Location: `${base}/sso` },
  ],
  singleLogoutService: [{ Binding: Constants.namespace.binding.redirect, Location: `${base}/slo` }],
  loginResponseTemplate: { context: template, attributes: [] },
});

let known;
async function broker() {
  known ??= ServiceProvider({
    metadata: await (await fetch(SP_METADATA)).text(), wantMessageSigned: SIGN === 'both', wantLogoutRequestSigned: true, wantLogoutResponseSigned: true,
  });
  return known;
}

const requests = new Map(); // what was asked, by a number of ours
const sessions = new Map(); // session index by user name

const escape = (s) => String(s).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (res, body) => { res.writeHead(200, { 'content-type': 'text/html' }); res.end(`<!doctype html><title>Partner</title>${body}`); };
const form = (action, fields, button) => `<form method="post" action="${escape(action)}">${Object.entries(fields)
  .map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`).join('')}${button}</form>`;

// answer makes a response for a person, to a request or to none.
async function answer(res, username, request, relayState) {
  const sp = await broker();
  sessions.set(username, sessions.get(username) ?? `_${randomUUID()}`);
  const now = new Date();
  const values = {
    ID: `_${randomUUID()}`, AssertionID: `_${randomUUID()}`, IssueInstant: now.toISOString(), Until: new Date(now.getTime() + 300000).toISOString(),
    ACS: sp.entityMeta.getAssertionConsumerService('post'), Audience: sp.entityMeta.getEntityID(), Issuer: idp.entityMeta.getEntityID(),
    InResponseTo: request, NameID: `id-of-${username}`, SessionIndex: sessions.get(username), Mail: `${username}@elsewhere.example`, Name: `${username} of Elsewhere`,
  };
  const { context, entityEndpoint } = await idp.createLoginResponse(sp, {}, 'post', { email: values.Mail }, {
    customTagReplacement: (text) => ({ id: values.ID, context: SamlLib.replaceTagsByValue(text, values) }),
  });
  page(res, form(entityEndpoint, { SAMLResponse: context, ...(relayState && { RelayState: relayState }) }, '<button>Continue</button>'));
}

async function body(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return Object.fromEntries(new URLSearchParams(text));
}

// octets are what a detached signature is over: the query as it came.
const octets = (search) => search.slice(1).split('&').filter((p) => !p.startsWith('Signature=')).join('&');

const routes = {
  'GET /metadata': (req, res) => { res.writeHead(200, { 'content-type': 'application/samlmetadata+xml' }); res.end(idp.getMetadata()); },
  async 'GET /sso'(req, res, url) {
    const query = Object.fromEntries(url.searchParams);
    ask(res, await idp.parseLoginRequest(await broker(), 'redirect', { query, octetString: octets(url.search) }), query.RelayState);
  },
  async 'POST /sso'(req, res) {
    const fields = await body(req);
    ask(res, await idp.parseLoginRequest(await broker(), 'post', { body: fields }), fields.RelayState);
  },
  async 'POST /password'(req, res) {
    const { number, username } = await body(req);
    const { id, relayState } = requests.get(number);
    await answer(res, username, id, relayState);
  },
  // The person begins here.
  'GET /launch': (req, res, url) => answer(res, url.searchParams.get('username'), undefined, 'https://evil.example/'),
  // The person signs out here, or the broker says that they did there.
  async 'GET /sign-out'(req, res, url) {
    const username = url.searchParams.get('username');
    const sp = await broker();
    const index = sessions.get(username);
    const { context } = idp.createLogoutRequest(sp, 'redirect', { logoutNameID: `id-of-${username}`, sessionIndex: index }, { relayState: 'ours' });
    sessions.delete(username);
    res.writeHead(302, { location: context }).end();
  },
  async 'GET /slo'(req, res, url) {
    const query = Object.fromEntries(url.searchParams);
    const sp = await broker();
    if (query.SAMLResponse) {
      await idp.parseLogoutResponse(sp, 'redirect', { query, octetString: octets(url.search) });
      return page(res, `<p>Signed out everywhere, with relay state ${escape(query.RelayState)}.</p>`);
    }
    const asked = await idp.parseLogoutRequest(sp, 'redirect', { query, octetString: octets(url.search) });
    sessions.delete(asked.extract.nameID.replace('id-of-', ''));
    const { context } = idp.createLogoutResponse(sp, asked, 'redirect', query.RelayState);
    res.writeHead(302, { location: context }).end();
  },
  'GET /sessions': (req, res) => page(res, `<p>${[...sessions.keys()].join(' ')}</p>`),
};

function ask(res, parsed, relayState) {
  const number = String(requests.size);
  requests.set(number, { id: parsed.extract.request.id, relayState });
  page(res, form('/password', { number }, '<input name="username"><button>Sign in</button>'));
}

http.createServer((req, res) => {
  const url = new URL(req.url, base);
  const route = routes[`${req.method} ${url.pathname}`];
  Promise.resolve(route ? route(req, res, url) : res.writeHead(404).end()).catch((e) => {
    console.error(url.pathname, e);
    res.writeHead(500, { 'content-type': 'text/plain' }).end(String(e));
  });
}).listen(Number(PORT), '127.0.0.1', () => console.log('listening'));
