#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the software security key behaves as a real one, so that tests against it mean something.
 * fido2-tools: list, info, PIN set, change and wrong until blocked for good; credentials and
   assertions of every algorithm, attestation, PIN protocol; several discoverable ones; reset
 * fingerprints with failures and block; U2F-only keys
 * pam_u2f: enrolment and login with touch and with PIN, two keys, a foreign key, none
 * every fault is noticed by the real programs; keys are pulled out and plugged in at any moment
 * bare CTAPHID: canonical answers, signs of life, cancel, busy, broken reports
No root, no namespaces: the keys are seen by the programs of this test alone.
"""
import base64
import os
import pwd
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import ctap
import keys
from keys import Keys

NODE = socket.gethostname()
PERSON = pwd.getpwuid(os.geteuid()).pw_name  # pam_u2f wants one whom the machine knows
HASH = b"h" * 32
ALGORITHMS = ("es256", "eddsa", "rs256")
UP, UV = 0x01, 0x04


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def equal(got, expected, *what):
    check(got == expected, *what, f"\n  got      {got!r}\n  expected {expected!r}")


def b64(data):
    return base64.b64encode(data).decode()


class Rig:
    """A folder of keys and the real programs."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = Keys(folder)

    def path(self, name, lines=None):
        path = os.path.join(self.folder, name)
        if lines is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        return path

    def fresh(self, name):
        """A path where nothing is: fido2-tools write over what they find without cutting it."""
        path = self.path(name)
        if os.path.exists(path):
            os.unlink(path)
        return path

    def start(self, *command, **how):
        """Without a terminal, so that PINs are read from stdin."""
        return subprocess.Popen(["timeout", "20", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                env=self.keys.environment(), **how)

    def run(self, *command, answers=()):
        process = self.start(*command)
        out = process.communicate("".join(line + "\n" for line in answers))[0]
        return process.returncode, out

    def works(self, *command, answers=()):
        status, out = self.run(*command, answers=answers)
        equal(status, 0, command, "said:", out)
        return out

    def fails(self, *command, answers=(), saying=""):
        status, out = self.run(*command, answers=answers)
        equal(status, 1, command, "said:", out)
        check(saying in out, command, "did not say", saying, "but", out)

    def credential(self, key, *options, alg="es256", rp="example.org", user=b"1", pin=()):
        """Makes and verifies one with fido2-cred; what fido2-assert wants to know of it."""
        ask = self.path("ask", [b64(HASH), rp, "Dupont", b64(user)])
        out, good = self.fresh("made"), self.fresh("good")
        self.works("fido2-cred", "-M", *options, "-i", ask, "-o", out, key.path, alg, answers=pin)
        self.works("fido2-cred", "-V", *[option for option in options if option == "-v"], "-i", out, "-o", good, alg)
        with open(good, encoding="utf-8") as file:
            identifier, public = file.read().split("\n", 1)
        self.path(f"{key.name}.{alg}.pub", [public.rstrip()])
        return {"id": identifier, "public": self.path(f"{key.name}.{alg}.pub"), "alg": alg, "rp": rp,
                "made": open(out, encoding="utf-8").read().splitlines()}

    def question(self, credential, resident=False):
        return self.path("question", [b64(HASH), credential["rp"]] + ([] if resident else [credential["id"]]))

    def assertion(self, key, credential, *options, pin=(), verify=("-p",)):
        """Gets and verifies one with fido2-assert; the authenticator data."""
        out = self.fresh("answer")
        self.works("fido2-assert", "-G", *options, "-i", self.question(credential), "-o", out, key.path, answers=pin)
        self.works("fido2-assert", "-V", *verify, "-i", out, credential["public"], credential["alg"])
        with open(out, encoding="utf-8") as file:
            data = base64.b64decode(file.read().splitlines()[2])
        return ctap.decode(data)  # fido2-assert wraps it once more


# ---- fido2-tools ---------------------------------------------------------------------------------

def no_key_is_listed_where_none_is(rig):
    equal(rig.works("fido2-token", "-L"), "")


def keys_are_listed_while_they_are_plugged_in(rig):
    one = rig.keys.plug("one", "--manufacturer", "Example", "--product", "Étoile 5")
    rig.keys.plug("two")
    listed = rig.works("fido2-token", "-L").splitlines()
    equal([line.split(":")[0] for line in listed], [rig.path("one.key"), rig.path("two.key")])
    check("Example Étoile 5" in listed[0], listed)
    one.remove()
    equal(len(rig.works("fido2-token", "-L").splitlines()), 1, "after one was pulled out")
    rig.fails("fido2-token", "-I", one.path)
    one.insert()
    rig.works("fido2-token", "-I", one.path)
    mode = os.stat(rig.keys.plug("three", "--mode", "0660").path).st_mode & 0o777
    equal(mode, 0o660, "who may open it")


def info_says_what_the_key_is(rig):
    said = rig.works("fido2-token", "-I", rig.keys.plug("a", "--algs", "es256,eddsa,rs256").path)
    for line in ("U2F_V2, FIDO_2_0, FIDO_2_1", "es256 (public-key), eddsa (public-key), rs256 (public-key)",
                 "noclientPin", "pin protocols: 2, 1", "pin retries: 8", "minpinlen: 4", "remaining rk(s): 25"):
        check(line in said, "no", line, "in", said)
    said = rig.works("fido2-token", "-I", rig.keys.plug("b", "--ctap20", "--pin", "1234").path)
    check("FIDO_2_1" not in said and "clientPin" in said and "pin protocols: 1" in said, said)
    said = rig.works("fido2-token", "-I", rig.keys.plug("c", "--uv", "finger", "--always-uv").path)
    check(" uv," in said and " alwaysUv" in said and "uv retries: 3" in said, said)


def a_wrong_pin_costs_one_try_and_blocks_for_now_and_for_good(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    question = rig.path("ask", [b64(HASH), "example.org", "Dupont", b64(b"1")])
    left = 8
    while left > 0:
        for wrong in range(3):
            if left == 0:
                break
            left -= 1
            saying = "BLOCKED" if left == 0 or wrong == 2 else "FIDO_ERR_PIN_INVALID"
            rig.fails("fido2-cred", "-M", "-v", "-i", question, key.path, answers=["9999"], saying=saying)
            equal(key.status()["pin_retries"], left)
        rig.fails("fido2-cred", "-M", "-v", "-i", question, key.path, answers=["1234"], saying="BLOCKED")
        equal(key.counters()["pin_attempts"], 8 - left, "a blocked key tries nothing")
        key.remove()
        key.insert()
    rig.fails("fido2-cred", "-M", "-v", "-i", question, key.path, answers=["1234"], saying="FIDO_ERR_PIN_BLOCKED")
    rig.works("fido2-token", "-R", key.path)
    equal(key.status()["has_pin"], 0, "after a reset")


def a_pin_is_set_and_changed_by_the_rules(rig):
    key = rig.keys.plug("a", "--min-pin", "6")
    rig.fails("fido2-token", "-S", key.path, answers=["12345", "12345"], saying="PIN_POLICY")
    rig.works("fido2-token", "-S", key.path, answers=["123456", "123456"])
    rig.fails("fido2-token", "-C", key.path, answers=["000000", "abcdef", "abcdef"], saying="PIN_INVALID")
    rig.works("fido2-token", "-C", key.path, answers=["123456", "abcdef", "abcdef"])
    equal((key.status()["pin_retries"], key.counters()["pin_sets"]), (8, 2))
    rig.works("fido2-token", "-S", "-l", "8", key.path, answers=["abcdef"])
    equal((key.status()["min_pin"], key.status()["force_pin_change"]), (8, 1), "after a longer PIN was asked for")
    rig.fails("fido2-token", "-L", "-r", key.path, answers=["abcdef"], saying="PIN_POLICY")
    rig.works("fido2-token", "-C", key.path, answers=["abcdef", "abcdefgh", "abcdefgh"])
    rig.works("fido2-token", "-S", "-u", key.path, answers=["abcdefgh"])
    equal((key.status()["always_uv"], key.status()["force_pin_change"]), (1, 0))


def credentials_of_every_algorithm_sign(rig):
    for options in (["--pin-protocols", "1"], ["--pin-protocols", "2"], ["--ctap20"]):
        key = rig.keys.plug("a", "--pin", "1234", "--algs", "es256,eddsa,rs256", *options)
        for alg in ALGORITHMS if options[-1] == "2" else ALGORITHMS[:1]:
            verified = [] if options == ["--ctap20"] else ["-v"]  # those want the PIN without being asked to
            credential = rig.credential(key, *verified, alg=alg, pin=["1234"])
            equal(rig.assertion(key, credential, "-v", pin=["1234"], verify=("-p", "-v"))[32], UP | UV, alg)
            equal(rig.assertion(key, credential, "-p")[32], UP, alg)
            equal(rig.assertion(key, credential, "-t", "up=false", verify=())[32], 0, alg)
        rig.keys.unplug("a")
        os.unlink(key.state)


def a_key_remembers_and_forgets(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    credential = rig.credential(key)
    key = rig.keys.plug("a")
    check(rig.assertion(key, credential, "-v", pin=["1234"], verify=("-p", "-v")), "after another start")
    rig.works("fido2-token", "-R", key.path)
    rig.fails("fido2-assert", "-G", "-i", rig.question(credential), key.path, saying="FIDO_ERR_NO_CREDENTIALS")
    key = rig.keys.plug("b", "--reset-window", "0")
    time.sleep(0.002)
    rig.fails("fido2-token", "-R", key.path, saying="FIDO_ERR_NOT_ALLOWED")


def several_people_live_on_one_key(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--capacity", "3")
    for user in (b"1", b"2", b"2"):
        credential = rig.credential(key, "-r", "-v", user=user, pin=["1234"])
    rig.credential(key, "-r", "-v", user=b"1", rp="other.example", pin=["1234"])
    lines = rig.works("fido2-assert", "-G", "-r", "-v", "-i", rig.question(credential, True), key.path,
                      answers=["1234"]).replace(f"Enter PIN for {key.path}: ", "").splitlines()
    equal([base64.b64decode(line) for line in lines[4::5]], [b"2", b"1"], "the latest first")
    listed = rig.works("fido2-token", "-L", "-r", key.path, answers=["1234"])
    check("example.org" in listed and "other.example" in listed, listed)
    listed = rig.works("fido2-token", "-L", "-k", "example.org", key.path, answers=["1234"])
    equal(listed.count("es256"), 2, listed)
    ask = rig.path("ask", [b64(HASH), "example.org", "Petit", b64(b"3")])
    rig.fails("fido2-cred", "-M", "-r", "-v", "-i", ask, key.path, answers=["1234"], saying="KEY_STORE_FULL")
    rig.works("fido2-token", "-D", "-i", credential["id"], key.path, answers=["1234"])
    equal(key.status()["residents"], 2)


def protected_credentials_want_the_person(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    for level in ("2", "3"):
        ask = rig.path("ask", [b64(HASH), f"level{level}.example", "Dupont", b64(b"1")])
        rig.works("fido2-cred", "-M", "-r", "-v", "-c", level, "-i", ask, "-o", rig.fresh("made"), key.path,
                  answers=["1234"])
        rig.works("fido2-cred", "-V", "-c", level, "-i", rig.path("made"), "-o", rig.fresh("good"))
        credential = {"id": open(rig.path("good"), encoding="utf-8").readline().strip(), "rp": f"level{level}.example"}
        listed = ("fido2-assert", "-G", "-i", rig.question(credential), key.path)
        if level == "2":
            rig.works(*listed)
        else:
            rig.fails(*listed, saying="NO_CREDENTIALS")
        rig.fails("fido2-assert", "-G", "-r", "-i", rig.question(credential, True), key.path, saying="NO_CREDENTIALS")
        rig.works("fido2-assert", "-G", "-r", "-v", "-i", rig.question(credential, True), key.path, answers=["1234"])


def fingers_are_known_or_not(rig):
    key = rig.keys.plug("a", "--uv", "finger", "--pin", "1234", "--finger", "manual")
    key.tell("finger next good good")
    credential = rig.credential(key, "-v")
    equal(rig.assertion(key, credential, "-t", "uv=true", verify=("-p", "-v"))[32], UP | UV)
    equal(key.counters()["touches_asked"], 0, "the finger was the touch")
    ask = ("fido2-assert", "-G", "-t", "uv=true", "-i", rig.question(credential), key.path)
    for left in (2, 1, 0):
        process = rig.start(*ask)
        key.await_finger()
        check(key.finger(good=False), "nothing waited for the finger")
        out = process.communicate()[0]
        equal((process.returncode, key.status()["uv_retries"]), (1, left), out)
    rig.fails(*ask, saying="")
    equal(key.counters()["finger_attempts"], 5, "a blocked sensor does not look")
    rig.assertion(key, credential, "-v", "-t", "pin=true", pin=["1234"], verify=("-p", "-v"))
    equal(key.status()["uv_retries"], 3, "the PIN unblocks the sensor")


def old_keys_speak_u2f(rig):
    key = rig.keys.plug("a", "--u2f-only")
    check("nocbor" in rig.works("fido2-token", "-I", key.path))
    credential = rig.credential(key)
    equal(rig.assertion(key, credential, "-p")[32], UP)
    key.fault("wrong-signature on u2f-sign times 1")
    rig.works("fido2-assert", "-G", "-p", "-i", rig.question(credential), "-o", rig.fresh("answer"), key.path)
    rig.fails("fido2-assert", "-V", "-p", "-i", rig.path("answer"), credential["public"])
    rig.fails("fido2-assert", "-G", "-p", "-i", rig.question(credential), rig.keys.plug("b", "--u2f-only").path,
              saying="NO_CREDENTIALS")
    both = rig.keys.plug("c")
    credential = rig.credential(both, "-u")
    rig.assertion(both, credential, "-u", "-p")
    rig.assertion(both, credential, "-p")
    equal((both.counters()["u2f_registers"], both.counters()["assertions"]), (1, 1))
    key = rig.keys.plug("d", "--u2f-only", "--touch", "manual")
    process = rig.start("fido2-cred", "-M", "-i", rig.path("ask"), key.path)
    key.await_touch()
    check(key.touch(), "nothing waited for a touch")
    equal(process.wait(10), 0)
    process.communicate()


def attestation_is_of_the_kind_that_was_asked_for(rig):
    for maker in (keys.Model(rig.folder), keys.Model(rig.folder, "old", when="-2y")):
        made = rig.credential(rig.keys.plug("a", *maker.options))["made"]
        equal((made[2], len(made)), ("packed", 7))
        with open(rig.path("seen.der"), "wb") as file:
            file.write(base64.b64decode(made[6]))
        status, said = rig.run("openssl", "verify", "-x509_strict", "-CAfile", maker.ca, rig.path("seen.der"))
        check("has expired" in said if "old" in maker.ca else status == 0, maker.ca, said)
    made = rig.credential(rig.keys.plug("b", "--attestation", "self"))["made"]
    equal((made[2], len(made)), ("packed", 6))
    none = rig.keys.plug("c", "--attestation", "none")
    ask = rig.path("ask", [b64(HASH), "example.org", "Dupont", b64(b"1")])
    rig.fails("fido2-cred", "-M", "-i", ask, none.path, saying="")


def counters_go_as_they_are_told(rig):
    def after(key, credential):
        return [struct.unpack(">I", rig.assertion(key, credential, "-p")[33:37])[0] for _ in range(2)]

    expected = {"key": [12, 13], "credential": [12, 13], "none": [0, 0], "stuck": [10, 10], "backwards": [8, 7]}
    for mode, counts in expected.items():
        key = rig.keys.plug(mode, "--counting", mode, "--counter-start", "10")
        equal(after(key, rig.credential(key)), counts, mode)


# ---- faults --------------------------------------------------------------------------------------

NOTICED = [  # fault, and by whom: the libfido2 that gets the answer or the one that verifies it,
           # the one who waits; None: libfido2 lets it pass, so whoever uses it must look
    ("malformed-cbor on assert", "-G"), ("indefinite-cbor on assert", "-G"), ("deep-cbor on assert", "-G"),
    ("huge-string on assert", "-G"), ("empty on assert", "-G"), ("truncated on assert", "-G"),
    ("truncated-frame on assert", "wait"), ("wrong-sequence on assert", "-G"), ("wrong-channel on assert", "wait"),
    ("silent on assert", "wait"),
    ("wrong-command on assert", "-G"), ("oversize-frame on assert", "-G"), ("error on assert value 0x2e", "-G"),
    ("hid-error on assert", "-G"), ("remove on assert", "-G"), ("remove-waiting", "-G"),
    ("wrong-signature", "-V"), ("wrong-key", "-V"), ("wrong-rp-hash", "-V"), ("no-up", "-V"), ("no-uv", "-V"),
    ("short-authdata on assert", "-G"), ("long-authdata on assert", None),
]


def real_programs_notice_faults(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    credential = rig.credential(key, "-v", pin=["1234"])
    out = rig.path("answer")
    for fault, by in NOTICED:
        key.fault(fault + " times 1")
        signed = key.counters()["signatures"]
        process = rig.start("fido2-assert", "-G", "-v", "-i", rig.question(credential), "-o", rig.fresh("answer"),
                            key.path)
        process.stdin.write("1234\n")
        process.stdin.flush()
        if by == "wait":
            wait_for(lambda: key.counters()["signatures"] > signed, "a signature")
            key.remove()  # what a person does when nothing comes
        said = process.communicate()[0]
        equal(process.returncode, 0 if by in ("-V", None) else 1, fault, said)
        if by == "-V":
            rig.fails("fido2-assert", "-V", "-p", "-v", "-i", rig.path("answer"), credential["public"])
        if not key.status()["inserted"]:
            key.insert()
        key.fault("none")


def wait_for(condition, what):
    end = time.monotonic() + 5
    while not condition():
        check(time.monotonic() < end, "did not happen:", what)
        time.sleep(0.005)


def faults_of_a_new_credential_are_noticed(rig):
    key = rig.keys.plug("a")
    ask, out = rig.path("ask", [b64(HASH), "example.org", "Dupont", b64(b"1")]), rig.path("made")
    for fault, by in (("wrong-attestation", "-V"), ("wrong-rp-hash", "-V"), ("wrong-signature", "-V"),
                      ("wrong-algorithm", "-M"), ("short-authdata", "-M"), ("long-authdata", None),
                      ("wrong-aaguid", None), ("wrong-credential-id", None)):
        key.fault(fault + " on make times 1")
        status, said = rig.run("fido2-cred", "-M", "-i", ask, "-o", rig.fresh("made"), key.path)
        equal(status, 1 if by == "-M" else 0, fault, said)
        if by == "-V":
            rig.fails("fido2-cred", "-V", "-i", out)
        key.fault("none")


# ---- pam_u2f -------------------------------------------------------------------------------------

def enrol(rig, key, *options, pin=()):
    """One line of pamu2fcfg; the others are pulled out meanwhile, since it takes the first key."""
    others = [other for other in rig.keys.keys.values() if other is not key and other.status()["inserted"]]
    for other in others:
        other.remove()
    line = rig.works("pamu2fcfg", "-u", PERSON, "-o", f"pam://{NODE}", "-i", f"pam://{NODE}", *options, answers=pin)
    for other in others:
        other.insert()
    return PERSON + ":" + line.split(PERSON + ":", 1)[1].strip()


def service(rig, *options):
    rig.path("pam_u2f", ["auth required pam_u2f.so authpending_file= cue authfile=" + rig.path("mapping") + " " +
                         " ".join((f"origin=pam://{NODE}", f"appid=pam://{NODE}", *options))])


def sign_in(rig, *answers):
    """A PAM host of ours around pam_u2f as Debian ships it."""
    host = os.path.join(keys.BUILD, "tests", "support", "key_pam_host")
    return rig.run(host, "-d", rig.folder, "-s", "pam_u2f", PERSON, *answers)


def pam_u2f_lets_the_right_key_in(rig):
    key = rig.keys.plug("a")
    rig.path("mapping", [enrol(rig, key)])
    service(rig)
    status, said = sign_in(rig)
    check(status == 0 and "PAM_SUCCESS" in said, said)
    key.remove()
    status, said = sign_in(rig)
    check(status == 1 and "PAM_SUCCESS" not in said, "without a key", said)
    other = rig.keys.plug("b")
    rig.credential(other)
    check(sign_in(rig)[0] == 1, "with a foreign key")
    key.insert()
    equal(sign_in(rig)[0], 0, "with both")
    equal(other.counters()["touches"], 1, "the foreign key was never asked but at its enrolment")
    key.fault("wrong-signature on assert")
    equal(sign_in(rig)[0], 1, "with a wrong signature")


def pam_u2f_asks_for_the_pin(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    rig.path("mapping", [enrol(rig, key, "-N", pin=["1234"])])
    service(rig)
    before = key.counters()["pin_attempts"]
    equal(sign_in(rig, "9999")[0], 1, "a wrong PIN")
    equal(sign_in(rig, "1234")[0], 0, "the right PIN")
    equal(key.counters()["pin_attempts"] - before, 2)
    rig.keys.plug("b")
    finger = rig.keys.plug("c", "--uv", "finger")
    key.remove()
    rig.path("mapping", [enrol(rig, finger, "-V")])
    equal(sign_in(rig)[0], 0, "a finger")


def pam_u2f_takes_either_of_two_and_an_old_one(rig):
    first, second = rig.keys.plug("a"), rig.keys.plug("b", "--u2f-only", "--touch", "auto:30")
    lines = [enrol(rig, first), enrol(rig, second)]
    rig.path("mapping", [lines[0] + lines[1][len(PERSON):]])
    service(rig)
    for there, away in ((first, second), (second, first)):
        away.remove()
        status, said = sign_in(rig)
        equal(status, 0, "with", there.name, said)
        away.insert()


# ---- waiting -------------------------------------------------------------------------------------

def a_touch_is_waited_for(rig):
    key = rig.keys.plug("a", "--touch", "manual", "--keepalive", "20")
    equal(key.tell("touch"), "idle")
    key.tell("touch next")
    credential = rig.credential(key)
    ask = ("fido2-assert", "-G", "-p", "-i", rig.question(credential), key.path)
    process = rig.start(*ask)
    key.await_touch()
    check(key.touch(), "nothing waited for a touch")
    equal(process.wait(10), 0, process.communicate()[0])
    process = rig.start(*ask)
    key.await_touch()
    key.remove()
    equal(process.wait(10), 1, process.communicate()[0])
    key.insert()
    process = rig.start(*ask)
    key.await_touch()
    process.terminate()
    process.communicate()
    wait_for(lambda: key.status()["waiting"] == "nothing", "the end of a wait whose program went away")
    counters = key.counters()
    equal((counters["touches"], counters["touches_asked"], counters["abandoned"]), (2, 4, 1))
    untouched = rig.keys.plug("b", "--touch", "manual", "--touch-timeout", "100")
    rig.fails("fido2-cred", "-M", "-i", rig.path("ask"), untouched.path, saying="FIDO_ERR_USER_ACTION_TIMEOUT")


def one_program_at_a_time_holds_a_key(rig):
    key = rig.keys.plug("a", "--touch", "manual")
    key.tell("touch next")
    credential = rig.credential(key)
    ask = ("fido2-assert", "-G", "-p", "-i", rig.question(credential), key.path)
    first = rig.start(*ask)
    key.await_touch()
    second = rig.start("fido2-token", "-I", key.path)
    time.sleep(0.05)
    equal((second.poll(), key.counters()["busy"]), (None, 0), "it waits for the lock and asks nothing")
    key.touch()
    equal((first.wait(10), second.wait(10)), (0, 0))
    for process in (first, second):
        process.communicate()


def keys_are_raced_and_the_losers_cancelled(rig):
    manual = ("--touch", "manual", "--pin", "1234")
    first, second = rig.keys.plug("a", *manual), rig.keys.plug("b", *manual)
    race = rig.start(sys.executable, "-B", os.path.join(keys.SOURCE, "fido_race.py"))
    for key in (first, second):
        equal(race.stdout.readline().split(), ["waiting", key.path])
    late = rig.keys.plug("c", *manual)
    equal(race.stdout.readline().split(), ["waiting", late.path], "one that was plugged in late")
    late.await_touch()
    check(late.touch(), "nothing waited for a touch")
    equal(race.communicate()[0].split(), ["touched", late.path])
    equal(race.returncode, 0)
    for key in (first, second, late):
        wait_for(lambda: key.status()["waiting"] == "nothing", "the end of the wait of " + key.name)
        counters = key.counters()
        equal([counters[name] for name in ("touches", "abandoned", "pin_attempts")], [key is late, 0, 0], key.name)
        equal(counters["cancels"], key is not late, key.name)


def programs_with_a_wiped_environment_see_the_keys(rig):
    """su, which is setuid and run by nobody: in a mount namespace, for which it takes root."""
    if os.geteuid() != 0:
        return
    key = rig.keys.plug("a")
    rig.path("mapping", [enrol(rig, key)])
    stack = rig.path("su", ["auth required pam_u2f.so authpending_file= authfile=" + rig.path("mapping") +
                            f" origin=pam://{NODE} appid=pam://{NODE}", "account required pam_permit.so",
                            "session required pam_permit.so"])
    everywhere = f'import keys; keys.Keys("{rig.folder}", library="{rig.keys.library}").everywhere()'
    with tempfile.TemporaryDirectory(prefix="hck", dir="/dev/shm") as layers:  # an overlay on an overlay is refused
        inside = rig.path("inside", [
            "set -e", f"mkdir {layers}/upper {layers}/work",
            f"mount -t overlay -o lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work test /etc",
            f"cp {stack} /etc/pam.d/su", f"cd {keys.SOURCE}",
            f"{sys.executable} -B -c '{everywhere}'",
            "env -i /usr/bin/setpriv --reuid=65534 --clear-groups "
            f"/bin/su {PERSON} -c 'env -i /usr/bin/fido2-token -L'"])
        signed = key.counters()["signatures"]
        said = rig.works("env", "-u", "LD_PRELOAD", "-u", "HC_TEST_KEYS_DIR", "unshare", "--mount", "--propagation",
                         "private", "sh", inside)
    check(key.path in said, said)
    check(key.counters()["signatures"] > signed, "su did not ask the key")


# ---- bare CTAPHID --------------------------------------------------------------------------------

def answers_are_canonical(rig):
    for name, options in (("a", []), ("b", ["--ctap20"]), ("c", ["--uv", "finger", "--pin", "1234", "--no-u2f"]),
                          ("d", ["--no-pin", "--no-protect", "--no-management"])):
        with ctap.Device(rig.keys.plug(name, *options).path) as device:
            status, info = device.cbor(4)
            equal((status, info[1][-1]), (0, "FIDO_2_0" if "--ctap20" in options else "FIDO_2_1"), options)
            ask = {1: HASH, 2: {"id": "example.org"}, 3: {"id": b"1", "name": "d", "displayName": "D"},
                   4: [{"alg": -7, "type": "public-key"}], 6: {"credProtect": 1}}
            status, made = device.cbor(1, ask)
            equal((status, made[1]), (0, "packed"), options)
            length = struct.unpack(">H", made[2][53:55])[0]
            allowed = [{"id": made[2][55:55 + length], "type": "public-key"}]
            equal(device.cbor(1, {**ask, 5: allowed})[0], 0x19, "an excluded credential", options)
            equal(device.cbor(2, {1: "example.org", 2: HASH, 3: allowed})[0], 0, options)
            equal(device.cbor(2, {1: "other.example", 2: HASH, 3: allowed})[0], 0x2E, options)
            equal(device.cbor(1, {**ask, 4: [{"alg": -65535, "type": "public-key"}]})[0], 0x26, options)
            equal(device.cbor(8)[0], 0x30, options)


def reports_are_put_together_or_refused(rig):
    key = rig.keys.plug("a")
    with ctap.Device(key.path) as device:
        for size in (0, 1, 57, 58, 116, 117, 7609):
            equal(device.call(ctap.PING, os.urandom(size) if size == 1 else b"p" * size)[1:], b"p" * max(0, size - 1))
        device.call(ctap.WINK)
        for error, reports in ((0x03, [b"\x81\xff\xff"]), (0x04, [b"\x81\x01\x00", b"\x01"]), (0x01, [b"\x84\x00\x01"]),
                               (0x05, [b"\x81\x01\x00"])):
            for report in reports:
                device.report(report)
            equal(device.receive(), (ctap.ERROR, bytes([error])))
        device.channel = 0x1234
        device.report(b"\x81\x00\x01")
        equal(device.receive(), (ctap.ERROR, b"\x0b"))
    with ctap.Device(key.path) as device:
        for broken in (b"", b"\x02", b"\x02\xa1", b"\x02\xa1\x01", b"\x02\xbf\xff", b"\x02\x81\x81",
                       b"\x01\xa1\x01\xf4",
                       b"\x06\xa1\x02\x18\x01", b"\x99"):
            check(device.call(ctap.CBOR, broken)[0] != 0, broken)


def a_wait_is_seen_and_cancelled(rig):
    key = rig.keys.plug("a", "--touch", "manual", "--keepalive", "10", "--pin", "1234")
    choose = ctap.encode({1: HASH, 2: {"id": ".dummy"}, 3: {"id": b"1", "name": "d"},
                          4: [{"alg": -7, "type": "public-key"}], 8: b"", 9: 2})
    with ctap.Device(key.path) as device, ctap.Device(key.path) as other:
        for request in (b"\x0b", b"\x01" + choose):
            device.send(ctap.CBOR, request)
            equal(device.receive(keepalives=False), (ctap.KEEPALIVE, b"\x02"))
            other.send(ctap.CBOR, b"\x04")
            equal(other.receive(), (ctap.ERROR, b"\x06"), "busy")
            device.send(ctap.CANCEL)
            equal(device.receive(), (ctap.CBOR, b"\x2d"), "cancelled")
        device.send(ctap.CBOR, b"\x01" + choose)
        key.await_touch()
        key.touch()
        equal(device.receive(), (ctap.CBOR, b"\x31"), "chosen")
        equal((key.counters()["cancels"], key.counters()["busy"], key.counters()["pin_attempts"]), (2, 2, 0))
        key.fault("slow on info value 30")
        before = len(device.keepalives)
        equal(device.cbor(4)[0], 0)
        check(device.keepalives[before:] and set(device.keepalives[before:]) == {1}, "signs of life")


def main():
    wanted = sys.argv[1:]
    failed = 0
    for case in CASES:
        if wanted and case.__name__ not in wanted:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hck") as folder:
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
    no_key_is_listed_where_none_is,
    keys_are_listed_while_they_are_plugged_in,
    info_says_what_the_key_is,
    a_wrong_pin_costs_one_try_and_blocks_for_now_and_for_good,
    a_pin_is_set_and_changed_by_the_rules,
    credentials_of_every_algorithm_sign,
    a_key_remembers_and_forgets,
    several_people_live_on_one_key,
    protected_credentials_want_the_person,
    fingers_are_known_or_not,
    old_keys_speak_u2f,
    attestation_is_of_the_kind_that_was_asked_for,
    counters_go_as_they_are_told,
    real_programs_notice_faults,
    faults_of_a_new_credential_are_noticed,
    pam_u2f_lets_the_right_key_in,
    pam_u2f_asks_for_the_pin,
    pam_u2f_takes_either_of_two_and_an_old_one,
    a_touch_is_waited_for,
    one_program_at_a_time_holds_a_key,
    keys_are_raced_and_the_losers_cancelled,
    programs_with_a_wiped_environment_see_the_keys,
    answers_are_canonical,
    reports_are_put_together_or_refused,
    a_wait_is_seen_and_cancelled,
]

if __name__ == "__main__":
    sys.exit(main())
