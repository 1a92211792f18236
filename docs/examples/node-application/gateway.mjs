// SPDX-License-Identifier: Apache-2.0
// The application's half of OpenID Connect: the one file that speaks with the gateway. What it gives to the rest of
// the application has been verified: the signature of the ID token, who issued it and for whom, that it answers our
// own request (state, nonce, PKCE), how the person signed in (acr) and how long ago (auth_time).
import * as client from 'openid-client'

/** The person must sign in again: the session has ended at the gateway, or what came back is not good enough. */
export class Refused extends Error {}
/** The gateway cannot be reached, or does not know this application any more. Nobody's fault who sits there. */
export class Away extends Error {}

export class Gateway {
  #settings
  #discovered

  constructor(settings) {
    this.#settings = settings
  }

  // The gateway's own description of itself: its endpoints, and the keys that sign. Asked for when it is first
  // needed, so that application and gateway may start in any order, and once more if that failed.
  #configuration() {
    this.#discovered ??= this.#discover().catch((error) => {
      this.#discovered = undefined
      throw new Away(reason(error))
    })
    return this.#discovered
  }

  async #discover() {
    const { issuer, clientId, clientSecret } = this.#settings
    // The algorithm is fixed here, by the side that verifies. A token must never choose its own.
    const metadata = { id_token_signed_response_alg: 'RS256' }
    const authentication = client.ClientSecretBasic(clientSecret)
    const configuration = await client.discovery(new URL(issuer), clientId, metadata, authentication, { timeout: 10 })
    client.enableNonRepudiationChecks(configuration) // verifies the signature, although TLS brought the token
    return configuration
  }

  /**
   * Begins a sign-in. url: where to send the browser. pending: what must be kept until it comes back, here and
   * never in the browser: only who knows it can finish.
   * maxAge: how many seconds ago the person may have signed in; left out, any sign-in that still lasts will do.
   */
  async begin({ maxAge, language }) {
    const configuration = await this.#configuration()
    const pending = {
      state: client.randomState(), // ties the answer to this browser: nobody slips their own sign-in in
      nonce: client.randomNonce(), // ties the ID token to this request: an older token is of no use
      verifier: client.randomPKCECodeVerifier(), // ties the code to us: one that was stolen on its way is worthless
      maxAge,
    }
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#settings.redirectUri,
      scope: this.#settings.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      // Asking is a courtesy: the browser carries the request, and whoever sits at it may change it. What counts
      // is that finish() looks at the answer.
      acr_values: this.#settings.acr,
      ui_locales: language,
      ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    })
    return { url: url.href, pending }
  }

  /** Finishes it: query is what the browser brought back, pending what begin() said. Throws Refused or Away. */
  async finish(query, pending) {
    const configuration = await this.#configuration()
    const url = new URL(this.#settings.redirectUri) // never of the Host header, which the browser's side writes
    url.search = query
    try {
      const tokens = await client.authorizationCodeGrant(configuration, url, {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.verifier,
        maxAge: pending.maxAge,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims.acr !== this.#settings.acr) throw new Refused('acr')
      return { ...kept(tokens), sub: claims.sub, authTime: claims.auth_time, idToken: tokens.id_token,
        user: await client.fetchUserInfo(configuration, tokens.access_token, claims.sub) }
    } catch (error) {
      throw told(error)
    }
  }

  /**
   * Looks whether the person is still signed in at the gateway, and reads the claims anew. The gateway sends no
   * word when a session ends there, so this is how the application learns of it.
   */
  async renew(session) {
    const configuration = await this.#configuration()
    try {
      // Each refresh token is good once: its successor must be kept before the next use.
      const tokens = await client.refreshTokenGrant(configuration, session.refreshToken)
      Object.assign(session, kept(tokens))
      const claims = tokens.claims()
      if (claims?.sub !== session.sub || claims.acr !== this.#settings.acr) throw new Refused('another person')
      session.idToken = tokens.id_token
      session.user = await client.fetchUserInfo(configuration, tokens.access_token, session.sub)
      // auth_time stays that of our own sign-in: whoever was away from this page does not become fresh by a refresh.
    } catch (error) {
      throw told(error)
    }
  }

  /** Where to send the browser so that the session ends at the gateway too, and with it in every application. */
  async logoutUrl(idToken) {
    return client.buildEndSessionUrl(await this.#configuration(), {
      id_token_hint: idToken, // shows that it is us who ask, so that nobody else is signed out
      post_logout_redirect_uri: this.#settings.logoutUri,
    }).href
  }
}

function kept(tokens) {
  return { refreshToken: tokens.refresh_token, expires: Date.now() + tokens.expires_in * 1000 }
}

// What is nobody's fault at the keyboard: the gateway is away or overloaded, or this application's own secret is wrong.
const FAULTS = new Set(['temporarily_unavailable', 'server_error', 'invalid_client', 'OAUTH_TIMEOUT', 'OAUTH_PARSE_ERROR',
  'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON'])

// Away for those, and Refused for all the rest: a failure that nobody thought of ends the session.
function told(error) {
  if (error instanceof Refused) return error
  const secret = error instanceof client.WWWAuthenticateChallengeError && error.cause[0]?.scheme === 'basic'
  const network = error instanceof TypeError // fetch(): no connection, or a certificate that is not trusted
  return secret || network || FAULTS.has(error.error ?? error.code) ? new Away(reason(error)) : new Refused(reason(error))
}

// A word for the log. Never the error whole: what came back may hold a code, and errors quote it.
function reason(error) {
  return [error.error, error.code, error.name].find((word) => /^[A-Za-z_]{1,60}$/.test(word ?? '')) ?? 'error'
}
