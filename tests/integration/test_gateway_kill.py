#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: kill -9 of the gateway at random points of the token path, a new start, and the same again.
 * a code that gave tokens gives none after the restart; one that gave no answer gives tokens once at most
 * a refresh token that was answered is used up, its successor is there; one that was not is good once at most
 * what was answered is there: tokens are active, codes can be redeemed; what was revoked stays so
 * the store is whole, keys and sessions are the same
The store lies on a journalling file system, so that a sync takes its time and kills fall into it.

The seed of the random numbers is printed; HC_KILL_SEED repeats a run, HC_GATEWAY_KILLS changes the number.
"""
import collections
import os
import random
import re
import subprocess
import threading
import time

import gateway
import rig
from gateway import register, signed_in
from rig import check, equal

ROUNDS = int(os.environ.get("HC_GATEWAY_KILLS", "200"))
SEED = int(os.environ.get("HC_KILL_SEED", time.time_ns() & 0xffffffff))


def setup(machine):
    machine.random = random.Random(SEED)
    gateway.install(machine, start=False)
    machine.mount_disk(machine.gateway.state_dir)
    os.chown(machine.gateway.state_dir, gateway.UID, gateway.UID)
    os.chmod(machine.gateway.state_dir, 0o700)
    machine.gateway.configure(gateway__log_level="warning")
    machine.gateway.start()
    machine.app = register(machine, "mobile", method="none")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read",))
    machine.browser = signed_in(machine, machine.app)[0]
    machine.keys = machine.gateway.jwks
    machine.tally = collections.Counter()
    print(f"seed {SEED}, {ROUNDS} rounds")


def fresh_tokens(machine):
    app = machine.app
    return app.exchange(app.code(machine.browser.get(app.authorize_url()))).json


def usual(act):
    """How long such a request takes here."""
    took = []
    for _ in range(9):
        begin = time.monotonic()
        act()
        took.append(time.monotonic() - begin)
    return sorted(took)[4]


def killed(machine, act, span):
    """Runs it while the gateway is killed within that time; its answer, None if none came. The gateway runs again."""
    delay = machine.random.uniform(0, span)
    process = machine.gateway.process
    timer = threading.Timer(delay, process.kill)
    timer.start()
    try:
        answer = act()
    except (OSError, gateway.http.client.HTTPException):
        answer = None
    timer.join()
    process.wait(10)
    machine.browser.close()
    machine.api.wire.close()
    machine.gateway.start()
    return answer


def once(machine, path, fields):
    """A request on a connection of its own, opened before the clock runs; sent once and not again."""
    wire = machine.gateway.wire(timeout=10)
    wire.connection.connect()
    body = gateway.urllib.parse.urlencode({**fields, "client_id": machine.app.id})

    def act():
        wire.connection.request("POST", path, body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        answer = wire.connection.getresponse()
        return gateway.Answer(path, answer.status, answer.getheaders(), answer.read())
    return act


def code_fields(machine):
    app = machine.app
    code = app.code(machine.browser.get(app.authorize_url()))
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri, "code_verifier": app.pkce.verifier}


def outcome(answer):
    if answer is None:
        return "lost"
    if answer.status == 200:
        return "given"
    equal((answer.status, answer.json["error"]), (400, "invalid_grant"), answer)
    return "refused"


def redeem_round(machine, span, where):
    fields = code_fields(machine)
    first = killed(machine, once(machine, "/oauth2/token", fields), span)
    if first is not None:
        equal(first.status, 200, where, first)
        equal((machine.api.active(first.json["access_token"]), machine.api.active(first.json["refresh_token"])), (True, True),
              where, "answered and lost")
    story = [outcome(first)] + [outcome(once(machine, "/oauth2/token", fields)()) for _ in range(2)]
    check(story.count("given") <= 1, where, "a code gave tokens twice:", story)
    equal(story[2], "refused", where, story)
    if first is not None:
        equal(machine.api.active(first.json["access_token"]), False, where, "reuse is still recognised after the restart")
    return story


def refresh_round(machine, span, where):
    tokens = fresh_tokens(machine)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    first = killed(machine, once(machine, "/oauth2/token", fields), span)
    if first is not None:
        equal(first.status, 200, where, first)
        equal((machine.api.active(first.json["access_token"]), machine.api.active(first.json["refresh_token"]),
               machine.api.active(tokens["refresh_token"])), (True, True, False), where, "answered and lost")
        again = machine.app.refresh(first.json["refresh_token"])
        equal(again.status, 200, where, "the successor", again)
    story = [outcome(first)] + [outcome(once(machine, "/oauth2/token", fields)()) for _ in range(2)]
    check(story.count("given") <= 1, where, "a refresh token was good twice:", story)
    equal(story[2], "refused", where, story)
    return story


def revoke_round(machine, span, where):
    tokens = fresh_tokens(machine)
    first = killed(machine, once(machine, "/oauth2/revoke", {"token": tokens["refresh_token"]}), span)
    living = machine.api.active(tokens["access_token"]), machine.api.active(tokens["refresh_token"])
    check(living in ((True, True), (False, False)), where, "half revoked", living)
    if first is not None:
        equal((first.status, living), (200, (False, False)), where, "a revocation was lost")
    return ["given" if first is not None else "lost", "refused" if not living[0] else "given"]


def authorize_round(machine, span, where):
    """What the browser was given as a code is a code, though the gateway died behind it."""
    app, browser = machine.app, machine.browser
    url = app.authorize_url()
    browser.close()
    wire = machine.gateway.wire(timeout=10)
    wire.connection.connect()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

    def act():
        wire.connection.request("GET", url[len(machine.gateway.issuer):], headers={"Cookie": cookie})
        answer = wire.connection.getresponse()
        return gateway.Answer(url, answer.status, answer.getheaders(), answer.read())
    first = killed(machine, act, span)
    if first is None:
        return ["lost", "either"]
    code = app.code(first)
    equal(app.exchange(code).status, 200, where, "a code was answered and lost")
    return ["given", "refused"]


KINDS = [redeem_round, refresh_round, redeem_round, revoke_round, refresh_round, authorize_round]


def nothing_used_up_comes_back_and_nothing_answered_is_lost(machine):
    spans = {redeem_round: usual_of(machine, redeem_round), refresh_round: usual_of(machine, refresh_round)}
    for number in range(ROUNDS):
        kind = KINDS[number % len(KINDS)]
        span = 2 * spans.get(kind, spans[refresh_round]) + 0.0005
        story = kind(machine, span, f"round {number} of seed {SEED}, {kind.__name__}:")
        machine.tally[kind.__name__.split("_")[0], "answered" if story[0] == "given" else
                      {"refused": "on disk, answer lost", "given": "not on disk", "either": "answer lost"}[story[1]]] += 1
    for (kind, what), count in sorted(machine.tally.items()):
        print(f"       {kind:10} {what:22} {count}")
    seen = {what for _, what in machine.tally}
    check({"answered", "not on disk"} <= seen or ROUNDS < 50, "the kills fell on one side only:", machine.tally)


def usual_of(machine, kind):
    prepared = []
    for _ in range(9):
        if kind is redeem_round:
            prepared.append(once(machine, "/oauth2/token", code_fields(machine)))
        else:
            prepared.append(once(machine, "/oauth2/token", {"grant_type": "refresh_token",
                                                            "refresh_token": fresh_tokens(machine)["refresh_token"]}))
    return usual(lambda: equal(prepared.pop()().status, 200))


def keys_sessions_and_records_are_still_there(machine):
    equal(machine.gateway.jwks, machine.keys)
    machine.app.tokens(machine.browser.get(machine.app.authorize_url(prompt="none")))
    redeemed = sum(count for (kind, what), count in machine.tally.items() if kind == "redeem")
    rig.wait_until(lambda: sum(row["event"] == "application" for row in machine.audit("--limit", "5000")) >= redeemed,
                   "every application is in the trail, once or more", 10)
    machine.ctl("audit", "verify")


def the_store_is_whole(machine):
    machine.gateway.stop()
    files = [name for name in os.listdir(machine.gateway.state_dir) if name.endswith(".db")]
    equal(len(files), 1, os.listdir(machine.gateway.state_dir))
    done = subprocess.run(["sqlite3", f"{machine.gateway.state_dir}/{files[0]}", "PRAGMA integrity_check; PRAGMA foreign_key_check"],
                          capture_output=True, text=True, timeout=30, check=False)
    equal(done.stdout.strip(), "ok", done.stderr)
    left = [name for name in os.listdir(machine.gateway.state_dir) if re.search(r"\.tmp|-journal", name)]
    equal(left, [])


rig.run([nothing_used_up_comes_back_and_nothing_answered_is_lost, keys_sessions_and_records_are_still_there, the_store_is_whole,
         gateway.no_complaint_in_the_gateways_log], setup)
