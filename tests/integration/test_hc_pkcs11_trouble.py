#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever a module does and whoever is at the link, hc-pkcs11 ends in time, says why, and signs for nobody.
 * a module that hangs, crashes, ends the process, lies or returns any error, in each of its calls
 * its environment, identity and output; files that are no module
 * a broker that cancels, goes away, is killed, talks nonsense or is none
No namespaces; as root the helper runs as nobody.
"""
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import card_rig
import cards
from card_rig import (CANCELLED, CARD_UNKNOWN, MODULE_ERROR, PIN_BLOCKED, PIN_NOT_ACCEPTED, READER_ERROR, REMOVED, SANITIZED,
                      TIMED_OUT, WITHOUT_PIN)
from cards import ASK, CANCEL, DONE, FAILED, INSERT, LIST, PIN, READ, SIGN, START, WAIT, Helper, check, equal

# ---- modules that misbehave --------------------------------------------------------------------

CALLS = ("load", "C_Initialize", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_OpenSession", "C_FindObjectsInit",
         "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_CloseSession", "C_Login", "C_SignInit", "C_Sign",
         "C_Logout", "C_Finalize")


def converse(helper, pin="1234"):
    """Answers what is asked and gives the last message."""
    while True:
        message = helper.read(30)
        if message is None or message[0] in (DONE, FAILED):
            return message
        if message[0] == ASK:
            helper.answer(pin if message[1]["ask"] == PIN else "yes")


def in_parallel(work, items):
    failures = []

    def one(item):
        try:
            work(item)
        except Exception:  # pylint: disable=broad-except
            failures.append(f"{item}: {traceback.format_exc()}")

    threads = [threading.Thread(target=one, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, "\n".join(failures))


def a_module_that_crashes_is_told(rig):
    for call in CALLS:
        for how in ("crash", "exit"):
            readers = rig.one_card()
            readers.fault(call, how)
            with rig.start(readers) as helper:
                last = converse(helper)
                equal((last and last[0], last and last[1].get("reason")), (FAILED, MODULE_ERROR), call, how)
                if how == "crash" and not SANITIZED and call != "load":
                    equal(last[1]["detail"], f"the module crashed (signal 11) in or after {call}".encode(), "detail")
                equal(helper.wait(), 0, "status")
            check(len(readers.logins()) <= 1, "tries")


def a_module_that_makes_a_forbidden_call_is_killed_and_told_of(rig):
    if SANITIZED:
        return  # no filter is built in
    readers = rig.one_card()
    readers.fault("C_Login", "trace")
    with rig.start(readers) as helper:
        last = converse(helper)
        equal((last[0], last[1].get("reason")), (FAILED, MODULE_ERROR), "last")
        equal(last[1]["detail"], b"the module crashed (signal 31) in or after C_Login", "detail")
        equal(helper.wait(), 0, "status")
        check("killed for a forbidden system call" in helper.text(), helper.text())


def a_module_that_wants_to_run_a_program_goes_on_without(rig):
    if SANITIZED:
        return
    readers = rig.one_card()
    readers.fault("C_Initialize", "run")
    with rig.start(readers) as helper:
        equal(converse(helper)[0], DONE, "last")


def a_module_that_hangs_is_ended_with_the_operation(rig):
    def one(call):
        readers = rig.one_card()
        readers.fault(call, "hang")
        began = time.monotonic()
        with rig.start(readers, timeout=1) as helper:
            last = converse(helper)
            equal((last and last[0], last and last[1].get("reason")), (FAILED, TIMED_OUT), call)
        check(time.monotonic() - began < 4, "took", time.monotonic() - began)

    in_parallel(one, CALLS)


def a_call_that_hangs_is_named(rig):
    readers = rig.one_card()
    readers.fault("C_SignInit", "hang")
    began = time.monotonic()
    with rig.start(readers, timeout=60) as helper:
        last = converse(helper)
        equal((last[0], last[1]["reason"], last[1]["detail"]), (FAILED, MODULE_ERROR, b"C_SignInit did not return"), "last")
    check(9 < time.monotonic() - began < 13, "took", time.monotonic() - began)


def a_module_that_lies_gets_no_signature_accepted(rig):
    for call in ("C_GetSlotList", "C_GetTokenInfo", "C_FindObjects", "C_GetAttributeValue", "C_Sign"):
        for after in range(0, 8):
            readers = rig.one_card()
            readers.fault(call, f"after {after} lie")
            with rig.start(readers, timeout=2) as helper:
                last = converse(helper)
                check(last is not None, "no last message", call, after)
                if last[0] == DONE:  # the lie was told behind everything, or never
                    check(rig.max.verifies(card_rig.MESSAGE, last[1]["signature"]), "a signature that is none", call, after)
            check(len(readers.logins()) <= 1, "tries", call, after)


def each_error_of_a_module_has_its_meaning(rig):
    table = (("C_Login", 0xA4, PIN_BLOCKED), ("C_Login", 0xE0, REMOVED), ("C_Login", 0x32, REMOVED),
             ("C_Login", 0x102, WITHOUT_PIN), ("C_Login", 0xA3, 245), ("C_Login", 0x50, CANCELLED),
             ("C_Login", 0x100, MODULE_ERROR), ("C_Login", 0x80000001, MODULE_ERROR), ("C_Login", 0x30, READER_ERROR),
             ("C_Sign", 0x30, READER_ERROR), ("C_Sign", 0x101, MODULE_ERROR), ("C_SignInit", 0x70, MODULE_ERROR),
             ("C_Sign", 0x32, REMOVED), ("C_OpenSession", 0xE1, CARD_UNKNOWN), ("C_Initialize", 0x5, MODULE_ERROR),
             ("C_GetSlotList", 0x5, READER_ERROR), ("C_FindObjects", 0x5, CARD_UNKNOWN),
             ("C_GetTokenInfo", 0xE1, CARD_UNKNOWN))
    for row, (call, number, reason) in enumerate(table):
        readers = rig.one_card()
        readers.fault(call, f"rv {number}")
        with rig.start(readers, timeout=5) as helper:
            last = converse(helper)
            equal((last[0], last[1].get("reason")), (FAILED, reason), "row", row, call, hex(number))
        check(not readers.has("cards/A/open"), "row", row, "the card was left open")


def a_pin_that_the_card_did_not_look_at_is_asked_for_again(rig):
    readers = rig.one_card()
    readers.fault("C_Login", "rv 162")
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("1234")
        helper.expect(ASK, ask=PIN, reason=PIN_NOT_ACCEPTED)
        helper.answer("1234")  # nobody knows whether it used a try
        helper.expect(ASK, ask=PIN, reason=PIN_NOT_ACCEPTED)
        equal(readers.log().count("fault C_Login"), 1, "C_Login with the same PIN")
        helper.answer("4321")
        helper.expect(ASK, ask=PIN, reason=PIN_NOT_ACCEPTED)
        equal(readers.log().count("fault C_Login"), 2, "C_Login with another PIN")


def a_module_that_is_none_is_told(rig):
    for path in ("/nonexistent.so", "/etc/passwd", "/dev/null", "/", "/" + "x" * 254):
        readers = rig.readers()
        readers.module = path
        with rig.start(readers) as helper:
            rig.ends(helper, MODULE_ERROR)


# ---- what surrounds it -------------------------------------------------------------------------

def the_module_sees_no_environment(rig):
    readers = rig.one_card()
    environment = {name: "/tmp/x" for name in (
        "CPS3_PKCS11_TRACES", "CPS3_DEBUG", "OPENSC_DEBUG", "OPENSC_CONF", "P11_KIT_DEBUG", "P11_KIT_STRICT", "HOME", "PATH",
        "LD_LIBRARY_PATH", "SOFTHSM2_CONF", "PCSCLITE_CSOCK_NAME", "MALLOC_TRACE", "OPENSSL_CONF", "LANG")}
    with rig.start(readers, environment={**environment, "JOURNAL_STREAM": "8:12345"}) as helper:
        helper.expect(ASK, ask=PIN)
        helper.answer("1234")
        rig.signed(helper, rig.max)
        text = helper.text()
    seen = [line.split(" ", 1)[1].split("=")[0] for line in readers.log() if line.startswith("environment")]
    equal([name for name in seen if not name.endswith("SAN_OPTIONS")], ["JOURNAL_STREAM"], "variables")
    if not SANITIZED:
        equal(text, "", "what the module printed")


def the_module_is_not_root(rig):
    readers = rig.one_card()
    with rig.start(readers, READ) as helper:
        helper.expect(DONE)
    equal([line for line in readers.log() if line.endswith("uid 0")], [], "uid")
    if os.geteuid() == 0 and subprocess.run(["id", "hospiconnect"], capture_output=True, check=False).returncode != 0:
        ran = subprocess.run([rig.program, "list", "--module", readers.module], capture_output=True, text=True, check=False)
        equal(ran.returncode, 1, ran.stderr)
        check("user does not exist" in ran.stderr, ran.stderr)


def a_cancel_ends_it_at_once(rig):
    def one(call):
        readers = rig.one_card()
        if call is not None:
            readers.fault(call, "hang")
        with rig.start(readers) as helper:
            while True:
                message = helper.read()
                if message[0] == ASK and call is not None:
                    helper.answer("1234")
                    time.sleep(0.3)  # it hangs, and gives no sign of that
                if message[0] == ASK:
                    break
            helper.send(CANCEL)
            began = time.monotonic()
            rig.ends(helper, CANCELLED)
            check(time.monotonic() - began < 4, "took", time.monotonic() - began)
        equal([line for line in readers.logins() if line != "A right"], [], "tries")

    in_parallel(one, (None, "C_Login", "C_Sign", "C_Logout"))


def an_end_of_the_link_ends_it(rig):
    for waits in (True, False):
        readers = rig.one_card() if not waits else rig.readers()
        helper = rig.start(readers)
        helper.read()
        helper.socket.close()
        helper.wait(2)
    helper = Helper(rig.program)
    helper.socket.close()
    equal(helper.wait(2), 1, "status")


def sigterm_ends_it(rig):
    readers = rig.one_card()
    with rig.start(readers) as helper:
        helper.expect(ASK, ask=PIN)
        os.kill(helper.pid, signal.SIGTERM)
        rig.ends(helper, CANCELLED)


def nobody_survives_a_watcher_that_is_killed(rig):
    readers = rig.one_card()
    helper = rig.start(readers)
    helper.expect(ASK, ask=PIN)
    children = subprocess.run(["pgrep", "-P", str(helper.pid)], capture_output=True, text=True, check=True).stdout.split()
    equal(len(children), 2, "processes")
    os.kill(helper.pid, signal.SIGKILL)
    helper.wait()
    end = time.monotonic() + 3
    while any(os.path.exists(f"/proc/{pid}") for pid in children):
        check(time.monotonic() < end, "processes are left")
        time.sleep(0.01)
    helper.close()


def nonsense_on_the_link_ends_it(rig):
    table = (cards.pack(START, operation=SIGN, timeout=20, module="/x", to_sign=b"x"), cards.pack(99), b"", b"\x01",
             cards.pack(DONE), cards.pack(cards.ANSWER, answer="1234", flags=1), cards.pack(cards.ANSWER),
             cards.pack(CANCEL, flags=1), b"\xff" * 16384)
    for row, packet in enumerate(table):
        readers = rig.one_card()
        with rig.start(readers) as helper:
            helper.expect(ASK, ask=PIN)
            helper.socket.send(packet)
            equal(helper.read(), None, "row", row)
            helper.wait()
        equal(readers.logins(), [], "row", row)
    readers = rig.readers()
    with rig.start(readers) as helper:  # an answer to nothing
        helper.expect(WAIT, wait=INSERT)
        helper.answer("1234")
        equal(helper.read(), None, "answer without a question")


def a_start_that_is_none_ends_it(rig):
    good = {"operation": SIGN, "timeout": 20, "module": "/x", "to_sign": b"x"}
    table = ({"operation": 0}, {"operation": 2}, {"operation": 3}, {"operation": 7}, {"timeout": 0}, {"timeout": 601},
             {"module": "x.so"}, {"to_sign": b""}, {"flags": 1}, {"flags": 9}, {"label": "x"}, {"operation": LIST},
             {"operation": READ}, {"module": None}, {"timeout": None}, {"operation": None}, {"to_sign": None})
    for row, change in enumerate(table):
        fields = {name: value for name, value in {**good, **change}.items() if value is not None}
        with Helper(rig.program) as helper:
            helper.send(START, **fields)
            equal((helper.read(), helper.wait()), (None, 1), "row", row, change)


def it_serves_nobody_but_the_broker(rig):
    read, write = os.pipe()
    with Helper(rig.program, link=read) as helper:
        equal(helper.wait(), 1, "a pipe")
        check("no link to the broker" in helper.text(), helper.text())
    os.close(read)
    os.close(write)


if __name__ == "__main__":
    sys.exit(card_rig.run(sys.modules[__name__]))
