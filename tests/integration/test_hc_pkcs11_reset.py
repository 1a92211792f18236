#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a card that got a PIN is reset through the real pcscd, however the operation ended, and no other card is.
 * after a signature, before the broker hears of it; after a wrong PIN, a crash, a hang, a cancel
 * when the helper is killed by SIGKILL
 * not when no PIN was sent; not the card in another reader; all cards when the slot has a name of its own
 * pcscd away, or hung: the operation ends in time all the same
A private pcscd with virtual readers (vpcd), in namespaces of its own. Ends 77 without root, pcscd or vpcd.
"""
import os
import signal
import socket
import struct
import sys
import threading
import time

import card_rig
import rig as machine
import smartcard
from card_rig import CANCELLED, MODULE_ERROR, PIN_BLOCKED, TIMED_OUT, WRONG_PIN
from cards import ASK, CANCEL, CONFIRM, DONE, PIN, READ, Failed, check, equal
from smartcard import PORT, READERS, Pcscd

ATR = bytes.fromhex("3BAC00402A001225006480000310009000")
RESET, GET_ATR = 2, 4


class Card:
    """
    A card behind vpcd that knows its ATR and counts how often it was reset. That pcscd cuts the power of a card which
    nobody used for some seconds does not count.
    """

    def __init__(self, port):
        self.resets = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def receive(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise ConnectionError("vpcd has gone")
            data += piece
        return data

    def serve(self):
        try:
            while True:
                length, = struct.unpack(">H", self.receive(2))
                data = self.receive(length)
                if length == 1 and data[0] == RESET:
                    self.resets += 1
                elif length == 1 and data[0] == GET_ATR:
                    self.socket.sendall(struct.pack(">H", len(ATR)) + ATR)
                elif length > 1:
                    self.socket.sendall(struct.pack(">H", 2) + b"\x6d\x00")
        except OSError:
            pass


class Service(Pcscd):
    """… and a card in each slot."""

    def __init__(self):
        super().__init__()
        self.cards = [Card(PORT), Card(PORT + 1)]
        self.settle()

    def settle(self):
        """Until nothing has happened at the cards for a while: pcscd looks at them in its own rhythm."""
        before, since = None, time.monotonic()
        end = since + 20
        while time.monotonic() - since < 0.3:
            now = self.resets()
            if now != before:
                before, since = now, time.monotonic()
            check(time.monotonic() < end, "the cards do not come to rest")
            time.sleep(0.01)

    def resets(self):
        return [card.resets for card in self.cards]


SERVICE = None


def card_in(rig, reader=READERS[0], **how):
    readers = rig.one_card(**how)
    readers.write("slots/0/reader", reader)
    return readers


def reset_by(work):
    """Which cards were reset by it, at the moment it ended."""
    SERVICE.settle()
    before = SERVICE.resets()
    work()
    return [now > then for now, then in zip(SERVICE.resets(), before)]


def the_card_is_reset_before_the_broker_hears_of_a_signature(rig):
    readers = card_in(rig)

    def sign():
        helper = rig.start(readers, arguments=("--debug",))
        helper.expect(ASK, ask=PIN)
        helper.answer("1234")
        helper.expect(DONE)
        os.kill(helper.pid, signal.SIGKILL)
        helper.close()
        check("card reset" in helper.text(), helper.text())

    began = time.monotonic()
    equal(reset_by(sign), [True, False], "reset")
    print(f"  ({time.monotonic() - began:.2f} s with the rest before it)")


def the_card_is_reset_after_each_end(rig):
    table = (({}, "C_Sign", "crash", "1234", MODULE_ERROR), ({}, "C_Sign", "hang", "1234", TIMED_OUT),
             ({}, "C_Logout", "crash", "1234", MODULE_ERROR), ({"tries": 1}, "none", "none", "0000", PIN_BLOCKED))
    for row, (card, call, fault, pin, reason) in enumerate(table):
        readers = card_in(rig, **card)
        readers.fault(call, fault)

        def use():
            with rig.start(readers, timeout=1) as helper:
                message = helper.read()
                if message[1].get("ask") == CONFIRM:
                    helper.answer("yes")
                    helper.expect(ASK, ask=PIN)
                helper.answer(pin)
                rig.ends(helper, reason)

        equal(reset_by(use), [True, False], "row", row)


def the_card_is_reset_after_a_cancel(rig):
    readers = card_in(rig)

    def cancel():
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer("0000")
            helper.expect(ASK, ask=PIN, reason=WRONG_PIN)
            helper.send(CANCEL)
            rig.ends(helper, CANCELLED)

    equal(reset_by(cancel), [True, False], "reset")


def the_card_is_reset_when_the_helper_was_killed(rig):
    readers = card_in(rig)
    readers.fault("C_Sign", "hang")

    def kill():
        before = SERVICE.resets()
        helper = rig.start(readers)
        helper.expect(ASK, ask=PIN)
        helper.answer("1234")
        end = time.monotonic() + 5
        while not readers.has("cards/A/open"):
            check(time.monotonic() < end, "no login")
            time.sleep(0.005)
        os.kill(helper.pid, signal.SIGKILL)
        helper.close()
        while SERVICE.resets()[0] == before[0]:
            check(time.monotonic() < end, "the card was left open")
            time.sleep(0.005)

    equal(reset_by(kill), [True, False], "reset")


def no_card_is_reset_that_got_no_pin(rig):
    readers = card_in(rig)

    def use():
        with rig.start(readers, READ) as helper:
            helper.expect(DONE)
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer("no PIN")
            helper.expect(ASK, ask=PIN)
            helper.send(CANCEL)
            rig.ends(helper, CANCELLED)

    equal(reset_by(use), [False, False], "reset")


def all_cards_are_reset_where_the_slot_bears_no_readers_name(rig):
    def sign(reader):
        with rig.start(card_in(rig, reader)) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer("1234")
            rig.signed(helper, rig.max)

    equal(reset_by(lambda: sign("CPS slot")), [True, True], "a name of its own")
    equal(reset_by(lambda: sign("Virtual PCD 00")), [True, True], "the beginning of a name")
    equal(reset_by(lambda: sign(READERS[1])), [False, True], "the other reader")


def a_pcscd_that_hangs_or_is_away_delays_no_longer_than_allowed(rig):
    for away in (False, True):
        if away:
            SERVICE.process.kill()
            SERVICE.process.wait()
        else:
            SERVICE.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with rig.start(card_in(rig), arguments=("--debug",)) as helper:
            helper.expect(ASK, ask=PIN)
            helper.answer("1234")
            rig.signed(helper, rig.max)
            wanted = "no card to reset" if away else "take it out"
            check(wanted in helper.text(), helper.text())
        check(time.monotonic() - began < 3, "took", time.monotonic() - began)
        if not away:
            SERVICE.process.send_signal(signal.SIGCONT)


def main():
    global SERVICE  # pylint: disable=global-statement
    why = smartcard.missing()
    if why:
        print(why)
        return 77
    machine.enter()
    SERVICE = Service()
    try:
        return card_rig.run(sys.modules[__name__])
    except Failed as failure:
        print(failure)
        return 1
    finally:
        SERVICE.close()


if __name__ == "__main__":
    sys.exit(main())
