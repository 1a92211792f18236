#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what the endpoints of the gateway must refuse, each with its own case, seen from outside.
 * authorization: redirect URIs that are not registered byte for byte, PKCE missing or plain, repeated parameters, other
   response types, requests by reference
 * token endpoint: codes reused, of another client, without or with another verifier; secrets; refresh tokens reused or of
   another client; truncated tokens
 * userinfo, introspection, methods and bodies that are none of theirs
"""
import urllib.parse

import gateway
import jose
import rig
from browser import Browser, Page
from gateway import Refusal, code_of, error_back, error_page, refused, register, signed_in
from rig import PASSWORD, check, equal, matches, wait_until


def setup(machine):
    gateway.install(machine)
    machine.web = register(machine, "dossier")
    machine.other = register(machine, "autre")
    machine.post = register(machine, "imagerie", method="client_secret_post")
    machine.mobile = register(machine, "mobile", method="none")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read",))
    machine.plain = register(machine, "simple", grants=("authorization_code",))
    machine.shared = signed_in(machine, machine.web)
    machine.browser = machine.shared[0]


# ---- the authorization request -------------------------------------------------------------------

def an_unregistered_redirect_uri_is_an_error_page(machine):
    for uri in ("https://evil.test/cb", "https://autre.test/cb", "http://dossier.test/cb", "javascript:alert(1)", "//evil.test",
                "/cb", "", None):
        error_page(machine.browser.get(machine.web.authorize_url(redirect_uri=uri)))


def an_altered_redirect_uri_is_an_error_page(machine):
    good = machine.web.redirect_uri
    for uri in (good + "/", good + "?", good + "?x=1", good + "#", good + "#x", good.replace("/cb", "/CB"), good.upper(),
                good.replace("dossier.test", "DOSSIER.test"), good.replace("/cb", "/./cb"), good.replace("/cb", "/x/../cb"),
                good.replace("/cb", "/%63b"), good.replace("dossier.test", "dossier.test:443"),
                good.replace("https://", "https://a@"), good + " ", " " + good, good + "\0", good + "%00", good[:-1],
                good.replace("dossier", "evil.test/dossier"), good + "\r\nX: 1"):
        error_page(machine.browser.get(machine.web.authorize_url(redirect_uri=uri)))


def an_unknown_client_is_an_error_page(machine):
    for name in ("nobody", "", machine.web.id + "x", machine.web.id.upper(), machine.web.id + "\0", "' OR 1=1 --", None):
        if name != machine.web.id:
            error_page(machine.browser.get(machine.web.authorize_url(client_id=name)))


def a_client_without_the_code_grant_gets_none(machine):
    error_page(machine.browser.get(machine.web.authorize_url(client_id=machine.api.id)))


def a_request_without_pkce_is_refused(machine):
    app = machine.web
    error_back(app, machine.browser.get(app.authorize_url(code_challenge=None, code_challenge_method=None)), "invalid_request")
    error_back(app, machine.browser.get(app.authorize_url(code_challenge=None)), "invalid_request")
    error_back(app, machine.browser.get(app.authorize_url(code_challenge="")), "invalid_request")


def plain_pkce_is_refused(machine):
    app = machine.web
    error_back(app, machine.browser.get(app.authorize_url(code_challenge_method="plain")), "invalid_request")
    error_back(app, machine.browser.get(app.authorize_url(code_challenge_method=None)), "invalid_request")
    error_back(app, machine.browser.get(app.authorize_url(code_challenge_method="s256")), "invalid_request")


def a_malformed_challenge_is_refused(machine):
    app = machine.web
    for challenge in ("x", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "+", "A" * 42 + "/", "A" * 200, "é" * 43):
        error_back(app, machine.browser.get(app.authorize_url(code_challenge=challenge)), "invalid_request")


def a_repeated_parameter_is_refused_everywhere(machine):
    app, wire = machine.web, machine.web.wire
    url = app.authorize_url()
    for extra in ("client_id=" + app.id, "redirect_uri=https%3A%2F%2Fevil.test%2Fcb", "redirect_uri=" + app.redirect_uri):
        error_page(machine.browser.get(f"{url}&{extra}"))
    for extra in ("scope=openid", "state=1", "nonce=1", "code_challenge=x", "unknown=1&unknown=2", "response_type=code"):
        reply = machine.browser.get(f"{url}&{extra}")
        check(reply.status == 400 or "error=invalid_request" in (reply.location or "") and "code=" not in reply.location, extra, reply)
    code = code_of(machine, app)
    fields, headers = app.authenticated({"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri,
                                         "code_verifier": app.pkce.verifier})
    body = urllib.parse.urlencode(fields)
    for extra in ("code=" + code, "grant_type=authorization_code", "code_verifier=x", "unknown=1&unknown=1", "%67rant_type=password"):
        refused(wire.request("POST", "/oauth2/token", f"{body}&{extra}", headers), "invalid_request")
    token = machine.shared[3]["access_token"]
    for endpoint in ("introspect", "revoke"):
        refused(wire.request("POST", "/oauth2/" + endpoint, f"token={token}&token={token}", headers), "invalid_request")
    equal(machine.api.active(token), True)
    error_page(machine.browser.get(app.logout_url() + "&state=1&state=2"))
    page = Browser(machine.gateway.site).get(machine.other.authorize_url())
    form = urllib.parse.urlencode(Page(page).form["fields"])
    reply = Browser(machine.gateway.site).post(machine.gateway.issuer + "/login", form + "&username=a&username=b&password=c")
    check(reply.status in (400, 403), reply)
    equal(app.exchange(code).status, 200, "nothing was used up by any of it")


def other_response_types_are_refused(machine):
    app = machine.web
    for kind in ("token", "id_token", "code id_token", "code token", "none", "CODE", ""):
        url = app.authorize_url(response_type=kind)
        reply = machine.browser.get(url)
        check("#" not in reply.location, reply.location)
        parameters = app.callback(reply)
        check(parameters.get("error") in ("unsupported_response_type", "invalid_request") and "code" not in parameters, reply.location)
    error_back(app, machine.browser.get(app.authorize_url(response_type=None)), "invalid_request")
    reply = machine.browser.get(app.authorize_url(response_mode="fragment"))
    check("#" not in (reply.location or "#") and "error=" in reply.location, reply)


def requests_by_reference_are_refused(machine):
    app = machine.web
    error_back(app, machine.browser.get(app.authorize_url(request=jose.unsigned({}))), "request_not_supported")
    error_back(app, machine.browser.get(app.authorize_url(request_uri="https://127.0.0.1:1/x")), "request_uri_not_supported")
    error_back(app, machine.browser.get(app.authorize_url(request_uri="urn:ietf:params:oauth:request_uri:x")), "request_uri_not_supported")


def a_request_without_openid_or_with_foreign_scopes_gets_no_more_than_it_may(machine):
    app = machine.web
    answer = app.exchange(code_of(machine, app, scope="openid scope_all admin"))
    equal(set(answer.json["scope"].split()), {"openid"}, answer)
    for scope in ('openid "x', "openid\\", "openid\tprofile", "openid é"):
        reply = machine.browser.get(app.authorize_url(scope=scope))
        check("error=invalid_scope" in reply.location or "error=invalid_request" in reply.location, reply.location)


def what_comes_back_is_encoded(machine):
    app = machine.web
    for state in ('"><script>alert(1)</script>', "a\r\nSet-Cookie: x=1", "a&code=x#y", "é漢", "x" * 500):
        url = app.authorize_url(state=state)
        app.state = state
        try:
            reply = machine.browser.get(url)
            check("set-cookie" not in {key.lower() for key, value in reply.headers if "x=1" in value}, reply.headers)
            if reply.status == 303:
                app.code(reply)
            else:
                equal(reply.status, 400, reply)
        except Refusal as refusal:
            equal(refusal.error, "invalid_request")


def a_name_that_is_html_stays_a_text(machine):
    browser = Browser(machine.gateway.site)
    name = '"><img src=x onerror=alert(1)>\'&amp;'
    page = browser.submit(browser.get(machine.web.authorize_url()), username=name, password="x")
    page = browser.submit(page, code="123456")
    check(not [tag for tag, _ in Page(page).tags if tag == "img"], page.text)


# ---- the token endpoint --------------------------------------------------------------------------

def a_code_works_once_and_then_its_tokens_are_worthless(machine):
    app = machine.web
    code = code_of(machine, app)
    tokens = app.exchange(code).json
    refreshed = app.refresh(tokens["refresh_token"]).json
    refused(app.exchange(code), "invalid_grant")
    for token in (tokens["access_token"], refreshed["access_token"], refreshed["refresh_token"]):
        equal(machine.api.active(token), False)
    refused(app.refresh(refreshed["refresh_token"]), "invalid_grant")
    equal(app.userinfo(tokens["access_token"]).status, 401)
    wait_until(lambda: any(row["event"] == "token-reuse" for row in machine.audit()), "in the trail", 3)


def a_code_without_or_with_another_verifier_is_refused_and_not_used_up(machine):
    app = machine.web
    code = code_of(machine, app)
    for verifier in (None, "", "x", "A" * 43, app.pkce.verifier + "x", app.pkce.verifier[:-1], app.pkce.challenge, "é" * 43, "A" * 129):
        answer = app.exchange(code, code_verifier=verifier)
        check(answer.json["error"] in ("invalid_grant", "invalid_request"), verifier, answer)
        equal(answer.status, 400)
    equal(app.exchange(code).status, 200)


def a_verifier_without_challenge_gets_nothing(machine):
    """A request without challenge yields no code at all, so there is none that a verifier could come with."""
    app = machine.web
    reply = machine.browser.get(app.authorize_url(code_challenge=None, code_challenge_method=None))
    parameters = app.callback(reply)
    check("code" not in parameters, parameters)
    check(app.exchange("").json["error"] in ("invalid_grant", "invalid_request"))


def a_code_of_another_client_is_refused_and_not_used_up(machine):
    app, thief = machine.web, machine.other
    code = code_of(machine, app)
    thief.pkce = app.pkce
    refused(thief.exchange(code), "invalid_grant")
    refused(thief.exchange(code, redirect_uri=app.redirect_uri), "invalid_grant")
    machine.mobile.pkce = app.pkce
    refused(machine.mobile.exchange(code, redirect_uri=app.redirect_uri), "invalid_grant")
    answer = app.exchange(code)
    equal(answer.status, 200, "still good for its own:", answer)


def a_code_with_another_redirect_uri_is_refused(machine):
    app = machine.web
    code = code_of(machine, app)
    for uri in (app.redirect_uri + "/", app.redirect_uri + "?x", "https://autre.test/cb", "", None):
        answer = app.exchange(code, redirect_uri=uri)
        check(answer.status == 400 and answer.json["error"] in ("invalid_grant", "invalid_request"), uri, answer)
    equal(app.exchange(code).status, 200)


def what_is_no_code_is_refused(machine):
    app = machine.web
    code = code_of(machine, app)
    refused(app.exchange(code[:-1]), "invalid_grant")
    refused(app.exchange(code + "A"), "invalid_grant")
    refused(app.exchange(code.swapcase()), "invalid_grant")
    refused(app.exchange("A" * len(code)), "invalid_grant")
    refused(app.exchange(code + "\0"), "invalid_request")
    refused(app.exchange(machine.shared[3]["refresh_token"]), "invalid_grant")
    check(app.exchange("").json["error"] in ("invalid_grant", "invalid_request"))
    refused(app.exchange(None), "invalid_request")
    equal(app.exchange(code).status, 200)


def a_wrong_secret_is_refused(machine):
    app = machine.web
    code = code_of(machine, app)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri, "code_verifier": app.pkce.verifier}
    for secret in ("wrong", "", app.secret + "x", app.secret[:-1], app.secret.swapcase(), machine.other.secret, app.secret + "\0"):
        answer = app.post("token", fields, secret=secret)
        refused(answer, "invalid_client", 401)
        check("basic" in answer.header("www-authenticate").lower(), answer)
    for method in ("client_secret_post", "none"):
        check(app.post("token", fields, method=method).status in (400, 401), "not the registered method", method)
    both, headers = app.authenticated(fields)
    check(app.wire.request("POST", "/oauth2/token", {**both, "client_id": app.id, "client_secret": app.secret}, headers).status
          in (400, 401), "two methods at once")
    check(app.wire.request("POST", "/oauth2/token", {**both, "client_id": machine.other.id}, headers).status in (400, 401), "two clients")
    for value in ("Basic", "Basic ", "Basic ?", "Basic " + "A" * 4000, "Bearer x", "Basic OjA=", "Basic Og==", "Negotiate x"):
        answer = app.wire.request("POST", "/oauth2/token", fields, {"Authorization": value})
        check(answer.status in (400, 401), value, answer)
    equal(app.exchange(code).status, 200, "and the code was not used up")


def an_unknown_client_and_a_wrong_secret_are_answered_alike(machine):
    app = machine.web
    fields = {"grant_type": "client_credentials"}
    wrong = app.post("token", fields, secret="wrong")
    true_id, app.id = app.id, "nobody"
    unknown = app.post("token", fields, secret="wrong")
    app.id = true_id
    equal((wrong.status, wrong.body), (unknown.status, unknown.body))


def a_public_client_gets_no_credentials_grant_and_needs_no_secret_to_fail(machine):
    app = machine.mobile
    answer = app.token_request(grant_type="client_credentials")
    check(answer.status == 400 and answer.json["error"] in ("unauthorized_client", "invalid_client"), answer)
    code = code_of(machine, app)
    answer = app.wire.request("POST", "/oauth2/token", {"grant_type": "authorization_code", "code": code, "client_id": app.id,
                                                        "client_secret": "x", "redirect_uri": app.redirect_uri,
                                                        "code_verifier": app.pkce.verifier})
    check(answer.status in (400, 401), "a secret that it cannot have", answer)


def a_grant_that_the_client_has_not_is_refused(machine):
    refused(machine.web.token_request(grant_type="client_credentials"), "unauthorized_client")
    refused(machine.api.token_request(grant_type="refresh_token", refresh_token="x"), "unauthorized_client")
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "CLIENT_CREDENTIALS", "x" * 2000):
        refused(machine.web.token_request(grant_type=grant, username="martin", password=PASSWORD), "unsupported_grant_type")
    check(machine.web.token_request(code="x").json["error"] == "invalid_request")
    tokens = machine.plain.exchange(code_of(machine, machine.plain)).json
    check("refresh_token" not in tokens, tokens)


def a_refresh_token_of_another_client_is_refused_and_not_used_up(machine):
    app = machine.web
    token = app.exchange(code_of(machine, app)).json["refresh_token"]
    refused(machine.other.refresh(token), "invalid_grant")
    refused(machine.mobile.refresh(token), "invalid_grant")
    refused(machine.post.refresh(token), "invalid_grant")
    equal(app.refresh(token).status, 200)


def a_reused_refresh_token_of_a_public_client_ends_the_family(machine):
    app = machine.mobile
    first = app.exchange(code_of(machine, app)).json
    second = app.refresh(first["refresh_token"]).json
    refused(app.refresh(first["refresh_token"]), "invalid_grant")
    refused(app.refresh(second["refresh_token"]), "invalid_grant")
    equal(machine.api.active(second["access_token"]), False)


def a_reused_refresh_token_whose_successor_was_used_ends_the_family(machine):
    app = machine.web
    first = app.exchange(code_of(machine, app)).json
    second = app.refresh(first["refresh_token"]).json
    third = app.refresh(second["refresh_token"]).json
    refused(app.refresh(first["refresh_token"]), "invalid_grant")
    refused(app.refresh(third["refresh_token"]), "invalid_grant")
    equal(machine.api.active(third["access_token"]), False)


def truncated_tokens_are_refused(machine):
    app = machine.web
    tokens = app.exchange(code_of(machine, app)).json
    access = tokens["access_token"]
    for bad in (access[:-1], access[:-4], access[:20], access + "A", access + "=", access.swapcase(), "", "A" * len(access),
                access[:-1] + "%00", tokens["refresh_token"], access + " x"):
        check(app.userinfo(bad).status in (400, 401), bad)
        equal(machine.api.introspect(bad)["active"] if bad and bad != tokens["refresh_token"] else False, False, bad)
    for bad in (tokens["refresh_token"][:-1], tokens["refresh_token"] + "A", access):
        refused(app.refresh(bad), "invalid_grant")
    equal((app.userinfo(access).status, app.refresh(tokens["refresh_token"]).status), (200, 200))


def an_access_token_in_the_address_is_refused(machine):
    access = machine.shared[3]["access_token"]
    wire = machine.web.wire
    check(wire.get("/oauth2/userinfo?access_token=" + access).status in (400, 401))
    check(wire.request("GET", "/oauth2/userinfo?access_token=" + access, headers={"Authorization": "Bearer " + access}).status
          in (200, 400), "beside the header")
    answer = wire.get("/oauth2/userinfo")
    equal(answer.status, 401)
    matches("^Bearer", answer.header("www-authenticate"))
    for value in ("Bearer", "Bearer ", "Basic " + access, access, "Bearer  " + access + " x", "bearer" + access):
        check(wire.get("/oauth2/userinfo", Authorization=value).status in (400, 401), value)


def other_methods_and_bodies_are_refused(machine):
    wire = machine.web.wire
    for path in ("token", "introspect", "revoke"):
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = wire.request(method, "/oauth2/" + path)
            check(answer.status in (404, 405), method, path, answer)
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=utf-16"):
        fields, headers = machine.web.authenticated({"grant_type": "client_credentials"})
        answer = wire.request("POST", "/oauth2/token", urllib.parse.urlencode(fields), {**headers, "Content-Type": kind})
        check(answer.status in (400, 415), kind, answer)
    for path in ("/", "/etc/passwd", "/oauth2/../login", "/oauth2/token/", "//oauth2/token", "/OAUTH2/TOKEN", "/%2e%2e/x", "/login"):
        answer = wire.get(path)
        check(answer.status in (400, 404, 405) and answer.location is None, path, answer)


def nobody_may_introspect_without_a_secret(machine):
    token = machine.shared[3]["access_token"]
    for answer in (machine.api.post("introspect", {"token": token}, secret="wrong"),
                   machine.web.wire.request("POST", "/oauth2/introspect", {"token": token})):
        equal(answer.status, 401, answer)
        check("active" not in answer.json, answer)
    answer = machine.mobile.post("introspect", {"token": token})
    check(answer.status in (400, 401) or answer.json == {"active": False}, "a public client", answer)
    refused(machine.api.post("introspect", {}), "invalid_request")


rig.run([
    an_unregistered_redirect_uri_is_an_error_page, an_altered_redirect_uri_is_an_error_page, an_unknown_client_is_an_error_page,
    a_client_without_the_code_grant_gets_none, a_request_without_pkce_is_refused, plain_pkce_is_refused,
    a_malformed_challenge_is_refused, a_repeated_parameter_is_refused_everywhere, other_response_types_are_refused,
    requests_by_reference_are_refused, a_request_without_openid_or_with_foreign_scopes_gets_no_more_than_it_may,
    what_comes_back_is_encoded, a_name_that_is_html_stays_a_text, a_code_works_once_and_then_its_tokens_are_worthless,
    a_code_without_or_with_another_verifier_is_refused_and_not_used_up, a_verifier_without_challenge_gets_nothing,
    a_code_of_another_client_is_refused_and_not_used_up, a_code_with_another_redirect_uri_is_refused,
    what_is_no_code_is_refused, a_wrong_secret_is_refused, an_unknown_client_and_a_wrong_secret_are_answered_alike,
    a_public_client_gets_no_credentials_grant_and_needs_no_secret_to_fail, a_grant_that_the_client_has_not_is_refused,
    a_refresh_token_of_another_client_is_refused_and_not_used_up, a_reused_refresh_token_of_a_public_client_ends_the_family,
    a_reused_refresh_token_whose_successor_was_used_ends_the_family, truncated_tokens_are_refused,
    an_access_token_in_the_address_is_refused, other_methods_and_bodies_are_refused, nobody_may_introspect_without_a_secret,
    gateway.no_complaint_in_the_gateways_log,
], setup)
