#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: time. The broker's clock is shifted while it runs (CLOCK_REALTIME of a preloaded
library; libfaketime breaks the timers of sd-event), tokens drift.
 * codes outside of the window are refused; a drift is learned step by step, forwards and backwards,
   kept over a restart, and bounded by drift_max
 * a lock ends with its time, grows with every further failure, and is not prolonged beyond its own
   length by a clock that was set back
 * a clock that was set back makes no used code good again, and the jump is in the trail
 * validity windows and the day of grace are kept
"""
import struct
import time

import rig
from rig import WORK, check, equal, matches

SHIFT = WORK + "/shift"


def shift(seconds):
    """The broker's clock, relative to the true one. Written in place: the broker has the file mapped."""
    with open(SHIFT, "r+b" if rig.os.path.exists(SHIFT) else "wb") as file:
        file.write(struct.pack("=q", seconds * 1000))


def shifted():
    return {"LD_PRELOAD": WORK + "/bin/shift_clock.so", "HC_BENCH_CLOCK": SHIFT}


def setup(machine):
    shift(0)
    machine.broker.start(env=shifted())


def tries(machine, token, login, *offsets, base=0):
    """One sign-in for each offset in steps from the broker's time; True for those that passed."""
    rig.settle()
    return [machine.pam(login, rig.oathtool(token, time.time() + base + 30 * offset))[0] == "PAM_SUCCESS"
            for offset in offsets]


def codes_out_of_the_window_are_refused(machine):
    token = machine.clinician("martin")
    equal(tries(machine, token, "martin", -2, 2, -10, 10), [False] * 4)
    machine.ctl("lockout", "clear", "martin")
    equal(tries(machine, token, "martin", -1, 0, 1), [True] * 3, "window of one, in order")


def drift_forwards_is_learned(machine):
    token = machine.clinician("durand")
    equal(tries(machine, token, "durand", 2, 1, 2, 3), [False, True, True, True], "one step after the other")
    equal([row["drift"] for row in machine.credentials("durand")], [3])
    machine.broker.restart(env=shifted())
    shift(300)
    equal(tries(machine, token, "durand", 0, 3, base=300), [False, True], "what was learned holds, also after a restart")
    shift(0)


def drift_backwards_is_learned(machine):
    token = machine.clinician("petit")
    outcome = []
    for step in range(4):
        shift(60 * step)
        outcome += tries(machine, token, "petit", -1 - step, base=60 * step)
    equal(outcome, [True] * 4, "two steps on, one step later each time")
    equal([row["drift"] for row in machine.credentials("petit")], [-4])
    shift(0)


def drift_and_lock_at_sshd(machine):
    """The same through a real sshd: what a clinician with a fast phone lives through."""
    machine.start_sshd()
    token = machine.clinician("vincent")
    rig.settle(8)
    for offset, expected in ((1, True), (2, True), (5, False)):
        signed_in, shown = machine.ssh_code("vincent", rig.oathtool(token, time.time() + 30 * offset), *(
            [token.wrong(1), token.wrong(2)] if not expected else []))
        equal(signed_in, expected, "offset", offset, shown)
    machine.ssh_code("vincent", token.wrong(), token.wrong(1))
    signed_in, shown = machine.ssh_code("vincent")
    check(not signed_in and "HC-203" in shown, shown)
    shift(60)
    signed_in, shown = machine.ssh_code("vincent", rig.oathtool(token, time.time() + 60 + 60))
    check(signed_in, "the lock is over, the drift is kept:", shown)
    shift(0)


def drift_is_bounded(machine):
    machine.broker.configure(totp__drift_max=2)
    machine.broker.restart(env=shifted())
    token = machine.clinician("moreau")
    equal(tries(machine, token, "moreau", 1, 2, 3, 4), [True, True, True, False], "window beyond the largest drift, no more")
    machine.broker.configure(totp__drift_max=None)
    machine.broker.restart(env=shifted())


def fail_until_locked(machine, login, token):
    for _ in range(2):
        machine.pam(login, *[token.wrong(n) for n in range(3)])
    equal(machine.pam(login)[0], "PAM_MAXTRIES", "locked")


def lock_ends_with_its_time_and_doubles(machine):
    token = machine.clinician("laurent", "hotp")
    fail_until_locked(machine, "laurent", token)
    now = 0
    for length in (30, 60, 120, 240, 480, 900, 900):
        shift(now + length - 4)
        answer, output = machine.pam("laurent")
        equal(answer, "PAM_MAXTRIES", "still locked after", length - 4, output)
        matches("HC-203", output)
        now += length + 1
        shift(now)
        answer, output = machine.pam("laurent", token.wrong())
        equal(answer, "PAM_MAXTRIES", "one try, and locked again", length, output)
    shift(now + 901)
    equal(machine.pam("laurent", token.next())[0], "PAM_SUCCESS", "the time is over")
    equal(machine.lockouts("laurent"), [], "cleared by success")
    shift(0)


def clock_set_back_does_not_prolong_a_lock(machine):
    token = machine.clinician("simon", "hotp")
    shift(7200)
    fail_until_locked(machine, "simon", token)
    shift(0)
    answer, output = machine.pam("simon")
    equal(answer, "PAM_MAXTRIES", output)
    left = int(matches(r"(\d+) s\b", output, "seconds, not hours")[1])
    check(left <= 30, output)
    shift(31)
    equal(machine.pam("simon", token.next())[0], "PAM_SUCCESS", "its own length from now on")
    shift(0)


def clock_set_back_makes_no_code_good_again(machine):
    token = machine.clinician("michel")
    shift(600)
    rig.settle()
    code = token.code(now=time.time() + 600)
    equal(machine.pam("michel", code)[0], "PAM_SUCCESS")
    shift(570)
    equal(machine.pam("michel", code, code, code)[0], "PAM_AUTH_ERR", "used before the clock went back")
    shift(0)
    equal(machine.pam("michel", token.code())[0], "PAM_CONV_ERR", "an older step is not accepted either")


def jumps_are_in_the_trail(machine):
    shift(3600)
    rig.wait_until(lambda: machine.audit("--event", "clock-jump"), "a record clock-jump", 12)
    shift(0)


def validity_window_is_kept(machine):
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * 10))
    machine.ctl("user", "add", "garcia", "--valid-until", day)
    token = machine.hotp("garcia")
    equal(machine.pam("garcia", token.next())[0], "PAM_SUCCESS", "before")
    equal(machine.pam("garcia", options=["-a"])[0], "PAM_SUCCESS", "before, account")
    shift(86400 * 12)
    equal(machine.pam("garcia", token.next())[0], "PAM_AUTH_ERR", "after")
    equal(machine.pam("garcia", options=["-a"])[0], "PAM_ACCT_EXPIRED", "after, account")
    shift(0)


def grace_is_for_the_never_enrolled_locally_and_ends(machine):
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * 3))
    machine.broker.configure(policy__unenrolled=f"grace until {day}")
    machine.broker.restart(env=shifted())
    machine.person("david")
    token = machine.clinician("bertrand")
    machine.ctl("credential", "revoke", token.id, "--reason", "lost")
    # our module alone answers PAM_IGNORE, which alone is no success: libpam asks for one
    matches("HC-218|until", machine.pam("david")[1])
    machine.pam_folder()
    rig.write(WORK + "/pam.d/graced", f"auth required {rig.MODULE} mode=second-factor\nauth required pam_permit.so\n")
    equal(machine.pam("david", service="graced")[0], "PAM_SUCCESS", "never enrolled, local")
    equal(machine.pam("david", service="graced", options=["-r", "10.0.0.9"])[0], "PAM_AUTH_ERR", "remote")
    equal(machine.pam("bertrand", service="graced")[0], "PAM_AUTH_ERR", "had one once")
    machine.ctl("user", "remove", "bertrand")
    machine.person("bertrand")
    equal(machine.pam("bertrand", service="graced")[0], "PAM_AUTH_ERR", "removed and added again: the same login")
    equal(machine.pam("nobody-here", service="graced")[0], "PAM_USER_UNKNOWN", "unknown")
    shift(86400 * 4)
    equal(machine.pam("david", service="graced")[0], "PAM_AUTH_ERR", "the day has passed")
    shift(0)
    equal(machine.pam("david", service="graced")[0], "PAM_AUTH_ERR", "a clock set back does not bring it back")


rig.run([
    codes_out_of_the_window_are_refused, drift_forwards_is_learned, drift_backwards_is_learned, drift_and_lock_at_sshd,
    drift_is_bounded,
    lock_ends_with_its_time_and_doubles, clock_set_back_does_not_prolong_a_lock,
    clock_set_back_makes_no_code_good_again, jumps_are_in_the_trail,
    grace_is_for_the_never_enrolled_locally_and_ends, validity_window_is_kept,
], setup)
