#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: how somebody could be signed in who is not the one, and is not.
 * hints that we did not sign; open redirects; login CSRF; session fixation; pages taken over by another browser
 * broker away or hung: a page with HC-101, never a sign-in, and nobody else waits
 * unknown person, wrong password, wrong code: one page, in the same time (HC_TIMING_TRIES of each)
 * what has expired
"""
import hashlib
import hmac
import json
import os
import random
import re
import signal
import statistics
import struct
import threading
import time

import gateway
import jose
import rig
from browser import Browser, Page
from gateway import code_of, refused, register, signed_in, walk
from rig import PASSWORD, check, equal, matches, wait_until

TRIES = int(os.environ.get("HC_TIMING_TRIES", "200"))


def setup(machine):
    gateway.install(machine)
    machine.web = register(machine, "dossier")
    machine.other = register(machine, "autre")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read",))
    machine.shared = signed_in(machine, machine.web)
    machine.browser = machine.shared[0]


# ---- hints, redirects, cookies -------------------------------------------------------------------

def hints(machine):
    """Tokens that say they are ours, and are not."""
    good = machine.shared[3]["id_token"]
    header, claims, _, _ = jose.parts(good)
    head, body, signature = good.split(".")
    changed = jose.encode(os.urandom(256))
    forged = body[:-6] + ("A" if body[-6] != "A" else "B") + body[-5:]
    return {"alg none": jose.unsigned(claims), "alg none with kid": jose.encode(b'{"alg":"none","kid":"%s"}' % header["kid"].encode()) + "." + body + ".",
            "foreign key": jose.foreign(claims, header["kid"]), "other signature": f"{head}.{body}.{changed}",
            "no signature": f"{head}.{body}.", "changed claims": f"{head}.{forged}.{signature}", "nonsense": "x.y.z", "empty": "",
            "HMAC with the public key": hmac_forged(machine, claims, header["kid"]), "four parts": good + ".x"}


def hmac_forged(machine, claims, kid):
    key = json.dumps(next(key for key in machine.gateway.jwks["keys"] if key["kid"] == kid)).encode()
    head = jose.encode(json.dumps({"alg": "HS256", "kid": kid}).encode())
    signed = head + "." + jose.encode(json.dumps(claims).encode())
    return signed + "." + jose.encode(hmac.new(key, signed.encode(), hashlib.sha256).digest())


def a_hint_that_we_did_not_sign_is_refused_at_authorize(machine):
    app = machine.web
    for kind, hint in hints(machine).items():
        reply = machine.browser.get(app.authorize_url(prompt="none", id_token_hint=hint))
        if kind == "empty":
            continue
        parameters = app.callback(reply)
        check(parameters.get("error") in ("invalid_request", "login_required") and "code" not in parameters, kind, reply.location)


def a_hint_that_we_did_not_sign_leads_nowhere_at_logout(machine):
    app = machine.web
    for kind, hint in hints(machine).items():
        reply = machine.browser.get(app.logout_url(id_token_hint=hint, post_logout_redirect_uri="https://dossier.test/bye"))
        equal(reply.location, None, kind)
    equal(machine.api.active(machine.shared[3]["access_token"]), True, "and ends nothing")


def logout_redirects_to_registered_addresses_only(machine):
    app, good = machine.web, machine.shared[3]["id_token"]
    for uri in ("https://evil.test/", "https://dossier.test/bye?x=1", "https://dossier.test/bye/", "https://dossier.test/cb",
                "//evil.test", "javascript:alert(1)", "https://autre.test/bye", "https://dossier.test/bye#x"):
        reply = machine.browser.get(app.logout_url(id_token_hint=good, post_logout_redirect_uri=uri))
        equal(reply.location, None, uri)
        check(uri not in [link for link in Page(reply).links], "not as a link either")
    reply = machine.browser.get(app.logout_url(post_logout_redirect_uri="https://dossier.test/bye"))
    equal(reply.location, None, "without a hint nobody knows whose address it is")
    reply = machine.browser.get(app.logout_url(id_token_hint=good, client_id=machine.other.id, post_logout_redirect_uri="https://autre.test/bye"))
    equal(reply.location, None, "a client that the hint is not for")
    equal(machine.api.active(machine.shared[3]["access_token"]), True)


def an_expired_session_cookie_or_a_false_one_is_no_session(machine):
    app = machine.web
    value = machine.browser.cookies["__Host-hc_session"]
    for bad in (value[:-1], value + "A", value.swapcase(), "A" * len(value), "", "x" * 4000, value + "; __Host-hc_session=" + value):
        stranger = Browser(machine.gateway.site)
        stranger.cookies["__Host-hc_session"] = bad
        reply = stranger.get(app.authorize_url(prompt="none"))
        check(reply.status in (400, 431) or app.callback(reply).get("error") == "login_required", bad, reply)


def a_form_from_elsewhere_signs_nobody_in(machine):
    """Login CSRF: the attacker's own form, with the attacker's password and code, posted by the victim's browser."""
    app = machine.web
    login, token = machine.people.next()
    attacker, victim = Browser(machine.gateway.site), Browser(machine.gateway.site)
    fields = Page(attacker.get(app.authorize_url())).form["fields"]
    for prepared in (False, True):
        if prepared:
            victim.get(app.authorize_url())  # has a login cookie of its own
        reply = victim.post(machine.gateway.issuer + "/login", {**fields, "username": login, "password": PASSWORD})
        check(reply.status in (400, 403) or "code" not in Page(reply).form["fields"], reply)
    second = attacker.submit(attacker.get(app.authorize_url()), username=login, password=PASSWORD)
    fields = {**Page(second).form["fields"], "code": token.code_again()}
    reply = victim.post(machine.gateway.issuer + "/login", fields)
    check(reply.location is None, "the code page of another browser", reply)
    own = Page(victim.get(app.authorize_url())).form["fields"]
    conversation = Page(second).form["fields"]["conversation"]
    reply = victim.post(machine.gateway.issuer + "/login", {"request": own["request"], "conversation": conversation,
                                                            "code": token.code_again()}, origin=machine.gateway.issuer)
    check(reply.location is None, "its own request with the conversation of another browser", reply)
    check("__Host-hc_session" not in victim.cookies)
    app.tokens(attacker.submit(attacker.submit(attacker.get(app.authorize_url()), username=login, password=PASSWORD), code=token.next()))


def a_request_that_was_changed_on_the_page_is_refused(machine):
    app = machine.web
    browser = Browser(machine.gateway.site)
    first = browser.get(app.authorize_url())
    fields = Page(first).form["fields"]
    sealed = fields["request"]
    for bad in (sealed[:-1], sealed[:-4] + "AAAA", "", "A" * len(sealed), sealed * 2, sealed[1:], "\0"):
        reply = browser.post(machine.gateway.issuer + "/login", {**fields, "request": bad, "username": "martin", "password": "x"})
        check(reply.status in (400, 403), bad, reply)
        equal(reply.location, None)


def a_session_id_from_before_the_sign_in_is_worthless_after_it(machine):
    """Session fixation: what the attacker planted in the browser stays unknown to the gateway."""
    app = machine.web
    login, token = machine.people.next()
    planted = {"__Host-hc_session": machine.browser.cookies["__Host-hc_session"][:-3] + "AAA"}
    victim = Browser(machine.gateway.site)
    victim.cookies.update(planted)
    app.tokens(walk(victim, app.authorize_url(), login, token.next))
    check(victim.cookies["__Host-hc_session"] != planted["__Host-hc_session"])
    thief = Browser(machine.gateway.site)
    thief.cookies.update(planted)
    equal(app.callback(thief.get(app.authorize_url(prompt="none"))).get("error"), "login_required")
    before = dict(victim.cookies)
    app.tokens(walk(victim, app.authorize_url(prompt="login"), login, token.next))
    thief.cookies.update(before)
    check(victim.cookies["__Host-hc_session"] != before["__Host-hc_session"], "a new one at each sign-in")
    reply = thief.get(app.authorize_url(prompt="none"))
    equal(app.callback(reply).get("error"), "login_required", "and the one before is over")


def a_conversation_is_used_once(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    second = browser.submit(browser.get(app.authorize_url()), username=login, password=PASSWORD)
    app.tokens(browser.submit(second, code=token.next()))
    reply = browser.submit(second, code=token.next())
    equal(reply.location, None, "the page again, with the next code")


def tokens_are_never_in_an_address(machine):
    for reply in machine.browser.seen:
        check("access_token" not in (reply.location or "") and "id_token=" not in (reply.location or ""), reply.location)


# ---- the broker away or slow ---------------------------------------------------------------------

def without_the_broker_nobody_signs_in_and_is_told_so(machine):
    app = machine.web
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    first = browser.get(app.authorize_url())
    second = Browser(machine.gateway.site)
    opened = second.submit(second.get(app.authorize_url()), username=login, password=PASSWORD)
    machine.broker.stop()
    try:
        nobody_signs_in(machine, browser, first, second, opened, login, token)
    finally:
        machine.broker.start()
    wait_until(lambda: machine.gateway.monitor("/readyz")[0] == 200, "the link is back", 10)
    app.tokens(walk(Browser(machine.gateway.site), app.authorize_url(), login, token.next))


def nobody_signs_in(machine, browser, first, second, opened, login, token):
    for reply in (browser.submit(first, username=login, password=PASSWORD), second.submit(opened, code=token.code_again())):
        equal((reply.status, reply.location, reply.header("retry-after")), (503, None, "5"), reply)
        matches("HC-10[1-3]", Page(reply).text)
    check("HC-101" in Page(browser.submit(first, username=login, password=PASSWORD)).text)
    check("__Host-hc_session" not in {**browser.cookies, **second.cookies})
    equal(machine.gateway.wire().get(gateway.WELL_KNOWN).status, 200)
    check(machine.api.active(machine.shared[3]["access_token"]) in (True, False), "introspection answers from the store")
    answer = machine.web.refresh("A" * 52)
    check(answer.status in (400, 503), answer)
    check(machine.gateway.monitor("/readyz")[0] == 503 and machine.gateway.monitor("/healthz")[0] == 200, "ready says so")


def a_hung_broker_delays_nobody_else(machine):
    app = machine.web
    login, _ = machine.people.next()
    page = Browser(machine.gateway.site)
    first = page.get(app.authorize_url())
    wire, token = machine.gateway.wire(), app.exchange(code_of(machine, app)).json["access_token"]
    machine.broker.signal(signal.SIGSTOP)
    try:
        waits, replies = [], []
        hung = threading.Thread(target=lambda: replies.append(page.submit(first, username=login, password=PASSWORD)))
        hung.start()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            begin = time.monotonic()
            equal(wire.get(gateway.WELL_KNOWN).status, 200)
            equal(machine.api.active(token), True)
            waits.append(time.monotonic() - begin)
        check(sorted(waits)[-2] < 1 and statistics.median(waits) < 0.25, "delayed", sorted(waits)[-5:])
        hung.join(30)
        equal(len(replies), 1, "an answer comes")
        reply = replies[0]
        if reply.status == 200:  # the password is being looked at; the verdict is what is missing
            reply = page.submit(reply, code="123456")
        equal(reply.status, 503, reply)
        matches("HC-10[1-3]", Page(reply).text)
    finally:
        machine.broker.signal(signal.SIGCONT)
    wait_until(lambda: machine.gateway.monitor("/readyz")[0] == 200, "the link is back", 15)


def without_hc_password_nobody_signs_in(machine):
    app = machine.web
    login, token = machine.people.next()
    machine.helper.terminate()
    equal(machine.helper.wait(10), 0)
    reply = walk(Browser(machine.gateway.site), app.authorize_url(), login, token.code_again)
    equal((reply.status, reply.location), (503, None), reply)
    matches(r"HC-\d\d\d", Page(reply).text)
    gateway.start_helper(machine)
    app.tokens(walk(Browser(machine.gateway.site), app.authorize_url(), login, token.next))


def one_address_cannot_take_all_conversations(machine):
    app = machine.web
    login, token = machine.people.next()
    busy = 0
    for n in range(80):
        browser = Browser(machine.gateway.site, address="127.0.0.66", keep=False)
        reply = browser.submit(browser.get(app.authorize_url()), username=f"nobody{n}", password="x")
        busy += reply.status != 200
    check(busy >= 10, "a limit for an address", busy)
    app.tokens(walk(Browser(machine.gateway.site), app.authorize_url(), login, token.next))


# ---- what is not told ----------------------------------------------------------------------------

def attempt(machine, login, password, code, address="127.0.0.1", pause=0.0):
    """Both pages: (seconds of the second answer, the page that came)."""
    browser = Browser(machine.gateway.site, address=address)
    second = browser.submit(browser.get(machine.web.authorize_url()), username=login, password=password)
    equal(second.status, 200, second)
    time.sleep(pause)
    begin = time.monotonic()
    third = browser.submit(second, code=code)
    taken = time.monotonic() - begin
    browser.close()
    return taken, second, third


def look(page, login):
    """A page without what must differ."""
    text = re.sub(r'(name="(?:request|conversation)" value=)"[^"]*"', r"\1", page.text)
    text = re.sub(r'value="[A-Za-z0-9_-]{40,}"', "", text)
    return page.status, text.replace(login, "LOGIN"), sorted(name for name, _ in page.headers)


def unknown_person_wrong_password_and_wrong_code_look_the_same(machine):
    gateway.fresh_helper(machine)
    login, token = machine.people.next()
    off, off_token = machine.people.next()
    machine.ctl("user", "disable", off)
    seen = {}
    for kind, who, password, code in (("unknown", "nobody-here", "wrong", "123456"), ("password", login, "wrong", token.code_again()),
                                      ("code", login, PASSWORD, token.wrong()), ("root", "root", PASSWORD, "123456"),
                                      ("no code", login, PASSWORD, "not a code"), ("no name", "No Such Login!", "x", "123456"),
                                      ("disabled", off, PASSWORD, off_token.next()), ("empty", login, PASSWORD, "")):
        _, second, third = attempt(machine, who, password, code)
        equal(third.status, 200, kind, third)
        seen[kind] = (look(second, who), look(third, who))
    reference = seen.pop("password")
    for kind, both in seen.items():
        equal(both[0], reference[0], kind)
        if kind != "empty":
            equal(both[1], reference[1], kind)


def try_all_kinds(machine, people, taken):
    """Many at a time, the three kinds mixed, so that what else the machine does falls on all of them alike."""
    plan = []
    for n in range(TRIES):
        login = people[n % len(people)]
        plan += [("unknown", f"nobody{n % len(people)}", "wrong", "123456"), ("password", login, "wrong", "123456"),
                 ("code", login, PASSWORD, machine.people.tokens[login].wrong(n % 10))]
    random.Random(1).shuffle(plan)
    lock, problems = threading.Lock(), []
    share = 60  # within the limits of hc-password
    for begin in range(0, len(plan), share):
        gateway.fresh_helper(machine)
        for login in people:
            machine.ctl("lockout", "clear", login)
        waiting = list(enumerate(plan[begin:begin + share], begin))

        def work():
            while True:
                with lock:
                    if not waiting:
                        return
                    n, (kind, *row) = waiting.pop()
                try:
                    seconds, _, third = attempt(machine, *row, address=f"127.1.{n % 250}.{1 + n // 250}")
                    check(third.status == 200 and Page(third).alerts, kind, third)
                    with lock:
                        taken[kind].append(seconds)
                except Exception as problem:
                    problems.append(f"{kind} {row[0]}: {problem!r}")

        threads = [threading.Thread(target=work) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not problems, problems[:3])


def they_last_the_same(machine):
    known = list(machine.people.tokens)
    while machine.people.left:
        machine.people.next()
    people = [login for login in machine.people.tokens if login not in known[-1:]]
    taken = {"unknown": [], "password": [], "code": []}
    # a machine that does much else beside needs more tries until only a cause is left; a cause stays
    for _ in range(3):
        try_all_kinds(machine, people, taken)
        medians = {kind: statistics.median(values) for kind, values in taken.items()}
        print(f"       medians of {len(taken['code'])}: " + ", ".join(f"{kind} {1000 * value:.1f} ms" for kind, value in medians.items()))
        spread = (max(medians.values()) - min(medians.values())) / min(medians.values())
        if spread < (0.10 if TRIES >= 200 else 0.15):
            return
    check(False, "the cause shows in the time", medians)


# ---- what is over --------------------------------------------------------------------------------

def what_has_expired_is_refused(machine):
    """The gateway's clock goes on by itself: to the end of a code, an access token, an idle session, the session's life."""
    app, clock = machine.web, rig.WORK + "/shift"

    def shift(seconds):
        with open(clock, "r+b" if os.path.exists(clock) else "wb") as file:
            file.write(struct.pack("=q", seconds * 1000))

    shift(0)
    machine.gateway.restart(env={"LD_PRELOAD": rig.WORK + "/bin/shift_clock.so", "HC_BENCH_CLOCK": clock})
    login, token = next(iter(machine.people.tokens.items()))
    machine.ctl("lockout", "clear", login)
    gateway.fresh_helper(machine)
    browser = Browser(machine.gateway.site)
    tokens = app.tokens(walk(browser, app.authorize_url(), login, token.next))
    in_time, late = code_of_browser(app, browser), code_of_browser(app, browser)
    shift(58)
    equal(app.exchange(in_time[0], code_verifier=in_time[1]).status, 200, "two seconds before the end")
    shift(61)
    refused(app.exchange(late[0], code_verifier=late[1]), "invalid_grant")
    equal(app.userinfo(tokens["access_token"]).status, 200)
    page = Browser(machine.gateway.site)
    opened = page.get(app.authorize_url())
    shift(302)
    equal(app.userinfo(tokens["access_token"]).status, 401)
    equal(machine.api.active(tokens["access_token"]), False)
    tokens = app.refresh(tokens["refresh_token"]).json
    shift(302 + 15 * 60)
    reply = page.submit(opened, username=login, password=PASSWORD)
    check(reply.location is None and "code" not in Page(reply).forms[0]["fields"] if Page(reply).forms else True, "a page of a quarter of an hour ago", reply)
    shift(302 + 31 * 60)
    equal(app.callback(browser.get(app.authorize_url(prompt="none"))).get("error"), "login_required", "idle")
    answer = app.refresh(tokens["refresh_token"])
    equal(answer.status, 200, "a refresh token outlives idleness", answer)
    last = answer.json
    shift(8 * 3600 + 5)
    refused(app.refresh(last["refresh_token"]), "invalid_grant")
    equal([row for row in gateway.sessions(machine) if login in row.values()], [], "its life is over")


def code_of_browser(app, browser):
    code = app.code(browser.get(app.authorize_url()))
    return code, app.pkce.verifier


rig.run([
    a_hint_that_we_did_not_sign_is_refused_at_authorize, a_hint_that_we_did_not_sign_leads_nowhere_at_logout,
    logout_redirects_to_registered_addresses_only, an_expired_session_cookie_or_a_false_one_is_no_session,
    a_form_from_elsewhere_signs_nobody_in, a_request_that_was_changed_on_the_page_is_refused,
    a_session_id_from_before_the_sign_in_is_worthless_after_it, a_conversation_is_used_once, tokens_are_never_in_an_address,
    without_the_broker_nobody_signs_in_and_is_told_so, a_hung_broker_delays_nobody_else, without_hc_password_nobody_signs_in,
    one_address_cannot_take_all_conversations, unknown_person_wrong_password_and_wrong_code_look_the_same, they_last_the_same,
    what_has_expired_is_refused, gateway.no_complaint_in_the_gateways_log,
], setup)
