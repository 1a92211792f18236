#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hc-pkcs11 signs for whoever holds the card and knows its PIN, and never spends a try by itself.
 * right PIN, wrong ones until the block: how many tries reach the card is counted everywhere
 * what cannot be a PIN, an empty one, a refused one and the last one without a word: none reaches it
 * no card, late, pulled, swapped, two of them, signature certificate, technical key, PIN pad, EC keys
 * the same with SoftHSM2
No namespaces; as root the helper runs as nobody.
"""
import json
import os
import subprocess
import sys
import time

import card_rig
import cards
from card_rig import (AUTH_ID, CANCELLED, CARD_UNKNOWN, MESSAGE, NO_DEVICE, NOT_FOR_SIGN_IN, PIN_BLOCKED, PIN_NOT_ACCEPTED,
                      PRESENT, REMOVED, SANITIZED, SIGN_ID, TOO_MANY, WITHOUT_PIN, WRONG_PIN)
from cards import (ASK, CHOICE, CONFIRM, DONE, INSERT, ITEM, LIST, PIN, PIN_PAD, READ, SIGN, START, WAIT, Helper, check,
                   equal)


# ---- the PIN -----------------------------------------------------------------------------------

def the_last_try_is_not_used_without_a_word(rig):
    for answer in ("no", "YES", "yes ", "", "1234"):
        readers = rig.one_card(tries=1)
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=CONFIRM, tries=1)
            helper.answer(answer)
            rig.ends(helper, CANCELLED)
        equal((readers.logins(), readers.tries("A")), ([], 1), "tries after", answer)


def the_last_try_is_used_after_a_word(rig):
    readers = rig.one_card(tries=1)
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=CONFIRM, tries=1)
        helper.answer("yes")
        helper.expect(ASK, ask=PIN, tries=1)
        helper.answer("1234")
        rig.signed(helper, rig.max)
    equal((readers.logins(), readers.tries("A")), (["A right"], 3), "tries")


def a_blocked_card_is_not_asked_for(rig):
    readers = rig.one_card(tries=0)
    with rig.start(readers) as helper:
        rig.ends(helper, PIN_BLOCKED)
    equal(readers.logins(), [], "tries")


def three_wrong_pins_block_and_each_was_asked_for(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        equal("tries" in helper.expect(ASK, ask=PIN, reason=None), False, "tries are unknown at first")
        helper.answer("0000")
        helper.expect(ASK, ask=PIN, tries=2, reason=WRONG_PIN)
        helper.answer("1111")
        helper.expect(ASK, ask=CONFIRM, tries=1, reason=WRONG_PIN)
        helper.answer("yes")
        helper.expect(ASK, ask=PIN, tries=1)
        helper.answer("2222")
        rig.ends(helper, PIN_BLOCKED, tries=0)
    equal((readers.logins(), readers.tries("A")), (["A wrong"] * 3, 0), "tries")


def a_wrong_pin_and_then_the_right_one(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("4321")
        helper.expect(ASK, ask=PIN, tries=2, reason=WRONG_PIN)
        helper.answer("1234")
        rig.signed(helper, rig.max)
    equal((readers.logins(), readers.tries("A")), (["A wrong", "A right"], 3), "tries")


def a_refused_pin_is_not_sent_again(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("4321")
        for _ in range(3):
            helper.expect(ASK, ask=PIN, tries=2, reason=WRONG_PIN)
            helper.answer("4321")
        helper.expect(ASK, ask=PIN, tries=2, reason=WRONG_PIN)
        helper.answer("1234")
        rig.signed(helper, rig.max)
    equal(readers.logins(), ["A wrong", "A right"], "tries")


def what_cannot_be_a_pin_does_not_reach_the_card(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN, reason=None)
        for pin in ("", "123", "12345", "12a4", "Correct-Horse-7", "12 4", "9" * 500):
            helper.answer(pin)
            helper.expect(ASK, ask=PIN, reason=PIN_NOT_ACCEPTED)
        helper.answer("x")
        rig.ends(helper, TOO_MANY)
    equal((readers.logins(), readers.tries("A")), ([], 3), "tries")


def the_card_says_how_long_its_pin_is(rig):
    for low, high, pin, sent in (("6", "8", "123456", True), ("6", "8", "1234", False), ("0", "0", "1234", True),
                                 ("4", "18446744073709551615", "1234", True), ("9", "4", "1234", False)):
        readers = rig.one_card(pin_min=low, pin_max=high)
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer(pin)
            helper.expect(*((DONE,) if pin == "1234" and sent else (ASK,)))
            equal(len(readers.logins()), int(sent), "PINs sent", low, high, pin)


def tries_that_somebody_else_used_are_told_first(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        readers.write("cards/A/tries", "1")
        helper.answer("1234")
        helper.expect(ASK, ask=CONFIRM, tries=1)
        helper.answer("no")
        rig.ends(helper, CANCELLED)
    equal((readers.logins(), readers.tries("A")), ([], 1), "tries")


def a_card_that_says_nothing_of_its_tries_has_three(rig):
    readers = rig.one_card(mute="")
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN, tries=None)
        helper.answer("0000")
        helper.expect(ASK, ask=PIN, tries=2)
        helper.answer("1111")
        helper.expect(ASK, ask=CONFIRM, tries=1)
        helper.answer("yes")
        helper.expect(ASK, ask=PIN, tries=1)
        helper.answer("2222")
        rig.ends(helper, TOO_MANY)
    equal(readers.logins(), ["A wrong"] * 3, "tries")


def the_right_pin_signs_and_the_card_is_closed(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        asked = helper.expect(ASK, ask=PIN, label=b"CPS3v3-A", reason=None, tries=None)
        equal(sorted(asked), ["ask", "certificate", "label", "serial"], "fields")
        helper.answer("1234")
        done = rig.signed(helper, rig.max)
    equal((done["label"], done["serial"]), (b"CPS3v3-A", b"serialA"), "whose")
    log = [line.split(" ")[0] for line in readers.log() if not line.startswith("environment")]
    equal(log, ["C_Initialize", "C_Login", "C_Sign", "C_Logout", "C_Finalize"], "calls")
    check(not readers.has("cards/A/open"), "the card was left open")


def keys_of_other_kinds_sign(rig):
    for certificate in (rig.ec, rig.ec384, rig.big):
        readers = rig.readers()
        readers.card("A", (AUTH_ID, certificate), slot=0)
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer("1234")
            rig.signed(helper, certificate)


def a_key_that_is_not_the_certificates_is_passed_on_and_does_not_verify(rig):
    readers = rig.one_card()
    with open(rig.lea.key, encoding="ascii") as file:
        readers.write("cards/A/objects/1/key.pem", file.read())
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("1234")
        check(not rig.max.verifies(MESSAGE, helper.expect(DONE)["signature"]), "verifies")


def the_reader_asks_for_the_pin(rig):
    for typed, outcome in (("1234", DONE), ("0000", WRONG_PIN), ("", CANCELLED)):
        readers = rig.one_card(pinpad=typed)
        with rig.start(readers) as helper:
            helper.expect(WAIT, wait=PIN_PAD, label=b"CPS3v3-A")
            if outcome == DONE:
                rig.signed(helper, rig.max)
            else:
                failed = rig.ends(helper, outcome)
                equal(failed.get("tries"), 2 if outcome == WRONG_PIN else None, "tries")
        equal(len(readers.logins()), int(typed != ""), "tries")


def the_reader_asks_for_the_last_try_after_a_word(rig):
    readers = rig.one_card(pinpad="1234", tries=1)
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=CONFIRM, tries=1)
        helper.answer("no")
        rig.ends(helper, CANCELLED)
    equal(readers.logins(), [], "tries")


# ---- which card --------------------------------------------------------------------------------

def a_key_without_a_pin_signs_nobody_in(rig):
    technical = rig.readers()
    technical.card("A", (AUTH_ID, rig.max, "public"), slot=0)
    without = rig.one_card(no_pin="")
    for readers in (technical, without):
        with rig.start(readers) as helper:
            rig.ends(helper, WITHOUT_PIN)
        equal([line for line in readers.log() if line.startswith(("C_Login", "C_Sign"))], [], "calls")


def a_key_without_a_pin_beside_a_good_one_is_refused(rig):
    readers = rig.readers()
    readers.card("A", (AUTH_ID, rig.max), (AUTH_ID, rig.ec, "public"), slot=0)
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=CHOICE)
        helper.answer("1")
        rig.ends(helper, WITHOUT_PIN)
    equal(readers.logins(), [], "tries")


def a_card_with_a_signature_certificate_alone_is_refused(rig):
    for identifier in (SIGN_ID, AUTH_ID):
        readers = rig.readers()
        readers.card("A", (identifier, rig.max_sign), slot=0)
        with rig.start(readers) as helper:
            rig.ends(helper, NOT_FOR_SIGN_IN)
        equal(readers.logins(), [], "tries")
    readers = rig.readers()
    readers.card("A", (SIGN_ID, rig.max), slot=0)
    with rig.start(readers) as helper:
        rig.ends(helper, NOT_FOR_SIGN_IN)


def a_card_of_another_kind_is_refused(rig):
    readers = rig.readers()
    readers.insert("unheard-of")
    with rig.start(readers) as helper:
        rig.ends(helper, CARD_UNKNOWN)


def a_card_of_another_kind_in_another_reader_is_no_hindrance(rig):
    readers = rig.readers(2)
    readers.insert("unheard-of")
    readers.card("B", (AUTH_ID, rig.max_sign))
    readers.card("A", (AUTH_ID, rig.max))
    with rig.start(readers) as helper:
        helper.expect(WAIT, wait=INSERT, reason=CARD_UNKNOWN)
        readers.insert("B", 1)
        rig.ends(helper, NOT_FOR_SIGN_IN)
    with rig.start(readers) as helper:
        rig.ends(helper, NOT_FOR_SIGN_IN)
    readers.insert("A", 1)
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)


def without_a_card_it_waits_no_longer_than_told(rig):
    readers = rig.readers()
    with rig.start(readers, flags=PRESENT) as helper:
        rig.ends(helper, NO_DEVICE)
    for count in (0, 1):
        began = time.monotonic()
        with rig.start(rig.readers(count), timeout=1) as helper:
            helper.expect(WAIT, wait=INSERT)
            rig.ends(helper, NO_DEVICE)
        check(0.9 < time.monotonic() - began < 4, "waited", time.monotonic() - began)


def a_card_that_comes_late_is_seen(rig):
    for events in (True, False):
        readers = rig.readers()
        readers.card("A", (AUTH_ID, rig.max))
        if not events:
            readers.write("no_events")
        with rig.start(readers) as helper:
            helper.expect(WAIT, wait=INSERT)
            readers.insert("A")
            began = time.monotonic()
            helper.expect(ASK, ask=PIN)
            check(time.monotonic() - began < 4, "seen late")
            helper.answer("1234")
            rig.signed(helper, rig.max)


def a_card_that_is_pulled_is_noticed(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        readers.remove()
        began = time.monotonic()
        rig.ends(helper, REMOVED)
        check(time.monotonic() - began < 4, "noticed late")
    equal(readers.logins(), [], "tries")


def a_card_that_is_pulled_in_any_call_is_noticed(rig):
    for function in ("C_Login", "C_SignInit", "C_Sign", "C_GetTokenInfo"):
        readers = rig.one_card()
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            readers.fault(function, "remove")
            if function != "C_GetTokenInfo":
                helper.answer("1234")
            rig.ends(helper, REMOVED)
        check(len(readers.logins()) <= 1, "tries")


def a_card_that_was_swapped_gets_no_pin(rig):
    readers = rig.one_card()
    readers.card("B", (AUTH_ID, rig.lea))
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        readers.insert("B")
        rig.ends(helper, REMOVED)
    readers.insert("A")
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        readers.fault("C_Login", "swap B")
        helper.answer("1234")
        rig.ends(helper, REMOVED)
    equal((readers.logins(), readers.tries("B")), ([], 3), "tries")


def two_cards_of_one_label_are_told_apart(rig):
    readers = rig.one_card(label="CPS")
    readers.card("B", (AUTH_ID, rig.lea), label="CPS")
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        readers.insert("B")
        rig.ends(helper, REMOVED)


def of_two_cards_one_is_chosen(rig):
    readers = rig.readers(2)
    readers.card("A", (AUTH_ID, rig.max), slot=0)
    readers.card("B", (AUTH_ID, rig.lea), slot=1, pin="5678")
    with rig.start(readers) as helper:
        choices = helper.expect(ASK, ask=CHOICE)["choices"].decode()
        check("MAX LIBRE, CPS3v3-A (Reader 0)" in choices and "LÉA DE LA TOUR, CPS3v3-B (Reader 1)" in choices, choices)
        helper.answer("2")
        helper.expect(ASK, ask=PIN, label=b"CPS3v3-B")
        helper.answer("5678")
        rig.signed(helper, rig.lea)
    equal(readers.logins(), ["B right"], "tries")
    for answer in ("0", "3", "", "x", "1 ", "12"):
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=CHOICE)
            helper.answer(answer)
            rig.ends(helper, CANCELLED)


def a_chosen_card_that_has_gone_is_noticed(rig):
    readers = rig.readers(2)
    readers.card("A", (AUTH_ID, rig.max), slot=0)
    readers.card("B", (AUTH_ID, rig.lea), slot=1)
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=CHOICE)
        readers.remove(1)
        helper.answer("2")
        rig.ends(helper, REMOVED)


def the_certificate_is_read_without_a_pin(rig):
    readers = rig.one_card(tries=0)
    with rig.start(readers, READ) as helper:
        done = helper.expect(DONE, certificate=rig.max.bytes(), serial=b"serialA", label=b"CPS3v3-A")
        check("signature" not in done, "a signature")
    equal(readers.logins(), [], "tries")


def everything_is_listed(rig):
    readers = rig.readers(3)
    readers.card("A", (SIGN_ID, rig.max_sign), (AUTH_ID, rig.max), slot=0, tries=1)
    readers.insert("unheard-of", 1)
    with rig.start(readers, LIST) as helper:
        helper.expect(ITEM, path=b"Reader 0", name=SIGN_ID.encode(), reason=NOT_FOR_SIGN_IN, tries=1)
        helper.expect(ITEM, path=b"Reader 0", name=AUTH_ID.encode(), reason=None, certificate=rig.max.bytes())
        helper.expect(ITEM, path=b"Reader 1", reason=CARD_UNKNOWN)
        helper.expect(ITEM, path=b"Reader 2", reason=NO_DEVICE)
        helper.expect(DONE)
    equal(readers.logins(), [], "tries")


# ---- by hand, and SoftHSM ---------------------------------------------------------------------

def by_hand_it_lists(rig):
    readers = rig.readers(2)
    readers.card("A", (SIGN_ID, rig.max_sign), (AUTH_ID, rig.max), slot=0, tries=2, label='we"ird\\\x1b[2J')
    command = [rig.program, "list", "--module", readers.module]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={cards.NOBODY}", f"--regid={cards.NOBODY}", "--clear-groups", *command]

    def run(*arguments):
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    plain = run()
    equal((plain.returncode, plain.stderr), (0, ""), "plain")
    for wanted in ("Reader 0\n", "at most 2", "MAX LIBRE, CKA_ID " + AUTH_ID, "sign-in      yes", "CERTIFICATE_NOT_FOR_SIGN_IN",
                   "Reader 1\n  empty"):
        check(wanted in plain.stdout, wanted, "not in", plain.stdout)
    check("\x1b" not in plain.stdout, "control characters")
    listed = json.loads(run("--json").stdout)
    equal([(item["reader"], item["reason"], item["sign_in"]) for item in listed],
          [("Reader 0", "CERTIFICATE_NOT_FOR_SIGN_IN", False), ("Reader 0", "NONE", True), ("Reader 1", "NO_DEVICE", False)],
          "JSON")
    equal(readers.logins(), [], "tries")
    equal(subprocess.run([rig.program, "list"], capture_output=True, check=False).returncode, 2, "without a module")
    equal(subprocess.run([rig.program, "--module", "/x"], capture_output=True, check=False).returncode, 2, "without list")


def it_links_no_openssl(rig):
    """Its symbols would stand before those that a middleware brings itself."""
    needed = subprocess.run(["readelf", "-d", rig.program], capture_output=True, text=True, check=True).stdout
    check("libp11-kit" in needed and "libcrypto" not in needed and "libssl" not in needed, needed)


def softhsm_signs(rig):
    if not os.path.exists(cards.SOFTHSM) or SANITIZED:
        print("  (left out: no SoftHSM)")
        return
    for certificate in (rig.max, rig.ec):
        folder = rig.new()
        os.mkdir(folder)
        token = cards.SoftToken(folder, "CPS3v3-2600855206", "1234", (SIGN_ID, rig.max_sign), (AUTH_ID, certificate))
        helper = Helper(rig.program, "--debug", "--softhsm-conf", token.conf)
        with helper:
            helper.send(START, operation=SIGN, timeout=20, module=cards.SOFTHSM, to_sign=MESSAGE)
            helper.expect(ASK, ask=PIN, label=b"CPS3v3-2600855206", reason=None)
            helper.answer("9999")
            helper.expect(ASK, ask=PIN, reason=WRONG_PIN, tries=2)
            helper.answer("1234")
            rig.signed(helper, certificate)
            check("no card to reset" in helper.text(), helper.text())


if __name__ == "__main__":
    sys.exit(card_rig.run(sys.modules[__name__]))
