# SPDX-License-Identifier: Apache-2.0
"""Cases that walk through the day of two people with each factor there is, as script/demo does, but on what the packages
installed: their units, their profiles, /etc/pam.d as Debian has it, OpenSC and pcscd from apt.

Not script/demo itself: it makes a machine of its own (accounts, stacks, configuration, certificate), which is what the
packages are to bring here.
"""
import glob
import json
import os
import re

import smartcard
from machine import HERE, PASSWORD, apt, check, edit, equal, run, wait_for, write
from pages import REDIRECT, Browser, application, gateway_is_ready
from smartcard import igc

BLUE_PIN = "246810"
NAMELESS = ("login: =",)  # Debian's pam_nologin asks for a login first: Enter
DURAND = "C=FR\ntitle=Médecin\nGN=PAUL\n+SN=DURAND\n+CN=899900063480\n"


def at_terminal(*words, seconds=30):
    """(status, what was shown): a person at a terminal; RULE… -- COMMAND… as in ptyrun.py."""
    done = run("python3", "-B", HERE + "/tests/support/ptyrun.py", "-t", str(seconds), *words, ok=False,
               env={"TERM": "dumb", "NO_COLOR": "1", "LANG": "C.UTF-8"})
    return done.returncode, done.stdout.replace("\r", "") + done.stderr


def newest(login, event="sign-in"):
    rows = json.loads(run("hospictl", "--json", "audit", "list", "--user", login).stdout)
    return [row for row in rows if row["event"] == event][-1]


def signs_in_at_the_workstation(login, factor, *rules):
    """login(1), where nobody types a login."""
    status, shown = at_terminal(*NAMELESS, *rules, r"[$#] $=id -un; exit", "--", "login")
    check(status == 0 and f"\n{login}\n" in shown, status, shown)
    row = newest(login)
    equal((row["outcome"], row["factor"], row["service"]), ("success", factor, "login"))
    return shown


def credential_of(login, kind):
    rows = json.loads(run("hospictl", "--json", "credential", "list", login).stdout)
    return [row["id"] for row in rows if row["type"] == kind and row["state"] == "active"][-1]


# ---- factors


def a_code_is_good_for_once(machine):
    """The demonstration's sign-ins by ssh."""
    good = machine.code("martin")
    entered, shown = machine.ssh("martin", PASSWORD, machine.wrong("martin"), good)
    check(entered and "HC-201" in shown, shown)
    entered, shown = machine.ssh("martin", PASSWORD, good)
    check(not entered and "HC-202" in shown, shown)
    paper = machine.paper()
    entered, shown = machine.ssh("martin", PASSWORD, paper)
    check(entered, shown)
    entered, shown = machine.ssh("martin", PASSWORD, paper)
    check(not entered and "HC-213" in shown, shown)
    machine.account("petit")
    run("hospictl", "user", "add", "petit")
    entered, shown = machine.ssh("petit", PASSWORD)
    check(not entered, "a password alone let in")
    check("NOT_ENROLLED" in run("hospictl", "audit", "list", "--user", "petit").stdout)
    machine.units.stop("hospiconnect-authd.service")
    entered, shown = machine.ssh("martin", PASSWORD, machine.paper())
    check(not entered, "without the broker", shown)
    machine.units.start("hospiconnect-authd.service")
    entered, shown = machine.ssh("martin", PASSWORD, machine.paper())
    check(entered, shown)


def a_token_of_counters_signs_in(machine):
    answer = run("hospictl", "--json", "enroll", "hotp", "petit", "--no-confirm").stdout
    seed = re.search(r"secret=([A-Z2-7]+)", answer).group(1)
    entered, shown = machine.ssh("petit", PASSWORD, "000000")
    check(not entered, shown)
    code = machine.number(seed, 0)
    entered, shown = machine.ssh("petit", PASSWORD, code)
    check(entered, shown)
    entered, shown = machine.ssh("petit", PASSWORD, code)
    check(not entered, "the same code again", shown)


def a_key_says_who_is_there(machine):
    """A new key, its first PIN at the enrolment, then a sign-in without a login."""
    machine.keys.keys["a"].remove()
    machine.keys.plug("blue", "--mode", "0666", "--attestation", "self", "--touch", "auto:200")
    status, shown = at_terminal(rf"more[^:]*: ={BLUE_PIN}", rf"once[^:]*: ={BLUE_PIN}", rf"PIN[^:]*: ={BLUE_PIN}", "--",
                                "hospictl", "enroll", "fido2", "martin", "--discoverable", "--label", "blue key")
    equal(status, 0, shown)
    signs_in_at_the_workstation("martin", "fido2", rf"PIN[^:]*: ={BLUE_PIN}")
    machine.keys.keys["blue"].remove()


class Cards:
    """Two authorities, a card and one that was lost; pcscd with a virtual reader, as Debian's packages have them."""

    def __init__(self, folder="/run/hc-cards"):
        os.makedirs(folder)
        self.folder = folder
        root = igc.authority(folder, "root", "AC RACINE IGC-SANTE FORT", unit="TEST")
        people = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES", unit="TEST", issuer=root)
        with open(folder + "/authorities.pem", "w", encoding="ascii") as out:
            for party in (root, people):
                with open(party.pem, encoding="ascii") as source:
                    out.write(source.read())
        self.durand = igc.card(folder, "durand", people, subject=DURAND)
        self.lost = igc.card(folder, "lost", people, subject=DURAND)
        people.revoke(self.lost)
        self.people = people
        with open(folder + "/list.crl", "wb") as out:
            out.write(people.crl())
        self.service = smartcard.Service()
        self.slots = [smartcard.Slot(0), smartcard.Slot(1)]
        self.client = smartcard.Client()
        self.card = smartcard.Card(folder + "/card", "2600800001", s9a=self.durand)

    def insert(self):
        self.slots[0].insert(self.card)
        self.client.await_card(self.slots[0].reader)

    def remove(self):
        self.slots[0].empty()
        self.client.await_card(self.slots[0].reader, False)

    def close(self):
        self.client.close()
        for slot in self.slots:
            slot.close()
        self.service.close()


def a_card_says_who_is_there(machine):
    """The middleware and the service of readers from Debian, and the helper that its unit starts."""
    apt("install", "pcscd", "opensc-pkcs11", "vsmartcard-vpcd")
    module = glob.glob("/usr/lib/*/opensc-pkcs11.so")[0]
    edit("/etc/hospiconnect/authd.conf", (r"^\[cps\]$", f"[cps]\nmodule = {module}\non_removal = nothing"))
    machine.units.restart("hospiconnect-authd.service")
    machine.cards = cards = Cards()
    run("hospictl", "cps", "trust", "add", cards.folder + "/authorities.pem")
    run("hospictl", "cps", "crl", "add", cards.folder + "/list.crl")
    lost = run("hospictl", "--lang", "en", "enroll", "cps", "durand", "--certificate", cards.lost.pem, "--yes", ok=False)
    check(lost.returncode == 1 and "HC-253" in lost.stdout + lost.stderr, lost)
    cards.insert()
    before = machine.units.running["hc-pkcs11.socket"].count
    run("hospictl", "enroll", "cps", "durand", "--reader", "--yes")
    shown = signs_in_at_the_workstation("durand", "cps", r"PIN[^:]*: =9999", rf"PIN[^:]*: ={smartcard.PIN}")
    check("HC-231" in shown, shown)
    check(machine.units.running["hc-pkcs11.socket"].count > before, "the helper runs in the broker's unit")
    equal(cards.slots[0].status()["open"], 0, "the card still knows the PIN")
    cards.remove()
    found = {row["check"]: row for row in machine.doctor()}
    equal({name for name, row in found.items() if row["result"] == "error"}, set(), found)


# ---- the application


def the_application_goes_on_until_somebody_ends_it(machine):
    app = application(REDIRECT, "Ward")
    browser = Browser()
    browser.open(app("begin").strip())
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.code("martin"))
    check(browser.is_back, browser.page)
    answer = browser.location
    app("finish", answer)
    check(app("finish", answer, ok=False) is None, "an answer was good twice")
    app("refresh")
    browser.open(app("begin").strip())
    check(browser.is_back, "asked again", browser.page)
    app("finish", browser.location)
    # the person ends it
    browser.open(app("logout").strip())
    if "<form" in browser.page:
        browser.send(choice="yes")
    check(app("refresh", ok=False) is None, "signed out, and still served")
    browser.open(app("begin").strip())
    check("username" in browser.page, "not asked after the end", browser.page)
    # the administrator ends it
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.paper())
    app("finish", browser.location)
    run("hospictl", "user", "disable", "martin")
    check(app("refresh", ok=False) is None, "disabled, and still served")
    run("hospictl", "user", "enable", "martin")


def without_the_broker_the_gateway_says_so(machine):
    machine.units.stop("hospiconnect-authd.service")
    browser = Browser()
    browser.open(application(REDIRECT, "Office")("begin").strip())
    if "username" in browser.page:
        browser.send(username="martin", password=PASSWORD)
    check("HC-101" in browser.page and not browser.location, browser.page)
    machine.units.start("hospiconnect-authd.service")
    wait_for(gateway_is_ready)


# ---- ends


def what_was_revoked_or_has_run_out_opens_nothing(machine):
    """A revoked key and card, somebody who was here for a day, and the trail that tells all of it."""
    run("hospictl", "credential", "revoke", credential_of("martin", "fido2"), "--reason", "lost")
    machine.keys.keys["blue"].insert()
    check(not machine.host("login", "martin", BLUE_PIN, PASSWORD, "000000").entered, "a revoked key")
    machine.keys.keys["blue"].remove()
    run("hospictl", "credential", "revoke", credential_of("durand", "cps"), "--reason", "lost")
    machine.cards.insert()
    check(not machine.host("login", "durand", smartcard.PIN, PASSWORD, "000000").entered, "a revoked card")
    machine.cards.close()
    machine.cards = None
    machine.keys.keys["a"].insert()
    for login, until, good in (("intern", "2000-01-02", False), ("locum", "2099-01-01", True)):
        machine.account(login)
        run("hospictl", "user", "add", login, "--valid-from", "2000-01-01", "--valid-until", until)
        machine.enroll(login)
        equal(machine.host("login", login, PASSWORD, machine.code(login)).entered, good, login)
    run("hospictl", "audit", "verify")
    head = run("hospictl", "audit", "head").stdout
    write("/tmp/head", head)
    run("hospictl", "audit", "verify", "--anchor", "/tmp/head")
