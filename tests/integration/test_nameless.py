#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: nobody types a login where a key says who is there, through real PAM, broker and helper, with software keys.
 * a key that is there leads to its PIN at once; one that comes with Enter; several accounts on one key
 * wrong PIN, blocked, a foreign key, a key that is nobody's discoverable one; another person's key and a typed login
 * a login typed instead goes on as if it had been there: a person's, an unknown one's, a disabled one's, root's (exempt)
 * a service that may not, a remote host, no rp_id: the login is asked for as ever; the broker away: root gets in
 * login(1) on a terminal; what a password module kept is never sent to a key; a helper that is slow to speak
"""
import json
import os
import subprocess
import time

import rig
from keys import Keys
from rig import WORK, check, equal, matches

FOLDER = WORK + "/keys"
PIN = "123456"
OPEN = ("--mode", "0666", "--attestation", "self")
PROMPT = "press Enter, or type your login: "
SERVICE = "hc-nameless"


def setup(machine):
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere(WORK + "/bin/hc-fido2")
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org", fido2__insert_timeout="3s",
                             fido2__pin_min="4", policy__nameless_services=f"{SERVICE} login")
    machine.broker.start()
    for name in ("martin", "durand", "petit"):
        machine.person(name)
    folder = machine.pam_folder()
    for service in (SERVICE, "hc-other"):
        module = f"{rig.MODULE} mode=primary"
        rig.write(f"{folder}/{service}", f"auth [success=ok ignore=ignore default=die] {module}\n"
                  f"auth optional pam_permit.so\naccount required {module}\n")


def plug(machine, name, *options):
    return machine.keys.plug(name, *OPEN, "--pin", PIN, *options)


def enroll(machine, login, *options):
    answer = subprocess.run(
        [WORK + "/bin/hospictl", "--json", "--socket", machine.broker.admin_socket, "enroll", "fido2", login, *options],
        input=PIN + "\n", capture_output=True, text=True, timeout=40,
        env={"PATH": os.environ["PATH"], "LANG": "en_GB.UTF-8"})
    equal(answer.returncode, 0, answer.stdout, answer.stderr)
    return json.loads(answer.stdout)


def sign_in(machine, *answers, **how):
    """One sign-in without a user: code, what was shown, and who PAM_USER is in the end."""
    how.setdefault("service", SERVICE)
    code, shown = machine.pam("-", *answers, **how)
    return code, shown, matches(r"(?m)^user: (.*)$", shown).group(1)


def trail(machine):
    return machine.ctl("audit", "list")


def nobody_is_let_in_by_a_key_that_is_not_enrolled(machine):
    key = plug(machine, "a")
    before = key.counters()["pin_attempts"]
    code, shown, user = sign_in(machine, "martin")
    equal((code, user), ("PAM_AUTHINFO_UNAVAIL", "martin"), shown)  # no device names anybody yet: nothing odd is shown
    matches(r"(?m)^prompt: Login: ", shown)
    equal(key.counters()["pin_attempts"], before)


def a_key_that_is_there_says_who_it_is(machine):
    enroll(machine, "martin", "--discoverable")
    code, shown, user = sign_in(machine, PIN)
    equal((code, user), ("PAM_SUCCESS", "martin"), shown)
    check("ogin: " not in shown, shown)
    machine.recorded("martin", "success", factor="fido2", detail="verified by the device")


def a_wrong_pin_is_asked_for_again_and_names_nobody(machine):
    key = machine.keys.keys["a"]
    before = key.counters()["pin_attempts"]
    code, shown, user = sign_in(machine, "999999", PIN)
    equal((code, user), ("PAM_SUCCESS", "martin"), shown)
    matches("HC-231", shown)
    equal(key.counters()["pin_attempts"], before + 2)
    code, shown, user = sign_in(machine, "999999", "999998", "999997")
    equal((code, user), ("PAM_AUTH_ERR", "nobody"), shown)
    matches("HC-232", shown)
    key.remove()
    key.insert()
    code, shown, user = sign_in(machine, PIN)
    equal((code, user), ("PAM_SUCCESS", "martin"), shown)


def a_key_that_comes_with_enter_is_taken(machine):
    key = machine.keys.keys["a"]
    key.remove()
    process = subprocess.Popen([WORK + "/bin/pam_client", "-w", "1500", "-d", machine.pam_folder(), "-s", SERVICE, "-", "", PIN],
                               stdout=subprocess.PIPE, text=True, env={"LANG": "en_GB.UTF-8"})
    line = process.stdout.readline()
    matches(PROMPT, line)
    key.insert()
    shown = line + process.communicate(timeout=20)[0]
    matches("authenticate: PAM_SUCCESS", shown)
    matches(r"(?m)^user: martin$", shown)


def a_key_that_does_not_come_is_not_waited_for_for_ever(machine):
    machine.keys.keys["a"].remove()
    start = time.monotonic()
    code, shown, user = sign_in(machine, "")
    equal((code, user), ("PAM_AUTHINFO_UNAVAIL", "nobody"), shown)
    matches("HC-230", shown)
    check(2 < time.monotonic() - start < 10, time.monotonic() - start)


def a_login_that_is_typed_is_treated_as_ever(machine):
    before = len(trail(machine))
    rows = {"martin": "PAM_AUTHINFO_UNAVAIL", "nobody-here": "PAM_USER_UNKNOWN", "Martin": "PAM_USER_UNKNOWN",
            "durand": "PAM_AUTHINFO_UNAVAIL"}
    for login, expected in rows.items():
        code, shown, user = sign_in(machine, login)
        equal((code, user), (expected, login), shown)
        matches(PROMPT, shown)
    machine.ctl("user", "disable", "durand")
    code, shown, user = sign_in(machine, "durand")
    equal((code, user), ("PAM_AUTH_ERR", "durand"), shown)
    machine.ctl("user", "enable", "durand")
    check(not [row for row in trail(machine)[before:] if row["event"] == "sign-in" and row["reason"] == "CANCELLED"],
          trail(machine)[before:])


def an_exempt_login_that_is_typed_is_exempt(machine):
    before = len(trail(machine))
    code, shown, user = sign_in(machine, "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)  # pam_permit's: ours was ignored
    equal(len(trail(machine)), before)


def who_stands_before_anothers_key_can_type_his_login(machine):
    machine.keys.keys["a"].insert()
    code, shown, user = sign_in(machine, "", "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)


def a_foreign_key_leads_to_the_question(machine):
    machine.keys.keys["a"].remove()
    key = plug(machine, "b")
    code, shown, user = sign_in(machine, PIN, "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)
    matches("HC-234", shown)
    check(key.counters()["pin_attempts"] <= 1, key.counters())
    machine.keys.unplug("b")


def of_several_accounts_on_a_key_one_is_chosen(machine):
    machine.keys.keys["a"].insert()
    enroll(machine, "petit", "--discoverable")
    shown = sign_in(machine, PIN, "1")[1]
    names = {"1": re_first(shown), "2": matches(r"2\) ([a-z]+)", shown).group(1)}
    equal(sorted(names.values()), ["martin", "petit"], shown)
    for number, name in names.items():
        code, shown, user = sign_in(machine, PIN, number)
        equal((code, user), ("PAM_SUCCESS", name), shown)


def nobody_is_looked_for_where_that_is_not_allowed(machine):
    key = machine.keys.keys["a"]
    before = key.counters()
    for how in ({"service": "hc-other"}, {"options": ("-r", "192.0.2.7")}):
        code, shown, user = sign_in(machine, "durand", **how)
        equal((code, user), ("PAM_AUTHINFO_UNAVAIL", "durand"), shown)
        matches(r"(?m)^prompt: Login: ", shown)
        matches("HC-209", shown)
    equal(key.counters(), before)


def login_takes_the_key_or_the_name(machine):
    rig.write("/etc/pam.d/login", f"auth [success=ok ignore=ignore default=die] {rig.MODULE} mode=primary\n"
              f"auth required pam_permit.so\naccount required {rig.MODULE}\naccount required pam_permit.so\nsession required pam_permit.so\n")
    with terminal_of("login") as terminal:
        terminal.expect("PIN of your key: ")
        terminal.send(PIN)
        terminal.expect("Number of your account: ")
        terminal.send("1" if re_first(terminal.seen) == "petit" else "2")
        terminal.expect(r"[$#] ")
        terminal.send("id -un; exit")
        terminal.expect(r"petit\s")
    machine.recorded("petit", "success", service="login")
    machine.keys.keys["a"].remove()
    with terminal_of("login") as terminal:
        terminal.expect(PROMPT)
        terminal.send("root")
        terminal.expect("# ")
        terminal.send("id -un; exit")
        terminal.expect(r"root\s")


def re_first(shown):
    return matches(r"1\) ([a-z]+)", shown).group(1)


def terminal_of(*command):
    return rig.Terminal(command, env={"PATH": WORK + "/bin:/usr/bin:/bin", "TERM": "dumb", "LANG": "en_GB.UTF-8"})


def what_a_stack_kept_never_reaches_a_key(machine):
    key = machine.keys.keys["a"]
    key.insert()
    folder = machine.pam_folder()
    module = f"{rig.MODULE} mode=primary"
    # pam_unix asks for the password and keeps it as PAM_AUTHTOK
    rig.write(f"{folder}/hc-kept", f"auth optional pam_unix.so\nauth required {module}\naccount required {module}\n")
    before = key.counters()["pin_attempts"]
    code, shown = machine.pam("martin", rig.PASSWORD, service="hc-kept")
    equal(code, "PAM_CONV_ERR", shown)  # the PIN is asked for, and nobody answers
    matches("PIN of your key: ", shown)
    equal(key.counters()["pin_attempts"], before)
    for argument in ("use_first_pass", "try_first_pass"):
        rig.write(f"{folder}/hc-kept", f"auth optional pam_unix.so\nauth required {module} {argument}\n")
        code, shown = machine.pam("martin", rig.PASSWORD, service="hc-kept")
        equal(code, "PAM_SERVICE_ERR", shown)
    equal(key.counters()["pin_attempts"], before)


def a_helper_that_is_slow_to_speak_is_not_a_broker_that_hangs(machine):
    os.makedirs(WORK + "/slow", exist_ok=True)
    rig.write(WORK + "/slow/hc-fido2", "#!/bin/sh\nexec /bin/sleep 4\n", 0o755)
    machine.broker.configure(authd__helper_dir=WORK + "/slow")
    machine.broker.restart()
    code, shown = machine.pam("martin", service=SERVICE)
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    matches("HC-243", shown)
    code, shown, user = sign_in(machine, "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)
    matches(PROMPT, shown)
    machine.broker.configure(authd__helper_dir=WORK + "/bin")
    machine.broker.restart()


def without_rp_id_or_broker_the_login_is_asked_for(machine):
    machine.broker.configure(fido2__rp_id=None)
    machine.broker.restart()
    code, shown, user = sign_in(machine, "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)
    matches(r"(?m)^prompt: Login: ", shown)
    machine.broker.stop()
    code, shown, user = sign_in(machine, "root")
    equal((code, user), ("PAM_SUCCESS", "root"), shown)
    code, shown, user = sign_in(machine, "martin")
    equal((code, user), ("PAM_AUTHINFO_UNAVAIL", "martin"), shown)
    matches("HC-101", shown)
    machine.keys.stop()


rig.run([
    nobody_is_let_in_by_a_key_that_is_not_enrolled, a_key_that_is_there_says_who_it_is,
    a_wrong_pin_is_asked_for_again_and_names_nobody, a_key_that_comes_with_enter_is_taken,
    a_key_that_does_not_come_is_not_waited_for_for_ever, a_login_that_is_typed_is_treated_as_ever,
    an_exempt_login_that_is_typed_is_exempt, who_stands_before_anothers_key_can_type_his_login,
    a_foreign_key_leads_to_the_question, of_several_accounts_on_a_key_one_is_chosen,
    nobody_is_looked_for_where_that_is_not_allowed, login_takes_the_key_or_the_name,
    what_a_stack_kept_never_reaches_a_key, a_helper_that_is_slow_to_speak_is_not_a_broker_that_hangs,
    without_rp_id_or_broker_the_login_is_asked_for,
], setup)
