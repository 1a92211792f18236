# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of hc-pkcs11 share: certificates made once, the usual card, the usual ends, the runner."""
import inspect
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback

import cards
from cards import DONE, FAILED, SIGN, START, Certificate, Helper, Readers, check, equal

AUTH_ID, SIGN_ID = "e828bd080f8025000001ff001020", "e828bd080f8025000001ff001010"
MESSAGE = b"HospiConnect-CPS-v1" + bytes(range(64))
CANCELLED, TIMED_OUT, TOO_MANY = 211, 210, 219
NO_DEVICE, WRONG_PIN, PIN_BLOCKED, REMOVED, PIN_NOT_ACCEPTED = 230, 231, 233, 235, 248
CARD_UNKNOWN, NOT_FOR_SIGN_IN, READER_ERROR, MODULE_ERROR, WITHOUT_PIN = 250, 251, 261, 262, 264
PRESENT = 8

with open(cards.BUILD + "/libexec/hc-pkcs11", "rb") as built:
    SANITIZED = b"__asan_init" in built.read()


class Rig:
    """Folders, certificates, and the program under test."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.lock = threading.Lock()
        os.chmod(folder, 0o777)
        self.program = folder + "/hc-pkcs11"
        shutil.copy(cards.BUILD + "/libexec/hc-pkcs11", self.program)
        pki = folder + "/pki"
        os.mkdir(pki)
        self.max = Certificate(pki, "max")
        self.max_sign = Certificate(pki, "max_sign", usage="sign")
        self.lea = Certificate(pki, "lea", given="LÉA", surname="DE LA TOUR", number="899900063481")
        self.ec = Certificate(pki, "ec", key="ec")
        self.ec384 = Certificate(pki, "ec384", key="ec384")
        self.big = Certificate(pki, "big", key="rsa4096")

    def new(self):
        with self.lock:
            self.count += 1
            return f"{self.folder}/{self.count}"

    def readers(self, count=1):
        return Readers(self.new(), count)

    def one_card(self, **how):
        """The usual case: one reader, Max Libre's card in it, both certificates on it."""
        readers = self.readers()
        readers.card("A", (SIGN_ID, self.max_sign), (AUTH_ID, self.max), slot=0, **how)
        return readers

    def start(self, readers, operation=SIGN, timeout=20, flags=0, arguments=(), **how):
        helper = Helper(self.program, *arguments, **how)
        fields = {"operation": operation, "timeout": timeout, "module": readers.module}
        if operation == SIGN:
            fields["to_sign"] = MESSAGE
        if flags:
            fields["flags"] = flags
        helper.send(START, **fields)
        return helper

    def ends(self, helper, reason, **fields):
        failed = helper.expect(FAILED, reason=reason, **fields)
        equal(helper.read(), None, "behind the last message")
        helper.wait()
        return failed

    def signed(self, helper, certificate):
        done = helper.expect(DONE)
        equal(done["certificate"], certificate.bytes(), "certificate")
        check(certificate.verifies(MESSAGE, done["signature"]), "the signature does not verify")
        equal(helper.read(), None, "behind the last message")
        equal(helper.wait(), 0, "status")
        return done


def run(scenario):
    """Every function of the scenario whose first parameter is the rig; the command line may name some."""
    cases = [value for value in list(vars(scenario).values()) if inspect.isfunction(value) and
             value.__module__ == scenario.__name__ and list(inspect.signature(value).parameters) == ["rig"]]
    wanted, failed = sys.argv[1:], 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hc-pkcs11.") as folder:
        rig = Rig(folder)
        for case in cases:
            if wanted and case.__name__ not in wanted:
                continue
            at = time.monotonic()
            try:
                case(rig)
                print(f"ok      {case.__name__} ({time.monotonic() - at:.2f} s)", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"FAILED  {case.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(cases)} cases, {failed} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed else 0
