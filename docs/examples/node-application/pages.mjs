// SPDX-License-Identifier: Apache-2.0
// The pages, in French and English. Everything that is put into one is escaped: names and organisations are
// somebody else's text.

class Markup extends String {}

function html(strings, ...values) {
  const text = (value) => {
    if (Array.isArray(value)) return value.map(text).join('')
    return value instanceof Markup ? value.valueOf() : escape(value)
  }
  return new Markup(String.raw({ raw: strings }, ...values.map(text)))
}

function escape(value) {
  return String(value ?? '').replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`)
}

const TEXTS = {
  fr: {
    title: 'Dossiers de soins', signedIn: 'Session ouverte', name: 'Nom', login: 'Identifiant de connexion',
    nationalId: 'Identifiant national', profession: 'Profession', organization: 'Établissement', since: 'Authentification',
    none: 'non renseigné', prescribe: 'Prescrire', home: 'Retour aux dossiers', signOut: 'Se déconnecter', signIn: 'Se connecter',
    prescriptions: 'Prescriptions', fresh: 'Cette page demande une authentification récente : la vôtre l’est.',
    out: 'Vous êtes déconnecté', outText: 'Votre session est terminée.',
    refused: 'Connexion refusée', refusedText: 'La passerelle ne vous a pas authentifié comme cette application le demande.',
    away: 'Connexion impossible pour le moment', awayText: 'La passerelle ne répond pas. Réessayez dans un instant.',
    missing: 'Cette page n’existe pas', missingText: '',
    professions: { 10: 'Médecin', 21: 'Pharmacien', 40: 'Chirurgien-dentiste', 50: 'Sage-femme', 60: 'Infirmier' },
  },
  en: {
    title: 'Care records', signedIn: 'Signed in', name: 'Name', login: 'Login',
    nationalId: 'National identifier', profession: 'Profession', organization: 'Organisation', since: 'Signed in at',
    none: 'not known', prescribe: 'Prescribe', home: 'Back to the records', signOut: 'Sign out', signIn: 'Sign in',
    prescriptions: 'Prescriptions', fresh: 'This page wants a recent sign-in: yours is.',
    out: 'You are signed out', outText: 'Your session has ended.',
    refused: 'Sign-in refused', refusedText: 'The gateway did not sign you in as this application demands.',
    away: 'Nobody can sign in for the moment', awayText: 'The gateway does not answer. Please try again in a moment.',
    missing: 'There is no such page', missingText: '',
    professions: { 10: 'Physician', 21: 'Pharmacist', 40: 'Dentist', 50: 'Midwife', 60: 'Nurse' },
  },
}

/** 'fr' or 'en', of what the browser asks for. */
export function languageOf(acceptLanguage = '') {
  return /(fr|en)\b/i.exec(acceptLanguage)?.[1].toLowerCase() ?? 'fr'
}

function page(language, heading, body) {
  const t = TEXTS[language]
  return html`<!DOCTYPE html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading} – ${t.title}</title>
<link rel="stylesheet" href="/style.css"></head>
<body><header><p>${t.title}</p></header><main><h1>${heading}</h1>${body}</main></body>
</html>
`.valueOf()
}

// SubjectRole is "10^1.2.250.1.213.1.1.5.5": a code, and the list that it is of. The list must be the one we read.
function profession(user, t) {
  const code = /^(\d+)\^1\.2\.250\.1\.213\.1\.1\.5\.5$/.exec(user.SubjectRole?.[0])?.[1]
  return code && `${t.professions[code] ?? ''} (${code})`.trim()
}

export function records(language, { user, authTime }) {
  const t = TEXTS[language]
  const when = new Date(authTime * 1000).toLocaleString(language, { dateStyle: 'long', timeStyle: 'short' })
  // SubjectNameID is the person, for good; the login may change hands one day, and a name is no key at all.
  const rows = [[t.name, user.name], [t.nationalId, user.SubjectNameID], [t.profession, profession(user, t)],
    [t.organization, user.SubjectOrganization], [t.login, user.preferred_username], [t.since, when]]
  return page(language, t.signedIn, html`<dl>${rows.map(([term, value]) => html`<dt>${term}</dt><dd>${value || t.none}</dd>
`)}</dl>
<p><a href="/prescriptions">${t.prescribe}</a></p>
<form method="post" action="/logout"><button>${t.signOut}</button></form>`)
}

export function prescriptions(language, { user }) {
  const t = TEXTS[language]
  return page(language, t.prescriptions, html`<p>${user.name}</p><p>${t.fresh}</p><p><a href="/">${t.home}</a></p>`)
}

export function message(language, kind) {
  const t = TEXTS[language]
  return page(language, t[kind], html`<p>${t[kind + 'Text']}</p><p><a href="/">${t.signIn}</a></p>`)
}
