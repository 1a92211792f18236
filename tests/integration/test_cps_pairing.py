#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a card that is nobody's becomes its holder's by the holder's own word, and by nothing less.
 * where administrators link cards, it is asked for no PIN and offered to nobody
 * shown at a login prompt, then a password and a code: the question; a no links nothing and the sign-in stands
 * a recovery code, another host, and a later sign-in are offered nothing
 * a yes links it, with its record, and it signs in from then on; each C_Login counted
 * behind a security key and its PIN as behind a password and a code; not behind a wrong PIN
"""
import os
import shutil
import sys

import cards
import key_rig
import rig
from rig import WORK, check, equal, matches

sys.path.insert(0, os.path.join(cards.SOURCE, "..", "support"))

import igc  # noqa: E402  pylint: disable=wrong-import-position

PIN = "1234"
AUTH_ID = "e828bd080f8025000001ff001020"
SERVICE, BY_KEY = "hc-pairing", "hc-pairing-key"
ZOE = "C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN=DARC\n+CN=899700218896\n"
ZOE_UPN = [("subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr")]
QUESTION = r"Link the card of .*MAX LIBRE \(899900063480\) to your account martin\? \[yes/no\]"


class OnCard:
    """A certificate as the tests' module wants it."""

    def __init__(self, party):
        self.key, self.der = party.key, party.base + ".der"
        with open(self.der, "wb") as out:
            out.write(party.der)


def setup(machine):
    folder = WORK + "/pki"
    for path in (folder, WORK + "/trust", WORK + "/crl"):
        os.makedirs(path, mode=0o755)
    people = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES")
    shutil.copy(people.pem, WORK + "/trust/people.pem")
    with open(WORK + "/crl/people.crl", "wb") as out:
        out.write(people.crl())
    machine.readers = cards.Readers(WORK + "/cards")
    machine.readers.card("max", (AUTH_ID, OnCard(igc.card(folder, "max", people))))
    machine.readers.card("zoe", (AUTH_ID, OnCard(igc.card(folder, "zoe", people, ZOE, ZOE_UPN))))
    machine.readers.insert("max")
    machine.broker.configure(authd__helper_dir=WORK + "/bin", cps__module=machine.readers.module,
                             cps__trust_dir=WORK + "/trust", cps__crl_dir=WORK + "/crl", fido2__insert_timeout="2s",
                             policy__nameless_services=f"{SERVICE} {BY_KEY}")
    machine.broker.start()
    machine.person("martin")
    machine.token = machine.hotp("martin")
    module = f"{rig.MODULE} mode="
    rig.write(f"{machine.pam_folder()}/{SERVICE}",
              f"auth [success=2 default=ignore] {module}primary methods=cps\n"
              "auth [success=1 default=ignore] pam_unix.so\n"
              "auth requisite pam_deny.so\n"
              "auth required pam_permit.so\n"
              f"auth required {module}second-factor methods=totp,recovery\n"
              f"account required {module}second-factor\n")


def logins(machine):
    """What reached the card since the last look."""
    found = machine.readers.logins()
    seen, machine.seen = getattr(machine, "seen", 0), len(found)
    return found[seen:]


def sign_in(machine, *answers, user="-", service=SERVICE, **how):
    return machine.pam(user, *answers, service=service, **how)


def enrolled(machine, login="martin"):
    return "cps" in [row["type"] for row in machine.credentials(login)]


def where_administrators_link_cards_it_is_offered_to_nobody(machine):
    code, shown = sign_in(machine, "martin", rig.PASSWORD, machine.token.next())
    equal(code, "PAM_SUCCESS", shown)
    check("Link the card" not in shown, shown)
    equal(logins(machine), [], shown)
    machine.broker.configure(cps__pairing="first-use-after-strong-sign-in")
    machine.broker.restart()


def a_no_links_nothing_and_the_sign_in_stands(machine):
    code, shown = sign_in(machine, PIN, "martin", rig.PASSWORD, machine.token.next(), "no")
    equal(code, "PAM_SUCCESS", shown)
    matches("HC-250", shown)
    matches(QUESTION, shown)
    equal(logins(machine), ["max right"], shown)
    row = machine.recorded("martin", "failure", event="enroll", factor="cps")
    matches("first use after strong sign-in; card=2600855206", row["detail"])
    check(not enrolled(machine))


def a_front_end_that_cannot_ask_keeps_nobody_out(machine):
    code, shown = sign_in(machine, PIN, "martin", rig.PASSWORD, machine.token.next())
    equal(code, "PAM_SUCCESS", shown)
    equal(logins(machine), ["max right"], shown)
    check(not enrolled(machine))


def another_host_a_recovery_code_and_another_sign_in_are_offered_nothing(machine):
    code, shown = sign_in(machine, "martin", rig.PASSWORD, machine.token.next(), options=("-r", "192.0.2.7"))
    equal(code, "PAM_SUCCESS", shown)
    check("Link the card" not in shown, shown)
    equal(logins(machine), [], shown)
    code, shown = sign_in(machine, PIN, "martin", rig.PASSWORD, machine.recovery("martin")[0], "yes")
    equal(code, "PAM_SUCCESS", shown)
    check("Link the card" not in shown, shown)
    equal(logins(machine), ["max right"], shown)
    code, shown = sign_in(machine, rig.PASSWORD, machine.token.next(), user="martin")
    equal(code, "PAM_SUCCESS", shown)
    check("Link the card" not in shown, shown)
    equal(logins(machine), [], shown)
    check(not enrolled(machine))


def a_yes_links_it_and_it_signs_in_from_then_on(machine):
    code, shown = sign_in(machine, PIN, "martin", rig.PASSWORD, machine.token.next(), "Oui")
    equal(code, "PAM_SUCCESS", shown)
    matches("The card is linked to your account martin now", shown)
    row = machine.recorded("martin", "success", event="enroll", factor="cps")
    matches("first use after strong sign-in; card=2600855206 national-id=899900063480", row["detail"])
    equal(logins(machine), ["max right"], shown)
    code, shown = sign_in(machine, PIN)
    equal(code, "PAM_SUCCESS", shown)
    matches(r"(?m)^user: martin$", shown)
    equal(logins(machine), ["max right"], shown)


def behind_a_key_and_its_pin_it_is_offered_too(machine):
    machine.broker.stop()
    key_rig.setup(machine, "durand")
    module = f"{rig.MODULE} mode=primary methods="
    rig.write(f"{machine.pam_folder()}/{BY_KEY}",
              f"auth [success=2 default=ignore] {module}cps\n"
              f"auth [success=1 default=ignore] {module}fido2\n"
              "auth requisite pam_deny.so\n"
              "auth required pam_permit.so\n"
              f"account required {module}fido2\n")
    key = key_rig.plug(machine, "a")
    key_rig.enroll(machine, "durand")
    machine.readers.insert("zoe")
    question = r"Link the card of .*ZOÉ DARC \(899700218896\) to your account durand\? \[yes/no\]"
    for pin, asked in (("999999", False), (key_rig.PIN, True)):
        with key_rig.spent(key, tries=1, wrong=0 if asked else 1):
            code, shown = sign_in(machine, PIN, "durand", pin, *(["yes"] if asked else []), service=BY_KEY)
        equal(code == "PAM_SUCCESS", asked, shown)
        equal(bool(rig.re.search(question, shown)), asked, shown)
        equal(logins(machine), ["zoe right"], shown)
        equal(enrolled(machine, "durand"), asked, shown)
    row = machine.recorded("durand", "success", event="enroll", factor="cps")
    matches("first use after strong sign-in; card=2600855206 national-id=899700218896", row["detail"])
    code, shown = sign_in(machine, PIN, service=BY_KEY)
    equal(code, "PAM_SUCCESS", shown)
    matches(r"(?m)^user: durand$", shown)
    equal(logins(machine), ["zoe right"], shown)
    key_rig.nothing_is_left(machine)


rig.run([
    where_administrators_link_cards_it_is_offered_to_nobody, a_no_links_nothing_and_the_sign_in_stands,
    a_front_end_that_cannot_ask_keeps_nobody_out, another_host_a_recovery_code_and_another_sign_in_are_offered_nothing,
    a_yes_links_it_and_it_signs_in_from_then_on, behind_a_key_and_its_pin_it_is_offered_too,
], setup)
