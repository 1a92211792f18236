#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: how long a sign-in counts, and for whom.
 * a second application without a second sign-in; prompt=login, prompt=none, max_age, hints of others
 * logout, session revoke, a disabled person, a removed client: everything issued is worthless at once
 * keys rotate with overlap; a restart of the gateway or of the broker loses nothing; certificates are exchanged in flight
 * a code that was used at sshd is refused here, and the reverse
 * the acts are in the broker's audit trail, the numbers in the metrics; no privileges, a graceful end
"""
import os
import signal
import socket
import threading
import time

import gateway
import jose
import rig
from browser import Browser, Page
from gateway import refused, register, signed_in, walk
from rig import check, equal, matches, wait_until


def setup(machine):
    gateway.install(machine)
    machine.web = register(machine, "dossier")
    machine.post = register(machine, "imagerie", method="client_secret_post", algorithm="ES256")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read", "write"))
    machine.shared = signed_in(machine, machine.web)


def a_second_application_asks_nobody(machine):
    browser, _, _, tokens = machine.shared
    second = machine.post.tokens(browser.get(machine.post.authorize_url()))
    equal(second["claims"]["sub"], tokens["claims"]["sub"])
    equal((second["claims"]["auth_time"], second["claims"]["sid"]), (tokens["claims"]["auth_time"], tokens["claims"]["sid"]))


def prompt_none_works_when_signed_in_and_says_so_when_not(machine):
    app, browser = machine.web, machine.shared[0]
    app.tokens(browser.get(app.authorize_url(prompt="none")))
    equal(app.callback(Browser(machine.gateway.site).get(app.authorize_url(prompt="none"))).get("error"), "login_required")
    equal(app.callback(browser.get(app.authorize_url(prompt="none login"))).get("error"), "invalid_request")
    hint = machine.shared[3]["id_token"]
    app.tokens(browser.get(app.authorize_url(prompt="none", id_token_hint=hint)))


def prompt_login_and_max_age_ask_again(machine):
    app = machine.web
    browser, login, token, tokens = signed_in(machine, app)
    app.tokens(browser.get(app.authorize_url(max_age="10000")))
    cookies = dict(browser.cookies)
    time.sleep(1.1)  # auth_time counts in seconds
    again = app.tokens(walk(browser, app.authorize_url(prompt="login"), login, token.next))
    check(again["claims"]["auth_time"] > tokens["claims"]["auth_time"], again["claims"])
    equal(again["claims"]["sub"], tokens["claims"]["sub"])
    check(cookies["__Host-hc_session"] != browser.cookies["__Host-hc_session"], "a new session id at each sign-in")
    time.sleep(1.1)
    equal(app.callback(browser.get(app.authorize_url(max_age="1", prompt="none"))).get("error"), "login_required")
    older = app.tokens(walk(browser, app.authorize_url(max_age="1"), login, token.next))
    check(older["claims"]["auth_time"] > again["claims"]["auth_time"], older["claims"])
    equal(browser.get(app.authorize_url(max_age="0")).status, 200, "asks")


def another_person_at_the_same_browser_ends_the_first_ones_session(machine):
    app = machine.web
    browser, _, _, tokens = signed_in(machine, app)
    login, token = machine.people.next()
    others = app.tokens(walk(browser, app.authorize_url(prompt="login"), login, token.next))
    check(others["claims"]["sub"] != tokens["claims"]["sub"] and others["claims"]["sid"] != tokens["claims"]["sid"], others)
    equal((machine.api.active(tokens["access_token"]), machine.api.active(others["access_token"])), (False, True))
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant")


def an_id_token_hint_of_somebody_else_is_no_sign_in(machine):
    app = machine.web
    browser, _, _, _ = signed_in(machine, app)
    hint = machine.shared[3]["id_token"]
    equal(app.callback(browser.get(app.authorize_url(prompt="none", id_token_hint=hint))).get("error"), "login_required")


def logout_ends_the_session_and_its_tokens(machine):
    app = machine.web
    browser, _, _, tokens = signed_in(machine, app)
    other = machine.post.tokens(browser.get(machine.post.authorize_url()))
    url = app.logout_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri="https://dossier.test/bye", state="xyz 1")
    reply = browser.get(url)
    if reply.status == 200:
        reply = browser.submit(reply)
    equal(reply.location, "https://dossier.test/bye?state=xyz%201".replace("%20", reply.location[-2:-1] if "+" in reply.location else "%20"))
    check("__Host-hc_session" not in browser.cookies, "the cookie is taken back")
    equal(app.callback(browser.get(app.authorize_url(prompt="none"))).get("error"), "login_required")
    for token in (tokens["access_token"], tokens["refresh_token"], other["access_token"]):
        equal(machine.api.active(token), False, "all of the session's")
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant")
    equal(app.userinfo(tokens["access_token"]).status, 401)


def logout_without_a_hint_asks_first(machine):
    app = machine.web
    browser, _, _, tokens = signed_in(machine, app)
    reply = browser.get(app.logout_url())
    equal(reply.status, 200)
    check(Page(reply).forms, "asks", reply)
    equal(machine.api.active(tokens["access_token"]), True, "a link alone ends nothing")
    reply = browser.submit(reply)
    equal(reply.status, 200, "says that it is done")
    equal(machine.api.active(tokens["access_token"]), False)
    again = browser.get(app.logout_url())
    equal(again.status, 200, "once more is no error")


def a_revoked_session_ends_at_once(machine):
    app = machine.web
    browser, login, _, tokens = signed_in(machine, app)
    found = [row for row in gateway.sessions(machine) if login in (row.get("login"), row.get("user"))]
    equal(len(found), 1, gateway.sessions(machine))
    name = found[0].get("sid") or found[0].get("id")
    machine.admin("session", "revoke", str(name))
    equal(machine.api.active(tokens["access_token"]), False)
    equal(app.callback(browser.get(app.authorize_url(prompt="none"))).get("error"), "login_required")
    equal([row for row in gateway.sessions(machine) if login in (row.get("login"), row.get("user"))], [])


def a_disabled_person_is_out_at_once(machine):
    app = machine.web
    browser, login, token, tokens = signed_in(machine, app)
    machine.ctl("user", "disable", login)
    wait_until(lambda: not machine.api.active(tokens["access_token"]), "the access token dies", 2)
    equal(app.userinfo(tokens["access_token"]).status, 401)
    refused(app.refresh(tokens["refresh_token"]), "invalid_grant")
    equal(app.callback(browser.get(app.authorize_url(prompt="none"))).get("error"), "login_required")
    reply = walk(browser, app.authorize_url(), login, token.code_again)
    equal(reply.status, 200, "no new one either")
    machine.ctl("user", "enable", login)
    app.tokens(walk(browser, app.authorize_url(), login, token.next))


def a_removed_client_is_worth_nothing(machine):
    app = register(machine, "passager")
    tokens = app.tokens(machine.shared[0].get(app.authorize_url()))
    equal([row["client_id"] for row in gateway.rows(machine.admin("client", "list")) if row["client_id"] == app.id], [app.id])
    secret = machine.admin("client", "rotate-secret", app.id)["client_secret"]
    refused(app.refresh(tokens["refresh_token"]), "invalid_client", 401)
    app.secret = secret
    tokens = app.refresh(tokens["refresh_token"]).json
    machine.admin("client", "remove", app.id)
    equal(machine.api.active(tokens["access_token"]), False)
    refused(app.refresh(tokens["refresh_token"]), "invalid_client", 401)
    reply = machine.shared[0].get(app.authorize_url())
    check(reply.status == 400 and reply.location is None, reply)


def a_new_key_signs_and_the_old_one_stays_in_view(machine):
    app, browser = machine.web, machine.shared[0]
    before = machine.gateway.jwks
    old = app.tokens(browser.get(app.authorize_url()))
    machine.admin("key", "rotate")
    after = machine.gateway.jwks
    kept = jose.parts(app.tokens(browser.get(app.authorize_url()))["id_token"])[0]["kid"]
    check(kept in {key["kid"] for key in before["keys"]}, "it signs once everybody may have seen it")
    machine.admin("key", "rotate", "--now")
    after = machine.gateway.jwks
    check({key["kid"] for key in before["keys"]} < {key["kid"] for key in after["keys"]}, "what was signed can be verified")
    check({key["kid"] for key in before["keys"]} < {key["kid"] for key in after["keys"]}, "overlap:", before, after)
    jose.verify(old["id_token"], after, "RS256")

    def signs_anew():
        tokens = app.tokens(browser.get(app.authorize_url()))
        return jose.parts(tokens["id_token"])[0]["kid"] not in {key["kid"] for key in before["keys"]}
    wait_until(signs_anew, "the new key signs", 3)
    listed = gateway.rows(machine.admin("key", "list"))
    equal({row["kid"] for row in listed}, {key["kid"] for key in after["keys"]})


def all_of_it_outlives_a_restart(machine):
    app, browser = machine.web, machine.shared[0]
    tokens = app.tokens(browser.get(app.authorize_url()))
    keys = machine.gateway.jwks
    machine.gateway.restart()
    equal(machine.gateway.jwks, keys)
    equal(machine.api.active(tokens["access_token"]), True)
    app.tokens(browser.get(app.authorize_url(prompt="none")))
    equal(app.refresh(tokens["refresh_token"]).status, 200)


def a_code_of_the_phone_serves_one_side_only(machine):
    app = machine.web
    machine.start_sshd()
    login, _ = machine.people.next()
    token = machine.totp(login)
    rig.settle(8)
    code = token.code()
    passed, shown = machine.ssh_code(login, code)
    check(passed, shown)
    reply = walk(Browser(machine.gateway.site), app.authorize_url(), login, code)
    equal(reply.status, 200, "used at sshd", reply)
    check(Page(reply).alerts)
    code = token.code(1)
    app.tokens(walk(Browser(machine.gateway.site), app.authorize_url(), login, code))
    with machine.ssh(login) as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.send(code)
        terminal.expect("HC-20[12]")


def the_broker_may_leave_and_come_back(machine):
    app, browser = machine.web, machine.shared[0]
    tokens = app.tokens(browser.get(app.authorize_url()))
    machine.broker.restart()
    wait_until(lambda: app.userinfo(tokens["access_token"]).status == 200, "the link is back", 5)
    signed_in(machine, app)


def the_trail_names_the_applications(machine):
    wait_until(lambda: any(row["event"] == "application" for row in machine.audit()), "records arrive", 5)
    events = {row["event"] for row in machine.audit()}
    check({"application", "client-add", "client-remove", "client-secret", "key-rotate", "session-end"} <= events, events)
    check({"logout"} & events, events)
    machine.ctl("audit", "verify")


def health_and_metrics_are_told(machine):
    equal(machine.gateway.monitor("/healthz")[0], 200)
    wait_until(lambda: machine.gateway.monitor("/readyz")[0] == 200, "the broker tells of changes again", 10)
    status, text = machine.gateway.monitor("/metrics")
    equal(status, 200)
    matches(r"(?m)^# TYPE hospiconnect_gateway_sign_ins_total counter$", text)
    check(machine.gateway.metric("sign_ins_total", outcome="ok") >= 1, text)
    check(machine.gateway.metric("tokens_total", grant="authorization_code") >= 1, text)
    check(rig.PEOPLE[0] not in text, "no names in metrics")
    equal(machine.gateway.wire().get("/metrics").status, 404, "not at the public listener")


def the_certificate_is_exchanged_while_it_serves(machine):
    wire = machine.gateway.wire()
    equal(wire.get(gateway.WELL_KNOWN).status, 200)
    serial = served_serial(machine)
    os.rename(gateway.FOLDER + "/server.pem", gateway.FOLDER + "/old.pem")
    gateway.make_certificate()
    machine.gateway.signal(signal.SIGHUP)
    wait_until(lambda: served_serial(machine) != serial, "the new certificate is served", 5)
    equal(wire.get(gateway.WELL_KNOWN).status, 200, "who was connected stays so")


def served_serial(machine):
    with socket.create_connection(("127.0.0.1", gateway.PORT), timeout=10) as plain:
        with machine.gateway.site.context.wrap_socket(plain, server_hostname=gateway.HOST) as wrapped:
            return wrapped.getpeercert()["serialNumber"]


def it_runs_without_privileges(machine):
    with open(f"/proc/{machine.gateway.process.pid}/status", encoding="ascii") as status:
        facts = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    equal((facts["Uid"].split(), facts["Groups"].split()), ([str(gateway.UID)] * 4, [str(gateway.UID)]), facts)
    equal((facts["CapEff"], facts["CapPrm"], facts["NoNewPrivs"]), ("0" * 16, "0" * 16, "1"), facts)


def a_page_from_before_a_restart_is_asked_again(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    first = browser.get(app.authorize_url())
    second = browser.submit(first, username=login, password=rig.PASSWORD)
    machine.gateway.restart()
    for page, typed in ((first, {"username": login, "password": rig.PASSWORD}), (second, {"code": token.code_again()})):
        reply = browser.submit(page, **typed)
        check(reply.status in (200, 400, 403) and reply.location is None and Page(reply).text, reply)
    app.tokens(walk(browser, app.authorize_url(), login, token.next))


def an_issuer_with_a_path_has_everything_below_it(machine):
    plain = machine.gateway.issuer
    machine.gateway.issuer = plain + "/sso"
    machine.gateway.configure(gateway__issuer=machine.gateway.issuer)
    machine.gateway.restart()
    app, api = machine.web, machine.api
    equal(machine.gateway.metadata["token_endpoint"], plain + "/sso/oauth2/token")
    equal(machine.gateway.wire().get(gateway.WELL_KNOWN).status, 404, "nothing beside it")
    browser, _, _, tokens = signed_in(machine, app)
    equal(api.active(app.refresh(tokens["refresh_token"]).json["access_token"]), True)
    reply = browser.get(app.logout_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri="https://dossier.test/bye"))
    equal((reply if reply.location else browser.submit(reply)).location, "https://dossier.test/bye")
    machine.gateway.issuer = plain
    machine.gateway.configure(gateway__issuer=plain)
    machine.gateway.restart()


def it_stops_with_grace(machine):
    """A sign-in whose verdict is on its way is finished; the broker takes its second for a wrong code."""
    app = machine.web
    login, token = machine.people.next()
    browser, replies = Browser(machine.gateway.site), []
    second = browser.submit(browser.get(app.authorize_url()), username=login, password=rig.PASSWORD)
    waiting = threading.Thread(target=lambda: replies.append(browser.submit(second, code=token.wrong())))
    begin = time.monotonic()
    waiting.start()
    time.sleep(0.2)
    machine.gateway.stop()
    waiting.join(10)
    check(time.monotonic() - begin > 0.5, "the verdict came at once: nothing was on its way")
    equal([reply.status for reply in replies], [200], "answered before the end")
    check(Page(replies[0]).alerts, replies)
    check(socket.socket().connect_ex(("127.0.0.1", gateway.PORT)) != 0, "nobody listens any more")
    machine.gateway.start()


rig.run([
    a_second_application_asks_nobody, prompt_none_works_when_signed_in_and_says_so_when_not, prompt_login_and_max_age_ask_again,
    another_person_at_the_same_browser_ends_the_first_ones_session, an_id_token_hint_of_somebody_else_is_no_sign_in, logout_ends_the_session_and_its_tokens, logout_without_a_hint_asks_first,
    a_revoked_session_ends_at_once, a_disabled_person_is_out_at_once, a_removed_client_is_worth_nothing,
    a_new_key_signs_and_the_old_one_stays_in_view, all_of_it_outlives_a_restart, a_code_of_the_phone_serves_one_side_only,
    the_broker_may_leave_and_come_back, the_trail_names_the_applications, health_and_metrics_are_told,
    the_certificate_is_exchanged_while_it_serves, it_runs_without_privileges,
    a_page_from_before_a_restart_is_asked_again, an_issuer_with_a_path_has_everything_below_it, it_stops_with_grace,
    gateway.no_complaint_in_the_gateways_log,
], setup)
