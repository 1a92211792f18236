#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hc-pkcs11 and a card, with what stands between them where people work: OpenSC, pcscd, a (virtual) reader.
 * a PIN too many never reaches the card: counted at the card itself
 * a blocked card, a last try, a key without a PIN, a signature certificate: told as such
 * the card in the middle of it pulled, changed, slow, talking nonsense
 * RSA and ECDSA, two readers, a card that comes late
 * behind every end the card has forgotten the PIN: no other program can sign with it
The card is a PIV card, since OpenSC knows that well; its certificates are those of the test hierarchy. Ends 77 without
root, pcscd, vpcd or OpenSC.
"""
import sys
import tempfile
import time

import card_rig
import rig as machine
import smartcard
from card_rig import (CANCELLED, MESSAGE, NO_DEVICE, NOT_FOR_SIGN_IN, PIN_BLOCKED, PIN_NOT_ACCEPTED, PRESENT, READER_ERROR,
                      REMOVED, TIMED_OUT, WITHOUT_PIN, WRONG_PIN, MODULE_ERROR)
from cards import ASK, CANCEL, CHOICE, CONFIRM, DONE, INSERT, ITEM, LIST, PIN, READ, WAIT, Failed, check, equal
from smartcard import OPENSC, igc

COMMITS = [("keyUsage", "critical,nonRepudiation"), ("extendedKeyUsage", "emailProtection")]
LEA = "C=FR\ntitle=Médecin\nGN=LÉA\n+SN=DE LA TOUR\n+CN=899700218896\n"
UPN_OF_LEA = ("subjectAltName", "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr")
GOOD, BAD = "a good signature", "a bad one"
SERVICE, CLIENT, PKI, SLOTS = None, None, None, []


class Hierarchy:
    """Certificates made once."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.people = igc.authority(folder, "people", "TEST AC IGC-SANTE ELEMENTAIRE PERSONNES", "IGC-SANTE TEST")
        self.max = igc.card(folder, "max", self.people)
        self.commit = igc.card(folder, "commit", self.people, changes=COMMITS)
        self.lea = igc.card(folder, "lea", self.people, LEA, [UPN_OF_LEA])
        self.ec = igc.card(folder, "ec", self.people, key=smartcard.EC_256)

    def card(self, **how):
        """A fresh card; Max Libre's unless said."""
        self.count += 1
        slots = {name: party for name, party in how.items() if name.startswith("s9")}
        slots = slots or {"s9a": self.max, "s9c": self.commit}
        more = {name: value for name, value in how.items() if not name.startswith("s9")}
        return smartcard.Card(f"{self.folder}/card{self.count}", f"26008{self.count:05}", **slots, **more)


class OpenSC:
    """What stands for the readers of files in the other scenarios."""
    module = OPENSC


def insert(slot=0, **how):
    """A card, and pcscd knows it."""
    card = PKI.card(**how)
    SLOTS[slot].insert(card)
    CLIENT.await_card(SLOTS[slot].reader)
    return card


def clear():
    """Empty slots without faults, and pcscd knows that."""
    for slot in SLOTS:
        slot.empty()
    for slot in SLOTS:
        CLIENT.await_card(slot.reader, False)


def start(rig, *more, **how):
    return rig.start(OpenSC, *more, **how)


def pins(slot=0):
    """How often a PIN reached the card."""
    return SLOTS[slot].status()["verify"]


def signed(rig, helper, party):
    """DONE, with a signature that OpenSSL verifies; and the card is closed by then."""
    done = helper.expect(DONE)
    now = [slot.status()["open"] for slot in SLOTS]
    equal(now, [0, 0], "cards that still know the PIN")
    equal(done["certificate"], party.der, "certificate")
    check(smartcard.verifies(party, MESSAGE, done["signature"]), "the signature does not verify")
    equal((helper.read(), helper.wait()), (None, 0), "behind the last message")
    return done


def case(function):
    """Empty slots before and after, and no card left open."""
    def run(rig):
        clear()
        function(rig)
        equal([slot.status()["open"] for slot in SLOTS], [0, 0], "a card was left open")
    run.__name__ = function.__name__
    return run


@case
def a_wrong_pin_is_counted_and_the_last_try_wants_its_own_word(rig):
    card = insert()
    before = pins()
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("0000")
        helper.expect(ASK, ask=PIN, reason=WRONG_PIN, tries=2)
        equal((pins() - before, card.tries()), (1, 2), "PINs at the card")
        helper.answer("0000")  # the same again
        helper.expect(ASK, ask=PIN, reason=WRONG_PIN, tries=2)
        equal((pins() - before, card.tries()), (1, 2), "the same PIN reached the card again")
        helper.answer("0001")
        helper.expect(ASK, ask=CONFIRM, tries=1)
        equal((pins() - before, card.tries()), (2, 1), "PINs at the card")
        helper.answer("no")
        rig.ends(helper, CANCELLED)
    equal((pins() - before, card.tries()), (2, 1), "PINs at the card")


@case
def the_last_try_of_a_card_is_told_before_anything_is_asked(rig):
    card = insert(tries=1)
    before = pins()
    with start(rig) as helper:
        helper.expect(ASK, ask=CONFIRM, tries=1)
        helper.answer("yes")
        helper.expect(ASK, ask=PIN, tries=1)
        helper.answer("0000")
        rig.ends(helper, PIN_BLOCKED)
    equal((pins() - before, card.tries()), (1, 0), "PINs at the card")


@case
def a_blocked_card_is_told_as_such_and_gets_no_pin(rig):
    insert(tries=0)
    before = pins()
    with start(rig) as helper:
        rig.ends(helper, PIN_BLOCKED)
    equal(pins() - before, 0, "PINs at the card")


@case
def what_cannot_be_a_pin_never_reaches_the_card(rig):
    insert()
    before = pins()
    for word in ("Correct-Horse-7", "123", "1234567890123", ""):
        with start(rig) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer(word)
            helper.expect(ASK, ask=PIN, reason=PIN_NOT_ACCEPTED)
            helper.send(CANCEL)
            rig.ends(helper, CANCELLED)
    equal(pins() - before, 0, "PINs at the card")


@case
def a_key_that_signs_without_a_pin_signs_nobody_in(rig):
    insert(s9e=PKI.ec)
    before = SLOTS[0].status()
    with start(rig) as helper:
        rig.ends(helper, WITHOUT_PIN)
    now = SLOTS[0].status()
    equal((now["verify"] - before["verify"], now["sign"] - before["sign"]), (0, 0), "used")


@case
def a_card_with_a_signature_certificate_alone_is_told(rig):
    insert(s9c=PKI.commit)
    with start(rig, flags=PRESENT, timeout=3) as helper:
        rig.ends(helper, NO_DEVICE)
    with start(rig, timeout=1) as helper:
        helper.expect(WAIT, wait=INSERT, reason=NOT_FOR_SIGN_IN)
        rig.ends(helper, NOT_FOR_SIGN_IN)


@case
def the_right_pin_signs_and_the_card_forgets_it(rig):
    insert()
    before = SLOTS[0].status()
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.max)
    now = SLOTS[0].status()
    equal((now["verify"] - before["verify"], now["sign"] - before["sign"]), (1, 1), "used")
    check(now["resets"] > before["resets"], "not reset")


@case
def no_other_program_can_sign_with_the_card_afterwards(rig):
    """The same, seen by another client; and that the card would sign for it were it open."""
    insert(s9a=PKI.ec)
    hash_ = "7C24" + "8200" + "8120" + 32 * "5A"
    sign = f"0087119A26{hash_}00"
    verify = "0020008008" + smartcard.PIN.encode().hex() + "FFFFFFFF"
    equal(CLIENT.transmit(smartcard.READERS[0], smartcard.SELECT_PIV, verify), [0x9000, 0x9000], "somebody's PIN")
    equal(CLIENT.transmit(smartcard.READERS[0], smartcard.SELECT_PIV, sign), [0x9000, 0x9000], "the state is the card's")
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.ec)
    equal(CLIENT.transmit(smartcard.READERS[0], smartcard.SELECT_PIV, sign), [0x9000, 0x6982], "another program signed")


@case
def a_card_with_an_elliptic_key_signs(rig):
    insert(s9a=PKI.ec, s9c=PKI.commit)
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.ec)


@case
def certificates_are_read_and_listed_without_a_pin(rig):
    insert()
    before = SLOTS[0].status()
    with start(rig, READ) as helper:
        equal(helper.expect(DONE)["certificate"], PKI.max.der, "certificate")
    with start(rig, LIST) as helper:
        items = [helper.expect(ITEM) for _ in range(3)]
        helper.expect(DONE)
    equal({item["certificate"] for item in items if "certificate" in item}, {PKI.max.der, PKI.commit.der}, "certificates")
    equal([item["reason"] for item in items if "certificate" not in item], [NO_DEVICE], "the empty slot")
    now = SLOTS[0].status()
    equal((now["verify"], now["sign"], now["resets"]), (before["verify"], before["sign"], before["resets"]), "used")


@case
def a_card_that_comes_late_is_waited_for(rig):
    with start(rig) as helper:
        helper.expect(WAIT, wait=INSERT)
        insert()
        helper.expect(ASK, ask=PIN, timeout=10)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.max)


@case
def of_two_cards_the_chosen_one_gets_the_pin(rig):
    insert(0)
    insert(1, s9a=PKI.lea)
    before = pins(0), pins(1)
    with start(rig) as helper:
        ask = helper.expect(ASK, ask=CHOICE)
        names = choices(ask["choices"])
        equal(len(names), 2, "choices", names)
        wanted = next(number for number, name in enumerate(names, 1) if "LÉA" in name)
        helper.answer(str(wanted))
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.lea)
    equal((pins(0) - before[0], pins(1) - before[1]), (0, 1), "PINs at the cards")


def choices(data):
    names, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at:at + 2], "big")
        names.append(data[at + 2:at + 2 + size].decode())
        at += 2 + size
    return names[1::2]


@case
def a_card_that_is_pulled_while_the_pin_is_asked_for_gets_none(rig):
    insert()
    before = pins()
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        SLOTS[0].remove()
        rig.ends(helper, REMOVED)
    equal(pins() - before, 0, "PINs at the card")


@case
def another_card_in_its_place_gets_no_pin(rig):
    insert()
    before = pins()
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        SLOTS[0].swap(PKI.card(s9a=PKI.lea), 900)
        rig.ends(helper, REMOVED)
    equal(pins() - before, 0, "PINs at the card")


@case
def a_card_pulled_at_any_command_ends_the_operation(rig):
    for kind, number in (("get", 1), ("get", 8), ("tries", 1), ("verify", 1), ("sign", 1)):
        clear()
        insert()
        SLOTS[0].at(kind, number, "remove")
        before = pins()
        with start(rig, timeout=2) as helper:
            reason = until_the_end(helper)
        check(reason in (REMOVED, TIMED_OUT, NO_DEVICE, READER_ERROR, MODULE_ERROR), kind, number, "ended with", reason)
        if kind in ("verify", "sign"):
            equal(reason, REMOVED, kind)
        check(pins() - before <= 1, kind, "PINs", pins() - before)


@case
def another_card_at_any_command_ends_the_operation_without_a_signature_of_it(rig):
    for kind in ("verify", "sign"):
        clear()
        insert()
        SLOTS[0].at(kind, 1, "swap", 900, PKI.card(s9a=PKI.lea).folder)
        before = SLOTS[0].status()
        with start(rig, timeout=6) as helper:
            equal(until_the_end(helper), REMOVED, kind)
        now = SLOTS[0].status()
        check(now["verify"] - before["verify"] <= 1, kind, "PINs", before, now)
        check(now["sign"] - before["sign"] <= 1, kind, "signatures", before, now)


@case
def nonsense_from_the_card_is_no_signature(rig):
    table = (("sign", "9000"), ("sign", "7C048202AAAA9000"), ("sign", "FF" * 200 + "9000"), ("sign", "6F00"),
             ("verify", "6F00"), ("verify", "6A80"), ("verify", "00"), ("verify", "9000"))
    for kind, answer in table:
        clear()
        insert()
        SLOTS[0].at(kind, 1, "answer", answer)
        before = pins()
        with start(rig, timeout=5) as helper:
            reason = until_the_end(helper)
        # What a card signs is the broker's to verify; here nothing that it did not sign may pass for signed.
        check(reason != GOOD, kind, answer, "ended with a signature")
        check(pins() - before <= 1, kind, answer, "PINs", pins() - before)


@case
def a_slow_card_is_waited_for_and_a_hanging_one_is_not(rig):
    insert()
    SLOTS[0].at("sign", 1, "slow", 1500)
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        signed(rig, helper, PKI.max)
    SLOTS[0].at("sign", 1, "slow", 60000)
    began = time.monotonic()
    with start(rig, timeout=3) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer(smartcard.PIN)
        rig.ends(helper, TIMED_OUT)
    check(time.monotonic() - began < 12, "took", time.monotonic() - began)
    SLOTS[0].empty()  # what nobody can reset is pulled


@case
def a_cancel_leaves_the_card_closed(rig):
    insert()
    with start(rig) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("0000")
        helper.expect(ASK, ask=PIN, reason=WRONG_PIN, tries=2)
        helper.send(CANCEL)
        rig.ends(helper, CANCELLED)


def until_the_end(helper):
    """Answers every question rightly; the reason it ends with, or what its signature is worth."""
    while True:
        message = helper.read(20)
        check(message is not None, "the link ended without a word", helper.text())
        kind, fields = message
        if kind == ASK:
            helper.answer("yes" if fields["ask"] == CONFIRM else smartcard.PIN)
        elif kind == DONE:
            return GOOD if smartcard.verifies(PKI.max, MESSAGE, fields["signature"]) else BAD
        elif kind != WAIT:
            return fields["reason"]


def main():
    global SERVICE, CLIENT, PKI  # pylint: disable=global-statement
    why = smartcard.missing(OPENSC)
    if why:
        print(why)
        return 77
    machine.enter()
    SERVICE, CLIENT = smartcard.Pcscd(), smartcard.Client()
    with tempfile.TemporaryDirectory(prefix="hc-chain.") as folder:
        try:
            PKI = Hierarchy(folder)
            SLOTS.extend(smartcard.Slot(number) for number in range(2))
            return card_rig.run(sys.modules[__name__])
        except Failed as failure:
            print(failure)
            return 1
        finally:
            for slot in SLOTS:
                slot.close()
            SERVICE.close()


if __name__ == "__main__":
    sys.exit(main())
