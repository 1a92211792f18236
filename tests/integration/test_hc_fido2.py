#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hc-fido2 serves a person well at real (software) keys, and never uses up a try by itself.
 * right PIN, wrong once, three wrong, blocked, last try, PINs that cannot be one or were refused
 * no key, foreign key, two keys, late key, key pulled out, cancel, end of the link, time-outs
 * fingerprint good, wrong, blocked with PIN instead; old keys; keys that always verify
 * discoverable credentials of one and of two accounts; MAKE of every algorithm, exclude list; SET_PIN; LIST
 * broken answers of keys and of the broker
The program runs as it is installed; every test counts the attempts that reached the key.
"""
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import ctap
import device_link as link
from device_link import ASK, DONE, FAILED, ITEM, WAIT, Link
from keys import BUILD, Keys

PROGRAM = os.path.join(BUILD, "libexec", "hc-fido2")
RP = "sso.example.org"
HASH = hashlib.sha256(b"client data").digest()
ES256, EDDSA, RS256 = -7, -8, -257
STOP_S = 1.0  # every wait for a person is longer: what ends sooner did not wait


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def equal(got, expected, *what):
    check(got == expected, *what, f"\n  got      {got!r}\n  expected {expected!r}")


def der(tag, *parts):
    body = b"".join(parts)
    size = bytes([len(body)]) if len(body) < 128 else (
        lambda raw: bytes([0x80 | len(raw)]) + raw)(len(body).to_bytes((len(body).bit_length() + 7) // 8, "big"))
    return bytes([tag]) + size + body


def public_key(cose):
    """SubjectPublicKeyInfo of a COSE key."""
    if cose[3] == ES256:
        algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
        return der(0x30, algorithm, der(0x03, b"\0\4" + cose[-2] + cose[-3]))
    if cose[3] == EDDSA:
        return der(0x30, bytes.fromhex("300506032b6570"), der(0x03, b"\0" + cose[-2]))
    numbers = der(0x30, der(0x02, b"\0" + cose[-1]), der(0x02, cose[-2]))
    return der(0x30, bytes.fromhex("300d06092a864886f70d0101010500"), der(0x03, b"\0" + numbers))


class Made:
    """A credential, as MAKE told it."""

    def __init__(self, done, rp=RP):
        data = done["auth_data"]
        size = struct.unpack(">H", data[53:55])[0]
        self.id, self.aaguid, self.flags = data[55:55 + size], data[37:53], data[32]
        rest = data[55 + size:]
        # the key, and extensions behind it
        for end in range(len(rest), 0, -1):
            try:
                self.key = ctap.decode(rest[:end])
                self.extensions = ctap.decode(rest[end:]) if rest[end:] else {}
                break
            except ctap.Malformed:
                continue
        equal(self.id, done["credential"])
        equal(data[:32], hashlib.sha256(rp.encode()).digest(), "rpIdHash")
        self.done, self.rp = done, rp


class Rig:
    def __init__(self, folder):
        self.folder = folder
        self.keys = Keys(folder)

    def open(self, **how):
        return Link([PROGRAM], env=self.environment(), **how)

    def environment(self, **more):
        sanitizer = {name: os.environ[name] for name in ("HC_SANITIZER_RUNTIME", "ASAN_OPTIONS", "TSAN_OPTIONS")
                     if name in os.environ}
        return self.keys.environment({"PATH": "/usr/bin", **sanitizer, **more})

    def run(self, *arguments, lang="en_GB.UTF-8"):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=20,
                              env=self.environment(LANG=lang))

    def make(self, key, pin=b"1234", flags=link.UV | link.UP, algorithms=(ES256,), handle=b"h1", login="martin", rp=RP,
             **more):
        with self.open() as one:
            one.start(link.MAKE, rp_id=rp, client_data_hash=HASH, user_handle=handle, login=login, flags=flags,
                      algorithms=struct.pack(f">{len(algorithms)}i", *algorithms), device_path=key.path, **more)
            if pin is not None:
                one.expect(ASK, device_ask=link.PIN)
                one.answer(pin)
            return Made(one.expect(DONE), rp)

    def ask(self, one, credentials=(), flags=link.UV | link.UP, rp=RP, **more):
        one.start(link.ASSERT, rp_id=rp, client_data_hash=HASH, flags=flags,
                  credentials=link.identifiers([made.id for made in credentials]), **more)

    def verify(self, done, made, flags):
        """The signature is the credential's, and the flags are those."""
        data = done["auth_data"]
        equal(data[32] & 5, flags, "flags")
        equal(data[:32], hashlib.sha256(made.rp.encode()).digest(), "rpIdHash")
        equal(done["rp_id"], made.rp, "relying party")
        equal(done["credential"], made.id, "credential")
        paths = [os.path.join(self.folder, name) for name in ("pub", "text", "sig")]
        for path, content in zip(paths, (public_key(made.key), data + HASH, done["signature_der"])):
            with open(path, "wb") as file:
                file.write(content)
        digest = [] if made.key[3] == EDDSA else ["-digest", "sha256"]
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin",
                        *digest, "-in", paths[1], "-sigfile", paths[2]], check=True, stdout=subprocess.DEVNULL)


def attempts(key, pins, wrong=0):
    counters = key.counters()
    equal((counters["pin_attempts"], counters["pin_wrong"]), (pins, wrong), "PIN attempts, and wrong ones")


# ---- PIN -----------------------------------------------------------------------------------------

def no_key_is_waited_for_and_then_said(rig):
    with rig.open() as one:
        rig.ask(one, [], timeout_s=1)
        equal(one.expect(WAIT)["device_wait"], link.INSERT)
        one.expect(FAILED, reason="NO_DEVICE")
        equal(one.ends()[1], 0)


def present_keys_alone_are_looked_at_where_that_is_asked(rig):
    with rig.open() as one:
        started = time.monotonic()
        rig.ask(one, [], flags=link.UV | link.UP | link.PRESENT, timeout_s=30)
        one.expect(FAILED, reason="NO_DEVICE")
        check(time.monotonic() - started < 10, "waited all the same")


def the_right_pin_and_a_touch_sign_in(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--product", "Étoile 5", "--manufacturer", "Ex")
    made = rig.make(key)
    key.tell("touch manual")
    attempts(key, 1)
    with rig.open() as one:
        rig.ask(one, [made])
        asked = one.expect(ASK, device_ask=link.PIN, tries_left=8, label="Ex Étoile 5")
        check("reason" not in asked, asked)
        attempts(key, 1)
        one.answer(b"1234")
        equal(one.expect(WAIT)["device_wait"], link.TOUCH)
        key.await_touch()
        check(key.touch(), "nothing waited for a touch")
        done = one.expect(DONE)
        equal(one.ends()[1], 0)
    rig.verify(done, made, 5)
    attempts(key, 2)
    equal(key.counters()["silent_assertions"], 1, "questions without touch")


def a_wrong_pin_is_asked_for_again_and_sent_once(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, tries_left=8)
        one.answer(b"9999")
        one.expect(ASK, device_ask=link.PIN, tries_left=7, reason="WRONG_PIN")
        one.answer(b"9999")  # the same: not sent
        one.expect(ASK, device_ask=link.PIN, tries_left=7, reason="WRONG_PIN")
        attempts(key, 2, 1)
        for impossible in (b"", b"123", b"x" * 64, b"12\x0034", "éàü".encode()):
            one.answer(impossible)
            one.expect(ASK, device_ask=link.PIN, tries_left=7, reason="PIN_NOT_ACCEPTED")
        attempts(key, 2, 1)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)
    attempts(key, 3, 1)


def three_wrong_pins_block_the_key_for_now(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made])
        for number, left in enumerate((8, 7, 6)):
            one.expect(ASK, device_ask=link.PIN, tries_left=left)
            one.answer(b"999%d" % number)
        one.expect(FAILED, reason="PIN_BLOCKED_FOR_NOW", tries_left=5)
    attempts(key, 4, 3)
    with rig.open() as one:  # the key says so again, and no try is lost
        rig.ask(one, [made])
        one.expect(ASK, tries_left=5)
        one.answer(b"1234")
        one.expect(FAILED, reason="PIN_BLOCKED_FOR_NOW", tries_left=5)
    equal(key.status()["pin_retries"], 5)
    key.remove()
    key.insert()
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, tries_left=5)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)
    equal(key.status()["pin_retries"], 8)


def the_last_try_is_used_on_the_persons_word_alone(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--pin-retries", "2")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.PIN, tries_left=2)
        one.answer(b"9999")
        one.expect(ASK, device_ask=link.LAST_TRY, tries_left=1, reason="WRONG_PIN")
        one.answer(b"no")
        one.expect(FAILED, reason="CANCELLED", tries_left=1)
    attempts(key, 2, 1)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.LAST_TRY, tries_left=1)
        one.answer(b"yes")
        one.expect(ASK, device_ask=link.PIN, tries_left=1)
        one.answer(b"8888")
        one.expect(FAILED, reason="PIN_BLOCKED", tries_left=0)
    attempts(key, 3, 2)
    with rig.open() as one:  # blocked for good: nothing is asked
        rig.ask(one, [made])
        one.expect(FAILED, reason="PIN_BLOCKED", tries_left=0)
    attempts(key, 3, 2)


def a_key_without_pin_says_so(rig):
    made = rig.make(rig.keys.plug("a"), pin=None, flags=link.UP)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(FAILED, reason="PIN_NOT_SET")


def a_pin_that_must_be_changed_is_not_asked_for(rig):
    made = rig.make(rig.keys.plug("a", "--pin", "1234"))
    key = rig.keys.plug("b", "--pin", "1234", "--force-pin-change")
    with rig.open() as one:
        rig.ask(one, [made], device_path=key.path, timeout_s=1)
        one.expect(FAILED, reason="KEY_NOT_REGISTERED")
    with rig.open() as one:
        one.start(link.MAKE, rp_id=RP, client_data_hash=HASH, user_handle=b"h", login="m", flags=3,
                  algorithms=struct.pack(">i", ES256), device_path=key.path)
        one.expect(FAILED, reason="PIN_CHANGE_NEEDED")
    attempts(key, 0)
    with rig.open() as one:
        one.start(link.SET_PIN, device_path=key.path)
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        one.expect(ASK, device_ask=link.NEW_PIN)
        one.answer(b"5678")
        one.expect(DONE)
    rig.make(key, pin=b"5678")


# ---- which key -----------------------------------------------------------------------------------

def a_pin_that_must_be_changed_signs_nobody_in(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    subprocess.run(["timeout", "20", "fido2-token", "-S", "-f", key.path], input="1234\n", text=True, check=True,
                   capture_output=True, start_new_session=True, env=rig.environment())
    equal(key.status()["force_pin_change"], 1)
    before = key.counters()
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        one.expect(FAILED, reason="PIN_CHANGE_NEEDED")
    after = key.counters()
    equal(after["pin_attempts"] - before["pin_attempts"], 1)
    equal(after["touches_asked"] - before["touches_asked"], 0)


def a_foreign_key_is_named_and_asked_nothing(rig):
    mine, foreign = rig.keys.plug("a", "--pin", "1234"), rig.keys.plug(
        "b", "--pin", "1234", "--manufacturer", "Ex", "--product", "Other")
    made = rig.make(mine)
    mine.remove()
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=20)
        wait = one.expect(WAIT)
        equal((wait["device_wait"], wait["reason"], wait["label"]), (link.INSERT, "KEY_NOT_REGISTERED", "Ex Other"))
        mine.insert()  # late
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)
    attempts(foreign, 0)
    equal(foreign.counters()["touches_asked"], 0)


def a_foreign_key_alone_is_said_in_the_end(rig):
    made = rig.make(rig.keys.plug("a", "--pin", "1234"))
    rig.keys.keys["a"].remove()
    foreign = rig.keys.plug("b", "--pin", "1234")
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=1)
        one.expect(FAILED, reason="KEY_NOT_REGISTERED")
    attempts(foreign, 0)


def a_late_key_is_picked_up(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.remove()
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=20)
        equal(one.expect(WAIT)["device_wait"], link.INSERT)
        started = time.monotonic()
        key.insert()
        one.expect(ASK, device_ask=link.PIN)
        check(time.monotonic() - started < 5, "took", time.monotonic() - started)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)


def of_two_keys_the_touched_one_is_used(rig):
    keys = [rig.keys.plug(name, "--pin", pin, "--touch", "auto") for name, pin in (("a", "1111"), ("b", "2222"))]
    made = [rig.make(key, pin) for key, pin in zip(keys, (b"1111", b"2222"))]
    for chosen in (0, 1):
        for key in keys:
            key.tell("touch manual")
        before = [key.counters() for key in keys]
        with rig.open() as one:
            rig.ask(one, made)
            wait = one.expect(WAIT)
            equal((wait["device_wait"], "label" in wait), (link.TOUCH, False))
            for key in keys:
                key.await_touch()
            check(keys[chosen].touch())
            asked = one.expect(ASK, device_ask=link.PIN, tries_left=8)
            check(asked["label"])
            one.answer((b"1111", b"2222")[chosen])
            keys[chosen].await_touch()
            check(keys[chosen].touch())
            rig.verify(one.expect(DONE), made[chosen], 5)
        loser = keys[1 - chosen].counters()
        equal(loser["pin_attempts"], before[1 - chosen]["pin_attempts"], "PINs at the other key")
        equal(loser["cancels"], before[1 - chosen]["cancels"] + 1, "the other key was told to give up")


def two_keys_are_raced_by_the_touch_itself_where_no_pin_is_needed(rig):
    keys = [rig.keys.plug(name) for name in ("a", "b")]
    made = [rig.make(key, pin=None, flags=link.UP) for key in keys]
    for key in keys:
        key.tell("touch manual")
    with rig.open() as one:
        rig.ask(one, made, flags=link.UP)
        for key in keys:
            key.await_touch()
        check(keys[1].touch())
        rig.verify(one.expect(DONE), made[1], 1)
        one.ends()
    equal(keys[0].counters()["cancels"], 1, "the loser was told to give up")
    equal(keys[1].counters()["touches_asked"], 2, "one touch for MAKE, one now")


def a_key_that_comes_during_the_race_takes_part(rig):
    keys = [rig.keys.plug(name) for name in ("a", "b", "c")]
    made = [rig.make(key, pin=None, flags=link.UP) for key in keys]
    for key in keys:
        key.tell("touch manual")
    keys[2].remove()
    with rig.open() as one:
        rig.ask(one, made, flags=link.UP)
        keys[0].await_touch()
        keys[2].insert()
        keys[2].await_touch()
        check(keys[2].touch())
        rig.verify(one.expect(DONE), made[2], 1)


def a_busy_key_does_not_keep_the_other_waiting(rig):
    key, stuck = rig.keys.plug("a", "--pin", "1234"), rig.keys.plug("b", "--pin", "1234")
    made = rig.make(key)
    stuck.fault("silent on info")
    with rig.open() as one:
        started = time.monotonic()
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.PIN)
        check(time.monotonic() - started < 3, "waited", time.monotonic() - started)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)


# ---- removal, cancel, time -----------------------------------------------------------------------

def a_key_pulled_out_is_noticed_at_once(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.tell("touch manual")
    for during_touch in (False, True):
        with rig.open() as one:
            rig.ask(one, [made])
            one.expect(ASK)
            if during_touch:
                one.answer(b"1234")
                key.await_touch()
            started = time.monotonic()
            key.remove()
            one.expect(FAILED, reason="DEVICE_REMOVED")
            check(time.monotonic() - started < 3, "took", time.monotonic() - started)
        key.insert()
    equal(key.status()["pin_retries"], 8)


def cancel_ends_it_at_once(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.tell("touch manual")

    def at_touch(one):
        one.expect(ASK)
        one.answer(b"1234")
        key.await_touch()

    for reach in (lambda one: one.expect(ASK), at_touch):
        with rig.open() as one:
            rig.ask(one, [made])
            reach(one)
            started = time.monotonic()
            one.send(link.CANCEL)
            one.expect(FAILED, reason="CANCELLED")
            one.ends()
            check(time.monotonic() - started < STOP_S, "took", time.monotonic() - started)
        equal(key.status()["waiting"], "nothing")
    equal(key.counters()["cancels"], 1)


def the_end_of_the_link_ends_it_at_once(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.tell("touch manual")
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK)
        one.answer(b"1234")
        key.await_touch()
        took = one.hang_up()
        check(took < STOP_S, "took", took)
    equal((key.status()["waiting"], key.counters()["cancels"]), ("nothing", 1))
    with rig.open() as one:  # while a key is waited for
        rig.ask(one, [made])
        one.expect(ASK)
        check(one.hang_up() < STOP_S)
    key.fault("silent on preflight")
    with rig.open() as one:  # while a key hangs
        rig.ask(one, [made])
        time.sleep(0.3)
        took = one.hang_up()
        check(took < STOP_S, "took", took, "with a key that hangs")


def nobody_touches_the_key(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.tell("touch manual")
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=2)
        one.expect(ASK)
        one.answer(b"1234")
        one.expect(FAILED, reason="TOUCH_TIMED_OUT")
        one.ends()
    equal(key.status()["waiting"], "nothing")
    rig.keys.plug("a", "--touch-timeout", "300", "--touch", "manual")  # by the key's own clock
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK)
        one.answer(b"1234")
        one.expect(FAILED, reason="TOUCH_TIMED_OUT")


def nobody_answers_the_question(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=1)
        one.expect(ASK)
        one.expect(FAILED, reason="TIMED_OUT")
    attempts(key, 1)


# ---- fingers, old keys ---------------------------------------------------------------------------

def a_finger_signs_in(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--uv", "finger")
    made = rig.make(key, pin=None)
    with rig.open() as one:
        rig.ask(one, [made])
        rig.verify(one.expect(DONE), made, 5)
        equal([wait["device_wait"] for wait in one.waits], [link.FINGER])
    attempts(key, 0)


def a_wrong_finger_may_try_again_and_then_the_pin_helps(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--uv", "finger")
    made = rig.make(key, pin=None)
    key.tell("finger next bad good")
    with rig.open() as one:
        rig.ask(one, [made])
        rig.verify(one.expect(DONE), made, 5)
        equal([(wait["device_wait"], wait.get("tries_left")) for wait in one.waits],
              [(link.FINGER, 3), (link.FINGER, 2)])
    key.tell("finger next bad bad bad")
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.PIN, reason="FINGERPRINT_BLOCKED", tries_left=8)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)
    attempts(key, 1)


def a_finger_that_does_not_come_leaves_the_pin(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--uv", "finger", "--touch-timeout", "300")
    made = rig.make(key, pin=None)
    key.tell("finger manual")
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)


def an_old_key_is_possession_alone(rig):
    key = rig.keys.plug("a", "--u2f-only")
    made = rig.make(key, pin=None, flags=link.UP)
    equal(made.done["format"], "fido-u2f")
    key.tell("touch manual")
    with rig.open() as one:
        rig.ask(one, [made], flags=link.UP)
        equal(one.expect(WAIT)["device_wait"], link.TOUCH)
        key.await_touch()
        key.touch()
        rig.verify(one.expect(DONE), made, 1)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(FAILED, reason="KEY_WITHOUT_VERIFICATION")
    with rig.open() as one:  # its waiting cannot be cancelled, and the helper ends all the same
        rig.ask(one, [made], flags=link.UP)
        key.await_touch()
        check(one.hang_up() < STOP_S)


def a_key_that_always_verifies_gets_its_pin(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--always-uv")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made], flags=link.UP)
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)


def older_protocols_work(rig):
    for number, options in enumerate((["--ctap20"], ["--pin-protocols", "1"], ["--pin-protocols", "2"])):
        key = rig.keys.plug(f"k{number}", "--pin", "1234", *options)
        made = rig.make(key)
        with rig.open() as one:
            rig.ask(one, [made])
            one.expect(ASK, tries_left=8)
            one.answer(b"9999")
            one.expect(ASK, tries_left=7, reason="WRONG_PIN")
            one.answer(b"1234")
            rig.verify(one.expect(DONE), made, 5)
        attempts(key, 3, 1)
        key.remove()


# ---- discoverable --------------------------------------------------------------------------------

def the_key_says_who_it_is(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key, flags=link.UV | link.UP | link.DISCOVERABLE, handle=b"handle-1")
    equal(made.extensions, {"credProtect": 2})
    with rig.open() as one:
        rig.ask(one, [])
        one.expect(ASK)
        one.answer(b"1234")
        done = one.expect(DONE)
        equal(done["user_handle"], b"handle-1")
        rig.verify(done, made, 5)


def of_two_accounts_the_person_chooses(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = [rig.make(key, flags=link.UV | link.UP | link.DISCOVERABLE, handle=handle, login=login, label=label)
            for handle, login, label in ((b"h1", "martin", "Élise Martin"), (b"h2", "garde", "Garde de nuit"))]
    for number in (1, 2):
        with rig.open() as one:
            rig.ask(one, [])
            one.expect(ASK, device_ask=link.PIN)
            one.answer(b"1234")
            asked = one.expect(ASK, device_ask=link.CHOICE)
            accounts = link.choices(asked["choices"])
            equal(sorted(accounts), [(b"h1", "Élise Martin"), (b"h2", "Garde de nuit")])
            key.remove()  # not needed any more
            time.sleep(0.4)
            one.answer(str(number).encode())
            done = one.expect(DONE)
            equal(done["user_handle"], accounts[number - 1][0])
            rig.verify(done, made[0] if done["user_handle"] == b"h1" else made[1], 5)
        key.insert()
    for wrong in (b"0", b"3", b"x", b"", b"99999999999999999999"):
        with rig.open(stderr=subprocess.DEVNULL) as one:
            rig.ask(one, [])
            one.expect(ASK)
            one.answer(b"1234")
            one.expect(ASK, device_ask=link.CHOICE)
            one.answer(wrong)
            equal(one.ends()[1], 1, wrong)


def a_key_with_nobody_on_it_says_so_after_the_pin(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    with rig.open() as one:
        rig.ask(one, [])
        one.expect(ASK)
        one.answer(b"1234")
        one.expect(FAILED, reason="KEY_NOT_REGISTERED")
    attempts(key, 1)


# ---- MAKE, SET_PIN, LIST -------------------------------------------------------------------------

def every_algorithm_is_made_and_signs(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--algs", "es256,eddsa,rs256")
    for algorithm in (ES256, EDDSA, RS256):
        made = rig.make(key, algorithms=(algorithm,), handle=b"u%d" % -algorithm)
        equal((made.key[3], made.done["format"], made.flags & 5), (algorithm, "packed", 5))
        check("x5c" in ctap.decode(made.done["attestation"]))
        with rig.open() as one:
            rig.ask(one, [made])
            one.expect(ASK)
            one.answer(b"1234")
            rig.verify(one.expect(DONE), made, 5)
    equal(rig.make(rig.keys.plug("b", "--pin", "1234", "--algs", "eddsa"), algorithms=(ES256, EDDSA)).key[3], EDDSA)
    with rig.open() as one:
        one.start(link.MAKE, rp_id=RP, client_data_hash=HASH, user_handle=b"h", login="m", flags=3 | link.PRESENT,
                  algorithms=struct.pack(">i", RS256), device_path=rig.keys.keys["b"].path)
        one.expect(FAILED, reason="KEY_LACKS_FEATURE")


def a_registered_key_is_not_registered_again(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as one:
        one.start(link.MAKE, timeout_s=20, rp_id=RP, client_data_hash=HASH, user_handle=b"h", login="m", flags=3,
                  algorithms=struct.pack(">i", ES256), credentials=link.identifiers([made.id]))
        wait = one.expect(WAIT)
        equal((wait["device_wait"], wait["reason"]), (link.INSERT, "KEY_ALREADY_REGISTERED"))
        other = rig.keys.plug("b", "--pin", "5678")
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"5678")
        Made(one.expect(DONE))
    attempts(key, 1)
    attempts(other, 1)


def credentials_are_found_in_long_lists(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)

    class Other:
        def __init__(self, number):
            self.id = bytes([number]) * 60

    with rig.open() as one:
        rig.ask(one, [*[Other(number) for number in range(60)], made])
        one.expect(ASK)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)
    check(key.counters()["silent_assertions"] > 1, "one request for all")


def a_new_key_gets_its_pin(rig):
    key = rig.keys.plug("a")
    with rig.open() as one:
        one.start(link.SET_PIN, pin_min=6)
        one.expect(ASK, device_ask=link.NEW_PIN, pin_min=6)
        one.answer(b"12345")
        one.expect(ASK, device_ask=link.NEW_PIN, pin_min=6, reason="PIN_NOT_ACCEPTED")
        one.answer(b"123456")
        one.expect(DONE)
    with rig.open() as one:  # and another one
        one.start(link.SET_PIN)
        one.expect(ASK, device_ask=link.PIN, tries_left=8)
        one.answer(b"000000")
        one.expect(ASK, device_ask=link.NEW_PIN)
        one.answer(b"newer1")
        one.expect(ASK, device_ask=link.PIN, tries_left=7, reason="WRONG_PIN")
        one.answer(b"123456")
        one.expect(DONE)
    attempts(key, 2, 1)
    made = rig.make(key, pin=b"newer1")
    check(made.flags & 4)


def keys_are_listed(rig):
    rig.keys.plug("a", "--pin", "1234", "--uv", "finger", "--product", "Étoile", "--manufacturer", "Ex")
    rig.keys.plug("b", "--u2f-only", "--product", "evil\x1b[2J", "--manufacturer", "M")
    with rig.open() as one:
        one.start(link.LIST)
        first, second = one.expect(ITEM), one.expect(ITEM)
        one.expect(DONE)
    equal((first["label"], first["tries_left"], first["finger_tries_left"], first["pin_min"]), ("Ex Étoile", 8, 3, 4))
    check("FIDO_2_1" in first["versions"] and "clientPin=true" in first["options"] and len(first["aaguid"]) == 16)
    check("\x1b" not in second["label"] and second["versions"] == "U2F_V2", second)
    rig.keys.keys["a"].fault("malformed-cbor on info")
    with rig.open() as one:
        one.start(link.LIST)
        equal([one.expect(ITEM).get("reason"), one.expect(ITEM).get("reason")], ["DEVICE_ERROR", None])
        one.expect(DONE)


def the_help_desk_sees_the_keys(rig):
    none = rig.run("list")
    equal((none.returncode, none.stdout), (0, "No security key is plugged in.\n"))
    equal(rig.run("list", lang="fr_FR.UTF-8").stdout, "Aucune clé de sécurité n’est branchée.\n")
    equal(rig.run("list", "--json").stdout, "[]\n")
    key = rig.keys.plug("a", "--pin", "1234")
    check("tries left: 8" in rig.run("list").stdout, rig.run("list").stdout)
    check("essais restants" in rig.run("info", key.path, lang="fr_FR.UTF-8").stdout)
    gone = rig.run("info", "/dev/none")
    equal(gone.returncode, 1)
    equal([rig.run(*words).returncode for words in (("--json",), ("lst",), ("list", "x"), ("--bad",), ())], [2] * 5)
    attempts(key, 0)


# ---- hostile ends --------------------------------------------------------------------------------

def broken_answers_are_errors_of_the_device(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    for fault in ("malformed-cbor", "indefinite-cbor", "deep-cbor", "huge-string", "truncated", "oversize",
                  "oversize-frame", "wrong-command", "error", "empty"):
        key.fault("none")
        key.fault(f"{fault} on assert")
        with rig.open() as one:
            rig.ask(one, [made], timeout_s=5)
            one.expect(ASK)
            one.answer(b"1234")
            message = one.receive()
            while message["type"] == WAIT:
                message = one.receive()
            check(message["type"] == FAILED and message["reason"] in ("DEVICE_ERROR", "TOUCH_TIMED_OUT"), fault,
                  message)
            one.ends()
    equal(key.status()["pin_retries"], 8)


def a_pin_is_not_sent_again_by_itself(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    for number, fault in enumerate(("malformed-cbor", "truncated", "wrong-command", "error")):
        key.fault("none")
        key.fault(f"{fault} on pin-token times 1")
        with rig.open() as one:
            rig.ask(one, [made], timeout_s=5)
            one.expect(ASK)
            one.answer(b"1234")
            one.expect(FAILED, reason="DEVICE_ERROR")
        check(key.counters()["pin_attempts"] <= 2 + number, fault, key.counters()["pin_attempts"])
    equal(key.status()["pin_retries"], 8)


def a_key_in_use_is_waited_for(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as first, rig.open() as second:
        rig.ask(first, [made])
        first.expect(ASK)
        rig.ask(second, [made])
        equal(second.expect(WAIT)["device_wait"], link.WORKING)
        first.answer(b"1234")
        rig.verify(first.expect(DONE), made, 5)
        second.expect(ASK, tries_left=8)
        second.answer(b"1234")
        rig.verify(second.expect(DONE), made, 5)
    attempts(key, 3)
    with rig.open() as first, rig.open() as second:  # who waits is stopped as fast as who works
        rig.ask(first, [made])
        first.expect(ASK)
        rig.ask(second, [made])
        second.expect(WAIT)
        took = second.hang_up()
        check(took < STOP_S, "took", took)


def a_stranger_is_not_served(rig):
    if os.geteuid() != 0:
        return  # it takes another user
    with rig.open(uid=65534, stderr=subprocess.PIPE) as one:
        one.start(link.LIST)
        equal(one.ends()[1], 1)
        check(b"not the broker" in one.process.stderr.read())
        one.process.stderr.close()


def a_key_that_fails_once_at_the_start_is_tried_again(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    key.fault("malformed-cbor on info times 1")
    with rig.open() as one:
        rig.ask(one, [made], timeout_s=10)
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), made, 5)


def a_broker_out_of_turn_is_left(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    before = [link.pack(link.ANSWER, answer=b"1234"), link.pack(link.CANCEL), link.pack(1), b"\1", b"x" * 100,
              link.pack(link.START), link.pack(link.START, device_operation=9, timeout_s=5),
              link.pack(link.START, device_operation=2, timeout_s=0),
              link.pack(link.START, device_operation=2, timeout_s=5, rp_id=RP, client_data_hash=HASH, flags=1),
              link.pack(link.START, device_operation=2, timeout_s=5, rp_id=RP, client_data_hash=HASH[1:], flags=3),
              link.pack(link.START, device_operation=2, timeout_s=5, rp_id=RP, client_data_hash=HASH, flags=0x103),
              link.pack(link.START, device_operation=2, timeout_s=5, rp_id=RP, client_data_hash=HASH, flags=3,
                        credentials=b"\0\5abc"),
              link.pack(link.START, device_operation=1, timeout_s=5, rp_id=RP)]
    for number, packet in enumerate(before):
        with rig.open(stderr=subprocess.DEVNULL) as one:
            one.socket.send(packet)
            equal(one.ends()[1], 1, "row", number)
    during = [link.pack(link.START, device_operation=1, timeout_s=5), link.pack(link.ANSWER),
              link.pack(link.ANSWER, answer=b"1234", label="x"), link.pack(link.CANCEL, label="x"), b"\1\0"]
    for number, packet in enumerate(during):
        with rig.open(stderr=subprocess.DEVNULL) as one:
            rig.ask(one, [made])
            one.expect(ASK)
            one.socket.send(packet)
            equal(one.ends()[1], 1, "row", number)
    with rig.open(stderr=subprocess.DEVNULL) as one:  # two answers to one question
        key.tell("touch manual")
        rig.ask(one, [made])
        one.expect(ASK)
        one.answer(b"1234")
        one.answer(b"9999")
        while True:
            try:
                equal(one.receive()["type"], WAIT)  # the cue may be on its way
            except link.Closed:
                break
        equal(one.process.wait(5), 1)


def the_process_keeps_nothing(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    with rig.open() as one:
        rig.ask(one, [made])
        one.expect(ASK)
        folder = f"/proc/{one.process.pid}"
        with open(folder + "/status", encoding="ascii") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        equal(status["NoNewPrivs"], "1")
        with open(folder + "/limits", encoding="ascii") as file:
            limits = file.read()
        check(any(line.split()[:5] == ["Max", "core", "file", "size", "0"] for line in limits.splitlines()), limits)
    text = subprocess.run([PROGRAM, "list"], capture_output=True, text=True, timeout=10,
                          env=rig.environment(FIDO_DEBUG="1"))
    equal(text.stderr, "", "libfido2's debugging")


def main(cases=None):
    wanted = sys.argv[1:]
    failed = 0
    for case in cases or CASES:
        if wanted and case.__name__ not in wanted:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hcf") as folder:
            rig = Rig(folder)
            try:
                with rig.keys:
                    case(rig)
                verdict = "ok"
            except Exception:  # whatever it was, the others are to run
                traceback.print_exc()
                failed += 1
                verdict = "FAILED"
        print(f"{verdict:6} {time.monotonic() - started:5.2f} s  {case.__name__.replace('_', ' ')}", flush=True)
    return 1 if failed else 0


CASES = [
    no_key_is_waited_for_and_then_said,
    present_keys_alone_are_looked_at_where_that_is_asked,
    the_right_pin_and_a_touch_sign_in,
    a_wrong_pin_is_asked_for_again_and_sent_once,
    three_wrong_pins_block_the_key_for_now,
    the_last_try_is_used_on_the_persons_word_alone,
    a_key_without_pin_says_so,
    a_pin_that_must_be_changed_is_not_asked_for,
    a_pin_that_must_be_changed_signs_nobody_in,
    a_foreign_key_is_named_and_asked_nothing,
    a_foreign_key_alone_is_said_in_the_end,
    a_late_key_is_picked_up,
    of_two_keys_the_touched_one_is_used,
    two_keys_are_raced_by_the_touch_itself_where_no_pin_is_needed,
    a_key_that_comes_during_the_race_takes_part,
    a_busy_key_does_not_keep_the_other_waiting,
    a_key_pulled_out_is_noticed_at_once,
    cancel_ends_it_at_once,
    the_end_of_the_link_ends_it_at_once,
    nobody_touches_the_key,
    nobody_answers_the_question,
    a_finger_signs_in,
    a_wrong_finger_may_try_again_and_then_the_pin_helps,
    a_finger_that_does_not_come_leaves_the_pin,
    an_old_key_is_possession_alone,
    a_key_that_always_verifies_gets_its_pin,
    older_protocols_work,
    the_key_says_who_it_is,
    of_two_accounts_the_person_chooses,
    a_key_with_nobody_on_it_says_so_after_the_pin,
    every_algorithm_is_made_and_signs,
    a_registered_key_is_not_registered_again,
    credentials_are_found_in_long_lists,
    a_new_key_gets_its_pin,
    keys_are_listed,
    the_help_desk_sees_the_keys,
    broken_answers_are_errors_of_the_device,
    a_pin_is_not_sent_again_by_itself,
    a_key_in_use_is_waited_for,
    a_stranger_is_not_served,
    a_key_that_fails_once_at_the_start_is_tried_again,
    a_broker_out_of_turn_is_left,
    the_process_keeps_nothing,
]

if __name__ == "__main__":
    sys.exit(main())
