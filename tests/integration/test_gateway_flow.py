#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: from an application's request to the claims that it verifies, with the real broker, hc-password and pam_unix.
 * discovery and keys; password, then code, in French and English; code + PKCE; ID token (RS256, ES256), userinfo
 * refresh with rotation, client_credentials, introspection by the allow-list, revocation, JWT access tokens
 * a recovery code; professional claims on scope_all, and none that are not known
"""
import time

import gateway
import jose
import rig
from browser import Browser, Page
from gateway import refused, register, signed_in, walk
from rig import check, equal, matches

MFA = "https://refeds.org/profile/mfa"


def setup(machine):
    gateway.install(machine)
    machine.web = register(machine, "dossier")
    machine.post = register(machine, "imagerie", method="client_secret_post", algorithm="ES256")
    machine.mobile = register(machine, "mobile", method="none")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read", "write"))
    machine.psc = register(machine, "psc", "--profile", "psc", scopes=("openid", "scope_all"))
    machine.jwt = register(machine, "jwt", "--access-token", "jwt", grants=("authorization_code", "refresh_token", "client_credentials"))


def discovery_says_what_is_there(machine):
    wire, issuer = machine.gateway.wire(), machine.gateway.issuer
    answer = wire.get(gateway.WELL_KNOWN)
    equal(answer.status, 200, answer)
    data = answer.json
    equal(data["issuer"], issuer)
    for name in ("authorization", "token", "userinfo", "introspection", "revocation", "end_session"):
        path = {"authorization": "authorize", "introspection": "introspect", "revocation": "revoke", "end_session": "logout"}
        equal(data[name + "_endpoint"], f"{issuer}/oauth2/{path.get(name, name)}")
    equal(data["jwks_uri"], issuer + "/oauth2/jwks")
    equal(data["response_types_supported"], ["code"])
    equal(data["code_challenge_methods_supported"], ["S256"])
    equal(data["subject_types_supported"], ["public"])
    equal(sorted(data["grant_types_supported"]), ["authorization_code", "client_credentials", "refresh_token"])
    equal(sorted(data["token_endpoint_auth_methods_supported"]), ["client_secret_basic", "client_secret_post", "none"])
    check({"RS256", "ES256"} <= set(data["id_token_signing_alg_values_supported"]) and
          "none" not in data["id_token_signing_alg_values_supported"], data)
    check({"openid", "profile", "scope_all"} <= set(data["scopes_supported"]), data)
    equal((data["authorization_response_iss_parameter_supported"], data["request_uri_parameter_supported"]), (True, False))
    equal(sorted(data["ui_locales_supported"]), ["en", "fr"])
    check("claims_supported" in data and "sub" in data["claims_supported"], data)
    for other in ("/.well-known/oauth-authorization-server", "/.well-known/wallet-openid-configuration"):
        equal(wire.get(other).json["issuer"], issuer, other)


def the_keys_are_public_and_named_by_their_thumbprint(machine):
    keys = machine.gateway.jwks["keys"]
    equal(sorted(key["alg"] for key in keys), ["ES256", "RS256"])
    for key in keys:
        equal(key["kid"], jose.thumbprint(key))
        equal(key["use"], "sig")
        check(not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key), "a private member", key)
    rsa = next(key for key in keys if key["kty"] == "RSA")
    check(int.from_bytes(jose.decode(rsa["n"]), "big").bit_length() >= 2048)


def a_clinician_signs_in_and_the_application_holds_tokens(machine):
    app = machine.web
    login, token = machine.people.next("--given-name", "Anne", "--family-name", "Martin & Fils")
    browser = Browser(machine.gateway.site, "en-GB,en;q=0.8,fr;q=0.5")
    first = browser.get(app.authorize_url())
    page = Page(first)
    equal((first.status, page.lang), (200, "en"), first)
    equal({name for name in page.form["fields"] if name not in page.form["hidden"]}, {"username", "password"})
    inputs = page.form["inputs"]
    equal((inputs["password"]["type"], inputs["password"].get("autocomplete"), inputs["username"].get("autocomplete")),
          ("password", "current-password", "username"))
    check("dossier" in page.text and gateway.ESTABLISHMENT in page.text, "the application and the establishment:", page.text)
    second = browser.submit(first, username=login, password=rig.PASSWORD)
    page = Page(second)
    equal((page.form["inputs"]["code"].get("autocomplete"), page.form["inputs"]["code"].get("type")), ("one-time-code", "text"))
    reply = browser.submit(second, code=token.next())
    tokens = app.tokens(reply)
    claims = tokens["claims"]
    equal((claims["acr"], sorted(claims["amr"])), (MFA, ["mfa", "otp", "pwd"]))
    check(abs(claims["auth_time"] - time.time()) < 30 and claims["sid"], claims)
    check(login not in (claims["sub"], str(claims)) and len(claims["sub"]) <= 255, "sub is not the login", claims)
    check(not {"given_name", "family_name", "preferred_username"} & set(claims), "claims of scopes are for userinfo", claims)
    equal(set(tokens) - {"claims"}, {"access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope"})
    equal((tokens["expires_in"], set(tokens["scope"].split())), (300, {"openid", "profile"}))
    for kind in ("access_token", "refresh_token"):
        check(len(tokens[kind]) >= 43 and "." not in tokens[kind], tokens[kind])
    for method in ("GET", "POST"):
        answer = app.userinfo(tokens["access_token"], method)
        equal(answer.status, 200, answer)
        info = answer.json
        equal((info["sub"], info["given_name"], info["family_name"]), (claims["sub"], "Anne", "Martin & Fils"), info)
        check("no-store" in answer.header("cache-control"), answer)
    machine.recorded(login, "success", factor="totp", service="gateway")


def the_pages_speak_french(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site, "fr-FR,fr;q=0.9,en;q=0.5")
    first = browser.get(app.authorize_url())
    page = Page(first)
    equal(page.lang, "fr", page.text)
    matches("[Mm]ot de passe", page.text)
    second = browser.submit(first, username=login, password="faux")
    equal(Page(second).lang, "fr")
    third = browser.submit(second, code=token.code_again())
    page = Page(third)
    equal(page.lang, "fr")
    check(page.alerts, "the refusal is announced", page.text)
    app.tokens(walk(browser, app.authorize_url(), login, token.next))


def the_request_chooses_the_language_and_the_gateway_has_one(machine):
    app = machine.web
    equal(Page(Browser(machine.gateway.site, "en").get(app.authorize_url(ui_locales="de fr-CA en"))).lang, "fr")
    equal(Page(Browser(machine.gateway.site, "fr").get(app.authorize_url(ui_locales="en-GB"))).lang, "en")
    equal(Page(Browser(machine.gateway.site, "de, es;q=0.5").get(app.authorize_url(ui_locales="se"))).lang, "fr", "as configured")


def a_wrong_answer_is_forgiven_on_the_same_request(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    page = browser.get(app.authorize_url())
    page = browser.submit(page, username=login, password="wrong")
    page = browser.submit(page, code=token.code_again())
    check(Page(page).alerts, page)
    page = browser.submit(page, username=login, password=rig.PASSWORD)
    page = browser.submit(page, code=token.wrong())
    page = browser.submit(page, username=login, password=rig.PASSWORD)
    app.tokens(browser.submit(page, code=token.next()))


def a_page_may_come_to_any_thread(machine):
    """Each request on a connection of its own: the code comes to a loop that did not ask for the password, or does."""
    app = machine.web
    login, token = machine.people.next()
    for _ in range(6):
        app.tokens(walk(Browser(machine.gateway.site, keep=False), app.authorize_url(), login, token.next))


def cancel_begins_again_and_uses_nothing_up(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    page = browser.submit(browser.get(app.authorize_url()), username=login, password=rig.PASSWORD)
    page = browser.submit(page, press="restart", code=token.code_again())
    check("password" in Page(page).form["fields"], page)
    page = browser.submit(page, username=login, password=rig.PASSWORD)
    app.tokens(browser.submit(page, code=token.next()))


def an_es256_client_gets_an_es256_id_token(machine):
    _, _, _, tokens = signed_in(machine, machine.post)
    equal(jose.parts(tokens["id_token"])[0]["alg"], "ES256")


def a_public_client_needs_no_secret(machine):
    _, _, _, tokens = signed_in(machine, machine.mobile)
    fresh = machine.mobile.refresh(tokens["refresh_token"])
    equal(fresh.status, 200, fresh)


def without_state_and_nonce_it_works(machine):
    app = machine.web
    machine.shared = signed_in(machine, app)
    browser = machine.shared[0]
    url = app.authorize_url(state=None, nonce=None, unknown="x", claims_locales="fr", display="popup", login_hint="x",
                            acr_values="urn:x eidas1")
    app.state = app.nonce = None
    tokens = app.tokens(browser.get(url))
    check("nonce" not in tokens["claims"] and tokens["claims"]["acr"] == MFA, tokens["claims"])


def a_request_may_come_as_a_form(machine):
    app, browser = machine.web, machine.shared[0]
    url = app.authorize_url()
    app.tokens(browser.post(url.split("?")[0], url.split("?")[1]))


def a_redirect_uri_with_a_query_keeps_it(machine):
    app = register(machine, "requete", path="/cb?tenant=7")
    app.tokens(machine.shared[0].get(app.authorize_url()))


def refresh_tokens_rotate(machine):
    app, (_, _, _, tokens) = machine.web, machine.shared
    old = tokens["refresh_token"]
    answer = app.refresh(old)
    equal(answer.status, 200, answer)
    new = answer.json
    check(new["refresh_token"] != old and new["access_token"] != tokens["access_token"], "new ones")
    claims = app_claims(app, new)
    equal((claims["sub"], claims["auth_time"], claims["sid"]),
          tuple(tokens["claims"][name] for name in ("sub", "auth_time", "sid")), "as at the sign-in")
    narrower = app.refresh(new["refresh_token"], scope="openid").json
    equal(narrower["scope"], "openid")
    check("given_name" not in app.userinfo(narrower["access_token"]).json)
    refused(app.refresh(narrower["refresh_token"], scope="openid scope_all"), "invalid_scope")
    machine.refresh_token = narrower["refresh_token"]


def app_claims(app, tokens):
    """The claims of a refreshed ID token (it has no nonce, or the first one's)."""
    claims = jose.verify(tokens["id_token"], app.gateway.jwks, app.algorithm)
    equal((claims["iss"], claims["aud"]), (app.gateway.issuer, app.id))
    check(claims.get("nonce") in (None, app.nonce), claims)
    return claims


def a_lost_answer_is_given_again_within_the_grace(machine):
    """A confidential client that heard nothing asks again: a new successor, and the one that it missed is void."""
    app = machine.web
    first = app.refresh(machine.refresh_token).json
    second = app.refresh(machine.refresh_token)
    equal(second.status, 200, "the grace of a confidential client", second)
    third = app.refresh(second.json["refresh_token"])
    equal(third.status, 200, third)
    refused(app.refresh(first["refresh_token"]), "invalid_grant")


def client_credentials_serve_programs(machine):
    app = machine.api
    answer = app.token_request(grant_type="client_credentials", scope="read")
    equal(answer.status, 200, answer)
    tokens = answer.json
    equal(set(tokens), {"access_token", "token_type", "expires_in", "scope"}, "no refresh token, no ID token")
    info = app.introspect(tokens["access_token"])
    equal((info["active"], info["client_id"], info["scope"], info.get("username")), (True, app.id, "read", None), info)
    equal(set(app.token_request(grant_type="client_credentials").json["scope"].split()), {"read", "write"})
    refused(app.token_request(grant_type="client_credentials", scope="admin"), "invalid_scope")
    answer = app.userinfo(tokens["access_token"])
    check(answer.status in (401, 403), "no person, no userinfo", answer)


def jwt_access_tokens_are_of_rfc_9068(machine):
    app = machine.jwt
    tokens = app.tokens(machine.shared[0].get(app.authorize_url()))
    claims = verified_access(machine, app, tokens["access_token"])
    equal((claims["iss"], claims["client_id"], claims["sub"]), (machine.gateway.issuer, app.id, tokens["claims"]["sub"]), claims)
    check({"aud", "exp", "iat", "jti", "scope"} <= set(claims), claims)
    equal(app.userinfo(tokens["access_token"]).status, 200)
    equal(machine.api.introspect(tokens["access_token"])["active"], True)
    equal(app.revoke(tokens["access_token"]).status, 200)
    equal(machine.api.introspect(tokens["access_token"]), {"active": False})
    equal(app.userinfo(tokens["access_token"]).status, 401)
    alone = app.token_request(grant_type="client_credentials").json["access_token"]
    claims = verified_access(machine, app, alone)
    check(not {"auth_time", "acr", "amr"} & set(claims), claims)
    equal(machine.api.introspect(alone)["active"], True)


def verified_access(machine, app, token):
    algorithm = jose.parts(token)[0]["alg"]
    check(algorithm in ("RS256", "ES256"), algorithm)
    return jose.verify(token, machine.gateway.jwks, algorithm, "at+jwt")


def introspection_is_for_those_on_the_list(machine):
    app, (_, login, _, tokens) = machine.web, machine.shared
    fresh = app.tokens(machine.shared[0].get(app.authorize_url()))
    info = machine.api.introspect(fresh["access_token"])
    equal((info["active"], info["client_id"], info["sub"], info["token_type"]), (True, app.id, tokens["claims"]["sub"], "Bearer"), info)
    check(info["exp"] - info["iat"] == 300 and set(info["scope"].split()) == {"openid", "profile"}, info)
    check(login not in str(info), "not the login", info)
    equal(machine.api.introspect(fresh["refresh_token"]).get("active"), True)
    equal(app.introspect(fresh["access_token"])["active"], True, "its own")
    equal(machine.post.introspect(fresh["access_token"]), {"active": False}, "another's, not on the list")
    equal(machine.api.introspect("unknown"), {"active": False})
    for hint in ("access_token", "refresh_token", "nonsense"):
        equal(machine.api.introspect(fresh["access_token"], token_type_hint=hint)["active"], True, hint)


def revocation_ends_what_it_says(machine):
    app = machine.web
    tokens = app.tokens(machine.shared[0].get(app.authorize_url()))
    equal(machine.post.revoke(tokens["access_token"]).status in (200, 400), True, "another's token")
    equal(machine.post.revoke(tokens["refresh_token"]).status in (200, 400), True)
    equal(machine.api.active(tokens["access_token"]), True, "is not ended by another client")
    equal(app.revoke(tokens["access_token"]).status, 200)
    equal(machine.api.active(tokens["access_token"]), False)
    equal(app.userinfo(tokens["access_token"]).status, 401)
    equal(app.revoke(tokens["access_token"]).status, 200, "once more")
    tokens = app.refresh(tokens["refresh_token"]).json
    equal(app.revoke(tokens["refresh_token"], token_type_hint="access_token").status, 200)
    equal((machine.api.active(tokens["access_token"]), machine.api.active(tokens["refresh_token"])), (False, False), "the family")
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant")


def a_recovery_code_signs_in_once(machine):
    app = machine.web
    login, token = machine.people.next()
    codes = machine.recovery(login)
    browser = Browser(machine.gateway.site)
    tokens = app.tokens(walk(browser, app.authorize_url(), login, codes[0].lower()))
    check({"pwd", "mfa"} <= set(tokens["claims"]["amr"]), tokens["claims"])
    reply = walk(Browser(machine.gateway.site), app.authorize_url(), login, codes[0])
    equal(reply.status, 200, "used already")
    check(Page(reply).alerts)
    app.tokens(walk(Browser(machine.gateway.site), app.authorize_url(), login, token.next))
    machine.recorded(login, "success", factor="totp", service="gateway")


def scope_all_tells_what_is_known_of_the_profession(machine):
    app = machine.psc
    _, _, _, tokens = signed_in(machine, app, scope="openid scope_all", person=(
        "--given-name", "Robert", "--family-name", "Spécialiste", "--national-id", "899700218896", "--profession", "10",
        "--organization", "CHU d’Essai"))
    info = app.userinfo(tokens["access_token"]).json
    equal((info["SubjectNameID"], info["preferred_username"]), ("899700218896",) * 2, info)
    equal((info["given_name"], info["family_name"], info["SubjectOrganization"]), ("Robert", "Spécialiste", "CHU d’Essai"), info)
    check(info.get("authMode") != "CARD" and "eidas" not in str(tokens["claims"].get("acr")), "not what it was not", info)
    check(isinstance(info.get("SubjectRole", []), list), info)


def scope_all_invents_nothing(machine):
    app = machine.psc
    _, login, _, tokens = signed_in(machine, app, scope="openid scope_all")
    info = app.userinfo(tokens["access_token"]).json
    check(not {"SubjectNameID", "otherIds", "SubjectOrganization"} & {name for name, value in info.items() if value}, info)
    check(login not in (info.get("SubjectNameID"), info["sub"]), info)


rig.run([
    discovery_says_what_is_there, the_keys_are_public_and_named_by_their_thumbprint,
    a_clinician_signs_in_and_the_application_holds_tokens, the_pages_speak_french,
    the_request_chooses_the_language_and_the_gateway_has_one, a_wrong_answer_is_forgiven_on_the_same_request,
    a_page_may_come_to_any_thread, cancel_begins_again_and_uses_nothing_up, an_es256_client_gets_an_es256_id_token, a_public_client_needs_no_secret, without_state_and_nonce_it_works,
    a_request_may_come_as_a_form, a_redirect_uri_with_a_query_keeps_it, refresh_tokens_rotate,
    a_lost_answer_is_given_again_within_the_grace, client_credentials_serve_programs, jwt_access_tokens_are_of_rfc_9068,
    introspection_is_for_those_on_the_list, revocation_ends_what_it_says, a_recovery_code_signs_in_once,
    scope_all_tells_what_is_known_of_the_profession, scope_all_invents_nothing, gateway.no_complaint_in_the_gateways_log,
], setup)
