#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever number a PKCS#11 library returns, at whatever call, hc-pkcs11 ends with a reason that means something.
 * every CKR_ code that the standard has, and some that it has not, at every call
 * never a crash, never a last message that is missing, never a second C_Login with the same PIN, never an open card
 * a code at C_Login never becomes a signature; nor one at C_SignInit or C_Sign
"""
import os
import queue
import re
import subprocess
import sys
import threading
import time
import traceback

import card_rig
from card_rig import (CANCELLED, CARD_UNKNOWN, MODULE_ERROR, NO_DEVICE, NOT_FOR_SIGN_IN, PIN_BLOCKED, PIN_NOT_ACCEPTED,
                      READER_ERROR, REMOVED, SANITIZED, TIMED_OUT, TOO_MANY, WITHOUT_PIN)
from cards import ASK, CONFIRM, DONE, FAILED, check, equal

PIN_CHANGE = 245
CALLS = ("C_Initialize", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_OpenSession", "C_FindObjectsInit",
         "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_CloseSession", "C_Login", "C_SignInit", "C_Sign",
         "C_Logout", "C_Finalize")
SENSIBLE = {CANCELLED, CARD_UNKNOWN, MODULE_ERROR, NO_DEVICE, NOT_FOR_SIGN_IN, PIN_BLOCKED, PIN_NOT_ACCEPTED, READER_ERROR,
            REMOVED, TIMED_OUT, TOO_MANY, WITHOUT_PIN, PIN_CHANGE}
AT_ONCE = 12


def codes():
    """{name: number} from the header of the interface."""
    folder = subprocess.run(["pkg-config", "--variable=includedir", "p11-kit-1"], capture_output=True, check=False,
                            text=True).stdout.strip() or "/usr/include/p11-kit-1"
    if not folder.endswith("p11-kit-1"):
        folder += "/p11-kit-1"
    with open(folder + "/p11-kit/pkcs11.h", encoding="utf-8") as file:
        found = {name: int(number, 0) for name, number in re.findall(r"#define (CKR_\w+)\s+\(+(0x[0-9a-f]+|\d+)UL\)", file.read())}
    check(len(found) > 80, "codes in the header", len(found))
    del found["CKR_OK"]
    return {**found, "vendor's": 0x80000001, "nobody's": 0x7FFFFFFF, "all bits": 0xFFFFFFFFFFFFFFFF}


def last_of(helper):
    """Answers what is asked, and gives the last message."""
    while True:
        message = helper.read(30)
        if message is None or message[0] in (DONE, FAILED):
            return message
        if message[0] == ASK:
            helper.answer("yes" if message[1]["ask"] == CONFIRM else "1234")


def try_code(rig, call, name, number):
    readers = rig.one_card()
    readers.fault(call, f"rv {number}")
    with rig.start(readers, timeout=2) as helper:
        last = last_of(helper)
        check(last is not None, "no last message", helper.text())
        equal(helper.wait(), 0, "status")
    tries = readers.log().count("fault C_Login") + len(readers.logins())
    check(tries <= 1, "C_Login called", tries)
    check(not readers.has("cards/A/open") or call in ("C_Logout", "C_Finalize"), "the card was left open")
    if last[0] == DONE:
        check(call in ("C_Logout", "C_CloseSession", "C_FindObjectsFinal", "C_Finalize") or
              (call, name) == ("C_Initialize", "CKR_CRYPTOKI_ALREADY_INITIALIZED"), "signed")
        with rig.lock:  # the signature goes through a file
            check(rig.max.verifies(card_rig.MESSAGE, last[1]["signature"]), "a signature that is none")
    else:
        check(last[1].get("reason") in SENSIBLE, "ended with", last)


def every_code_at_every_call_has_a_meaning(rig):
    work, failures = queue.SimpleQueue(), []
    rows = [(call, name, number) for call in CALLS for name, number in codes().items()]
    # A sanitized helper takes long to start: a part of them, with every call and every code in it.
    for row in rows[::7] if SANITIZED else rows:
        work.put(row)

    def worker():
        while not failures:
            try:
                row = work.get_nowait()
            except queue.Empty:
                return
            try:
                try_code(rig, *row)
            except Exception:  # pylint: disable=broad-except
                failures.append(f"{row}: {traceback.format_exc()}")

    began = time.monotonic()
    threads = [threading.Thread(target=worker) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, "\n".join(failures))
    print(f"  ({len(rows)} rows, {time.monotonic() - began:.0f} s, {os.cpu_count()} processors)")


if __name__ == "__main__":
    sys.exit(card_rig.run(sys.modules[__name__]))
