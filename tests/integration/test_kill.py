#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: kill -9 of the broker at random points of a check and of an enrolment, and a new start.
 * at least 500 kills between HELLO and some time after the verdict, TOTP, HOTP and recovery codes:
   the same code is tried again after the restart, and again: it is accepted at most once in all
 * what a verdict said stays true: a code that was accepted before the kill is refused after it
 * every enrolment whose confirmation was reported is there and active, none is half there
 * the trail holds, and no process is left behind
The store lies on a journalling file system, so that a sync takes its time and kills fall into it.

The seed of the random numbers is printed; HC_KILL_SEED repeats a run, HC_KILL_ROUNDS changes their
number.
"""
import collections
import os
import random
import subprocess
import threading
import time

import rig
from rig import check, equal, matches

ROUNDS = int(os.environ.get("HC_KILL_ROUNDS", "1200"))
SEED = int(os.environ.get("HC_KILL_SEED", time.time_ns() & 0xffffffff))
ENROLMENTS = 40


def setup(machine):
    machine.random = random.Random(SEED)
    machine.mount_disk(machine.broker.state_dir)
    machine.broker.configure(policy__free_tries=20, authd__log_level="warning")
    machine.broker.start()
    print(f"seed {SEED}, {ROUNDS} rounds")


def attempts(machine):
    """(login, code maker) for each round: a third each of TOTP, HOTP and recovery codes."""
    totp, hotp, recovery = [], [], []
    for n in range((ROUNDS + 2) // 3):
        login = f"totp{n}"
        totp.append((login, machine.clinician(login).code))
    for n in range(4):
        login = f"hotp{n}"
        hotp.append((login, machine.clinician(login, "hotp").next))
    for n in range((ROUNDS + 29) // 30):
        login = machine.person(f"recovery{n}")
        recovery += [(login, lambda code=code: code) for code in machine.recovery(login)]
    plan = [row[n % len(row)] if row is hotp else row[n] for n in range((ROUNDS + 2) // 3)
            for row in (totp, hotp, recovery)]
    return plan[:ROUNDS]


def usual_time_us(machine):
    """How long a check takes from the answer to the verdict, on this machine."""
    token = machine.clinician("measure", "hotp")
    took = [int(machine.auth("measure", token.next()).split()[3]) for _ in range(15)]
    return sorted(took)[len(took) // 2]


def verdict(line):
    """allow, refused or lost."""
    word = line.split()[1]
    return {"allow": "allow", "lost": "lost"}.get(word, "refused")


def no_code_passes_twice(machine):
    plan = attempts(machine)
    usual = usual_time_us(machine)
    tally = collections.Counter()
    for number, (login, make) in enumerate(plan):
        code, pid = make(), machine.broker.process.pid
        after_hello = number % 4 == 0
        delay = machine.random.randrange(0, 2 * usual + 200)
        options = ["-k", str(pid), "-w", str(delay)] + (["-H"] if after_hello else [])
        first = machine.auth(login, code, options=options)
        machine.broker.process.wait(10)
        machine.broker.start()
        second, third = machine.auth(login, code), machine.auth(login, code)

        story = [verdict(line) for line in (first, second, third)]
        where = f"round {number}, {login}, killed {delay} us after {'HELLO' if after_hello else 'ANSWER'}:"
        check(story.count("allow") <= 1, where, "accepted twice:", first, second, third)
        check(story[0] != "refused", where, "a right code was refused before the kill:", first)
        check("lost" not in story[1:], where, "the broker does not answer after the restart:", second, third)
        equal(story[2], "refused", where, "third try", third)
        tally["verdict delivered" if story[0] == "allow" else
              "on disk, verdict lost" if story[1] == "refused" else "not on disk"] += 1
    print(f"check takes {usual} us; {dict(tally)}")
    check(tally["verdict delivered"] and tally["not on disk"], "the kills fell on one side only:", tally)


def no_confirmed_enrolment_is_lost(machine):
    confirmed = {}
    tally = collections.Counter()
    for number in range(ENROLMENTS):
        login = f"enrol{number}"
        machine.person(login)
        token = rig.Token(machine.ctl("enroll", "totp", login))
        timer = threading.Timer(machine.random.uniform(0.0005, 0.012), machine.broker.process.kill)
        timer.start()
        answer = machine.ctl("credential", "confirm", token.id, "--code", token.code(), ok=False)
        timer.join()
        machine.broker.process.wait(10)
        machine.broker.start()
        states = [row["state"] for row in machine.credentials(login)]
        check(states in (["active"], ["pending"]), login, "half an enrolment:", states)
        if answer.returncode == 0:
            equal(states, ["active"], login, "confirmed and lost")
        if states == ["active"]:
            confirmed[login] = token
        tally[("confirmed" if answer.returncode == 0 else "no answer") + ", " + states[0]] += 1
    print(dict(tally))
    for login, token in confirmed.items():
        equal(verdict(machine.auth(login, token.code(1))), "allow", login)


def nothing_is_left_behind(machine):
    machine.ctl("audit", "verify")
    machine.broker.stop()
    names = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with open(f"/proc/{entry}/stat") as stat:
                fields = stat.read()
            if "hospiconnect" in fields and ") Z" not in fields:
                names.append(fields.split(") ")[0])
    equal(names, [], "processes")
    left = [name for name in os.listdir(machine.broker.state_dir) if name.endswith((".tmp", "-journal"))]
    equal(left, [], "files")
    done = subprocess.run(["sqlite3", machine.store_file(), "PRAGMA integrity_check; PRAGMA foreign_key_check"],
                          capture_output=True, text=True, timeout=20)
    equal(done.stdout.strip(), "ok", done.stderr)


rig.run([no_code_passes_twice, no_confirmed_enrolment_is_lost, nothing_is_left_behind,
         rig.no_complaint_in_the_brokers_log], setup)
