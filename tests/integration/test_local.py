#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: su, sudo, login and a screen locker, on a terminal, as the people themselves.
 * su asks for the target's factor, sudo for the caller's (root's is never asked for)
 * the language is the caller's own
 * a locker runs as the user: for itself it signs in; for another, or under a service that is no
   locker's, it is refused; its wrong codes lock itself and nobody's sshd or su
 * an exempt account (root) signs in while the broker is dead, and not from a remote host; nobody
   else does, locally or remotely
"""
import subprocess

import rig
from rig import WORK, check, equal, matches


def setup(machine):
    machine.broker.start()
    machine.tokens = {login: machine.clinician(login, "hotp") for login in ("martin", "durand", "petit", "moreau")}


def terminal_as(login, *command, lang="en_GB.UTF-8"):
    uid = rig.uid_of(login)
    return rig.Terminal(command, uid=uid, gid=uid, env={"PATH": "/usr/bin:/bin", "LANG": lang, "TERM": "dumb"}, cwd="/")


def answer(machine, terminal, *codes, password="assword.*: "):
    terminal.expect(password)
    terminal.send(rig.PASSWORD)
    for code in codes:
        terminal.expect(machine.prompt)
        terminal.send(code)
    return terminal.wait()


def su_refuses_the_callers_own_code(machine):
    with terminal_as("martin", "su", "durand", "-c", "id -un") as terminal:
        wrong = [machine.tokens["martin"].next() for _ in range(3)]
        check(answer(machine, terminal, *wrong) != 0, terminal.seen)
        matches("HC-201", terminal.seen)
    machine.recorded("durand", "failure", "WRONG_CODE", service="su")


def su_asks_for_the_targets_factor(machine):
    with terminal_as("martin", "su", "durand", "-c", "id -un") as terminal:
        equal(answer(machine, terminal, machine.tokens["durand"].next()), 0, terminal.seen)
        matches(r"(?m)^durand$", terminal.seen)
    machine.recorded("durand", "success", service="su")


def su_speaks_the_callers_language(machine):
    with terminal_as("martin", "su", "durand", "-c", "id -un", lang="fr_FR.UTF-8") as terminal:
        terminal.expect("assword|passe")
        terminal.send(rig.PASSWORD)
        terminal.expect("Code de vérification")
        terminal.send("000")
        terminal.expect("HC-212")
        terminal.expect("Code de vérification")
        terminal.send(machine.tokens["durand"].next())
        equal(terminal.wait(), 0, terminal.seen)


def sudo_refuses_the_targets_code(machine):
    machine.ctl("user", "add", "root")
    root = machine.hotp("root")
    with terminal_as("martin", "sudo", "id", "-un") as terminal:
        codes = [root.next() for _ in range(3)]
        check(answer(machine, terminal, *codes) != 0, terminal.seen)
    machine.recorded("martin", "failure", "WRONG_CODE", service="sudo")
    machine.ctl("user", "remove", "root")


def sudo_asks_for_the_callers_factor_each_time(machine):
    for target in ("root", "durand", "root"):
        with terminal_as("martin", "sudo", "-u", target, "id", "-un") as terminal:
            equal(answer(machine, terminal, machine.tokens["martin"].next()), 0, terminal.seen)
            matches(rf"(?m)^{target}$", terminal.seen)
        machine.recorded("martin", "success", service="sudo")


def login_on_a_terminal(machine):
    with rig.Terminal(["login", "petit"], env={"PATH": "/usr/bin:/bin", "TERM": "dumb"}) as terminal:
        terminal.expect("assword: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.send(machine.tokens["petit"].next())
        terminal.expect(r"\$ ")
        terminal.send("id -un; exit")
        terminal.expect(r"(?m)^petit$")
        terminal.wait()
    row = machine.recorded("petit", "success", service="login")
    matches("pts/", row["origin"])


def login_refuses_a_wrong_code(machine):
    with rig.Terminal(["login", "petit"], env={"PATH": "/usr/bin:/bin", "TERM": "dumb"}) as terminal:
        terminal.expect("assword: ")
        terminal.send(rig.PASSWORD)
        for nth in range(3):
            terminal.expect(machine.prompt)
            terminal.send(machine.tokens["petit"].wrong(nth))
        terminal.expect("incorrect")
    machine.recorded("petit", "failure", "WRONG_CODE", service="login")


def locker(login, service, *answers):
    done = subprocess.run([WORK + "/bin/locker", service, *answers], capture_output=True, text=True, timeout=30,
                          env={"LANG": "en_GB.UTF-8"}, **rig.as_user(login))
    return done.returncode, done.stdout


def locker_is_refused_for_another_person(machine):
    rig.stack("swaylock", before="")  # pam_unix would already refuse: the broker must by itself
    status, shown = locker("martin", "swaylock", "durand", machine.tokens["durand"].next())
    equal(status, 1, shown)
    matches("authenticate: PAM_AUTH_ERR", shown)
    check("prompt" not in shown, "nothing is asked:", shown)
    machine.syslog.expect("HC-214")
    rig.stack("swaylock")


def locker_is_refused_under_another_service(machine):
    status, shown = locker("martin", "notalocker", "martin", rig.PASSWORD, machine.tokens["martin"].next())
    equal(status, 1, shown)
    matches("authenticate: PAM_AUTH_ERR", shown)
    machine.syslog.expect("HC-215")


def locker_unlocks_for_its_own_user(machine):
    status, shown = locker("martin", "swaylock", "martin", rig.PASSWORD, machine.tokens["martin"].next())
    equal(status, 0, shown)
    row = machine.recorded("martin", "success", service="swaylock")
    matches(str(rig.uid_of("martin")), row["actor"])


def lockers_second_try_on_one_handle(machine):
    token = machine.tokens["moreau"]
    status, shown = locker("moreau", "swaylock", "moreau", rig.PASSWORD, *[token.wrong(n) for n in range(3)], "--",
                           rig.PASSWORD, token.next())
    equal(status, 0, shown)
    # a locker loses messages: the reason must stand in the next question
    matches("prompt: .*HC-201", shown)


def lockers_wrong_codes_lock_nobody_else_out(machine):
    token = machine.tokens["moreau"]
    for _ in range(2):
        status, shown = locker("moreau", "swaylock", "moreau", rig.PASSWORD, *[token.wrong(n) for n in range(3)])
        equal(status, 1, shown)
    equal([(row["scope"], row["failures"]) for row in machine.lockouts("moreau")],
          [(f"uid:{rig.uid_of('moreau')}", 5)], "its own bucket")
    status, shown = locker("moreau", "swaylock", "moreau", rig.PASSWORD, token.next())
    matches("authenticate: PAM_MAXTRIES", shown)
    code, output = machine.pam("moreau", token.next(), options=["-r", "10.1.2.3"], service="hc-test")
    equal(code, "PAM_SUCCESS", "root's services are open:", output)


def a_lock_from_root_services_holds_at_the_locker(machine):
    token = machine.tokens["petit"]
    machine.ctl("lockout", "clear", "petit")
    for _ in range(2):
        machine.pam("petit", *[token.wrong(n) for n in range(3)])
    status, shown = locker("petit", "swaylock", "petit", rig.PASSWORD, token.next())
    equal(status, 1, shown)
    matches("authenticate: PAM_MAXTRIES", shown)
    machine.ctl("lockout", "clear", "petit")


def exempt_account_needs_no_code(machine):
    mark = machine.syslog.mark()
    with terminal_as("martin", "su", "root", "-c", "id -un") as terminal:
        equal(answer(machine, terminal), 0, terminal.seen)
    machine.syslog.expect("pam_hospiconnect.*exempt.*root|root.*exempt", mark)


def exempt_account_signs_in_while_the_broker_is_dead(machine):
    machine.broker.stop()
    with terminal_as("martin", "su", "root", "-c", "id -un") as terminal:
        equal(answer(machine, terminal), 0, terminal.seen)
        matches(r"(?m)^root$", terminal.seen)
    with rig.Terminal(["login", "root"], env={"PATH": "/usr/bin:/bin", "TERM": "dumb"}) as terminal:
        terminal.expect("assword: ")
        terminal.send(rig.PASSWORD)
        terminal.expect("# ")
        terminal.send("id -un; exit")
        terminal.expect(r"(?m)^root$")


def exempt_account_does_not_from_remote(machine):
    machine.start_sshd()
    signed_in, shown = machine.ssh_code("root")
    check(not signed_in, "PAM_RHOST is set:", shown)
    matches("HC-101", shown)
    signed_in, shown = machine.ssh_key("root")
    check(not signed_in, "account phase too:", shown)


def nobody_else_signs_in_while_the_broker_is_dead(machine):
    with terminal_as("martin", "su", "durand", "-c", "echo SIGNED-IN") as terminal:
        check(answer(machine, terminal) != 0 and "SIGNED-IN" not in terminal.seen, terminal.seen)
        matches("HC-101", terminal.seen)
    with terminal_as("martin", "sudo", "echo", "SIGNED-IN") as terminal:
        check(answer(machine, terminal) != 0, terminal.seen)
    signed_in, shown = machine.ssh_code("martin")
    check(not signed_in, shown)
    status, shown = locker("martin", "swaylock", "martin", rig.PASSWORD)
    equal(status, 1, shown)
    matches("PAM_AUTHINFO_UNAVAIL", shown)


def exempt_remote_lets_the_exempt_in_from_remote(machine):
    rig.stack("sshd", "exempt_remote")
    signed_in, shown = machine.ssh_code("root")
    check(signed_in, shown)
    rig.stack("sshd")


rig.run([
    su_refuses_the_callers_own_code, su_asks_for_the_targets_factor, su_speaks_the_callers_language,
    sudo_refuses_the_targets_code, sudo_asks_for_the_callers_factor_each_time, login_on_a_terminal,
    login_refuses_a_wrong_code, locker_is_refused_for_another_person, locker_is_refused_under_another_service,
    locker_unlocks_for_its_own_user, lockers_second_try_on_one_handle, lockers_wrong_codes_lock_nobody_else_out,
    a_lock_from_root_services_holds_at_the_locker, exempt_account_needs_no_code,
    exempt_account_signs_in_while_the_broker_is_dead, exempt_account_does_not_from_remote,
    nobody_else_signs_in_while_the_broker_is_dead, exempt_remote_lets_the_exempt_in_from_remote, rig.no_complaint_in_the_brokers_log,
], setup)
