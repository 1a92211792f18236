// SPDX-License-Identifier: Apache-2.0
// node oidc-provider as a peer of the benchmark: one process, its memory adapter, no check of a password.
// usage: PORT=… PEER_MODULES=<directory with node_modules> node oidc_provider.mjs
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(process.env.PEER_MODULES + '/package.json'));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const issuer = `http://127.0.0.1:${process.env.PORT}`;
const jwk = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg,
});
const client = (id, more) => ({
  client_id: id, client_secret: 'bench-secret-of-the-peer', redirect_uris: ['https://app.example/cb'],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], ...more,
});
const resource = (format) => ({
  scope: 'api', audience: 'urn:bench', accessTokenTTL: 3600, accessTokenFormat: format,
  jwt: { sign: { alg: 'ES256' } },
});

const provider = new Provider(issuer, {
  clients: [client('bench', { id_token_signed_response_alg: 'ES256' })],
  jwks: { keys: [jwk('ec', { namedCurve: 'P-256' }, 'ES256'), jwk('rsa', { modulusLength: 2048 }, 'RS256')] },
  cookies: { keys: ['a key of the benchmark'] },
  pkce: { required: () => true },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: 'Max Libre' }) }),
  claims: { openid: ['sub'], profile: ['name'] },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => false,
      getResourceServerInfo: (ctx, indicator) => resource(indicator === 'urn:opaque' ? 'opaque' : 'jwt'),
    },
  },
});
provider.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
