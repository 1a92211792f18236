// SPDX-License-Identifier: Apache-2.0
// An application as somebody else would write it, with openid-client and its own checks. Reads one JSON
// object a line, writes one a line: {"open": URL} asks for the browser, whose way back is the next line
// ({"callback": URL}); {"done": …} is what it got. Any error ends it with status 1.
import * as readline from 'node:readline'
import * as client from 'openid-client'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n')
const hear = async () => JSON.parse((await lines.next()).value)

const authentication = {
  client_secret_basic: (secret) => client.ClientSecretBasic(secret),
  client_secret_post: (secret) => client.ClientSecretPost(secret),
  none: () => client.None(),
}

async function configure({ issuer, id, secret, method, algorithm }) {
  const metadata = { id_token_signed_response_alg: algorithm }
  const config = await client.discovery(new URL(issuer), id, metadata, authentication[method](secret))
  client.enableNonRepudiationChecks(config) // the signature too, though TLS brought the token
  return config
}

// From the request to the tokens and the claims; the browser's half is done by whoever reads our lines.
async function signIn(config, { redirect, scope, extra = {} }) {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirect, scope, state, nonce, ...extra,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  say({ open: url.href })
  const { callback } = await hear()
  const tokens = await client.authorizationCodeGrant(config, new URL(callback), {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  })
  const claims = tokens.claims()
  const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  return { tokens, claims, user }
}

async function walk({ first, second, program }) {
  const one = await configure(first)
  const signedIn = await signIn(one, first)
  const refreshed = await client.refreshTokenGrant(one, signedIn.tokens.refresh_token)
  const refreshedUser = await client.fetchUserInfo(one, refreshed.access_token, signedIn.claims.sub)

  const two = await configure(second)
  const other = await signIn(two, { ...second, extra: { prompt: 'none' } })

  const machine = await configure(program)
  const own = await client.clientCredentialsGrant(machine, { scope: program.scope })
  const seen = await client.tokenIntrospection(machine, refreshed.access_token)
  await client.tokenRevocation(two, other.tokens.access_token)
  const revoked = await client.tokenIntrospection(machine, other.tokens.access_token)

  say({ open: client.buildEndSessionUrl(one, {
    post_logout_redirect_uri: first.bye, id_token_hint: signedIn.tokens.id_token, state: 'over' }).href })
  const { callback } = await hear()
  const after = await client.tokenIntrospection(machine, refreshed.access_token)
  let refusal = 'none'
  try {
    await client.refreshTokenGrant(one, refreshed.refresh_token)
  } catch (error) {
    refusal = error.error ?? error.code
  }
  say({ done: { claims: signedIn.claims, user: signedIn.user, refreshedUser, rotated: refreshed.refresh_token !==
    signedIn.tokens.refresh_token, other: other.claims, own: own.token_type, seen, revoked, callback, after, refusal } })
}

try {
  await walk(await hear())
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error.stack}\n${JSON.stringify(error.cause ?? error.error ?? null, null, 1)}\n`)
  process.exit(1)
}
