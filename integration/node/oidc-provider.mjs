// An identity provider that is not ours, npm oidc-provider, as a company might run
// it: PORT, CLIENT_SECRET and REDIRECT_URI come from the environment. Its people
// sign in with any user name, of which their claims are made. With APP_REDIRECT_URI
// there are two apps of the company's own, travel-web and other-web; with RESOURCE they
// get access tokens for that resource, as JWTs (RFC 8707, RFC 9068).

import Provider from 'oidc-provider';
import { generateKeyPair, exportJWK } from 'jose';

const { PORT, CLIENT_SECRET, REDIRECT_URI, APP_REDIRECT_URI, RESOURCE } = process.env;
const { privateKey } = await generateKeyPair('ES256', { extractable: true });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [{
    client_id: 'gatehouse', client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI],
    response_types: ['code'], grant_types: ['authorization_code'], id_token_signed_response_alg: 'ES256',
  }, ...(APP_REDIRECT_URI ? ['travel-web', 'other-web'] : []).map((client_id) => ({
    client_id, token_endpoint_auth_method: 'none', redirect_uris: [APP_REDIRECT_URI], response_types: ['code'], grant_types: ['authorization_code'],
    id_token_signed_response_alg: 'ES256',
  }))],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'one' }] },
  pkce: { required: () => true },
  // As OpenID Connect Core, section 5.4, has it: the id_token says who, userinfo says more.
  conformIdTokenClaims: true,
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of Elsewhere`, email: `${id}@elsewhere.example`, email_verified: true, groups: ['g-42', 'g-43'] }),
  }),
  cookies: { keys: ['only for this test'] },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: Boolean(RESOURCE),
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'api', audience: resource, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

provider.listen(Number(PORT), '127.0.0.1', () => console.log('listening'));
