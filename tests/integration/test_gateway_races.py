#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what happens once happens once, however many ask for it at the same moment, on all threads of the gateway.
 * fifty requests with one code: one gets tokens, and because the others came too, they are worthless
 * fifty with one refresh token: one successor at most stays valid, for a public and for a confidential client
 * fifty times the same second page: one session; one code of a phone in many conversations: one sign-in
 * a session that is revoked, a grant that is used: nothing issued in the meantime survives
Each request is written whole to a connection of its own that was opened before.
"""
import os
import re
import urllib.parse

import gateway
import jose
import rig
from browser import Browser, Page
from gateway import register, signed_in
from rig import PASSWORD, check, equal

AT_ONCE = 50
ROUNDS = int(os.environ.get("HC_RACE_ROUNDS", "10"))


def setup(machine):
    gateway.install(machine, gateway__threads=4)
    machine.web = register(machine, "dossier")
    machine.mobile = register(machine, "mobile", method="none")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read",))
    machine.shared = signed_in(machine, machine.web)


def connections(machine, count=AT_ONCE):
    made = []
    for n in range(count):
        plain = rig.socket.create_connection(("127.0.0.1", gateway.PORT), timeout=20, source_address=(f"127.0.2.{1 + n}", 0))
        plain.setsockopt(rig.socket.IPPROTO_TCP, rig.socket.TCP_NODELAY, 1)
        made.append(machine.gateway.site.context.wrap_socket(plain, server_hostname=gateway.HOST))
    return made


def packet(path, fields, headers, cookies=None):
    body = urllib.parse.urlencode(fields).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {gateway.HOST}:{gateway.PORT}", "Content-Type: application/x-www-form-urlencoded",
             f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if cookies:
        lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def all_at_once(machine, packets):
    """(status, head, body) of each, in the order of the packets."""
    open_ones = connections(machine, len(packets))
    for connection, data in zip(open_ones, packets):
        connection.sendall(data)
    answers = []
    for connection in open_ones:
        got = b""
        while piece := connection.recv(65536):
            got += piece
        connection.close()
        head, _, body = got.partition(b"\r\n\r\n")
        answers.append((int(head.split()[1]), head.decode(), body.decode()))
    return answers


def token_packet(app, **fields):
    fields, headers = app.authenticated(fields)
    return packet("/oauth2/token", fields, headers)


def tally(answers):
    result = {}
    for status, _, body in answers:
        word = status if status != 400 else re.search(r'"error":\s*"(\w+)"', body)[1]
        result[word] = result.get(word, 0) + 1
    return result


def member(body, name):
    return re.search(rf'"{name}":\s*"([^"]+)"', body)[1]


def fifty_with_one_code_make_one_grant(machine):
    for _ in range(ROUNDS):
        app = machine.web
        code = app.code(machine.shared[0].get(app.authorize_url()))
        answers = all_at_once(machine, [token_packet(app, grant_type="authorization_code", code=code, redirect_uri=app.redirect_uri,
                                                     code_verifier=app.pkce.verifier)] * AT_ONCE)
        equal(tally(answers), {200: 1, "invalid_grant": AT_ONCE - 1})
        body = next(body for status, _, body in answers if status == 200)
        equal((machine.api.active(member(body, "access_token")), machine.api.active(member(body, "refresh_token"))),
              (False, False), "used twice: worthless")


def fifty_with_one_refresh_token_leave_one_successor_at_most(machine):
    for app in (machine.mobile, machine.web):
        outcomes = set()
        for _ in range(ROUNDS):
            code = app.code(machine.shared[0].get(app.authorize_url()))
            token = app.exchange(code).json["refresh_token"]
            answers = all_at_once(machine, [token_packet(app, grant_type="refresh_token", refresh_token=token)] * AT_ONCE)
            successors = [member(body, "refresh_token") for status, _, body in answers if status == 200]
            equal(set(tally(answers)) - {200, "invalid_grant"}, set(), tally(answers))
            check(len(successors) >= 1 and len(set(successors)) == len(successors), tally(answers))
            living = [successor for successor in successors if machine.api.active(successor)]
            check(len(living) <= 1, "more than one successor lives", len(living), tally(answers))
            works = sum(app.refresh(successor).status == 200 for successor in living + successors[:3])
            check(works <= 1, "more than one successor could be used", works)
            outcomes.add((len(successors), len(living)))
            equal(machine.api.active(token), False)
        if app is machine.mobile:
            equal(outcomes, {(1, 0)}, "a public client: one, and reuse ends the family")
        print(f"       {app.method}: (successors, living) {sorted(outcomes)}")


def fifty_times_the_same_page_make_one_session(machine):
    app = machine.web
    for _ in range(3):
        login, token = machine.people.next()
        browser = Browser(machine.gateway.site)
        second = browser.submit(browser.get(app.authorize_url()), username=login, password=PASSWORD)
        fields = {**Page(second).form["fields"], "code": token.next()}
        answers = all_at_once(machine, [packet("/login", fields, {}, browser.cookies)] * AT_ONCE)
        led = [head for status, head, _ in answers if status == 303]
        check(len(led) <= 1, "more than one sign-in", [row[0] for row in answers])
        codes = {re.search(r"[?&]code=([^&\s]+)", head)[1] for head in led}
        equal(len(codes), 1, "nobody got in", [row[0] for row in answers])
        rows = [row for row in gateway.sessions(machine) if login in row.values()]
        equal(len(rows), 1, rows)


def one_code_of_the_phone_in_many_conversations_signs_in_once(machine):
    app = machine.web
    login, token = machine.people.next()
    gateway.fresh_helper(machine)
    packets, code = [], token.next()
    for n in range(8):
        browser = Browser(machine.gateway.site, address=f"127.0.3.{1 + n}")
        second = browser.submit(browser.get(app.authorize_url()), username=login, password=PASSWORD)
        equal(second.status, 200, second)
        packets.append(packet("/login", {**Page(second).form["fields"], "code": code}, {}, browser.cookies))
    answers = all_at_once(machine, packets)
    equal(sum(status == 303 for status, _, _ in answers), 1, [row[0] for row in answers])


def a_session_that_ends_takes_what_is_being_issued_with_it(machine):
    """Half redeem codes of a session, while it is revoked."""
    app = machine.web
    for _ in range(3):
        browser, login, _, _ = signed_in(machine, app)
        packets = []
        for _ in range(20):
            code = app.code(browser.get(app.authorize_url()))
            packets.append(token_packet(app, grant_type="authorization_code", code=code, redirect_uri=app.redirect_uri,
                                        code_verifier=app.pkce.verifier))
        url = app.logout_url()
        page = browser.get(url)
        form = Page(page).form
        target = urllib.parse.urlsplit(urllib.parse.urljoin(page.url, form["action"])).path
        packets.insert(10, packet(target, form["fields"], {}, browser.cookies))
        answers = all_at_once(machine, packets)
        issued = [member(body, "access_token") for status, _, body in answers if status == 200 and "access_token" in body]
        equal([token for token in issued if machine.api.active(token)], [], f"{len(issued)} were issued")
        rows = [row for row in gateway.sessions(machine) if login in row.values()]
        equal(rows, [])


def many_applications_at_once_each_get_their_own(machine):
    app, packets, nonces = machine.web, [], []
    for _ in range(AT_ONCE):
        code = app.code(machine.shared[0].get(app.authorize_url()))
        nonces.append(app.nonce)
        packets.append(token_packet(app, grant_type="authorization_code", code=code, redirect_uri=app.redirect_uri,
                                    code_verifier=app.pkce.verifier))
    answers = all_at_once(machine, packets)
    equal(tally(answers), {200: AT_ONCE})
    equal([jose.parts(member(body, "id_token"))[1]["nonce"] for _, _, body in answers], nonces)
    equal(len({member(body, "access_token") for _, _, body in answers}), AT_ONCE)


rig.run([fifty_with_one_code_make_one_grant, fifty_with_one_refresh_token_leave_one_successor_at_most,
         fifty_times_the_same_page_make_one_session, one_code_of_the_phone_in_many_conversations_signs_in_once,
         a_session_that_ends_takes_what_is_being_issued_with_it, many_applications_at_once_each_get_their_own,
         gateway.no_complaint_in_the_gateways_log], setup)
