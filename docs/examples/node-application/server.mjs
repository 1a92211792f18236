// SPDX-License-Identifier: Apache-2.0
// A clinical web application that signs people in at the HospiConnect gateway. Three files: this one (requests,
// sessions, cookies), gateway.mjs (OpenID Connect), pages.mjs (what people see). APPLICATIONS.md, in the
// documentation, walks through it.
//
//   hospictl client add records --redirect-uri https://records.example.org/callback \
//       --post-logout-redirect-uri https://records.example.org/bye --scope openid --scope scope_all
//   npm ci && node server.mjs
//
// Environment:
//   RECORDS_ISSUER              the gateway: https://sso.example.org
//   RECORDS_CLIENT_ID           what "client add" said
//   RECORDS_CLIENT_SECRET_FILE  a file with the secret, readable by this application alone (or a systemd credential)
//   RECORDS_URL                 this application, as browsers see it: https://records.example.org
//   RECORDS_LISTEN              address and port: 127.0.0.1:3000
//   RECORDS_TLS_CERTIFICATE, RECORDS_TLS_KEY   PEM files
//   RECORDS_ACR                 how people must have signed in; two factors by default
//   RECORDS_FRESH_SECONDS       how recently, for prescriptions: 300
//   RECORDS_CHECK_SECONDS       how often the gateway is asked whether the session still lasts: 60
//   RECORDS_IDLE_SECONDS        how long a session lasts without being used: 1800
//   NODE_EXTRA_CA_CERTS         (Node's own) the authority of the gateway's certificate, if the system does not know it
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Away, Gateway, Refused } from './gateway.mjs'
import { languageOf, message, prescriptions, records } from './pages.mjs'

function setting(name, otherwise) {
  const value = process.env[`RECORDS_${name}`] || otherwise
  if (value === undefined) throw new Error(`RECORDS_${name} is not set`)
  return value
}

function seconds(name, otherwise) {
  const value = setting(name, otherwise)
  if (!/^\d{1,5}$/.test(value)) throw new Error(`RECORDS_${name} is not a number of seconds`)
  return Number(value)
}

const home = new URL(setting('URL'))
const freshSeconds = seconds('FRESH_SECONDS', '300')
const checkSeconds = seconds('CHECK_SECONDS', '60')
const idleSeconds = seconds('IDLE_SECONDS', '1800')
const gateway = new Gateway({
  issuer: setting('ISSUER'),
  clientId: setting('CLIENT_ID'),
  clientSecret: readFileSync(setting('CLIENT_SECRET_FILE'), 'utf8').trim(),
  redirectUri: new URL('/callback', home).href,
  logoutUri: new URL('/bye', home).href,
  scope: 'openid scope_all',
  acr: setting('ACR', 'https://refeds.org/profile/mfa'),
})

// ---- what the server keeps for a browser ------------------------------------------------------------------------

// Tokens stay here; the browser has a random name for them and nothing else. In memory: who runs several of these
// servers, or wants sessions to outlive a restart, puts a shared store in the place of this class.
class Kept {
  #entries = new Map()
  #lifetimeMs
  #most

  constructor(lifetimeSeconds, most) {
    this.#lifetimeMs = lifetimeSeconds * 1000
    this.#most = most
  }

  add(value) {
    // The oldest goes when it is full: whoever starts sign-ins without end must not fill our memory.
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#entries.keys().next().value)
    const id = randomBytes(32).toString('base64url')
    this.#entries.set(id, { value, until: Date.now() + this.#lifetimeMs })
    return id
  }

  get(id) {
    const entry = this.#entries.get(id)
    if (entry && entry.until > Date.now()) return entry.value
    this.#entries.delete(id)
    return undefined
  }

  remove(id) {
    this.#entries.delete(id)
  }
}

const sessions = new Kept(8 * 3600, 10000)
const signIns = new Kept(600, 1000)

// __Host-: the browser takes it from this very host over TLS alone, and no other host can plant one. HttpOnly: no
// script reads it. SameSite=Lax: it comes along when the gateway sends the browser back, and not with a form of
// another site. Lax, not Strict: with Strict the way back from the gateway would look signed out.
const SESSION = '__Host-records'
const SIGN_IN = '__Host-records-signin'
const setCookie = (name, value) => `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax`
const dropCookie = (name) => `${setCookie(name, '')}; Max-Age=0`

function cookie(request, name) {
  const found = (request.headers.cookie ?? '').split(/; */).filter((pair) => pair.startsWith(`${name}=`))
  return found.length === 1 ? found[0].slice(name.length + 1) : undefined
}

// ---- answers ----------------------------------------------------------------------------------------------------

const HEADERS = {
  'Cache-Control': 'no-store', // what is about a patient stays in no cache, and "back" after a sign-out shows nothing
  // form-action: signing out is a form of ours that leads on to the gateway
  'Content-Security-Policy': `default-src 'none'; style-src 'self'; form-action 'self' ${new URL(setting('ISSUER')).origin}; ` +
    "frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'same-origin',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

const set = (cookies) => cookies.length ? { 'Set-Cookie': cookies } : {}

function answer(response, status, text, cookies = []) {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8', ...set(cookies) })
  response.end(text)
}

function redirect(response, location, cookies = []) {
  response.writeHead(303, { ...HEADERS, Location: location, ...set(cookies) })
  response.end()
}

// No name, no token, no address with its query: who may read the log need not know who treats whom.
function log(what, error) {
  process.stderr.write(`records: ${what}${error ? `: ${error.message}` : ''}\n`)
}

// ---- signing in -------------------------------------------------------------------------------------------------

async function signIn(request, response, path, maxAge) {
  const { url, pending } = await gateway.begin({ maxAge, language: languageOf(request.headers['accept-language']) })
  redirect(response, url, [setCookie(SIGN_IN, signIns.add({ ...pending, path }))])
}

async function callback(request, response, query) {
  const name = cookie(request, SIGN_IN)
  const pending = signIns.get(name)
  signIns.remove(name) // one try each, however it ends
  if (!pending) throw new Refused('nobody asked')
  const session = await gateway.finish(query, pending)
  session.checked = session.seen = Date.now()
  // A new name for a new sign-in, and the former one is worth nothing: whoever knew or planted it is left outside,
  // and nobody goes on in another person's session.
  sessions.remove(cookie(request, SESSION))
  redirect(response, pending.path, [setCookie(SESSION, sessions.add(session)), dropCookie(SIGN_IN)])
}

// The session of this browser, if there is one and the gateway did not end it. Asked every checkSeconds.
async function signedIn(request) {
  const name = cookie(request, SESSION)
  const session = sessions.get(name)
  if (!session) return undefined
  // Whoever left the workstation must not find it open after lunch. The gateway does not see who works here, so this
  // limit is the application's own.
  if (Date.now() - session.seen > idleSeconds * 1000) {
    sessions.remove(name)
    return undefined
  }
  session.seen = Date.now()
  if (session.seen - session.checked < checkSeconds * 1000) return session
  try {
    await renewed(session)
  } catch (error) {
    if (error instanceof Refused) {
      log('session ended', error)
      sessions.remove(name)
      return undefined
    }
    // The gateway is away. What it last said counts until it would have run out, and not longer.
    if (Date.now() >= session.expires) throw error
  }
  return session
}

// A browser loads several things at once, and a refresh token is good once: all of them wait for the same answer.
function renewed(session) {
  session.renewing ??= gateway.renew(session)
    .then(() => { session.checked = Date.now() })
    .finally(() => { session.renewing = undefined })
  return session.renewing
}

// ---- requests ---------------------------------------------------------------------------------------------------

async function showRecords(request, response) {
  const session = await signedIn(request)
  if (!session) return signIn(request, response, '/')
  return answer(response, 200, records(languageOf(request.headers['accept-language']), session))
}

// What is done here bears a name: it must be the person who sits there now, not who signed in this morning.
async function showPrescriptions(request, response) {
  const session = await signedIn(request)
  const fresh = session && Date.now() / 1000 - session.authTime <= freshSeconds
  if (!fresh) return signIn(request, response, '/prescriptions', freshSeconds)
  return answer(response, 200, prescriptions(languageOf(request.headers['accept-language']), session))
}

async function logout(request, response) {
  if (request.headers.origin !== home.origin) return answer(response, 403, message('en', 'refused'))
  const name = cookie(request, SESSION)
  const session = sessions.get(name)
  sessions.remove(name) // here first: that part works even if the gateway is away
  const gone = [dropCookie(SESSION), dropCookie(SIGN_IN)]
  if (!session) return redirect(response, '/bye', gone)
  try {
    return redirect(response, await gateway.logoutUrl(session.idToken), gone)
  } catch (error) {
    log('sign-out at the gateway', error) // who is told so can still close the browser
    return answer(response, 503, message(languageOf(request.headers['accept-language']), 'away'), gone)
  }
}

function showStyle(_request, response) {
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/css; charset=utf-8' })
  response.end(readFileSync(new URL('style.css', import.meta.url)))
}

const ROUTES = {
  'GET /': showRecords,
  'GET /prescriptions': showPrescriptions,
  'GET /callback': callback,
  'POST /logout': logout,
  'GET /bye': (request, response) => answer(response, 200, message(languageOf(request.headers['accept-language']), 'out')),
  'GET /style.css': showStyle,
}

async function handle(request, response) {
  const language = languageOf(request.headers['accept-language'])
  const [path, query] = request.url.split(/\?(.*)/s)
  const route = Object.hasOwn(ROUTES, `${request.method} ${path}`) && ROUTES[`${request.method} ${path}`]
  try {
    if (!route) return answer(response, 404, message(language, 'missing'))
    return await route(request, response, query ?? '')
  } catch (error) {
    if (error instanceof Refused) {
      log('sign-in refused', error)
      return answer(response, 403, message(language, 'refused'), [dropCookie(SIGN_IN)])
    }
    log(error instanceof Away ? 'no gateway' : 'error', error)
    return answer(response, 503, message(language, 'away'))
  }
}

const [, host, port] = /^(?:\[?([^\]]+)\]?:)(\d+)$/.exec(setting('LISTEN', '127.0.0.1:3000')) ?? []
const server = createServer({
  cert: readFileSync(setting('TLS_CERTIFICATE')),
  key: readFileSync(setting('TLS_KEY')),
  minVersion: 'TLSv1.2',
}, handle)
server.listen(Number(port), host, () => log(`listens on ${host}:${port}`))
process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
