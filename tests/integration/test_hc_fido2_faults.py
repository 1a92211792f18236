#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever libfido2 says, hc-fido2 ends in order with a code that helps, and sends no PIN twice.
 * each function of libfido2 that it calls fails in turn, at each call, for each operation that leads there
 * what talks with the chosen key gives every error that libfido2 has; the one that the PIN goes along with row by row
 * allocations of its own, of libfido2 and of libcbor fail in turn (not where it is sanitized; HC_FAULTS=every: each one)
Each run counts the PINs that were handed to libfido2, and those that reached the key.
"""
import hashlib
import os
import re
import shutil
import struct
import sys
import tempfile
import threading
import time
import traceback

import device_link as link
from device_link import ASK, DONE, FAILED, ITEM, WAIT, Closed, Link
from keys import BUILD, Keys

PROGRAM = os.path.join(BUILD, "libexec", "hc-fido2")
FAULTS = os.path.join(BUILD, "tests", "support", "libhc_fido_faults.so")
SANITIZED = "HC_SANITIZER_RUNTIME" in os.environ
RP = "sso.example.org"
HASH = hashlib.sha256(b"client data").digest()
PIN = b"1234"
WORKERS = 8
EVERY = os.environ.get("HC_FAULTS") == "every"  # allocation, which takes minutes
NO_MEMORY = "the link was ended by a surprise reason=\"out of memory\""  # the only end without a word
CALLS_EACH = 2  # of a function that is called again and again, so many of its calls fail in turn

with open("/usr/include/fido/err.h", encoding="ascii") as header:
    ERRORS = {name: int(value, 0) for name, value in
              re.findall(r"#define\s+(FIDO_(?:ERR_\w+|OK))\s+(-?\d\w*)", header.read())}

# What the person is told of the error of a call that the PIN went along with; of any other one, DEVICE_ERROR.
TOLD = {
    "PIN_INVALID": "WRONG_PIN", "PIN_AUTH_BLOCKED": "PIN_BLOCKED_FOR_NOW", "PIN_BLOCKED": "PIN_BLOCKED",
    "PIN_NOT_SET": "PIN_NOT_SET", "PIN_REQUIRED": "PIN_NOT_SET", "PIN_POLICY_VIOLATION": "PIN_CHANGE_NEEDED",
    "NO_CREDENTIALS": "KEY_NOT_REGISTERED", "INVALID_CREDENTIAL": "KEY_NOT_REGISTERED",
    "CREDENTIAL_EXCLUDED": "KEY_ALREADY_REGISTERED", "OPERATION_DENIED": "CANCELLED",
    "USER_ACTION_TIMEOUT": "TOUCH_TIMED_OUT", "ACTION_TIMEOUT": "TOUCH_TIMED_OUT", "TIMEOUT": "TOUCH_TIMED_OUT",
    "KEY_STORE_FULL": "KEY_FULL", "LIMIT_EXCEEDED": "KEY_FULL", "UNSUPPORTED_ALGORITHM": "KEY_LACKS_FEATURE",
    "UNSUPPORTED_OPTION": "KEY_LACKS_FEATURE", "INVALID_OPTION": "KEY_LACKS_FEATURE"}
# Nobody is told these, whatever fails: they say that the program is at a loss.
NEVER = {None, "NONE", "INTERNAL", "PROTOCOL_ERROR", "SIGNATURE_INVALID"}
# What is said of a key before its PIN is asked for.
BEFORE = [ERRORS["FIDO_" + name] for name in ("ERR_TX", "ERR_RX", "ERR_INTERNAL", "ERR_TIMEOUT", "ERR_PIN_INVALID",
                                              "ERR_INVALID_CBOR", "ERR_NO_CREDENTIALS")] + [0]
SETTERS = [ERRORS["FIDO_ERR_INTERNAL"], ERRORS["FIDO_ERR_INVALID_ARGUMENT"]]
TALKS = ("fido_dev_info_manifest", "fido_dev_open", "fido_dev_get_cbor_info", "fido_dev_get_retry_count",
         "fido_dev_get_uv_retry_count", "fido_dev_get_touch_begin", "fido_dev_get_touch_status", "fido_dev_get_assert",
         "fido_dev_make_cred", "fido_dev_set_pin")


class Place:
    """A folder with a key in it and the operations that are tried there. One thread's."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.folder, self.keys = folder, Keys(folder)
        self.pin = self.keys.plug("a", "--pin", PIN.decode())
        self.made = self.make(self.pin, login="martin")
        self.log = os.path.join(folder, "log")

    def make(self, key, **more):
        with Link([PROGRAM], env=self.environment("none")) as one:
            one.start(link.MAKE, rp_id=RP, client_data_hash=HASH, user_handle=b"h1", flags=link.UV | link.UP | link.DISCOVERABLE,
                      algorithms=struct.pack(">i", -7), device_path=key.path, **more)
            while True:
                message = one.receive()
                if message["type"] == ASK:
                    one.answer(PIN)
                elif message["type"] == DONE:
                    return message["credential"]

    def environment(self, fault):
        base = {"HC_FIDO_FAULT": fault, "HC_FIDO_FAULT_LOG": getattr(self, "log", ""), "LD_PRELOAD": FAULTS}
        for name in ("HC_SANITIZER_RUNTIME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                base[name] = os.environ[name]
        return self.keys.environment(base)

    def start(self, one, operation, timeout_s):
        common = {"timeout_s": timeout_s, "client_data_hash": HASH}
        credential = link.identifiers([self.made])
        if operation in ("assert", "finger", "race"):
            one.start(link.ASSERT, rp_id=RP, flags=link.UV | link.UP, credentials=credential, **common)
        elif operation == "nameless":
            one.start(link.ASSERT, rp_id=RP, flags=link.UV | link.UP, **common)
        elif operation == "make":
            one.start(link.MAKE, rp_id=RP, flags=link.UV | link.UP | link.DISCOVERABLE, user_handle=b"h2", login="durand",
                      algorithms=struct.pack(">i", -7), credentials=link.identifiers([b"x" * 32]), **common)
        elif operation == "set-pin":
            one.start(link.SET_PIN, timeout_s=timeout_s, device_path=self.pin.path)
        else:
            one.start(link.LIST, timeout_s=timeout_s)

    def run(self, operation, fault, timeout_s=1):
        """One operation under one fault: how it ended, the lines of the log. What is never allowed is checked here."""
        if os.path.exists(self.log):
            os.remove(self.log)
        answers, was, ended = 0, self.pin.counters()["pin_attempts"], None
        stderr = tempfile.TemporaryFile()
        with Link([PROGRAM], env=self.environment(fault), stderr=stderr) as one:
            try:
                self.start(one, operation, timeout_s)
            except BrokenPipeError:  # it lacked memory before it could read anything
                ended = ("closed", None)
            while ended is None:
                try:
                    message = one.receive()
                except Closed:
                    ended = ("closed", None)
                    break
                if message["type"] in (WAIT, ITEM):
                    continue
                if message["type"] != ASK:
                    ended = ({DONE: "done", FAILED: "failed"}[message["type"]], message.get("reason"))
                elif message["device_ask"] == link.PIN and answers == 0:
                    answers += 1
                    one.answer(PIN)
                elif message["device_ask"] == link.NEW_PIN and "reason" not in message:
                    one.answer(PIN)
                else:
                    ended = ("asked", message.get("reason"))
            one.socket.close()
            status = one.process.wait(5)
        stderr.seek(0)
        said = stderr.read().decode("utf-8", "replace")
        try:
            with open(self.log, encoding="ascii") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            lines = []
        if fault.startswith("malloc") and ended[0] == "closed" and status == 1 and NO_MEMORY in said:
            ended = ("failed", "DEVICE_ERROR")  # what the broker makes of a helper that can say nothing any more
        problem = self.problem(ended, status, said, lines, answers, self.pin.counters()["pin_attempts"] - was)
        assert not problem, f"{operation}, {fault}: {problem}: {ended}, status {status}\n{said[-3000:]}"
        return ended, lines

    def problem(self, ended, status, said, lines, answers, attempts):
        if status < 0 or "Sanitizer" in said or "runtime error" in said:
            return "it crashed"
        if ended[0] == "closed":
            return "it ended without a word"
        if ended[0] == "failed" and ended[1] in NEVER:
            return "a code that helps nobody"
        if len([line for line in lines if line.startswith("pin ")]) > answers:
            return "a PIN was handed over twice"
        return f"{attempts} PINs reached the key" if attempts > answers else None

    def prepare(self, operation):
        """Plugs in the key that the operation needs, where that is another one."""
        if operation == "finger":
            self.pin.remove()
            self.other = self.keys.plug("f", "--pin", PIN.decode(), "--uv", "finger")
            self.made = self.make(self.other, login="petit")
        elif operation == "race":  # it holds it as well: one of the two is to be touched first
            self.keys.unplug("a")
            shutil.copy(self.folder + "/a.state", self.folder + "/b.state")
            for name in ("a", "b"):
                self.keys.plug(name, "--pin", PIN.decode())
            self.pin = self.keys.keys["a"]


def workers(folder, rows, operation):
    """All rows, shared among threads with a key each; {row: (how it ended, lines)}."""
    left, results, problems, lock = list(reversed(rows)), {}, [], threading.Lock()

    def work(number):
        place = Place(os.path.join(folder, f"{operation}{number}-{time.monotonic_ns()}"))
        try:
            place.prepare(operation)
            while True:
                with lock:
                    if not left or len(problems) > 20:
                        return
                    row = left.pop()
                try:
                    results[row] = place.run(operation, row)
                except Exception as problem:
                    problems.append(f"{row}: {problem}")
        finally:
            place.keys.stop()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(min(WORKERS, len(rows)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not problems, "\n".join(problems)
    assert len(results) == len(rows), f"{len(rows) - len(results)} rows did not end"
    return results


def calls(folder, operation):
    """{function: how often it is called} of an operation that nothing is wrong with."""
    (ended, lines), = workers(folder, ["count"], operation).values()
    assert ended[0] == "done", ended
    names = [line[5:] for line in lines if line.startswith("call ")]
    return {name: names.count(name) for name in names}


def each_function_fails_in_turn(folder):
    seen = set()
    for operation in ("assert", "finger", "race", "nameless", "make", "set-pin"):
        rows = []
        for name, count in calls(folder, operation).items():
            if name == "malloc" or (name in seen and (operation, name[:12]) != ("nameless", "fido_assert_")):
                continue
            seen.add(name)
            values = BEFORE if name in TALKS else SETTERS if re.search("_set_|_allow_|_exclude|_close|_cancel", name) else [0]
            rows += [f"{name} {n} {value}" for n in range(1, min(count, CALLS_EACH) + 1) for value in values]
        rows = rows[::2] if SANITIZED else rows
        results = workers(folder, rows, operation)
        missed = [row for row, (_, lines) in results.items() if not any(line.startswith("fault ") for line in lines)
                  and not re.search("_close|_cancel|_touch_", row)]  # these are called, or not, as time goes
        assert not missed, f"{operation}: never failed: {missed}"
        print(f"  {operation}: {len(rows)} faults", flush=True)
    return seen


def every_error_of_the_call_with_the_pin_is_told_in_its_row(folder):
    for operation, call in (("assert", "fido_dev_get_assert 2"), ("make", "fido_dev_make_cred 1")):
        rows = {f"{call} {value}": name[9:] for name, value in ERRORS.items() if name.startswith("FIDO_ERR_") and value != 0}
        for row, (ended, lines) in workers(folder, list(rows), operation).items():
            expected = TOLD.get(rows[row], "DEVICE_ERROR")
            assert ended == ("asked" if expected == "WRONG_PIN" else "failed", expected), (operation, rows[row], ended)
            assert [line for line in lines if line.startswith("pin ")] == ["pin " + call.split()[0]], (rows[row], lines)
        print(f"  {operation}: {len(rows)} errors", flush=True)


def every_error_of_a_new_pin_is_told(folder):
    rows = {f"fido_dev_set_pin 1 {value}": name[9:] for name, value in ERRORS.items() if name.startswith("FIDO_ERR_") and value}
    for row, (ended, lines) in workers(folder, list(rows), "set-pin").items():
        expected = {**TOLD, "PIN_POLICY_VIOLATION": "PIN_NOT_ACCEPTED"}.get(rows[row], "DEVICE_ERROR")
        asked = expected in ("WRONG_PIN", "PIN_NOT_ACCEPTED")
        assert ended == ("asked" if asked else "failed", expected), (rows[row], ended)


def allocations_fail_in_turn(folder):
    if SANITIZED:
        print("  not with a sanitizer's allocator")
        return
    for operation in ("assert", "make", "list"):
        count = calls(folder, operation)["malloc"]
        step = 1 if EVERY else max(1, count // 40)
        rows = [f"malloc {n} 0" for n in range(1, count + 1, step)]
        results = workers(folder, rows, operation)
        hit = [row for row, (_, lines) in results.items() if "fault malloc" in lines]
        assert len(hit) > len(rows) * 0.8, f"{operation}: {len(hit)} of {len(rows)} failed"
        print(f"  {operation}: {len(rows)} of {count} allocations", flush=True)


def main():
    failures, started = 0, time.monotonic()
    for case in (every_error_of_the_call_with_the_pin_is_told_in_its_row, every_error_of_a_new_pin_is_told,
                 each_function_fails_in_turn, allocations_fail_in_turn):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hf-") as folder:
            try:
                case(folder)
                verdict = "ok"
            except Exception:
                failures += 1
                verdict = "FAILED"
                traceback.print_exc(file=sys.stdout)
        print(f"{verdict:6} {time.monotonic() - begin:6.2f} s  {case.__name__}", flush=True)
    print(f"{failures} failed, {time.monotonic() - started:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
