#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever happens to keys, people and the broker, the wrong one is never let in and no try is lost.
 * no key, a foreign one, two of one person, two persons on one; late; taken away before, behind and during the touch
 * revoked, disabled, expired; answers that do not verify lock out, and an administrator opens again
 * a counter that stands still; an answer that was kept, and one that a web page asked for
 * the broker restarted at the question for the PIN and at the touch
 * sixteen sign-ins at once, with keys of their own and with one key
"""
import os
import shutil
import subprocess
import threading
import time

import key_rig
import rig
from key_rig import PIN, PIN_PROMPT, TOUCH, enroll, let_in, plug, refused, reinsert, sign_in, spent, su, works
from rig import WORK, check, equal, matches, wait_until

BETWEEN = WORK + "/between"
SIXTEEN = rig.PEOPLE[4:]


def setup(machine):
    key_rig.setup(machine, *rig.PEOPLE)


def only(machine, *names):
    """Those keys are plugged in, and no other."""
    for name, key in machine.keys.keys.items():
        there = key.status()["inserted"] == 1
        if there and name not in names:
            key.remove()
        elif not there and name in names:
            key.insert()
    return [machine.keys.keys[name] for name in names]


def without_a_key_nothing_is_asked(machine):
    plug(machine, "a")
    enroll(machine, "martin")
    only(machine)
    start = time.monotonic()
    with su("martin") as terminal:
        terminal.expect("Plug in your security key")
        refused(terminal, "HC-230")
    check(0.8 < time.monotonic() - start < 3, time.monotonic() - start)
    check("PIN" not in terminal.seen, terminal.seen)


def a_foreign_key_is_named_and_asked_no_pin(machine):
    foreign = plug(machine, "b")
    enroll(machine, "durand")
    with spent(foreign), su("martin") as terminal:
        refused(terminal, "HC-234")
        check("PIN of" not in terminal.seen, terminal.seen)
    equal(foreign.counters()["touches_asked"], 1, "its enrolment alone asked for a touch")


def a_key_that_comes_while_it_is_waited_for_is_taken(machine):
    key, foreign = machine.keys.keys["a"], machine.keys.keys["b"]
    with spent(foreign), spent(key, tries=1), su("martin") as terminal:
        terminal.expect("HC-234.*Plug in")
        key.insert()
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        let_in(terminal)


def of_two_keys_of_one_person_the_touched_one_asks(machine):
    only(machine)
    plug(machine, "c")
    enroll(machine, "martin")
    one, other = only(machine, "a", "c")
    for chosen, left in ((one, other), (other, one)):
        for key in (one, other):
            key.tell("touch manual")
        with spent(chosen, tries=1), spent(left), su("martin") as terminal:
            terminal.expect(TOUCH)
            for key in (one, other):
                key.await_touch()
            check("PIN" not in terminal.seen, terminal.seen)
            chosen.touch()
            terminal.expect(PIN_PROMPT)
            terminal.send(PIN)
            chosen.await_touch()
            chosen.touch()
            let_in(terminal)
        for key in (one, other):
            key.tell("touch auto 0")


def two_persons_share_a_key_and_each_is_himself(machine):
    key, = only(machine, "c")
    enroll(machine, "petit")
    for login in ("martin", "petit"):
        with spent(key, tries=1):
            works(machine, login)
        made = [row["id"] for row in machine.credentials(login)]
        check(machine.last(login)["credential"] in made, machine.last(login), made)
    with spent(key):
        code, shown = sign_in(machine, "durand", PIN)
    check(code != "PAM_SUCCESS", shown)


def a_key_taken_away_at_the_question_ends_it(machine):
    key, = only(machine, "a")
    with spent(key), su("martin") as terminal:
        terminal.expect(PIN_PROMPT)
        key.remove()
        terminal.send(PIN)
        refused(terminal, "HC-235")
    key.insert()
    with spent(key, tries=1):
        works(machine, "martin")


def a_key_taken_away_between_pin_and_touch_ends_it(machine):
    key = machine.keys.keys["a"]
    for fault, tries in (("remove on pin-token", 1), ("remove on assert", 1), ("remove on pin-agreement", 0)):
        before = key.counters()["pin_attempts"]
        with su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
            key.fault(fault)
            start = time.monotonic()
            terminal.send(PIN)
            refused(terminal, "HC-235")
        check(time.monotonic() - start < 2, fault, time.monotonic() - start)
        equal(key.counters()["pin_attempts"] - before, tries, fault)
        key.fault("none")
        key.insert()
        with spent(key, tries=1):
            works(machine, "martin")


def a_key_taken_away_while_it_waits_for_the_touch_ends_it(machine):
    key = machine.keys.keys["a"]
    key.tell("touch manual")
    with spent(key, tries=1), su("martin") as terminal:
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        key.await_touch()
        start = time.monotonic()
        key.remove()
        refused(terminal, "HC-235")
        check(time.monotonic() - start < 2, time.monotonic() - start)
    machine.recorded("martin", "failure", "DEVICE_REMOVED", factor="fido2")
    key.tell("touch auto 0")
    key.insert()
    with spent(key, tries=1):
        works(machine, "martin")


def who_may_not_is_asked_nothing(machine):
    key, = only(machine, "a")
    with spent(key):
        machine.ctl("user", "disable", "martin")
        code, shown = sign_in(machine, "martin", PIN)
        equal(code, "PAM_AUTH_ERR", shown)
        matches("HC-206", shown)
        machine.ctl("user", "enable", "martin")
        machine.ctl("user", "add", "bertrand2", "--valid-until", "2020-01-01")
        code, shown = sign_in(machine, "bertrand2", PIN)
        equal(code, "PAM_AUTH_ERR", shown)
        matches("HC-208", shown)
        for row in machine.credentials("martin"):
            machine.ctl("credential", "revoke", row["id"], "--reason", "lost")
        code, shown = sign_in(machine, "martin", PIN)
        check(code != "PAM_SUCCESS" and "prompt:" not in shown, shown)
        matches("HC-217|HC-209", shown)
    enroll(machine, "martin")
    with spent(key, tries=1):
        works(machine, "martin")


def answers_that_do_not_verify_lock_out_until_an_administrator_opens(machine):
    key, = only(machine, "a")
    code, refusals = "PAM_AUTH_ERR", 0
    while code == "PAM_AUTH_ERR" and refusals < 9:
        with spent(key, tries=1):
            key.fault("wrong-signature on assert times 2")  # the question without a touch is the first one
            code, shown = sign_in(machine, "martin", PIN)
            key.fault("none")
        refusals += 1
    equal((code, refusals), ("PAM_MAXTRIES", 5), shown)
    equal([row["factor"] for row in machine.lockouts("martin")], ["fido2"])
    machine.recorded("martin", "failure", "SIGNATURE_INVALID", factor="fido2")
    with spent(key):
        code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_MAXTRIES", shown)
    matches("HC-203", shown)
    check("prompt:" not in shown, shown)
    machine.ctl("lockout", "clear", "martin")
    with spent(key, tries=1):
        works(machine, "martin")


def a_counter_that_stands_still_raises_an_alarm(machine):
    key, = only(machine, "a")
    for way in ("stuck", "backwards"):
        key.tell("counting " + way)
        alarms = [row for row in machine.audit("--user", "martin") if row["event"] == "counter-alarm"]
        with spent(key, tries=1):
            code, shown = sign_in(machine, "martin", PIN)
        equal(code, "PAM_AUTH_ERR", shown)
        matches("HC-239", shown)
        machine.recorded("martin", "failure", "COUNTER_NOT_ADVANCED", factor="fido2")
        after = [row for row in machine.audit("--user", "martin") if row["event"] == "counter-alarm"]
        equal(len(after), len(alarms) + 1, after)
        check(after[-1]["credential"], after)
        key.tell("counting key")
    # it catches up with where it was, and not before
    codes = [sign_in(machine, "martin", PIN)[0] for _ in range(3)]
    equal(codes[-1], "PAM_SUCCESS", codes)
    equal(codes, sorted(codes), "once it is let in it stays so")


def go_between(machine, mode):
    """The helper does from now on what mode says."""
    if not os.path.exists(BETWEEN):
        os.mkdir(BETWEEN)
        shutil.copytree(os.path.join(rig.SOURCE, "..", "..", "include"), WORK + "/include")
        text = open(os.path.join(rig.SOURCE, "device_link.py"), encoding="utf-8").read()
        rig.write(BETWEEN + "/device_link.py", rig.re.sub(
            r'SOURCE = .*', f'SOURCE = "{WORK}/include/hospiconnect"', text, count=1))
        text = open(os.path.join(rig.SOURCE, "key_go_between.py"), encoding="utf-8").read()
        rig.write(BETWEEN + "/go_between", text, 0o755)
        os.chmod(BETWEEN, 0o777)
    helper = WORK + "/bin/hc-fido2"
    if mode and not os.path.exists(BETWEEN + "/hc-fido2"):
        os.rename(helper, BETWEEN + "/hc-fido2")
        rig.write(helper, f"#!/bin/sh\nexec /usr/bin/python3 -B {BETWEEN}/go_between\n", 0o755)
    elif not mode:
        os.rename(BETWEEN + "/hc-fido2", helper)
    rig.write(BETWEEN + "/mode", mode or "pass")


def an_answer_of_another_question_is_refused(machine):
    key, = only(machine, "a")
    go_between(machine, "record")
    with spent(key, tries=1):
        works(machine, "martin")
    check(os.path.exists(BETWEEN + "/kept"))
    for mode, tries in (("replay", 0), ("web", 1)):
        go_between(machine, mode)
        with spent(key, tries=tries):
            code, shown = sign_in(machine, "martin", PIN)
        equal(code, "PAM_AUTH_ERR", mode, shown)
        matches("HC-240", shown)
        machine.recorded("martin", "failure", "SIGNATURE_INVALID", factor="fido2")
    go_between(machine, None)
    with spent(key, tries=1):
        works(machine, "martin")


def the_broker_restarted_at_the_question_frees_the_key(machine):
    key, = only(machine, "a")
    for how in ("restart", "kill"):
        with spent(key, tries=0), su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
            if how == "kill":
                machine.broker.kill()
                machine.broker.start()
            else:
                machine.broker.restart()
            start = time.monotonic()
            terminal.send(PIN)
            refused(terminal)
            check(time.monotonic() - start < 2, time.monotonic() - start)
        with spent(key, tries=1):
            start = time.monotonic()
            works(machine, "martin")
            check(time.monotonic() - start < 3, time.monotonic() - start)


def the_broker_restarted_at_the_touch_frees_the_key(machine):
    key, = only(machine, "a")
    for how in ("restart", "kill"):
        key.tell("touch manual")
        with spent(key, tries=1):
            process = subprocess.Popen([WORK + "/bin/pam_client", "-d", machine.pam_folder(), "-s", "hc-primary", "martin", PIN],
                                       stdout=subprocess.PIPE, text=True, env={"LANG": "en_GB.UTF-8"})
            key.await_touch()
            start = time.monotonic()
            if how == "kill":
                machine.broker.kill()
                machine.broker.start()
            else:
                machine.broker.restart()
            shown = process.communicate(timeout=10)[0]
            check(time.monotonic() - start < 3, time.monotonic() - start)
        matches("authenticate: PAM_AUTHINFO_UNAVAIL", shown)
        wait_until(lambda: key.status()["waiting"] in ("nothing", 0, "none", "no"), "the key stops to blink")
        key.tell("touch auto 0")
        with spent(key, tries=1):
            works(machine, "martin")
        equal(key.status()["pin_retries"], 8)


def at_once(machine, people, pin):
    """All sign in at the same instant: {login: (code, shown)}."""
    results = {}

    def one(number, login):
        results[number, login] = machine.pam(login, pin(login), service="hc-primary")
    threads = [threading.Thread(target=one, args=row) for row in enumerate(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    equal(len(results), len(people))
    return results


def sixteen_persons_sign_in_at_once(machine):
    """Two on each of eight keys, as many as one machine is looked at for; those who come second wait for the first."""
    only(machine)
    machine.broker.configure(fido2__insert_timeout="30s")
    machine.broker.restart()
    pins = {}
    for number, login in enumerate(SIXTEEN):
        pins[login] = f"55{number // 2:04d}"
        if number % 2 == 0:
            key = plug(machine, f"s{number // 2}", pin=pins[login])
        enroll(machine, login, pin=pins[login])
        if number % 2 == 1:
            key.remove()
    keys = only(machine, *[f"s{number}" for number in range(8)])
    before = [key.counters()["pin_attempts"] for key in keys]
    start = time.monotonic()
    results = at_once(machine, SIXTEEN, pins.get)
    print(f"sixteen at once: {time.monotonic() - start:.1f} s")
    wrong = {login: shown for (_, login), (code, shown) in results.items() if code != "PAM_SUCCESS"}
    check(not wrong, wrong)
    equal([key.counters()["pin_attempts"] - was for key, was in zip(keys, before)], [2] * 8)
    for login in SIXTEEN:
        machine.recorded(login, "success", factor="fido2")


def sixteen_sign_ins_at_one_key_take_their_turns(machine):
    key, = only(machine, "s0")
    mine, other = SIXTEEN[0], SIXTEEN[2]
    people = [mine] * 14 + [other] * 2
    before = key.counters()["pin_attempts"]
    machine.broker.configure(fido2__insert_timeout="3s")
    machine.broker.restart()
    start = time.monotonic()
    results = at_once(machine, people, lambda login: "550000")
    print(f"sixteen at one key: {time.monotonic() - start:.1f} s")
    passed = [login for (_, login), (code, _) in results.items() if code == "PAM_SUCCESS"]
    equal(set(passed), {mine}, results)
    equal(key.counters()["pin_attempts"] - before, len(passed), "one PIN for each who is let in")
    for (_, login), (code, shown) in results.items():
        if code != "PAM_SUCCESS":
            matches("HC-230|HC-234|HC-243|HC-103", shown)
            check("prompt: PIN" not in shown, shown)
    reinsert(key)
    equal(key.status()["pin_retries"], 8)


rig.run([
    without_a_key_nothing_is_asked, a_foreign_key_is_named_and_asked_no_pin, a_key_that_comes_while_it_is_waited_for_is_taken,
    of_two_keys_of_one_person_the_touched_one_asks, two_persons_share_a_key_and_each_is_himself,
    a_key_taken_away_at_the_question_ends_it, a_key_taken_away_between_pin_and_touch_ends_it,
    a_key_taken_away_while_it_waits_for_the_touch_ends_it, who_may_not_is_asked_nothing,
    answers_that_do_not_verify_lock_out_until_an_administrator_opens, a_counter_that_stands_still_raises_an_alarm,
    an_answer_of_another_question_is_refused, the_broker_restarted_at_the_question_frees_the_key,
    the_broker_restarted_at_the_touch_frees_the_key, sixteen_persons_sign_in_at_once,
    sixteen_sign_ins_at_one_key_take_their_turns, key_rig.nothing_is_left,
], setup)
