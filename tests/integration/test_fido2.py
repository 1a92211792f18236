#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: security keys sign people in at this machine, through real PAM, broker and helper, with software keys.
 * enrolment by hospictl with PIN; the same key twice is refused; a list tells of it
 * right PIN, wrong once, no key, a key that comes late, a foreign key, two keys, a revoked one, a disabled person
 * from a remote host no key is waited for; a touch completes a password, a code will do where there is no key
 * a helper is left behind by nobody
"""
import json
import os
import subprocess
import threading
import time

import key_rig
import rig
from keys import Keys
from rig import WORK, check, equal, matches

FOLDER = WORK + "/keys"
PIN = "123456"
OPEN = ("--mode", "0666", "--attestation", "self")  # open as the udev rule gives it to the broker's user


def setup(machine):
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere(WORK + "/bin/hc-fido2")
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org",
                             fido2__insert_timeout="3s", fido2__pin_min="4")
    machine.broker.start()
    for name in ("martin", "durand"):
        machine.person(name)


def plug(machine, name, *options, pin=PIN):
    return machine.keys.plug(name, *OPEN, "--pin", pin, *options)


def enroll(machine, login, *options, pin=PIN, ok=True):
    answer = subprocess.run(
        [WORK + "/bin/hospictl", "--json", "--socket", machine.broker.admin_socket, "enroll", "fido2", login, *options],
        input=pin + "\n", capture_output=True, text=True, timeout=40,
        env={"PATH": os.environ["PATH"], "LANG": "en_GB.UTF-8"})
    equal(answer.returncode == 0, ok, answer.stdout, answer.stderr)
    return json.loads(answer.stdout) if ok else answer.stderr


def sign_in(machine, login, *answers, mode="primary", **how):
    folder = machine.pam_folder()
    service = "hc-" + mode
    module = f"{rig.MODULE} mode={mode} methods=fido2,totp,recovery"
    rig.write(f"{folder}/{service}", f"auth required {module}\naccount required {module}\n")
    return machine.pam(login, *answers, service=service, **how)


def a_person_without_a_key_is_not_let_in(machine):
    plug(machine, "a")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    matches("HC-209", shown)


def a_key_is_enrolled_with_its_pin_and_once(machine):
    made = enroll(machine, "martin", "--label", "blue key")
    check(made["id"] and made["rp_id"] == "login.example.org", made)
    listed = machine.credentials("martin")
    equal([row["type"] for row in listed], ["fido2"], listed)
    equal(listed[0]["label"], "blue key", listed)
    machine.recorded("martin", "success", event="enroll", factor="fido2")
    matches("HC-246", enroll(machine, "martin", ok=False))
    machine.recorded("martin", "failure", "KEY_ALREADY_REGISTERED", event="enroll")


def the_right_pin_and_a_touch_sign_in(machine):
    before = machine.keys.keys["a"].counters()["pin_attempts"]
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)
    matches("PIN of your key: ", shown)
    equal(machine.keys.keys["a"].counters()["pin_attempts"], before + 1)
    machine.recorded("martin", "success", factor="fido2", detail="verified by the device")


def a_wrong_pin_is_asked_for_again_and_costs_one_try(machine):
    before = machine.keys.keys["a"].counters()["pin_wrong"]
    code, shown = sign_in(machine, "martin", "999999", PIN)
    equal(code, "PAM_SUCCESS", shown)
    matches("HC-231", shown)
    equal(machine.keys.keys["a"].counters()["pin_wrong"], before + 1)


def a_key_that_is_not_there_is_waited_for_and_not_for_ever(machine):
    machine.keys.keys["a"].remove()
    start = time.monotonic()
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    matches("HC-230", shown)
    check(2 < time.monotonic() - start < 8, time.monotonic() - start)


def a_key_that_comes_late_is_taken(machine):
    threading.Timer(1.0, machine.keys.keys["a"].insert).start()
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)


def nobody_at_another_machine_is_asked_for_a_key(machine):
    start = time.monotonic()
    code, shown = sign_in(machine, "martin", PIN, options=("-r", "192.0.2.7"))
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    check(time.monotonic() - start < 2, shown)


def anothers_key_does_not_open(machine):
    machine.keys.keys["a"].remove()
    plug(machine, "b")
    enroll(machine, "durand")
    code, shown = sign_in(machine, "martin", PIN)
    check(code != "PAM_SUCCESS", shown)
    code, shown = sign_in(machine, "durand", PIN)
    equal(code, "PAM_SUCCESS", shown)


def of_two_keys_the_right_one_is_found(machine):
    machine.keys.keys["a"].insert()
    for login in ("martin", "durand"):
        code, shown = sign_in(machine, login, PIN)
        equal(code, "PAM_SUCCESS", shown)


def a_touch_completes_a_password_and_a_code_will_do(machine):
    token = machine.totp("martin")
    code, shown = sign_in(machine, "martin", PIN, mode="second-factor")
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("martin", "success", factor="fido2", detail="possession only")
    machine.keys.keys["a"].remove()
    code, shown = sign_in(machine, "martin", token.code(), mode="second-factor")
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("martin", "success", factor="totp")
    machine.keys.keys["a"].insert()


def a_revoked_key_and_a_disabled_person_are_refused(machine):
    machine.ctl("user", "disable", "durand")
    code, shown = sign_in(machine, "durand", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-206", shown)
    key = next(row for row in machine.credentials("martin") if row["type"] == "fido2")
    machine.ctl("credential", "revoke", key["id"], "--reason", "lost")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)


rig.run([
    a_person_without_a_key_is_not_let_in, a_key_is_enrolled_with_its_pin_and_once, the_right_pin_and_a_touch_sign_in,
    a_wrong_pin_is_asked_for_again_and_costs_one_try, a_key_that_is_not_there_is_waited_for_and_not_for_ever,
    a_key_that_comes_late_is_taken, nobody_at_another_machine_is_asked_for_a_key, anothers_key_does_not_open,
    of_two_keys_the_right_one_is_found, a_touch_completes_a_password_and_a_code_will_do,
    a_revoked_key_and_a_disabled_person_are_refused,
    key_rig.nothing_is_left,
], setup)
