#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: Debian's sshd, keyboard-interactive, password then code.
 * who has no password is never asked for a code; a wrong, used or absent code lets nobody in
 * a right code signs in; another try is given within the conversation, three at most
 * five wrong codes lock, the time left is shown, and an administrator's clearing helps
 * a recovery code works once
 * unknown, unenrolled and disabled people are refused, each with its help-desk code; the disabled
   one by public key too (account phase), while an enabled or unknown one keeps his key
 * who was removed is unknown, and a namesake added later inherits nothing
 * texts are English or French as the broker is set, since sshd names no language
"""
import re

import rig
from rig import check, equal, matches

PASSWORD = "Password: "


def setup(machine):
    machine.broker.start()
    machine.start_sshd()


def wrong_password_is_never_asked_for_a_code(machine):
    machine.clinician("martin")
    signed_in, shown = machine.ssh_code("martin", password="not-it")

    check(not signed_in, shown)
    check("ode" not in shown.replace("code 255", ""), "no question for a code:", shown)
    equal([row for row in machine.audit("--user", "martin") if row["event"] == "sign-in"], [], "records")


def wrong_code_is_refused_three_times_and_no_more(machine):
    token = machine.clinician("durand")
    mark = machine.syslog.mark()
    signed_in, shown = machine.ssh_code("durand", token.wrong(), token.wrong(1), token.wrong(2))

    check(not signed_in, shown)
    equal(len(re.findall(r"HC-201", shown)), 3, "the reason, each time:", shown)
    machine.recorded("durand", "failure", "WRONG_CODE", service="sshd", factor="totp")
    machine.syslog.expect(r"hospiconnect-authd.*durand", mark)


def right_code_after_a_wrong_one_signs_in(machine):
    token = machine.clinician("petit")
    mark = machine.syslog.mark()
    signed_in, shown = machine.ssh_code("petit", token.wrong(), token.code())

    check(signed_in, shown)
    matches(r"HC-201", shown)
    row = machine.recorded("petit", "success", service="sshd", factor="totp")
    check("127.0.0.1" in row["origin"], row)
    machine.syslog.expect(r"hospiconnect-authd.*petit", mark)


def used_code_is_refused(machine):
    token = machine.clinician("moreau")
    code = token.code()
    first, shown = machine.ssh_code("moreau", code)
    check(first, shown)
    with machine.ssh("moreau") as terminal:
        terminal.expect(PASSWORD)
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.send(code)
        terminal.expect(r"HC-202")
    check("CODE_ALREADY_USED" in [row["reason"] for row in machine.audit("--user", "moreau")], "recorded")


def what_is_no_code_is_not_counted_against_the_factor(machine):
    token = machine.clinician("laurent")
    signed_in, shown = machine.ssh_code("laurent", "hunter2", "", token.code())

    check(signed_in, shown)
    equal(len(re.findall(r"HC-212", shown)), 2, shown)
    equal(machine.lockouts("laurent"), [], "counted failures")


def blanks_and_hyphens_do_not_matter(machine):
    token = machine.clinician("lambert")
    code = token.code()
    signed_in, shown = machine.ssh_code("lambert", f" {code[:3]} {code[3:]}")
    check(signed_in, shown)


def five_wrong_codes_lock_and_say_for_how_long(machine):
    token = machine.clinician("simon")
    wrong = [token.wrong(n) for n in range(5)]
    machine.ssh_code("simon", *wrong[:3])
    _, shown = machine.ssh_code("simon", *wrong[3:])

    left = matches(r"(\d+) s\b.*HC-203|HC-203.*?(\d+) s\b", shown.replace("\n", " "), "the lock and its time")
    check(20 <= int(left[1] or left[2]) <= 30, "first lock is 30 s:", shown)
    signed_in, shown = machine.ssh_code("simon")
    check(not signed_in, shown)
    matches("HC-203", shown, "a locked person is told, not asked:")
    machine.recorded("simon", "failure", "LOCKED_OUT")
    equal([row["failures"] for row in machine.lockouts("simon")], [5], "tries during the lock do not count")
    check(machine.last("simon", "lockout"), "the lock is in the trail")

    machine.ctl("lockout", "clear", "simon")
    signed_in, shown = machine.ssh_code("simon", token.code())
    check(signed_in, "cleared by an administrator:", shown)


def a_locked_phone_leaves_the_recovery_codes(machine):
    """Other factors are not affected; tries add up over all origins and services."""
    token = machine.clinician("andre")
    codes = machine.recovery("andre")
    machine.pam("andre", token.wrong(), token.wrong(1), token.wrong(2), options=["-r", "192.0.2.7"])
    signed_in, shown = machine.ssh_code("andre", token.wrong(3), token.wrong(4), codes[0])
    check(signed_in, shown)
    matches("HC-203.*Recovery code:", shown, "locked in the middle, the question names what is left:")
    equal([(row["factor"], row["failures"]) for row in machine.lockouts("andre")], [("totp", 5)],
          "a success of another factor does not clear the lock")
    signed_in, shown = machine.ssh_code("andre", token.code(), codes[1])
    check(signed_in and "HC-201" not in shown, "a right code of the locked factor is no answer:", shown)


def recovery_code_works_once_and_not_twice(machine):
    machine.person("michel")
    codes = machine.recovery("michel")
    equal(len(set(codes)), 10, codes)
    mark = machine.syslog.mark()
    signed_in, shown = machine.ssh_code("michel", codes[3])
    check(signed_in, shown)
    machine.recorded("michel", "success", factor="recovery")

    with machine.ssh("michel") as terminal:
        terminal.expect(PASSWORD)
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.send(codes[3])
        terminal.expect("HC-213")
    signed_in, shown = machine.ssh_code("michel", codes[4].lower().replace("-", " "))
    check(signed_in, "lower case, blanks:", shown)
    check(not any(code in machine.syslog.text(mark) + machine.broker.tail(1 << 20) for code in codes), "codes in a log")


def a_person_with_both_may_use_either(machine):
    token = machine.clinician("bonnet")
    codes = machine.recovery("bonnet")
    signed_in, shown = machine.ssh_code("bonnet", codes[0])
    check(signed_in, shown)
    signed_in, shown = machine.ssh_code("bonnet", token.code())
    check(signed_in, shown)


def person_without_enrolment_is_refused(machine):
    machine.person("garcia")
    signed_in, shown = machine.ssh_code("garcia")
    check(not signed_in, shown)
    matches("HC-204", shown)
    machine.recorded("garcia", "failure", "NOT_ENROLLED")


def pending_enrolment_is_none(machine):
    machine.person("dupont")
    token = rig.Token(machine.ctl("enroll", "totp", "dupont"))
    equal(token.state, "pending")
    signed_in, shown = machine.ssh_code("dupont")
    check(not signed_in and "HC-204" in shown, shown)
    refused = machine.ctl("credential", "confirm", token.id, "--code", token.wrong(), ok=False)
    equal(refused.returncode, 1, refused)
    rig.settle(2)
    machine.ctl("credential", "confirm", token.id, "--code", token.code(-1))
    signed_in, shown = machine.ssh_code("dupont", token.code())
    check(signed_in, "confirmed:", shown)


def revoked_token_is_refused(machine):
    token = machine.clinician("mercier")
    machine.ctl("credential", "revoke", token.id, "--reason", "phone lost")
    signed_in, shown = machine.ssh_code("mercier")
    check(not signed_in, shown)
    matches("HC-(204|217)", shown)
    machine.recorded("mercier", "failure")


def unknown_person_is_refused(machine):
    signed_in, shown = machine.ssh_code("david")
    check(not signed_in, shown)
    matches("HC-205", shown)
    machine.recorded("david", "failure", "UNKNOWN_PERSON")


def disabled_person_is_refused_by_code_and_by_key(machine):
    token = machine.clinician("bertrand")
    signed_in, shown = machine.ssh_key("bertrand")
    check(signed_in, "an enabled person keeps his key:", shown)
    machine.ctl("user", "disable", "bertrand")

    signed_in, shown = machine.ssh_code("bertrand")
    check(not signed_in and "HC-206" in shown, shown)
    machine.recorded("bertrand", "failure", "PERSON_DISABLED")
    mark = machine.syslog.mark()
    signed_in, shown = machine.ssh_key("bertrand")
    check(not signed_in, "account phase:", shown)
    machine.syslog.expect(r"pam_hospiconnect\(sshd:account\).*", mark)
    machine.recorded("bertrand", "failure", "PERSON_DISABLED", event="account")

    machine.ctl("user", "enable", "bertrand")
    signed_in, shown = machine.ssh_code("bertrand", token.code())
    check(signed_in, "enabled again:", shown)


def unknown_person_keeps_the_key(machine):
    signed_in, shown = machine.ssh_key("roux")
    check(signed_in, "the profile says user_unknown=ignore in the account phase:", shown)


def expired_person_is_refused(machine):
    machine.ctl("user", "add", "vincent", "--valid-until", "2020-01-01")
    machine.totp("vincent")
    signed_in, shown = machine.ssh_code("vincent")
    check(not signed_in and "HC-208" in shown, shown)
    signed_in, shown = machine.ssh_key("vincent")
    check(not signed_in, shown)


def hotp_token_signs_in_and_its_counter_only_goes_up(machine):
    token = machine.clinician("fournier", "hotp")
    first = token.next()
    signed_in, shown = machine.ssh_code("fournier", first)
    check(signed_in, shown)
    token.next()
    token.next()
    signed_in, shown = machine.ssh_code("fournier", first, token.next())
    check(signed_in, "two presses lost, within the window:", shown)
    equal(len(re.findall(r"HC-20[12]", shown)), 1, shown)


def other_algorithms_sign_in(machine):
    machine.person("morel")
    for algorithm in ("SHA512", "SHA256"):
        token = machine.totp("morel", "--algorithm", algorithm, "--digits", "8")
        equal((token.algorithm, token.digits), (algorithm.lower(), 8), token.uri)
        signed_in, shown = machine.ssh_code("morel", rig.oathtool(token, rig.time.time()))
        check(signed_in, algorithm, shown)


def removed_person_is_unknown_and_leaves_nothing_to_a_namesake(machine):
    token = machine.totp("durand")
    codes = machine.recovery("durand")
    machine.ctl("user", "remove", "durand")
    signed_in, shown = machine.ssh_code("durand")
    check(not signed_in and "HC-205" in shown, shown)

    machine.person("durand")
    signed_in, shown = machine.ssh_code("durand")
    check(not signed_in, shown)
    matches("HC-(204|217)", shown, "nothing of the other's is offered:")
    equal(machine.lockouts("durand"), [])
    machine.recovery("durand")
    signed_in, shown = machine.ssh_code("durand", token.code(), codes[0], codes[1])
    check(not signed_in, "the other's codes:", shown)


def french_is_spoken_where_the_broker_is_french(machine):
    token = machine.clinician("girard")
    machine.broker.configure(authd__language="fr")
    machine.broker.restart()
    with machine.ssh("girard") as terminal:
        terminal.expect(PASSWORD)
        terminal.send(rig.PASSWORD)
        terminal.expect("Code de vérification")
        terminal.send(token.wrong())
        terminal.expect("ode incorrect.*HC-201")
        terminal.expect("Code de vérification")
        terminal.send(token.code())
        equal(terminal.wait(), 0, terminal.seen)
    _, shown = machine.ssh_code("david")
    matches("HospiConnect.*HC-205|HC-205", shown)
    check("is not" not in shown and "unknown" not in shown, "no English:", shown)


rig.run([
    wrong_password_is_never_asked_for_a_code, wrong_code_is_refused_three_times_and_no_more,
    right_code_after_a_wrong_one_signs_in, used_code_is_refused, what_is_no_code_is_not_counted_against_the_factor,
    blanks_and_hyphens_do_not_matter, five_wrong_codes_lock_and_say_for_how_long,
    a_locked_phone_leaves_the_recovery_codes, recovery_code_works_once_and_not_twice, a_person_with_both_may_use_either, person_without_enrolment_is_refused,
    pending_enrolment_is_none, revoked_token_is_refused, unknown_person_is_refused,
    disabled_person_is_refused_by_code_and_by_key, unknown_person_keeps_the_key, expired_person_is_refused,
    hotp_token_signs_in_and_its_counter_only_goes_up, other_algorithms_sign_in,
    removed_person_is_unknown_and_leaves_nothing_to_a_namesake,
    french_is_spoken_where_the_broker_is_french, rig.no_complaint_in_the_brokers_log,
], setup)
