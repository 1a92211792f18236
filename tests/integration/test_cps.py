#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: cards sign people in at this machine, through real PAM, broker and helper, with the tests' PKCS#11 module.
 * unknown, somebody else's, expired, revoked and test cards are refused with their reasons, and never get a PIN
 * right PIN, wrong once, what is no PIN, a refused PIN that is not sent twice, a blocked card; each C_Login counted
 * a renewed card takes the former one's place; a card completes a password; from a remote host none is waited for
"""
import os
import shutil
import sys
import time

import cards
import rig
from rig import WORK, check, equal, matches

sys.path.insert(0, os.path.join(cards.SOURCE, "..", "support"))

import igc  # noqa: E402  pylint: disable=wrong-import-position

PIN = "1234"
AUTH_ID = "e828bd080f8025000001ff001020"
PKI = {}
SECOND = "C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN=D'ARC\n+CN=899700218896\n"
SECOND_UPN = [("subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr")]


class OnCard:
    """A certificate as the tests' module wants it."""

    def __init__(self, party):
        self.key, self.der = party.key, party.base + ".der"
        with open(self.der, "wb") as out:
            out.write(party.der)


def make_certificates(folder):
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    people = PKI["people"] = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES")
    test = igc.authority(folder, "test-people", "TEST AC IGC-SANTE FORT PERSONNES", unit="IGC-SANTE TEST")
    PKI["anchors"] = [people, test]
    PKI["max"] = igc.card(folder, "max", people)
    PKI["newer"] = igc.card(folder, "newer", people, days=(-5, 1000))
    PKI["zoe"] = igc.card(folder, "zoe", people, subject=SECOND, changes=SECOND_UPN)
    PKI["lost"] = igc.card(folder, "lost", people)
    PKI["expired"] = igc.card(folder, "expired", people, days=(-100, -1))
    PKI["test"] = igc.card(folder, "test", test, changes=[igc.TEST_CATEGORY])
    PKI["servers"] = igc.card(folder, "servers", people, changes=[("extendedKeyUsage", "serverAuth")])
    PKI["dentist"] = igc.card(folder, "dentist", people, days=(-5, 1100), changes=[("1.2.250.1.71.1.2.7", "DER:020128")])
    people.revoke(PKI["lost"])


def setup(machine):
    make_certificates(WORK + "/pki")
    for name in ("trust", "crl"):
        os.makedirs(f"{WORK}/{name}", mode=0o755)
    for number, anchor in enumerate(PKI["anchors"]):
        shutil.copy(anchor.pem, f"{WORK}/trust/{number}.pem")
        with open(f"{WORK}/crl/{number}.crl", "wb") as out:
            out.write(anchor.crl())
    machine.readers = cards.Readers(WORK + "/cards")
    for name in ("max", "newer", "zoe", "lost", "expired", "test", "servers", "dentist"):
        machine.readers.card(name, (AUTH_ID, OnCard(PKI[name])))
    machine.broker.configure(authd__helper_dir=WORK + "/bin", cps__module=machine.readers.module,
                             cps__trust_dir=WORK + "/trust", cps__crl_dir=WORK + "/crl", fido2__insert_timeout="2s")
    machine.broker.start()
    for name in ("martin", "durand"):
        machine.person(name)


def insert(machine, name):
    machine.readers.insert(name)


def logins(machine):
    """What reached a card since the last look."""
    found = machine.readers.logins()
    seen, machine.seen = getattr(machine, "seen", 0), len(found)
    return found[seen:]


def enroll(machine, login, name):
    return machine.ctl("enroll", "cps", login, "--certificate", PKI[name].pem)


def sign_in(machine, login, *answers, mode="primary", **how):
    folder = machine.pam_folder()
    service = "hc-" + mode
    module = f"{rig.MODULE} mode={mode} methods=cps,totp,recovery"
    rig.write(f"{folder}/{service}", f"auth required {module}\naccount required {module}\n")
    return machine.pam(login, *answers, service=service, **how)


def without_a_card_of_ones_own_nobody_is_let_in(machine):
    insert(machine, "max")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    equal(logins(machine), [], "no PIN is sent for nothing")


def each_wrong_card_has_its_reason(machine):
    enroll(machine, "martin", "max")
    enroll(machine, "durand", "zoe")
    for name, reason in (("expired", "HC-252"), ("lost", "HC-253"), ("test", "HC-256"), ("zoe", "HC-260")):
        insert(machine, name)
        code, shown = sign_in(machine, "martin", "9876")
        equal(code, "PAM_AUTH_ERR", name, shown)
        matches(reason, shown)
        equal(logins(machine), [], "it is no business of that card", shown)
        row = machine.recorded("martin", "failure", factor="cps")
        matches("national-id=8", row["detail"])
    insert(machine, "servers")
    code, shown = sign_in(machine, "martin", "9876")
    check(code != "PAM_SUCCESS", shown)
    equal(logins(machine), [], shown)
    equal(machine.lockouts("martin"), [], "nobody guessed at anything")


def the_right_pin_signs_in(machine):
    insert(machine, "max")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)
    equal(logins(machine), ["max right"])
    row = machine.recorded("martin", "success", factor="cps")
    matches("verified by the device; card=2600855206 national-id=899900063480", row["detail"])


def what_is_no_pin_is_not_sent(machine):
    code, shown = sign_in(machine, "martin", "", "secret", "12", PIN)
    equal(code, "PAM_SUCCESS", shown)
    matches("HC-266", shown)
    equal(logins(machine), ["max right"])


def a_wrong_pin_costs_one_try_and_is_never_sent_again(machine):
    code, shown = sign_in(machine, "martin", "9999")
    check(code != "PAM_SUCCESS", shown)
    equal(logins(machine), ["max wrong"])
    equal(machine.readers.tries("max"), 2)
    code, shown = sign_in(machine, "martin", "9999", "9999", PIN)  # another process of the helper
    equal(code, "PAM_SUCCESS", shown)
    matches("HC-265", shown)
    equal(logins(machine), ["max right"])
    equal(machine.readers.tries("max"), 3)


def a_renewed_card_takes_the_place_of_the_former(machine):
    insert(machine, "newer")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("martin", "success", event="card-renew")
    insert(machine, "max")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-250", shown)
    insert(machine, "newer")
    logins(machine)


def two_professions_are_two_cards_and_two_links(machine):
    insert(machine, "dentist")
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-250", shown)
    equal(logins(machine), [], shown)
    machine.dentist = enroll(machine, "martin", "dentist")["id"]
    for name in ("dentist", "newer"):
        insert(machine, name)
        code, shown = sign_in(machine, "martin", PIN)
        equal(code, "PAM_SUCCESS", name, shown)
        equal(logins(machine), [f"{name} right"], shown)


def who_is_disabled_or_whose_link_is_revoked_is_asked_for_no_pin(machine):
    insert(machine, "dentist")
    machine.ctl("user", "disable", "martin")
    code, shown = sign_in(machine, "martin", PIN)
    check(code != "PAM_SUCCESS", shown)
    matches("HC-206", shown)
    machine.ctl("user", "enable", "martin")
    machine.ctl("credential", "revoke", machine.dentist, "--reason", "lost")
    code, shown = sign_in(machine, "martin", PIN)
    check(code != "PAM_SUCCESS", shown)
    matches("HC-217", shown)
    equal(logins(machine), [], shown)
    insert(machine, "newer")


def nobody_at_another_machine_is_asked_for_a_card(machine):
    code, shown = sign_in(machine, "martin", PIN, options=("-r", "192.0.2.7"))
    equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
    equal(logins(machine), [])


def a_card_completes_a_password_and_a_code_will_do(machine):
    token = machine.totp("martin")
    code, shown = sign_in(machine, "martin", PIN, mode="second-factor")
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("martin", "success", factor="cps")
    machine.readers.remove()
    code, shown = sign_in(machine, "martin", token.code(), mode="second-factor")
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("martin", "success", factor="totp")
    insert(machine, "newer")
    logins(machine)


def a_list_that_is_gone_refuses(machine):
    os.rename(WORK + "/crl/0.crl", WORK + "/kept.crl")
    time.sleep(1.1)  # how often the broker looks
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-255", shown)
    os.rename(WORK + "/kept.crl", WORK + "/crl/0.crl")
    time.sleep(1.1)
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)


def a_list_that_ran_out_serves_in_degraded_mode_alone(machine):
    with open(WORK + "/crl/0.crl", "wb") as out:
        out.write(PKI["people"].crl(since=-3, until=-1))
    time.sleep(1.1)
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-255", shown)
    machine.broker.configure(cps__crl_degraded_max_age="3d")
    machine.broker.restart()
    code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_SUCCESS", shown)
    matches("old list", shown)
    matches("mode dégradé", machine.recorded("martin", "success", factor="cps")["detail"])


def a_blocked_card_is_told_so(machine):
    logins(machine)
    code, shown = sign_in(machine, "martin", "0001", "0002", "yes", "0003")
    check(code != "PAM_SUCCESS", shown)
    equal(machine.readers.tries("newer"), 0, shown)
    code, shown = sign_in(machine, "martin", PIN)
    check(code != "PAM_SUCCESS", shown)
    matches("HC-233", shown)
    equal(logins(machine), ["newer wrong"] * 3)


rig.run([
    without_a_card_of_ones_own_nobody_is_let_in, each_wrong_card_has_its_reason, the_right_pin_signs_in,
    what_is_no_pin_is_not_sent, a_wrong_pin_costs_one_try_and_is_never_sent_again,
    a_renewed_card_takes_the_place_of_the_former, two_professions_are_two_cards_and_two_links,
    who_is_disabled_or_whose_link_is_revoked_is_asked_for_no_pin, nobody_at_another_machine_is_asked_for_a_card,
    a_card_completes_a_password_and_a_code_will_do, a_list_that_is_gone_refuses, a_list_that_ran_out_serves_in_degraded_mode_alone, a_blocked_card_is_told_so,
], setup)
